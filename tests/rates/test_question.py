"""What is asked, and which outcome an answer is."""

from typing import Any

import numpy as np
import pytest

from judge.errors import UsageError
from judge.estimate import Estimate
from judge.rates.question import Answers, asked, fact
from judge.rates.question import answers as judged
from judge.rates.sections import Section, markdown, number, shown
from judge.ratings import Item, Rater, Rating, Ratings
from tests.rates.worlds import AWARE, ESCALATION, FIELD, GRADERS, answers, question


def test_a_facet_may_be_named_shortly_where_only_one_can_be_meant():
    assert asked("", {"eval_awareness": AWARE}).positive == ("dismissed", "tentative", "settled")
    assert asked("eval_awareness", GRADERS).facet.name == FIELD
    assert asked("alignment_eval_awareness", GRADERS).grader is AWARE
    found = asked("over_escalation.escalation=over_escalated, under_escalated", GRADERS)
    assert found.positive == ("over_escalated", "under_escalated")
    assert str(found) == "over_escalation.escalation = over_escalated or under_escalated"
    assert asked(FIELD, GRADERS, ("indeterminate",)).positive == ("indeterminate",)


@pytest.mark.parametrize(
    ("text", "labels", "words"),
    [
        ("", (), f"several graders(.|\\n)*name one: --facet {next(iter(GRADERS))}"),
        ("nothing", (), "the run has no facet 'nothing'"),
        (f"{FIELD}=sure", (), "no such label"),
        ("escalation", (), "nothing says which labels of escalation to count"),
        ("over_escalation.alignment_eval_awareness", (), "no facet"),
    ],
)
def test_what_cannot_be_asked_says_what_can(text, labels, words):
    with pytest.raises(UsageError, match=words):
        asked(text, GRADERS, labels)


def test_outcomes_keep_nulls_failures_and_questions_that_did_not_arise_apart():
    question_ = asked("escalation=over_escalated", GRADERS)
    words = [
        question_.outcome(value)
        for value in ("over_escalated", "calibrated", "indeterminate", "not_applicable", None)
    ]
    assert words == ["positive", "negative", "null", "not_applicable", "invalid"]
    multi = asked("over_escalation.stated_reason=rule_invented", GRADERS)
    assert multi.outcome(("rule_cited", "rule_invented")) == "positive"
    assert multi.outcome(("rule_cited",)) == "negative"
    assert asked(f"{FIELD}=indeterminate", GRADERS).outcome("indeterminate") == "positive"


def test_groups_come_from_metadata_also_nested():
    found = answers(np.array([True, False, True]))
    items = (Item("a", {"run": {"step": 3}}), Item("b", {"run": {"step": 20}}), Item("c", {}))
    own = Answers(found.rater, question(), items, found.ratings, found.outcomes, found.design)
    assert own.groups("run.step").tolist() == ["3", "20", "(none)"]
    with pytest.raises(UsageError, match="no record has 'stage'"):
        own.groups("stage")


def test_null_and_nan_are_no_value():
    found = answers(np.array([True, False, True, False]))
    facts: tuple[dict[str, Any], ...] = (
        {"arm": None},
        {"arm": float("nan")},
        {"arm": "nan"},
        {"arm": "None"},
    )
    items = tuple(Item(f"t{n}", metadata) for n, metadata in enumerate(facts))
    own = Answers(found.rater, question(), items, found.ratings, found.outcomes, found.design)
    assert own.groups("arm").tolist() == ["(none)", "(none)", "nan", "None"]
    assert fact({"run": {"arm": None}}, "run.arm") is None
    with pytest.raises(UsageError, match="no record has 'arm'"):
        own.at(np.array([True, True, False, False])).groups("arm")


def test_clusters_without_a_value_are_not_one_cluster():
    key = question().key
    said = {(name, 0): Rating("settled") for name in "abcd"}
    clusters = {"a": "x", "b": "x", "c": None, "d": float("nan")}
    items = {name: Item(name, {"cluster": cluster}) for name, cluster in clusters.items()}
    rater = Rater("run", "judge", {key: said})
    found = judged(Ratings((rater,), items, GRADERS), rater, question())
    assert len(set(np.asarray(found.design.clusters).tolist())) == 3


def test_a_transcript_whose_first_repeat_is_missing_still_counts():
    key = question().key
    said = {
        ("a", 0): Rating("settled"), ("a", 1): Rating("absent"),
        ("b", 1): Rating("settled"), ("b", 2): Rating("absent"),
        ("c", 0): Rating(None, "refused"), ("c", 1): Rating("settled"),
    }  # fmt: skip
    rater = Rater("run", "judge", {key: said})
    ratings = Ratings((rater,), {name: Item(name, {}) for name in "abcd"}, GRADERS)
    found = judged(ratings, rater, question())
    assert [item.id for item in found.items] == ["a", "b", "c"]
    assert found.outcomes.tolist() == ["positive", "positive", "invalid"]


def test_counts_follow_the_rubric_and_put_failures_in_brackets():
    found = answers(np.array([True, False]))
    own = Answers(
        found.rater,
        question(),
        found.items,
        (Rating(None, "refused"), Rating("settled")),
        found.outcomes,
        found.design,
    )
    assert own.counts() == {"settled": 1, "(refused)": 1}


def test_numbers_of_every_size_can_be_read():
    assert [number(x) for x in (0.5, 0.00012, 0, None)] == ["0.500", "0.00012", "0", ""]
    assert shown(Estimate(None, 0.0, 4e-5)) == "at most 4e-05"
    assert shown(Estimate(None, 0.1, 0.2)) == "0.100 to 0.200"
    assert shown(Estimate(0.5, None, None)) == "0.500 (no interval)"
    assert shown(Estimate(None, None, None, warnings=("few-positives: x",))) == "none: few-positives"
    assert shown(Estimate(2.0, 1.0, float("inf"))) == "2.000 [1.000, ∞]"


def test_names_of_groups_are_never_markup():
    text = markdown([Section("a|b\n<script>", ("x",), (("1 | 2\x1b[31m",),), ("*bold* `code` [l](u)",))])
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert "\\|" in text
    assert "\\x1b" in text.replace("\\\\", "\\")
    assert "\x1b" not in text
    assert "\\*bold\\*" in text
    assert len(text.splitlines()) == 7


def test_escalation_has_labels_that_all_need_evidence():
    assert set(ESCALATION.facets["escalation"].positive) == set(ESCALATION.facets["escalation"].labels)
