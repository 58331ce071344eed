"""Runs with known truth: arrays for simulations, and whole folders for the command."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from judge.eval_sets import Card
from judge.grader import Facet, Grader
from judge.grader.file import bundled_folder, load
from judge.queues import QueueLine
from judge.rates.labels import Checked, HandLabels, checked
from judge.rates.question import Answers, Asked, Bools
from judge.rates.selection import Selection
from judge.ratings import Item, Rater, Rating
from judge.records import Annotation, Failure, Record, Verdict, to_json_line
from judge.runs import GraderNote, Manifest, Run
from judge.stats.tables import SIMPLE, Design
from judge.transcript import Message, Transcript

GRADERS = {name: load(bundled_folder() / f"{name}.jinja") for name in ("eval_awareness", "over_escalation")}
AWARE, ESCALATION = GRADERS["eval_awareness"], GRADERS["over_escalation"]
FIELD = AWARE.primary
POSITIVE = ("tentative", "settled")
JUDGE = "openai/gpt-x"


def question(grader: Grader = AWARE, facet: Facet | None = None, positive: Sequence[str] = POSITIVE) -> Asked:
    return Asked(grader, facet or grader.facets[grader.primary], tuple(positive))


@cache
def _items(n: int) -> tuple[Item, ...]:
    return tuple(Item(f"t{at}", {}) for at in range(n))


_YES, _NO = Rating("tentative"), Rating("absent")


def answers(flagged: Bools, design: Design = SIMPLE, items: tuple[Item, ...] | None = None) -> Answers:
    """A judge's yes and no."""
    ratings = tuple(_YES if yes else _NO for yes in flagged)
    rater = Rater("run", "judge", {}, JUDGE)
    outcomes = np.where(flagged, "positive", "negative")
    return Answers(rater, question(), items or _items(len(flagged)), ratings, outcomes, design)


def said(item: str, yes: bool, probability: float = 1.0, stratum: str = "") -> Annotation:
    return Annotation.model_construct(
        transcript_id=item,
        facet=FIELD,
        label="tentative" if yes else "absent",
        annotator="ana",
        inclusion_probability=probability,
        stratum=stratum,
        blind=True,
    )


def hand(found: Answers, truth: Bools, which: Sequence[int], card: Card | None = None) -> HandLabels:
    """Labels of the transcripts at these positions."""
    labels = {found.items[at].id: said(found.items[at].id, bool(truth[at])) for at in which}
    return HandLabels("by hand", labels, card or Card())


def hand_of(selection: Selection, truth: Mapping[str, bool]) -> HandLabels:
    """Labels of a drawn batch, each with its chance and stratum."""
    labels = {
        line.transcript_id: said(
            line.transcript_id, truth[line.transcript_id], line.inclusion_probability, line.stratum
        )
        for line in selection.lines
    }
    queue: dict[str, QueueLine] = {line.transcript_id: line for line in selection.lines}
    return HandLabels("batch", labels, Card(), queue)


def part_of(found: Answers, truth: Bools, which: Sequence[int], card: Card | None = None) -> Checked:
    return checked(found, hand(found, truth, which, card))


@dataclass
class World:
    """A folder with runs, their transcripts and the truth, as the commands find them.

    ``prevalence``: checkpoint to share of positives. Failures are one in 50.
    """

    folder: Path
    prevalence: Mapping[str, float]
    sensitivity: float = 0.9
    specificity: float = 0.99
    model: str = JUDGE
    subject: str = "qwen-9"
    failures: float = 0.02
    truth: dict[str, bool] = field(default_factory=dict)

    text: str = "Text"

    def run(self, name: str, n: int, seed: int = 0, prefix: str = "t", samples: int = 1) -> Run:
        """Write the run and its transcripts, ``<name>.jsonl``; ``text`` is what each of them begins with."""
        rng = np.random.default_rng(seed)
        records: list[Record] = []
        transcripts: list[Transcript] = []
        checkpoints = list(self.prevalence)
        for at in range(n):
            checkpoint = checkpoints[at % len(checkpoints)]
            item = f"{prefix}{at}"
            yes = self.truth.setdefault(item, bool(rng.random() < self.prevalence[checkpoint]))
            facts = {
                "checkpoint": checkpoint,
                "environment": f"env{at % 7}",
                "model": self.subject,
                "cluster": f"c{at // 2}",
            }
            said = f"{self.text} {at}"
            message = Message(id="M1", turn=0, role="assistant", channel="text", text=said)
            transcripts.append(Transcript(id=item, messages=(message,), metadata=facts))
            for sample in range(samples):
                records += self._records(transcripts[-1], yes, rng, sample)
        write_transcripts(self.folder / f"{name}.jsonl", transcripts)
        return write_run(self.folder / "runs", name, records, self.model, f"{name}.jsonl")

    def _records(self, read: Transcript, yes: bool, rng: np.random.Generator, sample: int) -> list[Record]:
        flagged = rng.random() < (self.sensitivity if yes else 1 - self.specificity)
        label = (
            str(rng.choice(POSITIVE))
            if flagged
            else str(rng.choice(["absent", "indeterminate"], p=[0.97, 0.03]))
        )
        act = "over_escalated" if rng.random() < (0.5 if yes else 0.1) else "calibrated"
        if rng.random() < 0.2:
            act = "not_applicable"
        common = {
            "transcript_id": read.id,
            "transcript_sha256": read.fingerprint,
            "model": self.model,
            "metadata": read.metadata,
            "sample": sample,
        }
        first: Record
        if rng.random() < self.failures:
            first = Failure(**common, **_by(AWARE), kind="refused")
        else:
            first = Verdict(**common, **_by(AWARE), values={FIELD: label})
        return [first, Verdict(**common, **_by(ESCALATION), values={ESCALATION.primary: act})]

    def annotate(self, folder: Path, who: str = "ana", card: str = "") -> None:
        """Label every transcript of a set with the truth, carrying what its queue says."""
        queue = folder / "queue.jsonl"
        lines = (
            [QueueLine.model_validate_json(line) for line in queue.read_text().splitlines()]
            if queue.exists()
            else []
        )
        design = {line.transcript_id: line for line in lines}
        (folder / "labels").mkdir(exist_ok=True)
        with (folder / "labels" / f"{who}.jsonl").open("w") as file:
            for line in (folder / "transcripts.jsonl").read_text().splitlines():
                item = json.loads(line)["id"]
                drawn = design.get(item)
                label = said(
                    item,
                    self.truth[item],
                    drawn.inclusion_probability if drawn else 1.0,
                    drawn.stratum if drawn else "",
                )
                file.write(label.model_dump_json(exclude_unset=True) + "\n")
        if card:
            (folder / "README.md").write_text(f"---\n{card}---\n# Card\n")


def _by(grader: Grader) -> dict[str, object]:
    return {"grader": grader.name, "grader_version": grader.version, "grader_sha256": grader.sha256}


def write_transcripts(path: Path, transcripts: Sequence[Transcript]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(t.model_dump_json(exclude_defaults=True) + "\n" for t in transcripts))


def write_run(folder: Path, name: str, records: Sequence[Record], model: str, source: str) -> Run:
    run = Run(name, folder)
    for grader in GRADERS.values():
        run.write_grader(grader)
    run.write_records(map(to_json_line, records))
    notes = {
        grader.name: GraderNote(version=grader.version, sha256=grader.sha256, primary=grader.primary)
        for grader in GRADERS.values()
    }
    count = len({record.transcript_id for record in records})
    run.write_manifest(
        Manifest(
            run=name,
            model=model,
            method="generate",
            order="transcript-first",
            schema_style="common",
            sampling={},
            samples=1,
            window_tokens=1000,
            graders=notes,
            dataset={"source": source, "transcripts": count},
            versions={},
            started="2026-11-26T00:00:00Z",
            status="complete",
        )
    )
    return run
