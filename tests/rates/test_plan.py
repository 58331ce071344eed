"""Answers before labelling."""

import pytest

from judge.errors import UsageError
from judge.rates.plan import Assumed, plan, sections
from judge.rates.sections import markdown
from judge.stats.planning import Expected, half_width, kappa_width


def numbers(**changed):
    return {answer.question: answer.number for answer in plan(Assumed(**changed))}


def test_the_numbers_are_those_of_the_statistics():
    found = numbers(width=0.065, prevalence=0.02)
    assert found["sensitivity to within 0.065"] == 97
    assert found["the same, by labelling at random"] == 4850
    assert found["one true hit or more, with 95%"] == 165
    assert found["a better judge, with 80 % power"] == 489
    assert found["`reduced`, if nothing is left afterwards"] == 8
    assert numbers(bound=4.72e-5)["prevalence below 4.7e-05 if nothing is found"] == 99957


def test_kappas_number_gives_kappas_width():
    n = numbers(width=0.1, prevalence=0.3)["kappa with an interval 0.2 wide"]
    assert kappa_width(Expected(0.3, 0.9, 0.95), n) <= 0.2 < kappa_width(Expected(0.3, 0.9, 0.95), n - 2)


def test_clusters_cost_labels():
    one, two = numbers(), numbers(design_effect=2.0)
    first = "sensitivity to within 0.1"
    assert two[first] == 2 * one[first]
    assert half_width(0.9, one[first]) <= 0.1


def test_a_perfect_judge_has_no_misses_to_bound():
    assert numbers(sensitivity=1.0)["misses bounded"] == 0


@pytest.mark.parametrize(
    "wrong", [{"prevalence": 0.0}, {"width": 1.0}, {"split": 0.5}, {"design_effect": 0.5}]
)
def test_what_cannot_be_planned_says_so(wrong):
    with pytest.raises(UsageError):
        plan(Assumed(**wrong))


def test_the_table_names_its_assumptions():
    assumed = Assumed()
    text = markdown(sections(plan(assumed), assumed))
    assert "design effect 1" in text
    assert "labelled positives" in text
