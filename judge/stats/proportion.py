"""Proportions of clustered and weighted items, with intervals that stay honest when few or no errors were seen.

Everything that is a share goes through ``share``: raw agreement, precision, recall, F1 (a monotone function of a
share), a flag rate. ``Counted`` is the currency in which shares are handed to the prevalence estimators.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from judge.estimate import Estimate
from judge.stats.distributions import clopper_pearson, t_quantile
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, FEW_CLUSTERS, Settings
from judge.stats.tables import SIMPLE, Design, FloatArray, Sample, items

FEW_MISSES = 5


@dataclass(frozen=True, slots=True)
class Counted:
    """Hits among n, as effective counts (not always whole), and the real number of items behind them.

    For a simple random sample of independent items both are the plain counts: ``Counted.of(45, 50)``.
    """

    hits: float
    n: float
    items: int

    @classmethod
    def of(cls, hits: int, n: int, design_effect: float = 1.0) -> "Counted":
        """Plain counts, divided by a design effect where one is known (``design_effect``)."""
        return cls(hits / design_effect, n / design_effect, n)

    @property
    def rate(self) -> float:
        return self.hits / self.n

    @property
    def misses(self) -> float:
        return self.n - self.hits

    def flipped(self) -> "Counted":
        """The same items, counting the others as hits."""
        return Counted(self.misses, self.n, self.items)


@dataclass(frozen=True, slots=True)
class Share:
    """A weighted share and what it is worth: ``value`` of ``items`` items, ``n_effective`` independent ones."""

    value: float
    items: int
    n_effective: float
    df_factor: float
    clusters: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Clopper-Pearson on effective counts."""
        n = self.n_effective * self.df_factor
        return clopper_pearson(self.value * n, n, level)

    def counted(self) -> Counted:
        """Effective counts for a further estimate."""
        n = self.n_effective * self.df_factor
        return Counted(self.value * n, n, self.items)


def _variance(sample: Sample, residuals: FloatArray) -> float:
    """Between-cluster variance of a sum of residuals, within strata."""
    variance = 0.0
    for stratum in np.unique(sample.strata):
        own = residuals[sample.strata == stratum]
        if len(own) > 1:
            variance += len(own) / (len(own) - 1) * float(((own - own.mean()) ** 2).sum())
    return variance


def _freedom(residuals: FloatArray, clusters: int) -> float:
    """Satterthwaite's degrees of freedom for the sum of squared residuals, at most clusters - 1 (see ``resample.spread``)."""
    squares = residuals**2
    excess = float((squares**2).sum()) - float(squares.sum()) ** 2 / clusters
    most = clusters - 1.0
    return max(1.0, min(most, 2 * float(squares.sum()) ** 2 / excess)) if excess > 0 else most


def share(sample: Sample, part: ArrayLike, whole: ArrayLike, level: float = 0.95) -> Share | None:
    """The share of ``whole`` that is ``part``: both are (n_sums,) 0/1 choices of the sample's sums.

    value = sum w y / sum w d. The effective n is m / (m - 1) value (1 - value) / V for m items in the whole, V the between-cluster variance of the ratio by
    linearisation, at most the number of items in the whole; with no misses (or no hits) V is 0, and Kish's effective
    number of clusters stands in, as if items of one cluster were copies of each other. The factor (t_{m-1} / t_df)^2
    pays for having estimated V from clusters, with df from the kurtosis of their residuals. Where one to four misses
    (or hits) of equal weight carry V, clustering costs no more than that copying: a single miss would else give a wider
    interval than none.

    Returns None where the whole is empty. Source: Korn & Graubard 1998, Survey Methodology 24(2), 193-201.
    """
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    hits, sizes = sample.rows @ part, sample.rows @ whole
    total = float(sizes.sum())
    count = round(float(sample.counts() @ whole))
    if total <= 0 or not count:
        return None
    value = min(1.0, max(0.0, float(hits.sum()) / total))
    holding = int((sizes > 0).sum())
    residuals = (hits - value * sizes) / total
    variance = _variance(sample, residuals)
    if 0 < value < 1 and variance > 0:
        effective = min(float(count), count / max(count - 1, 1) * value * (1 - value) / variance)
    else:
        effective = min(float(count), float(total**2 / (sizes**2).sum()))
    factor = 1.0
    if holding > 1 and count > holding:
        upper = (1 + level) / 2
        df = _freedom(residuals, holding)
        factor = (t_quantile(upper, count - 1) / t_quantile(upper, df)) ** 2
    misses = count - round(float(sample.counts() @ part))
    if min(misses, count - misses) < FEW_MISSES and np.ptp(sample.weights) <= 1e-9 * sample.weights.max():
        copies = min(float(count), total**2 / float((sizes**2).sum()))
        effective = max(effective, copies)
        factor = max(factor, copies / effective)
    return Share(value, count, effective, factor, holding)


def share_estimate(
    sample: Sample,
    part: ArrayLike,
    whole: ArrayLike,
    settings: Settings = DEFAULT,
    missing: str = "no-such-label",
) -> Estimate:
    """``share`` as an Estimate; undefined with the reason ``missing`` where the whole is empty."""
    found = share(sample, part, whole, settings.level)
    if found is None:
        return Estimate(None, None, None, settings.level, n=0, warnings=(*sample.warnings, reason(missing)))
    low, high = found.interval(settings.level)
    bare = Estimate(found.value, low, high, settings.level, "Clopper-Pearson on the effective n", found.items)
    warnings = sample.warnings
    if found.clusters < FEW_CLUSTERS:
        code = "few-clusters" if found.clusters > 1 else "one-cluster"
        warnings += (reason(code, str(found.clusters)),)
    if found.clusters == 1 and found.items > 1:
        return replace(bare, low=None, high=None, method="", clusters=1, warnings=warnings)
    return replace(bare, n_effective=found.n_effective, clusters=found.clusters, warnings=warnings)


def rate(hits: ArrayLike, design: Design = SIMPLE, settings: Settings = DEFAULT) -> Estimate:
    """The weighted share of items that are hits; ``hits``: (n_items,) booleans.

    Range 0 to 1; undefined without items.

    >>> print(rate([True] * 4 + [False] * 16))  # Clopper-Pearson for 4 of 20
    0.200 [0.057, 0.437] (n=20)
    """
    return share_estimate(rate_sample(hits, design), [1, 0], [0, 1], settings, "no-items")


def rate_sample(hits: ArrayLike, design: Design = SIMPLE) -> Sample:
    """The sums behind a rate: hits, and items."""
    hit = np.asarray(hits, dtype=np.float64)
    return items(np.stack([hit, np.ones_like(hit)], axis=1), design)


def counted(hits: ArrayLike, design: Design = SIMPLE, level: float = 0.95) -> Counted:
    """Effective counts of a clustered or weighted rate, for the estimators of prevalence; (0, 0) without items."""
    found = share(rate_sample(hits, design), [1, 0], [0, 1], level)
    return Counted(0.0, 0.0, 0) if found is None else found.counted()


def design_effect(cluster_sizes: ArrayLike, icc: float) -> float:
    """1 + (m - 1) icc, m the mean cluster size weighted by size: how many clustered items are worth one independent one.

    For counts without hits, whose clustering cannot be measured: take the icc from a similar facet, and say so.

    Source: Kish 1965, section 5.4.

    >>> round(design_effect([5] * 40, 0.2), 2)
    1.8
    """
    sizes = np.asarray(cluster_sizes, dtype=np.float64)
    return float(1 + ((sizes**2).sum() / sizes.sum() - 1) * icc)


def difference(first: Estimate, second: Estimate) -> Estimate:
    """The first minus the second of independent shares, from their own limits.

    low = d - sqrt((p1 - l1)^2 + (u2 - p2)^2), high likewise: it works with no hits on one side, where Wald's does not.
    Range -1 to 1; undefined where one of them is. Source: Newcombe 1998 (method 10), generalised by Zou & Donner 2008,
    doi:10.1002/sim.2981 (MOVER).

    >>> wilson = Estimate(56 / 70, 0.692, 0.877), Estimate(48 / 80, 0.490, 0.700)
    >>> print(difference(*wilson))  # Newcombe 1998, table II, example (a): .0524 to .3339
    0.200 [0.053, 0.334] (n=0)
    """
    warnings = tuple(dict.fromkeys(first.warnings + second.warnings))
    n = first.n + second.n
    if first.value is None or second.value is None:
        return Estimate(None, None, None, first.level, n=n, warnings=warnings)
    gap = first.value - second.value
    if first.low is None or second.low is None or first.high is None or second.high is None:
        return Estimate(gap, None, None, first.level, n=n, warnings=warnings)
    down = float(np.hypot(first.value - first.low, second.high - second.value))
    up = float(np.hypot(first.high - first.value, second.value - second.low))
    return Estimate(
        gap, gap - down, gap + up, first.level, "square-and-add of the two intervals", n, warnings=warnings
    )
