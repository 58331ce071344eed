"""Which prevalence estimate the data can carry, and why; or none, and why not."""

from dataclasses import dataclass, replace
from typing import Literal

from judge.estimate import Estimate
from judge.stats.confirmed import (
    Flags,
    Sensitivity,
    ceiling,
    confirmed_over_sensitivity,
    confirmed_rate,
    floor,
    sensitivity_curve,
)
from judge.stats.distributions import clopper_pearson_lower
from judge.stats.ppi import Labelled, ppi, too_few
from judge.stats.prevalence import Accuracy, Stratum, lee, stratified, two_phase
from judge.stats.proportion import Counted
from judge.stats.reasons import merge, reason
from judge.stats.resample import DEFAULT, Settings

Selection = Literal["random", "enriched", "unknown"]
Estimator = Literal["ppi", "two_phase", "stratified", "confirmed_over_sensitivity", "lee", "none"]
RARE = 0.01


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known about one group.

    ``flags``: the judge's flags in the target and what people found among them. ``selection``: how the labelled items
    behind sensitivity, specificity and ``labelled`` were chosen: ``random`` (a random sample of the target), ``enriched``
    (known design, e.g. balanced by the judge's answer), or ``unknown``, which refuses everything that needs them.
    ``labelled``: the target that ``flags`` counts, with the labels of a random sample of it.
    ``strata``: the parts, finer than flagged and unflagged, that the checked items were drawn from, with their shares of
    the target; empty where there are no finer ones.
    """

    flags: Flags
    selection: Selection
    sensitivity: Sensitivity | None = None
    specificity: Counted | None = None
    labelled: Labelled | None = None
    strata: tuple[Stratum, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """The estimate, which estimator gave it, and the reasons (codes with words).

    ``floor`` and ``ceiling`` hold without trusting the estimate; ``curve`` is the prevalence for sensitivities from 1 down
    to .3. ``estimate.value`` is None where the data can carry bounds at most.
    """

    estimate: Estimate
    estimator: Estimator
    reasons: tuple[str, ...]
    floor: Estimate
    ceiling: Estimate
    curve: tuple[tuple[float, Estimate], ...]


Decision = tuple[Estimate, Estimator, tuple[str, ...]]


def _decide(evidence: Evidence, settings: Settings) -> Decision:
    flags = evidence.flags
    usable = evidence.sensitivity if evidence.selection != "unknown" else None
    if usable is not None and _checked(flags) and usable.found.n and confirmed_rate(flags) < RARE:
        found = confirmed_over_sensitivity(flags, usable, settings)
        if not _contradicted(flags, found, settings):
            return found, "confirmed_over_sensitivity", (reason("rare"),)
        labels = _from_labels(evidence, settings) or (two_phase(flags, settings), "two_phase", ())
        return labels[0], labels[1], (reason("audit-contradicts"), *labels[2])
    return _from_labels(evidence, settings) or _from_accuracy(evidence, usable, settings)


def _contradicted(flags: Flags, found: Estimate, settings: Settings) -> bool:
    """Whether the audit found so many misses that the sensitivity from elsewhere cannot hold here."""
    audited = flags.audited
    if audited is None or not audited.hits or found.high is None:
        return False
    misses = clopper_pearson_lower(audited.hits, audited.n, settings.level) * (1 - flags.flagged.rate)
    return misses > found.high - confirmed_rate(flags)


def _checked(flags: Flags) -> bool:
    return bool(flags.confirmed.n) or not flags.flagged.hits


def _from_labels(evidence: Evidence, settings: Settings) -> Decision | None:
    """From labels of the target itself, without a word about the judge; None where they do not carry an estimate."""
    flags, labelled = evidence.flags, evidence.labelled
    if labelled is not None and evidence.selection == "random" and not too_few(labelled):
        return ppi(labelled, settings), "ppi", (reason("random-sample"),)
    if flags.audited is None or not flags.audited.hits or not flags.confirmed.hits:
        return None
    why = (reason("stratified-sample"),)
    if evidence.strata:
        return stratified(evidence.strata, settings, flags.flagged.n), "stratified", why
    return two_phase(flags, settings), "two_phase", why


def _from_accuracy(evidence: Evidence, usable: Sensitivity | None, settings: Settings) -> Decision:
    """From a sensitivity that was measured elsewhere; else the bounds of an audit; else nothing."""
    flags = evidence.flags
    if usable is not None and _checked(flags) and usable.found.n:
        found = confirmed_over_sensitivity(flags, usable, settings)
        why = (
            reason("no-audit")
            if flags.audited is None
            else reason("audit-clear", f"0 of {flags.audited.items}")
        )
        return found, "confirmed_over_sensitivity", (why,)
    if flags.audited is not None and flags.audited.n and _checked(flags):
        found = two_phase(flags, settings)
        return found, "two_phase", found.warnings
    if usable is None or evidence.specificity is None:
        return _nothing(evidence, settings)
    found = lee(flags.flagged, Accuracy(usable.found, evidence.specificity), settings)
    return found, "lee", (reason("transported"),)


def _nothing(evidence: Evidence, settings: Settings) -> Decision:
    """No estimator applies: say what is missing."""
    if not evidence.flags.flagged.n:
        why = reason("no-items")
    elif evidence.selection == "unknown":
        why = reason("unknown-selection")
    elif evidence.labelled is not None and evidence.selection == "random":
        why = too_few(evidence.labelled)[0]  # had it been enough, it would have been used
    else:
        why = reason("no-negatives" if evidence.sensitivity is not None else "no-positives")
    refused = Estimate(None, None, None, settings.level, n=evidence.flags.flagged.items, warnings=(why,))
    return refused, "none", (why,)


def choose(evidence: Evidence, settings: Settings = DEFAULT) -> Choice:
    """Pick the estimator by design and counts.

    In this order: below 1 % confirmed, the confirmed rate over sensitivity (all others lose their coverage there), unless
    the audit found more misses than that sensitivity allows; with
    20 or more positives in a random sample of the target (and clusters that leave them worth 10), PPI++; with an audit of
    unflagged items that found some, the two-phase estimate, or the stratified one where the checked items come from finer
    strata; with checked flags and a sensitivity, the confirmed rate over it; with an audit that found nothing, floor and
    ceiling; with sensitivity and specificity, Lee et al.; otherwise nothing, with a reason code. Labels of unknown selection count for nothing. What
    the chosen estimator itself refuses stays refused: no other takes its place quietly.

    >>> evidence = Evidence(Flags(Counted.of(60, 100_000), Counted.of(12, 60)), "enriched", Sensitivity(Counted.of(45, 50)))
    >>> chosen = choose(evidence)
    >>> chosen.estimator, chosen.reasons[0][:30]
    ('confirmed_over_sensitivity', 'rare: below 1 %: the confirmed')
    """
    flags = evidence.flags
    found, estimator, why = _decide(evidence, settings) if flags.flagged.n else _nothing(evidence, settings)
    return Choice(
        replace(found, warnings=merge(found.warnings, why)),
        estimator,
        merge(why, found.warnings),
        floor(flags, settings),
        ceiling(flags, settings),
        sensitivity_curve(flags, settings) if _checked(flags) and flags.flagged.n else (),
    )
