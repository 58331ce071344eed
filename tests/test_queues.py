"""Queues as whoever labels and whoever computes read them."""

import json

import pytest

from judge.errors import UsageError
from judge.queues import for_grader, read


def write(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_line_needs_no_more_than_an_id_and_may_hold_more(tmp_path):
    path = write(
        tmp_path / "q.jsonl", {"transcript_id": "a", "more": 1}, {"transcript_id": "b", "core": True}
    )
    assert [(number, line.transcript_id, line.core) for number, line in read(path)] == [
        (1, "a", False),
        (2, "b", True),
    ]


def test_one_transcript_may_be_drawn_for_two_graders_by_two_designs(tmp_path):
    lines = [
        {"transcript_id": "a", "grader": name, "inclusion_probability": p}
        for name, p in (("x", 0.1), ("y", 0.5))
    ]
    path = write(tmp_path / "q.jsonl", *lines)
    assert for_grader(path, "x")["a"].inclusion_probability == 0.1
    assert for_grader(path, "y")["a"].inclusion_probability == 0.5
    with pytest.raises(UsageError, match="two inclusion probabilities"):
        for_grader(path)


def test_a_line_that_is_none_is_named(tmp_path):
    path = write(tmp_path / "q.jsonl", {"transcript_id": "a"}, {"transcript_id": "b", "core_probability": 2})
    with pytest.raises(UsageError, match="not a line of a queue") as raised:
        for_grader(path)
    assert "q.jsonl:2" in str(raised.value)
    with pytest.raises(UsageError, match="cannot read the queue"):
        list(read(tmp_path / "nowhere.jsonl"))
