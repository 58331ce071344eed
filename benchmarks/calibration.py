"""How long a whole calibration report takes. Exits with 1 where the budget is broken.

    python -m benchmarks.calibration [--transcripts 1000]

Transcripts in clusters of four, five facets of every scale, two annotators and an adjudicated reference, one judge; all
statistics, baselines, two groupings, and the report as HTML, Markdown and JSON. Budget: 10 s.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.results import Row, keep
from judge.calibration.calibrate import Wishes, calibrate
from judge.eval_sets import EvalSet
from judge.grader import Grader
from judge.grader.file import load
from judge.ratings.gather import gather
from judge.records import Annotation, Verdict, to_json_line
from judge.report import calibration as report
from judge.runs import Run
from judge.transcript import Message, Transcript

BUDGET_SECONDS = 10
CLUSTER, WORDS = 4, 400
RUBRIC = """---
name: five
version: 1
description: five facets
primary: first
facets:
  first: {scale: nominal, question: 'Which?', labels: {a: a, b: b, c: c}, nulls: {indeterminate: open, not_assessable: hidden}}
  second: {scale: ordinal, question: 'How much?', labels: {none: nothing, some: some, much: much, all: all}, nulls: {indeterminate: open}}
  third: {scale: multilabel, question: 'Which ones?', labels: {x: x, y: y, z: z, other: else, none: nothing}}
  fourth: {scale: nominal, question: 'Is it?', labels: {'no': it is not, 'yes': it is}}
  fifth: {scale: ordinal, question: 'How clear?', labels: {one: first, two: second, three: third, four: fourth, five: fifth}, nulls: {indeterminate: open}}
---
Label it.
"""


def made(folder: Path, items: int) -> tuple[Run, EvalSet, Grader]:
    """A set on disk, two in ten labels wrong for the judge and one in ten for each annotator."""
    rng = random.Random(0)
    (folder / "five.jinja").write_text(RUBRIC)
    grader = load(folder / "five.jinja")
    found = EvalSet(folder / "set")
    (found.folder / "labels").mkdir(parents=True)
    card = "---\ngrader: five\nselection: random\nannotators: {bot: {kind: model, family: owl}}\n---\n"
    (found.folder / "README.md").write_text(card)
    vocabulary = [f"word{n}" for n in range(3000)]
    transcripts, truths = [], []
    for n in range(items):
        words = " ".join(rng.choices(vocabulary, k=WORDS))
        facts = {"cluster": f"c{n // CLUSTER}", "checkpoint": rng.choice(["early", "middle", "late"])}
        message = Message(id="M1", turn=0, role="assistant", channel="text", text=words)
        transcripts.append(Transcript(id=f"t{n}", messages=(message,), metadata=facts))
        truths.append({facet: _some(grader, facet, rng) for facet in grader.facets})
    (found.folder / "transcripts.jsonl").write_text("".join(t.model_dump_json() + "\n" for t in transcripts))
    for who, wrong in (("ana", 0.1), ("bot", 0.1), ("adjudicated", 0.0)):
        lines = [
            Annotation(
                transcript_id=t.id, facet=f, label=_said(grader, f, truth[f], wrong, rng), annotator=who
            )
            for t, truth in zip(transcripts, truths, strict=True)
            for f in grader.facets
        ]
        text = "".join(line.model_dump_json() + "\n" for line in lines)
        (found.folder / "labels" / f"{who}.jsonl").write_text(text)
    run = Run("run", folder)
    run.write_grader(grader)
    run.write_records(
        to_json_line(
            Verdict(
                transcript_id=t.id,
                grader="five",
                grader_version=1,
                grader_sha256=grader.sha256,
                model="m",
                values={f: _said(grader, f, truth[f], 0.2, rng) for f in grader.facets},
                metadata=t.metadata,
            )
        )
        for t, truth in zip(transcripts, truths, strict=True)
    )
    return run, found, grader


def _some(grader: Grader, facet: str, rng: random.Random) -> str | tuple[str, ...]:
    of = grader.facets[facet]
    if of.multilabel:
        return tuple(label for label in ("x", "y", "z", "other") if rng.random() < 0.3) or ("none",)
    return rng.choice(of.vocabulary)


def _said(
    grader: Grader, facet: str, truth: str | tuple[str, ...], wrong: float, rng: random.Random
) -> str | tuple[str, ...]:
    return _some(grader, facet, rng) if rng.random() < wrong else truth


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration")
    parser.add_argument("--transcripts", type=int, default=1000)
    items = parser.parse_args().transcripts
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run, found, grader = made(folder, items)
        marks = [("", time.perf_counter())]
        ratings = gather([run, found], {grader.name: grader})
        marks.append(("reading", time.perf_counter()))
        result = calibrate(ratings, Wishes(by=("checkpoint", "length")))
        marks.append(("statistics", time.perf_counter()))
        report.write_html(result, ratings.transcripts, folder / "report.html")
        marks.append(("HTML", time.perf_counter()))
        report.write_markdown(result, folder / "report.md")
        json.dumps(report.as_data(result))
        marks.append(("Markdown, JSON", time.perf_counter()))
        size = (folder / "report.html").stat().st_size
    for (_, before), (what, after) in pairwise(marks):
        print(f"{after - before:8.2f} s  {what}")
    total = marks[-1][1] - marks[0][1]
    print(f"{total:8.2f} s  in all, {time.process_time():.1f} s of CPU; report.html has {size / 1e6:.1f} MB")
    parts = {what: round(after - before, 2) for (_, before), (what, after) in pairwise(marks)}
    what = (
        f"a whole calibration: {items:,} transcripts in clusters of {CLUSTER}, five facets, two annotators; "
        "HTML, Markdown and JSON"
    )
    keep(
        "calibration",
        {"seconds": parts, "total": total},
        [Row(what, f"{total:.1f} s", f"at most {BUDGET_SECONDS} s")],
    )
    return int(total > BUDGET_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
