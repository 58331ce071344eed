"""How well could a judge agree with people who do not agree among themselves?

Like is compared with like: the judge with each human, against each human with each other human. A judge held against
the humans' majority looks better than any human held against another one, for no merit of its own; so the consensus
view leaves out, for human and judge alike, the human in question.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from judge.estimate import Estimate
from judge.stats.agreement import FEW_MINORITY, Weights, disagreement_weights, kappa_of
from judge.stats.ratings import counts_per_item, pairwise_tables
from judge.stats.reasons import merge, reason
from judge.stats.resample import DEFAULT, Settings, estimate
from judge.stats.tables import MISSING, SIMPLE, Design, FloatArray, IntArray, Sample, check_codes, items


@dataclass(frozen=True, slots=True)
class Contrast:
    """Mean kappa of the judge with humans, of humans with humans, and judge minus human, resampled together."""

    judge: Estimate
    human: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Ceiling:
    """``pairs``: with each single human. ``consensus``: with the majority of the other humans; None below 3 humans."""

    pairs: Contrast
    consensus: Contrast | None


def _mean_kappa(sums: FloatArray, which: slice, weights: FloatArray) -> FloatArray:
    """Mean over the pairs in ``which`` of kappa: (n, n_pairs * K * K) to (n,), nan where a pair's is undefined."""
    cells = len(weights) ** 2
    tables = sums.reshape(len(sums), -1, cells)[:, which]
    kappas = kappa_of(tables.reshape(-1, cells), weights)
    return np.asarray(kappas.reshape(len(sums), -1).mean(axis=1))


def _gap(sums: FloatArray, judges: int, weights: FloatArray) -> FloatArray:
    return _mean_kappa(sums, slice(judges), weights) - _mean_kappa(sums, slice(judges, None), weights)


def _rated(tables: FloatArray) -> FloatArray:
    """Without pairs that share no item."""
    return tables[:, tables.any(axis=(0, 2))]


def _minority(sums: Sample, cells: int) -> int:
    """Items outside the most common label in the pair of raters that has fewest."""
    labels = round(cells**0.5)
    tables = sums.counts().reshape(-1, labels, labels)
    common = np.maximum(tables.sum(axis=1).max(axis=1), tables.sum(axis=2).max(axis=1))
    return round(float((tables.sum(axis=(1, 2)) - common).min()))


def _contrast(
    judge: FloatArray, human: FloatArray, weights: Weights, design: Design, settings: Settings
) -> Contrast:
    """Tables of shape (n_items, n_pairs, K * K), the judge's pairs and the humans'."""
    judge, human = _rated(judge), _rated(human)
    if not judge.shape[1] or not human.shape[1]:
        none = Estimate(None, None, None, settings.level, warnings=(reason("no-pairs"),))
        return Contrast(none, none, none)
    cells = judge.shape[2]
    matrix = disagreement_weights(round(cells**0.5), weights)
    tables = np.concatenate([judge, human], axis=1)
    used = np.asarray(tables.any(axis=(1, 2)))
    sums = items(tables[used].reshape(int(used.sum()), -1), design.at(used))
    judges = judge.shape[1]
    statistics = (
        (partial(_mean_kappa, which=slice(judges), weights=matrix), 1),
        (partial(_mean_kappa, which=slice(judges, None), weights=matrix), 1),
        (partial(_gap, judges=judges, weights=matrix), 2),
    )
    few = _minority(sums, cells)
    found = [_guarded(estimate(sums, of, settings, span=(-end, end)), few) for of, end in statistics]
    return Contrast(*found)


def _guarded(found: Estimate, few: int) -> Estimate:
    if found.value is None:
        return replace(found, warnings=merge(found.warnings, (reason("one-label-only"),)))
    if few < FEW_MINORITY:
        warnings = merge(found.warnings, (reason("few-minority", str(few)),))
        return replace(found, low=None, high=None, method="", warnings=warnings)
    return found


def _with_judge(judge: IntArray, humans: IntArray, labels: int) -> FloatArray:
    """Tables of the judge with each column, the human first."""
    pairs = [pairwise_tables(np.stack([human, judge], axis=1), labels) for human in humans.T]
    return np.concatenate(pairs, axis=1)


def leave_one_out(humans: IntArray, labels: int) -> IntArray:
    """For each human, the majority of the others: (n_items, n_humans); ``MISSING`` where they tie or fewer than two rated.

    >>> leave_one_out(np.array([[0, 1, 1]]), 2)
    array([[ 1, -1, -1]])
    """
    counts = counts_per_item(humans, labels)
    majorities = np.full(humans.shape, MISSING, dtype=np.int64)
    for at, own in enumerate(humans.T):
        rest = counts.copy()
        rated = own != MISSING
        rest[rated, own[rated]] -= 1
        top = rest.max(axis=1)
        clear = ((rest == top[:, None]).sum(axis=1) == 1) & (rest.sum(axis=1) >= 2)  # noqa: PLR2004
        majorities[clear, at] = rest[clear].argmax(axis=1)
    return majorities


def human_ceiling(
    judge: ArrayLike,
    humans: ArrayLike,
    labels: int,
    *,
    weights: Weights = "nominal",
    design: Design = SIMPLE,
    settings: Settings = DEFAULT,
) -> Ceiling:
    """Judge-human beside human-human agreement, and their difference.

    ``judge``: (n_items,), ``humans``: (n_items, n_humans), codes or ``MISSING``. pairs: mean kappa over (judge, human)
    pairs, and over (human, human) pairs. consensus: kappa with the majority of the other humans, averaged over humans,
    once for the judge and once for the human left out. Kappa -1 to 1, the difference -2 to 2; below 0 the judge agrees
    with people less than they do with each other. Undefined with one human (``one-human``).

    Everything is on the items that the judge answered, the humans' agreement with each other too: else they would be held
    to hard items that the judge was spared. Each pair uses the items that both rated. Report the judge's failures beside
    this.

    >>> rng = np.random.default_rng(0)
    >>> truth = rng.integers(0, 2, 200)
    >>> noisy = lambda share: np.where(rng.random(200) < share, 1 - truth, truth)
    >>> found = human_ceiling(noisy(0.2), np.stack([noisy(0.05) for _ in range(3)], axis=1), 2)
    >>> found.pairs.difference.high < 0
    True
    """
    answers, people = check_codes(judge, labels), check_codes(humans, labels)
    answered = answers != MISSING
    answers, people, design = answers[answered], people[answered], design.at(answered)
    if people.shape[1] < 2:  # noqa: PLR2004
        none = Estimate(None, None, None, settings.level, warnings=(reason("one-human"),))
        return Ceiling(Contrast(none, none, none), None)
    pairs = _contrast(
        _with_judge(answers, people, labels), pairwise_tables(people, labels), weights, design, settings
    )
    if people.shape[1] < 3:  # noqa: PLR2004  (two humans: the majority of the others is one human again)
        return Ceiling(pairs, None)
    others = leave_one_out(people, labels)
    own = [
        pairwise_tables(np.stack([rest, human], axis=1), labels)
        for rest, human in zip(others.T, people.T, strict=True)
    ]
    consensus = _contrast(
        _with_judge(answers, others, labels), np.concatenate(own, axis=1), weights, design, settings
    )
    return Ceiling(pairs, consensus)
