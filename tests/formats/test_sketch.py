"""A sketch says what the transcript would say, or there is none."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge import formats
from judge.errors import TranscriptError
from judge.formats import Sketch, _convert, _sketch, own
from judge.formats._record import Row
from judge.transcript import Transcript
from tests.formats.reading import write

LEAVES = st.none() | st.booleans() | st.integers(-2, 3) | st.floats() | st.text(max_size=4)
ANY = LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(st.text(max_size=3), LEAVES, max_size=2)
ROLES = st.sampled_from(("assistant", "user", "tool", "system"))
CHANNELS = st.sampled_from(("text", "reasoning", "tool_call", "tool_result", "redacted_reasoning"))
TEXTS = st.text(max_size=8) | st.sampled_from(("\ud800", "é", ""))
MESSAGE = st.fixed_dictionaries(
    {"role": ROLES, "text": TEXTS},
    optional={
        "channel": CHANNELS,
        "id": st.sampled_from(("M1", "M2", "a.b", "é", "has blank", "M1\n", "x" * 65)),
        "turn": st.integers(0, 3),
        "tool": st.none() | TEXTS | st.just("t" * 200),
    },
)
PLAIN = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, max_size=4)},
    optional={
        "id": st.sampled_from(("t1", "", " ", "é", "\ud800")) | st.integers(),
        "metadata": st.dictionaries(st.text(max_size=3), ANY, max_size=3),
        "context": st.dictionaries(st.text(max_size=3), TEXTS, max_size=2),
    },
)
KEYS = ("id", "messages", "metadata", "context", "role", "text", "channel", "turn", "tool", "other")


def spoiled(record: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    """The record with another value somewhere, where the path leads there."""
    at: Any = record
    for key in path[:-1]:
        at = at.get(key) if isinstance(at, dict) else at[0] if isinstance(at, list) and at else None
    if isinstance(at, dict):
        at[path[-1]] = value
    return record


def held(record: dict[str, Any]) -> Sketch | None:
    row = Row(record, "file:1", "file:1")
    sketch, full = own.sketch(row), _convert(own, row)
    if sketch is None:
        return None
    assert isinstance(full, Transcript), f"a sketch of what is no transcript: {full}"
    assert (sketch.id, sketch.revision, sketch.metadata) == (full.id, full.revision, full.metadata)
    assert sketch.fingerprint == full.fingerprint
    assert sketch.transcript() == full
    return sketch


@settings(max_examples=400)
@given(
    record=PLAIN, path=st.lists(st.sampled_from(KEYS), min_size=1, max_size=3), value=ANY, spoil=st.booleans()
)
def test_a_sketch_equals_the_transcript(
    record: dict[str, Any], path: list[Any], value: Any, spoil: bool
) -> None:
    held(spoiled(record, path, value) if spoil else record)


ORDINARY: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "text": "hi"}]},
    {
        "id": "run-7",
        "messages": [
            {"role": "user", "text": "Is 7 prime? “Yes”"},
            {"role": "assistant", "channel": "reasoning", "text": "Only 1 and 7 divide it."},
            {"role": "assistant", "channel": "tool_call", "text": "ls", "tool": "bash"},
            {"role": "tool", "text": "a.txt", "tool": "bash"},
            {"role": "assistant", "text": "Yes."},
        ],
        "metadata": {"model": "m1", "nested": {"b": [1.5, None], "a": "é"}},
        "context": {"policy": "p", "env": "é"},
    },
    {
        "id": 7,
        "messages": [{"id": "x", "turn": 3, "role": "user", "channel": "text", "text": "", "tool": None}],
    },
    {"messages": json.dumps([{"role": "user", "text": "as text"}]), "metadata": '{"a": 1}'},
]


def test_long_names_are_not_kept_in_memory() -> None:
    before = _sketch._sound_head.cache_info().currsize
    for parts in (
        ("M" * 200, 0, "user", "text", None),
        ("M1", 0, "r" * 200, "text", None),
        ("M1", 0, "tool", "c" * 200, "t"),
        ("M1", 0, "tool", "tool_result", "t" * 200),
    ):
        assert _sketch.sound_head(*parts) is None
    assert _sketch._sound_head.cache_info().currsize == before


@pytest.mark.parametrize("record", ORDINARY)
def test_there_is_one_of_every_ordinary_record(record: dict[str, Any]) -> None:
    assert held(record)


@pytest.mark.parametrize(
    ("first", "then"),
    [(0, False), (1, True), (1, "1"), (1, 1.0), (False, 0), (True, 1)],
)
def test_what_was_seen_before_does_not_answer_for_what_only_equals_it(first: Any, then: Any) -> None:
    for turn in (first, then):
        held({"messages": [{"role": "user", "text": "hi", "turn": turn}]})


@pytest.mark.parametrize(
    "message",
    [
        {"text": "\ud800"},
        {"role": "alien"},
        {"role": ["user"]},
        {"channel": {}},
        {"turn": -1},
        {"id": "M1\n"},
        {"extra": 1},
        {"tool": "\ud800"},
    ],
)
def test_there_is_none_of_what_is_refused(message: dict[str, Any]) -> None:
    assert held({"messages": [{"role": "user", "text": "hi"} | message]}) is None


@pytest.mark.parametrize("parts", [{"turn": (2, 1)}, {"id": ("a", "a")}, {"id": ("M2", None)}])
def test_there_is_none_where_messages_do_not_go_together(parts: dict[str, tuple[Any, Any]]) -> None:
    messages = [
        {"role": "user", "text": "hi"} | {key: two[n] for key, two in parts.items() if two[n] is not None}
        for n in (0, 1)
    ]
    assert held({"messages": messages}) is None


def test_a_source_is_sketched_in_order_and_its_complaints_stay(tmp_path: Path) -> None:
    records = [*ORDINARY[:2], {"messages": [{"role": "alien", "text": "x"}]}, ORDINARY[2]]
    source = write(tmp_path / "d.jsonl", *records)
    found, expected = list(formats.sketches(source)), list(formats.read(source))
    assert [isinstance(item, Sketch) for item in found] == [True, True, False, True]
    for one, other in zip(found, expected, strict=True):
        if isinstance(one, TranscriptError):
            assert str(one) == str(other)
        else:
            assert isinstance(other, Transcript) and (one.id, one.revision) == (other.id, other.revision)
