"""Throughput of two shards side by side against one process, where latency is the limit and not the machine.

    python -m benchmarks.shards [--transcripts 1000] [--bytes 2000] [--in-flight 8] [--latency 0.1] [--rounds 3]

Start-up is measured on one transcript, with as many processes, and taken off. On two shared cores the ratio falls as soon
as two processes want more than is left of them, so in-flight is small: what is shown is that shards do not wait for each
other. The merge of the two is timed too.
"""

import argparse
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.fixtures import judge, measure, write_transcripts
from benchmarks.label_cpu import GRADER
from benchmarks.results import Row, keep
from tests.loopback import KEY, Process


class Bench:
    def __init__(self, folder: Path, url: str, in_flight: int) -> None:
        self.folder, self.env = folder, {"OPENAI_API_KEY": KEY}
        self.options = [
            "--grader",
            "./done.jinja",
            "--model",
            "openai/gpt-4.1-mini",
            "--base-url",
            url,
            "--quiet",
        ]
        self.options += ["--in-flight", str(in_flight)]

    def seconds(self, source: str, run: str, shards: int) -> float:
        """Wall time until the last of so many shards is done; 1 is the run that is not sharded."""
        parts = [["--shard", f"{n}/{shards}"] for n in range(1, shards + 1)] if shards > 1 else [[]]
        commands = [judge("label", source, "--run", run, *part, *self.options) for part in parts]
        begun = time.perf_counter()
        with ThreadPoolExecutor(shards) as pool:
            list(pool.map(lambda command: measure(command, self.folder, self.env), commands))
        return time.perf_counter() - begun

    def merge(self, run: str) -> float:
        command = judge("runs", "merge", f"{run}.1-of-2", f"{run}.2-of-2", "--into", f"{run}-merged")
        return measure(command, self.folder, self.env).wall


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shards")
    parser.add_argument("--transcripts", type=int, default=1000)
    parser.add_argument("--bytes", type=int, default=2000)
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    ratios = []
    with (
        tempfile.TemporaryDirectory() as name,
        Process("--latency", str(args.latency)) as server,
    ):
        folder = Path(name)
        (folder / "done.jinja").write_text(GRADER, encoding="utf-8")
        write_transcripts(folder / "all.jsonl", args.transcripts, args.bytes)
        write_transcripts(folder / "one.jsonl", 1, args.bytes)
        bench = Bench(folder, server.openai_url, args.in_flight)
        for number in range(args.rounds):
            rates = []
            for shards in (1, 2):
                fixed = bench.seconds("one.jsonl", f"start{number}-{shards}", shards)
                # Rounds ask the same, so what they bought is put away.
                taken = bench.seconds("all.jsonl", f"r{number}-{shards}", shards) - fixed
                rates.append(args.transcripts / taken)
                (folder / "runs" / "store.sqlite").unlink(missing_ok=True)
            ratios.append(rates[1] / rates[0])
            merged = bench.merge(f"r{number}-2")
            print(
                f"round {number}: {rates[0]:.0f} and {rates[1]:.0f} transcripts/s, ratio {ratios[-1]:.2f}, merge {merged:.1f} s"
            )
    bound = args.in_flight / args.latency
    ratio = statistics.median(ratios)
    print(f"median ratio {ratio:.2f}; one process can do {bound:.0f}/s at this latency")
    what = f"two shards side by side against one process, {args.in_flight} in flight each, {args.latency} s latency"
    keep("shards", {"ratios": ratios}, [Row(what, f"{ratio:.2f} times the throughput", "at least 1.8")])


if __name__ == "__main__":
    main()
