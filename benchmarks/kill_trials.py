"""kill -9 at random moments: nothing lost, nothing bought twice but what was under way, and the same records.

    python -m benchmarks.kill_trials [--trials 100] [--requests 1000] [--in-flight 20] [--seed 0] [--json kill_trials.json]

Each trial is a run of its own against a loopback provider that answers some requests with 429 and 500, cuts the body of
some answers and breaks the connection of others. It is killed one to three times, at moments drawn from the seed: while
it starts, after a number of requests, and while it writes its files. Then the same command runs to its end.

An answer that the provider cut or never delivered is billed and cannot be read, so it has to be bought once more, killed
or not. Of all others, one that is in the store is never bought again. So after every kill this must hold, and is checked:
answers delivered, less answers in the store, grew by no more than the requests that may be under way at once. From the
last kill to the end it must not grow at all. ``records.jsonl`` must be that of an undisturbed run without faults, byte
for byte, and the table equal to its table; no field is left out.
"""

import argparse
import json
import os
import random
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks.fixtures import asking, judge, write_transcripts
from benchmarks.label_cpu import GRADER
from benchmarks.results import Row, keep
from tests.loopback import KEY, Fault, Options, Server

FAULTS = (
    Fault("429", rate=0.02, retry_after=0.05),
    Fault("500", rate=0.02),
    Fault("cut", rate=0.01),
    Fault("reset", rate=0.01),
)
GRADERS = ("done", "asked")
"""Two of them: the second follows the first, so that no transcript has more than one request under way."""

MOST_KILLS = 3


@dataclass
class Kill:
    """``moment`` is when it came, ``sent`` how many requests had come by then, ``under_way`` those without an answer yet."""

    moment: str
    sent: int = 0
    under_way: int = 0
    lost: int = 0
    """Answers that were delivered, or on their way, and are not in the store: they are bought again."""


@dataclass
class Trial:
    kills: list[Kill] = field(default_factory=list)
    requests: int = 0
    bought: int = 0
    unreadable: int = 0
    """Of those bought, what the provider cut or did not deliver."""
    distinct: int = 0
    complaints: list[str] = field(default_factory=list)

    @property
    def again(self) -> int:
        """Bought more than once although an answer was delivered."""
        return self.bought - self.unreadable - self.distinct


class Bench:
    """Transcripts, rubrics, and the files of an undisturbed run to hold others against."""

    def __init__(self, folder: Path, requests: int, in_flight: int) -> None:
        self.folder, self.in_flight = folder, in_flight
        self.requests = requests // len(GRADERS) * len(GRADERS)
        write_transcripts(folder / "data.jsonl", requests // len(GRADERS), 400)
        for name in GRADERS:
            text = GRADER.replace("name: done", f"name: {name}") + f"This is the rubric {name!r}.\n"
            (folder / f"{name}.jinja").write_text(text, encoding="utf-8")
        with Server() as server:
            if self.start(server, "undisturbed").wait() != 0:
                raise RuntimeError("the undisturbed run did not end well")

    def start(self, server: Server, runs_dir: str) -> subprocess.Popen[bytes]:
        graders = [part for name in GRADERS for part in ("--grader", f"./{name}.jinja")]
        place = ["--runs-dir", runs_dir, *asking(server.openai_url)]
        command = judge("label", "data.jsonl", *graders, *place)
        return subprocess.Popen(
            [*command, "--in-flight", str(self.in_flight)],
            cwd=self.folder,
            env=os.environ | {"OPENAI_API_KEY": KEY},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def differences(self, runs_dir: str) -> list[str]:
        """What the run's files have that those of the undisturbed run have not."""
        ours, theirs = (self.folder / name / "r" for name in (runs_dir, "undisturbed"))
        found = []
        if (ours / "records.jsonl").read_bytes() != (theirs / "records.jsonl").read_bytes():
            found.append("records.jsonl differs")
        if not pq.read_table(ours / "records.parquet").equals(pq.read_table(theirs / "records.parquet")):
            found.append("records.parquet differs")
        return found

    def stored(self, runs_dir: str) -> int:
        """How many answers are in the store, whatever state the process left it in."""
        path = self.folder / runs_dir / "store.sqlite"
        if not path.exists():
            return 0
        with closing(sqlite3.connect(path)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'completions'").fetchone():
                return 0
            return int(connection.execute("SELECT count(*) FROM completions").fetchone()[0])


def trial(bench: Bench, number: int, seed: int) -> Trial:
    """One run, killed at its moments, then finished; with what it did that it must not do."""
    rng = random.Random(f"{seed} {number}")
    runs_dir, found = f"trial{number}", Trial()
    with Server(Options(latency=0.02, seed=number)) as server:
        server.script(*FAULTS)
        before = 0
        for _ in range(rng.randint(1, MOST_KILLS)):
            process = bench.start(server, runs_dir)
            moment, come = _moment(rng, server, bench)
            _wait(lambda come=come, process=process: come() or process.poll() is not None)  # type: ignore[misc]
            time.sleep(rng.uniform(0, 0.05))
            kill = Kill(moment, server.stats()["requests"], server.stats()["in_flight"])
            process.kill()
            process.wait()
            _wait(lambda: server.stats()["in_flight"] == 0)  # a provider finishes what it has begun
            beyond = _delivered(server) - bench.stored(runs_dir)
            kill.lost, before = beyond - before, beyond
            if kill.lost > bench.in_flight:
                found.complaints.append(f"{kill.lost} answers lost, {bench.in_flight} may be under way")
            found.kills.append(kill)
        _finish(bench, server, runs_dir, found)
        if _delivered(server) - bench.stored(runs_dir) != before:
            found.complaints.append("answers were lost after the last kill")
    found.complaints += bench.differences(runs_dir)
    return found


def _finish(bench: Bench, server: Server, runs_dir: str, found: Trial) -> None:
    code = bench.start(server, runs_dir).wait()
    if code != 0:
        found.complaints.append(f"the last invocation ended with {code}")
    stats = server.stats()
    found.requests, found.bought = stats["requests"], stats["bought"]
    found.unreadable, found.distinct = stats["broken"], stats["bought_distinct"]
    if found.distinct != bench.requests:
        found.complaints.append(f"{found.distinct} distinct purchases, {bench.requests} expected")


def _moment(rng: random.Random, server: Server, bench: Bench) -> tuple[str, Callable[[], bool]]:
    """When to kill: mostly after a number of answers, sometimes in the start-up or when all is bought."""
    draw = rng.random()
    if draw < 0.1:
        until = time.monotonic() + rng.uniform(0, 2.0)
        return "start", lambda: time.monotonic() > until
    if draw < 0.2:
        return "end", lambda: server.stats()["bought_distinct"] >= bench.requests
    bought = server.stats()["bought"]
    target = rng.randrange(min(bought, bench.requests), bench.requests + 1)
    return "work", lambda: server.stats()["bought"] >= target


def _delivered(server: Server) -> int:
    stats = server.stats()
    return int(stats["bought"] - stats["broken"])


def _wait(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came of it in {seconds:g} s")
        time.sleep(0.002)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kill_trials")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--in-flight", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), args.requests, args.in_flight)
        print(
            f"{'trial':>5}  {'kills (moment, requests by then, under way, lost)':64} bought twice  unreadable"
        )
        trials = []
        for number in range(args.trials):
            found = trial(bench, number, args.seed)
            trials.append(found)
            kills = ", ".join(f"{k.moment} {k.sent} {k.under_way} {k.lost}" for k in found.kills)
            complaint = "  " + "; ".join(found.complaints) if found.complaints else ""
            print(f"{number:5}  {kills:64} {found.again:12}  {found.unreadable:10}{complaint}", flush=True)
    _report(trials, bench)


def _report(trials: list[Trial], bench: Bench) -> None:
    kills = [kill for found in trials for kill in found.kills]
    failed = sum(bool(found.complaints) for found in trials)
    summary = {
        "trials": len(trials),
        "requests_each": bench.requests,
        "in_flight": bench.in_flight,
        "kills": len(kills),
        "failed_trials": failed,
        "distinct": sum(found.distinct for found in trials),
        "bought": sum(found.bought for found in trials),
        "unreadable": sum(found.unreadable for found in trials),
        "bought_again": sum(found.again for found in trials),
        "lost_at_a_kill_at_most": max((kill.lost for kill in kills), default=0),
    }
    told = (
        f"{len(trials) - failed} of {len(trials)} trials held, {len(kills)} kills; {summary['bought_again']} answers of "
        f"{summary['distinct']:,} bought twice, at most {summary['lost_at_a_kill_at_most']} after one kill"
    )
    what = f"kill -9 at random moments of {bench.requests:,} requests with 6 % of faults, {bench.in_flight} in flight"
    goal = f"the same records; at most {bench.in_flight} bought twice for each kill"
    keep(
        "kill_trials",
        {**summary, "each": [asdict(found) for found in trials]},
        [Row(what, told, goal)],
    )
    print(json.dumps(summary))
    if failed:
        raise SystemExit(f"{failed} of {len(trials)} trials did not hold")


if __name__ == "__main__":
    main()
