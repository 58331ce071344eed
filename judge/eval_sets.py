"""Hand-labelled sets: ``eval_sets/<name>/`` with ``transcripts.jsonl``, ``labels/<annotator>.jsonl`` and a data card.

What a set holds itself is for tuning (``dev``). What is sealed lies in ``test/``, a set of the same form inside it, so that
whoever works on dev never opens a file of the test split; every look at it is written down (``judge.looks``). Every
transcript's metadata carries ``cluster`` (what it shares a scenario with), ``split`` and ``origin``. Labels are
``judge.records.Annotation``; ``labels/adjudicated.jsonl`` holds what was decided where annotators disagreed, and is the
reference. The card is ``README.md``; its front matter says what programs need to know.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from judge import formats
from judge.errors import UsageError
from judge.grader import Grader
from judge.records import Annotation
from judge.transcript import Transcript

ADJUDICATED = "adjudicated"
SPLITS = ("dev", "test")
TEST = "test"
"""The folder of the sealed split."""


class Annotator(BaseModel):
    """Who stands behind a name in ``labels/``. ``family`` names the model family where it is no person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["person", "model"] = "person"
    family: str = ""


class Card(BaseModel):
    """The front matter of a set's ``README.md``: what statistics may assume of it. Everything has a cautious default."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    grader: str = ""
    """Whose facets are labelled; empty where the labels' own facet names have to say."""
    selection: Literal["random", "enriched", "unknown"] = "unknown"
    """How the transcripts were chosen: a random sample of a target, by a known rule that favours rare labels, or nobody knows."""
    origin: str = ""
    """``natural``, ``elicited``, ``planted`` or ``written``: easier positives than natural ones flatter a sensitivity."""
    annotators: dict[str, Annotator] = Field(default_factory=dict)


@dataclass(frozen=True)
class EvalSet:
    """A set on disk. Nothing is read before it is asked for, and nothing of ``test/`` unless ``test`` is."""

    folder: Path

    @property
    def name(self) -> str:
        """``reward_seeking``, or ``reward_seeking/test`` for its sealed part."""
        return f"{self.above.name}/{TEST}" if self.above else self.folder.name

    @property
    def sealed(self) -> bool:
        """Whether this is the test split of a set, by whatever path it was reached."""
        return self.above is not None

    @property
    def above(self) -> Path | None:
        """The folder of the set whose test split this is; None where it is none.

        A link to a test split leads to the set that the split lies in. A link that is itself the ``test`` of a set, to a
        folder elsewhere, is that set's. A set whose ``labels/``, or a file in it, is a link into a test split counts as that.
        """
        linked = {file.resolve().parent.parent for file in (self.folder / "labels").glob("*.jsonl")}
        for path in (self.folder.resolve(), self.folder.absolute(), *sorted(linked)):
            if path.name == TEST and (path.parent / "transcripts.jsonl").exists():
                given = self.folder.parent
                return given if given.name and given.resolve() == path.parent else path.parent
        return None

    @property
    def test(self) -> "EvalSet | None":
        """The sealed part, if there is one."""
        inner = self.folder / TEST
        return EvalSet(inner) if (inner / "transcripts.jsonl").exists() else None

    @property
    def transcripts_path(self) -> Path:
        return self.folder / "transcripts.jsonl"

    def transcripts(self) -> Iterator[Transcript]:
        return formats.transcripts(str(self.transcripts_path), "own")

    @cached_property
    def card(self) -> Card:
        """The data card's front matter; that of the set above where this is its test split. Raises UsageError."""
        path = (self.above or self.folder) / "README.md"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        header = re.match(r"---[ \t]*\n(.*?)^---[ \t]*$", text, flags=re.DOTALL | re.MULTILINE)
        try:
            return Card.model_validate((yaml.safe_load(header[1]) or {}) if header else {})
        except (yaml.YAMLError, ValidationError) as error:
            raise UsageError(
                "the data card's front matter cannot be read",
                where=f"{path}:1",
                found=" ".join(str(error).split()),
                expected=f"YAML between two lines of ---, with any of {', '.join(Card.model_fields)}",
            ) from error

    @property
    def annotators(self) -> list[str]:
        """Who labelled, ``adjudicated`` last if it is there."""
        names = sorted(path.stem for path in (self.folder / "labels").glob("*.jsonl"))
        return sorted(names, key=lambda name: (name == ADJUDICATED, name))

    def labels(self, annotator: str) -> dict[tuple[str, str], Annotation]:
        """(transcript id, facet) to what the annotator last said of it. Raises UsageError with file and line."""
        path = self.folder / "labels" / f"{annotator}.jsonl"
        if not path.is_file():
            raise UsageError(
                f"{annotator!r} has labelled nothing in this set",
                where=str(path.parent),
                expected=f"one of {', '.join(self.annotators) or '(nobody yet)'}",
            )
        return read_labels(path)


def read_labels(path: Path) -> dict[tuple[str, str], Annotation]:
    """(transcript id, facet) to the last annotation in a file of them. Raises UsageError with file and line."""
    found: dict[tuple[str, str], Annotation] = {}
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                annotation = Annotation.model_validate_json(line)
            except ValidationError as error:
                what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
                raise UsageError("not a label", where=f"{path}:{number}", found=what) from error
            found[annotation.transcript_id, annotation.facet] = annotation
    return found


def open_set(folder: str | Path) -> EvalSet:
    """The set in a folder, or of that name under ``./eval_sets``. Raises UsageError where there is none."""
    for path in (Path(folder), Path("eval_sets") / folder):
        if (path / "transcripts.jsonl").is_file():
            return EvalSet(path)
    known = sorted(path.parent.name for path in Path("eval_sets").glob("*/transcripts.jsonl"))
    raise UsageError(
        "there is no such evaluation set",
        where=str(folder),
        expected=f"a folder with transcripts.jsonl; here: {', '.join(known) or '(none under eval_sets/)'}",
    )


def check(found: EvalSet, graders: Mapping[str, Grader]) -> Iterator[str]:
    """Everything that is wrong with a set, in words: vocabulary, spans, splits that leak, labels without transcript.

    Args:
        found: The set. Its test split, where there is one, is checked with it.
        graders: Facet to the grader that declares it.
    """
    parts = [part for part in (found, found.test) if part]
    transcripts = {part.name: {t.id: t for t in part.transcripts()} for part in parts}
    if found.annotators:  # a set without labels is for trying things, and needs no splits
        yield from _check_metadata(parts, transcripts)
    for part in parts:
        yield from _check_labels(part, transcripts[part.name], graders)


def _check_labels(
    found: EvalSet, transcripts: Mapping[str, Transcript], graders: Mapping[str, Grader]
) -> Iterator[str]:
    for annotator in found.annotators:
        for (transcript_id, facet), annotation in found.labels(annotator).items():
            where = f"{annotator}, {transcript_id}, {facet}"
            if annotation.annotator != annotator:
                yield f"{where}: the line says that {annotation.annotator!r} labelled it"
            if transcript_id not in transcripts:
                yield f"{where}: there is no such transcript in the set"
                continue
            yield from (
                f"{where}: {what}" for what in _check_label(annotation, graders, transcripts[transcript_id])
            )
    if ADJUDICATED in found.annotators:
        decided = set(found.labels(ADJUDICATED))
        for facet in sorted({facet for _, facet in decided}):
            yield from (f"{t}: {facet} is not adjudicated" for t in transcripts if (t, facet) not in decided)


def _check_metadata(
    parts: list[EvalSet], transcripts: Mapping[str, Mapping[str, Transcript]]
) -> Iterator[str]:
    splits: dict[str, set[str]] = defaultdict(set)
    seen: set[str] = set()
    for part in parts:
        for transcript in transcripts[part.name].values():
            missing = [key for key in ("cluster", "split", "origin") if not transcript.metadata.get(key)]
            split = transcript.metadata.get("split")
            if missing:
                yield f"{transcript.id}: metadata lacks {', '.join(missing)}"
            elif split not in SPLITS:
                yield f"{transcript.id}: split is {split!r}, not dev or test"
            elif len(parts) > 1 and (split == TEST) != part.sealed:
                yield f"{transcript.id}: split is {split!r}, and it lies in {part.transcripts_path}"
            if transcript.id in seen:
                yield f"{transcript.id}: stands in the set and in its test split"
            seen.add(transcript.id)
            splits[str(transcript.metadata.get("cluster"))].add(str(split))
    for cluster, found in sorted(splits.items()):
        if len(found) > 1:
            yield f"cluster {cluster!r} stands in {' and '.join(sorted(found))}: the test split leaks"


def _check_label(
    annotation: Annotation, graders: Mapping[str, Grader], transcript: Transcript
) -> Iterator[str]:
    grader = graders.get(annotation.facet)
    if grader is None:
        yield "no grader has such a facet"
        return
    facet = grader.facets[annotation.facet]
    labels = (annotation.label,) if isinstance(annotation.label, str) else annotation.label
    if unknown := [label for label in labels if label not in facet.vocabulary]:
        yield f"no label {unknown[0]!r}; it has {', '.join(facet.vocabulary)}"
    if isinstance(annotation.label, str) == facet.multilabel:
        yield f"a {'list of labels' if facet.multilabel else 'single label'} was expected"
    for item in annotation.evidence:
        message = transcript.message(item.message_id)
        if message is None or message.text[item.start : item.end] != item.quote:
            yield f"the span {item.quote[:60]!r} is not at {item.message_id}:{item.start}-{item.end}"
    if facet.positives(annotation.label) and not annotation.evidence:
        yield "a positive label without a deciding span"


def counts(found: EvalSet, annotator: str) -> dict[str, dict[str, Counter[str]]]:
    """Facet to split to label to number of transcripts, over the set and its test split."""
    table: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for part in (found, found.test):
        if part is None or annotator not in part.annotators:
            continue
        split_of = {t.id: str(t.metadata.get("split")) for t in part.transcripts()}
        for (transcript_id, facet), annotation in part.labels(annotator).items():
            labels = (annotation.label,) if isinstance(annotation.label, str) else annotation.label
            table[facet][split_of.get(transcript_id, "?")].update(labels)
    return {facet: dict(splits) for facet, splits in table.items()}
