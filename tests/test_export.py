import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq

from judge import export
from judge.records import Evidence, Failure, Verdict
from judge.request import Usage
from tests.test_runs import SHARED

QUOTE = Evidence(
    message_id="M1", quote="=cmd()", start=0, end=6, role="user", channel="text", supports=("f",)
)
RECORDS: list[Verdict | Failure] = [
    Verdict(
        **SHARED,
        values={"f": "yes", "shades": ("a", "b")},
        evidence=(QUOTE,),
        rationale="=HYPERLINK()",
        usage=Usage(input=10, cached=4, output=2),
        cost_usd=0.5,
        derived={"d": True},
        distribution={"f": {"yes": 0.75, "no": 0.25}},
        metadata={"checkpoint": "late", "n": 3},
    ),
    Failure(**SHARED, kind="refused", detail="no"),
]
PRIMARIES = {"g": "f"}


def test_parquet_keeps_everything_and_failures_have_no_label(tmp_path):
    assert export.write_parquet(iter(RECORDS), PRIMARIES, tmp_path / "x.parquet") == 2
    verdict, failure = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert verdict["label"] == "yes" and verdict["values"][1] == {"facet": "shades", "labels": ["a", "b"]}
    assert verdict["evidence"][0]["quote"] == "=cmd()" and verdict["cached_tokens"] == 4
    assert verdict["distribution"][0] == {"facet": "f", "label": "yes", "probability": 0.75}
    assert json.loads(verdict["metadata"]) == {"checkpoint": "late", "n": 3}
    assert (failure["label"], failure["failure"], failure["status"]) == (None, "refused", "failed")


HOSTILE = (
    "2026-11-26T10:00:00Z",  # no date
    "12",  # no number
    "null",
    'a "quote", a \\ and a {"brace": [1]}',
    "two\nlines\r\nand\u2028more\u0000\x1b[31m",
    "\U0001f600 é e\u0301 \ufeff",
    "",
)


def test_texts_of_every_kind_pass_into_the_table_as_they_are(tmp_path):
    records = [RECORDS[0].model_copy(update={"rationale": text, "transcript_id": text}) for text in HOSTILE]
    export.write_parquet(iter(records), PRIMARIES, tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.equals(pa.Table.from_pylist(list(export.rows(records, PRIMARIES)), schema=export.SCHEMA))
    assert tuple(table["rationale"].to_pylist()) == HOSTILE


def test_groups_of_rows_keep_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "ROWS_PER_GROUP", 3)
    records = [RECORDS[n % 2].model_copy(update={"transcript_id": f"t{n}"}) for n in range(8)]
    assert export.write_parquet(iter(records), PRIMARIES, tmp_path / "x.parquet") == 8
    assert pq.read_table(tmp_path / "x.parquet")["transcript_id"].to_pylist() == [f"t{n}" for n in range(8)]
    assert pq.ParquetFile(tmp_path / "x.parquet").num_row_groups == 3


def test_a_group_of_long_rows_ends_before_arrows_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "BYTES_PER_GROUP", 5000)
    records = [
        RECORDS[0].model_copy(update={"transcript_id": f"t{n}", "rationale": "x" * 2000}) for n in range(7)
    ]
    assert export.write_parquet(iter(records), PRIMARIES, tmp_path / "x.parquet") == 7
    assert pq.read_table(tmp_path / "x.parquet")["transcript_id"].to_pylist() == [f"t{n}" for n in range(7)]
    assert pq.ParquetFile(tmp_path / "x.parquet").num_row_groups == 4


def test_csv_is_flat_and_no_cell_is_a_formula(tmp_path):
    assert export.write_csv(iter(RECORDS), PRIMARIES, tmp_path / "x.csv") == 2
    with (tmp_path / "x.csv").open(encoding="utf-8", newline="") as file:
        verdict, failure = csv.DictReader(file)
    assert json.loads(verdict["values"])[0] == {"facet": "f", "labels": ["yes"]}
    assert verdict["rationale"] == "'=HYPERLINK()"
    assert failure["label"] == ""


def test_a_hugging_face_dataset_opens_from_disk_and_leaves_nothing_else(tmp_path):
    import datasets

    assert export.write_hf(iter(RECORDS), PRIMARIES, tmp_path / "x.hf") == 2
    loaded = datasets.load_from_disk(str(tmp_path / "x.hf"))
    assert loaded["label"][:] == ["yes", None]
    assert [p.name for p in tmp_path.iterdir()] == ["x.hf"]


def test_jsonl_is_the_records_themselves(tmp_path):
    assert export.write_jsonl(iter(RECORDS), tmp_path / "x.jsonl") == 2
    lines = (tmp_path / "x.jsonl").read_text().splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["ok", "failed"]
