"""Resident memory of ``judge label`` over the size of the dataset.

python -m benchmarks.memory [--small 2000] [--large 100000] [--bytes 2000]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.fixtures import asking, judge, write_transcripts
from benchmarks.label_cpu import GRADER
from benchmarks.results import Row, keep
from benchmarks.server import Server
from tests.loopback import KEY

_CHILD = "import sys; from benchmarks.memory import peak; print(peak(*sys.argv[1:]))"


def peak(folder: str, count: str, url: str) -> float:
    """Peak resident MiB of one run; called in a fresh process, because the kernel's figure is of all children so far."""
    from benchmarks.fixtures import measure

    options = asking(url, f"r{count}")
    command = judge("label", f"{count}.jsonl", "--grader", "./done.jinja", "--in-flight", "100", *options)
    return measure(command, Path(folder), {"OPENAI_API_KEY": KEY}).peak_mib


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("--small", type=int, default=2000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--bytes", type=int, default=2000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Server() as server:
        (Path(folder) / "done.jinja").write_text(GRADER, encoding="utf-8")
        found = {}
        for count in (args.small, args.large):
            write_transcripts(Path(folder) / f"{count}.jsonl", count, args.bytes)
            command = [sys.executable, "-c", _CHILD, folder, str(count), server.openai_url]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[count] = float(done.stdout)
            print(f"{count:8} transcripts: {found[count]:.0f} MiB peak")
    ratio = found[args.large] / found[args.small]
    print(f"ratio {ratio:.2f}")
    what = f"peak memory, {args.large:,} transcripts of {args.bytes // 1000} KB against {args.small:,}"
    told = f"{found[args.large]:.0f} MiB against {found[args.small]:.0f} MiB: {ratio:.2f}"
    keep("memory", {"peak_mib": found, "bytes": args.bytes, "ratio": ratio}, [Row(what, told, "at most 1.1")])


if __name__ == "__main__":
    main()
