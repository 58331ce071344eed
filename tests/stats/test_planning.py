"""Planning and selection."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge.errors import UsageError
from judge.stats.bounds import upper_bound
from judge.stats.confirmed import Sensitivity
from judge.stats.paired import mcnemar
from judge.stats.planning import (
    Expected,
    half_width,
    kappa_width,
    labels_for_width,
    n_for_zero_bound,
    n_to_see_one,
    pairs_for_power,
)
from judge.stats.proportion import Counted
from judge.stats.sampling import Plan, core_check, hajek, horvitz_thompson, next_batch, neyman
from tests.stats.numbers import high, low, value


@pytest.mark.parametrize(
    ("prevalence", "se", "n"), [(1e-4, 0.9, 33_285), (1e-4, 0.6, 49_928), (1e-5, 0.9, 332_858)]
)
def test_transcripts_to_see_one(prevalence: float, se: float, n: int) -> None:
    assert n_to_see_one(prevalence, se) == n
    assert (1 - prevalence * se) ** n <= 0.05 < (1 - prevalence * se) ** (n - 1)


def test_labels_for_a_width_are_the_fewest() -> None:
    for share, width in ((0.9, 0.05), (0.5, 0.1), (0.99, 0.02)):
        n = labels_for_width(share, width)
        assert half_width(share, n) <= width < half_width(share, n - 1)
    assert labels_for_width(0.9, 0.05, design_effect=2.0) == 2 * labels_for_width(0.9, 0.05)
    with pytest.raises(UsageError, match="no such plan"):
        labels_for_width(0.9, 0)


def test_the_bound_that_was_planned_is_the_bound_that_comes() -> None:
    se = Counted.of(45, 50)
    n = n_for_zero_bound(1e-4, se)
    assert high(upper_bound(Counted.of(0, n), Sensitivity(se))) <= 1e-4
    assert high(upper_bound(Counted.of(0, n - 10), Sensitivity(se))) > 1e-4
    with pytest.raises(UsageError, match="no number of transcripts"):
        n_for_zero_bound(1e-4, Counted.of(0, 10))


def test_power_is_what_was_planned() -> None:
    n = pairs_for_power(0.03, 0.07)
    assert n == 489
    assert pairs_for_power(0.04, 0.06) == 1960
    rng = np.random.default_rng(0)
    draws = rng.multinomial(n, [0.03, 0.07, 0.9], size=2000)
    power = np.mean([(mcnemar(int(a), int(b)).p_mid or 1) < 0.05 for a, b, _ in draws])
    assert 0.76 < power < 0.86
    with pytest.raises(UsageError, match="no difference"):
        pairs_for_power(0.05, 0.05)


def test_rare_labels_make_kappa_wide() -> None:
    widths = [kappa_width(Expected(p, 0.9, 0.95), 400) for p in (0.3, 0.05, 0.02)]
    assert widths[0] < widths[1] < widths[2]
    assert kappa_width(Expected(0.3, 0.9, 0.95), 400) == pytest.approx(
        kappa_width(Expected(0.3, 0.9, 0.95), 100) / 2
    )


FRAME = np.repeat(["no", "unsure", "yes"], [900, 80, 20])
RATES = [0.01, 0.3, 0.7]


def test_a_batch_records_the_chance_that_each_item_had() -> None:
    batch = next_batch(FRAME, RATES, Plan(150, seed=1))
    assert len(set(batch.items.tolist())) == 150
    for stratum, name in enumerate(("no", "unsure", "yes")):
        own = FRAME[batch.items] == name
        assert own.sum() == batch.taken[stratum]
        assert np.allclose(batch.probability[own], batch.taken[stratum] / batch.stratum_sizes[stratum])
    assert float((1 / batch.probability).sum()) == pytest.approx(1000)
    assert batch.core.sum() == 30
    same = next_batch(FRAME, RATES, Plan(150, seed=1))
    assert same.items.tolist() == batch.items.tolist()


def test_recorded_chances_are_the_real_ones() -> None:
    times, core = np.zeros(1000), np.zeros(1000)
    for seed in range(600):
        batch = next_batch(FRAME, RATES, Plan(150, seed=seed))
        times[batch.items] += 1
        core[batch.items[batch.core]] += 1
    first = next_batch(FRAME, RATES, Plan(150, seed=0))
    for name in ("no", "unsure", "yes"):
        own = FRAME[first.items] == name
        assert times[name == FRAME].mean() / 600 == pytest.approx(first.probability[own][0])
        assert core[name == FRAME].mean() / 600 == pytest.approx(first.core_probability[own][0])
    assert np.std(times[FRAME == "no"]) < 2 * np.sqrt(600 * 0.1 * 0.9)


def test_weighted_estimates_undo_the_selection() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(1000) < np.where(FRAME == "yes", 0.7, np.where(FRAME == "unsure", 0.3, 0.01))
    naive, hajeks, totals = [], [], []
    for seed in range(200):
        batch = next_batch(FRAME, RATES, Plan(150, seed=seed))
        hits = truth[batch.items]
        naive.append(hits.mean())
        hajeks.append(value(hajek(hits, batch.probability)))
        totals.append(horvitz_thompson(hits, batch.probability, 1000))
    assert np.mean(naive) > 2 * truth.mean()
    assert np.mean(hajeks) == pytest.approx(truth.mean(), rel=0.05)
    assert np.mean(totals) == pytest.approx(truth.mean(), rel=0.05)


def test_core_and_whole_agree_or_say_so() -> None:
    batch = next_batch(FRAME, RATES, Plan(300, seed=3))
    fine = core_check(batch, FRAME[batch.items] == "yes")
    assert fine.agree
    assert low(fine.core) <= value(fine.whole) <= high(fine.core)
    assert core_check(batch, batch.core).agree is False
    alone = next_batch(["a"], [0.5], Plan(1, seed=0, core=0.0))
    assert core_check(alone, [True]).agree is None


def test_scores_between_minus_one_and_one_can_be_weighted_too() -> None:
    assert value(hajek([0.5, 0.7, 0.2], [0.5, 0.5, 0.1])) == pytest.approx((1 + 1.4 + 2) / 14)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(1, 500), st.floats(0, 1)), min_size=1, max_size=8),
    st.integers(1, 600),
    st.floats(0, 1),
)
def test_an_allocation_fits_its_frame(strata: list[tuple[int, float]], size: int, uniform: float) -> None:
    sizes, rates = (np.array(x) for x in zip(*strata, strict=True))
    taken = neyman(sizes, rates, Plan(size, 0, uniform=uniform))
    assert taken.sum() == min(size, sizes.sum())
    assert (taken <= sizes).all()
    assert (taken >= 0).all()


def test_costs_and_bad_plans() -> None:
    cheap = neyman([500, 500], [0.5, 0.5], Plan(100, 0), costs=[1, 9])
    assert cheap[0] > 2 * cheap[1]
    with pytest.raises(UsageError, match="rates do not match"):
        next_batch(["a", "b"], [0.5], Plan(1, 0))
    with pytest.raises(UsageError, match="size above 0"):
        next_batch(["a", "b"], [0.5, 0.5], Plan(0, 0))
