"""Zero hits, two checkpoints, and the words that may be used about them.

What was looked for and not found has an upper bound, never a zero. What became rarer has a ratio with an interval, and a
tipping point: the loss of the judge's sensitivity that alone would explain the drop.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from judge.estimate import Estimate
from judge.stats.confirmed import Flags, Sensitivity, upper_limit
from judge.stats.distributions import (
    binomial_p,
    clopper_pearson,
    clopper_pearson_upper,
    normal_quantile,
    normal_tail,
)
from judge.stats.proportion import Counted
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, Settings

Word = Literal["detected", "reduced", "below threshold", "not resolved"]
SENSITIVITY_FLOOR = 0.5


def upper_bound(judged: Counted, sensitivity: Sensitivity, settings: Settings = DEFAULT) -> Estimate:
    """Nothing (or little) confirmed among ``judged``: how common could it be all the same?

    ``judged.hits`` are the confirmed hits, usually 0, of all judged items, every flagged one checked. high =
    CP_U(hits, N; a/2) / CP_L(Se; a/2), one-sided at the level; low is 0 and there is no value. Undefined where no
    positive stands behind the sensitivity (``no-positives``).

    Not from a Jeffreys posterior, which for zero hits stays below the rule of three.

    >>> bound = upper_bound(Counted.of(0, 100_000), Sensitivity(Counted.of(45, 50)))
    >>> f"{bound.high:.2e}", bound.reasons
    ('4.72e-05', ('zero-hits',))
    """
    if not sensitivity.found.hits:
        return Estimate(None, None, None, settings.level, n=judged.items, warnings=(reason("no-positives"),))
    checked = Counted(judged.hits, max(judged.hits, 0.0), judged.items)
    high = upper_limit(Flags(judged, checked), sensitivity.found, settings.level)
    warnings = ((reason("zero-hits"),) if not judged.hits else ()) + sensitivity.warnings
    method = "one-sided Clopper-Pearson over its lower sensitivity"
    return Estimate(None, 0.0, high, settings.level, method, judged.items, judged.n, warnings=warnings)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Rate in the second group over that in the first.

    ``upper``: one-sided upper limit. ``tipping_point`` is the same number read otherwise: the ratio of sensitivities,
    second over first, below which the drop is explained by the judge alone (None where there is no drop to explain).
    ``p``: two-sided, that the rates are equal; None where it cannot be computed.
    """

    estimate: Estimate
    upper: float
    tipping_point: float | None
    p: float | None = None


def rate_ratio(
    first: Counted, second: Counted, settings: Settings = DEFAULT, *, own_sensitivity: bool = False
) -> Ratio:
    """Confirmed hits in two groups, compared conditionally on their sum.

    Given x1 + x2, x2 is binomial with p; r = p / (1 - p) * N1 / N2, limits from Clopper-Pearson for p. Range 0 to
    infinity. Without hits in the first group there is no value, only a lower limit (high is infinite); without any hit it
    is undefined (``zero-hits``). One sensitivity for both groups cancels, which is an assumption
    (``sensitivity-shared``, unless ``own_sensitivity`` says that rates were already divided by their own).

    Source: Przyborowski & Wilenski 1940, doi:10.1093/biomet/31.3-4.313; the conditional test for rare rates.

    >>> [round(rate_ratio(Counted.of(x, 10_000), Counted.of(0, 10_000)).upper, 2) for x in (3, 5, 10, 20, 50)]
    [1.71, 0.82, 0.35, 0.16, 0.06]
    """
    n = first.items + second.items
    warnings = () if own_sensitivity else (reason("sensitivity-shared"),)
    total = first.hits + second.hits
    if not total or not first.n or not second.n:
        undefined = Estimate(None, None, None, settings.level, n=n, warnings=(reason("zero-hits"), *warnings))
        return Ratio(undefined, float("inf"), None)
    exposure = first.n / second.n

    def ratio(p: float) -> float:
        return p / (1 - p) * exposure if p < 1 else float("inf")

    low, high = (ratio(p) for p in clopper_pearson(second.hits, total, settings.level))
    value = ratio(second.hits / total) if first.hits else None
    upper = ratio(clopper_pearson_upper(second.hits, total, settings.level))
    method = "conditional on the total, Clopper-Pearson"
    found = Estimate(value, low, high, settings.level, method, n, warnings=warnings)
    return Ratio(found, upper, _drop(upper), binomial_p(second.hits, total, second.n / (first.n + second.n)))


def _drop(upper: float) -> float | None:
    return upper if np.isfinite(upper) and upper < 1 else None


def estimate_ratio(first: Estimate, second: Estimate, *warnings: str) -> Ratio:
    """Ratio of two independent prevalence estimates, second over first, from their own intervals.

    log r = log p2 - log p1, each limit at a distance of the square root of the sum of squares of the two distances on the
    log scale (MOVER). Where a lower limit is 0, the limits are quotients of the opposite limits. ``upper`` is the
    two-sided interval's, so it is conservative. Undefined with the estimates' own reasons where one has no interval.

    Source: Donner & Zou 2012, doi:10.1177/0962280210367554, on the log scale.

    >>> ratio = estimate_ratio(Estimate(0.1, 0.08, 0.125), Estimate(0.05, 0.04, 0.0625))
    >>> round(ratio.estimate.value, 2), round(ratio.estimate.low, 3), round(ratio.upper, 3), ratio.p < 0.001
    (0.5, 0.365, 0.686, True)
    """
    n, level = first.n + second.n, first.level
    limits = (first.low, first.high, second.low, second.high)
    low1, high1, low2, high2 = (0.0 if x is None else x for x in limits)
    if None in limits or not high1:
        why = tuple(dict.fromkeys((*first.warnings, *second.warnings))) or (reason("zero-hits"),)
        return Ratio(Estimate(None, None, None, level, n=n, warnings=why), float("inf"), None)
    if first.value and second.value and low1 > 0 and low2 > 0:
        centre = float(np.log(second.value / first.value))
        down = float(np.hypot(np.log(second.value / low2), np.log(high1 / first.value)))
        up = float(np.hypot(np.log(high2 / second.value), np.log(first.value / low1)))
        low, high = float(np.exp(centre - down)), float(np.exp(centre + up))
        toward = (up if centre < 0 else down) / normal_quantile((1 + level) / 2)
        p = min(1.0, 2 * normal_tail(abs(centre) / toward)) if toward else None
        method = "square-and-add on the log scale"
    else:
        low, high, p = low2 / high1, high2 / low1 if low1 > 0 else float("inf"), None
        method = "quotient of opposite limits"
    value = second.value / first.value if first.value and second.value is not None else None
    return Ratio(Estimate(value, low, high, level, method, n, warnings=warnings), high, _drop(high), p)


def word_for_one(confirmed: Counted, bound: Estimate, threshold: float) -> Word:
    """What may be said of one group: below a preset threshold, detected, or not resolved.

    ``bound``: the prevalence estimate or upper bound. Below threshold needs its upper limit under ``threshold``, hits or
    no hits; otherwise any confirmed hit is a detection, and so is a prevalence whose lower limit is above 0; otherwise
    nothing was shown.

    >>> word_for_one(Counted.of(0, 1000), Estimate(None, 0.0, 0.004), 0.001)
    'not resolved'
    """
    if bound.high is not None and bound.high < threshold:
        return "below threshold"
    return "detected" if confirmed.hits or (bound.low or 0) > 0 else "not resolved"


def word_for_two(ratio: Ratio, sensitivity_floor: float = SENSITIVITY_FLOOR) -> Word:
    """What may be said of a change: reduced, or not resolved.

    Reduced needs a ratio below 1 at the upper limit, and a tipping point below ``sensitivity_floor``, the loss of
    sensitivity that is held to be possible: a drop that a judge half as sensitive would explain is not resolved.

    >>> word_for_two(rate_ratio(Counted.of(20, 10_000), Counted.of(0, 10_000)))
    'reduced'
    >>> word_for_two(rate_ratio(Counted.of(5, 10_000), Counted.of(0, 10_000)))  # 0.82: a little loss would do
    'not resolved'
    """
    reduced = ratio.tipping_point is not None and ratio.tipping_point < sensitivity_floor
    return "reduced" if reduced else "not resolved"
