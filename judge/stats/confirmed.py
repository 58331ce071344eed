"""The confirmed rate, and what follows from it: the way to a prevalence that works for rare events.

People look at what the judge flagged. The confirmed rate is a floor that assumes nothing; divided by the judge's
sensitivity it is an estimate; an audit of unflagged items gives a ceiling. Nothing is ever subtracted, so no interval
collapses because an error was too rare to be seen.

All counts come as ``Counted``, so clustering and weights are already in them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from judge.estimate import Estimate
from judge.stats.distributions import clopper_pearson, clopper_pearson_lower, clopper_pearson_upper
from judge.stats.proportion import Counted
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import FloatArray

DRAWS = 40_000
FEW_SENSITIVITY = 20

Source = Literal["natural", "planted", "assumed"]


@dataclass(frozen=True, slots=True)
class Flags:
    """What the judge flagged in the target, and what people found when they looked.

    ``flagged``: flagged of all judged. ``confirmed``: true positives of the flagged items that were checked (all of them,
    or a random sample). ``audited``: true positives of unflagged items that were checked at random, or None. ``tally``:
    confirmed of all judged items, where every flagged one was checked; it knows how the confirmed cluster, which the
    product of the other two does not. None: that product.
    """

    flagged: Counted
    confirmed: Counted
    audited: Counted | None = None
    tally: Counted | None = None

    @property
    def all_checked(self) -> bool:
        if not self.flagged.n:
            return True
        return self.confirmed.items >= round(self.flagged.hits / self.flagged.n * self.flagged.items)


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Positives that the judge flagged, of positives known from elsewhere, and where those came from."""

    found: Counted
    source: Source = "natural"

    @property
    def warnings(self) -> tuple[str, ...]:
        few = (reason("few-positives", f"{self.found.items}"),) if self.found.items < FEW_SENSITIVITY else ()
        named = {"planted": (reason("sensitivity-planted"),), "assumed": (reason("sensitivity-assumed"),)}
        return few + named.get(self.source, ())


def jeffreys(counts: Counted, rng: np.random.Generator) -> FloatArray:
    """Draws from Beta(hits + 1/2, misses + 1/2)."""
    return rng.beta(counts.hits + 0.5, counts.misses + 0.5, size=DRAWS)


def limits(draws: FloatArray, settings: Settings) -> tuple[float, float]:
    low, high = np.quantile(draws, [1 - settings.upper, settings.upper])
    return float(low), float(high)


def confirmed_rate(flags: Flags) -> float:
    """P(flagged) times the share of flagged items that people confirmed."""
    return flags.flagged.rate * flags.confirmed.rate if flags.confirmed.n and flags.flagged.n else 0.0


def confirmed_counts(flags: Flags) -> Counted:
    """Confirmed hits of all judged items, where every flagged item was checked."""
    if flags.tally is not None:
        return flags.tally
    flagged, share = flags.flagged, flags.confirmed.rate if flags.confirmed.n else 0.0
    return Counted(flagged.hits * share, flagged.n, flagged.items)


def _confirmed_draws(flags: Flags, rng: np.random.Generator) -> FloatArray:
    if flags.all_checked:
        return jeffreys(confirmed_counts(flags), rng)
    return jeffreys(flags.flagged, rng) * jeffreys(flags.confirmed, rng)


def refused(settings: Settings, n: int, *warnings: str) -> Estimate:
    return Estimate(None, None, None, settings.level, n=n, warnings=warnings)


def floor(flags: Flags, settings: Settings = DEFAULT) -> Estimate:
    """The confirmed rate tau = P(flagged) PPV: prevalence is at least this, whatever the judge misses.

    Range 0 to 1; undefined where nothing was checked (``zero-hits``). Interval: Jeffreys, by simulation where only a
    sample of the flagged was checked.
    """
    n = flags.flagged.items
    if not flags.flagged.n:
        return refused(settings, n, reason("no-items"))
    if not flags.confirmed.n or not flags.confirmed.hits:
        return refused(settings, n, reason("zero-hits"))
    low, high = limits(_confirmed_draws(flags, np.random.default_rng(settings.seed)), settings)
    return Estimate(confirmed_rate(flags), low, high, settings.level, "Jeffreys", n, seed=settings.seed)


def ceiling(flags: Flags, settings: Settings = DEFAULT) -> Estimate:
    """The highest prevalence that the audit leaves open: an upper limit only, in ``high``; no assumption on the judge.

    U = U(flagged) U(PPV) + (1 - L(flagged)) U(FOR), each limit Clopper-Pearson with a third of the error, one-sided.
    Missing (``no-audit``) without an audit of unflagged items.
    """
    n = flags.flagged.items
    if flags.audited is None or not flags.audited.n:
        return refused(settings, n, reason("no-audit"))
    confidence = 1 - (1 - settings.level) / 3
    flagged = clopper_pearson_upper(flags.flagged.hits, flags.flagged.n, confidence)
    ppv = clopper_pearson_upper(flags.confirmed.hits, flags.confirmed.n, confidence)
    unflagged = 1 - clopper_pearson_lower(flags.flagged.hits, flags.flagged.n, confidence)
    omitted = clopper_pearson_upper(flags.audited.hits, flags.audited.n, confidence)
    high = min(1.0, flagged * ppv + unflagged * omitted)
    return Estimate(None, 0.0, high, settings.level, "one-sided Clopper-Pearson, Bonferroni", n)


def confirmed_over_sensitivity(
    flags: Flags, sensitivity: Sensitivity, settings: Settings = DEFAULT, *, strict: bool = False
) -> Estimate:
    """Pi = P(flagged) PPV / Se: the confirmed rate, divided by the share of positives that the judge finds.

    Interval: independent Jeffreys posteriors for the confirmed rate and Se, 40,000 draws; ``strict``: Clopper-Pearson
    limits of each with Bonferroni, never below the level and about twice as wide. Range 0 to 1. With nothing confirmed
    there is no value (``zero-hits``) and the interval is [0, upper bound] at Se's lower limit; without positives behind
    Se it is refused (``no-positives``). It stands and falls with Se: read ``sensitivity_curve`` beside it.

    Source: Rogan & Gladen 1978, doi:10.1093/oxfordjournals.aje.a112510, with the false positives removed by hand.

    >>> flags = Flags(Counted.of(60, 100_000), Counted.of(12, 60))
    >>> found = confirmed_over_sensitivity(flags, Sensitivity(Counted.of(45, 50)))
    >>> round(1e4 * found.value, 2), round(1e4 * found.low, 1), round(1e4 * found.high, 1)
    (1.33, 0.7, 2.3)
    """
    n, se = flags.flagged.items, sensitivity.found
    if not flags.flagged.n:
        return refused(settings, n, reason("no-items"))
    if not se.n or not se.hits:
        return refused(settings, n, reason("no-positives"))
    if not flags.confirmed.n or not flags.confirmed.hits:
        high = upper_limit(flags, se, settings.level)
        bound = refused(settings, n, reason("zero-hits"), *sensitivity.warnings)
        return replace(bound, low=0.0, high=high, method="one-sided Clopper-Pearson, Bonferroni")
    value = confirmed_rate(flags) / se.rate
    if strict:
        low, high = _strict(flags, se, settings.level)
        method = "confirmed / Se, Clopper-Pearson with Bonferroni"
    else:
        rng = np.random.default_rng(settings.seed)
        low, high = limits(_confirmed_draws(flags, rng) / jeffreys(se, rng), settings)
        method = "confirmed / Se, Jeffreys"
    warnings = sensitivity.warnings + ((reason("unclipped"),) if value > 1 else ())
    found = Estimate(value, low, min(high, 1.0), settings.level, method, n, warnings=warnings)
    return replace(found, n_effective=flags.flagged.n, positives=flags.confirmed.items, seed=settings.seed)


def _strict(flags: Flags, se: Counted, level: float) -> tuple[float, float]:
    if flags.all_checked:
        half = 1 - (1 - level) / 2
        rate = clopper_pearson(confirmed_counts(flags).hits, flags.flagged.n, half)
        rates = (rate[0], rate[1])
    else:
        half = 1 - (1 - level) / 3
        flagged = clopper_pearson(flags.flagged.hits, flags.flagged.n, half)
        ppv = clopper_pearson(flags.confirmed.hits, flags.confirmed.n, half)
        rates = (flagged[0] * ppv[0], flagged[1] * ppv[1])
    found = clopper_pearson(se.hits, se.n, half)
    return rates[0] / found[1], min(1.0, rates[1] / found[0])


def upper_limit(flags: Flags, se: Counted, level: float = 0.95) -> float:
    """One-sided upper limit of prevalence: limit of the confirmed rate over the lower limit of Se.

    U = CP_U(hits, N; a/2) / CP_L(Se; a/2), a = 1 - level; where only some flagged items were checked, the error is split
    in three and the limit of the flag rate enters. At most 1.

    >>> nothing = Flags(Counted.of(0, 100_000), Counted.of(0, 0))
    >>> [f"{upper_limit(nothing, Counted.of(*se)):.1e}" for se in ((45, 50), (40, 50), (10, 10))]
    ['4.7e-05', '5.6e-05', '5.3e-05']
    """
    error = 1 - level
    if flags.all_checked:
        confidence = 1 - error / 2
        tally = confirmed_counts(flags)
        rate = clopper_pearson_upper(tally.hits, tally.n, confidence)
    else:
        confidence = 1 - error / 3
        rate = clopper_pearson_upper(flags.flagged.hits, flags.flagged.n, confidence)
        rate *= clopper_pearson_upper(flags.confirmed.hits, flags.confirmed.n, confidence)
    lowest = clopper_pearson_lower(se.hits, se.n, confidence)
    return min(1.0, rate / lowest) if lowest > 0 else 1.0


def sensitivity_curve(
    flags: Flags,
    settings: Settings = DEFAULT,
    values: Sequence[float] = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3),
) -> tuple[tuple[float, Estimate], ...]:
    """Prevalence if the judge's sensitivity were this: (Se, estimate) pairs, Se taken as known exactly.

    Planted positives are usually easier than natural ones; this shows what the answer would be if the measured
    sensitivity did not carry over. ``values`` are shares above 0.
    """
    base = floor(flags, settings)
    if base.value is None:
        upper = (
            clopper_pearson_upper(0.0, flags.flagged.n, settings.level)
            if flags.all_checked
            else upper_limit(flags, Counted(1e12, 1e12, 0), settings.level)
        )
        return tuple((se, replace(base, low=0.0, high=min(1.0, upper / se))) for se in values)
    return tuple((se, _divided(base, se)) for se in values)


def _divided(base: Estimate, se: float) -> Estimate:
    value, low, high = (None if x is None else min(1.0, x / se) for x in (base.value, base.low, base.high))
    return replace(
        base, value=value, low=low, high=high, warnings=(reason("sensitivity-assumed", f"{se:g}"),)
    )
