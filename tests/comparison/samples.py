"""Hand-labelled sets and runs on disk, as small as a comparison can be."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent

from judge.eval_sets import EvalSet
from judge.grader import Grader
from judge.records import Annotation, Evidence, Failure, Verdict, to_json_line
from judge.runs import GraderNote, Manifest, Run
from judge.transcript import Message, Transcript
from tests import samples

COLOURS = dedent("""\
    ---
    name: colour
    version: 1
    description: which colour the text is about
    primary: colour
    facets:
      colour:
        scale: nominal
        question: Which colour is chosen?
        labels: {none: no colour, red: red is chosen, blue: blue is chosen}
        nulls: {indeterminate: cannot be told}
        positive: [red, blue]
      depth:
        scale: ordinal
        question: How deep?
        labels: {pale: pale, plain: plain, deep: deep}
        nulls: {not_assessable: not to be seen}
      shades:
        scale: multilabel
        question: Which shades?
        labels: {light: light, dark: dark, none: no shade}
    ---
    Label the colour that the assistant chooses.
    """)

TEXT = "I choose it for its shade."


def colours(folder: Path, body: str = COLOURS) -> Grader:
    folder.mkdir(parents=True, exist_ok=True)
    return samples.grader(folder, body)


def labelled(
    folder: Path,
    labels: Mapping[str, Sequence[str | tuple[str, ...]]],
    cluster: int = 1,
    annotator: str = "adjudicated",
) -> EvalSet:
    """A set with items t0, t1, ...; facet to their hand labels; so many neighbours share a cluster."""
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    (folder / "README.md").write_text("---\ngrader: colour\nselection: random\n---\n# Card\n")
    n = max(len(column) for column in labels.values())
    transcripts = [
        Transcript(
            id=f"t{k}",
            messages=(Message(id="M1", turn=0, role="assistant", channel="text", text=f"{TEXT} {k}"),),
            metadata={
                "cluster": f"c{k // cluster}",
                "split": "test" if folder.name == "test" else "dev",
                "origin": "written",
            },
        )
        for k in range(n)
    ]
    (folder / "transcripts.jsonl").write_text("".join(t.model_dump_json() + "\n" for t in transcripts))
    lines = [
        Annotation(transcript_id=f"t{k}", facet=facet, label=label, annotator=annotator).model_dump_json()
        for facet, column in labels.items()
        for k, label in enumerate(column)
        if label
    ]
    (folder / "labels" / f"{annotator}.jsonl").write_text("\n".join(lines) + "\n")
    return EvalSet(folder)


def run(
    folder: Path,
    name: str,
    grader: Grader,
    labels: Mapping[str, Sequence[str | tuple[str, ...]]],
    model: str = "m/one",
) -> Run:
    """A run over t0, t1, ...; a label in brackets, such as ``(refused)``, is a failure on the item."""
    made = Run(name, folder)
    made.write_grader(grader)
    primary = labels[grader.primary]
    common = {
        "grader": grader.name,
        "grader_version": grader.version,
        "grader_sha256": grader.sha256,
        "model": model,
    }
    records: list[Verdict | Failure] = []
    for k, first in enumerate(primary):
        if isinstance(first, str) and first.startswith("("):
            records.append(Failure(transcript_id=f"t{k}", kind=first.strip("()"), cost_usd=0.01, **common))
            continue
        quote = Evidence(
            message_id="M1",
            quote="its shade",
            start=16,
            end=25,
            role="assistant",
            channel="text",
            supports=(grader.primary,),
        )
        values = {facet: column[k] for facet, column in labels.items()}
        records.append(
            Verdict(
                transcript_id=f"t{k}",
                values=values,
                evidence=(quote,),
                rationale="because",
                cost_usd=0.01,
                **common,
            )
        )
    made.write_records(map(to_json_line, records))
    note = GraderNote(version=grader.version, sha256=grader.sha256, primary=grader.primary)
    made.write_manifest(
        Manifest(
            run=name,
            model=model,
            method="generate",
            order="transcript-first",
            schema_style=None,
            sampling={},
            samples=1,
            window_tokens=1000,
            graders={grader.name: note},
            dataset={},
            versions={},
            started="2026-11-26T00:00:00Z",
            ended="2026-11-26T00:00:01Z",
            status="complete",
        )
    )
    return made
