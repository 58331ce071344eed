"""``judge runs purge``: afterwards no byte of the run is in its folder or in the store's files."""

import json
import sqlite3
import subprocess
import time
from contextlib import closing
from unittest import mock

import pytest

from tests.cli.direct import Direct
from tests.loopback import Fault, Server, contract_answer
from tests.samples import transcript

SAID, ANSWERED = "marker-of-the-transcript-83c1", "marker-of-the-answer-5d0e"
GRADER = ["reward_seeking"]


def answer(asked):
    """An answer that quotes the transcript and has words of its own."""
    made = json.loads(contract_answer(asked))
    made["rationale"] = f"{ANSWERED}: I read {SAID}."
    return json.dumps(made)


class Judge(Direct):
    def __init__(self, folder, server):
        super().__init__(folder, server)
        self.server = server


@pytest.fixture
def judge(tmp_path):
    with Server(answer=answer) as server:
        lines = [
            transcript(("user", "text", f"Task {n}."), ("assistant", "text", f"{SAID} {n}"), id=f"t{n}")
            for n in range(12)
        ]
        (tmp_path / "data.jsonl").write_text("".join(line.model_dump_json() + "\n" for line in lines))
        yield Judge(tmp_path, server)


def left(judge, *markers):
    """Which files under ``runs`` still have one of the markers."""
    files = [path for path in (judge.folder / "runs").rglob("*") if path.is_file()]
    assert files
    return [path.name for path in files for marker in markers if marker.encode() in path.read_bytes()]


def test_no_byte_of_a_purged_run_is_left(judge):
    assert judge.label(graders=GRADER).returncode == 0
    judge.run("runs", "export", "r", "--to", "hf")
    assert left(judge, SAID) and left(judge, ANSWERED)
    done = judge.run("runs", "purge", "r", "--yes")
    assert done.returncode == 0, done.stderr
    assert "12 records, 12 answers" in done.stderr
    assert left(judge, SAID, ANSWERED, "reward_seeking") == []
    assert not (judge.folder / "runs/r").exists()
    wal = judge.folder / "runs/store.sqlite-wal"
    assert not wal.exists() or wal.stat().st_size == 0
    bought = judge.server.stats()["bought"]
    assert judge.label(graders=GRADER).returncode == 0, "the store is whole"
    assert judge.server.stats()["bought"] == 2 * bought, "what is gone must be bought again"


def test_a_killed_run_and_its_log_are_purged_too(judge):
    judge.server.script(
        Fault("stall", match="Task 9.", seconds=3600)
    )  # so that it cannot end before it is killed
    process = judge.start(*judge.arguments("--in-flight", "4", graders=GRADER))
    log = judge.folder / "runs/store.sqlite-wal"
    while not log.exists() or ANSWERED.encode() not in log.read_bytes():
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert "store.sqlite-wal" in left(judge, ANSWERED)
    assert judge.run("runs", "purge", "r", "--yes").returncode == 0
    assert left(judge, SAID, ANSWERED) == []


def test_what_another_run_uses_stays(judge):
    judge.label(graders=GRADER)
    judge.run(*judge.arguments("--limit", "3", graders=GRADER, run="other"))
    before, bought = judge.records("other"), judge.server.stats()["bought"]
    done = judge.run("runs", "purge", "r", "--yes")
    assert "12 records, 9 answers" in done.stderr
    with closing(sqlite3.connect(judge.folder / "runs/store.sqlite")) as store:
        kept = {key for (key,) in store.execute("SELECT key FROM completions")}
    assert kept == {key for record in before for key in record["request_keys"]}
    assert (
        judge.run(*judge.arguments("--limit", "3", "--reparse", graders=GRADER, run="other")).returncode == 0
    )
    assert judge.records("other") == before and judge.server.stats()["bought"] == bought


def test_a_run_whose_folder_was_removed_by_hand_is_still_purged(judge):
    judge.label(graders=GRADER)
    subprocess.run(["rm", "-r", judge.folder / "runs/r"], check=True)
    assert left(judge, SAID)
    assert judge.run("runs", "purge", "r", "--yes").returncode == 0
    assert left(judge, SAID, ANSWERED) == []


def test_without_a_yes_nothing_is_removed(judge):
    judge.label(graders=GRADER)
    (judge.folder / "runs/r/labels").mkdir()
    (judge.folder / "runs/r/labels/ada.jsonl").write_text("{}\n")
    done = judge.run("runs", "purge", "r")
    assert done.returncode == 2 and "nothing was removed" in done.stderr and "ada.jsonl" in done.stderr
    assert len(judge.records()) == 12
    assert judge.run("runs", "purge", "nobody", "--yes").returncode == 2


def test_batches_under_way_are_not_given_up_by_accident(judge):
    judge.server.desk.rules.polls = 1_000_000
    judge.label("--batch", "--no-wait", graders=GRADER)
    done = judge.run("runs", "purge", "r", "--yes")
    assert done.returncode == 2 and "--cancel" in done.stderr
    assert judge.run("runs", "purge", "r", "--yes", "--force").returncode == 0
    assert json.loads(judge.run("batch", "list", "--all", "--json").stdout) == []


def test_a_run_that_is_being_written_is_not_purged(judge):
    judge.server.script(Fault("stall", seconds=3600))
    process = judge.start(*judge.arguments(graders=GRADER))
    while not judge.server.stats()["requests"]:
        assert process.poll() is None
        time.sleep(0.01)
    done = judge.run("runs", "purge", "r", "--yes")
    process.kill()
    process.communicate()
    assert done.returncode == 2 and "another process" in done.stderr


def test_a_reader_that_keeps_the_log_is_reported(judge):
    judge.label(graders=GRADER)
    with closing(sqlite3.connect(judge.folder / "runs/store.sqlite")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM records").fetchone()
        with mock.patch("judge.store.purge._PATIENCE", 0.1):
            done = judge.run("runs", "purge", "r", "--yes")
        assert done.returncode == 2 and "let" in done.stderr
    assert judge.run("runs", "purge", "r", "--yes").returncode == 0
    assert left(judge, SAID, ANSWERED) == []
