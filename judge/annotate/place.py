"""What is opened, found out from the path: a hand-labelled set, the folder of a run, or a file of transcripts.

A place says where its transcripts are, which grader they are labelled with, and where labels go.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from judge.errors import UsageError
from judge.eval_sets import EvalSet
from judge.labelling.source import source_of
from judge.runs import Run

Kind = Literal["set", "run", "file"]


@dataclass(frozen=True)
class Place:
    kind: Kind
    name: str
    source: str
    """Where the transcripts are: a path, or ``hf:owner/name``."""
    labels: Path
    """The folder of label files."""
    grader: str | None = None
    """The grader that the place itself names."""
    run: Run | None = None
    sealed: bool = False
    """Whether this is the test split of a set."""
    queue: Path | None = None
    """The queue that `judge select` wrote with the transcripts, if it did."""

    @property
    def private(self) -> bool:
        """Whether label files are for their owner alone, as everything in a run's folder is."""
        return self.kind == "run"

    @property
    def annotators(self) -> list[str]:
        """Who has labelled here, in order of name."""
        return sorted(path.stem for path in self.labels.glob("*.jsonl"))


def open_place(target: str, transcripts: str | None = None, runs_dir: Path = Path("runs")) -> Place:
    """Find out what a path is. ``transcripts`` says where a run's transcripts are; None to look for them.

    Raises UsageError where it is nothing that can be labelled.
    """
    path = Path(target)
    if path.name == "transcripts.jsonl":  # the file of a set is the set
        path = path.parent
    for folder in (path, Path("eval_sets") / target):
        if (folder / "transcripts.jsonl").is_file():
            return _set(folder)
    for folder in (path, runs_dir / target):
        if (folder / "run.json").is_file() or (folder / "records.jsonl").is_file():
            return _run(folder, transcripts)
    if path.is_file():
        queue = _if_there(path.with_suffix(".queue.jsonl"))
        return Place("file", path.name, target, path.with_suffix(".labels"), queue=queue)
    if target.startswith("hf:"):
        name = re.sub(r"[/:]", "-", target.removeprefix("hf:"))
        return Place("file", name, target, Path(f"{name}.labels"))
    raise UsageError(
        "there is nothing here to read",
        where=target,
        expected="an evaluation set (a folder with transcripts.jsonl), a run's folder, or a file of transcripts",
        do="see `judge eval-sets list` and `judge runs list`",
    )


def _set(folder: Path) -> Place:
    found = EvalSet(folder.resolve())
    source, queue = str(folder / "transcripts.jsonl"), _if_there(folder / "queue.jsonl")
    grader = found.card.grader or None
    return Place("set", found.name, source, folder / "labels", grader, sealed=found.sealed, queue=queue)


def _if_there(path: Path) -> Path | None:
    return path if path.is_file() else None


def _run(folder: Path, transcripts: str | None) -> Place:
    run = Run(folder.resolve().name, folder.resolve().parent)
    manifest = run.manifest()
    if manifest is None:
        raise UsageError(
            "this run has no manifest", where=str(folder), do="finish it with `judge label` first"
        )
    source = source_of(run, "--transcripts") if transcripts is None else transcripts
    return Place("run", run.name, source, folder / "labels", next(iter(manifest.graders), None), run)
