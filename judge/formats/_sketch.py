"""A transcript that was read and hashed, and not built.

On a run that goes on, nearly every transcript has its records already. To know that takes its id and its revision, and
building it with all its messages took most of the time. A sketch is made only of what is plainly a transcript: where
anything would have to be converted or complained about, the reader builds it, and what it then says is pydantic's.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from judge.formats._record import Row
from judge.transcript import LONG_NAME, Message, Transcript, head


class Sketch(NamedTuple):
    """Has of a transcript its id, fingerprint, revision, metadata and size, and can build it."""

    id: str
    fingerprint: str
    revision: str
    metadata: Mapping[str, Any]
    size: int
    """Bytes of all its texts, and a few for each message."""
    row: Row
    build: Callable[[Row], Transcript]

    def transcript(self) -> Transcript:
        """The transcript, built and validated."""
        return self.build(self.row)


def sound_head(name: Any, turn: Any, role: Any, channel: Any, tool: Any) -> bytes | None:
    """The ``judge.transcript.head`` of a message that has these parts, if validation leaves them as they are.

    None also where one of them is longer than is worth keeping. Raises TypeError for a list or a mapping.
    """
    for part in (name, role, channel, tool):
        if type(part) is str and len(part) > LONG_NAME:
            return None
    return _sound_head(name, turn, role, channel, tool)


@lru_cache(maxsize=1 << 12, typed=True)  # few messages differ in more than their text
def _sound_head(*parts: Any) -> bytes | None:
    name, turn, role, channel, tool = parts
    try:
        made = Message(id=name, turn=turn, role=role, channel=channel, text="", tool=tool)
        valid = (made.id, made.turn, made.role, made.channel, made.tool)
        same = all(type(one) is type(other) for one, other in zip(valid, parts, strict=True))
        return head(*valid[:4], made.tool or "") if same else None
    except (ValidationError, UnicodeEncodeError):
        return None
