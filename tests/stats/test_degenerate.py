"""Data that carry nothing: undefined with a reason, never 0, never an interval of width 0."""

from collections.abc import Callable

import numpy as np
import pytest

from judge.errors import UsageError
from judge.estimate import Estimate
from judge.stats.agreement import gwet, indices, kappa, raw_agreement
from judge.stats.alpha import alpha, set_alpha
from judge.stats.baselines import baselines
from judge.stats.confidence import confidence
from judge.stats.outcomes import answered_only, bounds, invalid_rate, shares
from judge.stats.per_label import macro_f1, multi_label, per_label
from judge.stats.proportion import counted, rate
from judge.stats.ratings import many_rater
from judge.stats.repeats import consistency, order_swap
from judge.stats.tables import Design, Sample, confusion, from_table
from tests.stats.numbers import high, low, value, width

EMPTY = confusion([], [], 3)
ONE_LABEL = confusion([1] * 30, [1] * 30, 3)
PERFECT = confusion([0, 1, 2] * 20, [0, 1, 2] * 20, 3)


@pytest.mark.parametrize("of", [raw_agreement, kappa, gwet, macro_f1])
def test_without_items_everything_is_undefined(of: Callable[[Sample], Estimate]) -> None:
    found = of(EMPTY)
    assert found.value is None
    assert found.low is None
    assert found.warnings


def test_one_label_only_leaves_kappa_and_alpha_undefined_and_agreement_with_an_interval() -> None:
    assert kappa(ONE_LABEL).value is None
    assert kappa(ONE_LABEL).reasons == ("one-label-only",)
    assert alpha([[1, 1]] * 30, 3, "ordinal").reasons == ("one-label-only",)
    assert many_rater([[1, 1]] * 30, 3, chance="fleiss").reasons == ("one-label-only",)
    agreement = raw_agreement(ONE_LABEL)
    assert value(agreement) == 1
    assert 0.8 < low(agreement) < 1


def test_perfect_agreement_has_an_interval_that_reaches_below_1() -> None:
    ratings = np.array([[0, 0, 0], [1, 1, 1], [2, 2, 2]] * 20)
    for found in (kappa(PERFECT), gwet(PERFECT), alpha(ratings, 3, "nominal"), macro_f1(PERFECT)):
        assert value(found) == 1
        assert 0.8 < low(found) < 1
        assert high(found) == 1
    assert "no-disagreement" in kappa(PERFECT).reasons


def test_perfect_agreement_on_an_ordinal_scale_allows_for_the_worst_disagreement() -> None:
    nominal, quadratic = kappa(PERFECT), kappa(PERFECT, "quadratic")
    assert low(quadratic) < low(nominal) < 1
    ratings = np.array([[0, 0], [1, 1], [2, 2]] * 20)
    assert low(alpha(ratings, 3, "ordinal")) < low(alpha(ratings, 3, "nominal")) < 1


def test_a_label_that_never_occurs_has_no_recall_and_no_precision() -> None:
    scores = per_label(confusion([0, 0, 1, 1], [0, 1, 1, 0], 3))[2]
    for found in (scores.recall, scores.precision, scores.f1):
        assert found.value is None
        assert found.reasons == ("no-such-label",)
    assert scores.support == 0


def test_all_missing_is_no_pair() -> None:
    assert alpha([[0, -1], [-1, 1]], 2, "nominal").reasons == ("no-pairs",)
    assert many_rater([[0, -1], [-1, 1]], 2, chance="gwet").reasons == ("no-pairs",)
    assert order_swap([-1, -1], [0, 1], 2).agreement.reasons == ("no-items",)


def test_empty_sets_agree_with_each_other_and_with_nothing_else() -> None:
    empty, full = frozenset[str](), frozenset("a")
    assert set_alpha([[empty, empty]] * 5, "masi").reasons == ("one-label-only",)
    found = set_alpha([[empty, empty]] * 25 + [[full, full]] * 25 + [[empty, full]] * 10, "jaccard")
    assert 0.4 < value(found) < 0.8
    assert width(found) > 0


def test_one_cluster_gives_a_value_and_no_interval() -> None:
    design = Design(clusters=["x"] * 40)
    table = confusion([0, 1] * 20, [0, 1, 1, 0] * 10, 2, design)
    for found in (kappa(table), raw_agreement(table), rate([True, False] * 20, design)):
        assert found.value is not None
        assert found.low is None
        assert "one-cluster" in found.reasons


def test_few_clusters_are_warned_of() -> None:
    design = Design(clusters=np.arange(60) % 6)
    found = kappa(confusion([0, 1] * 30, [0, 1, 1, 1, 0, 0] * 10, 2, design))
    assert "few-clusters" in found.reasons
    assert found.clusters == 6


def test_without_variation_agreement_counts_clusters_not_items() -> None:
    together = rate([True] * 100, Design(clusters=np.arange(100) // 10))
    apart = rate([True] * 100)
    assert width(together) > 4 * width(apart)
    assert together.n_effective == 10


def test_outcomes_are_counted_and_bounded() -> None:
    found = bounds(["null"] * 10)
    assert found.answered.value is None
    assert (value(found.lowest), value(found.highest)) == (0, 1)
    assert found.envelope.value is None
    assert (low(found.envelope), high(found.envelope)) == (0, 1)
    assert shares([]) == {}
    assert "invalid-rate" not in invalid_rate([False] * 400).reasons
    assert "invalid-rate" in invalid_rate([False] * 380 + [True] * 20).reasons


def test_nulls_are_categories_or_left_out_but_never_points_of_the_scale() -> None:
    human, judge = [0, 1, 2, 3, 3, 0, 2] * 8, [0, 1, 2, 3, 0, 0, 1] * 8
    with_null = confusion(human, judge, 4)
    on_scale = answered_only(with_null, 3)
    assert with_null.n == 56
    assert on_scale.n == 40
    expected = confusion([h for h, j in zip(human, judge, strict=True) if max(h, j) < 3],
                         [j for h, j in zip(human, judge, strict=True) if max(h, j) < 3], 3)  # fmt: skip
    assert kappa(on_scale, "quadratic") == kappa(expected, "quadratic")


def test_a_judge_against_itself_without_flips_has_a_bound() -> None:
    found = consistency([[0, 0, 0]] * 20 + [[1, 1, 1]] * 20, 2)
    assert value(found.flips) == 0
    assert 0 < high(found.flips) < 0.15
    assert found.within == 0
    pairs = consistency([[0, 1], [1, 1]] * 10, 2)
    assert "few-repeats" in pairs.flips.reasons
    assert found.of_majority(3) == 1


def test_confidence_that_is_always_right_has_no_auroc() -> None:
    found = confidence([0.9] * 20 + [0.6] * 20, [True] * 40)
    assert found is not None
    assert found.auroc.reasons == ("one-label-only",)
    assert confidence([], []) is None


def test_empty_multi_label_and_mismatched_shapes() -> None:
    scores = multi_label(np.zeros((10, 2)), np.zeros((10, 2)))
    assert scores.micro.f1.value is None
    assert scores.macro_f1.value is None
    with pytest.raises(UsageError, match="label sets do not match"):
        multi_label(np.zeros((10, 2)), np.zeros((9, 2)))


def test_wrong_input_is_named() -> None:
    with pytest.raises(UsageError, match="not a label code"):
        confusion([0, 3], [0, 1], 3)
    with pytest.raises(UsageError, match="same items"):
        confusion([0, 1], [0], 3)
    with pytest.raises(UsageError, match="weights cannot be used"):
        rate([True, False], Design(weights=[1, 0]))
    with pytest.raises(UsageError, match="clusters do not match"):
        rate([True, False], Design(clusters=[1]))
    with pytest.raises(UsageError, match="confidence lies outside"):
        confidence([90], [True])


def test_baselines_and_indices_of_nothing() -> None:
    assert baselines(EMPTY) == ()
    assert indices(EMPTY) is None
    found = indices(from_table([[118, 5], [2, 0]]))
    assert found is not None
    assert round(found.prevalence, 3) == -0.944
    assert round(found.pabak, 3) == 0.888


def test_counted_nothing_is_nothing() -> None:
    assert counted([]).items == 0


def test_an_estimate_prints_what_is_known() -> None:
    assert str(Estimate(None, None, None, warnings=("a: b",))) == "undefined (a: b)"
    assert str(Estimate(None, 0.0, 4.7e-5, n=9)) == "between 0.000 and 4.7e-05 (n=9)"
    assert str(Estimate(0.5, None, None, n=9)) == "0.500 (n=9, no interval)"
    assert str(Estimate(0.00012, 0.0001, 0.2, n=9)) == "0.00012 [0.0001, 0.200] (n=9)"
    assert Estimate(None, None, None, warnings=("few-items: x", "b: y")).reasons == ("few-items", "b")


def test_one_disagreement_never_widens_an_interval_beyond_reason() -> None:
    """A resampled spread from a single disagreement says nothing; that it was one of many does."""
    clusters = [n // 2 for n in range(60)]
    truth = [n % 3 for n in range(60)]
    design = Design(clusters=clusters)
    lows = {}
    for wrong in (0, 1, 2, 4):
        answer = [
            (label + 1) % 3 if n in range(0, 15 * wrong, 15) else label for n, label in enumerate(truth)
        ]
        table = confusion(truth, answer, 3, design)
        ratings = np.column_stack([truth, answer])
        found = (raw_agreement(table), kappa(table), gwet(table), alpha(ratings, 3, "nominal", design=design))
        lows[wrong] = [low(one) for one in found]
    for fewer, more in ((0, 1), (1, 2), (2, 4)):
        assert all(a > b - 0.03 for a, b in zip(lows[fewer], lows[more], strict=True))
    assert min(lows[1]) > 0.7  # 59 of 60
