"""One record of a file, and what every reader does with it: its id, its metadata, and complaints about it."""

import json
import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from judge.errors import TranscriptError
from judge.transcript import Message, Transcript

ID_KEYS = ("custom_id", "transcript_id", "id", "uuid")
"""Where a record's id is looked for, in this order. What is not taken as the id stays in the metadata."""

_SHOWN = 60
_SHOWN_KEYS = 12


class Row(NamedTuple):
    """A record, whatever it came in: a line, a table's row, an element of an array."""

    record: Mapping[str, Any]
    where: str
    """``file:line``, ``file: row 17``: the place that an error names."""
    fallback_id: str
    """The id of a record that brings none: the file's stem and the record's number."""


def parse_json(text: bytes | str) -> Any:
    """JSON to Python. ``NaN`` and the infinities, which Python's own writer emits, become None.

    Raises orjson.JSONDecodeError, whose ``lineno`` and ``colno`` count from 1.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        marks = (b"NaN", b"Infinity") if isinstance(text, bytes) else ("NaN", "Infinity")
        if not any(mark in text for mark in marks):  # type: ignore[operator]
            raise
        try:
            lenient = json.loads(text, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            lenient = None
        if lenient is None:
            raise
        return lenient


def structure(value: Any) -> Any:
    """A list or mapping, also where a table holds it as JSON text. Anything else comes back as it was."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return parse_json(value)
        except orjson.JSONDecodeError:
            return value
    return value


def objects(value: Any) -> list[Mapping[str, Any]]:
    """The mappings in a list, or in the JSON text of one; empty where the value is no list."""
    value = structure(value)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def short(value: Any) -> str:
    """A value as an error shows it: quoted, escaped, and not too much of it."""
    if isinstance(value, Mapping):
        return f"an object with the keys {', '.join(map(repr, list(value)[:_SHOWN_KEYS])) or '(none)'}"
    if isinstance(value, (str, bytes)):
        return repr(value) if len(value) <= _SHOWN else repr(value[:_SHOWN]) + "..."
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return repr(value)


def explain(error: ValidationError) -> str:
    """Pydantic's complaints in one line, each with its path and what was found."""
    parts = []
    for item in error.errors()[:3]:
        path = ".".join(map(str, item["loc"])) or "record"
        found = "" if isinstance(item["input"], Mapping) else f" (found {short(item['input'])})"
        parts.append(f"{path}: {_said(item)}{found}")
    return "; ".join(parts)


def _said(item: ErrorDetails) -> str:
    """Pydantic's words, and Python's where they say which character a text cannot be encoded for."""
    if item["type"] == "string_unicode" and isinstance(item["input"], str):
        try:
            item["input"].encode()
        except UnicodeEncodeError as error:
            return str(error)
    return item["msg"]


def jsonable(value: Any) -> Any:
    """A value that JSON holds as it is: no NaN, dates as ISO text, bytes as their number, what is left as text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item) for item in value]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"[{len(value)} bytes]"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def merge(facts: Mapping[str, Any], nested: Any) -> dict[str, Any]:
    """A record's facts and what it keeps under ``metadata``, in one mapping.

    Where both have a key and disagree, the nested one is kept as ``metadata.<key>``.
    """
    merged = {key: value for key, value in facts.items() if value is not None}
    nested = structure(nested)
    if not isinstance(nested, Mapping):
        return merged if nested is None else {**merged, "metadata": nested}
    for key, value in nested.items():
        clash = key in merged and merged[key] != value
        merged[f"metadata.{key}" if clash else str(key)] = value
    return merged


def identifier(row: Row, keys: Iterable[str] = ID_KEYS) -> tuple[str, str]:
    """The record's id and the key that it was found under, or the fallback id and the empty string."""
    for key in keys:
        value = row.record.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value), key
        if isinstance(value, str) and value.strip():
            return value, key
    return row.fallback_id, ""


def assemble(
    row: Row, messages: tuple[Message, ...], used: Collection[str], facts: Mapping[str, Any] | None = None
) -> Transcript:
    """The transcript of a record: its messages, its id, and everything that is not ``used`` as metadata.

    ``facts`` are further metadata that the reader dug out of the record's inner parts.
    """
    name, key = identifier(row)
    rest = {k: v for k, v in row.record.items() if k not in used and k not in (key, "metadata")}
    metadata = merge({**(facts or {}), **rest}, row.record.get("metadata"))
    return Transcript(id=name, messages=messages, metadata=metadata)


def located(error: TranscriptError, where: str) -> TranscriptError:
    """The same complaint, at a place in a file."""
    place = f"{where}, {error.where}" if error.where else where
    return TranscriptError(error.what, where=place, found=error.found, expected=error.expected, do=error.do)
