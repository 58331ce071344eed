"""Which transcripts a session goes through, and in which order.

The order is an annotator's own and always the same: a shuffle by hash, so that whoever stops in the middle has read a
random part, two annotators do not tire at the same transcripts, and one that is added later does not move the others.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from judge import queues
from judge.annotate.verdicts import Verdicts
from judge.errors import UsageError
from judge.queues import QueueLine

Order = Literal["shuffled", "given"]


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


def tickets(path: Path, grader: str | None = None) -> dict[str, QueueLine]:
    """Transcript id to its line of the queue, in the order of the file; lines for other graders are left out.

    Raises UsageError also where nothing is left.
    """
    found = queues.for_grader(path, grader)
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
