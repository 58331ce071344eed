"""Batch endpoints: many requests handed over at once, answered within a day, at half the price.

One file per provider that has one. What they share: requests are lines of a file that is streamed from disk, an answer
finds its request by ``custom_id``, which is the request's key, and a batch is a thing with a name that outlives this
process. Nothing here retries or waits; ``judge.labelling.batching`` does.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO, Any, Protocol, runtime_checkable

import orjson

from judge.errors import ProviderError, ProviderUnavailable, UsageError
from judge.request import Provider, Request


class Undecided(Exception):  # noqa: N818  (a state, not an error)
    """Whether the provider has a batch cannot be told before other batches, named here, have ended."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one batch may hold. ``size`` is in bytes of its file or body."""

    requests: int
    size: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch as we know it: how it was sent, which decides how it is looked for."""

    token: str
    requests: int
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A batch as the provider reports it.

    Args:
        id: The provider's name for it.
        state: In the provider's words.
        ended: Nothing more will happen: what was answered can be fetched, the rest never will be.
        answered: How many requests were processed so far; some providers tell only in the end.
        cancelled: Somebody cancelled it.
        problem: Why the provider took none of it, where it did not.
        full: The reason is that too much is waiting already, so that it may be taken later.
    """

    id: str
    state: str
    ended: bool
    answered: int = 0
    cancelled: bool = False
    problem: str = ""
    full: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """What became of one request: ``body`` is its answer, else ``problem`` says why there is none.

    ProviderUnavailable means that it may be answered when it is sent again.
    """

    key: str
    body: bytes | None = None
    problem: ProviderError | None = None


class BatchEndpoint(Protocol):
    """One model's batch endpoint. Every call raises one of the three ``ProviderError`` classes."""

    model: str
    """The name that goes into request keys and records."""
    limits: Limits
    dialect: str

    def line(self, request: Request) -> bytes:
        """A request as one line of a batch's file."""
        ...

    async def create(self, lines: IO[bytes], sent: Sent) -> str:
        """Hand over a file of lines, which is at its beginning; returns the provider's name for the batch.

        ProviderUnavailable leaves it open whether the provider has it.
        """
        ...

    async def find(self, sent: Sent, mine: "Mine") -> str | None:
        """The name of a batch that may have been handed over, or None where it was not. Raises Undecided."""
        ...

    async def look(self, remote_id: str) -> Remote: ...

    def items(self, remote_id: str) -> AsyncIterator[Item]:
        """What became of the requests of a batch that has ended, in any order."""
        ...

    async def cancel(self, remote_id: str) -> None:
        """Ask for its end. What was answered by then can be fetched when it has ended."""
        ...

    async def close(self) -> None: ...


class Mine(Protocol):
    """How a batch is recognised that carries no mark of ours."""

    def known(self, remote_ids: set[str]) -> set[str]:
        """Which of these batches are accounted for."""
        ...

    def holds(self, key: str) -> bool:
        """Whether the batch that is looked for has this request."""
        ...


@runtime_checkable
class Batching(Protocol):
    def batches(self) -> BatchEndpoint: ...


def batch_endpoint(provider: Provider) -> BatchEndpoint:
    """The batch endpoint of a model. Raises UsageError where it has none."""
    if provider.capabilities.batch and isinstance(provider, Batching):
        return provider.batches()
    raise UsageError(
        f"{provider.model} has no batch endpoint that judge can use",
        expected="a model of openai/ or anthropic/, or batch = true for it in judge.toml where the server has OpenAI's",
        do="label without --batch; or write the requests with `judge batch export` and run them where you like",
    )


def unanswered(why: str) -> ProviderUnavailable:
    """For a request that the provider did not get to."""
    return ProviderUnavailable(why)


def result_fields(line: bytes) -> dict[str, Any]:
    """The object in one line of results. Raises ProviderUnavailable where it is none that names its request."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        fields = None
    if isinstance(fields, dict) and isinstance(fields.get("custom_id"), str):
        return fields
    end = line[-40:].decode(errors="replace")
    raise ProviderUnavailable(f"a line of the batch's results is cut or not a result; it ends in {end!r}")
