"""The benchmarks one after another: ``make bench``, or ``make bench SIZE=small``.

    python -m benchmarks.suite full|small [--only label_cpu,startup]

``full`` keeps figures in benchmarks/results and renews docs/performance.md; give it a machine with nothing else to do. ``small``
shows in a few minutes that every benchmark runs, and keeps its figures, which mean nothing, out of the way in .venv/bench.
"""

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRATCH = ROOT / ".venv" / "bench"


@dataclass(frozen=True)
class Item:
    """A benchmark's arguments at both sizes; None where it has no small one."""

    module: str
    full: str = ""
    small: str | None = ""


SUITE = (
    Item("label_cpu", "", "--only 200,20000,100 --rounds 1"),
    Item("label_cpu", "--cases concurrency --rounds 2 --ways|judge label,lean sketch,parse", None),
    Item("label_cpu", "--cases length --rounds 2 --ways|judge label,lean sketch,parse", None),
    Item("label_cpu", "--cases size --rounds 1 --ways|judge label,lean sketch", None),
    Item("label_cpu", "--cases latency --rounds 1 --ways|judge label,lean sketch,parse", None),
    Item("startup", "", "--rounds 2"),
    Item("memory", "", "--small 20 --large 200"),
    Item(
        "prefix_cost",
        "",
        "--transcripts 10 --rounds 1 --graders 3 --tokens 2000 --models openai/gpt-4.1-mini",
    ),
    Item("prefix_cost", "--wall", "--wall --transcripts 10 --latency 0.1 --rounds 1 --graders 3"),
    Item("rate_limit", "", "--rounds 1 --seconds 3"),
    Item("kill_trials", "", "--trials 2 --requests 100"),
    Item("soak", "", "--requests 500"),
    Item("resume", "", "--small 20 --done 200 --new 5"),
    Item("ray", "--rounds 3 --transcripts 400", "--transcripts 60 --rounds 1 --done 500"),
    Item("ray", "--throughput --latency 2 --in-flight 32 --rounds 2 --transcripts 640", None),
    Item("shards", "", "--transcripts 100 --rounds 1"),
    Item("stats_speed", "", ""),
    Item("calibration", "", "--transcripts 100"),
    Item("local_prefix", "", None),
    Item("fuzz", "completions 1000000", "completions 2000"),
    Item("fuzz", "files 100000", "files 400"),
    Item("annotate_load", "", None),
)


def run(item: Item, size: str) -> bool:
    """Run one; whether it ended well. Options with blanks in their value are written ``--name|value``."""
    words = item.full if size == "full" else item.small
    if words is None:
        return True
    before, _, value = words.partition("|")
    command = [
        sys.executable,
        "-m",
        f"benchmarks.{item.module}",
        *before.split(),
        *([value] if value else []),
    ]
    print(f"\n== {' '.join(command[1:])}", flush=True)
    begun = time.monotonic()
    env = os.environ | ({} if size == "full" else {"BENCH_RESULTS": str(SCRATCH)})
    done = subprocess.run(command, cwd=ROOT, env=env, check=False)
    print(f"== ended with {done.returncode} after {time.monotonic() - begun:.0f} s", flush=True)
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.suite", description=__doc__)
    parser.add_argument("size", choices=("full", "small"))
    parser.add_argument("--only", help="modules, by commas", default="")
    args = parser.parse_args()
    wanted = args.only.split(",") if args.only else [item.module for item in SUITE]
    failed = [item.module for item in SUITE if item.module in wanted and not run(item, args.size)]
    if args.size == "full":
        subprocess.run([sys.executable, "-m", "benchmarks.table"], cwd=ROOT, check=True)
    if failed:
        print(f"did not end well, or missed a budget: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
