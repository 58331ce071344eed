"""One annotator's files: committed labels, and the working notes that are nobody else's business.

``labels/<annotator>.jsonl`` holds what was committed, one ``Annotation`` a line, for git and for statistics. Beside it
``labels/.work/<annotator>.jsonl`` holds what happened on the way: drafts, and when others' labels were seen. Both are only
appended to. Several processes and tabs may work for one annotator: everyone says which revision of a transcript they go
by, and a stale one is refused, so nobody writes over what they have not seen.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from filelock import FileLock
from pydantic import ValidationError

from judge.annotate.appending import AppendOnly
from judge.annotate.form import Answer, Mark
from judge.errors import StoreError, UsageError
from judge.eval_sets import read_labels
from judge.records import Annotation


class StaleError(Exception):
    """Somebody (another tab, another process) has written in the meantime."""


@dataclass
class _Page:
    """What the files say of one transcript."""

    labels: dict[str, Annotation] = field(default_factory=dict)
    draft: Answer | None = None
    revision: int = 0
    seen: bool = False


class Notebook:
    """The labels of one annotator in one folder, kept up to date with what other processes append.

    Raises UsageError where a line of the label file is no label.
    """

    def __init__(self, folder: Path, annotator: str, *, private: bool = False) -> None:
        self.annotator = annotator
        self.path = folder / f"{annotator}.jsonl"
        self._labels = AppendOnly(self.path, 0o600 if private else 0o666)
        self._work = AppendOnly(folder / ".work" / f"{annotator}.jsonl", 0o600)
        self._lock = folder / ".work" / f".{annotator}.turn"
        self._pages: dict[str, _Page] = defaultdict(_Page)
        self._lines = 0
        self.refresh()

    def refresh(self) -> None:
        """Take in whatever has been appended since; everything anew, where a file was put in another's place."""
        if self._labels.replaced() or self._work.replaced():
            self._labels.rewind()
            self._work.rewind()
            self._pages.clear()
            self._lines = 0
        for line in self._labels.unread():
            self._lines += 1
            try:
                annotation = Annotation.model_validate_json(line)
            except ValidationError as error:
                raise UsageError(
                    "not a label",
                    where=f"{self.path}:{self._lines}",
                    found=str(error.errors()[0]["msg"]),
                    do="mend or remove the line; `git diff` shows what happened to the file",
                ) from error
            page = self._pages[annotation.transcript_id]
            page.labels[annotation.facet] = annotation
            page.revision += 1
        for line in self._work.unread():
            self._take(orjson.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        page = self._pages[event["transcript_id"]]
        page.revision += 1
        if event["event"] == "draft":
            page.draft = Answer.model_validate(event["answer"])
        elif event["event"] == "commit":
            page.draft = None
        elif event["event"] == "seen":
            page.seen = True

    def labels(self, transcript_id: str) -> dict[str, Annotation]:
        """Facet to committed label."""
        return self._pages[transcript_id].labels if transcript_id in self._pages else {}

    def draft(self, transcript_id: str) -> Answer | None:
        """What was entered since the last commit."""
        return self._pages[transcript_id].draft if transcript_id in self._pages else None

    def revision(self, transcript_id: str) -> int:
        return self._pages[transcript_id].revision if transcript_id in self._pages else 0

    def has_seen(self, transcript_id: str) -> bool:
        """Whether this annotator was shown a judge's or another annotator's label of it."""
        return transcript_id in self._pages and self._pages[transcript_id].seen

    def save_draft(self, transcript_id: str, answer: Answer, base: int, at: str) -> int:
        """Keep a half-filled form; returns the new revision. Raises StaleError, StoreError."""
        event = {"event": "draft", "answer": answer.model_dump(mode="json")}
        return self._write(transcript_id, [], event | {"at": at}, base)

    def commit(self, transcript_id: str, labels: list[Annotation], base: int, at: str) -> int:
        """Append labels, all of one commit at once; returns the new revision. Raises StaleError, StoreError."""
        return self._write(transcript_id, labels, {"event": "commit", "at": at}, base)

    def mark_seen(self, transcript_id: str, at: str) -> None:
        if not self.has_seen(transcript_id):
            self._write(transcript_id, [], {"event": "seen", "at": at}, None)

    def _write(
        self, transcript_id: str, labels: list[Annotation], event: dict[str, Any], base: int | None
    ) -> int:
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            turn = FileLock(self._lock, mode=0o600).acquire()
        except OSError as error:
            raise StoreError(
                "nothing can be written here",
                where=str(self._lock.parent),
                found=error.strerror or str(error),
                do="check who may write there; then save again",
            ) from error
        with turn:
            self.refresh()
            if base is not None and base != self.revision(transcript_id):
                raise StaleError
            if labels:
                self._labels.append([label.model_dump_json().encode() for label in labels])
            self._work.append([orjson.dumps({**event, "transcript_id": transcript_id})])
            self.refresh()
        return self.revision(transcript_id)


def labels_in(folder: Path, annotator: str) -> dict[tuple[str, str], Annotation]:
    """(transcript id, facet) to what an annotator last said of it. Raises UsageError where there is no such annotator."""
    if not (folder / f"{annotator}.jsonl").is_file():
        there = sorted(path.stem for path in folder.glob("*.jsonl"))
        raise UsageError(
            f"{annotator!r} has labelled nothing here",
            where=str(folder),
            expected=f"one of {', '.join(there) or '(nobody yet)'}",
        )
    return read_labels(folder / f"{annotator}.jsonl")


def as_answer(labels: dict[str, Annotation]) -> Answer:
    """Committed labels as the form that they came from."""
    marks: dict[tuple[str, int, int], Mark] = {}
    for facet, annotation in labels.items():
        for item in annotation.evidence:
            key = (item.message_id, item.start, item.end)
            known = marks[key].supports if key in marks else ()
            marks[key] = Mark(
                message_id=item.message_id,
                start=item.start,
                end=item.end,
                quote=item.quote,
                supports=(*known, facet),
            )
    return Answer(
        labels={name: (a.label,) if isinstance(a.label, str) else a.label for name, a in labels.items()},
        evidence=tuple(marks.values()),
        note=next((a.note for a in labels.values() if a.note), ""),
        contested=any(a.contested for a in labels.values()),
        seconds=sum(a.seconds or 0 for a in labels.values()),
    )
