"""Prevalence from a judge's answers on a whole target and human labels of a random sample of it (PPI++).

Nothing is assumed of the judge: its errors on the sample correct its mean over everything.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from judge.estimate import Estimate
from judge.stats.confirmed import refused
from judge.stats.proportion import counted
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, FEW_CLUSTERS, Settings, fisher_interval, spread, value_of
from judge.stats.tables import SIMPLE, Design, FloatArray, Sample, sample

Bools = NDArray[np.bool_]
FEW = 20
FEW_WORTH = 10


@dataclass(frozen=True, slots=True)
class Labelled:
    """A target of which a random sample has human labels; all arrays have shape (n_items,).

    ``human`` and ``judge`` are booleans, the judge's of every item. ``known``: which items have a human label (None: all);
    where it is false, ``human`` is not read. ``design`` is that of the whole target: a cluster may hold items of both kinds.
    """

    human: ArrayLike
    judge: ArrayLike
    design: Design = SIMPLE
    known: ArrayLike | None = None

    def parts(self) -> tuple[Bools, Bools, Bools]:
        """Human (false where nobody labelled), judge, known."""
        judge = np.asarray(self.judge, dtype=np.bool_)
        known = np.ones_like(judge) if self.known is None else np.asarray(self.known, dtype=np.bool_)
        return np.asarray(self.human, dtype=np.bool_) & known, judge, known


def _ppi_sample(labelled: Labelled) -> Sample:
    """Sums over labelled items of Y, f, Y f and 1, and over all items of f and 1. Every item is one of six patterns."""
    human, judge, known = labelled.parts()
    rows = [
        [known * y, known * f, known * y * f, known, f, 1] for known in (0, 1) for y in (0, 1) for f in (0, 1)
    ]
    return sample(rows, 4 * known + 2 * human + judge, labelled.design)


def _ppi_of(sums: FloatArray) -> FloatArray:
    """Mean Y - lambda (mean f of the labelled - mean f of all), lambda = Cov(Y, f) / Var f in 0..1, 0 where f is constant."""
    y, f, both, n, everywhere, total = sums.T
    human, judge = y / n, f / n
    variance = judge * (1 - judge)
    power = np.where(variance > 0, np.clip((both / n - human * judge) / variance, 0, 1), 0)
    return np.asarray(human - power * (judge - everywhere / total))


def too_few(labelled: Labelled) -> tuple[str, ...]:
    """Why the random sample holds too few of a class for ``ppi``, if so: 20 of each, worth 10 after clustering."""
    human, _, known = labelled.parts()
    counts = counted(human[known], labelled.design.at(known))
    real = int(np.count_nonzero(human))
    classes = (("few-positives", real, counts.hits), ("few-negatives", counts.items - real, counts.misses))
    for code, number, worth in classes:
        if number < FEW or round(worth) < FEW_WORTH:
            return (reason(code, f"{number} in the random sample, worth {worth:.0f}"),)
    return ()


def ppi(labelled: Labelled, settings: Settings = DEFAULT) -> Estimate:
    """Prediction-powered mean: mean Y of the labelled items, less lambda times their excess of flags over the whole target.

    With n labelled items and N others this is PPI++, lambda' mean f (others) + mean (Y - lambda' f) (labelled), with its
    lambda' = Cov(Y, f) / ((1 + n/N) Var f): mean f is here taken over all n + N, so lambda = Cov(Y, f) / Var f. A useless
    judge costs nothing.

    The two means are not independent: labelled and other items lie in the same clusters, and lambda is estimated from the
    same labels. So the variance is that of the whole estimator between clusters (delete-one-cluster jackknife of all sums,
    lambda included), with Student's t, Satterthwaite's degrees of freedom, on the logit scale. It is about more of the
    kind, not this target alone: no finite-population correction. Needs the labelled items to be a random sample of the
    target (``random-sample``) and nothing of the judge. Refused below 20 human positives or negatives, or where clustering
    leaves them worth fewer than 10 (``few-positives``, ``few-negatives``): with 10 positives intervals of this family cover
    90 to 93 %. Range 0 to 1.

    Sources: Angelopoulos et al. 2023, arXiv 2301.09633; PPI++, arXiv 2311.01453, equation 6 for lambda; Wolter 2007,
    chapter 4, for the jackknife of a function of sums over clusters.

    >>> human = [True] * 60 + [False] * 140 + [False] * 1800
    >>> judge = [True] * 54 + [False] * 6 + [True] * 7 + [False] * 133 + [True] * 579 + [False] * 1221
    >>> print(ppi(Labelled(human, judge, known=[True] * 200 + [False] * 1800)))
    0.313 [0.274, 0.354] (n=200)
    """
    human, _, known = labelled.parts()
    n, positives = int(np.count_nonzero(known)), int(np.count_nonzero(human))
    if few := too_few(labelled):
        return refused(settings, n, *few)
    sums = _ppi_sample(labelled)
    value, found = value_of(sums, _ppi_of), spread(sums, _ppi_of)
    if value is None or found is None:
        return refused(settings, n, reason("one-cluster"))
    warnings = sums.warnings
    if sums.clusters < FEW_CLUSTERS:
        warnings += (reason("few-clusters", str(sums.clusters)),)
    base = Estimate(value, None, None, settings.level, "", n, None, sums.clusters, warnings, positives)
    if not 0 < value < 1:
        return replace(base, warnings=(*warnings, reason("unclipped", f"{value:.4g}")))
    low, high = fisher_interval(value, found, (0.0, 1.0), settings.level)
    return replace(
        base,
        low=low,
        high=high,
        method="PPI++, cluster jackknife, t on the logit scale",
        n_effective=value * (1 - value) / found.variance,
        warnings=(*warnings, reason("random-sample")),
    )
