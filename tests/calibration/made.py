"""A labelled set and a run on it, on disk, from lists of labels."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from judge.eval_sets import EvalSet
from judge.grader import Grader
from judge.ratings import Ratings
from judge.ratings.gather import gather
from judge.records import Annotation, Evidence, Failure, Verdict, to_json_line
from judge.runs import Run
from judge.transcript import Message, Transcript
from tests.samples import grader

Labels = Sequence[str | tuple[str, ...] | None]
"""One label for each transcript; None where there is none, ``!kind`` for a failure."""

CARD = (
    "---\ngrader: colour\nselection: {selection}\norigin: natural\n"
    "annotators:\n  bot: {{kind: model, family: claude}}\n---\n# Card\n"
)
WORD = {"red": "crimson", "blue": "azure", "none": "plain", "indeterminate": "murky"}


def rubric(folder: Path) -> Grader:
    return grader(folder)


def transcripts(labels: Labels, per_cluster: int = 2, **facts: Sequence[Any]) -> list[Transcript]:
    """Texts in which one word tells of the label, so that a rule which counts words can learn it."""
    rng = random.Random(1)
    found = []
    for n, label in enumerate(labels):
        noise = " ".join(rng.choices([f"w{k}" for k in range(200)], k=20))
        found.append(
            Transcript(
                id=f"t{n:03}",
                messages=(
                    Message(id="M1", turn=0, role="user", channel="text", text="Which colour? crimson azure"),
                    Message(
                        id="M2",
                        turn=1,
                        role="assistant",
                        channel="text",
                        text=f"{noise} {WORD.get(str(label), 'other')} it is",
                    ),
                ),
                metadata={
                    "cluster": f"c{n // per_cluster}",
                    **{key: values[n] for key, values in facts.items()},
                },
            )
        )
    return found


def labelled_set(
    folder: Path,
    items: Sequence[Transcript],
    raters: Mapping[str, Mapping[str, Labels]],
    selection: str = "random",
) -> EvalSet:
    """``raters``: annotator to facet to labels, in the order of the transcripts."""
    (folder / "labels").mkdir(parents=True)
    (folder / "README.md").write_text(CARD.format(selection=selection))
    (folder / "transcripts.jsonl").write_text("".join(t.model_dump_json() + "\n" for t in items))
    for who, facets in raters.items():
        lines = [
            Annotation(
                transcript_id=t.id, facet=facet, label=label, annotator=who, evidence=_evidence(t, facet)
            ).model_dump_json()
            for facet, labels in facets.items()
            for t, label in zip(items, labels, strict=True)
            if label is not None
        ]
        (folder / "labels" / f"{who}.jsonl").write_text("\n".join(lines) + "\n")
    return EvalSet(folder)


def run(
    folder: Path,
    rubric: Grader,
    items: Sequence[Transcript],
    facets: Mapping[str, Labels],
    name: str = "a",
    model: str = "anthropic/claude-x",
    samples: Sequence[Mapping[str, Labels]] = (),
    distributions: Sequence[Mapping[str, float]] = (),
) -> Run:
    made = Run(name, folder)
    made.write_grader(rubric)
    records: list[Verdict | Failure] = []
    for sample, own in enumerate((facets, *samples)):
        for n, t in enumerate(items):
            values = {facet: labels[n] for facet, labels in own.items()}
            common: dict[str, Any] = {
                "transcript_id": t.id,
                "grader": rubric.name,
                "grader_version": 1,
                "grader_sha256": rubric.sha256,
                "model": model,
                "sample": sample,
                "metadata": t.metadata,
            }
            lost = [str(v) for v in values.values() if str(v).startswith("!")]
            if lost:
                records.append(Failure(**common, kind=lost[0][1:], detail="no"))
            elif None not in values.values():
                told = {rubric.primary: distributions[n]} if distributions else {}
                records.append(
                    Verdict(
                        **common,
                        values=values,
                        evidence=_evidence(t, rubric.primary),
                        rationale="because",
                        distribution=told,
                    )
                )
    made.write_records(map(to_json_line, records))
    return made


def _evidence(t: Transcript, facet: str) -> tuple[Evidence, ...]:
    text = t.messages[1].text
    return (
        Evidence(
            message_id="M2",
            quote=text[:6],
            start=0,
            end=6,
            role="assistant",
            channel="text",
            supports=(facet,),
        ),
    )


def ratings(made: Sequence[Run | EvalSet | Path], rubric: Grader) -> Ratings:
    return gather(made, {rubric.name: rubric})


def wrong(labels: Labels, every: int, vocabulary: Sequence[str], offset: int = 0) -> list[Any]:
    """Every so-many-th label replaced by the next of the vocabulary."""
    return [
        vocabulary[(vocabulary.index(str(label)) + 1) % len(vocabulary)] if n % every == offset else label
        for n, label in enumerate(labels)
    ]
