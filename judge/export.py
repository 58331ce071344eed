"""A run's records as a table: Parquet, CSV or a Hugging Face dataset, streamed in both directions.

One row for each record. ``label`` is the primary facet's; all facets stand in ``values``. Where a record is a failure,
``label`` is null and ``failure`` says why: a reader who counts labels never counts failures by accident.
"""

import csv
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from judge.private import make_folder
from judge.records import Failure, Verdict, to_json_line
from judge.runs import replacing

Format = Literal["parquet", "jsonl", "csv", "hf"]
ROWS_PER_GROUP = 2000
BYTES_PER_GROUP = 64 * 1024 * 1024
"""Of rows as JSON; whichever comes first ends a group."""

_EVIDENCE = pa.struct(
    [
        ("message_id", pa.string()),
        ("quote", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("role", pa.string()),
        ("channel", pa.string()),
        ("supports", pa.list_(pa.string())),
    ]
)

# Lists of structs rather than maps: Hugging Face datasets know no maps.
_VALUE = pa.struct([("facet", pa.string()), ("labels", pa.list_(pa.string()))])
_PROBABILITY = pa.struct([("facet", pa.string()), ("label", pa.string()), ("probability", pa.float64())])

_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("transcript_id", pa.string()),
    ("transcript_sha256", pa.string()),
    ("grader", pa.string()),
    ("grader_version", pa.int64()),
    ("grader_sha256", pa.string()),
    ("model", pa.string()),
    ("method", pa.string()),
    ("sample", pa.int64()),
    ("status", pa.string()),
    ("label", pa.string()),
    ("failure", pa.string()),
    ("detail", pa.string()),
    ("values", pa.list_(_VALUE)),
    ("withheld", pa.list_(pa.struct([("facet", pa.string()), ("reason", pa.string())]))),
    ("derived", pa.list_(pa.struct([("name", pa.string()), ("value", pa.bool_())]))),
    ("evidence", pa.list_(_EVIDENCE)),
    ("ungrounded_quotes", pa.int64()),
    ("rationale", pa.string()),
    ("distribution", pa.list_(_PROBABILITY)),
    ("coverage", pa.float64()),
    ("windows", pa.int64()),
    ("input_tokens", pa.int64()),
    ("cached_tokens", pa.int64()),
    ("output_tokens", pa.int64()),
    ("cost_usd", pa.float64()),
    ("request_keys", pa.list_(pa.string())),
    ("metadata", pa.string()),
]
SCHEMA = pa.schema(_COLUMNS)

Records = Iterable[Verdict | Failure]


def rows(records: Records, primaries: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Records as rows of ``SCHEMA``. ``primaries`` maps each grader to its primary facet."""
    for record in records:
        yield row(orjson.loads(to_json_line(record)), primaries)


def row(record: Mapping[str, Any], primaries: Mapping[str, str]) -> dict[str, Any]:
    """The row of one record, which is given as a line of ``records.jsonl`` has it."""
    usage = record["usage"]
    made = {name: record.get(name) for name in SCHEMA.names}
    made |= {
        "input_tokens": usage["input"],
        "cached_tokens": usage["cached"],
        "output_tokens": usage["output"],
        "metadata": orjson.dumps(record["metadata"]).decode(),
    }
    if record["status"] == "failed":
        made["failure"] = record["kind"]
        return made
    values = {name: [v] if isinstance(v, str) else v for name, v in record["values"].items()}
    made["label"] = "+".join(values[primaries[record["grader"]]])
    made["values"] = [{"facet": name, "labels": labels} for name, labels in values.items()]
    made["withheld"] = [{"facet": name, "reason": kind} for name, kind in record["withheld"].items()]
    made["derived"] = [{"name": name, "value": value} for name, value in record["derived"].items()]
    made["distribution"] = [
        {"facet": facet, "label": label, "probability": p}
        for facet, labels in record["distribution"].items()
        for label, p in labels.items()
    ]
    return made


def write_parquet(records: Records, primaries: dict[str, str], path: Path) -> int:
    """Write a Parquet file, a group of rows at a time, and return how many rows it has."""
    return write_rows(rows(records, primaries), path)


def write_rows(source: Iterator[dict[str, Any]], path: Path) -> int:
    """The same of rows that are made already."""
    total = 0
    with replacing(path) as file, pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
        while table := _group(source):
            writer.write_table(table)
            total += table.num_rows
    return total


def _group(source: Iterator[dict[str, Any]]) -> pa.Table | None:
    """The next group of rows, as lines of JSON on their way: as Python objects rows take many times the space.

    Arrow reads Python's lists in half the time, but not without importing pandas, which takes as long as 40,000 rows, and
    45 MB.
    """
    parts: list[bytes] = []
    room = BYTES_PER_GROUP
    for made in islice(source, ROWS_PER_GROUP):
        parts.append(orjson.dumps(made))
        room -= len(parts[-1])
        if room <= 0:
            break
    if not parts:
        return None
    lines = b"\n".join(parts)
    return pj.read_json(
        BytesIO(lines),
        read_options=pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        parse_options=pj.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="error"),
    )


def write_jsonl(records: Records, path: Path) -> int:
    total = 0
    with replacing(path) as file:
        for total, record in enumerate(records, start=1):  # noqa: B007  (the count is what is returned)
            file.write(to_json_line(record))
    return total


def write_csv(records: Records, primaries: dict[str, str], path: Path) -> int:
    """Write a flat CSV; what is nested (values, evidence, ...) stands in its cell as JSON.

    A cell that a spreadsheet would run as a formula gets an apostrophe in front: quotes come from hostile text.
    """
    total = 0
    with (
        replacing(path) as binary,
        os.fdopen(os.dup(binary.fileno()), "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, SCHEMA.names)
        writer.writeheader()
        for made in rows(records, primaries):
            writer.writerow({name: _cell(value) for name, value in made.items()})
            total += 1
    return total


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = orjson.dumps(value).decode()
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value


def write_hf(records: Records, primaries: dict[str, str], path: Path) -> int:
    """Write a dataset that ``datasets.load_from_disk`` opens."""
    import datasets

    parquet = path.with_name(f".{path.name}.{os.getpid()}.parquet")
    cache = path.with_name(f".{path.name}.{os.getpid()}.cache")
    try:
        total = write_parquet(records, primaries, parquet)
        dataset = datasets.Dataset.from_parquet(str(parquet), cache_dir=str(cache))
        make_folder(path)  # before there is something in it
        dataset.save_to_disk(str(path))
        for file in path.rglob("*"):
            file.chmod(0o700 if file.is_dir() else 0o600)
    finally:
        parquet.unlink(missing_ok=True)
        shutil.rmtree(cache, ignore_errors=True)
    return total
