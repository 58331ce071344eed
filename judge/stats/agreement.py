"""Agreement of two raters on one facet: raw, Cohen's kappa, Gwet's AC1/AC2, and the indices that explain a kappa.

All take a ``Sample`` from ``tables.confusion``: rows the first rater (the human, by custom), columns the second. No
coefficient here is good or bad by itself: kappa collapses where one label is rare, AC1 stays high even where the judge
finds nothing (Feinstein & Cicchetti 1990). Read them beside the recall of each label (``per_label``).
"""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from judge.estimate import Estimate
from judge.stats.proportion import share, share_estimate
from judge.stats.reasons import merge, reason
from judge.stats.resample import DEFAULT, Edge, Settings, Statistic, estimate
from judge.stats.tables import FloatArray, Sample

Weights = Literal["nominal", "linear", "quadratic"]
FEW_MINORITY = 10
FEW_DISAGREEMENTS = 5


def labels_of(sample: Sample) -> int:
    """K of a sample of K x K confusion counts."""
    return math.isqrt(sample.rows.shape[1])


def disagreement_weights(labels: int, weights: Weights) -> FloatArray:
    """How far apart two labels are, (labels, labels), 0 on the diagonal and 1 between the ends.

    >>> disagreement_weights(3, "quadratic")
    array([[0.  , 0.25, 1.  ],
           [0.25, 0.  , 0.25],
           [1.  , 0.25, 0.  ]])
    """
    steps = np.abs(np.subtract.outer(np.arange(labels), np.arange(labels))).astype(np.float64)
    if weights == "nominal":
        return np.asarray(steps > 0, dtype=np.float64)
    return np.asarray((steps / max(labels - 1, 1)) ** (1 if weights == "linear" else 2))


def kappa_of(sums: FloatArray, weights: FloatArray) -> FloatArray:
    """Kappa of many tables at once: (n, labels * labels) to (n,), nan where 0/0."""
    labels = len(weights)
    cells = sums.reshape(-1, labels, labels)
    total = cells.sum(axis=(1, 2))
    seen = (cells * weights).sum(axis=(1, 2)) * total
    by_chance = np.einsum("ni,ij,nj->n", cells.sum(axis=2), weights, cells.sum(axis=1))
    return np.asarray(1 - seen / by_chance)


def gwet_of(sums: FloatArray, weights: FloatArray) -> FloatArray:
    """AC1 (nominal weights) or AC2 of many tables at once: (n, labels * labels) to (n,)."""
    labels = len(weights)
    cells = sums.reshape(-1, labels, labels)
    total = cells.sum(axis=(1, 2))
    agreed = 1 - (cells * weights).sum(axis=(1, 2)) / total
    share_of = (cells.sum(axis=1) + cells.sum(axis=2)) / (2 * total[:, None])
    spread = (share_of * (1 - share_of)).sum(axis=1)
    by_chance = (1 - weights).sum() / (labels * (labels - 1)) * spread
    return np.asarray((agreed - by_chance) / (1 - by_chance))


def _agreement_cells(labels: int) -> FloatArray:
    return np.eye(labels).reshape(-1)


def raw_agreement(sample: Sample, settings: Settings = DEFAULT) -> Estimate:
    """The share of items on which both raters gave the same label; 0 to 1, undefined without items.

    >>> from judge.stats.tables import from_table
    >>> print(raw_agreement(from_table([[118, 5], [2, 0]])))  # Feinstein & Cicchetti 1990: .944
    0.944 [0.888, 0.977] (n=125)
    """
    return share_estimate(
        sample, _agreement_cells(labels_of(sample)), np.ones(sample.rows.shape[1]), settings, "no-items"
    )


def minority(sample: Sample) -> int:
    """Items outside the most common label, for the rater who strays from it least."""
    cells = sample.counts().reshape(labels_of(sample), -1)
    common = max(float(cells.sum(axis=1).max()), float(cells.sum(axis=0).max()))
    return round(float(cells.sum()) - common)


def _edge(sample: Sample, room: float, level: float) -> Edge | None:
    """Where no disagreement was seen: the limits of agreement, carried over at the chance disagreement found.

    A coefficient is 1 - disagreement / ``room``, room the disagreement expected by chance, so an upper limit of
    disagreement (each taken as the worst kind) gives a lower one of the coefficient.
    """
    labels = labels_of(sample)
    agreed = share(sample, _agreement_cells(labels), np.ones(labels * labels), level)
    if agreed is None or agreed.value < 1 or room <= 0:
        return None
    return Edge(max(-1.0, 1 - (1 - agreed.interval(level)[0]) / room), 1.0, "no-disagreement")


def _mean_shares(sample: Sample) -> FloatArray:
    """Mean share of each label over the two raters, (labels,)."""
    labels = labels_of(sample)
    cells = sample.total.reshape(labels, labels)
    return np.asarray((cells.sum(axis=0) + cells.sum(axis=1)) / (2 * max(float(cells.sum()), 1e-300)))


def _shifted(sample: Sample, level: float) -> FloatArray:
    """The table as it might be: for each answer of the judge, its wrong share at either limit, (2 * labels, labels^2).

    Within an answer, wrong labels keep their proportions; where none was seen they take those of the reference's margin.
    """
    labels = labels_of(sample)
    table = sample.total.reshape(labels, labels)
    tables = []
    for answer in range(labels):
        wrong = np.zeros((labels, labels))
        wrong[:, answer] = 1
        wrong[answer, answer] = 0
        column = wrong + np.diag(np.eye(labels)[answer])
        found = share(sample, wrong.reshape(-1), column.reshape(-1), level)
        if found is None:
            continue
        size = float(table[:, answer].sum())
        seen = table[:, answer] * wrong[:, answer]
        parts = seen if seen.any() else table.sum(axis=1) * wrong[:, answer]
        for limit in found.interval(level):
            moved = table.copy()
            moved[:, answer] = parts / max(float(parts.sum()), 1e-300) * limit * size
            moved[answer, answer] = size - moved[:, answer].sum()
            tables.append(moved.reshape(-1))
    return np.array(tables)


def _allowing_for_unseen(found: Estimate, sample: Sample, statistic: Statistic) -> Estimate:
    """With unequal weights, limits at least as far out as one answer's unseen (or overcounted) disagreements reach.

    A disagreement that was not drawn from the items with the largest weights would count like many, and no resampling
    of the drawn items shows it.
    """
    if found.low is None or found.high is None or np.ptp(sample.weights) <= 1e-9 * sample.weights.max():
        return found
    ends = statistic(_shifted(sample, found.level))
    low, high = min(found.low, float(ends.min())), max(found.high, float(ends.max()))
    if (low, high) == (found.low, found.high):
        return found
    return replace(found, low=low, high=high, warnings=merge(found.warnings, (reason("unseen-misses"),)))


def _few_apart(found: Estimate, sample: Sample, matrix: FloatArray, room: float) -> Estimate:
    """Where one to four disagreements carry the spread, limits no further out than exact ones of the agreement.

    A single disagreement says little about how disagreements vary, and the resampled interval is then as wide as if
    nothing were known; that it was only one of n bounds the coefficient as it does where none was seen.
    """
    labels = labels_of(sample)
    apart = sample.n - round(float(sample.counts() @ _agreement_cells(labels)))
    even = len(sample.weights) > 0 and np.ptp(sample.weights) <= 1e-9 * sample.weights.max()
    if found.value is None or found.low is None or found.high is None or room <= 0:
        return found
    if not (0 < apart < FEW_DISAGREEMENTS and even):
        return found
    agreed = share(sample, _agreement_cells(labels), np.ones(labels * labels), found.level)
    if agreed is None:
        return found
    low, high = agreed.interval(found.level)
    least = float(matrix[matrix > 0].min())
    return replace(
        found,
        low=max(found.low, min(found.value, 1 - (1 - low) / room)),
        high=min(found.high, max(found.value, 1 - (1 - high) * least / room)),
    )


def _refuse_or_warn(found: Estimate, sample: Sample) -> Estimate:
    """No interval where fewer than ten items carry the coefficient: it would not cover."""
    few = minority(sample)
    if few < FEW_MINORITY and found.low is not None:
        warnings = merge(found.warnings, (reason("few-minority", str(few)),))
        return replace(found, low=None, high=None, method="", warnings=warnings, positives=few)
    apart = sample.n - round(float(sample.counts() @ _agreement_cells(labels_of(sample))))
    warnings = (reason("few-disagreements", str(apart)),) if 0 < apart < FEW_DISAGREEMENTS else ()
    return replace(found, warnings=merge(found.warnings, warnings), positives=few)


def kappa(sample: Sample, weights: Weights = "nominal", settings: Settings = DEFAULT) -> Estimate:
    """Cohen's kappa: agreement beyond what the two raters' own label frequencies would give by chance.

    kappa = 1 - sum v_ij o_ij / sum v_ij e_ij, with v the disagreement weights (0/1, |i-j|, or (i-j)^2), o the joint
    shares and e the product of the margins. Range -1 to 1, 0 is chance. Undefined (``one-label-only``) where both
    raters used a single label. No interval below ten items outside the most common label. The interval does not assume
    kappa = 0: textbook intervals from the null standard error are narrower and wrong (epiR's example prints
    .56 - .79 where the proper one is .52 - .82).

    Source: Cohen 1960, doi:10.1177/001316446002000104; weighted, Cohen 1968, doi:10.1037/h0026256.

    >>> from judge.stats.tables import from_table
    >>> paradox = kappa(from_table([[118, 5], [2, 0]]))  # Feinstein & Cicchetti 1990
    >>> round(paradox.value, 3), paradox.low, paradox.reasons
    (-0.023, None, ('few-minority',))
    """
    matrix = disagreement_weights(labels_of(sample), weights)
    shares = _mean_shares(sample)
    room = float(shares @ matrix @ shares)
    statistic = partial(kappa_of, weights=matrix)
    found = estimate(sample, statistic, settings, edge=_edge(sample, room, settings.level))
    if found.value is None:
        return _undefined(found, sample)
    found = _few_apart(_allowing_for_unseen(found, sample, statistic), sample, matrix, room)
    return _refuse_or_warn(found, sample)


def gwet(sample: Sample, weights: Weights = "nominal", settings: Settings = DEFAULT) -> Estimate:
    """Gwet's AC1 (nominal) or AC2 (linear, quadratic): agreement beyond a chance that rare labels do not inflate.

    AC = (pa - pe) / (1 - pe), pa the weighted agreement, pe = T / (K (K-1)) sum q_k (1 - q_k), q_k the mean share of
    label k, T the sum of all agreement weights (K for AC1). Range -1 to 1. Defined even where all raters used one label
    (it is then 1), which is why it must not stand alone. No interval below ten items outside the most common label.

    Source: Gwet 2008, doi:10.1348/000711006X126600.

    >>> from judge.stats.tables import from_table
    >>> round(gwet(from_table([[118, 5], [2, 0]])).value, 3)  # high, although no positive was found
    0.941
    """
    matrix = disagreement_weights(labels_of(sample), weights)
    shares, labels = _mean_shares(sample), len(matrix)
    by_chance = (1 - matrix).sum() / max(labels * (labels - 1), 1) * float((shares * (1 - shares)).sum())
    room = 1 - float(by_chance)
    statistic = partial(gwet_of, weights=matrix)
    found = estimate(sample, statistic, settings, edge=_edge(sample, room, settings.level))
    if found.value is None:
        return _undefined(found, sample)
    found = _few_apart(_allowing_for_unseen(found, sample, statistic), sample, matrix, room)
    return _refuse_or_warn(found, sample)


def _undefined(found: Estimate, sample: Sample) -> Estimate:
    code = "one-label-only" if sample.n else "no-items"
    return replace(found, warnings=(*sample.warnings, reason(code)))


@dataclass(frozen=True, slots=True)
class Indices:
    """Why kappa may be low although agreement is high.

    ``prevalence``: the larger minus the smaller of the two agreement cells, as a share of all items (0 balanced, 1 one
    label only). ``bias``: how much more often the first rater says the label than the second. ``pabak``: 2 agreement
    - 1, kappa with both set to 0. Source: Byrt, Bishop & Carlin 1993, doi:10.1016/0895-4356(93)90018-V.
    """

    prevalence: float
    bias: float
    pabak: float


def indices(sample: Sample, label: int = 1) -> Indices | None:
    """Prevalence and bias index of one label against all others; None without items."""
    labels = labels_of(sample)
    cells = sample.total.reshape(labels, labels)
    total = float(cells.sum())
    if not total:
        return None
    both = cells[label, label]
    first, second = cells[label].sum() - both, cells[:, label].sum() - both
    neither = total - both - first - second
    agreed = (both + neither) / total
    return Indices(float((both - neither) / total), float((first - second) / total), float(2 * agreed - 1))
