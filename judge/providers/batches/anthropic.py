"""Anthropic's Message Batches: the requests travel in the call that makes the batch, and its results are one stream.

A batch carries no mark of ours. One whose name was lost in a crash is known by when it was made and how many requests it
has, and for certain only by the keys in its results, which can be read when it has ended.
"""

from collections.abc import AsyncIterator
from typing import IO, TYPE_CHECKING, Any

import httpx2
import orjson

from judge.dialects import anthropic_messages
from judge.errors import ProviderError
from judge.providers.batches import (
    Item,
    Limits,
    Mine,
    Remote,
    Sent,
    Undecided,
    result_fields,
    unanswered,
)
from judge.providers.sdk import SdkProvider
from judge.request import Request

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic
    from anthropic.types.messages import MessageBatch

PATH = "/v1/messages/batches"
_CHUNK = 1 << 20
_CLOCKS = 90_000.0
"""Seconds by which our clock and the provider's may differ: a wrong time zone makes whole hours, a wrong date a day."""
_LONGEST_UPLOAD = 3600.0

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that a live call would have had: errors in results come without one."""

_OPEN, _CLOSE = b'{"requests":[', b"]}"


class AnthropicBatches:
    """Batches of messages. Limits: 100,000 requests and 256 MB."""

    limits = Limits(requests=100_000, size=256_000_000 - 1000)
    dialect = anthropic_messages.NAME

    def __init__(self, provider: SdkProvider, client: "AsyncAnthropic") -> None:
        self.model = provider.model
        self._provider = provider
        self._client = client

    def line(self, request: Request) -> bytes:
        provider = self._provider
        body = orjson.Fragment(anthropic_messages.encode(request, provider.capabilities, provider.wire_model))
        return orjson.dumps({"custom_id": request.key, "params": body}, option=orjson.OPT_APPEND_NEWLINE)

    async def create(self, lines: IO[bytes], sent: Sent) -> str:  # noqa: ARG002  (it takes no mark of ours)
        from anthropic.types.messages import MessageBatch

        size = lines.seek(0, 2)
        lines.seek(0)
        # Between two lines stands a comma in the place of the line break, so the length is known beforehand.
        length = len(_OPEN) + size - 1 + len(_CLOSE)
        made: MessageBatch = await self._provider.call(
            self._client.post(
                PATH,
                content=_body(lines, size),
                cast_to=MessageBatch,
                options={"headers": {"Content-Type": "application/json", "Content-Length": str(length)}},
            )
        )
        return made.id

    async def find(self, sent: Sent, mine: Mine) -> str | None:
        alike = await self._provider.call(self._alike(sent))
        accounted = mine.known({batch.id for batch in alike})
        open_ones = []
        for batch in alike:
            if batch.id in accounted:
                continue
            if batch.processing_status != "ended":
                open_ones.append(batch.id)
                continue
            async for item in self.items(batch.id):
                if mine.holds(item.key):
                    return batch.id
                break  # one key says whose it is
        if open_ones:
            raise Undecided(", ".join(open_ones))
        return None

    async def _alike(self, sent: Sent) -> list["MessageBatch"]:
        """The batches that were made when ours was and have as many requests."""
        found = []
        async for batch in self._client.messages.batches.list(limit=100):
            made = batch.created_at.timestamp()
            if made < sent.at - _CLOCKS:
                break  # the newest come first
            if made < sent.at + _LONGEST_UPLOAD + _CLOCKS and _size(batch) == sent.requests:
                found.append(batch)
        return found

    async def look(self, remote_id: str) -> Remote:
        batch = await self._provider.call(self._client.messages.batches.retrieve(remote_id))
        counts = batch.request_counts
        return Remote(
            id=batch.id,
            state=batch.processing_status,
            ended=batch.processing_status == "ended",
            answered=_size(batch) - counts.processing,
            cancelled=batch.cancel_initiated_at is not None,
        )

    async def items(self, remote_id: str) -> AsyncIterator[Item]:
        batch = await self._provider.call(self._client.messages.batches.retrieve(remote_id))
        if batch.results_url is None:  # archived: results are kept for 29 days
            return
        opened = self._client.messages.batches.with_streaming_response.results(remote_id)
        response = await self._provider.call(opened.__aenter__())
        try:
            lines = response.iter_lines()
            while (line := await self._provider.next_line(lines)) is not None:
                if line.strip():
                    yield self._item(result_fields(self._provider.blank(line.encode())))
        finally:
            await response.close()

    def _item(self, fields: dict[str, Any]) -> Item:
        key, result = fields["custom_id"], fields.get("result") or {}
        kind = result.get("type") or "left without a result"
        if kind == "succeeded":
            return Item(key, body=orjson.dumps(result.get("message")))
        if kind == "errored":
            return Item(key, problem=self._problem(result.get("error") or {}))
        return Item(key, problem=unanswered(f"the request was {kind} in its batch"))

    def _problem(self, error: dict[str, Any]) -> ProviderError:
        kind = (error.get("error") or error).get("type")
        return self._provider.problem(
            httpx2.Response(_STATUS.get(str(kind), 500), content=orjson.dumps(error))
        )

    async def cancel(self, remote_id: str) -> None:
        await self._provider.call(self._client.messages.batches.cancel(remote_id))

    async def close(self) -> None:
        await self._client.close()


def _size(batch: "MessageBatch") -> int:
    counts = batch.request_counts
    return counts.processing + counts.succeeded + counts.errored + counts.canceled + counts.expired


async def _body(lines: IO[bytes], size: int) -> AsyncIterator[bytes]:
    """The lines as one JSON document, without holding it. JSON has no line breaks but those between its lines."""
    yield _OPEN
    left = size - 1  # without the last line break
    while left > 0 and (chunk := lines.read(min(_CHUNK, left))):
        left -= len(chunk)
        yield chunk.replace(b"\n", b",")
    yield _CLOSE
