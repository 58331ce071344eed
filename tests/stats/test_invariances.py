"""What must not change a coefficient, and what must: properties that hold for all data."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.stats.agreement import Weights, gwet, kappa, raw_agreement
from judge.stats.alpha import alpha, set_alpha
from judge.stats.per_label import macro_f1, per_label
from judge.stats.proportion import rate
from judge.stats.ratings import many_rater
from judge.stats.resample import Settings
from judge.stats.tables import Design, confusion
from tests.stats.numbers import same

QUICK = Settings(replicates=100)
LABELS = 3
PAIRS = st.lists(st.tuples(st.integers(0, LABELS - 1), st.integers(0, LABELS - 1)), min_size=4, max_size=40)
RATINGS = st.integers(2, 4).flatmap(
    lambda raters: st.lists(
        st.lists(st.integers(-1, LABELS - 1), min_size=raters, max_size=raters), min_size=4, max_size=25
    )
)
WEIGHTS: tuple[Weights, ...] = ("nominal", "linear", "quadratic")
few = settings(max_examples=60)


def columns(pairs: list[tuple[int, int]]) -> tuple[Any, Any]:
    table = np.array(pairs)
    return table[:, 0], table[:, 1]


@few
@given(PAIRS)
def test_swapping_the_raters_leaves_every_symmetric_coefficient(pairs: list[tuple[int, int]]) -> None:
    a, b = columns(pairs)
    for weights in WEIGHTS:
        for coefficient in (kappa, gwet):
            there, back = confusion(a, b, LABELS), confusion(b, a, LABELS)
            assert same(coefficient(there, weights, QUICK), coefficient(back, weights, QUICK))


@few
@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter(pairs: list[tuple[int, int]], random: Any) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)
    for of in (raw_agreement, kappa, gwet, macro_f1):
        first, second = confusion(*columns(pairs), LABELS), confusion(*columns(shuffled), LABELS)
        assert same(of(first, settings=QUICK), of(second, settings=QUICK))


@few
@given(PAIRS, st.permutations(range(LABELS)))
def test_renaming_labels_leaves_nominal_coefficients(pairs: list[tuple[int, int]], names: list[int]) -> None:
    a, b = columns(pairs)
    new = np.array(names)
    before, after = confusion(a, b, LABELS), confusion(new[a], new[b], LABELS)
    assert same(kappa(before, settings=QUICK), kappa(after, settings=QUICK))
    assert same(gwet(before, settings=QUICK), gwet(after, settings=QUICK))
    ours, theirs = per_label(before, QUICK), per_label(after, QUICK)
    for label in range(LABELS):
        assert same(ours[label].f1, theirs[names[label]].f1)


@few
@given(PAIRS)
def test_reversing_an_ordinal_scale_leaves_its_coefficients(pairs: list[tuple[int, int]]) -> None:
    a, b = columns(pairs)
    for weights in WEIGHTS:
        before, after = confusion(a, b, LABELS), confusion(2 - a, 2 - b, LABELS)
        assert same(kappa(before, weights, QUICK), kappa(after, weights, QUICK))
    there, back = (
        alpha(np.stack(x, axis=1), LABELS, "ordinal", settings=QUICK) for x in ((a, b), (2 - a, 2 - b))
    )
    assert same(there, back)


@few
@given(PAIRS, st.integers(0, 3))
def test_weight_2_is_the_cluster_twice(pairs: list[tuple[int, int]], which: int) -> None:
    a, b = columns(pairs)
    clusters = np.arange(len(a)) % 4
    twice = clusters == which
    weighted = confusion(a, b, LABELS, Design(weights=1.0 + twice, clusters=clusters))
    repeated = confusion(np.concatenate([a, a[twice]]), np.concatenate([b, b[twice]]), LABELS)
    assert np.allclose(weighted.total, repeated.total)
    for of in (kappa, gwet, raw_agreement, macro_f1):
        assert same(of(weighted, settings=QUICK), of(repeated, settings=QUICK), interval=False)
    once, both = (
        np.stack([a, b], axis=1),
        np.concatenate([np.stack([a, b], axis=1)[twice], np.stack([a, b], axis=1)]),
    )
    for level in ("nominal", "ordinal"):
        heavy = alpha(once, LABELS, level, design=Design(weights=1.0 + twice), settings=QUICK)
        assert same(heavy, alpha(both, LABELS, level, settings=QUICK), interval=False)


@few
@given(PAIRS)
def test_weights_of_1_change_nothing_and_a_common_factor_neither(pairs: list[tuple[int, int]]) -> None:
    a, b = columns(pairs)
    for factor in (1.0, 7.5):
        weighted = confusion(a, b, LABELS, Design(weights=np.full(len(a), factor)))
        for of in (raw_agreement, kappa, gwet, macro_f1):
            assert same(of(confusion(a, b, LABELS), settings=QUICK), of(weighted, settings=QUICK))


@few
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=4, max_size=40))
def test_with_two_labels_all_weights_are_one(pairs: list[tuple[int, int]]) -> None:
    a, b = columns(pairs)
    table = confusion(a, b, 2)
    for weights in ("linear", "quadratic"):
        assert same(kappa(table, settings=QUICK), kappa(table, weights, QUICK))
        assert same(gwet(table, settings=QUICK), gwet(table, weights, QUICK))
    ratings = np.stack([a, b], axis=1)
    nominal = alpha(ratings, 2, "nominal", settings=QUICK)
    for level in ("ordinal", "interval"):
        assert same(nominal, alpha(ratings, 2, level, settings=QUICK), interval=False)


@few
@given(PAIRS)
def test_two_raters_by_two_roads(pairs: list[tuple[int, int]]) -> None:
    a, b = columns(pairs)
    ratings = np.stack([a, b], axis=1)
    for weights in WEIGHTS:
        road = many_rater(ratings, LABELS, chance="gwet", weights=weights, settings=QUICK)
        assert same(gwet(confusion(a, b, LABELS), weights, QUICK), road, interval=False)


@few
@given(RATINGS, st.randoms(use_true_random=False))
def test_raters_are_exchangeable(ratings: list[list[int]], random: Any) -> None:
    shuffled = [random.sample(row, len(row)) for row in ratings]
    for level in ("nominal", "ordinal", "interval", "ratio"):
        assert same(
            alpha(ratings, LABELS, level, settings=QUICK), alpha(shuffled, LABELS, level, settings=QUICK)
        )
    for chance in ("gwet", "fleiss", "uniform"):
        ours = many_rater(ratings, LABELS, chance=chance, settings=QUICK)
        assert same(ours, many_rater(shuffled, LABELS, chance=chance, settings=QUICK))


@few
@given(RATINGS)
def test_sets_of_one_label_are_nominal(ratings: list[list[int]]) -> None:
    sets = [[None if r < 0 else frozenset([str(r)]) for r in row] for row in ratings]
    nominal = alpha(ratings, LABELS, "nominal", settings=QUICK)
    assert same(nominal, set_alpha(sets, "jaccard", settings=QUICK), interval=False)
    assert same(nominal, set_alpha(sets, "masi", settings=QUICK), interval=False)


@few
@given(PAIRS)
def test_coefficients_stay_in_range_and_intervals_hold_their_value(pairs: list[tuple[int, int]]) -> None:
    table = confusion(*columns(pairs), LABELS)
    for of in (raw_agreement, kappa, gwet, macro_f1):
        found = of(table, settings=QUICK)
        if found.value is None:
            assert found.warnings
            continue
        assert -1 <= found.value <= 1
        if found.low is not None and found.high is not None:
            assert found.low <= found.value <= found.high
            assert found.high - found.low > 0


@few
@given(st.integers(0, 30), st.integers(1, 30))
def test_a_rate_never_has_an_interval_without_width(hits: int, n: int) -> None:
    found = rate([True] * min(hits, n) + [False] * (n - min(hits, n)))
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > 0
    assert 0 <= found.low <= (found.value or 0.0) <= found.high <= 1


def test_alpha_approaches_fleiss_as_n_grows() -> None:
    rng = np.random.default_rng(0)
    gaps = []
    for n in (20, 200, 2000):
        truth = rng.integers(0, LABELS, n)
        ratings = np.where(rng.random((n, 3)) < 0.6, truth[:, None], rng.integers(0, LABELS, (n, 3)))
        krippendorff = alpha(ratings, LABELS, "nominal", settings=QUICK).value
        fleiss = many_rater(ratings, LABELS, chance="fleiss", settings=QUICK).value
        assert krippendorff is not None
        assert fleiss is not None
        gaps.append(krippendorff - fleiss)
        assert krippendorff == pytest.approx(1 - (1 - fleiss) * (1 - 1 / (3 * n)), abs=1e-12)
    assert gaps[0] > gaps[1] > gaps[2] > 0
