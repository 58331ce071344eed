"""Krippendorff's alpha: nominal, ordinal, interval, ratio, and sets of labels; any number of raters, gaps allowed.

``ratings`` has shape (n_items, n_raters), codes 0 .. labels - 1 or ``MISSING``. Items with fewer than two ratings pair
with nothing and are left out, as the definition has it.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from judge.errors import UsageError
from judge.estimate import Estimate
from judge.stats.agreement import FEW_DISAGREEMENTS
from judge.stats.distributions import clopper_pearson
from judge.stats.ratings import counts_per_item, distinct_items, refuse_if_few
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, Edge, Settings, Statistic, estimate
from judge.stats.tables import MISSING, SIMPLE, Design, FloatArray, IntArray, Sample, sample

Level = Literal["nominal", "ordinal", "interval", "ratio"]
SetDistance = Literal["jaccard", "masi"]
Labels = frozenset[str]


def distances(level: Level, values: ArrayLike) -> FloatArray:
    """Squared differences delta^2 between labels, (labels, labels); ``values``: the labels' numbers, (labels,).

    ``ordinal`` has none of its own: its distances depend on how often each label was used.
    """
    numbers = np.asarray(values, dtype=np.float64)
    gap = np.subtract.outer(numbers, numbers)
    if level == "nominal":
        return np.asarray(gap != 0, dtype=np.float64)
    if level == "interval":
        return np.asarray(gap**2)
    if level == "ratio":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num((gap / np.add.outer(numbers, numbers)) ** 2)
    raise UsageError("ordinal distances depend on the ratings", do="call alpha with level='ordinal'")


def _coincidences(counts: FloatArray) -> FloatArray:
    """Coincidences of each item, (n_items, labels, labels): ordered pairs, divided by the raters less one."""
    raters = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :]
    at = np.arange(counts.shape[1])
    pairs[:, at, at] -= counts
    return np.asarray(pairs / (raters - 1)[:, None, None])


def _ordinal_of(sums: FloatArray, labels: int) -> FloatArray:
    """Alpha with Krippendorff's ordinal metric: (n, labels * labels) coincidences to (n,)."""
    cells = sums.reshape(-1, labels, labels)
    used = cells.sum(axis=2)
    # delta_ck = sum of n_g for g from c to k, less half of n_c and n_k; with cumulated n it is a plain difference.
    middle = np.cumsum(used, axis=1) - used / 2
    delta = (middle[:, :, None] - middle[:, None, :]) ** 2
    total = used.sum(axis=1)
    seen = (cells * delta).sum(axis=(1, 2))
    by_chance = np.einsum("ni,nij,nj->n", used, delta, used) / (total - 1)
    return np.asarray(1 - seen / by_chance)


def _fixed_of(sums: FloatArray, delta: FloatArray) -> FloatArray:
    """Alpha with fixed distances: (n, 1 + labels), disagreement seen and labels used, to (n,)."""
    used = sums[:, 1:]
    by_chance = np.einsum("ni,ni->n", used @ delta, used) / (used.sum(axis=1) - 1)
    return np.asarray(1 - sums[:, 0] / by_chance)


def _prepared(counts: FloatArray, delta: FloatArray | None, design: Design) -> tuple[Sample, Statistic]:
    """The sums that alpha needs, and alpha of them."""
    paired = counts.sum(axis=1) > 1
    unique, codes = distinct_items(counts[paired])
    labels = counts.shape[1]
    if delta is None:
        cells = _coincidences(unique).reshape(len(unique), -1)
        return sample(cells, codes, design.at(paired)), partial(_ordinal_of, labels=labels)
    raters = unique.sum(axis=1)
    seen = np.einsum("ni,ni->n", unique @ delta, unique) / (raters - 1)
    return sample(np.column_stack([seen, unique]), codes, design.at(paired)), partial(_fixed_of, delta=delta)


def _bound(
    summed: Sample, counts: FloatArray, delta: FloatArray | None, apart: int, level: float
) -> Edge | None:
    """Few or no disagreements: had clusters disagreed in the worst way, how many could it be with ``apart`` of G seen?"""
    used = counts.sum(axis=0)
    if delta is None:
        middle = np.cumsum(used) - used / 2
        delta = np.subtract.outer(middle, middle) ** 2
    present = used > 0
    shares = used[present] / used.sum()
    delta = delta[np.ix_(present, present)]
    if delta.max(initial=0) <= 0:
        return None
    room = float(shares @ delta @ shares / delta.max())
    unseen = clopper_pearson(apart, summed.clusters, level)[1]
    return Edge(max(-1.0, 1 - unseen / room), 1.0, "no-disagreement")


def _alpha(counts: FloatArray, delta: FloatArray | None, design: Design, settings: Settings) -> Estimate:
    paired = counts[counts.sum(axis=1) > 1]
    if not len(paired):
        return Estimate(None, None, None, settings.level, warnings=(reason("no-pairs"),))
    summed, statistic = _prepared(counts, delta, design)
    apart = len(np.unique(summed.cluster[(paired > 0).sum(axis=1) > 1]))
    bound = _bound(summed, paired, delta, apart, settings.level) if apart < FEW_DISAGREEMENTS else None
    found = estimate(summed, statistic, settings, edge=None if apart else bound)
    if found.value is None:
        return replace(found, warnings=(*summed.warnings, reason("one-label-only")))
    even = np.ptp(summed.weights) <= 1e-9 * summed.weights.max()
    if apart and bound is not None and even and found.low is not None:
        found = replace(found, low=max(found.low, min(bound.low, found.value)))
    return refuse_if_few(found, paired)


def alpha(
    ratings: ArrayLike,
    labels: int,
    level: Level,
    *,
    values: ArrayLike | None = None,
    design: Design = SIMPLE,
    settings: Settings = DEFAULT,
) -> Estimate:
    """1 - Do/De: the disagreement seen over the one expected if ratings were shuffled over items.

    Do = sum o_ck delta_ck / n; De = sum n_c n_k delta_ck / (n (n - 1)), o the coincidences (each item's ordered pairs,
    divided by its number of ratings less one), n_c their margins. ``ordinal`` is Krippendorff's own metric, delta_ck =
    (n_c/2 + n_{c+1} + ... + n_k/2)^2; programs that put Gwet's ordinal weights into alpha print other numbers (.834
    against .815 on the example below). ``values`` are the labels' numbers, for interval and ratio; by default 1, 2, ...
    Range -1 to 1; 1 perfect, 0 chance. Undefined without pairs (``no-pairs``) or with one label (``one-label-only``).
    Weights count as repetitions of an item.

    Source: Krippendorff 2011, "Computing Krippendorff's alpha-reliability", https://repository.upenn.edu/asc_papers/43.

    >>> data = [[1, 1, 0, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
    ...         [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [0, 5, 5, 5], [0, 0, 1, 1], [0, 0, 3, 0]]
    >>> codes = np.array(data) - 1
    >>> [round(alpha(codes, 5, level).value, 3) for level in ("nominal", "ordinal", "interval", "ratio")]
    [0.743, 0.815, 0.849, 0.797]
    """
    counts = counts_per_item(ratings, labels)
    numbers = np.arange(1, labels + 1) if values is None else values
    delta = None if level == "ordinal" else distances(level, numbers)
    return _alpha(counts, delta, design, settings)


def set_distance(first: Labels, second: Labels, kind: SetDistance) -> float:
    """1 - J, J the Jaccard index; for MASI 1 - J M, M = 1 equal, 2/3 one holds the other, 1/3 they cross, 0 disjoint.

    Two empty sets are at distance 0, an empty and a non-empty one at 1.

    Source: Passonneau 2006, "Measuring agreement on set-valued items (MASI)", LREC.

    >>> round(set_distance(frozenset("ab"), frozenset("abc"), "masi"), 3), set_distance(frozenset(), frozenset(), "masi")
    (0.556, 0.0)
    """
    if first == second:
        return 0.0
    common = len(first & second)
    jaccard = common / len(first | second)
    if kind == "jaccard":
        return 1 - jaccard
    monotone = 2 / 3 if first <= second or second <= first else 1 / 3
    return 1 - jaccard * (monotone if common else 0)


def encode_sets(ratings: Sequence[Sequence[Labels | None]]) -> tuple[IntArray, list[Labels]]:
    """Sets as codes: (n_items, n_raters) with None for a missing rating, and the distinct sets in the codes' order."""
    distinct = sorted({s for item in ratings for s in item if s is not None}, key=sorted)
    code = {labels: at for at, labels in enumerate(distinct)}
    rows = [[MISSING if s is None else code[s] for s in item] for item in ratings]
    return np.asarray(rows, dtype=np.int64).reshape(len(ratings), -1), distinct


def set_alpha(
    ratings: Sequence[Sequence[Labels | None]],
    kind: SetDistance,
    *,
    design: Design = SIMPLE,
    settings: Settings = DEFAULT,
) -> Estimate:
    """Alpha for multi-label answers: each rating is a set of labels, None where missing.

    1 - Do/De with ``set_distance`` as delta. Range and refusals as for ``alpha``. Items on which everyone gave the
    empty set count as agreement, and where they are many they carry the coefficient: read the recall per label too.

    >>> full, part, none = frozenset("ab"), frozenset("a"), frozenset()
    >>> round(set_alpha([[full, full], [part, full], [none, none], [part, part]], "jaccard").value, 3)
    0.788
    """
    codes, distinct = encode_sets(ratings)
    delta = np.array([[set_distance(a, b, kind) for b in distinct] for a in distinct])
    counts = counts_per_item(codes, max(len(distinct), 1))
    return _alpha(counts, delta.reshape(len(distinct), len(distinct)), design, settings)
