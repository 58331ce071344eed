"""A long run with faults: does anything grow, and is anything lost?

    python -m benchmarks.soak [--requests 100000] [--faults 0.05] [--in-flight 100] [--url http://127.0.0.1:PORT/v1]

``judge label`` runs against a loopback provider (its own, or the one at ``--url``) that answers a share of the requests
with 429 and 500, cuts bodies and breaks connections, a quarter of the share each. Once a second the process is looked
at from outside: resident memory, open descriptors, threads. Tasks of its event loop are counted inside it, once a second
too, by a thread that the benchmark starts before it hands over to the command line.

What is printed: the median of each over the last quarter of the samples against the second quarter (the first one is
start-up and warming), and the requests against those that cannot be avoided, which are one for each answer and one for
each fault.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.fixtures import asking, write_transcripts
from benchmarks.label_cpu import GRADER
from benchmarks.results import Row, keep
from tests.loopback import KEY, Process

_KINDS = ("429", "500", "cut", "reset")
_EVERY = 1.0
_PAGE = os.sysconf("SC_PAGE_SIZE")

# Tasks are known to the process alone. asyncio's own set of them is read from a thread; where it changes at that moment,
# Python says so, and the next second does.
_INSIDE = """
import asyncio.tasks, sys, threading, time
def count(path):
    with open(path, "a", buffering=1) as file:
        while True:
            time.sleep(1)
            try:
                file.write(f"{sum(not task.done() for task in list(asyncio.tasks._all_tasks))}\\n")
            except RuntimeError:
                pass
threading.Thread(target=count, args=(sys.argv.pop(1),), daemon=True).start()
from judge.cli import main
main()
"""


def sample(pid: int) -> dict[str, float] | None:
    """MiB of resident memory, descriptors and threads of a process; None when it has gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        descriptors, threads = (len(list(Path(f"/proc/{pid}/{kind}").iterdir())) for kind in ("fd", "task"))
    except (OSError, IndexError):
        return None
    return {"mib": pages * _PAGE / 2**20, "descriptors": descriptors, "threads": threads}


def watched(process: subprocess.Popen[bytes], progress: Callable[[], str]) -> list[dict[str, float]]:
    """Samples of a process until it ends."""
    samples: list[dict[str, float]] = []
    while process.poll() is None:
        time.sleep(_EVERY)
        if (found := sample(process.pid)) is not None:
            samples.append(found)
        if len(samples) % 30 == 0 and samples:
            print(f"{len(samples):5} s  {samples[-1]['mib']:.0f} MiB  {progress()}", flush=True)
    return samples


def quarters(values: list[float]) -> dict[str, float]:
    """Median of the second and of the last quarter, their ratio, and the most."""
    size = max(1, len(values) // 4)
    second, last = statistics.median(values[size : 2 * size] or values), statistics.median(values[-size:])
    return {"second": second, "last": last, "ratio": last / second if second else 0.0, "most": max(values)}


def run(folder: Path, url: str, in_flight: int, progress: Callable[[], str]) -> dict[str, Any]:
    """The command, watched; what was seen of it, by quarters."""
    options = asking(url, "soak")
    command = ["label", "data.jsonl", "--grader", "./done.jinja", "--in-flight", str(in_flight), *options]
    tasks = folder / "tasks.txt"
    with (folder / "stderr.txt").open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", _INSIDE, str(tasks), *command],
            cwd=folder,
            env=os.environ | {"OPENAI_API_KEY": KEY},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        begun = time.monotonic()
        samples = watched(process, progress)
    if process.returncode != 0:
        raise SystemExit(f"it ended with {process.returncode}: {(folder / 'stderr.txt').read_text()[-2000:]}")
    seen = {name: [found[name] for found in samples] for name in samples[0]}
    # While the files are written there is no event loop, and no request: those samples are of another kind of work.
    seen["tasks"] = [float(line) for line in tasks.read_text().split()]
    busy = [n for n, count in enumerate(seen["tasks"]) if count > 1]
    labelling = slice(busy[0], busy[-1] + 1) if busy else slice(None)
    found: dict[str, Any] = {name: quarters(values[labelling] or values) for name, values in seen.items()}
    return {
        **found,
        "seconds": time.monotonic() - begun,
        "mib_each_second": [round(m, 1) for m in seen["mib"]],
    }


def labels(folder: Path) -> tuple[int, int]:
    """Records, and how many of them are of different transcripts with a label."""
    lines = (folder / "runs" / "soak" / "records.jsonl").read_bytes().splitlines()
    good = {record["transcript_id"] for line in lines if (record := json.loads(line))["status"] == "ok"}
    return len(lines), len(good)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--faults", type=float, default=0.05, help="share of the requests that go wrong")
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--bytes", type=int, default=1000)
    parser.add_argument(
        "--url", help="a server that is running, with its own faults, instead of the loopback one"
    )
    args = parser.parse_args()
    flags = [part for kind in _KINDS for part in ("--fault", f"{kind}={args.faults / len(_KINDS)}")]
    with (
        tempfile.TemporaryDirectory() as name,
        nullcontext() if args.url else Process(*flags, "--latency", "0.02") as server,
    ):
        folder = Path(name)
        (folder / "done.jinja").write_text(GRADER, encoding="utf-8")
        write_transcripts(folder / "data.jsonl", args.requests, args.bytes)
        progress = (lambda: f"{server.stats()['requests']} requests") if server else (lambda: "")
        url = server.openai_url if server else args.url
        found = run(folder, url, args.in_flight, progress)
        found["records"], found["labelled"] = labels(folder)
        found["asked"] = args.requests
        if server:
            found |= _purchases(server.stats())
    keep("soak", found, _rows(found, args))
    _report(found)


def _purchases(stats: dict[str, Any]) -> dict[str, Any]:
    refused = sum(count for status, count in stats["statuses"].items() if status != "200")
    return {
        "requests": stats["requests"],
        "refused": refused,
        "unreadable": stats["broken"],
        "bought": stats["bought"],
        "bought_distinct": stats["bought_distinct"],
        "unavoidable": stats["bought_distinct"] + refused + stats["broken"],
    }


def _rows(found: dict[str, Any], args: argparse.Namespace) -> list[Row]:
    def grown(name: str) -> str:
        return f"{name} {found[name]['last']:.0f} against {found[name]['second']:.0f}, at most {found[name]['most']:.0f}"

    what = f"{args.requests:,} requests, {args.faults:.0%} of them with faults, {args.in_flight} in flight: last quarter against the second"
    growth = ", ".join([grown("mib").replace("mib", "MiB"), *map(grown, ("descriptors", "threads", "tasks"))])
    rows = [Row(what, growth, "flat")]
    if "requests" in found:
        told = f"{found['labelled']:,} labelled, {found['requests'] / found['asked']:.4f} requests for each"
        rows.append(
            Row(
                "lost; requests against those that cannot be avoided",
                told,
                f"all; {found['unavoidable'] / found['asked']:.4f}",
            )
        )
    return rows


def _report(found: dict[str, Any]) -> None:
    print(f"{'':12} {'2nd quarter':>12} {'last quarter':>13} {'ratio':>6} {'most':>7}")
    for name in ("mib", "descriptors", "threads", "tasks"):
        q = found[name]
        print(f"{name:12} {q['second']:12.1f} {q['last']:13.1f} {q['ratio']:6.2f} {q['most']:7.0f}")
    print(
        f"{found['asked']} transcripts: {found['records']} records, {found['labelled']} with a label, {found['seconds']:.0f} s"
    )
    if "requests" in found:
        each = found["requests"] / found["asked"]
        least = found["unavoidable"] / found["asked"]
        print(f"requests for each transcript: {each:.4f}, unavoidable {least:.4f}")
    if found["labelled"] != found["asked"]:
        raise SystemExit(f"{found['asked'] - found['labelled']} transcripts have no label")


if __name__ == "__main__":
    main()
