"""Going on with a run of many done records: how soon, how fast, how much memory, and how large the store is.

    python -m benchmarks.resume [--done 1000000] [--new 100] [--small 10000] [--bytes 2000] [--prepared FOLDER]

For each size and each container, JSON Lines and Parquet, a run of that many records is made by ``benchmarks.seeding`` and
then the command runs twice in a process of its own:

again    everything is stored. Transcripts a second of CPU and of wall time, start-up (measured on a run of one) taken off;
         requests at the provider, of which there must be none; peak resident memory.
resumed  so many new transcripts stand at the end of the source. Seconds from the start of the process to the first request
         at the provider; peak resident memory until the run's files are written.

The operating system has the files in its cache: a disk that must be read first adds the time that it takes for that.
Making a million records takes ten minutes; with ``--prepared`` they are kept in a folder for the next time.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.fixtures import asking, judge, measure, write_transcripts
from benchmarks.label_cpu import GRADER
from benchmarks.results import Row, keep
from benchmarks.seeding import as_parquet, seed
from tests.loopback import KEY, Process

_CHILD = (
    "import json, sys; from benchmarks.resume import cost; "
    "print(json.dumps(cost(sys.argv[1], json.loads(sys.argv[2]))))"
)


def cost(folder: str, command: list[str]) -> dict[str, float]:
    """Of one command; in a fresh process, because the kernel's figure of memory is of all children so far."""
    begun = time.monotonic()
    return {**vars(measure(command, Path(folder), {"OPENAI_API_KEY": KEY})), "begun": begun}


class Bench:
    def __init__(self, folder: Path, server: Process, size: int) -> None:
        self.folder, self.server, self.size = folder, server, size
        (folder / "done.jinja").write_text(GRADER, encoding="utf-8")

    def prepare(self, done: int, new: int) -> None:
        """Transcripts in both containers, and the run ``r`` of the first ``done`` of them."""
        shutil.rmtree(self.folder / "runs", ignore_errors=True)
        as_parquet(write_transcripts(self.folder / "data.jsonl", done + new, self.size))
        seed(self.folder, "data.jsonl", "r", done)

    def take(self, kept: Path) -> None:
        """The runs as they were made, on disk: else the first commit would wait for the copy to be written."""
        shutil.rmtree(self.folder / "runs", ignore_errors=True)
        shutil.copytree(kept, self.folder / "runs")
        os.sync()

    def command(self, source: str, limit: int | None) -> list[str]:
        place = [*asking(self.server.openai_url), "--in-flight", "32"]
        cut = ["--limit", str(limit)] if limit is not None else []
        return judge("label", source, "--grader", "./done.jinja", *place, *cut)

    def measured(self, source: str, limit: int | None) -> dict[str, float]:
        """Cost of the command, and the seconds until its first request."""
        before = self.server.stats()["requests"]
        first: list[float] = []
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.02):
                if self.server.stats()["requests"] > before:
                    first.append(time.monotonic())
                    return

        thread = threading.Thread(target=watch)
        thread.start()
        command = [sys.executable, "-c", _CHILD, str(self.folder), json.dumps(self.command(source, limit))]
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path.cwd())},
        )
        ended.set()
        thread.join()
        found: dict[str, float] = json.loads(done.stdout)
        requests = self.server.stats()["requests"] - before
        return {**found, "requests": requests, "first_request": first[0] - found["begun"] if first else -1.0}

    def store_bytes(self) -> int:
        return (self.folder / "runs" / "store.sqlite").stat().st_size


def rounds(bench: Bench, done: int, new: int) -> dict[str, Any]:
    """Everything that is measured at one size."""
    kept = bench.folder / "kept"
    if not kept.exists():
        bench.prepare(done, new)
        (bench.folder / "runs").rename(kept)
    bench.take(kept)
    found: dict[str, Any] = {"done": done, "store_bytes_per_record": bench.store_bytes() / done}
    sources = {"jsonl": "data.jsonl", "parquet": "data.parquet"}
    for kind, source in sources.items():
        found[kind] = {"again": bench.measured(source, done)}
        bench.take(kept)
        found[kind]["resumed"] = bench.measured(source, None)
        bench.take(kept)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resume")
    parser.add_argument("--done", type=int, default=1_000_000)
    parser.add_argument("--new", type=int, default=100)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--bytes", type=int, default=2000)
    parser.add_argument("--prepared", type=Path, help="keep the largest set here, or take it from here")
    args = parser.parse_args()
    found = []
    with Process() as server:
        for done, new, prepared in (
            (1, 1, None),
            (args.small, args.new, None),
            (args.done, args.new, args.prepared),
        ):
            with tempfile.TemporaryDirectory() as name:
                folder = prepared / f"{done}x{args.bytes}" if prepared else Path(name)
                folder.mkdir(parents=True, exist_ok=True)
                found.append(rounds(Bench(folder, server, args.bytes), done, new))
    keep("resume", {"sizes": found, "bytes": args.bytes}, _rows(*found))


def _rows(start: dict[str, Any], small: dict[str, Any], large: dict[str, Any]) -> list[Row]:
    """What came of it, as it is printed and as it stands in the table."""
    done, least = large["done"], small["done"]
    rows = [
        Row(
            "store, for each record of 2 KB of transcript and its answer",
            f"{large['store_bytes_per_record']:,.0f} bytes",
        )
    ]
    for kind in ("jsonl", "parquet"):
        again, resumed, fixed = large[kind]["again"], large[kind]["resumed"], start[kind]["again"]
        cpu, wall = (done / max(again[what] - fixed[what], 1e-9) for what in ("cpu", "wall"))
        mib = {
            what: [part[kind][what]["peak_mib"] for part in (small, large)] for what in ("again", "resumed")
        }
        rows += [
            Row(
                f"{done:,} done records again, {kind}",
                f"{cpu:,.0f} a second of CPU, {wall:,.0f} of wall time, {again['requests']} requests",
                "10,000 a second, no request",
            ),
            Row(
                f"going on after {done:,} done records, {kind}: first request",
                f"after {resumed['first_request']:.1f} s (after one record {start[kind]['resumed']['first_request']:.1f} s)",
                "5 s",
            ),
            Row(
                f"peak memory, {done:,} done records against {least:,}, {kind}: again; going on",
                "; ".join(
                    f"{large_one:.0f} MiB against {small_one:.0f}: {large_one / small_one:.2f}"
                    for small_one, large_one in mib.values()
                ),
                "1.3",
            ),
        ]
    for row in rows:
        print(f"{row.what}: {row.found}")
    return rows


if __name__ == "__main__":
    main()
