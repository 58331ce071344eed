"""Files as bytes and as text: unpacked where they are gzip, and with errors that name the place."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

import orjson

from judge.errors import TranscriptError

HUB_PREFIX = "hf:"
BOM = b"\xef\xbb\xbf"
"""A byte order mark. Some editors put it before UTF-8; it says nothing and is dropped."""

MAX_RECORD = 256 * 1024 * 1024
"""Bytes of one line, or of one sample of an Inspect log. The longest rollouts take a hundredth of this."""

MAX_DOCUMENT = 2 * 1024 * 1024 * 1024
"""Bytes of a file that has to be read whole."""

_BLOCK = 1 << 17
"""Bytes that lines are cut out of: by the block that takes a quarter of the time that it takes line by line."""

_ENDINGS = (".gz", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".csv", ".tsv", ".txt", ".eval")


def stem(source: str) -> str:
    """The file's name without the endings that say what it is."""
    name = Path(source).name
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name or Path(source).name


@contextmanager
def opened(source: str) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """The file's bytes, unpacked where it is gzip."""
    try:
        with Path(source).open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not packed:
                yield raw
                return
            with gzip.open(raw) as unpacked:
                yield unpacked
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TranscriptError("the gzip file is broken or cut off", where=source, found=str(error)) from error
    except OSError as error:
        raise TranscriptError("the file cannot be read", where=source, found=str(error)) from error


def document_of(source: str) -> bytes:
    """The whole file, without a byte order mark. Raises TranscriptError where it unpacks to more than ``MAX_DOCUMENT``."""
    with opened(source) as file:
        data = file.read(MAX_DOCUMENT + 1)
    if len(data) > MAX_DOCUMENT:
        raise too_large("the file has to be read whole, and is too large for that", source, MAX_DOCUMENT)
    return data.removeprefix(BOM)


def too_large(what: str, where: str, limit: int) -> TranscriptError:
    """What to say of a file that would take all of the memory."""
    return TranscriptError(
        what,
        where=where,
        found=f"more than {limit // 2**20:,} MiB",
        expected="one record on each line, each of a size that can be held",
        do="cut it up; a record of that size is no transcript that a judge could read",
    )


def text_of(source: str) -> str:
    """The whole file as text."""
    data = document_of(source)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _not_utf8(source, data.count(b"\n", 0, error.start) + 1, error) from error


def lines_of(source: str) -> Iterator[bytes]:
    """The file's lines, one at a time, with their ends. Raises TranscriptError at one longer than ``MAX_RECORD``."""
    for block in blocks_of(source):
        yield from BytesIO(block)


def blocks_of(source: str) -> Iterator[bytes]:
    """The file's lines, many at a time: every block ends where a line does. Raises as ``lines_of``."""
    with opened(source) as file:
        begun: list[memoryview] = []  # pieces of a line that goes on
        length, mark = 0, BOM
        while block := file.read(min(_BLOCK, MAX_RECORD)).removeprefix(mark):
            mark = b""
            first, last = block.find(b"\n") + 1, block.rfind(b"\n") + 1
            if length + (first or len(block)) > MAX_RECORD:
                line = _line_at(source, file.tell() - len(block) - length)
                raise too_large("this line is too long", f"{source}:{line}", MAX_RECORD)
            if last:
                begun.append(memoryview(block)[:last])
                yield b"".join(begun)
                begun, length = [], 0
            begun.append(memoryview(block)[last:])
            length += len(begun[-1])
        if length:
            yield b"".join(begun)


def _line_at(source: str, place: int) -> int:
    """The number of the line that begins after so many bytes. Counted when it is asked for: counting takes as long as reading."""
    number = 1
    with opened(source) as file:
        while place > 0 and (block := file.read(min(_BLOCK, place))):
            number += block.count(b"\n")
            place -= len(block)
    return number


def text_lines_of(source: str) -> Iterator[str]:
    for number, line in enumerate(lines_of(source), start=1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise _not_utf8(source, number, error) from error


def not_json(data: bytes, error: orjson.JSONDecodeError, source: str, line: int = 0) -> TranscriptError:
    """What is wrong with a line, or with a whole document where ``line`` is 0, and at which column."""
    try:
        data.decode()
    except UnicodeDecodeError as undecodable:
        return _not_utf8(source, line or data.count(b"\n", 0, undecodable.start) + 1, undecodable)
    return TranscriptError(
        "this is not JSON",
        where=f"{source}:{line or error.lineno}:{error.colno}",
        found=error.msg,
        expected="a JSON object",
        do="write one record on each line, or name a single document .json" if line else "",
    )


def _not_utf8(source: str, line: int, error: UnicodeDecodeError) -> TranscriptError:
    return TranscriptError(
        "this is not UTF-8",
        where=f"{source}:{line}",
        found=f"byte {error.object[error.start]:#04x}",
        do="save the file as UTF-8",
    )
