"""Prevalence from a judge's answers and human labels, where the event is not rare.

``rogan_gladen`` and ``lee`` correct the flagged rate by a sensitivity and a specificity that must hold here.
``two_phase`` and ``stratified`` weigh hand-checked samples of the flagged and the unflagged; a random sample of both is the
business of ``ppi``. Below about one in a hundred none of them covers; ``confirmed`` has what does, and ``choose`` decides.
"""

from dataclasses import dataclass, replace

import numpy as np

from judge.estimate import Estimate
from judge.stats.confirmed import DRAWS, Flags, ceiling, floor, jeffreys, limits, refused
from judge.stats.distributions import clopper_pearson, clopper_pearson_lower, normal_quantile
from judge.stats.proportion import Counted
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, Settings

FEW_POSITIVES = 10
FEW_NEGATIVES = 10
MIN_YOUDEN = 0.1


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Sensitivity: flagged of known positives. Specificity: unflagged of known negatives."""

    sensitivity: Counted
    specificity: Counted


def youden_lower(accuracy: Accuracy, level: float = 0.95) -> float:
    """Lower limit of Se + Sp - 1, by square-and-add of the one-sided limits at ``level``'s lower side."""
    confidence = (1 + level) / 2
    se, sp = accuracy.sensitivity, accuracy.specificity
    down = [c.rate - clopper_pearson_lower(c.hits, c.n, confidence) for c in (se, sp)]
    return se.rate + sp.rate - 1 - float(np.hypot(down[0], down[1]))


def _unfit(accuracy: Accuracy, level: float) -> tuple[str, ...]:
    """Why the judge's measured accuracy cannot carry a correction, if so."""
    positives, negatives = accuracy.sensitivity.items, accuracy.specificity.items
    if positives < FEW_POSITIVES:
        return (reason("few-positives" if positives else "no-positives", str(positives)),)
    if negatives < FEW_NEGATIVES:
        return (reason("few-negatives" if negatives else "no-negatives", str(negatives)),)
    lowest = youden_lower(accuracy, level)
    return (reason("weak-judge", f"{lowest:.3f}"),) if lowest <= MIN_YOUDEN else ()


def corrected(rate: float, sensitivity: float, specificity: float) -> float:
    """(p + Sp - 1) / (Se + Sp - 1), unclipped: outside 0..1 the three numbers contradict each other.

    Source: Rogan & Gladen 1978, doi:10.1093/oxfordjournals.aje.a112510.

    >>> round(100 * corrected(23 / 150, 0.96, 0.89), 1)  # R epiR, epi.prev: 5.1 per 100 cows
    5.1
    >>> round(100 * corrected(6 / 151, 0.964, 0.927), 2)  # Moujaber et al. 2008; epiR clips it to 0
    -3.73
    """
    return (rate + specificity - 1) / (sensitivity + specificity - 1)


def rogan_gladen(flagged: Counted, accuracy: Accuracy, settings: Settings = DEFAULT) -> Estimate:
    """The corrected flag rate, with independent Jeffreys posteriors for p, Se and Sp (40,000 draws), widened to ``lee``.

    Alone the posteriors cover 92 % at a prevalence of .005. Unclipped (``unclipped`` outside 0..1). Refused with fewer than 10 known positives or negatives, and where Se + Sp - 1
    may be as low as 0.1 (``weak-judge``). Assumes that Se and Sp hold in the target (``transported``).
    """
    unfit = _unfit(accuracy, settings.level) if flagged.n else (reason("no-items"),)
    if unfit:
        return refused(settings, flagged.items, *unfit)
    value = corrected(flagged.rate, accuracy.sensitivity.rate, accuracy.specificity.rate)
    rng = np.random.default_rng(settings.seed)
    p, se, sp = (jeffreys(c, rng) for c in (flagged, accuracy.sensitivity, accuracy.specificity))
    low, high = limits((p + sp - 1) / (se + sp - 1), settings)
    other = lee(flagged, accuracy, settings)
    if other.low is not None and other.high is not None:
        low, high = min(low, other.low), max(high, other.high)
    method = "Rogan-Gladen, Jeffreys widened to Lee et al."
    found = Estimate(value, low, high, settings.level, method, flagged.items, flagged.n)
    return replace(found, warnings=_outside(value), positives=accuracy.sensitivity.items, seed=settings.seed)


def _outside(value: float) -> tuple[str, ...]:
    transported = (reason("transported"),)
    return transported if 0 <= value <= 1 else (*transported, reason("unclipped", f"{value:.4g}"))


def lee(flagged: Counted, accuracy: Accuracy, settings: Settings = DEFAULT) -> Estimate:
    """The corrected flag rate with the adjusted interval of Lee et al.

    Value: Rogan-Gladen, unclipped. Interval: with p~ = (hits + z^2/2) / (N + z^2), Se~ and Sp~ = (hits + 1) / (n + 2),
    theta~ from these, centre theta~ + 2 z^2 (theta~ Se~(1-Se~)/m1 - (1-theta~) Sp~(1-Sp~)/m0), half width z sqrt(p~(1-p~)/N~
    + (1-theta~)^2 Sp~(1-Sp~)/m0 + theta~^2 Se~(1-Se~)/m1) / (Se~ + Sp~ - 1), clipped to 0..1; m1, m0 two above the
    numbers of known positives and negatives. Refusals as for ``rogan_gladen``. For prevalences above about 1 %: below it
    still covers, at 30 to 90 times the width of the confirmed rate over sensitivity.

    Source: Lee et al. 2025, arXiv 2511.21140, section 3.

    >>> found = lee(Counted.of(400, 1000), Accuracy(Counted.of(180, 200), Counted.of(140, 200)))
    >>> print(found)
    0.167 [0.056, 0.263] (n=1000)
    """
    unfit = _unfit(accuracy, settings.level) if flagged.n else (reason("no-items"),)
    if unfit:
        return refused(settings, flagged.items, *unfit)
    value = corrected(flagged.rate, accuracy.sensitivity.rate, accuracy.specificity.rate)
    z = normal_quantile(settings.upper)
    n, m1, m0 = flagged.n + z**2, accuracy.sensitivity.n + 2, accuracy.specificity.n + 2
    p = (flagged.hits + z**2 / 2) / n
    se, sp = (accuracy.sensitivity.hits + 1) / m1, (accuracy.specificity.hits + 1) / m0
    theta = corrected(p, se, sp)
    of_se, of_sp = se * (1 - se) / m1, sp * (1 - sp) / m0
    centre = theta + 2 * z**2 * (theta * of_se - (1 - theta) * of_sp)
    spread_of = p * (1 - p) / n + (1 - theta) ** 2 * of_sp + theta**2 * of_se
    margin = z * float(np.sqrt(spread_of)) / (se + sp - 1)
    low, high = max(0.0, centre - margin), min(1.0, centre + margin)
    found = Estimate(value, low, max(low, high), settings.level, "Lee et al.", flagged.items, flagged.n)
    return replace(found, warnings=_outside(value), positives=accuracy.sensitivity.items)


def two_phase(flags: Flags, settings: Settings = DEFAULT) -> Estimate:
    """Pi = P(flagged) PPV + P(not flagged) FOR, from hand-checked samples of both.

    Jeffreys posteriors for all three, 40,000 draws. Refused without an audit (``no-audit``). Where the audit found
    nothing, a posterior would invent misses: then there is no value, and the interval runs from the floor's lower limit
    to the ceiling (``audit-empty``). Needs no assumption about the judge, only that both samples are random.

    Source: Neyman 1938 (double sampling), doi:10.1080/01621459.1938.10503378.

    >>> flags = Flags(Counted.of(600, 2000), Counted.of(170, 200), Counted.of(8, 200))
    >>> print(two_phase(flags))
    0.283 [0.256, 0.315] (n=2000)
    """
    n, audited = flags.flagged.items, flags.audited
    if audited is None or not audited.n:
        return refused(settings, n, reason("no-audit"))
    if not flags.confirmed.n and flags.flagged.hits:
        return refused(settings, n, reason("zero-hits"))
    if not audited.hits or not flags.confirmed.hits:
        low, high = floor(flags, settings).low or 0.0, ceiling(flags, settings).high
        why = reason("zero-hits") if audited.hits else reason("audit-empty", f"0 of {audited.items}")
        bounded = refused(settings, n, why)
        return replace(bounded, low=low, high=high, method="floor and ceiling")
    rng = np.random.default_rng(settings.seed)
    rate, ppv, omitted = (jeffreys(c, rng) for c in (flags.flagged, flags.confirmed, audited))
    low, high = limits(rate * ppv + (1 - rate) * omitted, settings)
    value = flags.flagged.rate * flags.confirmed.rate + (1 - flags.flagged.rate) * audited.rate
    found = Estimate(value, low, high, settings.level, "two-phase, Jeffreys", n, seed=settings.seed)
    return replace(found, warnings=(reason("stratified-sample"),))


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of the target of known share, and the hand-checked sample of it."""

    share: float
    checked: Counted


def stratified(
    strata: tuple[Stratum, ...], settings: Settings = DEFAULT, frame: float | None = None
) -> Estimate:
    """sum_h W_h p_h over strata of known shares (score bands, patterns of two judges).

    ``frame``: how many items (effective) the shares were counted on, where they are a sample too; then the shares are
    drawn from a Dirichlet distribution with as many observations. None: the frame itself is what is asked about.

    Jeffreys posteriors. Where a stratum without hits could hold a tenth of the value or more (its share over its checked
    number), there is no value but bounds: sums of Clopper-Pearson limits with Bonferroni (``audit-empty``). Undefined
    where a stratum was not checked at all (``no-items``). Shares are normalised to 1.

    >>> print(stratified((Stratum(0.3, Counted.of(170, 200)), Stratum(0.7, Counted.of(8, 200)))))
    0.283 [0.261, 0.310] (n=400)
    """
    n = sum(stratum.checked.items for stratum in strata)
    if not strata or any(not stratum.checked.n for stratum in strata):
        return refused(settings, n, reason("no-items"))
    shares = np.array([stratum.share for stratum in strata])
    shares = shares / shares.sum()
    counts = [stratum.checked for stratum in strata]
    value = float(shares @ np.array([c.rate for c in counts]))
    unseen = sum(w / (2 * c.n) for w, c in zip(shares, counts, strict=True) if not c.hits)
    if unseen > value / 10:
        level = 1 - (1 - settings.level) / len(strata)
        ends = shares @ np.array([clopper_pearson(c.hits, c.n, level) for c in counts])
        bounded = refused(settings, n, reason("audit-empty"))
        return replace(bounded, low=float(ends[0]), high=float(ends[1]), method="Clopper-Pearson, Bonferroni")
    rng = np.random.default_rng(settings.seed)
    weights = shares[None, :] if frame is None else rng.dirichlet(shares * frame, size=DRAWS)
    draws = (weights * np.stack([jeffreys(c, rng) for c in counts], axis=1)).sum(axis=1)
    low, high = limits(draws, settings)
    return Estimate(value, low, high, settings.level, "stratified, Jeffreys", n, seed=settings.seed)
