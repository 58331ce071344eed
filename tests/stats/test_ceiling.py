"""The human ceiling and the alternative annotator test."""

from typing import Any

import numpy as np
import pytest

from judge.stats.agreement import kappa
from judge.stats.alt_test import Rules, alt_test, similarity
from judge.stats.ceiling import human_ceiling, leave_one_out
from judge.stats.resample import Settings
from judge.stats.tables import Design, confusion
from tests.stats.numbers import high, low, value, width

Array = Any


def noisy(truth: Array, share: float, rng: np.random.Generator) -> Array:
    return np.where(rng.random(len(truth)) < share, 1 - truth, truth)


def people(n: int, errors: tuple[float, ...], seed: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    return truth, np.stack([noisy(truth, share, rng) for share in errors], axis=1)


def test_pandalms_humans_and_their_mean_kappa(golden: dict[str, Any]) -> None:
    table = golden["published"]["pandalm"]
    ratings = np.array(
        [[int(c) for c in p] for p, k in table["three_rater_pattern_counts"].items() for _ in range(k)]
    )
    found = human_ceiling(ratings[:, 0], ratings[:, 1:], 3, settings=Settings(replicates=200))
    assert value(found.pairs.judge) == pytest.approx((0.852 + 0.879) / 2, abs=0.001)
    assert value(found.pairs.human) == pytest.approx(0.862, abs=0.001)
    assert value(found.pairs.difference) == pytest.approx(value(found.pairs.judge) - value(found.pairs.human))
    assert low(found.pairs.difference) < 0 < high(found.pairs.difference)
    assert found.consensus is None


def test_a_judge_as_good_as_the_humans_has_no_difference_and_a_worse_one_has() -> None:
    _, four = people(400, (0.1, 0.1, 0.1, 0.1), 1)
    alike = human_ceiling(four[:, 0], four[:, 1:], 2)
    assert low(alike.pairs.difference) < 0 < high(alike.pairs.difference)
    assert alike.consensus is not None
    assert low(alike.consensus.difference) < 0 < high(alike.consensus.difference)
    _, worse = people(400, (0.3, 0.1, 0.1, 0.1), 2)
    found = human_ceiling(worse[:, 0], worse[:, 1:], 2)
    assert high(found.pairs.difference) < 0
    assert found.consensus is not None
    assert high(found.consensus.difference) < 0


def test_the_paired_difference_is_tighter_than_two_separate_intervals() -> None:
    _, four = people(300, (0.15, 0.1, 0.1, 0.1), 3)
    pairs = human_ceiling(four[:, 0], four[:, 1:], 2).pairs
    assert width(pairs.difference) < np.hypot(width(pairs.judge), width(pairs.human))


def test_people_are_held_only_to_items_that_the_judge_answered() -> None:
    """On hard items, where people split, this judge has no answer; elsewhere it is as good as they are."""
    truth, two = people(400, (0.1, 0.1), 5)
    hard = np.arange(400) % 4 == 0
    rng = np.random.default_rng(6)
    two[hard] = rng.integers(0, 2, (int(hard.sum()), 2))
    judge = np.where(hard, -1, noisy(truth, 0.1, rng))
    found = human_ceiling(judge, two, 2)
    assert found == human_ceiling(judge[~hard], two[~hard], 2)
    assert low(found.pairs.difference) < 0 < high(found.pairs.difference)
    none = human_ceiling(np.full(400, -1), two, 2)
    assert none.pairs.difference.reasons == ("no-pairs",)


def test_missing_ratings_and_unshared_items_are_left_out() -> None:
    truth, three = people(300, (0.1, 0.1, 0.1), 4)
    three[:100, 2] = -1
    found = human_ceiling(three[:, 0], three[:, 1:], 2)
    both = three[:, 2] >= 0
    assert value(found.pairs.human) == value(kappa(confusion(three[both, 1], three[both, 2], 2)))
    apart = np.where(np.arange(300)[:, None] % 2 == np.arange(2), truth[:, None], -1)
    assert human_ceiling(truth, apart, 2).pairs.human.reasons == ("no-pairs",)


def test_one_human_has_no_ceiling() -> None:
    found = human_ceiling([0, 1] * 20, [[0], [1]] * 20, 2)
    assert found.pairs.difference.reasons == ("one-human",)
    assert found.consensus is None


def test_leaving_one_out_gives_no_majority_to_a_tie() -> None:
    assert leave_one_out(np.array([[0, 1, 1, 1]]), 2).tolist() == [[1, 1, 1, 1]]
    assert leave_one_out(np.array([[0, 0, 1, 1]]), 2).tolist() == [[1, 1, 0, 0]]
    assert leave_one_out(np.array([[0, 1, 0]]), 2).tolist() == [[-1, 0, -1]]
    assert leave_one_out(np.array([[0, 1, -1]]), 2).tolist() == [[-1, -1, -1]]


def test_the_alt_test_by_hand() -> None:
    """Forty items, three annotators who agree but for annotator 0 on ten items; the judge sides with the majority."""
    truth = np.arange(40) % 2
    humans = np.stack([np.where(np.arange(40) < 10, 1 - truth, truth), truth, truth], axis=1)
    found = alt_test(truth, humans, similarity(2), rules=Rules(epsilon=0.1))
    first, second, _ = found.duels
    assert (first.judge_wins, first.human_wins) == (1.0, 0.75)
    # Against the others the judge and annotator 1 are always alike: both "win" every item.
    assert (second.judge_wins, second.human_wins) == (1.0, 1.0)
    assert first.won
    assert second.p == pytest.approx(0.9**40)
    assert value(found.advantage) == 1.0
    assert found.winning_rate == 1.0
    assert found.passed


def test_a_bad_judge_fails_and_a_judge_like_the_annotators_passes() -> None:
    truth, humans = people(300, (0.2, 0.2, 0.2), 5)
    rng = np.random.default_rng(6)
    bad = alt_test(noisy(truth, 0.45, rng), humans, similarity(2), rules=Rules(epsilon=0.1))
    good = alt_test(noisy(truth, 0.2, rng), humans, similarity(2))
    assert bad.passed is False
    assert good.passed is True
    assert value(bad.advantage) < value(good.advantage)
    assert low(good.advantage) < value(good.advantage) < high(good.advantage)


def test_at_the_border_the_alt_test_errs_as_often_as_it_says() -> None:
    """A judge whose advantage lies exactly epsilon behind wins against an annotator in no more than q of the runs."""
    rng = np.random.default_rng(7)
    wins = 0
    for _ in range(400):
        truth = rng.integers(0, 2, 200)
        exact = np.stack([truth] * 3, axis=1)
        judge = noisy(truth, 0.1, rng)  # mean(W^h - W^f) is .1 exactly
        wins += alt_test(judge, exact, similarity(2), rules=Rules(epsilon=0.1)).winning_rate != 0
    assert wins / 400 < 0.09


def test_clusters_make_the_alt_test_more_careful() -> None:
    truth, humans = people(120, (0.15, 0.15, 0.15), 8)
    judge = noisy(truth, 0.2, np.random.default_rng(9))
    apart = alt_test(judge, humans, similarity(2))
    copied = (np.repeat(x, 5, axis=0) for x in (judge, humans))
    judge5, humans5 = copied
    together = alt_test(judge5, humans5, similarity(2), design=Design(clusters=np.repeat(np.arange(120), 5)))
    assert [d.p for d in together.duels] == pytest.approx([d.p for d in apart.duels])
    assert width(together.advantage) == pytest.approx(width(apart.advantage), rel=0.1)


def test_ordinal_closeness_prefers_the_nearer_label() -> None:
    humans = np.array([[3, 0, 0]] * 40)
    found = alt_test([1] * 40, humans, similarity(4, "ordinal"))
    assert found.duels[0].judge_wins == 1.0
    assert found.duels[0].human_wins == 0.0


def test_the_alt_test_refuses_too_little() -> None:
    truth, humans = people(40, (0.1, 0.1, 0.1), 10)
    assert alt_test(truth, humans[:, :2], similarity(2)).passed is None
    assert alt_test(truth, humans[:, :1], similarity(2)).advantage.reasons == ("one-human",)
    few = alt_test(truth[:29], humans[:29], similarity(2))
    assert few.passed is None
    assert few.warnings[0].startswith("few-items")
    assert few.advantage.value is not None
