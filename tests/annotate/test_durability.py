"""Nothing that was acknowledged is lost: two at once, two tabs, kill -9, a full disk, a line that is no label."""

import resource
import signal
import threading
import time
from http.client import HTTPException

import pytest

from tests.annotate.samples import ITEMS, answer, label, make_set, read_labels, write_labels
from tests.annotate.wire import Session


@pytest.fixture
def folder(tmp_path):
    make_set(tmp_path)
    return tmp_path


def test_two_annotators_at_once_lose_nothing(folder):
    with Session(folder, "colour", "--as", "ana") as ana, Session(folder, "colour", "--as", "ben") as ben:

        def work(session, value):
            for item in ITEMS:
                assert session.commit(item.id, answer(value, int(item.id[1:]))).status == 200

        threads = [
            threading.Thread(target=work, args=(session.enter(), value))
            for session, value in ((ana, "red"), (ben, "none"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(300)
    for name, value in (("ana", "red"), ("ben", "none")):
        lines = read_labels(folder / "colour", name)
        assert [line["label"] for line in lines] == [value] * 12
        assert {line["transcript_id"] for line in lines} == {item.id for item in ITEMS}


def test_two_tabs_of_one_annotator_do_not_write_over_each_other(folder):
    with Session(folder, "colour", "--as", "ana") as session:
        session.enter()
        base = session.get("/api/work/t00").json["revision"]
        assert session.commit("t00", answer("red"), base).status == 200
        reply = session.commit("t00", answer("none"), base)
        assert reply.status == 409 and reply.json["stale"]
        drafts = {"answer": answer("none"), "base": base}
        assert session.post("/api/draft/t00", drafts).status == 409
    assert [line["label"] for line in read_labels(folder / "colour", "ana")] == ["red"]


def test_two_processes_of_one_annotator_see_each_others_labels(folder):
    with Session(folder, "colour", "--as", "ana") as one, Session(folder, "colour", "--as", "ana") as two:
        one.enter()
        two.enter()
        base = two.get("/api/work/t00").json["revision"]
        one.commit("t00", answer("red"))
        assert two.commit("t00", answer("none"), base).json["stale"]
        assert two.get("/api/work/t00").json["committed"]["labels"] == {"colour": ["red"]}
        assert two.get("/api/desk").json["progress"]["done"] == 1


def test_a_draft_is_there_again_after_the_server_was_killed(folder):
    draft = answer("red", note="half a thou") | {"evidence": []}
    with Session(folder, "colour", "--as", "ana") as session:
        session.enter().post("/api/draft/t03", {"answer": draft, "base": 0})
        session.stop(signal.SIGKILL)
    with Session(folder, "colour", "--as", "ana") as session:
        work = session.enter().get("/api/work/t03").json
        assert work["draft"] and work["answer"]["note"] == "half a thou"
        assert work["answer"]["labels"] == {"colour": ["red"]}
        items = {item["id"]: item["state"] for item in session.get("/api/desk").json["items"]}
        assert items["t03"] == "started"
    assert not (folder / "colour" / "labels" / "ana.jsonl").exists()


def test_kill_9_in_the_middle_loses_no_acknowledged_label(folder):
    acknowledged: list[str] = []
    for round_ in range(3):
        with Session(folder, "colour", "--as", "ana") as session:
            session.enter()
            enough = len(acknowledged) + 5 + 3 * round_
            killer = threading.Thread(target=kill_when, args=(session, lambda: len(acknowledged) >= enough))
            killer.start()
            try:
                for number in range(10_000):
                    item = ITEMS[number % 12]
                    value = ("red", "none", "indeterminate")[number % 3]
                    if session.commit(item.id, answer(value, number % 12)).status == 200:
                        acknowledged.append(f"{item.id} {value}")
            except (OSError, HTTPException):
                pass
            killer.join()
    lines = [f"{line['transcript_id']} {line['label']}" for line in read_labels(folder / "colour", "ana")]
    assert len(acknowledged) > 10
    remaining = iter(lines)
    assert all(any(line == one for line in remaining) for one in acknowledged), (
        "an acknowledged label is missing"
    )


def kill_when(session, condition):
    """With no word to the client, so that the kill comes in the middle of whatever it asks next."""
    while not condition():
        time.sleep(0.001)
    session.stop(signal.SIGKILL)


def test_a_full_disk_is_said_and_nothing_half_written_stays(folder):
    with Session(folder, "colour", "--as", "ana") as session:
        session.enter().commit("t00", answer("red"))
        path = folder / "colour" / "labels" / "ana.jsonl"
        before = path.read_bytes()
        _, hard = resource.prlimit(session.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(session.process.pid, resource.RLIMIT_FSIZE, (len(before) + 20, hard))
        reply = session.commit("t01", answer("red", 1))
        assert reply.status == 507 and "nothing of it was" in reply.json["problem"]
        assert path.read_bytes() == before
        resource.prlimit(session.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert session.commit("t01", answer("red", 1)).status == 200
    assert len(read_labels(folder / "colour", "ana")) == 2


def test_ctrl_c_ends_a_session_in_order_and_says_what_was_done(folder):
    with Session(folder, "colour", "--as", "ana") as session:
        session.enter().commit("t00", answer("red"))
        time.sleep(0.1)
        code, err = session.stop()
    assert code == 0 and "1 of 12 done" in err and "Traceback" not in err


def test_evidence_offsets_that_do_not_fit_are_refused_by_the_server_too(folder):
    with Session(folder, "colour", "--as", "ana") as session:
        wrong = answer("red")
        wrong["evidence"][0]["end"] += 1
        reply = session.enter().commit("t00", wrong)
        assert reply.status == 422 and "is not at" in reply.json["problems"][0][1]


def test_labels_of_older_versions_are_read_and_kept(folder):
    path = write_labels(folder / "colour", "ana", [label(0, "red", "ana")])
    old = path.read_text().replace(',"grader_sha256":"","at":"","adjudicator":""', "")
    assert "grader_sha256" not in old
    path.write_text(old)
    with Session(folder, "colour", "--as", "ana") as session:
        work = session.enter().get("/api/work/t00").json
        assert work["committed"]["labels"] == {"colour": ["red"]}
        session.commit("t01", answer("none"))
    assert path.read_text().startswith(old)


def test_a_folder_that_cannot_be_written_is_said_on_the_page(folder):
    (folder / "colour" / "labels").write_text("in the way")
    with Session(folder, "colour", "--as", "ana") as session:
        reply = session.enter().commit("t00", answer("red"))
        assert reply.status == 507 and "labels/.work" in reply.json["problem"]
