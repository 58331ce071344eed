"""Does the judge err more in one group than in another? Unequal errors are what makes checkpoints look different.

Groups are checkpoints, families, environments. A judge's sensitivity cancels from a comparison only if it is the same on
both sides, so it is tested, and the largest difference that the data do not exclude is printed beside the test.
"""

from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from judge.estimate import Estimate
from judge.stats.distributions import chi2_tail
from judge.stats.proportion import Share, difference, rate, rate_sample, share
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, Settings, estimate
from judge.stats.tables import SIMPLE, Design, FloatArray, Sample, codes_of, items

FEW = 10


@dataclass(frozen=True, slots=True)
class Equality:
    """One rate in each group, a test that all are equal, and how unequal they may still be.

    ``p`` is None where no test is possible. ``largest``: the largest absolute difference between two groups that some
    95 % interval of a pair still holds; None with fewer than two measured groups.
    """

    rates: dict[str, Estimate]
    p: float | None
    largest: float | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Differential:
    """Equality of sensitivity (among human positives) and of specificity (among human negatives) across groups."""

    sensitivity: Equality
    specificity: Equality


def _joint_p(found: list[Share]) -> float | None:
    """Chi-squared test of homogeneity on effective counts; None where all rates are 0 or all are 1."""
    sizes = np.array([s.n_effective * s.df_factor for s in found])
    rates = np.array([s.value for s in found])
    pooled = float(sizes @ rates / sizes.sum())
    if len(found) < 2 or not 0 < pooled < 1:  # noqa: PLR2004
        return None
    statistic = float(sizes @ (rates - pooled) ** 2) / (pooled * (1 - pooled))
    return chi2_tail(statistic, len(found) - 1)


def equality(
    hits: ArrayLike, groups: ArrayLike, design: Design = SIMPLE, settings: Settings = DEFAULT
) -> Equality:
    """Is a rate the same in all groups? ``hits``: (n_items,) booleans, ``groups``: (n_items,) names.

    X^2 = sum n_g (p_g - p)^2 / (p (1 - p)) on effective counts, chi-squared with groups - 1 degrees of freedom: a
    first-order design correction (Rao & Scott 1984, doi:10.1214/aos/1176346391). Differences of pairs by square-and-add
    of the two intervals. A group below ten items is listed and warned of (``sparse-groups``): there a difference could
    hide. Clusters that hold several groups make the test conservative.

    >>> hits = [1] * 45 + [0] * 5 + [1] * 30 + [0] * 20
    >>> found = equality(hits, ["a"] * 50 + ["b"] * 50)
    >>> round(found.p, 4), round(found.largest, 2)
    (0.0005, 0.46)
    """
    hit, names = np.asarray(hits, dtype=bool), np.asarray(groups)
    rates, shares = {}, []
    for name in np.unique(names):
        own = names == name
        rates[str(name)] = rate(hit[own], design.at(own), settings)
        found = share(rate_sample(hit[own], design.at(own)), [1, 0], [0, 1], settings.level)
        if found is not None:
            shares.append(found)
    few = [name for name, found in rates.items() if found.n < FEW]
    warnings = (reason("sparse-groups", ", ".join(few)),) if few else ()
    gaps = [difference(a, b) for a, b in combinations(rates.values(), 2)]
    ends = [abs(end) for gap in gaps for end in (gap.low, gap.high) if end is not None]
    return Equality(rates, _joint_p(shares) if shares else None, max(ends) if ends else None, warnings)


def differential(
    human: ArrayLike,
    judge: ArrayLike,
    groups: ArrayLike,
    design: Design = SIMPLE,
    settings: Settings = DEFAULT,
) -> Differential:
    """Sensitivity and specificity by group; ``human`` and ``judge``: (n_items,) booleans."""
    truth, answer, names = np.asarray(human, dtype=bool), np.asarray(judge, dtype=bool), np.asarray(groups)
    return Differential(
        equality(answer[truth], names[truth], design.at(truth), settings),
        equality(~answer[~truth], names[~truth], design.at(~truth), settings),
    )


def _within_of(sums: FloatArray, strata: int) -> FloatArray:
    """Mantel-Haenszel risk difference: (n, strata * 4) of hits and sizes in the first and second group, to (n,)."""
    cells = sums.reshape(-1, strata, 4)
    hits_1, n_1, hits_2, n_2 = (cells[..., at] for at in range(4))
    both = (n_1 > 0) & (n_2 > 0)
    weight = np.where(both, n_1 * n_2 / np.where(both, n_1 + n_2, 1), 0)
    gap = np.where(both, hits_2 / np.where(both, n_2, 1) - hits_1 / np.where(both, n_1, 1), 0)
    return np.asarray((weight * gap).sum(axis=1) / weight.sum(axis=1))


def _stratified_sums(
    hit: FloatArray, later: FloatArray, strata: ArrayLike, design: Design
) -> tuple[Sample, int]:
    """Hits and sizes in the first and second group of each stratum, and how many strata there are."""
    stratum = codes_of(strata)
    number = int(stratum.max(initial=-1)) + 1
    own = np.stack([hit * (1 - later), 1 - later, hit * later, later], axis=1)
    cells = np.zeros((len(hit), number, 4))
    cells[np.arange(len(hit)), stratum] = own
    return items(cells.reshape(len(hit), -1), design), number


def within_strata(
    hits: ArrayLike,
    second: ArrayLike,
    strata: ArrayLike,
    design: Design = SIMPLE,
    settings: Settings = DEFAULT,
) -> Estimate:
    """Difference of a rate, second group minus first, comparing only items of the same stratum.

    sum_s w_s (p_2s - p_1s) / sum_s w_s, w_s = n_1s n_2s / (n_1s + n_2s). ``hits``, ``second``: (n_items,) booleans;
    ``strata``: (n_items,) names. With environments as strata it compares checkpoints on like tasks; with the human label
    as stratum and "same family as the judge" as ``second`` it is self-preference. Range -1 to 1; undefined where no
    stratum holds both groups (``no-overlap``). Clusters may cross groups and strata.

    Source: Greenland & Robins 1985, doi:10.2307/2530643.

    >>> easy, hard = [1] * 8 + [0] * 2, [1] * 2 + [0] * 8
    >>> found = within_strata(easy + hard + easy + hard, [0] * 20 + [1] * 20, ["easy"] * 10 + ["hard"] * 10 + ["easy"] * 10
    ...                       + ["hard"] * 10)
    >>> found.value
    0.0
    """
    hit, later = np.asarray(hits, dtype=np.float64), np.asarray(second, dtype=np.float64)
    sums, number = _stratified_sums(hit, later, strata, design)
    found = estimate(sums, partial(_within_of, strata=number), settings)
    return found if found.value is not None else replace(found, warnings=(reason("no-overlap"),))


def _ratio_of(sums: FloatArray, strata: int) -> FloatArray:
    """The Mantel-Haenszel ratio r as r / (1 + r), so that it lies in 0..1 and its logit is log r."""
    cells = sums.reshape(-1, strata, 4)
    hits_1, n_1, hits_2, n_2 = (cells[..., at] for at in range(4))
    total = np.where(n_1 + n_2 > 0, n_1 + n_2, 1)
    later, earlier = (hits_2 * n_1 / total).sum(axis=1), (hits_1 * n_2 / total).sum(axis=1)
    return np.asarray(later / (later + earlier))


def ratio_within_strata(
    hits: ArrayLike,
    second: ArrayLike,
    strata: ArrayLike,
    design: Design = SIMPLE,
    settings: Settings = DEFAULT,
) -> Estimate:
    """Ratio of a rate, second group over first, comparing only items of the same stratum; arguments as ``within_strata``.

    sum_s (h_2s n_1s / n_s) / sum_s (h_1s n_2s / n_s), with the interval on the log scale. Range 0 to infinity; undefined
    where no stratum holds both groups (``no-overlap``) or neither has a hit there (``zero-hits``), and without an interval
    where one of them has none.

    Source: Greenland & Robins 1985, doi:10.2307/2530643, equation 4.

    >>> few, many = [1] * 2 + [0] * 18, [1] * 8 + [0] * 12
    >>> found = ratio_within_strata(few + many, [0] * 20 + [1] * 20, ["s"] * 40)
    >>> round(found.value, 9)
    4.0
    """
    hit, later = np.asarray(hits, dtype=np.float64), np.asarray(second, dtype=np.float64)
    sums, number = _stratified_sums(hit, later, strata, design)
    found = estimate(sums, partial(_ratio_of, strata=number), settings, span=(0.0, 1.0))
    if found.value is None:
        overlap = np.intersect1d(np.asarray(strata)[later > 0], np.asarray(strata)[later == 0])
        return replace(found, warnings=(reason("zero-hits" if len(overlap) else "no-overlap"),))
    if found.value in {0.0, 1.0}:
        edge = None if found.value else 0.0
        return replace(found, value=edge, low=None, high=None, method="", warnings=(reason("no-spread"),))
    ends = [None if x is None else x / (1 - x) if x < 1 else float("inf") for x in (found.low, found.high)]
    return replace(found, value=found.value / (1 - found.value), low=ends[0], high=ends[1])
