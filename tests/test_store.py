import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from judge.errors import StoreError
from judge.store import CompletionRow, RecordRow, Store, schema


def row(**changes):
    fields: dict[str, Any] = {
        "run": "r",
        "transcript_id": "t",
        "grader": "g",
        "sample": 0,
        "position": 0,
        "rank": 0,
        "fingerprint": "f",
        "status": "ok",
        "record": b"{}\n",
    }
    return RecordRow(**fields | changes)


def test_a_completion_is_kept_as_it_was_first_written(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        store.write([CompletionRow("k", "m", "openai_chat", b"first")])
        store.write([CompletionRow("k", "m", "openai_chat", b"second")])
        assert store.completion("k") == ("openai_chat", b"first")
        assert store.completion("other") is None


def test_what_was_written_is_there_after_reopening(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        store.write([CompletionRow("k", "m", "d", b"body"), row()])
    with Store(tmp_path / "s.sqlite") as store:
        assert store.completion("k") == ("d", b"body")
        assert list(store.records("r")) == [b"{}\n"]


def test_records_come_in_the_order_of_dataset_graders_and_samples(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        places = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)]
        store.write(
            row(
                transcript_id=f"t{p}",
                grader=f"g{g}",
                position=p,
                rank=g,
                sample=s,
                record=f"{p}{g}{s}".encode(),
            )
            for p, g, s in places
        )
        assert list(store.records("r")) == [b"000", b"001", b"010", b"100"]


def test_finished_leaves_out_other_texts_and_what_the_provider_failed(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        store.write([row(), row(sample=1, status="provider"), row(sample=2, status="refused")])
        assert store.finished("r", "t", "f") == {("g", 0): "ok", ("g", 2): "refused"}
        assert store.finished("r", "t", "changed") == {}
        assert store.finished("other", "t", "f") == {}


def test_a_later_record_takes_the_place_of_an_earlier_one(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        store.write([row(status="provider", record=b"old")])
        store.write([row(record=b"new")])
        assert list(store.records("r")) == [b"new"]


def test_a_batch_is_written_whole_or_not_at_all(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        bad = CompletionRow("k2", "m", "d", None)  # type: ignore[arg-type]
        with pytest.raises(StoreError, match="cannot write"):
            store.write([CompletionRow("k1", "m", "d", b"x"), bad])
        assert store.completion("k1") is None
        store.write([CompletionRow("k1", "m", "d", b"x")])
        assert store.completion("k1") == ("d", b"x")


def test_the_file_is_its_owners_alone(tmp_path):
    with Store(tmp_path / "runs" / "s.sqlite") as store:
        store.write([row()])
        for path in (tmp_path / "runs").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        assert stat.S_IMODE((tmp_path / "runs").stat().st_mode) & 0o077 == 0


def test_a_file_that_is_no_store_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"this is not a database, it is a letter" * 100)
    with pytest.raises(StoreError, match="s.sqlite"):
        Store(path)


def test_a_store_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "s.sqlite"
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer version"):
        Store(path)


def test_two_processes_may_write_one_store(tmp_path):
    with Store(tmp_path / "s.sqlite") as one, Store(tmp_path / "s.sqlite") as two:
        one.write([CompletionRow("a", "m", "d", b"1")])
        two.write([CompletionRow("b", "m", "d", b"2")])
        assert one.completion("b") and two.completion("a")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_folder_that_cannot_be_made_is_an_error_that_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot open the store"):
        Store(tmp_path / "file" / "s.sqlite")


# --- older stores ---

ANSWER = b'{"model": "m-1", "choices": [{"message": {"content": "{}"}}], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}'


def first_format(path):
    """A store as the first version made it, with an answer, one that nobody can read, and a record."""
    with sqlite3.connect(path) as connection:
        schema.STEPS[0](connection)
        connection.execute("PRAGMA user_version = 1")
        put = "INSERT INTO completions (key, model, dialect, body, run, cost) VALUES (?, ?, ?, ?, ?, ?)"
        connection.execute(put, ("k", "m", "openai_chat", ANSWER, "r", 0.25))
        connection.execute(put, ("odd", "m", "no_such_dialect", b"?", "r", 0.5))
        connection.execute(
            "INSERT INTO records VALUES ('r', 't', 'g', 0, 0, 0, 'f', 'ok', ?)", (b'{"a": 1}\n',)
        )
    connection.close()


def test_a_store_of_the_first_format_keeps_all_it_has(tmp_path):
    path = tmp_path / "s.sqlite"
    first_format(path)
    with Store(path) as store:
        assert store.completion("k") == ("openai_chat", ANSWER)
        assert store.completion("odd") == ("no_such_dialect", b"?")
        assert list(store.records("r")) == [b'{"a": 1}\n']
        assert store.spent("r") == 0.75
        found = sorted(store.purchases("r"), key=lambda row: row[3])
        assert [(way, usage.input, usage.output, cost) for _, way, usage, cost in found] == [
            ("live", 9, 2, 0.25),
            ("live", 0, 0, 0.5),
        ]
        assert store.batches.all() == []
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (schema.SCHEMA_VERSION,)
    connection.close()


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "s.sqlite"
    first_format(path)
    before, whole = dump(path), schema.STEPS[1]

    def half_way(connection):
        whole(connection)
        raise sqlite3.OperationalError("disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(schema, "STEPS", (schema.STEPS[0], half_way))
        with pytest.raises(StoreError, match="cannot open the store") as caught:
            Store(path)
        assert "disk is full" in str(caught.value)
    assert dump(path) == before
    with Store(path) as store:
        assert store.completion("k")


def test_two_processes_that_open_an_old_store_at_once_migrate_it_once(tmp_path):
    path = tmp_path / "s.sqlite"
    first_format(path)
    with ThreadPoolExecutor(4) as pool:
        for store in pool.map(lambda _: Store(path), range(4)):
            assert store.spent("r") == 0.75
            store.close()


def dump(path):
    with sqlite3.connect(path) as connection:
        text = "\n".join(connection.iterdump())
    connection.close()
    return text


# --- batches ---


def test_a_request_is_claimed_by_one_batch_and_only_while_it_is_unanswered(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        batches = store.batches
        store.write([CompletionRow("answered", "m", "d", b"x")])
        one, two = batches.begin("r", "m"), batches.begin("other", "m")
        assert batches.claim(one, ["a", "b", "a", "answered"]) == {"a", "b"}
        assert batches.claim(two, ["b", "c"]) == {"c"}
        assert (batches.holder("b"), batches.holder("c"), batches.holder("answered")) == ("r", "other", None)
        store.write([CompletionRow("a", "m", "d", b"x", "r")])
        assert batches.holder("a") is None and batches.claimed(one) == 1


def test_a_batch_goes_through_its_states_and_frees_what_it_did_not_answer(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        batches = store.batches
        number = batches.begin("r", "m")
        batches.claim(number, ["a", "b", "c"])
        assert [b.state for b in batches.unfinished("r")] == ["claimed"]
        batches.sending(number, requests=3, reserved=0.5, now=1000.0)
        (batch,) = batches.unfinished("r")
        assert (batch.state, batch.requests, batch.sent, batches.reserved("r")) == ("sending", 3, 1000.0, 0.5)
        assert batch.token and batches.unfinished("other") == []
        batches.sent(number, "batch_abc")
        assert batches.known({"batch_abc", "batch_x"}) == {"batch_abc"}
        store.write([CompletionRow("a", "m", "d", b"x", "r", way="batch")])
        assert batches.close(number) == 2
        (batch,) = batches.all()
        assert (batch.state, batch.answered, batches.reserved("r"), batches.holder("b")) == (
            "done",
            1,
            0.0,
            None,
        )
        again = batches.begin("r", "m")
        assert batches.claim(again, ["a", "b"]) == {"b"}


def test_a_run_that_is_forgotten_leaves_its_batches_to_its_name(tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        number = store.batches.begin("r", "m")
        store.batches.claim(number, ["a"])
        store.forget_run("r")
        assert store.batches.holder("a") == "r"
