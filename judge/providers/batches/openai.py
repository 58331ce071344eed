"""OpenAI's Batch endpoint: a file of requests is uploaded, a batch made of it, and its answers are two other files.

The batch carries our token as metadata, so one whose name was lost in a crash is found in the list. Uploaded files end
by themselves: inputs after a week, answers after thirty days.
"""

from collections.abc import AsyncIterator
from typing import IO, TYPE_CHECKING, Any

import httpx2
import orjson

from judge.dialects import openai_chat
from judge.errors import ProviderError
from judge.providers.batches import Item, Limits, Mine, Remote, Sent, result_fields, unanswered
from judge.providers.sdk import SdkProvider
from judge.request import Request

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import Batch

METADATA = "judge_batch"
DAY = 86_400
_CLOCKS = 90_000.0
"""Seconds by which our clock and the provider's may differ: a wrong time zone makes whole hours, a wrong date a day."""

_ENDED = frozenset({"failed", "completed", "expired", "cancelled"})
_FULL = "token_limit_exceeded"


class OpenAIBatches:
    """Batches of chat completions. Limits: 50,000 requests and 200 MB."""

    limits = Limits(requests=50_000, size=200_000_000)
    dialect = openai_chat.NAME

    def __init__(self, provider: SdkProvider, client: "AsyncOpenAI") -> None:
        self.model = provider.model
        self._provider = provider
        self._client = client

    def line(self, request: Request) -> bytes:
        provider = self._provider
        body = orjson.Fragment(openai_chat.encode(request, provider.capabilities, provider.wire_model))
        fields = {
            "custom_id": request.key,
            "method": "POST",
            "url": openai_chat.BATCH_ENDPOINT,
            "body": body,
        }
        return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)

    async def create(self, lines: IO[bytes], sent: Sent) -> str:
        uploaded = await self._provider.call(
            self._client.files.create(
                file=("requests.jsonl", lines, "application/jsonl"),
                purpose="batch",
                expires_after={"anchor": "created_at", "seconds": 7 * DAY},
            )
        )
        made = await self._provider.call(
            self._client.batches.create(
                input_file_id=uploaded.id,
                endpoint=openai_chat.BATCH_ENDPOINT,  # type: ignore[arg-type]  # the SDK lists the endpoints
                completion_window="24h",
                metadata={METADATA: sent.token},
                output_expires_after={"anchor": "created_at", "seconds": 30 * DAY},
            )
        )
        return made.id

    async def find(self, sent: Sent, mine: Mine) -> str | None:  # noqa: ARG002  (the token says it)
        async def search() -> str | None:
            async for batch in self._client.batches.list(limit=100):
                if (batch.metadata or {}).get(METADATA) == sent.token:
                    return batch.id
                if batch.created_at < sent.at - _CLOCKS:
                    return None  # the newest come first
            return None

        return await self._provider.call(search(), text=True)

    async def look(self, remote_id: str) -> Remote:
        batch = await self._provider.call(self._client.batches.retrieve(remote_id))
        counts = batch.request_counts
        errors = (batch.errors.data if batch.errors else None) or []
        said = "; ".join(f"{f'line {e.line}: ' if e.line else ''}{e.message} ({e.code})" for e in errors[:3])
        failed = batch.status == "failed"
        return Remote(
            id=batch.id,
            state=batch.status,
            ended=batch.status in _ENDED,
            answered=counts.completed + counts.failed if counts else 0,
            cancelled=batch.status in ("cancelling", "cancelled"),
            problem=self._provider.clean(said or "the provider gives no reason") if failed else "",
            full=failed and any(e.code == _FULL for e in errors),
        )

    async def items(self, remote_id: str) -> AsyncIterator[Item]:
        batch: Batch = await self._provider.call(self._client.batches.retrieve(remote_id))
        for file_id in (batch.output_file_id, batch.error_file_id):
            if file_id:
                async for item in self._file(file_id):
                    yield item

    async def _file(self, file_id: str) -> AsyncIterator[Item]:
        opened = self._client.files.with_streaming_response.content(file_id)
        response = await self._provider.call(opened.__aenter__())
        try:
            lines = response.iter_lines()
            while (line := await self._provider.next_line(lines)) is not None:
                if line.strip():
                    yield self._item(result_fields(self._provider.blank(line.encode())))
        finally:
            await response.close()

    def _item(self, fields: dict[str, Any]) -> Item:
        key, response, error = fields["custom_id"], fields.get("response") or {}, fields.get("error") or {}
        status, body = response.get("status_code", 0), response.get("body")
        if not response:
            return Item(
                key, problem=unanswered(f"{error.get('message') or 'no answer'} ({error.get('code')})")
            )
        raw = orjson.dumps(body)
        if status == 200 or openai_chat.blocked(raw):  # noqa: PLR2004  (HTTP's OK)
            return Item(key, body=raw)
        return Item(key, problem=self._problem(status, raw))

    def _problem(self, status: int, raw: bytes) -> ProviderError:
        return self._provider.problem(httpx2.Response(status, content=raw))

    async def cancel(self, remote_id: str) -> None:
        await self._provider.call(self._client.batches.cancel(remote_id))

    async def close(self) -> None:
        await self._client.close()
