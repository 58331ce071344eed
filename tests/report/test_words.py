"""Numbers as text: never 0 or 1 for what is neither, and undefined said as such."""

import doctest

import pytest

from judge import address
from judge.estimate import Estimate
from judge.report import markdown, rates, sentences, words


@pytest.mark.parametrize("module", [address, words, markdown, sentences, rates])
def test_the_examples_hold(module):
    assert doctest.testmod(module).failed == 0


def test_bounds_without_a_value_are_said_as_bounds():
    assert words.estimate(Estimate(None, 0.0, 0.004)) == "between .00 and .004"


def test_a_lower_limit_is_not_rounded_up_to_one():
    assert words.interval(Estimate(1.0, 0.9996, 1.0)) == "[>.999, 1.00]"
    assert words.interval(Estimate(0.5, 0.2, 0.9996)) == "[.20, 1.00]"
    assert words.interval(Estimate(0.1, -0.001, 0.2)) == "[.00, .20]"
    assert words.interval(Estimate(0.001, 0.0004, 0.002)) == "[.0004, .002]"


def weak(n):
    return Estimate(1.0, None, None, warnings=(f"few-clusters: fewer than 10 clusters ({n})",))


def test_reasons_are_told_once_without_particulars_and_with_the_figures_that_they_are_about():
    found = [("kappa", weak(3)), ("recall of a", weak(7)), ("recall of b", Estimate(1.0, 0.9, 1.0))]
    assert words.reasons(found) == ("few-clusters: fewer than 10 clusters (of: kappa; recall of a)",)


def test_many_figures_are_counted():
    names = [f"recall of {letter}" for letter in "abcdefgh"]
    (told,) = words.reasons((name, weak(1)) for name in names)
    assert told.endswith("(of: recall of a; recall of b; recall of c; recall of d; recall of e and 3 more)")
