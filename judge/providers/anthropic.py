"""Anthropic."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import httpx2
import orjson
from pydantic import SecretStr

from judge.dialects import Dialect, anthropic_messages
from judge.providers.capabilities import capabilities_of
from judge.providers.clients import http_client, streaming_client, timeouts, vendor_address
from judge.providers.limits import anthropic_limits
from judge.providers.sdk import SdkProvider
from judge.providers.settings import Settings, required_key
from judge.request import Capabilities, RateLimits

if TYPE_CHECKING:
    from judge.providers.batches.anthropic import AnthropicBatches

OWN_ADDRESS = "https://api.anthropic.com"


def connect(name: str, settings: Settings) -> "AnthropicProvider":
    model = f"anthropic/{name}"
    key = required_key(settings.anthropic_api_key, "ANTHROPIC_API_KEY", model)
    return AnthropicProvider(name, key, capabilities_of(model, settings.base_url), settings)


class AnthropicProvider(SdkProvider):
    """A model behind ``/v1/messages``."""

    dialect = cast("Dialect", anthropic_messages)

    def __init__(self, name: str, key: SecretStr, capabilities: Capabilities, settings: Settings) -> None:
        import anthropic

        super().__init__(f"anthropic/{name}", name, capabilities, key, settings)
        self.sdk = anthropic
        self._client = anthropic.AsyncAnthropic(
            api_key=key.get_secret_value(),
            base_url=vendor_address(settings, OWN_ADDRESS, self.model),
            timeout=timeouts(settings),
            max_retries=0,
            http_client=http_client(settings, anthropic, self._transport),
        )

    async def _post(self, body: bytes) -> httpx2.Response:
        if self._transport is None:
            return await self._create(orjson.loads(body))
        return await self._client.post(anthropic_messages.PATH, content=body, cast_to=httpx2.Response)

    async def _create(self, body: dict[str, Any]) -> httpx2.Response:
        """The SDK's documented way, with its body walk and its transport."""
        model, messages, limit = body.pop("model"), body.pop("messages"), body.pop("max_tokens")
        answer = await self._client.messages.with_raw_response.create(
            model=model, messages=messages, max_tokens=limit, extra_body=body
        )
        return answer.http_response

    def _limits(self, headers: Mapping[str, str]) -> RateLimits | None:
        return anthropic_limits(headers)

    def batches(self) -> "AnthropicBatches":
        """The model's batch endpoint, on a connection of its own."""
        from judge.providers.batches.anthropic import AnthropicBatches

        client = self._client.copy(http_client=streaming_client(self._settings, self.sdk))
        return AnthropicBatches(self, client)

    async def close(self) -> None:
        await self._client.close()
