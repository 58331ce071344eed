"""What records come in: JSON Lines, JSON, CSV, and the tables of ``_tables``. Knows nothing of what a record means.

``kind_of`` looks at the first bytes rather than at the name, ``rows`` streams the records one at a time, and a record
that cannot be read is yielded as an error in its place, so that the caller can go on behind it.
"""

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice, repeat
from pathlib import Path
from typing import Any, Literal

import orjson

from judge.errors import TranscriptError
from judge.formats._files import (
    BOM,
    HUB_PREFIX,
    blocks_of,
    document_of,
    lines_of,
    not_json,
    opened,
    stem,
    text_lines_of,
)
from judge.formats._record import Row, parse_json, short

Kind = Literal["jsonl", "json", "csv", "parquet", "arrow", "dataset", "hub", "inspect", "text"]

_HEAD_BYTES = 1 << 16
_SAMPLED = 16
_SAMPLED_AT_MOST = 1000
_INSPECT_JSON = re.compile(r'\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:\s*"\w+"\s*,[^{]*"eval"\s*:\s*\{')
_CELL_LIMIT = (
    2**31 - 1
)  # the csv module's default of 128 KiB is less than one long transcript; a C long on Windows


@dataclass(frozen=True, slots=True)
class Sample:
    """What detection sees of a source: its kind, its first characters, its first readable records."""

    source: str
    kind: Kind
    head: str
    records: tuple[Any, ...]
    first_problem: TranscriptError | None = None


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether a format recognises a sample, and what it saw that made it say so."""

    yes: bool
    saw: str


def kind_of(source: str) -> Kind:
    """What the source is, judged by its content. Raises TranscriptError where it is nothing that can be read."""
    if source.startswith(HUB_PREFIX):
        return "hub"
    path = Path(source)
    if not path.exists():
        raise TranscriptError(
            "there is no such file or folder",
            where=source,
            do=f"check the path; for a dataset on the Hugging Face hub write {HUB_PREFIX}owner/name",
        )
    if path.is_dir():
        from judge.formats import _tables

        return _tables.kind_of_folder(path)
    head = _head(path)
    if not head.strip():
        raise TranscriptError("the file is empty", where=source, expected="at least one transcript")
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1") or path.suffix == ".arrow":
        return "arrow"
    if head.startswith(b"PK\x03\x04"):
        if path.suffix == ".eval":
            return "inspect"
        raise TranscriptError(
            "a zip archive", where=source, expected="an Inspect log, named .eval", do="unpack it"
        )
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise TranscriptError(
            "the text is UTF-16", where=source, expected="UTF-8", do="save the file as UTF-8"
        )
    return _kind_of_text(path, _decode(head))


def _kind_of_text(path: Path, head: str) -> Kind:
    endings = [suffix.lower() for suffix in path.suffixes if suffix != ".gz"]
    ending = endings[-1] if endings else ""
    if ending in (".jsonl", ".ndjson"):
        return "jsonl"
    if ending in (".csv", ".tsv"):
        return "csv"
    if _INSPECT_JSON.match(head):
        return "inspect"
    opening = head.lstrip()[:1]
    if opening == "{":
        return "jsonl" if _first_line_is_json(str(path)) else "json"
    return "json" if opening == "[" or ending == ".json" else "text"


def _first_line_is_json(source: str) -> bool:
    first = next((line for line in lines_of(source) if line.strip()), b"")
    try:
        parse_json(first)
    except orjson.JSONDecodeError:
        return False
    return True


def sample(source: str, kind: Kind) -> Sample:
    """The head and the first records of a source."""
    head = "" if kind in ("hub", "dataset") or Path(source).is_dir() else _decode(_head(Path(source)))
    found = list(islice(rows(source, kind), _SAMPLED)) if kind not in ("inspect", "text") else []
    records = tuple(row.record for row in found if isinstance(row, Row))
    problems = [row for row in found if isinstance(row, TranscriptError)]
    if not records and problems:
        more = (row for row in islice(rows(source, kind), _SAMPLED_AT_MOST) if isinstance(row, Row))
        records = tuple(row.record for row in islice(more, _SAMPLED))
    return Sample(source, kind, head, records, problems[0] if problems else None)


def rows(source: str, kind: Kind, unread: Collection[str] = ()) -> Iterator[Row | TranscriptError]:
    """The records of a source, one at a time. ``unread`` names columns that a table need not load."""
    return (row for row in others(source, kind, unread) if row is not None)


def others(
    source: str, kind: Kind, unread: Collection[str] = (), done: bytes = b""
) -> Iterator[Row | TranscriptError | None]:
    """The same, with None in the place of a record that has a 1 in ``done``, where that saves reading it.

    Lines and Parquet know a record's place without looking into it. Of the others every record is yielded.
    """
    if kind == "jsonl":
        return _lines(source, done)
    if kind == "json":
        return _document(source)
    if kind == "csv":
        return _csv(source)
    from judge.formats import (
        _tables,  # Arrow takes a quarter of a second to load, and lines of JSON need none of it
    )

    return _tables.rows(source, kind, unread, done)


def count(source: str, kind: Kind) -> int | None:
    """The number of records, where it can be had without reading them; else None."""
    if kind == "jsonl" and not source.endswith(".gz"):
        return sum(1 for line in lines_of(source) if not line.isspace())
    from judge.formats import _tables

    return _tables.count(source, kind)


def _lines(source: str, done: bytes) -> Iterator[Row | TranscriptError | None]:
    base, number, position = stem(source), 0, 0
    for block in blocks_of(source):
        lines, records = _all_done(block, done, position)
        yield from repeat(None, records)
        number += lines
        position += records
        if lines:
            continue
        for line in BytesIO(block):
            number += 1
            if line.isspace():
                continue
            position += 1
            if position <= len(done) and done[position - 1]:
                yield None
                continue
            try:
                value = parse_json(line)
            except orjson.JSONDecodeError as error:
                yield not_json(line, error, source, number)
                continue
            yield _row(value, f"{source}:{number}", f"{base}:{number}")


def _all_done(block: bytes, done: bytes, position: int) -> tuple[int, int]:
    """How many lines and records the block has, or none where a record, the first having this position, is not done.

    A million that are done pass in less than half the time that it takes to look at them one by one.
    """
    if done[position : position + 1] != b"\1":
        return 0, 0
    blank = list(map(bytes.isspace, BytesIO(block)))
    records = len(blank) - sum(blank)
    whole = done.count(1, position, position + records) == records
    return (len(blank), records) if whole else (0, 0)


def _document(source: str) -> Iterator[Row | TranscriptError]:
    data = document_of(source)
    try:
        value = parse_json(data)
    except orjson.JSONDecodeError as error:
        raise not_json(data, error, source) from error
    if isinstance(value, list) and not _is_conversation(value):
        for number, element in enumerate(value, start=1):
            yield _row(element, f"{source}: record {number}", f"{stem(source)}:{number}")
    else:
        yield _row(value, source, stem(source))


def _is_conversation(value: list[Any]) -> bool:
    """Whether a bare array is one list of messages rather than a list of records."""
    first = value[0] if value else None
    return isinstance(first, dict) and "role" in first and "messages" not in first


def _row(value: Any, where: str, fallback_id: str) -> Row | TranscriptError:
    if isinstance(value, list) and _is_conversation(value):
        value = {"messages": value}
    if not isinstance(value, dict):
        return TranscriptError(
            "a record is not an object",
            where=where,
            found=short(value),
            expected="a JSON object, or a list of messages",
        )
    return Row(value, where, fallback_id)


def _csv(source: str) -> Iterator[Row | TranscriptError]:
    # The csv module rather than a data frame: it streams, it knows its line, and it turns no "007" into 7.
    csv.field_size_limit(_CELL_LIMIT)
    tabs = source.removesuffix(".gz").lower().endswith(".tsv")
    reader = csv.DictReader(text_lines_of(source), delimiter="\t" if tabs else ",", strict=True)
    line = 1
    try:
        columns = len(reader.fieldnames or ())
        line = reader.line_num + 1
        for cells in reader:
            where = f"{source}:{line}"
            if None in cells or None in cells.values():
                yield TranscriptError(
                    "a row with more or fewer cells than the header", where=where, expected=f"{columns} cells"
                )
            else:
                record = {key: cell for key, cell in cells.items() if cell}
                yield Row(record, where, f"{stem(source)}:{line}")
            line = reader.line_num + 1
    except csv.Error as error:
        raise TranscriptError(
            "the row that begins here is not CSV", where=f"{source}:{line}", found=str(error)
        ) from error


def _head(path: Path) -> bytes:
    with opened(str(path)) as file:
        return file.read(_HEAD_BYTES).removeprefix(BOM)


def _decode(data: bytes) -> str:
    return data.decode(errors="replace")
