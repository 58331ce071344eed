"""Queues: which transcripts to label, in which order, and by what chance each was drawn. JSON Lines, as `judge select` writes.

Whoever labels goes through a queue, and statistics weight labels by it: both read the same lines here.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from judge.errors import UsageError

QUEUE = "queue.jsonl"
"""In a set's folder: what its transcripts were drawn by."""


class QueueLine(BaseModel):
    """One transcript to label, in the order of labelling; what is to be kept with its label. It may hold more than this."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    transcript_id: str
    grader: str | None = None
    """Whose question it was drawn for; None where the line is for every grader."""
    stratum: str = ""
    """A code; what it means would give the judge's answer away."""
    inclusion_probability: float = Field(default=1.0, gt=0, le=1)
    core: bool = False
    """Part of the random core."""
    core_probability: float = Field(default=0.0, ge=0, le=1)
    """The chance of being in the core."""


def read(path: Path) -> Iterator[tuple[int, QueueLine]]:
    """The lines of a queue with their numbers. Raises UsageError with file and line."""
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
            yield number, QueueLine.model_validate_json(line)
        except ValidationError as error:
            what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise UsageError(
                "not a line of a queue",
                where=f"{path}:{number}",
                found=what,
                expected=json.dumps({"transcript_id": "t1", "inclusion_probability": 0.25}),
            ) from error


def for_grader(path: Path, grader: str | None = None) -> dict[str, QueueLine]:
    """Transcript id to line, in the order of the file. Lines for other graders are left out.

    Raises UsageError with the line that is none, and where one transcript has two probabilities.
    """
    found: dict[str, QueueLine] = {}
    for number, line in read(path):
        if grader and line.grader not in (None, grader):
            continue
        before = found.setdefault(line.transcript_id, line)
        if before.inclusion_probability != line.inclusion_probability:
            raise UsageError(
                f"{line.transcript_id!r} has two inclusion probabilities",
                where=f"{path}:{number}",
                found=f"{before.inclusion_probability} and {line.inclusion_probability}",
            )
    return found
