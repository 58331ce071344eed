"""OpenAI, and the adapter for every server that speaks its chat completions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import httpx2
import orjson
from pydantic import SecretStr

from judge.dialects import Dialect, openai_chat
from judge.providers.capabilities import capabilities_of
from judge.providers.clients import http_client, streaming_client, timeouts, vendor_address
from judge.providers.limits import openai_limits
from judge.providers.sdk import SdkProvider
from judge.providers.settings import Settings, required_key
from judge.request import Capabilities, Completion, RateLimits

if TYPE_CHECKING:
    from judge.providers.batches.openai import OpenAIBatches

OWN_ADDRESS = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is served, and under which name. ``key`` None sends no authorisation."""

    wire_model: str
    base_url: str
    key: SecretStr | None = None


def connect(name: str, settings: Settings) -> "OpenAIProvider":
    model = f"openai/{name}"
    key = required_key(settings.openai_api_key, "OPENAI_API_KEY", model)
    address = vendor_address(settings, OWN_ADDRESS, model)
    return OpenAIProvider(model, Endpoint(name, address, key), capabilities_of(model, address), settings)


class OpenAIProvider(SdkProvider):
    """A model behind ``/chat/completions``.

    Args:
        model: The name that goes into request keys and records.
        endpoint: Where it is served, under which name, with which key.
        capabilities: What it can be asked for.
        settings: Timeout, connections and the switch for the plain way. Its keys are not used.
    """

    dialect = cast("Dialect", openai_chat)

    def __init__(
        self, model: str, endpoint: Endpoint, capabilities: Capabilities, settings: Settings
    ) -> None:
        import openai

        super().__init__(model, endpoint.wire_model, capabilities, endpoint.key, settings)
        self.sdk = openai
        # The SDK insists on a key; where there is none, the header that would carry it is left out of every request.
        # Likewise OpenAI's account headers, which the SDK takes from the environment: they are no other server's business.
        left_out: tuple[str, ...] = () if endpoint.key else ("Authorization",)
        if not model.startswith("openai/"):
            left_out += ("OpenAI-Organization", "OpenAI-Project")
        self._headers: dict[str, Any] = dict.fromkeys(left_out, openai.Omit())
        self._client = openai.AsyncOpenAI(
            api_key=endpoint.key.get_secret_value() if endpoint.key else "none",
            base_url=endpoint.base_url,
            timeout=timeouts(settings),
            max_retries=0,
            http_client=http_client(settings, openai, self._transport),
        )

    async def _post(self, body: bytes) -> httpx2.Response:
        if self._transport is None:
            return await self._create(orjson.loads(body))
        return await self._client.post(
            openai_chat.PATH, content=body, cast_to=httpx2.Response, options={"headers": self._headers}
        )

    async def _create(self, body: dict[str, Any]) -> httpx2.Response:
        """The SDK's documented way, with its body walk and its transport."""
        model, messages = body.pop("model"), body.pop("messages")
        answer = await self._client.chat.completions.with_raw_response.create(
            model=model, messages=messages, extra_body=body, extra_headers=self._headers
        )
        return answer.http_response

    def _limits(self, headers: Mapping[str, str]) -> RateLimits | None:
        return openai_limits(headers)

    def _answer_in_error(self, status: int, raw: bytes) -> Completion | None:
        """A prompt that the content filter blocked comes back as status 400, on Azure and for some models."""
        return openai_chat.blocked(raw) if status == 400 else None  # noqa: PLR2004

    def batches(self) -> "OpenAIBatches":
        """The model's batch endpoint, on a connection of its own."""
        from judge.providers.batches.openai import OpenAIBatches

        client = self._client.copy(
            http_client=streaming_client(self._settings, self.sdk), default_headers=self._headers
        )
        return OpenAIBatches(self, client)

    async def close(self) -> None:
        await self._client.close()
