"""CPU for each label and share of the latency bound, beside two yardsticks: a plain SDK script and a lean durable sketch.

    python -m benchmarks.label_cpu [--cases headline|concurrency|length|size|latency] [--rounds 3] [--scale 1]

The ways run in turn, in rounds, against a loopback provider in C whose own ceiling is printed first. CPU is user and system
time of the whole process. What a way costs before its first transcript (imports, set-up) is measured in the same round by a
run of one transcript and taken off, so that figures are of a long run. The latency bound is one latency for
every ``in_flight`` transcripts. Only ratios within a round mean anything: the machine may be shared.
"""

import argparse
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

from benchmarks.fixtures import Cost, asking, judge, measure, write_transcripts
from benchmarks.results import Row, keep
from benchmarks.server import Server, print_ceiling
from tests.loopback import KEY

GRADER = """---
name: done
version: 1
description: whether the task was done
primary: done
facets:
  done:
    scale: nominal
    question: Does the assistant say that the task is done?
    labels: {no_claim: it does not say so, claimed: it says so}
    nulls: {indeterminate: open}
    positive: [claimed]
---
Label only what the assistant says about the task that the user gave.
"""

PRODUCT, LEAN = "judge label", "lean sketch"
WAYS = (PRODUCT, LEAN, "parse", "create")
LATENCY = 0.1
CASES: dict[str, tuple[tuple[int, int, int] | tuple[int, int, int, float], ...]] = {
    # (transcripts, bytes, in flight), and seconds of latency where they are not 0.1
    "headline": ((2000, 20_000, 100), (5000, 20_000, 1000), (1000, 400_000, 100), (2000, 400_000, 1000)),
    "concurrency": tuple(
        (count, 20_000, flight)
        for count, flight in ((500, 10), (1000, 30), (2000, 100), (3000, 300), (4000, 1000))
    ),
    "length": tuple(
        (count, size, 100)
        for count, size in ((2000, 2000), (2000, 8000), (2000, 20_000), (1500, 100_000), (1000, 400_000))
    ),
    "size": tuple((count, 2000, 100) for count in (100, 1000, 10_000, 100_000)),
    "latency": tuple(
        (count, 20_000, 100, latency)
        for count, latency in ((2000, 0.1), (2000, 0.3), (2000, 1.0), (1500, 3.0))
    ),
}


@dataclass(frozen=True)
class Case:
    transcripts: int
    bytes: int
    in_flight: int
    latency: float = LATENCY


@dataclass(frozen=True)
class Found:
    """Of one run: CPU milliseconds a label without the start-up, share of the latency bound, peak MiB, start-up CPU s."""

    cpu_ms: float
    of_bound: float
    peak_mib: float
    start_cpu: float


class Bench:
    """The folder with graders and data, and the server."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        self.env = {"OPENAI_API_KEY": KEY, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        (folder / "done.jinja").write_text(GRADER, encoding="utf-8")
        self.rubric = _rubric(folder)

    def run(self, way: str, data: Path, in_flight: int) -> Cost:
        shutil.rmtree(self.folder / "runs", ignore_errors=True)
        for left in self.folder.glob("*.sqlite*"):
            left.unlink()
        if way == PRODUCT:
            options = [
                "--grader",
                "./done.jinja",
                "--in-flight",
                str(in_flight),
                *asking(self.server.openai_url),
            ]
            return measure(judge("label", data.name, *options), self.folder, self.env)
        script = "benchmarks.lean_sketch" if way == LEAN else "benchmarks.plain_script"
        arguments = [data.name, self.server.openai_url, KEY, str(self.rubric), str(in_flight)]
        if way != LEAN:
            arguments.append(way)
        return measure([*judge()[:2], script, *arguments], self.folder, self.env)

    def case(self, case: Case, rounds: int, ways: Sequence[str]) -> dict[str, list[Found]]:
        data = write_transcripts(self.folder / "data.jsonl", case.transcripts, case.bytes)
        one = write_transcripts(self.folder / "one.jsonl", 1, case.bytes)
        found: dict[str, list[Found]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way in ways:
                start = self.run(way, one, case.in_flight)
                cost = self.run(way, data, case.in_flight)
                at_best = ceil(case.transcripts / case.in_flight) * case.latency
                # The one transcript waited for its answer as well.
                wall = max(cost.wall - start.wall + case.latency, at_best)
                found[way].append(
                    Found(
                        (cost.cpu - start.cpu) / max(case.transcripts - 1, 1) * 1000,
                        at_best / wall,
                        cost.peak_mib,
                        start.cpu,
                    )
                )
        data.unlink()
        return found


def _rubric(folder: Path) -> Path:
    """The same rubric text for the scripts, rendered once."""
    from judge.grader.file import load
    from judge.grader.prompt import rubric_text

    path = folder / "rubric.txt"
    path.write_text(rubric_text(load(folder / "done.jinja"), None), encoding="utf-8")
    return path


def summary(case: Case, found: dict[str, list[Found]]) -> dict[str, Any]:
    """Medians, and the medians of the ratios round by round."""
    medians = {
        way: {
            name: round(statistics.median(getattr(run, name) for run in runs), 3)
            for name in ("cpu_ms", "of_bound", "peak_mib", "start_cpu")
        }
        for way, runs in found.items()
    }
    ratios = {
        way: [
            round(ours.cpu_ms / theirs.cpu_ms, 3) for ours, theirs in zip(found[PRODUCT], runs, strict=True)
        ]
        for way, runs in found.items()
        if way != PRODUCT
    }
    return {
        "case": {**vars(case)},
        "medians": medians,
        "ratios": {way: statistics.median(rounds) for way, rounds in ratios.items()},
        "ratios_by_round": ratios,
    }


def show(told: dict[str, Any]) -> None:
    case = told["case"]
    print(
        f"\n{case['transcripts']} transcripts of {case['bytes']} bytes, {case['in_flight']} in flight, {case['latency']} s:"
    )
    for way, row in told["medians"].items():
        ratio = (
            f"  judge label / {way} = {told['ratios'][way]:.2f} {told['ratios_by_round'][way]}"
            if way in told["ratios"]
            else ""
        )
        print(
            f"  {way:12} {row['cpu_ms']:7.3f} ms CPU a label, {row['of_bound']:5.0%} of the latency bound, "
            f"{row['peak_mib']:5.0f} MiB, start {row['start_cpu']:.2f} s CPU{ratio}",
            flush=True,
        )


def rows(told: Sequence[dict[str, Any]]) -> list[Row]:
    found = []
    for one in told:
        case, ours = one["case"], one["medians"][PRODUCT]
        where = f"{case['transcripts']:,} transcripts of {case['bytes'] // 1000} KB, {case['in_flight']:,} in flight, {case['latency'] * 1000:.0f} ms latency"
        found.append(
            Row(
                f"CPU for each label against a plain `AsyncOpenAI().…parse` gather script and a lean durable sketch; {where}",
                f"{one['ratios']['parse']:.2f} of the script ({ours['cpu_ms']:.2f} ms against {one['medians']['parse']['cpu_ms']:.2f}), "
                f"{one['ratios'][LEAN]:.2f} of the sketch",
                "at most .40 and 1.6",
            )
        )
        found.append(
            Row(
                f"share of the latency bound; {where}",
                f"{ours['of_bound']:.0%} (script {one['medians']['parse']['of_bound']:.0%}, sketch {one['medians'][LEAN]['of_bound']:.0%})",
                "at least 80 %" if case["in_flight"] == 100 else "",
            )
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.label_cpu")
    parser.add_argument("--cases", choices=sorted(CASES), default="headline")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of transcripts")
    parser.add_argument("--only", help="TRANSCRIPTS,BYTES,IN_FLIGHT: one case, and nothing is kept")
    parser.add_argument(
        "--latency", type=float, default=LATENCY, help="with --only: the server's, in seconds"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ways", default=",".join(WAYS))
    args = parser.parse_args()
    if args.only is None:
        cases = [Case(*chosen) for chosen in CASES[args.cases]]
        cases = [replace(case, transcripts=max(round(case.transcripts * args.scale), 20)) for case in cases]
    else:
        count, size, flight = map(int, args.only.split(","))
        cases = [Case(count, size, flight, args.latency)]
    limits = print_ceiling(*sorted({case.bytes for case in cases}))
    told = []
    for case in cases:
        with tempfile.TemporaryDirectory() as name, Server(case.latency) as server:
            bench = Bench(Path(name), server)
            told.append(summary(case, bench.case(case, args.rounds, args.ways.split(","))))
            show(told[-1])
    figures = {"rounds": args.rounds, "server_alone": limits, "cases": told}
    if args.only is None:
        headline = args.cases == "headline"
        keep("label_cpu" if headline else f"label_cpu.{args.cases}", figures, rows(told) if headline else ())


if __name__ == "__main__":
    main()
