"""Looks at a sealed test split: each one written down before anything of it is read, and counted in every report.

A rubric that is chosen by its figure on the test split is tuned to it, however honest each single look was. The list says
how often that could have happened. It is one line of JSON a look, ``eval_sets/<name>/looks.jsonl``, only ever appended to.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from judge.errors import UsageError
from judge.eval_sets import EvalSet
from judge.runs import Run


class Look(BaseModel):
    """Who opened the sealed labels, with what, when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    """UTC, to the second."""
    verb: str
    what: tuple[str, ...]
    """What was held against the labels: runs, or graders with hash and model."""


def path_of(found: EvalSet) -> Path:
    """Where the looks at a set's test split are written: beside the set itself, also when asked of its sealed part.

    A sealed part that is reached by a link counts where it really lies.
    """
    return (found.above or found.folder) / "looks.jsonl"


def record(found: EvalSet, verb: str, what: tuple[str, ...]) -> Look:
    """Write one look down, durably, before the labels are read. Raises UsageError where it cannot be written."""
    look = Look(at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), verb=verb, what=what)
    path = path_of(found)
    try:
        with path.open("ab") as file:
            file.write(look.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UsageError(
            "a look at a sealed test split has to be written down, and cannot be",
            where=str(path),
            found=str(error),
            do="make the set's folder writable, or work on its dev split",
        ) from error
    return look


def told(run: Run) -> str:
    """A run in the list of looks: its model and the hashes of its rubrics."""
    manifest = run.manifest()
    if manifest is None:
        return f"run {run.name}"
    graders = ", ".join(f"{name} {note.sha256[:12]}" for name, note in manifest.graders.items())
    return f"run {run.name}: {manifest.model}, {graders}"


def looks(found: EvalSet) -> list[Look]:
    """All looks so far, oldest first. Raises UsageError with file and line."""
    path = path_of(found)
    if not path.is_file():
        return []
    result = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            result.append(Look.model_validate_json(line))
        except ValidationError as error:
            raise UsageError(
                "not a look", where=f"{path}:{number}", found=str(error.errors()[0]["msg"])
            ) from error
    return result
