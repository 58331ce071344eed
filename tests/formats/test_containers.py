"""What records come in, and what is broken about it."""

import gzip
import json
import zipfile
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from judge import formats
from judge.errors import TranscriptError
from judge.formats import _files
from tests.formats.reading import assistant, bad, flat, good, said, user, write

CHAT = said([user("Is 7 prime?"), assistant([{"type": "text", "text": "Yes."}])], id="a", arm="x")
WORDS = [(0, "user", "text", None, "Is 7 prime?"), (1, "assistant", "text", None, "Yes.")]


@pytest.fixture
def hub_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


LINE = json.dumps(CHAT).encode()


@pytest.mark.parametrize(
    ("name", "data", "found_id"),
    [
        ("a.jsonl", LINE, "a"),
        ("windows.jsonl", b"\xef\xbb\xbf" + LINE + b"\r\n\r\n", "a"),
        ("packed.jsonl.gz", gzip.compress(LINE + b"\n", mtime=0), "a"),
        ("pretty.json", json.dumps(CHAT, indent=2).encode(), "a"),
        ("array.json", b"[" + LINE + b"]", "a"),
        ("bom.json", b"\xef\xbb\xbf[" + LINE + b"]", "a"),
        ("oneline.json", LINE, "a"),
        ("conversation.json", json.dumps(CHAT["messages"]).encode(), "conversation"),
        ("bare.jsonl", json.dumps(CHAT["messages"]).encode(), "bare:1"),
        ("noending", LINE, "a"),
        (
            "t.csv",
            b'id,messages\na,"' + json.dumps(CHAT["messages"]).replace('"', '""').encode() + b'"\n',
            "a",
        ),
        (
            "t.tsv",
            b'id\tmessages\na\t"' + json.dumps(CHAT["messages"]).replace('"', '""').encode() + b'"\n',
            "a",
        ),
    ],
)
def test_the_same_record_is_read_from_every_text_container(
    tmp_path: Path, name: str, data: bytes, found_id: str
) -> None:
    (found,) = good(_file(tmp_path / name, data))
    assert found.id == found_id
    assert flat(found) == WORDS


def _tables() -> dict[str, pa.Table]:
    typed = pa.table({"id": ["a"], "messages": pa.array([[user("Is 7 prime?"), assistant("Yes.")]])})
    text = pa.table({"id": ["a"], "messages": [json.dumps(CHAT["messages"])]})
    marked = pa.table({"id": ["a"], "messages": pa.array([json.dumps(CHAT["messages"])], type=pa.json_())})
    return {"typed": typed, "text": text, "marked": marked}


@pytest.mark.parametrize("how", ["typed", "text", "marked"])
def test_parquet_holds_messages_as_structs_as_text_or_as_json(tmp_path: Path, how: str) -> None:
    pq.write_table(_tables()[how], tmp_path / "t.parquet")
    (found,) = good(tmp_path / "t.parquet")
    assert found.id == "a"
    assert flat(found) == WORDS
    assert formats.count(str(tmp_path / "t.parquet")) == 1


@pytest.mark.parametrize("how", ["typed", "text", "marked"])
def test_arrow_files_are_read_with_and_without_a_footer(tmp_path: Path, how: str) -> None:
    table = _tables()[how]
    with pa.OSFile(str(tmp_path / "s.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    with pa.OSFile(str(tmp_path / "f.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)
    for name in ("s.arrow", "f.arrow"):
        assert flat(good(tmp_path / name)[0]) == WORDS


def test_nulls_that_arrow_fills_structs_with_are_taken_out(tmp_path: Path) -> None:
    calls = [
        {"id": "1", "function": {"name": "ls", "arguments": {"path": "."}}},
        {"id": "2", "function": {"name": "cat", "arguments": {"file": "a"}}},
    ]
    table = pa.Table.from_pylist([said([assistant("x", tool_calls=calls)], id="a", score=None)])
    pq.write_table(table, tmp_path / "t.parquet")
    (found,) = good(tmp_path / "t.parquet")
    assert [m.text for m in found.messages[1:]] == ["ls\npath: .", "cat\nfile: a"]
    assert found.metadata == {}


def test_columns_of_odd_types_become_metadata_that_json_can_hold(tmp_path: Path) -> None:
    from datetime import UTC, datetime
    from decimal import Decimal

    columns = {
        "messages": [json.dumps(CHAT["messages"])],
        "when": [datetime(2026, 11, 23, tzinfo=UTC)],
        "price": [Decimal("1.50")],
        "score": [float("nan")],
        "blob": [b"abc"],
        "tags": pa.array([[("a", 1)]], type=pa.map_(pa.string(), pa.int32())),
        "kind": pa.array(["x"]).dictionary_encode(),
        "id": [12],
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    (found,) = good(tmp_path / "t.parquet")
    assert found.id == "12"
    assert found.metadata == {
        "when": "2026-11-23T00:00:00+00:00",
        "price": "1.50",
        "blob": "[3 bytes]",
        "tags": {"a": 1},
        "kind": "x",
    }


def test_a_folder_of_parquet_files_is_one_source_and_indexes_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "db" / "_index").mkdir(parents=True)
    for number in (1, 2):
        row = {"transcript_id": f"t{number}", "messages": json.dumps(CHAT["messages"]), "events": "[]"}
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / "db" / f"{number}.parquet")
    pq.write_table(pa.table({"offset": [1]}), tmp_path / "db" / "_index" / "i.parquet")
    assert formats.detect(str(tmp_path / "db")).name == "scout"
    assert [transcript.id for transcript in good(tmp_path / "db")] == ["t1", "t2"]
    assert formats.count(str(tmp_path / "db")) == 2


def test_scout_rows_keep_their_columns_as_metadata_and_drop_events(tmp_path: Path) -> None:
    messages = [
        {"id": "m1", "role": "user", "content": "Go.", "source": "input"},
        {
            "id": "m2",
            "role": "assistant",
            "content": [{"type": "reasoning", "reasoning": "Hm.", "redacted": False}],
            "tool_calls": [
                {"id": "c", "function": "bash", "arguments": {"command": "ls"}, "type": "function"}
            ],
        },
        {
            "role": "tool",
            "content": "",
            "tool_call_id": "c",
            "function": "bash",
            "error": {"type": "timeout", "message": "too slow"},
        },
    ]
    row = {
        "transcript_id": "t1",
        "source_type": "eval_log",
        "task_set": "ctf",
        "model": "m1",
        "score": "0.5",
        "messages": json.dumps(messages),
        "events": "[{}]",
        "timelines": "[]",
        "arm": "a",
    }
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "t.parquet")
    (found,) = good(tmp_path / "t.parquet")
    assert found.id == "t1"
    assert found.metadata == {
        "source_type": "eval_log",
        "task_set": "ctf",
        "model": "m1",
        "score": "0.5",
        "arm": "a",
    }
    assert flat(found) == [
        (0, "user", "text", None, "Go."),
        (1, "assistant", "reasoning", None, "Hm."),
        (1, "assistant", "tool_call", "bash", "bash\ncommand: ls"),
        (2, "tool", "tool_result", "bash", "[error: timeout]\ntoo slow"),
    ]


@pytest.mark.usefixtures("hub_cache")
def test_a_dataset_that_hugging_face_saved_is_read_with_mixed_contents(tmp_path: Path) -> None:
    import datasets

    mixed = said([user("Is 7 prime?"), assistant([{"type": "text", "text": "Yes."}])], id="a")
    write(tmp_path / "mixed.jsonl", mixed)
    dataset = datasets.load_dataset(
        "json", data_files=str(tmp_path / "mixed.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    dataset.save_to_disk(str(tmp_path / "saved"))
    dataset.to_parquet(str(tmp_path / "saved.parquet"))
    for name in ("saved", "saved.parquet"):
        (found,) = good(tmp_path / name)
        assert flat(found) == WORDS
    datasets.DatasetDict({"train": dataset, "test": dataset}).save_to_disk(str(tmp_path / "splits"))
    assert flat(good(tmp_path / "splits" / "test")[0]) == WORDS
    with pytest.raises(TranscriptError, match="several splits") as caught:
        good(tmp_path / "splits")
    assert caught.value.found == "test, train"


@pytest.mark.usefixtures("hub_cache")
def test_a_hub_id_without_a_network_is_an_error_that_names_it() -> None:
    with pytest.raises(TranscriptError, match="the dataset cannot be had") as caught:
        good("hf:owner/name")
    assert caught.value.where == "hf:owner/name"


def test_what_is_no_hub_id_is_said_before_anything_is_asked() -> None:
    with pytest.raises(TranscriptError, match="not the name of a dataset"):
        good("hf:name")


@pytest.mark.parametrize(
    ("name", "data", "where", "complaint"),
    [
        ("empty.jsonl", b"", "", "the file is empty"),
        ("blank.jsonl", b"\n \n", "", "the file is empty"),
        ("bad.jsonl", LINE + b"\n" + b'{"a": }\n', ":2:7", "this is not JSON"),
        ("bom.jsonl", b'\xef\xbb\xbf{"a": }\n', ":1:7", "this is not JSON"),
        ("surrogate.jsonl", b'{"a": "\\ud800"}\n', ":1:8", "no low surrogate"),
        ("latin.jsonl", LINE + b'\n{"a": "\xff"}\n', ":2", "this is not UTF-8"),
        ("pretty.jsonl", json.dumps(CHAT, indent=2).encode(), ":1:1", "name a single document .json"),
        ("number.jsonl", b"7\n", ":1", "a record is not an object"),
        ("deep.jsonl", b"[" * 5000 + b"\n", ":1:1026", "depth limit"),
        ("bad.json", b'[\n {"a": 1},\n {"a": }\n]', ":3:8", "this is not JSON"),
        ("latin.json", b'[\n"\xff"]', ":2", "this is not UTF-8"),
        ("utf16.json", "[]".encode("utf-16"), "", "the text is UTF-16"),
        ("empty.json", b"[]", "", "no format recognises this"),
        ("latin.txt", b"Human: a\n\nAssistant: \xe9\n", ":3", "this is not UTF-8"),
        ("story.txt", b"Once upon a time.\n", "", "no format recognises this"),
        ("archive.zip", b"PK\x03\x04....", "", "a zip archive"),
        ("cut.jsonl.gz", gzip.compress(LINE * 99, mtime=0)[:60], "", "broken or cut off"),
        ("bad.parquet", b"PAR1 and no more", "", "the Parquet file cannot be read"),
        ("bad.arrow", b"nonsense", "", "the Arrow file cannot be read"),
        ("quotes.csv", b'id,messages\na,"b"c\n', ":2", "is not CSV"),
        ("cells.csv", b"id,messages\na,b,c\n", ":2", "more or fewer cells"),
        ("latin.csv", b"id,messages\na,\xff\n", ":2", "this is not UTF-8"),
    ],
)
def test_a_broken_file_is_an_error_that_names_file_and_line(
    tmp_path: Path, name: str, data: bytes, where: str, complaint: str
) -> None:
    path = _file(tmp_path / name, data)
    with pytest.raises(TranscriptError) as caught:
        good(path)
    assert str(caught.value).startswith(f"{path}{where}: ")
    assert complaint in str(caught.value)


def test_a_path_that_does_not_exist_is_not_looked_for_on_the_hub() -> None:
    with pytest.raises(TranscriptError, match="there is no such file or folder") as caught:
        good("owner/name")
    assert "hf:owner/name" in caught.value.do


def test_a_folder_of_other_things_lists_them(tmp_path: Path) -> None:
    (tmp_path / "notes.md").touch()
    with pytest.raises(TranscriptError, match="a folder, and not one that can be read") as caught:
        good(tmp_path)
    assert caught.value.found == "notes.md"


def test_a_parquet_file_without_a_usable_column_lists_what_each_format_saw(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "t.parquet")
    with pytest.raises(TranscriptError, match="no format recognises this") as caught:
        good(tmp_path / "t.parquet")
    assert "openai_chat saw no messages with role and content" in caught.value.found


def test_a_cell_that_claims_to_be_json_and_is_not_is_one_bad_record(tmp_path: Path) -> None:
    cells = pa.array([json.dumps(CHAT["messages"]), "{broken"]).cast(pa.json_())
    pq.write_table(pa.table({"messages": cells}), tmp_path / "t.parquet")
    (problem,) = bad(tmp_path / "t.parquet")
    assert problem.where == f"{tmp_path / 't.parquet'}: row 2"


def test_numbers_that_json_does_not_have_become_null(tmp_path: Path) -> None:
    record = said([user("x")], score=float("nan"), loss=float("-inf"), run={"lr": float("nan"), "seed": 1})
    (found,) = good(write(tmp_path / "x.jsonl", record))
    assert found.metadata == {"run": {"lr": None, "seed": 1}}


def test_a_line_of_many_megabytes_is_read(tmp_path: Path) -> None:
    text = "x" * 20_000_000
    (found,) = good(write(tmp_path / "x.jsonl", said([user(text)])))
    assert found.messages[0].text == text


def test_csv_cells_longer_than_the_modules_default_are_read(tmp_path: Path) -> None:
    _file(tmp_path / "x.csv", b"prompt,completion\nq," + b"y" * 200_000 + b"\n")
    assert len(good(tmp_path / "x.csv")[0].messages[1].text) == 200_000


def _many(path: Path, count: int) -> Any:
    return write(path, *(said([user(str(n))], id=f"i{n}") for n in range(count)))


def test_counts_are_those_of_the_records(tmp_path: Path) -> None:
    source = _many(tmp_path / "x.jsonl", 5)
    assert formats.count(source) == 5
    with Path(source).open("ab") as file:
        file.write(b"\n\n" + LINE)
    assert formats.count(source) == 6


@pytest.mark.usefixtures("hub_cache")
def test_a_dataset_by_name_is_streamed_one_split_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Hugging Face's library takes a folder of this name for the dataset: all but the download is the real thing.
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "owner" / "name"
    folder.mkdir(parents=True)
    write(folder / "train.jsonl", CHAT)
    (found,) = good("hf:owner/name")
    assert flat(found) == WORDS
    write(folder / "test.jsonl", {**CHAT, "id": None})
    (found,) = good("hf:owner/name:test")
    assert found.id == "owner/name:test:1"
    with pytest.raises(TranscriptError, match="the dataset has several splits") as caught:
        good("hf:owner/name")
    assert caught.value.do == "name one of them: hf:owner/name:train"
    with pytest.raises(TranscriptError, match="there is no split 'dev'"):
        good("hf:owner/name:dev")


def test_a_reader_that_is_left_early_can_be_closed_by_another_thread(tmp_path):
    write(tmp_path / "two.jsonl", {**CHAT, "id": "a"}, {**CHAT, "id": "b"})
    reading = formats.transcripts(str(tmp_path / "two.jsonl"))
    next(reading)
    assert isinstance(reading, Generator)
    with ThreadPoolExecutor(1) as other:
        other.submit(reading.close).result()


def test_what_is_done_is_passed_over_and_the_rest_keeps_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "_BLOCK", 300)  # a few lines each
    path = tmp_path / "data.jsonl"
    records = [json.dumps(said([user("x" * (n % 50 + 1))], id=str(n))) for n in range(100)]
    lines = [f"{' ' * (n % 3)}\n" * (n % 4 == 1) + f"{record}\n" for n, record in enumerate(records)]
    path.write_text("".join(lines) + "\n")
    for undone in (set(), {0}, {99}, {3, 40, 41}, set(range(30, 70)), set(range(100))):
        done = bytes(n not in undone for n in range(100))
        for known in (done, done[:90], done + b"\1" * 300):
            left = [(place, item.id) for place, item in formats.others(str(path), "auto", known)]
            assert left == [(n, str(n)) for n in range(100) if n in undone or n >= len(known)]
    broken = tmp_path / "broken.jsonl"
    broken.write_text("".join(lines[:60]) + "\n{\n")
    with pytest.raises(TranscriptError, match=rf"broken.jsonl:{''.join(lines[:60]).count(chr(10)) + 2}:"):
        list(formats.others(str(broken), "openai_chat", b"\1" * 60))


def test_half_a_surrogate_pair_is_refused_where_it_stands(tmp_path):
    path = tmp_path / "half.jsonl"
    # The infinity leads past the quick reader, which would have refused the line as a whole.
    path.write_text(
        '{"id": "a", "messages": [{"role": "user", "text": "ab\\ud800"}], "metadata": {"x": Infinity}}\n'
    )
    (problem,) = formats.read(str(path), "own")
    assert isinstance(problem, TranscriptError)
    assert (
        problem.where == f"{path}:1" and "messages.0.text" in problem.found and "position 2" in problem.found
    )


def test_a_line_or_document_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "MAX_RECORD", 5000)
    monkeypatch.setattr(_files, "MAX_DOCUMENT", 9000)
    line = tmp_path / "long.jsonl"
    line.write_text('{"id": "a", "text": "short"}\n{"id": "b", "text": "' + "x" * 9000 + '"}\n')
    with pytest.raises(TranscriptError, match=r"long.jsonl:2: this line is too long"):
        list(_files.lines_of(str(line)))
    bomb = tmp_path / "bomb.json.gz"
    bomb.write_bytes(gzip.compress(b" " * 50_000))
    with pytest.raises(TranscriptError, match="read whole"):
        _files.document_of(str(bomb))


def test_a_log_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(tmp_path):
    bomb = tmp_path / "bomb.eval"
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("samples/1_epoch_1.json", "w", force_zip64=True) as member,
    ):
        for _ in range(300):
            member.write(b" " * 2**20)
    with pytest.raises(TranscriptError, match="unpacks to too much"):
        list(formats.read(str(bomb), "inspect_log"))
