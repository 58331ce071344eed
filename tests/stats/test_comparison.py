"""Paired comparison, drift, differential error, many tests."""

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray

from judge.errors import UsageError
from judge.estimate import Estimate
from judge.stats.agreement import kappa
from judge.stats.differential import differential, equality, within_strata
from judge.stats.drift import anchor, input_shift
from judge.stats.latent import dawid_skene
from judge.stats.multiplicity import adjust
from judge.stats.paired import Trio, differences, mcnemar, sign_flip
from judge.stats.resample import Settings
from judge.stats.tables import MISSING, Design, confusion
from tests.stats.numbers import high, low, value, width

RNG = np.random.default_rng(0)
HUMAN = (np.arange(400) % 4 == 0).astype(np.int64)


def judge(errors: float, seed: int) -> NDArray[np.int64]:
    wrong = np.random.default_rng(seed).random(400) < errors
    return np.asarray(np.where(wrong, 1 - HUMAN, HUMAN))


def test_differences_are_those_of_the_two_tables() -> None:
    first, second = judge(0.2, 1), judge(0.1, 2)
    found = differences(Trio(HUMAN, first, second, 2))
    one, two = (value(kappa(confusion(HUMAN, x, 2))) for x in (first, second))
    assert value(found.kappa) == pytest.approx(two - one)
    assert value(found.agreement) == pytest.approx((second == HUMAN).mean() - (first == HUMAN).mean())
    recalls = [(x[HUMAN == 1] == 1).mean() for x in (first, second)]
    assert value(found.recall[1]) == pytest.approx(recalls[1] - recalls[0])
    only_second = int(((second == HUMAN) & (first != HUMAN)).sum())
    assert found.correct.only_second == only_second
    assert sum(test.only_second for test in found.correct_by_label) == only_second


def test_swapping_the_judges_turns_the_sign() -> None:
    first, second = judge(0.2, 1), judge(0.1, 2)
    there, back = differences(Trio(HUMAN, first, second, 2)), differences(Trio(HUMAN, second, first, 2))
    assert value(there.kappa) == pytest.approx(-value(back.kappa))
    assert low(there.agreement) == pytest.approx(-high(back.agreement), abs=0.01)
    assert there.correct.p_exact == back.correct.p_exact


def test_pairing_narrows_the_interval_of_judges_that_err_together() -> None:
    first = judge(0.2, 1)
    second = first.copy()
    second[:10] = HUMAN[:10]
    together = differences(Trio(HUMAN, first, second, 2))
    apart = differences(Trio(HUMAN, first, judge(0.2, 5), 2))
    assert width(together.kappa) < width(apart.kappa) / 2


def test_judges_that_never_differ_get_a_bound_not_a_zero() -> None:
    same = judge(0.1, 3)
    found = differences(Trio(HUMAN, same, same, 2))
    assert found.correct.p_exact is None
    assert (low(found.agreement), high(found.agreement)) == (-high(found.agreement), high(found.agreement))
    assert 0 < high(found.agreement) < 0.02
    assert found.kappa.low is None
    assert "no-discordant" in found.kappa.reasons
    assert "no-discordant" in found.recall[0].reasons


def test_a_failed_answer_leaves_the_item_out_for_both() -> None:
    first, second = judge(0.2, 1), judge(0.1, 2)
    first[:50] = -1
    found = differences(Trio(HUMAN, first, second, 2))
    assert found.kappa.n == 350
    rest = differences(Trio(HUMAN[50:], first[50:], second[50:], 2))
    assert found.kappa.value == rest.kappa.value


def test_a_label_nobody_gave_has_no_recall_difference() -> None:
    found = differences(Trio(HUMAN, judge(0.2, 1), judge(0.1, 2), 3))
    assert "no-such-label" in found.recall[2].reasons
    one = differences(Trio([0] * 20, [0] * 20, [0] * 20, 2))
    assert "one-label-only" in one.kappa.reasons


def test_mcnemar_knows_when_it_has_nothing() -> None:
    assert mcnemar(0, 0).warnings[0].startswith("no-discordant")
    assert mcnemar(5, 5).p_exact == 1.0
    assert mcnemar(2, 3).warnings[0].startswith("few-discordant")
    assert mcnemar(30, 10).warnings == ()


def test_sign_flips_agree_with_mcnemar_where_every_item_is_a_cluster() -> None:
    gaps = np.array([1] * 8 + [-1] * 2)
    assert sign_flip(gaps).p == pytest.approx(mcnemar(2, 8).p_exact)
    many = sign_flip(np.repeat(gaps, 3), settings=Settings(replicates=20_000))
    assert many.p == pytest.approx(mcnemar(6, 24).p_exact or 0, abs=0.002)
    clustered = sign_flip(np.repeat(gaps, 3), Design(clusters=np.repeat(np.arange(10), 3)))
    assert clustered.p == sign_flip(gaps).p
    assert sign_flip([0, 0, 0]).p == 1


def test_adjusting_keeps_order_and_never_lowers() -> None:
    p = (0.04, 0.01, 0.03)
    for method in ("holm", "bh", "by"):
        adjusted = adjust(p, method)
        assert all(a >= b for a, b in zip(adjusted, p, strict=True))
        assert np.argsort(adjusted, kind="stable")[0] == 1
    assert adjust((), "by") == ()
    with pytest.raises(UsageError, match="p-value"):
        adjust((1.5,), "bh")


def test_drift_is_seen_and_noise_is_not_called_drift() -> None:
    old = judge(0.1, 4)
    new = old.copy()
    new[HUMAN == 1] = np.where(np.arange(100) < 40, 0, new[HUMAN == 1])
    found = anchor(Trio(HUMAN, old, new, 2), Estimate(0.02, 0.01, 0.04))
    assert found.above_noise
    assert high(found.accuracy.recall[1]) < 0
    assert found.warnings == ()
    quiet = anchor(Trio(HUMAN, old, judge(0.11, 4), 2), Estimate(0.05, 0.03, 0.08))
    assert quiet.above_noise is False
    assert quiet.warnings[0].startswith("noise-floor")
    small = anchor(Trio(HUMAN[:40], old[:40], new[:40], 2))
    assert small.warnings[0].startswith("anchor-small")
    assert small.above_noise is None


def test_a_judge_that_fails_has_changed_its_answers() -> None:
    old = judge(0.1, 4)
    new = np.where(np.arange(400) < 60, MISSING, old)
    old = np.where(np.isin(np.arange(400), (59, 399)), MISSING, old)
    found = anchor(Trio(HUMAN, old, new, 2), Estimate(0.02, 0.01, 0.04))
    assert value(found.changed) == pytest.approx(60 / 399)
    assert found.above_noise is True
    assert found.unanswered == (2, 60)
    assert (found.answering.only_first, found.answering.only_second) == (59, 1)
    assert found.answering.p_exact == pytest.approx(2 * 61 * 0.5**60)


def test_a_shift_of_inputs_is_found_and_adjusted() -> None:
    rng = np.random.default_rng(1)
    before: dict[str, ArrayLike] = {
        "length": rng.normal(0, 1, 200),
        "flagged": rng.random(200) < 0.1,
        "gone": [1.0],
    }
    after = {"length": rng.normal(0.6, 1, 200), "flagged": rng.random(200) < 0.1}
    length, flagged = input_shift(before, after)
    assert low(length.superiority) > 0.5
    assert length.p is not None
    assert length.p_adjusted == pytest.approx(2 * length.p)
    assert low(flagged.superiority) < 0.5 < high(flagged.superiority)
    assert input_shift({"a": []}, {"a": [1.0]})[0].superiority.reasons == ("no-items",)
    assert input_shift({"a": [1.0] * 9}, {"a": [1.0] * 9})[0].superiority.reasons == ("at-the-limit",)
    alone = input_shift({"a": [1.0, 2.0]}, {"a": [1.0, 3.0]}, (Design(clusters=[0, 0]), Design()))
    assert alone[0].superiority.reasons == ("one-cluster",)


def test_unequal_sensitivity_is_detected_and_equal_is_not() -> None:
    rng = np.random.default_rng(2)
    truth, groups = np.arange(800) % 2, np.repeat(["old", "new"], 400)
    chance = np.where(groups == "old", 0.9, 0.6)
    answers = np.where(truth == 1, rng.random(800) < chance, rng.random(800) < 0.1)
    found = differential(truth, answers, groups)
    assert found.sensitivity.p is not None
    assert found.sensitivity.p < 0.001
    assert found.specificity.p is not None
    assert found.specificity.p > 0.01
    assert found.sensitivity.largest is not None
    assert found.sensitivity.largest > 0.3
    assert set(found.sensitivity.rates) == {"old", "new"}


def test_the_equality_test_errs_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    rejections = 0
    for _ in range(400):
        clusters = np.repeat(np.arange(60), 5)
        hits = rng.random(300) < np.repeat(rng.beta(3.2, 0.8, 60), 5)
        found = equality(hits, np.repeat([0, 1, 2], 100), Design(clusters=clusters))
        rejections += found.p is not None and found.p < 0.05
    assert 0.005 < rejections / 400 < 0.085


def test_groups_too_small_to_tell_are_named() -> None:
    found = equality([1] * 5 + [1] * 40, ["tiny"] * 5 + ["big"] * 40)
    assert found.p is None
    assert found.largest is not None
    assert found.largest > 0.3
    assert "tiny" in found.warnings[0]
    assert equality([1] * 20, ["only"] * 20).largest is None


def test_comparing_within_strata_removes_a_difference_of_mixture() -> None:
    rng = np.random.default_rng(4)
    hard = np.concatenate([rng.random(500) < 0.2, rng.random(500) < 0.8])
    later = np.arange(1000) >= 500
    hits = rng.random(1000) < np.where(hard, 0.7, 0.1)
    naive = hits[later].mean() - hits[~later].mean()
    found = within_strata(hits, later, hard)
    assert naive > 0.25
    assert low(found) < 0 < high(found)
    assert within_strata([1, 0], [0, 1], ["a", "b"]).reasons == ("no-overlap",)


def test_dawid_and_skene_prefer_the_reliable_rater() -> None:
    rng = np.random.default_rng(5)
    truth = rng.integers(0, 2, 500)
    ratings = np.stack(
        [np.where(rng.random(500) < share, 1 - truth, truth) for share in (0.02, 0.3, 0.3, 0.3)], axis=1
    )
    found = dawid_skene(ratings, 2)
    majority = (ratings.mean(axis=1) > 0.5).astype(int)
    assert (found.posterior.argmax(axis=1) == truth).mean() > (majority == truth).mean() + 0.02
    assert found.errors[0, 0, 0] > 0.95
    assert "few-annotators" in dawid_skene(ratings[:, :2], 2).warnings[0]
    assert "not-converged" in dawid_skene(ratings, 2, iterations=1).warnings[0]
