"""The transcript: an ordered list of messages, flat.

One turn of an assistant may hold reasoning, a reply and tool calls. Here each is a message of its own, and the
messages of one turn share ``turn``. Readers (``judge.formats``) flatten once; everything behind them can then
quote, filter and number messages without knowing where the transcript came from. This module knows nothing of
files, graders or models.
"""

from collections.abc import Mapping
from functools import cached_property, lru_cache
from hashlib import sha256
from json import JSONEncoder
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["system", "user", "assistant", "tool"]
Channel = Literal["text", "reasoning", "reasoning_summary", "redacted_reasoning", "tool_call", "tool_result"]

ROLES: tuple[Role, ...] = get_args(Role)
CHANNELS: tuple[Channel, ...] = get_args(Channel)

_SORTED = JSONEncoder(sort_keys=True, default=str)
LONG_NAME = 100
"""Characters. No id, role, channel or tool is longer but in an attack, and longer ones are not kept in memory."""


class Message(BaseModel):
    """One stretch of text by one author in one channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[\w.:-]{1,64}$")
    """What a judge cites, ``M1``, ``M2``, ... in order, unless the source has ids of its own."""
    turn: int = Field(ge=0)
    """Messages of one turn share this number; it never falls from one message to the next."""
    role: Role
    channel: Channel
    text: str = Field(min_length=0)
    """Verbatim. Empty only where the channel is ``redacted_reasoning``.

    The limit that is none makes pydantic look at the text as UTF-8. So a lone surrogate, which no prompt could carry, is
    refused; and Python keeps the encoding with the string, which everything that hashes or sends the text needs again.
    """
    tool: str | None = None
    """The tool's name, for a call or a result."""


class Transcript(BaseModel):
    """What a model under study said and did.

    ``metadata`` holds facts about the run (model, checkpoint, environment, arm). It reaches a prompt only where a
    grader's header asks for the key. ``context`` holds what a grader may be told about the environment or about
    the policy in force, likewise on request.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(min_length=1)
    messages: tuple[Message, ...] = Field(min_length=1)
    metadata: dict[str, Any] = Field(default_factory=dict)
    context: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _ids_are_unique_and_turns_in_order(self) -> Self:
        if len({m.id for m in self.messages}) != len(self.messages):
            raise ValueError("two messages of one transcript have the same id")
        turns = [m.turn for m in self.messages]
        if turns != sorted(turns):
            raise ValueError("turn numbers must not fall from one message to the next")
        return self

    def message(self, message_id: str) -> Message | None:
        """The message with this id, or None."""
        return next((m for m in self.messages if m.id == message_id), None)

    @property
    def size(self) -> int:
        """Characters of all its texts."""
        return sum(len(m.text) for m in self.messages)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything that a prompt could show, as 64 hex digits. Metadata and id are left out."""
        pieces: list[bytes] = []
        for m in self.messages:
            text = m.text.encode()
            start = head(m.id, m.turn, m.role, m.channel, m.tool or "")
            pieces += (start, len(text).to_bytes(8, "big"), text)
        return fingerprint_of(pieces, self.context)

    @cached_property
    def revision(self) -> str:
        """SHA-256 over the fingerprint and the metadata: another one means that records must be made anew."""
        return revision_of(self.fingerprint, self.metadata)


def fingerprint_of(pieces: list[bytes], context: Mapping[str, str]) -> str:
    """The fingerprint of a transcript: of each message its ``head``, the length of its text in 8 bytes, and its text."""
    if context:
        pieces = pieces + [f"\0{key}\0{context[key]}".encode() for key in sorted(context)]
    return sha256(b"".join(pieces)).hexdigest()


def revision_of(fingerprint: str, metadata: Mapping[str, Any]) -> str:
    """The revision of a transcript with this fingerprint."""
    return sha256(f"{fingerprint}\0{_SORTED.encode(metadata)}".encode()).hexdigest()


def head(message_id: str, turn: int, role: str, channel: str, tool: str) -> bytes:
    """What stands before a message's text in a fingerprint: each part after its length. ``tool`` may be empty."""
    made = _head if len(tool) <= LONG_NAME else _head.__wrapped__
    return made(message_id, turn, role, channel, tool)


@lru_cache(maxsize=1 << 12, typed=True)
def _head(*parts: str | int) -> bytes:
    encoded = [str(part).encode() for part in parts]
    return b"".join(piece for part in encoded for piece in (len(part).to_bytes(8, "big"), part))


def lookup(metadata: Mapping[str, Any], key: str) -> str | None:
    """The value under a key, or under a dotted path, as text."""
    if key in metadata:
        return str(metadata[key])
    if "." not in key:
        return None
    value: Any = metadata
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return str(value)
