"""Transcripts from files: one module for each format, found by its file name.

A format module has ``recognises(sample)``, which says whether a source looks like its own and what it saw, and one of

    transcript(row)   where the format is a shape of record, which JSON Lines, JSON, CSV, Parquet, Arrow and Hugging
                      Face datasets may all hold (``_containers`` knows those, and streams them);
    read(source)      where the format is a file of its own kind.

Beside ``transcript`` it may have ``sketch(row)``, which does the same without building it, or gives None.

Modules whose name begins with an underscore are shared by them. Whatever is wrong with one record is yielded in its
place as a TranscriptError; whatever is wrong with the file is raised. This package knows nothing of graders or models.
"""

import pkgutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from hashlib import sha256
from importlib import import_module
from types import ModuleType
from typing import NamedTuple, cast

from pydantic import ValidationError

from judge.errors import TranscriptError, UsageError
from judge.formats import _containers
from judge.formats._record import Row, explain, located
from judge.formats._sketch import Sketch
from judge.transcript import Transcript

__all__ = [
    "Detection",
    "Sketch",
    "count",
    "detect",
    "distinct",
    "names",
    "others",
    "read",
    "sketches",
    "transcripts",
]

_Read = Sketch | Transcript
_Convert = Callable[[ModuleType, Row], _Read | TranscriptError]


class Detection(NamedTuple):
    """The format of a source, and what was seen that gave it away."""

    name: str
    reason: str


@cache
def names() -> tuple[str, ...]:
    """The names of all formats, as ``--format`` takes them."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if not name.startswith("_")))


def detect(source: str) -> Detection:
    """The one format that recognises the source. Raises TranscriptError where none does, or more than one."""
    sample = _containers.sample(source, _containers.kind_of(source))
    sights = {name: _module(name).recognises(sample) for name in names()}
    chosen = [name for name, sight in sights.items() if sight.yes]
    if len(chosen) == 1:
        return Detection(chosen[0], f"{sample.kind}: {sights[chosen[0]].saw}")
    if not chosen and not sample.records and sample.first_problem:
        raise sample.first_problem
    seen = {name: sights[name].saw for name in chosen or names()}
    raise TranscriptError(
        "several formats recognise this" if chosen else "no format recognises this",
        where=source,
        found=f"{sample.kind}; " + "; ".join(f"{name} saw {saw}" for name, saw in seen.items()),
        expected="one of the shapes in docs/formats.md",
        do=f"name the format: --format {(chosen or list(names()))[0]}",
    )


def read(source: str, format: str = "auto") -> Iterator[Transcript | TranscriptError]:  # noqa: A002  (the flag's name)
    """Every record of a source, in order: a transcript, or what is wrong with the record.

    Args:
        source: A path, or ``hf:owner/name[:split]``.
        format: One of ``names()``, or ``auto``.
    """
    items = cast("Iterator[Transcript | TranscriptError | None]", _items(source, format, _convert))
    return (item for item in items if item is not None)


def _items(
    source: str,
    format: str,  # noqa: A002
    convert: _Convert,
    done: bytes = b"",
) -> Iterator[_Read | TranscriptError | None]:
    kind = _containers.kind_of(source)
    module = _module(detect(source).name if format == "auto" else format)
    if hasattr(module, "read"):
        yield from module.read(source)
        return
    if kind in ("inspect", "text"):
        raise TranscriptError(f"{format} records cannot be in this file", where=source, found=kind)
    for row in _containers.others(source, kind, getattr(module, "UNREAD", ()), done):
        yield convert(module, row) if isinstance(row, Row) else row


def transcripts(
    source: str,
    format: str = "auto",  # noqa: A002
    *,
    skipped: list[TranscriptError] | None = None,
) -> Iterator[Transcript]:
    """The transcripts of a source. Two with the same id are an error.

    Raises TranscriptError at the first bad record; given ``skipped``, goes on and puts the complaints there instead.
    Ids are kept on disk in a temporary database, so that memory does not grow with their number.
    """
    return cast("Iterator[Transcript]", distinct(read(source, format), source, skipped))


def sketches(source: str, format: str = "auto") -> Iterator[_Read | TranscriptError]:  # noqa: A002
    """``read``, not built where the format can do without: for those who may have no use for most of them."""
    return (item for item in _items(source, format, _sketched) if item is not None)


def distinct(
    items: Iterator[_Read | TranscriptError],
    source: str,
    skipped: list[TranscriptError] | None = None,
) -> Iterator[_Read]:
    """Of records those that are sound, as ``transcripts`` has it: neither a complaint, nor a second one of an id."""
    with _scratch() as seen:
        for number, item in enumerate(items, start=1):
            if isinstance(item, TranscriptError):
                problem = item
            elif (twice := _duplicate(seen, item.id, number, source)) is not None:
                problem = twice
            else:
                yield item
                continue
            if skipped is None:
                raise problem
            skipped.append(problem)


def others(source: str, format: str, done: bytes) -> Iterator[tuple[int, Transcript]]:  # noqa: A002
    """Position and transcript of those that have no 1 in ``done``; the rest are passed over, unread where that can be.

    Two with the same id are an error, but only among those that are yielded. Raises TranscriptError at the first bad
    record: where some are left out, positions are not known without reading all.
    """
    with _scratch() as seen:
        for position, item in enumerate(_items(source, format, _convert, done)):
            if item is None or (position < len(done) and done[position]):
                continue
            problem = (
                item if isinstance(item, TranscriptError) else _duplicate(seen, item.id, position + 1, source)
            )
            if problem is not None:
                raise problem
            assert isinstance(item, Transcript)
            yield position, item


@contextmanager
def _scratch() -> Iterator[sqlite3.Connection]:
    """A temporary database for ids, whose complaints are ours."""
    try:
        # A reader that is left before its end is closed by whatever thread collects it.
        with closing(sqlite3.connect("", isolation_level=None, check_same_thread=False)) as connection:
            connection.execute("CREATE TABLE ids (digest BLOB PRIMARY KEY, number INTEGER) WITHOUT ROWID")
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise TranscriptError(
            "cannot keep track of the ids that were read",
            where=tempfile.gettempdir(),
            found=str(error),
            do="free some space there, or name another folder in SQLITE_TMPDIR",
        ) from error


def count(source: str, format: str = "auto") -> int | None:  # noqa: A002
    """How many records there are, where that is cheap to know (lines, a table's head, an archive's); else None."""
    kind = _containers.kind_of(source)
    if kind == "inspect":
        return int(found) if (found := _module("inspect_log").count(source)) is not None else None
    if kind == "text" or format == "text":
        return 1
    return _containers.count(source, kind)


def _module(name: str) -> ModuleType:
    if name not in names():
        raise UsageError(f"there is no format {name!r}", expected=f"auto, {', '.join(names())}")
    return import_module(f"{__name__}.{name}")


def _convert(module: ModuleType, row: Row) -> Transcript | TranscriptError:
    made = _made(module.transcript, row)
    assert isinstance(made, Transcript | TranscriptError)
    return made


def _made(make: Callable[[Row], _Read | None], row: Row) -> _Read | TranscriptError | None:
    try:
        return make(row)
    except TranscriptError as error:
        return located(error, row.where)
    except ValidationError as error:
        return TranscriptError("not a transcript", where=row.where, found=explain(error))
    except RecursionError:
        return TranscriptError("nested too deeply", where=row.where)


def _sketched(module: ModuleType, row: Row) -> _Read | TranscriptError:
    sketch = _made(module.sketch, row) if hasattr(module, "sketch") else None
    return _convert(module, row) if sketch is None else sketch


def _duplicate(seen: sqlite3.Connection, name: str, number: int, source: str) -> TranscriptError | None:
    digest = sha256(name.encode()).digest()[:16]
    if seen.execute("INSERT OR IGNORE INTO ids VALUES (?, ?)", (digest, number)).rowcount:
        return None
    before = seen.execute("SELECT number FROM ids WHERE digest = ?", (digest,)).fetchone()
    return TranscriptError(
        "two transcripts have the same id",
        where=source,
        found=f"{name!r}, in the records {before[0]} and {number}",
        expected="ids that are unique in a dataset",
    )
