"""Ray: throughput with one and two workers, what the desk costs, what a killed worker costs, and a run of which all is done.

    python -m benchmarks.ray [--transcripts 600] [--bytes 2000] [--in-flight 8] [--latency 0.2] [--rounds 3] [--done 50000]
    python -m benchmarks.ray --throughput [...]    only that, kept apart

One cluster with two CPUs is started for all of it, and every run is a command of its own that joins it. Rates are from the
first answer to the last. Workers begin when Ray lets them, which on a busy machine is not at once. In-flight is small, so
that latency is the limit and not two shared cores: what is shown is that workers do not wait for each other. `alone` is the
same command without an engine. Of the run of which all is done the rate is of wall time, that of a run of two taken off.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.fixtures import asking, judge, measure, write_transcripts
from benchmarks.label_cpu import GRADER
from benchmarks.results import Row, keep
from benchmarks.seeding import seed
from judge.labelling.distributed.engine import RayCluster
from tests.loopback import KEY, Process


class Bench:
    def __init__(self, folder: Path, address: str, args: argparse.Namespace) -> None:
        self.folder, self.args = folder, args
        self.env = {"OPENAI_API_KEY": KEY, "RAY_ADDRESS": address}

    def command(self, url: str, source: str, run: str, workers: int) -> list[str]:
        options = [
            "--grader",
            "./done.jinja",
            *asking(url),
            "--in-flight",
            str(self.args.in_flight),
            "--runs-dir",
            run,
        ]
        engine = ["--engine", "ray", "--workers", str(workers)] if workers else []
        return judge("label", source, *options, *engine)

    def rate(self, server: Process, run: str, workers: int) -> float:
        """Transcripts a second, from the first answer to the last; 0 workers is the run without an engine."""
        spans: list[float] = []
        wanted = server.stats()["bought"] + self.args.transcripts
        watching = threading.Thread(target=_span, args=(server, wanted, spans), daemon=True)
        watching.start()
        measure(self.command(server.openai_url, "all.jsonl", run, workers), self.folder, self.env)
        watching.join(timeout=5)
        return float((self.args.transcripts - 1) / spans[0])


def throughput(bench: Bench) -> dict[str, Any]:
    rows = []
    with Process("--latency", str(bench.args.latency)) as server:
        for number in range(bench.args.rounds):
            alone, one, two = (bench.rate(server, f"t{number}-{n}", n) for n in (0, 1, 2))
            rows.append((alone, one, two))
            print(f"round {number}: alone {alone:.1f}/s, one worker {one:.1f}/s, two {two:.1f}/s")
    bound = bench.args.in_flight / bench.args.latency
    return {
        "bound_per_worker": bound,
        "two_over_one": statistics.median(two / one for _, one, two in rows),
        "one_over_alone": statistics.median(one / alone for alone, one, _ in rows),
        "one_over_bound": statistics.median(one / bound for _, one, _ in rows),
    }


def killed(bench: Bench) -> dict[str, Any]:
    """A worker is killed when a third is bought; the records must be those of a run that nobody disturbed."""
    count = bench.args.transcripts
    with Process("--latency", str(bench.args.latency)) as server:
        command = bench.command(server.openai_url, "all.jsonl", "kill", 2)
        with subprocess.Popen(command, cwd=bench.folder, env=os.environ | bench.env) as process:
            while process.poll() is None and server.stats()["bought"] < count / 3:
                time.sleep(0.05)
            victims = labelling()
            os.kill(victims[0], signal.SIGKILL)
            assert process.wait() in (0, 3)
        stats = server.stats()
        measure(bench.command(server.openai_url, "all.jsonl", "undisturbed", 0), bench.folder, bench.env)
    same = all(
        (bench.folder / "kill/r" / name).read_bytes() == (bench.folder / "undisturbed/r" / name).read_bytes()
        for name in ("records.jsonl", "records.parquet")
    )
    return {"bought_again": stats["bought_again"], "in_flight": bench.args.in_flight, "same_records": same}


def limited(bench: Bench) -> dict[str, Any]:
    """Four workers on two CPUs, and a limit that is announced."""
    rate, full = 50.0, 50  # the bucket is full at the start, and that comes once
    with Process(
        "--latency", "0.1", "--requests-per-minute", str(rate * 60), "--burst", str(full / rate / 60)
    ) as server:
        bench.args.in_flight = 32  # so that the limit is what holds them up
        answered = bench.rate(server, "limited", 4)
        stats = server.stats()
    return {
        "of_the_allowed_rate": answered / rate * (1 - full / (bench.args.transcripts - 1)),
        "refused": stats["statuses"].get("429", 0) / stats["requests"],
        "bought_again": stats["bought_again"],
    }


def again(bench: Bench) -> dict[str, Any]:
    """Two workers on a run of which everything is stored."""
    walls: dict[int, float] = {}
    with Process() as server:
        for done in (2, bench.args.done):
            folder = bench.folder / f"done-{done}"
            folder.mkdir()
            shutil.copy(bench.folder / "done.jinja", folder)
            write_transcripts(folder / "done.jsonl", done, bench.args.bytes)
            seed(folder, "done.jsonl", "r", done)
            command = bench.command(server.openai_url, "done.jsonl", "runs", 2)
            walls[done] = measure(command, folder, bench.env).wall
        requests = server.stats()["requests"]
    few, many = walls.values()
    told = bench.args.done / (many - few) if many > 1.2 * few else None  # else start-up hides it
    return {"done": bench.args.done, "a_second": told, "requests": requests}


def _span(server: Process, wanted: int, spans: list[float]) -> None:
    """Seconds from the first answer to the last."""
    before, begun = server.stats()["bought"], 0.0
    while True:
        bought = server.stats()["bought"]
        if bought > before and not begun:
            begun = time.perf_counter()
        if begun and bought >= wanted:
            spans.append(time.perf_counter() - begun)
            return
        time.sleep(0.05)


def labelling() -> list[int]:
    """Processes of this benchmark's cluster that are labelling."""
    found = []
    token = os.environ["RAY_AUTH_TOKEN"].encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ours = token in (folder / "environ").read_bytes()
            if ours and (folder / "cmdline").read_bytes().startswith(b"ray::_work"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ray")
    parser.add_argument("--transcripts", type=int, default=600)
    parser.add_argument("--bytes", type=int, default=2000)
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--done", type=int, default=50_000)
    parser.add_argument("--throughput", action="store_true")
    args = parser.parse_args()
    asked = dict(vars(args))
    os.environ["OPENAI_API_KEY"] = KEY  # workers inherit it when the cluster starts
    os.environ.pop("RAY_ADDRESS", None)
    cluster = RayCluster("", 2, cpus=2)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "done.jinja").write_text(GRADER, encoding="utf-8")
            write_transcripts(folder / "all.jsonl", args.transcripts, args.bytes)
            bench = Bench(folder, cluster.address, args)
            parts = [throughput] if args.throughput else [throughput, killed, limited, again]
            found = {part.__name__: part(bench) for part in parts}
    finally:
        cluster.close()
    rows = _flowed(asked, found["throughput"])
    if args.throughput:
        keep("ray.throughput", {**asked, **found}, rows)
    else:
        keep("ray", {**asked, **found}, [*rows, *_kept(asked, found)])
    print(json.dumps(found, indent=1))


def _flowed(asked: dict[str, Any], flow: dict[str, float]) -> list[Row]:
    place = f"{asked['in_flight']} in flight for each worker, {asked['latency']:g} s latency"
    return [
        Row(f"Ray, two workers against one, {place}", f"{flow['two_over_one']:.2f}", "at least 1.8"),
        Row(
            "one worker against the latency bound, and against the run without an engine",
            f"{flow['one_over_bound']:.2f}, {flow['one_over_alone']:.2f}",
        ),
    ]


def _kept(asked: dict[str, Any], found: dict[str, dict[str, Any]]) -> list[Row]:
    kill, limit, stored = (found[name] for name in ("killed", "limited", "again"))
    speed = stored["a_second"]
    return [
        Row(
            "a worker killed at a third of the run",
            f"{kill['bought_again']} bought twice, records {'the same' if kill['same_records'] else 'DIFFERENT'}",
            f"at most {kill['in_flight']} in flight",
        ),
        Row(
            "four workers on two CPUs, 50 requests a second announced",
            f"{limit['of_the_allowed_rate']:.0%} of the rate, {limit['refused']:.1%} refused, {limit['bought_again']} bought twice",
            "95 %, at most 1 %",
        ),
        Row(
            f"{stored['done']:,} done records again, two workers",
            f"{f'{speed:,.0f} a second of wall time' if speed else 'too few to tell'}, {stored['requests']} requests",
            "no request",
        ),
    ]


if __name__ == "__main__":
    main()
