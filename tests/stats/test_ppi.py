"""The prediction-powered mean: its value, and a variance that knows which items and clusters its two means share."""

import numpy as np
import pytest

from judge.estimate import Estimate
from judge.stats.ppi import Labelled, ppi
from judge.stats.proportion import rate
from judge.stats.simulation import World
from judge.stats.tables import Design, FloatArray
from tests.stats.coverage import Sampled
from tests.stats.numbers import value, width

ALIKE = World(200, 10, 0.3, 0.95, 0.2)
APART = World(2000, 1, 0.3, 0.95, 0)


def standard_error(found: Estimate) -> float:
    assert found.n_effective is not None
    return float(np.sqrt(value(found) * (1 - value(found)) / found.n_effective))


def influence(target: Labelled) -> FloatArray:
    """What each item adds to the estimate, to first order, lambda taken as known."""
    human, judge, known = (part.astype(np.float64) for part in target.parts())
    n, total = known.sum(), len(judge)
    y, f = human.sum() / n, (known * judge).sum() / n
    power = ((known * human * judge).sum() / n - y * f) / (f * (1 - f))
    return known * (human - y - power * (judge - f)) / n + power * (judge - judge.mean()) / total


def test_the_value_is_that_of_ppi_with_its_lambda_for_separate_samples() -> None:
    target = Sampled(ALIKE, 600).draw(np.random.default_rng(0))
    human, judge, known = (part.astype(np.float64) for part in target.parts())
    y, f, other = human[known > 0], judge[known > 0], judge[known == 0]
    power = np.cov(y, f, bias=True)[0, 1] / ((1 + len(y) / len(other)) * f.var())
    assert value(ppi(target)) == pytest.approx(power * other.mean() + (y - power * f).mean(), abs=1e-12)


def test_the_variance_is_that_between_clusters_of_both_means_together() -> None:
    target = Sampled(ALIKE, 1500).draw(np.random.default_rng(1))
    by_cluster = influence(target).reshape(ALIKE.clusters, ALIKE.size).sum(axis=1)
    expected = np.sqrt(ALIKE.clusters * by_cluster.var(ddof=1))
    assert standard_error(ppi(target)) == pytest.approx(expected, rel=0.03)
    names = np.arange(2000) // 10 + 1000 * np.asarray(
        target.known
    )  # as if no cluster held items of both kinds
    apart = ppi(Labelled(target.human, target.judge, Design(clusters=names), target.known))
    assert value(apart) == pytest.approx(value(ppi(target)))
    assert width(apart) < 0.93 * width(ppi(target))


def test_labelled_items_of_the_target_are_not_counted_as_others() -> None:
    target = Sampled(APART, 600).draw(np.random.default_rng(2))
    human, judge, known = target.parts()
    y, explained = human[known].var(), np.corrcoef(human[known], judge[known])[0, 1] ** 2
    expected = np.sqrt(y * (1 - explained) / 600 + y * explained / 2000)
    assert standard_error(ppi(target)) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("world", [ALIKE, APART], ids=["clusters", "no clusters"])
def test_standard_errors_are_as_large_as_the_errors(world: World) -> None:
    rng = np.random.default_rng(3)
    found = [ppi(Sampled(world, 1000).draw(rng)) for _ in range(400)]
    actual = float(np.std([value(one) for one in found], ddof=1))
    assert np.mean([standard_error(one) for one in found]) / actual == pytest.approx(1, abs=0.09)


def test_a_perfect_judge_uses_the_whole_target_and_a_useless_one_only_the_labels() -> None:
    rng = np.random.default_rng(0)
    human, known = rng.random(20_000) < 0.3, np.arange(20_000) < 400
    perfect = ppi(Labelled(human, human, known=known))
    useless = ppi(Labelled(human, rng.random(20_000) < 0.5, known=known))
    labels_only = rate(human[known])
    assert value(perfect) == pytest.approx(float(human.mean()))
    assert width(perfect) < 0.4 * width(labels_only)
    assert width(useless) == pytest.approx(width(labels_only), rel=0.1)
    assert value(useless) == pytest.approx(float(human[known].mean()), abs=0.01)


def test_where_everything_is_labelled_the_judge_has_no_say() -> None:
    rng = np.random.default_rng(4)
    human = rng.random(500) < 0.3
    first, second = (ppi(Labelled(human, rng.random(500) < share)) for share in (0.3, 0.6))
    assert value(first) == value(second) == pytest.approx(float(human.mean()))
    constant = ppi(Labelled(human, np.ones(500), known=np.arange(500) < 250))
    assert value(constant) == pytest.approx(float(human[:250].mean()))


def test_few_positives_are_refused_and_clusters_counted() -> None:
    human = np.arange(200) < 15
    assert ppi(Labelled(human, human)).reasons == ("few-positives",)
    assert ppi(Labelled(~human, ~human)).reasons == ("few-negatives",)
    hidden = np.arange(1000) < 500
    assert ppi(Labelled(hidden, hidden, known=np.arange(1000) >= 485)).reasons == ("few-positives",)
    human = np.repeat(np.random.default_rng(1).random(40) < 0.4, 10)
    judge = np.roll(human, 3)
    known = np.arange(400) % 2 == 0
    apart = ppi(Labelled(human, judge, known=known))
    together = ppi(Labelled(human, judge, Design(clusters=np.repeat(np.arange(40), 10)), known))
    assert width(together) > 1.3 * width(apart)
    assert together.clusters == 40
    few = Design(clusters=np.arange(400) % 8)
    assert "few-clusters" in ppi(Labelled(human, judge, few, known)).reasons
