"""How near the tokens bought at full price come to one transcript, whatever the number of graders.

    python -m benchmarks.prefix_cost [--transcripts 100] [--graders 3,5] [--tokens 2000,20000,100000]
    python -m benchmarks.prefix_cost --wall

The real pipeline and SDKs against the loopback provider, which caches prefixes by the vendors' documented rules. For each
number of graders G and transcript length L it compares transcript-first, leader then followers, with the naive order
(rubric first, every token at full price, everything sent at once): the share of the input that was read from the cache, against what the
best order could reach, and the input bill. The bill is of input alone: how long answers are is another matter.

``--wall`` compares the wall time of the two orders, with answers that take a second and enough transcripts that the last ones,
whose followers have nobody to share the wait with, do not count for much.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.fixtures import write_transcripts
from benchmarks.results import Row, keep
from judge.grader.file import load
from judge.grader.prompt import rubric_text
from judge.labelling.dataset import Dataset
from judge.labelling.job import Options, label
from judge.pricing import prices_of
from judge.providers.settings import Settings
from judge.request import Usage
from tests.loopback import KEY, Process
from tests.loopback.prefix_cache import BYTES_PER_TOKEN

MODELS = ("anthropic/claude-sonnet-5-5", "openai/gpt-6-luna", "openai/gpt-5.4")
"""Writing at 1.25 and reading at .05 times the price of input; 1.25 and .1; 1 and .1."""

RULE = "Ruling {n}: what the assistant says of step {n} counts only where it is about the task that the user gave.\n"


def grader(number: int, rules: int) -> str:
    """A grader with about 800 tokens of rubric, contract included."""
    return f"""---
name: done{number}
version: 1
description: whether the task was done
primary: done
facets:
  done:
    scale: nominal
    question: Does the assistant say that the task is done?
    labels: {{no_claim: it does not say so, claimed: it says so}}
    nulls: {{indeterminate: open}}
    positive: [claimed]
---
Grader {number}.
{"".join(RULE.format(n=n) for n in range(rules))}"""


@dataclass
class Run:
    seconds: float
    share: float
    bill: float
    input: int


def measure(options: Options, server: Process, model: str) -> Run:
    before = server.stats()
    begun = time.perf_counter()
    label(options)
    seconds = time.perf_counter() - begun
    after = server.stats()
    size, cached, written = (
        after[name] - before[name] for name in ("input_tokens", "cached_tokens", "written_tokens")
    )
    prices = prices_of(model)
    assert prices
    if options.order == "rubric-first":
        cached = written = 0  # what it finds of the rubric belongs to another comparison
    bill = sum(prices.by_class(Usage(input=size, cached=cached, cache_written=written)))
    return Run(seconds, cached / size, bill, size)


def cell(args: argparse.Namespace, model: str, graders: int, tokens: int) -> dict[str, float | int | str]:
    """One model, number of graders and length; medians over rounds, the two orders taking turns."""
    found: dict[str, list[Run]] = {"ours": [], "naive": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(graders):
            (folder / f"done{number}.jinja").write_text(grader(number, args.rules), encoding="utf-8")
        rubric = len(rubric_text(load(folder / "done0.jinja"), None).encode()) / BYTES_PER_TOKEN
        write_transcripts(folder / "data.jsonl", args.transcripts, tokens * 4)
        flags = ("--latency", str(args.latency), "--cache")
        for turn in range(args.rounds):
            for order, runs in found.items():
                with Process(*flags) as server:
                    url = server.anthropic_url if model.startswith("anthropic/") else server.openai_url
                    options = Options(
                        dataset=Dataset(str(folder / "data.jsonl")),
                        graders=tuple(str(folder / f"done{number}.jinja") for number in range(graders)),
                        model=model,
                        run="r",
                        runs_dir=folder / f"runs-{order}-{turn}",
                        in_flight=args.in_flight,
                        settings=Settings.load(base_url=url, openai_api_key=KEY, anthropic_api_key=KEY),
                    )
                    if order == "naive":
                        options = replace(options, order="rubric-first")
                    runs.append(measure(options, server, model))
    ours, naive = found["ours"], found["naive"]
    share = statistics.median(run.share for run in ours)
    bound = bound_of(ours[0].input / (args.transcripts * graders), rubric, graders)
    return {
        "model": model,
        "graders": graders,
        "tokens": tokens,
        "share": share,
        "bound": bound,
        "share_of_bound": share / bound,
        "bill": statistics.median(a.bill / b.bill for a, b in zip(ours, naive, strict=True)),
        "wall": statistics.median(a.seconds / b.seconds for a, b in zip(ours, naive, strict=True)),
    }


def bound_of(each: float, rubric: float, graders: int) -> float:
    """(G-1)/G x L/(L+R): every request but a transcript's first finds all that stands before its rubric."""
    return (graders - 1) / graders * (each - rubric) / each


WALL = {"transcripts": 600, "latency": 1.0, "rounds": 3, "tokens": "2000", "models": MODELS[-1]}
"""What ``--wall`` stands for."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prefix_cost")
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--transcripts", type=int, default=100)
    parser.add_argument("--in-flight", type=int, default=50)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--rules", type=int, default=18, help="lengthens the rubric, by about 26 tokens each")
    parser.add_argument("--graders", default="3,5")
    parser.add_argument("--tokens", default="2000,20000,100000")
    parser.add_argument("--models", default=",".join(MODELS))
    if parser.parse_known_args()[0].wall:
        parser.set_defaults(**WALL)
    args = parser.parse_args()
    import anthropic  # noqa: F401  (importing the SDKs is no part of the first run)
    import openai  # noqa: F401

    rows = []
    print(f"{'model':30} {'G':>2} {'L':>7} {'cached':>7} {'bound':>6} {'of it':>6} {'bill':>5} {'wall':>5}")
    for model in args.models.split(","):
        for graders in map(int, args.graders.split(",")):
            for tokens in map(int, args.tokens.split(",")):
                row = cell(args, model, graders, tokens)
                rows.append(row)
                print(
                    f"{model:30} {graders:2} {tokens:7,} {row['share']:7.1%} {row['bound']:6.1%} "
                    f"{row['share_of_bound']:6.1%} {row['bill']:5.2f} {row['wall']:5.2f}",
                    flush=True,
                )
    if args.wall:
        keep("prefix_cost.wall", {"cells": rows}, told_wall(args, rows))
    else:
        keep("prefix_cost", {"cells": rows}, told(rows))


def told_wall(args: argparse.Namespace, cells: list[dict[str, Any]]) -> list[Row]:
    found = "; ".join(f"{cell['wall']:.3f} with {cell['graders']} graders" for cell in cells)
    what = (
        f"wall time of leader first, then followers, against everything at once: {args.transcripts} transcripts of "
        f"{int(args.tokens) // 1000}k tokens, {args.in_flight} in flight, {args.latency:g} s latency"
    )
    return [Row(what, found, "at most 1.05")]


def told(cells: list[dict[str, Any]]) -> list[Row]:
    """For the table: one line for each model and number of graders, over the lengths."""
    lines = []
    for model, graders in dict.fromkeys((cell["model"], cell["graders"]) for cell in cells):
        chosen = [cell for cell in cells if (cell["model"], cell["graders"]) == (model, graders)]
        lengths = " / ".join(f"{cell['tokens'] // 1000}k" for cell in chosen)
        figures = [" / ".join(f"{cell[name]:.2f}" for cell in chosen) for name in ("share_of_bound", "bill")]
        found = "share of the cached bound {}; input bill against the naive order {}".format(*figures)
        lines.append(
            Row(
                f"{model}, {graders} graders, transcripts of {lengths} tokens",
                found,
                "cached .97; bill at 20k and 3 graders .52 (writing at 1.25), .45 (writing free)",
            )
        )
    return lines


if __name__ == "__main__":
    main()
