"""What is asked of a model, and what comes back: the nouns between graders, the store and providers.

A ``Request`` says everything that decides the answer, in no provider's dialect. Its canonical hash is its key
everywhere: in the store, in records, in batch files. Nothing here opens a connection.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, Literal, Protocol

import orjson
from pydantic import BaseModel, ConfigDict, Field

KEY_VERSION = 1
"""Raised when the same request would be worded differently on the wire, so that old answers are not mistaken for new."""

StopReason = Literal["stop", "length", "refusal", "content_filter", "other"]


@dataclass(frozen=True, slots=True, init=False, eq=False)
class Block:
    """A stretch of the user message. ``breakpoint`` asks the provider to cache everything up to its end.

    Kept in the pieces that it is put together from: Python keeps with a message's text how it is encoded, and with what
    is put together from it would have to find out anew, for every grader.
    """

    pieces: tuple[str, ...]
    breakpoint: bool

    def __init__(self, *pieces: str, breakpoint: bool = False) -> None:  # noqa: A002  (the providers' word)
        object.__setattr__(self, "pieces", pieces)
        object.__setattr__(self, "breakpoint", breakpoint)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def encode(self) -> bytes:
        """The text as UTF-8. Raises UnicodeEncodeError at a lone surrogate."""
        return b"".join(piece.encode() for piece in self.pieces)

    def __len__(self) -> int:
        """Characters of the text."""
        return sum(map(len, self.pieces))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Block) and (self.breakpoint, self.text) == (other.breakpoint, other.text)

    def __hash__(self) -> int:
        return hash((self.breakpoint, self.text))


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the model is to answer. None leaves a setting to the provider, which some models insist on."""

    max_tokens: int = 4096
    temperature: float | None = None
    reasoning_effort: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further body fields, sent as they are (``top_p``, ``seed``, ``service_tier``, ...)."""


@dataclass(frozen=True, slots=True)
class Reask:
    """The judge's first answer and what was wrong with it; the request is then its second turn."""

    answer: str
    complaint: str


@dataclass(frozen=True)
class Request:
    """One question to one model.

    Args:
        model: ``provider/name``, as the user wrote it, or the local model's fingerprint.
        system: The system text. No grader changes it.
        blocks: The user message, in order.
        schema: JSON schema of the answer; None asks for free text.
        sampling: Token limit, temperature and the like.
        sample: Which repeat this is. Equal requests with different sample numbers are different purchases.
        reask: Set when this is the second attempt at the same question.
        choices: With ``logprob``, the single-token answers whose probabilities are wanted.
        cache_group: What shares a prefix (a transcript's fingerprint), empty where nothing does and the cache is not
            worth writing. A hint for routing and caching, not part of the key.
    """

    model: str
    system: str
    blocks: tuple[Block, ...]
    schema: Mapping[str, Any] | None = None
    sampling: Sampling = Sampling()
    sample: int = 0
    reask: Reask | None = None
    choices: tuple[str, ...] = ()
    cache_group: str = ""

    def asked_again(self, reask: Reask) -> "Request":
        """The same question with the first answer and what was wrong with it."""
        return replace(self, reask=reask)

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical form, 64 hex digits."""
        head = orjson.dumps(
            [
                KEY_VERSION,
                self.model,
                self.schema,
                self.sampling.max_tokens,
                self.sampling.temperature,
                self.sampling.reasoning_effort,
                dict(self.sampling.extra),
                self.sample,
                [self.reask.answer, self.reask.complaint] if self.reask else None,
                self.choices,
                [block.breakpoint for block in self.blocks],
            ],
            option=orjson.OPT_SORT_KEYS,
        )
        digest = sha256(head)
        texts: tuple[str | Block, ...] = (self.system, *self.blocks)
        for text in texts:
            data = text.encode()
            digest.update(b"\0%d\0" % len(data))
            digest.update(data)
        return digest.hexdigest()


class Usage(BaseModel):
    """Tokens as providers bill them. ``input`` includes what was read from and written to the prompt cache."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: int = Field(default=0, ge=0)
    cached: int = Field(default=0, ge=0)
    cache_written: int = Field(default=0, ge=0)
    output: int = Field(default=0, ge=0)
    reasoning: int = Field(default=0, ge=0)

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input=self.input + other.input,
            cached=self.cached + other.cached,
            cache_written=self.cache_written + other.cache_written,
            output=self.output + other.output,
            reasoning=self.reasoning + other.reasoning,
        )


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer as it was paid for. ``raw`` is the response body, verbatim; the rest is read from it."""

    raw: bytes
    dialect: str
    """Which of ``judge.dialects`` reads ``raw``."""
    text: str
    stop: StopReason
    usage: Usage
    model: str
    """The model that the provider says answered."""
    detail: str = ""
    """Why the provider refused, in its words, where it did."""
    logprobs: Mapping[str, float] = field(default_factory=dict)
    """First answer token to log-probability, for requests with ``choices``."""


@dataclass(frozen=True, slots=True)
class RateLimits:
    """What the last response's headers said of the limits; None where they said nothing.

    A reset is in seconds, and ends when the whole budget is there again: budgets refill all the time, so that some of an
    empty one is back long before.
    """

    requests_limit: int | None = None
    requests_remaining: int | None = None
    requests_reset: float | None = None
    tokens_limit: int | None = None
    tokens_remaining: int | None = None
    tokens_reset: float | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can be asked for. The table is ``judge/providers/capabilities.toml``; a project may override it."""

    context_tokens: int = 32_768
    max_output_tokens: int = 4096
    """The default token limit of an answer."""
    json_schema: bool = True
    """Structured output by JSON schema. Where it is missing, the contract in the prompt has to do."""
    schema_in_prompt: bool = True
    """The provider renders the schema before the messages, so that another schema is another cached prefix."""
    temperature: bool = True
    logprobs: bool = False
    cache_control: bool = False
    """Understands explicit cache breakpoints."""
    cache_key: bool = False
    """Takes ``prompt_cache_key``, which sends requests that share a prefix to the same machine."""
    cache_minimum: int = 1024
    """No shorter prefix is kept in the provider's cache, in tokens."""
    batch: bool = False
    """Has a batch endpoint like its provider's."""
    in_flight: int = 64
    """How many requests may be under way at once, unless the user says otherwise."""
    requests_per_minute: int = 0
    """The account's limit where its server does not announce it; 0 where it does, or where there is none."""
    tokens_per_minute: int = 0
    """Likewise, of input and output together."""
    token_field: str = "max_completion_tokens"  # noqa: S105  (the name of a body field)


class Provider(Protocol):
    """One model behind one connection pool. ``judge.providers.<name>.connect`` makes one."""

    @property
    def model(self) -> str:
        """The name that goes into request keys and records."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def rate_limits(self) -> RateLimits:
        """What the last response said, whether it was an answer or an error. All None where it said nothing."""
        ...

    async def complete(self, request: Request) -> Completion:
        """Send once, no retries. Raises one of the three ``ProviderError`` classes."""
        ...

    async def close(self) -> None: ...
