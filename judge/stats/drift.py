"""Has the judge changed, or what it reads? An anchor set answers the first question, two samples of inputs the second."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from judge.estimate import Estimate
from judge.stats.distributions import normal_quantile, normal_tail
from judge.stats.multiplicity import adjust
from judge.stats.paired import Comparison, McNemar, Trio, differences, mcnemar
from judge.stats.proportion import rate
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import MISSING, SIMPLE, Design, FloatArray, check_codes, items

SMALL_ANCHOR = 100


@dataclass(frozen=True, slots=True)
class Drift:
    """``changed``: share of anchor items with another answer than before. ``accuracy``: now minus before, paired.

    ``unanswered``: items without an answer before, and now; ``answering`` tests the two, ``only_first`` being the items
    answered only before. ``above_noise`` says whether more answers changed than the judge's own repeats flip; None where
    that is not known.
    """

    changed: Estimate
    accuracy: Comparison
    unanswered: tuple[int, int]
    answering: McNemar
    above_noise: bool | None
    warnings: tuple[str, ...] = ()


def anchor(
    before: Trio, flips: Estimate | None = None, design: Design = SIMPLE, settings: Settings = DEFAULT
) -> Drift:
    """Compare a judge with its stored answers on the frozen anchor set.

    ``before``: human labels, stored answers as ``first``, new answers as ``second``; ``MISSING`` is a question that was
    asked and not answered. An answer that fails now, or failed before, is a changed one; items that failed both times are
    in neither part of the share. ``flips``: the judge's self-flip rate (``repeats.consistency``, with failure as an answer
    of its own), the floor below which change is noise. Accuracy is compared where both answered. McNemar, differences of agreement, kappa and
    recall as in ``paired``. Warns ``anchor-small`` below 100 items or without two human labels, ``noise-floor`` where the
    share of changes is not clearly above the flips.

    >>> human = [0, 1] * 60
    >>> drift = anchor(Trio(human, human, [0] * 20 + human[20:], 2), Estimate(0.02, 0.01, 0.03))
    >>> round(drift.changed.value, 3), drift.above_noise, drift.accuracy.recall[1].value < 0
    (0.083, True, True)
    """
    human, old, new = (check_codes(x, before.labels) for x in (before.human, before.first, before.second))
    was, now = old != MISSING, new != MISSING
    both, either = was & now, was | now
    changed = rate((old != new)[either], design.at(either), settings)
    warnings: tuple[str, ...] = ()
    labels_seen = len(np.unique(human[human != MISSING]))
    if both.sum() < SMALL_ANCHOR or labels_seen < 2:  # noqa: PLR2004
        warnings += (reason("anchor-small", f"{both.sum()} items, {labels_seen} labels"),)
    above = None
    if flips is not None and flips.high is not None and changed.low is not None:
        above = changed.low > flips.high
        warnings += () if above else (reason("noise-floor"),)
    unanswered = int((~was).sum()), int((~now).sum())
    answering = mcnemar(int((was & ~now).sum()), int((now & ~was).sum()))
    accuracy = differences(before, design=design, settings=settings)
    return Drift(changed, accuracy, unanswered, answering, above, warnings)


@dataclass(frozen=True, slots=True)
class Shift:
    """One feature of the inputs: the chance that a later item exceeds an earlier one (.5: no shift), p, and Holm's p."""

    name: str
    superiority: Estimate
    p: float | None
    p_adjusted: float | None


def _placements(values: FloatArray, against: FloatArray) -> FloatArray:
    """For each value, the share of ``against`` that it exceeds, ties half."""
    ordered = np.sort(against)
    below, upto = np.searchsorted(ordered, values, "left"), np.searchsorted(ordered, values, "right")
    return np.asarray((below + upto) / 2 / len(ordered))


def _variance_of_mean(values: FloatArray, design: Design) -> tuple[float, int]:
    sums = items(np.column_stack([values, np.ones(len(values))]), design)
    total, g = sums.total, sums.clusters
    residuals = (sums.rows[:, 0] - total[0] / total[1] * sums.rows[:, 1]) / total[1]
    return (g / (g - 1) * float((residuals**2).sum()) if g > 1 else float("inf")), g


def _shift(
    name: str, before: FloatArray, after: FloatArray, designs: tuple[Design, Design], settings: Settings
) -> Shift:
    """Mann-Whitney with DeLong's variance, clustered as by Obuchowski."""
    n = len(before) + len(after)
    if not len(before) or not len(after):
        return Shift(
            name, Estimate(None, None, None, settings.level, n=n, warnings=(reason("no-items"),)), None, None
        )
    later, earlier = _placements(after, before), 1 - _placements(before, after)
    value = float(later.mean())
    (v1, g1), (v2, g2) = _variance_of_mean(later, designs[1]), _variance_of_mean(earlier, designs[0])
    error = float(np.sqrt(v1 + v2))
    bare = Estimate(value, None, None, settings.level, "Mann-Whitney, clustered", n, clusters=g1 + g2)
    if not 0 < error < float("inf"):
        code = "one-cluster" if min(g1, g2) < 2 else "at-the-limit"  # noqa: PLR2004
        return Shift(name, replace(bare, method="", warnings=(reason(code),)), None, None)
    margin = normal_quantile(settings.upper) * error
    found = replace(bare, low=max(0.0, value - margin), high=min(1.0, value + margin))
    return Shift(name, found, min(1.0, 2 * normal_tail(abs(value - 0.5) / error)), None)


def input_shift(
    before: Mapping[str, ArrayLike],
    after: Mapping[str, ArrayLike],
    designs: tuple[Design, Design] = (SIMPLE, SIMPLE),
    settings: Settings = DEFAULT,
) -> tuple[Shift, ...]:
    """Did what the judge reads change? Each feature (flagged, length, abstained) as numbers, (n_items,) on either side.

    theta = P(after > before) + P(equal)/2, 0 to 1; p tests theta = .5; Holm over the features that could be tested.
    Unweighted. Undefined (``no-items``) where a side is empty. Sources: DeLong et al. 1988, doi:10.2307/2531595;
    Obuchowski 1997, doi:10.2307/2533958.

    >>> shifts = input_shift({"length": [1, 2, 3, 4, 5, 6]}, {"length": [4, 5, 6, 7, 8, 9]})
    >>> shifts[0].superiority.value
    0.875
    """
    found = [
        _shift(name, np.asarray(before[name], dtype=np.float64), np.asarray(after[name], dtype=np.float64),
               designs, settings)
        for name in before
        if name in after
    ]  # fmt: skip
    adjusted = iter(adjust([shift.p for shift in found if shift.p is not None], "holm"))
    return tuple(s if s.p is None else replace(s, p_adjusted=next(adjusted)) for s in found)
