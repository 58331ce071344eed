import json
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from judge.errors import TranscriptError
from judge.labelling.dataset import Dataset
from judge.labelling.resuming import EVERY, lacking
from judge.store import RecordRow, Store

WANTED = [("g", 0), ("h", 0)]


def lines(ids, text="Yes."):
    return [{"id": name, "messages": [{"role": "assistant", "text": text}]} for name in ids]


def write(path, records):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records), path, row_group_size=7)
    else:
        path.write_text("\n\n".join(map(json.dumps, records)) + "\n")
    return Dataset(str(path))


def finish(store, dataset, positions, graders=("g", "h"), status="ok"):
    for position, transcript in dataset:
        if position in positions:
            store.write(
                RecordRow("r", transcript.id, g, 0, position, 0, transcript.revision, status, b"{}")
                for g in graders
            )


def _id(item):
    return item[1].id


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite"


def asked(dataset, path, kept=None):
    kept = [] if kept is None else kept
    items = lacking(dataset, path, "r", WANTED, kept.extend)
    return [(item[0], item[1].id) for item in items if item is not None]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_what_is_new_comes_first_and_what_is_done_not_at_all(tmp_path, path, ending):
    dataset = write(tmp_path / f"d.{ending}", lines([f"t{n}" for n in range(30)]))
    with Store(path) as store:
        finish(store, dataset, range(20))
        finish(store, dataset, [3], status="provider")
        store.write([RecordRow("other", "t25", g, 0, 25, 0, "x", "ok", b"{}") for g in "gh"])
    kept: list[str] = []
    found = asked(dataset, path, kept)
    assert found == [(n, f"t{n}") for n in (3, *range(20, 30))]
    assert kept == ["ok"] * 38


def test_a_transcript_that_lacks_one_grader_is_asked_about(tmp_path, path):
    dataset = write(tmp_path / "d.jsonl", lines(["a", "b", "c"]))
    with Store(path) as store:
        finish(store, dataset, range(3), ["g"])
        finish(store, dataset, [0, 2], ["h"])
    assert asked(dataset, path) == [(1, "b")]


def test_places_are_not_trusted_where_the_dataset_has_changed(tmp_path, path):
    dataset = write(tmp_path / "d.jsonl", lines("abcd"))
    with Store(path) as store:
        finish(store, dataset, range(4))
    # "e" stands where "a" was, "b" has another text, "a" is the last, and "f" is new.
    changed = [*lines("e"), *lines("b", "No."), *lines("cdfa")]
    assert asked(write(tmp_path / "d.jsonl", changed), path) == [(4, "f"), (0, "e"), (1, "b")]


def test_an_id_that_is_there_twice_is_found_before_it_is_asked_about(tmp_path, path):
    with Store(path) as store:
        finish(store, write(tmp_path / "d.jsonl", lines("abc")), range(3))
    again = write(tmp_path / "d.jsonl", [*lines("abc"), *lines("a", "No."), *lines("e")])
    items = lacking(again, path, "r", WANTED, lambda _: None)
    assert _id(next(items)) == "e"
    with pytest.raises(TranscriptError, match="the same id"):
        list(items)


@pytest.mark.parametrize("changed", ["abbc", "aabc", "abca", "aac", "cbc"])
def test_an_exact_copy_is_found_where_everything_is_done(tmp_path, path, changed):
    with Store(path) as store:
        finish(store, write(tmp_path / "d.jsonl", lines("abc")), range(3))
    again = write(tmp_path / "d.jsonl", lines(changed))
    with pytest.raises(TranscriptError, match="the same id"):
        asked(again, path)


def test_selections_that_places_cannot_tell_read_everything_once(tmp_path, path):
    dataset = write(tmp_path / "d.jsonl", lines("abcd"))
    with Store(path) as store:
        finish(store, dataset, [0, 1])
    chosen = Dataset(str(tmp_path / "d.jsonl"), sample=3, seed=1)
    expected = [(position, t.id) for position, t in chosen if position > 1]
    assert asked(chosen, path) == expected
    assert asked(Dataset(str(tmp_path / "d.jsonl"), limit=3), path) == [(2, "c")]


def test_done_records_are_not_looked_into_on_the_way_to_new_ones(tmp_path, path):
    dataset = write(tmp_path / "d.jsonl", lines("abcd"))
    with Store(path) as store:
        finish(store, dataset, range(3))
    text = (tmp_path / "d.jsonl").read_text().replace('"role": "assistant"', '"role": "alien"', 1)
    (tmp_path / "d.jsonl").write_text(text)
    items = lacking(dataset, path, "r", WANTED, lambda _: None)
    assert _id(next(items)) == "d"
    with pytest.raises(TranscriptError, match="alien"):
        next(items)


def test_reading_gives_a_sign_of_life_while_nothing_is_to_be_done(tmp_path, path):
    dataset = write(tmp_path / "d.jsonl", lines([f"t{n}" for n in range(2 * EVERY)]))
    with Store(path) as store:
        finish(store, dataset, range(2 * EVERY))
    assert list(lacking(dataset, path, "r", WANTED, lambda _: None)) == [None, None]


CHANGES = ("nothing", "another text", "gone", "new", "moved", "twice", "broken")


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_whatever_was_changed_the_same_is_lacking_as_by_looking_at_each(
    tmp_path, path, ending, seed, monkeypatch
):
    rng = random.Random(seed)
    monkeypatch.setattr("judge.store._STRETCH", rng.choice([3, 4096]))
    records = lines([f"t{n}" for n in range(24)])
    with Store(path) as store:
        dataset = write(tmp_path / f"d.{ending}", records)
        finish(store, dataset, set(rng.sample(range(24), rng.choice([10, 20, 24, 24]))))
        if rng.random() < 0.7:
            finish(store, dataset, {rng.randrange(24)}, ["g"], status="provider")
        finish(store, dataset, {rng.randrange(24)}, ["other"])
    for change in rng.choices(CHANGES, k=rng.randrange(4)):
        at = rng.randrange(len(records))
        if change == "another text":
            records[at] = lines([records[at]["id"]], "No.")[0]
        elif change == "gone":
            del records[at]
        elif change == "new":
            records.insert(at, lines([f"n{rng.randrange(3)}"])[0])
        elif change == "moved":
            records.append(records.pop(at))
        elif change == "twice":
            records.insert(at, lines([rng.choice(records)["id"]], rng.choice(["Yes.", "No."]))[0])
        elif change == "broken":
            records[at] = {"id": "b", "messages": [{"role": "alien", "text": "x"}]}
    dataset = write(tmp_path / f"d.{ending}", records)
    kept: list[str] = []
    assert outcome(lambda: asked(dataset, path, kept)) == outcome(lambda: one_by_one(dataset, path))
    if outcome(lambda: list(dataset)) is not None:
        assert len(kept) == sum(len(found) for found in looked_up(dataset, path))


def outcome(found):
    """What was found in any order, or None where the dataset was complained about."""
    try:
        return sorted(found())
    except TranscriptError:
        return None


def looked_up(dataset, path):
    with Store(path) as store:
        for _, transcript in dataset:
            found = store.finished("r", transcript.id, transcript.revision)
            yield [pair for pair in WANTED if pair in found]


def one_by_one(dataset, path):
    pairs = zip(dataset, looked_up(dataset, path), strict=True)
    return [(position, t.id) for (position, t), found in pairs if len(found) < len(WANTED)]
