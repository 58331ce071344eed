"""How long ``judge --help`` takes, and ``judge label`` until its first request reaches the server.

python -m benchmarks.startup [--rounds 7]

Each round also times Python importing pydantic and typer, and importing openai, which no labelling with that SDK can do
without: on a busy machine only the ratio to these means anything.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.fixtures import Cost, asking, judge, measure, write_transcripts
from benchmarks.label_cpu import GRADER
from benchmarks.results import Row, keep
from benchmarks.server import Server
from tests.loopback import KEY

HELP, FIRST, TYPER, OPENAI = (
    "judge --help",
    "judge label, first request",
    "import pydantic, typer",
    "import openai",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup")
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    python = judge()[0]
    with tempfile.TemporaryDirectory() as name, Server() as server:
        folder = Path(name)
        (folder / "done.jinja").write_text(GRADER, encoding="utf-8")
        write_transcripts(folder / "data.jsonl", 1, 2000)
        env = {"OPENAI_API_KEY": KEY, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}

        def run(*command: str) -> Cost:
            return measure(list(command), folder, env)

        def first_request() -> Cost:
            shutil.rmtree(folder / "runs", ignore_errors=True)
            server.reset()
            begun = time.time()
            cost = run(*judge("label", "data.jsonl", "--grader", "./done.jinja", *asking(server.openai_url)))
            return Cost(server.stats()["first_request"] - begun, cost.cpu, cost.peak_mib)

        first_request()  # files are in the cache, bytecode is written
        found: dict[str, list[Cost]] = {way: [] for way in (HELP, FIRST, TYPER, OPENAI)}
        for _ in range(args.rounds):
            found[TYPER].append(run(python, "-c", "import pydantic, typer"))
            found[HELP].append(run(*judge("--help")))
            found[OPENAI].append(run(python, "-c", "import openai"))
            found[FIRST].append(first_request())
    seconds = {way: statistics.median(cost.wall for cost in costs) for way, costs in found.items()}
    cpu = {way: statistics.median(cost.cpu for cost in costs) for way, costs in found.items()}
    for way, wall in seconds.items():
        print(f"{way:28} {wall:6.2f} s   (CPU to its end {cpu[way]:.2f} s)")
    to_typer, to_openai = seconds[HELP] / seconds[TYPER], seconds[FIRST] / seconds[OPENAI]
    print(f"{HELP} / {TYPER}: {to_typer:.2f}; {FIRST} / {OPENAI}: {to_openai:.2f}")
    figures = {"rounds": args.rounds, "seconds": seconds, "cpu_to_the_end": cpu}
    found_help = f"{seconds[HELP]:.2f} s, {to_typer:.2f} of importing pydantic and typer"
    found_first = f"{seconds[FIRST]:.2f} s, {to_openai:.2f} of importing openai alone"
    rows = [
        Row("`judge --help`", found_help, "under 0.5 s"),
        Row("`judge label` until its first request reaches the server", found_first, "within 2 s"),
    ]
    keep("startup", figures, rows)


if __name__ == "__main__":
    main()
