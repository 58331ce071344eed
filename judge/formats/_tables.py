"""Tables as records: Parquet, Arrow, datasets that Hugging Face's library saved, and those on its hub.

Local files are streamed by pyarrow in small batches, so that a million rows need no more memory than a thousand.
Arrow makes every struct of a column alike by filling it with nulls; they are taken out again, since a null cannot be
told from a key that was never there. Columns of Arrow's JSON type come back as what they hold.
"""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from judge.errors import TranscriptError
from judge.formats._files import HUB_PREFIX
from judge.formats._record import Row, jsonable, parse_json

_BATCH_ROWS = 64
# What a damaged table raises, as far as pyarrow has a name for it. UnicodeDecodeError is a cell whose bytes are no text.
_BROKEN = (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError, MemoryError)


def kind_of_folder(path: Path) -> Literal["dataset", "parquet"]:
    """What a folder is: a saved dataset, or Parquet files that are one table (as Scout's databases are)."""
    if (path / "state.json").is_file():
        return "dataset"
    if (path / "dataset_dict.json").is_file():
        splits = sorted(inner.name for inner in path.iterdir() if (inner / "state.json").is_file())
        raise TranscriptError(
            "a saved dataset with several splits" if len(splits) > 1 else "a saved dataset of splits",
            where=str(path),
            found=", ".join(splits),
            do=f"name one of them: {path / (splits or ['train'])[0]}",
        )
    if _parquet_files(path):
        return "parquet"
    names = sorted(inner.name for inner in path.iterdir())
    raise TranscriptError(
        "a folder, and not one that can be read",
        where=str(path),
        found=", ".join(names[:8]) + (", ..." if len(names) > 8 else "") or "nothing in it",  # noqa: PLR2004
        expected="a dataset saved by Hugging Face's library, or Parquet files",
        do="name a file",
    )


def rows(
    source: str, kind: str, unread: Collection[str] = (), done: bytes = b""
) -> Iterator[Row | TranscriptError | None]:
    """The records of a table, one at a time; of Parquet, None in the place of those that have a 1 in ``done``."""
    if kind == "parquet":
        path, number = Path(source), 0
        for file in _parquet_files(path) if path.is_dir() else [path]:
            mine = done[number:]
            yield from _named(_parquet(file, unread, mine), str(file), file.stem, mine)
            number += _parquet_file(file).metadata.num_rows if done else 0
    elif kind == "arrow":
        yield from _named(_arrow(source), source, Path(source).stem)
    elif kind == "dataset":
        yield from _named(_saved(source), source, Path(source).name)
    else:
        yield from _named(_hub(source), source, source.removeprefix(HUB_PREFIX))


def count(source: str, kind: str) -> int | None:
    """The number of rows where the table's own head says it; else None."""
    if kind != "parquet":
        return None
    path = Path(source)
    return sum(
        _parquet_file(file).metadata.num_rows for file in (_parquet_files(path) if path.is_dir() else [path])
    )


def _parquet_files(folder: Path) -> list[Path]:
    """The Parquet files under a folder, in order. Names that begin with ``_`` or ``.`` are indexes and the like."""
    found = folder.rglob("*.parquet")
    return sorted(
        file for file in found if not any(part[0] in "_." for part in file.relative_to(folder).parts)
    )


def _named(
    batches: Iterator[pa.RecordBatch | int], where: str, stem: str, done: bytes = b""
) -> Iterator[Row | TranscriptError | None]:
    """Rows with their places. A number among the batches is of so many rows that were passed over."""
    number = 0
    fields: list[tuple[str, Callable[[Any], Any] | None]] = []
    for batch in batches:
        size = batch if isinstance(batch, int) else batch.num_rows
        if isinstance(batch, int) or (done and done.count(1, number, number + size) == size):
            yield from repeat(None, size)
            number += size
            continue
        fields = fields or [(field.name, _plain(field.type)) for field in batch.schema]
        try:
            columns = [column.to_pylist() for column in batch.columns]
        except _BROKEN as error:
            raise TranscriptError(
                "the table is broken", where=f"{where}: after row {number}", found=str(error)
            ) from error
        for values in zip(*columns, strict=True):
            number += 1
            place = f"{where}: row {number}"
            try:
                record = {
                    name: value if plain is None else plain(value)
                    for (name, plain), value in zip(fields, values, strict=True)
                    if value is not None
                }
            except orjson.JSONDecodeError as error:
                yield TranscriptError("a cell of JSON type is not JSON", where=place, found=str(error))
                continue
            yield Row(record, place, f"{stem}:{number}")


_LISTS = (
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_list_view,
    pa.types.is_large_list_view,
)


def _plain(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """What makes of a cell of this type, which is not null, the value that JSON would hold; None where it is that already.

    Structs lose the nulls that they are filled up with.
    """
    types = pa.types
    if (
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_integer(kind)
        or types.is_boolean(kind)
    ):
        return None
    if isinstance(kind, pa.JsonType):
        return parse_json
    if types.is_struct(kind):
        return partial(_struct, [(field.name, _plain(field.type)) for field in kind])
    if types.is_map(kind):
        return partial(_map, _plain(kind.item_type))
    if any(test(kind) for test in _LISTS):
        inner = _plain(kind.value_type)  # type: ignore[attr-defined]  # every list type has it
        return partial(_list, inner) if inner else None
    return jsonable


def _struct(fields: list[tuple[str, Callable[[Any], Any] | None]], value: Any) -> dict[str, Any]:
    return {
        name: inner if plain is None else plain(inner)
        for name, plain in fields
        if (inner := value[name]) is not None
    }


def _map(plain: Callable[[Any], Any] | None, value: Any) -> dict[str, Any]:
    return {str(key): inner if inner is None or plain is None else plain(inner) for key, inner in value}


def _list(plain: Callable[[Any], Any], value: Any) -> list[Any]:
    return [inner if inner is None else plain(inner) for inner in value]


def _parquet_file(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except _BROKEN as error:
        raise TranscriptError("the Parquet file cannot be read", where=str(path), found=str(error)) from error


def _parquet(path: Path, unread: Collection[str], done: bytes = b"") -> Iterator[pa.RecordBatch | int]:
    """The file's rows, or of a row group that is wholly ``done`` how many it has."""
    file = _parquet_file(path)
    wanted = [name for name in file.schema_arrow.names if name not in unread]
    number = 0
    try:
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if done and done.count(1, number, number + size) == size:
                yield size
            else:
                # Buffered, a file is read a piece at a time, and not a whole group's columns at once.
                yield from file.iter_batches(
                    _BATCH_ROWS, row_groups=[group], columns=wanted, use_threads=False
                )
            number += size
    except _BROKEN as error:
        raise TranscriptError("the Parquet file is broken", where=str(path), found=str(error)) from error


def _arrow(source: str) -> Iterator[pa.RecordBatch]:
    """An Arrow file in either form: with a footer, or the stream that Hugging Face's library writes."""
    try:
        with pa.memory_map(source) as mapped:
            if mapped.read(6) == b"ARROW1":
                file = pa.ipc.open_file(mapped)
                batches = (file.get_batch(number) for number in range(file.num_record_batches))
            else:
                mapped.seek(0)
                batches = (batch for batch in pa.ipc.open_stream(mapped))
            yield from _sliced(batches)
    except _BROKEN as error:
        raise TranscriptError("the Arrow file cannot be read", where=source, found=str(error)) from error


def _sliced(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        batch.validate(
            full=True
        )  # offsets that point outside would be followed, into memory that is not ours
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            yield batch.slice(start, _BATCH_ROWS)


def _saved(source: str) -> Iterator[pa.RecordBatch]:
    import datasets

    try:
        dataset = datasets.load_from_disk(source).with_format("arrow")
    except (*_BROKEN, ValueError, KeyError) as error:
        raise TranscriptError("the saved dataset cannot be read", where=source, found=str(error)) from error
    for table in dataset.iter(_BATCH_ROWS):
        yield from table.to_batches()


def _hub(source: str) -> Iterator[pa.RecordBatch]:
    """``hf:owner/name``, ``hf:owner/name/config``, either with ``:split``; streamed, nothing is kept on disk."""
    import datasets

    name, _, split = source.removeprefix(HUB_PREFIX).partition(":")
    owner, _, rest = name.partition("/")
    repository, _, config = rest.partition("/")
    if not owner or not repository:
        raise TranscriptError(
            "not the name of a dataset", where=source, expected=f"{HUB_PREFIX}owner/name[:split]"
        )
    try:
        loaded = datasets.load_dataset(f"{owner}/{repository}", config or None, streaming=True)
    except (OSError, ValueError) as error:
        raise TranscriptError("the dataset cannot be had", where=source, found=str(error)) from error
    splits = list(loaded)
    if split not in splits and (split or len(splits) != 1):
        raise TranscriptError(
            f"there is no split {split!r}" if split else "the dataset has several splits",
            where=source,
            found=", ".join(map(str, splits)),
            do=f"name one of them: {HUB_PREFIX}{name}:{splits[0]}",
        )
    for table in loaded[split or splits[0]].with_format("arrow").iter(_BATCH_ROWS):
        yield from table.to_batches()
