"""``judge label --engine ray`` on a cluster of this machine: real processes, some of which are killed.

The cluster is started once, with two CPUs; starting it costs more than all that is done on it.
"""

import os
import signal
import socket
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.command import write
from tests.cli.direct import Direct
from tests.loopback import KEY, Options, Server

pytestmark = [
    pytest.mark.filterwarnings("ignore:::ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
COUNT = 24
ENGINE = ("--engine", "ray", "--workers")


@pytest.fixture(scope="module")
def cluster():
    """Workers inherit what is in the environment when it starts: the key, and the guard against other networks."""
    from judge.labelling.distributed.engine import RayCluster

    before = dict(os.environ)
    os.environ["OPENAI_API_KEY"] = KEY
    os.environ.pop("RAY_ADDRESS", None)
    running = RayCluster("", 2, cpus=2)
    try:
        yield running
    finally:
        running.close()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def judge(tmp_path, server, cluster):
    write(tmp_path / "data.jsonl", COUNT)
    return Direct(tmp_path, server)


def workers():
    """Process ids of the cluster's processes that are labelling."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()
            # Whose cluster it is, the environment says: other tests may run on the machine.
            ours = os.environ["RAY_AUTH_TOKEN"].encode() in (folder / "environ").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::_work") and ours:
            found.append(int(folder.name))
    return found


@contextmanager
def killing(server, after):
    """Kill a worker with signal 9 once so many answers were bought; yields the list of those that were killed."""
    killed: list[int] = []

    def watch():
        until = time.monotonic() + 90
        while time.monotonic() < until and not killed:
            if server.stats()["bought"] >= after and (found := workers()):
                os.kill(found[0], signal.SIGKILL)
                killed.append(found[0])
            time.sleep(0.02)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield killed
    thread.join(timeout=10)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_killed_worker_costs_no_more_than_what_it_had_in_flight(judge, server):
    server.service.options.latency = 0.15
    with killing(server, after=20) as killed:
        done = judge.label(
            *ENGINE, "2", "--in-flight", "4", "--to", f"file://{judge.folder}/out/labels.parquet"
        )
    assert done.returncode == 0, done.stderr
    assert killed and "another one goes on" in done.stderr
    shared = judge.folder / "runs/r"
    bought, again = server.stats()["bought"], server.stats()["bought_again"]
    assert again <= 8, (
        "at most what one worker had in flight: 4 transcripts, with up to 2 graders each at a time"
    )
    assert judge.manifest()["bought"]["requests"] >= bought - again - 8
    server.service.options.latency = 0
    assert judge.label("--runs-dir", "alone").returncode == 0
    for name in ("records.jsonl", "records.parquet"):
        assert (shared / name).read_bytes() == (judge.folder / "alone/r" / name).read_bytes()
    assert pq.read_table(judge.folder / "out/labels.parquet").equals(
        pq.read_table(shared / "records.parquet")
    )
    bought = server.stats()["bought"]
    assert judge.label().returncode == 0, "without an engine it goes on as well"
    assert server.stats()["bought"] == bought


def test_more_workers_than_cpus_share_one_rate_limit(judge):
    limits = Options(requests_per_minute=20 * 60, burst=1 / 60)
    with Server(limits) as limited:
        url = ("--base-url", limited.openai_url)
        done = judge.run(*judge.arguments(*ENGINE, "4", "--in-flight", "8", url=url[1]))
        assert done.returncode == 0, done.stderr
        stats = limited.stats()
        assert stats["bought"] == 3 * COUNT and stats["bought_again"] == 0
        assert stats["statuses"].get("429", 0) <= 0.1 * stats["requests"], (
            "each for itself, most would be refused"
        )


def test_a_limit_on_money_holds_for_all_workers_together(judge, server):
    done = judge.label(*ENGINE, "2", "--max-cost", "0.05")
    assert done.returncode == 4, done.stderr
    spent = judge.manifest()["bought"]["cost_usd"]
    assert 0 < spent <= 0.05
    assert judge.manifest()["bought"]["requests"] == server.stats()["bought"] < 3 * COUNT
    assert judge.label(*ENGINE, "2").returncode == 0
    assert server.stats()["bought"] == 3 * COUNT and server.stats()["bought_again"] == 0


def test_a_key_that_is_refused_and_a_source_that_is_wrong_end_as_they_do_without_an_engine(judge, server):
    (judge.folder / "data.jsonl").open("a").write("not json\n")
    done = judge.label(*ENGINE, "2")
    assert done.returncode == 2 and "data.jsonl" in done.stderr and "worker" in done.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ((*ENGINE, "2", "--shard", "1/2"), "--engine and --shard do not go together"),
        ((*ENGINE, "2", "--batch"), "--engine and --batch do not go together"),
        (("--workers", "2"), "--workers needs --engine"),
        (("--engine", "dask"), "there is no such engine"),
        (("--to", "nowhere://x.parquet"), "cannot write to the address of --to"),
        (("--to", "out/labels.csv"), "names no Parquet file"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_bought(tmp_path, server, flags, words):
    write(tmp_path / "data.jsonl", 1)
    done = Direct(tmp_path, server).label(*flags)
    assert done.returncode == 2 and words in done.stderr
    assert server.stats()["requests"] == 0 and not (tmp_path / "runs").exists()


def test_the_table_is_written_elsewhere_without_an_engine_too(tmp_path, server):
    write(tmp_path / "data.jsonl", 1)
    judge = Direct(tmp_path, server)
    done = judge.label("--to", "out/labels.parquet")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/labels.parquet").read_bytes() == (
        tmp_path / "runs/r/records.parquet"
    ).read_bytes()
    failed = judge.label("--to", "zip://labels.parquet::missing.zip")
    assert failed.returncode == 2 and "could not be written to --to" in failed.stderr
    assert judge.manifest()["status"] == "complete" and server.stats()["bought_again"] == 0


def test_without_the_package_the_error_names_the_extra(tmp_path, server, monkeypatch):
    write(tmp_path / "data.jsonl", 1)
    monkeypatch.setattr("judge.labelling.distributed.engine.find_spec", lambda _: None)
    done = Direct(tmp_path, server).label(*ENGINE, "2")
    assert done.returncode == 2 and "pip install '.[ray]'" in done.stderr


def test_an_address_where_no_cluster_is_fails_soon(tmp_path, server):
    write(tmp_path / "data.jsonl", 1)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken, and nobody listens
        address = f"ray://127.0.0.1:{unused.getsockname()[1]}"
        done = Direct(tmp_path, server).label("--engine", address)
    assert done.returncode == 2 and "there is no Ray cluster at this address" in done.stderr
    assert server.stats()["requests"] == 0


def test_one_process_never_loads_ray(tmp_path, server):
    write(tmp_path / "data.jsonl", 1)
    import subprocess

    code = (
        "import sys\nfrom judge.cli import main\n"
        "try: main()\nexcept SystemExit as left: assert not left.code\n"
        "assert not {m for m in sys.modules if m == 'ray' or 'distributed' in m and m.startswith('judge')}"
    )
    judge = Direct(tmp_path, server)
    command = [sys.executable, "-c", code, *judge.arguments()]
    done = subprocess.run(command, cwd=tmp_path, env=judge.env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
