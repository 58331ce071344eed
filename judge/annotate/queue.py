"""Which transcripts a session goes through, and in which order.

The order is an annotator's own and always the same: a shuffle by hash, so that whoever stops in the middle has read a
random part, two annotators do not tire at the same transcripts, and one that is added later does not move the others.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from judge.annotate.verdicts import Verdicts
from judge.errors import UsageError

Order = Literal["shuffled", "given"]


class Ticket(BaseModel):
    """One line of a queue file, such as `judge select` writes; it may hold more than this."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    transcript_id: str
    inclusion_probability: float = Field(default=1.0, gt=0, le=1)
    grader: str | None = None
    stratum: str = ""


@dataclass(frozen=True)
class Triage:
    """What a review is narrowed to; every part that is set must hold."""

    label: str | None = None
    """Some record's primary label."""
    outcome: str | None = None
    """``ok``, ``failed``, or a kind of failure."""
    legibility: str | None = None
    disagreement: bool = False

    @property
    def looks_at_verdicts(self) -> bool:
        return self != Triage()

    def admits(self, transcript_id: str, verdicts: Verdicts) -> bool:
        found = verdicts.outcomes(transcript_id)
        failures = [what.strip("()") for what in found if what.startswith("(")]
        return (
            (self.label is None or self.label in found)
            and (
                self.outcome is None
                or (self.outcome == "ok" and len(failures) < len(found))
                or (self.outcome == "failed" and bool(failures))
                or self.outcome in failures
            )
            and (self.legibility is None or self.legibility == verdicts.legibility(transcript_id))
            and (not self.disagreement or verdicts.differ(transcript_id))
        )


def read_queue(path: Path, grader: str | None = None) -> dict[str, Ticket]:
    """Transcript id to ticket, in the order of the file. Lines for other graders are left out.

    Raises UsageError with the line that is none, and where one transcript has two probabilities.
    """
    found: dict[str, Ticket] = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(
            "cannot read the queue", where=str(path), found=error.strerror or str(error)
        ) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            ticket = Ticket.model_validate_json(line)
        except ValidationError as error:
            what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise UsageError(
                "not a line of a queue",
                where=f"{path}:{number}",
                found=what,
                expected=json.dumps({"transcript_id": "t1", "inclusion_probability": 0.25}),
            ) from error
        if grader and ticket.grader not in (None, grader):
            continue
        before = found.setdefault(ticket.transcript_id, ticket)
        if before.inclusion_probability != ticket.inclusion_probability:
            raise UsageError(
                f"{ticket.transcript_id!r} has two inclusion probabilities",
                where=f"{path}:{number}",
                found=f"{before.inclusion_probability} and {ticket.inclusion_probability}",
            )
    if not found:
        raise UsageError(
            "nothing in this queue is for this grader" if grader else "the queue is empty",
            where=str(path),
            expected=f"lines with grader {grader!r}, or without one" if grader else "one JSON object a line",
        )
    return found


def arrange(transcript_ids: Iterable[str], annotator: str, order: Order) -> list[str]:
    """The ids in the annotator's own order, or as they were given.

    >>> arrange(["a", "b", "c"], "ana", "shuffled") == arrange(["c", "b", "a"], "ana", "shuffled")
    True
    """
    if order == "given":
        return list(transcript_ids)
    return sorted(transcript_ids, key=lambda name: sha256(f"{annotator}\0{name}".encode()).digest())
