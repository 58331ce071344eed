import json

import pytest

from judge.annotate.queue import Triage, arrange, tickets
from judge.errors import UsageError


def write(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_order_is_the_annotators_own_and_stays_when_transcripts_join():
    names = [f"t{n}" for n in range(40)]
    ana, ben = arrange(names, "ana", "shuffled"), arrange(names, "ben", "shuffled")
    assert ana == arrange(reversed(names), "ana", "shuffled")
    assert sorted(ana) == sorted(names) and ana not in (ben, names)
    more = arrange([*names, "new"], "ana", "shuffled")
    assert [name for name in more if name != "new"] == ana
    assert arrange(names, "ana", "given") == names


def test_a_queue_carries_probabilities_and_other_graders_lines_are_left(tmp_path):
    path = write(
        tmp_path / "q.jsonl",
        {"transcript_id": "b", "grader": "colour", "stratum": "s", "inclusion_probability": 0.25, "more": 1},
        {"transcript_id": "a"},
        {"transcript_id": "c", "grader": "other"},
    )
    found = tickets(path, "colour")
    assert [(name, ticket.inclusion_probability) for name, ticket in found.items()] == [
        ("b", 0.25),
        ("a", 1.0),
    ]
    assert list(tickets(path)) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{"id": "a"}], "q.jsonl:1: not a line of a queue"),
        ([{"transcript_id": "a", "inclusion_probability": 0}], "greater than 0"),
        ([{"transcript_id": "a", "inclusion_probability": 0.5}, {"transcript_id": "a"}], "two inclusion"),
        ([{"transcript_id": "a", "grader": "other"}], "nothing in this queue is for this grader"),
        ([], "nothing in this queue|empty"),
    ],
)
def test_a_queue_that_is_none_says_where_and_why(tmp_path, lines, message):
    with pytest.raises(UsageError, match=message):
        tickets(write(tmp_path / "q.jsonl", *lines), "colour")


class Verdicts:
    """What a triage asks of ``verdicts.Verdicts``."""

    def __init__(self, *outcomes, legibility=""):
        self._outcomes, self._legibility = list(outcomes), legibility

    def outcomes(self, _):
        return self._outcomes

    def legibility(self, _):
        return self._legibility

    def differ(self, _):
        return len(set(self._outcomes)) > 1


@pytest.mark.parametrize(
    ("triage", "verdicts", "admitted"),
    [
        (Triage(label="red"), Verdicts("red"), True),
        (Triage(label="red"), Verdicts("blue"), False),
        (Triage(outcome="ok"), Verdicts("red", "(refused)"), True),
        (Triage(outcome="ok"), Verdicts("(refused)"), False),
        (Triage(outcome="failed"), Verdicts("(refused)"), True),
        (Triage(outcome="refused"), Verdicts("(refused)"), True),
        (Triage(outcome="truncated"), Verdicts("(refused)"), False),
        (Triage(legibility="clean"), Verdicts("red", legibility="clean"), True),
        (Triage(legibility="clean"), Verdicts("red"), False),
        (Triage(disagreement=True), Verdicts("red", "blue"), True),
        (Triage(disagreement=True), Verdicts("red", "red"), False),
        (Triage(label="red", outcome="ok"), Verdicts("red"), True),
    ],
)
def test_triage_narrows_by_every_part_that_is_set(triage, verdicts, admitted):
    assert triage.admits("t", verdicts) == admitted
