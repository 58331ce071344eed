"""A run's folder, ``runs/<name>/``: what was asked, what came out, and the files that others read.

``run.json`` is the manifest, ``records.jsonl`` the records in the order of the dataset, ``records.parquet`` the same as a
table. All three can be made again from the store. ``graders/`` holds the rubrics as they were, so that what a label meant
can be read long after the prompt file has changed. Writing is atomic: a reader sees the old file or the new one.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from judge.errors import StoreError, UsageError
from judge.grader import Grader
from judge.private import make_folder
from judge.records import Failure, Verdict, from_json_line
from judge.request import Usage

STORE = "store.sqlite"


class GraderNote(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    sha256: str
    primary: str
    path: str = ""
    """The file's name; folders are the user's business."""


class Manifest(BaseModel):
    """What ``run.json`` holds: enough to say what the labels mean and to make them again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    model: str
    method: str
    order: str
    schema_style: str | None
    sampling: dict[str, Any]
    defences: dict[str, bool] = Field(
        default_factory=lambda: {"markers": True, "neutralise": True, "grounding": True}
    )
    """Which defences against hostile transcripts were on: all of them, but where one is measured."""
    samples: int
    window_tokens: int
    graders: dict[str, GraderNote]
    dataset: dict[str, Any]
    """Source and selection of the last invocation, the names of all ``sources`` where it is not the first; number and ``fingerprint`` (SHA-256 over ids, texts and metadata, in
    order) of all transcripts that the run has records of."""
    versions: dict[str, str]
    started: str
    ended: str = ""
    status: str = "running"
    """``running``, ``complete``, ``budget``, ``interrupted``, ``provider``, ``error``; of runs that were merged and do not
    make a whole, ``incomplete``."""
    because: str = ""
    """In words, why the last invocation ended before it was complete, where something outside of it was the reason."""
    counts: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Grader to outcome (each label of the primary facet, each kind of failure) to number of records."""
    usage: Usage = Usage()
    """Tokens of all completions that the records rest on."""
    cost_usd: float | None = None
    """Their price at list prices; None where the model's price is unknown."""
    bought: dict[str, Any] = Field(default_factory=dict)
    """What the last invocation itself sent and paid for, as against what it found in the store."""
    spending: dict[str, Any] = Field(default_factory=dict)
    """What all invocations bought: tokens by class, what each class cost, and what the naive order would have cost."""
    models_echoed: dict[str, int] = Field(default_factory=dict)
    """Which models the provider said answered."""
    skipped: tuple[str, ...] = ()
    merged: tuple[dict[str, Any], ...] = ()
    """The runs that this one was put together from: ``run``, ``shard``, ``status``, ``records``, ``same_store``."""

    @property
    def settings(self) -> dict[str, Any]:
        """What may not change within one run."""
        return self.model_dump(include={"model", "method", "order", "schema_style", "sampling", "defences"})

    def differences(self, other: "Manifest") -> list[str]:
        """In words, what keeps records of the other manifest out of a run of this one; empty where nothing does."""
        mine, theirs = self.settings, other.settings
        found = [
            f"{key}: {mine[key]!r} here, {theirs[key]!r} there" for key in mine if mine[key] != theirs[key]
        ]
        for name in self.graders.keys() & other.graders.keys():
            here, there = self.graders[name].sha256[:12], other.graders[name].sha256[:12]
            found += [f"grader {name}: {here} here, {there} there"] if here != there else []
        return found


class Run:
    """A run's folder. Raises UsageError for a name that is no plain folder name."""

    def __init__(self, name: str, folder: Path) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,99}", name):
            raise UsageError(
                "not a name for a run",
                found=repr(name),
                expected="letters, digits, dots, hyphens and underscores, beginning with a letter or digit",
            )
        self.name = name
        self.folder = folder / name
        self.manifest_path = self.folder / "run.json"
        self.records_path = self.folder / "records.jsonl"
        self.parquet_path = self.folder / "records.parquet"
        self.graders_folder = self.folder / "graders"

    @property
    def store_path(self) -> Path:
        """The store that the run's completions are in: a shard has its own, the others share one."""
        own = self.folder / STORE
        return own if own.exists() else self.folder.parent / STORE

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process alone. Raises UsageError where another one has it."""
        lock = FileLock(self.folder / ".lock", mode=0o600)
        try:
            make_folder(self.folder)
            lock.acquire(timeout=0)
        except Timeout as error:
            raise UsageError(
                "this run is being written by another process",
                where=str(self.folder),
                do="wait for it, stop it, or choose another name with --run",
            ) from error
        except OSError as error:
            raise StoreError(
                "cannot write to the run's folder",
                where=str(self.folder),
                found=str(error),
                do="free some space, or name a folder that can be written with --runs-dir; then run the same command again",
            ) from error
        try:
            yield
        finally:
            lock.release()

    def manifest(self) -> Manifest | None:
        """The manifest, or None where there is none yet."""
        try:
            return Manifest.model_validate_json(self.manifest_path.read_bytes())
        except FileNotFoundError:
            return None
        except (ValidationError, OSError) as error:
            raise UsageError(
                "cannot read this run's manifest", where=str(self.manifest_path), found=str(error)
            ) from error

    def write_manifest(self, manifest: Manifest) -> None:
        with writing_a_run(), replacing(self.manifest_path) as file:
            file.write(manifest.model_dump_json(indent=1).encode() + b"\n")

    def write_grader(self, grader: Grader) -> None:
        """Keep a rubric as it is now, with everything that its requests are rendered from."""
        with writing_a_run(), replacing(self.graders_folder / f"{grader.name}.json") as file:
            file.write(grader.model_copy(update={"path": Path(grader.path.name)}).model_dump_json().encode())

    def grader(self, name: str) -> Grader | None:
        """A rubric as it was when the run used it, or None where the run kept none."""
        path = self.graders_folder / f"{name}.json"
        try:
            return Grader.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except (ValidationError, OSError) as error:
            raise UsageError("cannot read this run's rubric", where=str(path), found=str(error)) from error

    def write_records(self, lines: Iterable[bytes]) -> None:
        with writing_a_run(), replacing(self.records_path) as file:
            file.writelines(lines)

    def is_written(self, manifest: Manifest | None) -> bool:
        """Whether the files are those that this manifest, as it stands on disk, was written after."""
        if manifest is None or not manifest.ended or manifest.status == "running":
            return False
        try:
            since = self.manifest_path.stat().st_mtime_ns
            files = (self.records_path, self.parquet_path)
            return all(path.stat().st_mtime_ns <= since for path in files)
        except FileNotFoundError:
            return False

    def records(self) -> Iterator[Verdict | Failure]:
        """The records, from ``records.jsonl``."""
        if not self.records_path.exists():
            state = "has no records yet" if self.folder.exists() else "does not exist"
            known = sorted(path.parent.name for path in self.folder.parent.glob("*/run.json"))
            raise UsageError(
                f"run {self.name!r} {state}",
                where=str(self.folder),
                expected=f"one of {', '.join(known) or '(no runs here)'}",
                do="run the same `judge label` again to finish it"
                if self.folder.exists()
                else "check --runs-dir",
            )
        with self.records_path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield from_json_line(line)
                except ValidationError as error:
                    raise UsageError(
                        "not a record of this version of judge",
                        where=f"{self.records_path}:{number}",
                        found=str(error.errors()[0]["msg"]),
                    ) from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` when the block ends well, and leaves no trace when it does not.

    Raises StoreError where it cannot be written.
    """
    make_folder(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise StoreError(
            "cannot write this file",
            where=str(path),
            found=str(error),
            do="free some space, or name a place that can be written; then run the same command again",
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


@contextmanager
def writing_a_run() -> Iterator[None]:
    """Says of a file that cannot be written that it is a run's, and that nothing that was paid for is lost."""
    try:
        yield
    except StoreError as error:
        if not isinstance(error.__cause__, OSError):  # the store itself, which has said what is to be done
            raise
        raise StoreError(
            "cannot write a file of this run",
            where=error.where,
            found=error.found,
            do="free some space, or name a folder that can be written with --runs-dir; then run the same command again: "
            "answers are in the store, and are not bought again",
        ) from error.__cause__


def outcome(record: Verdict | Failure, primary: str) -> str:
    """The one word that a record is counted under: its primary label, or its kind of failure in brackets."""
    if isinstance(record, Failure):
        return f"({record.kind})"
    value = record.values[primary]
    return value if isinstance(value, str) else "+".join(value)
