"""The rate in one group: what was flagged, what people found there, and what follows for the prevalence.

Every view has a denominator of its own. *Overall* is every transcript; *applicable* leaves out those where the judge found
that the question does not arise. Both rest on the transcripts that the judge gave a valid answer on; what the others may
hide is in the bounds, and in the coverage beside every figure. Which estimator is used follows from design and counts
(``judge.stats.choose``), and its reasons are part of the result.
"""

from dataclasses import dataclass, replace

import numpy as np

from judge.estimate import Estimate
from judge.rates.accuracy import Accuracy
from judge.rates.family import same_family
from judge.rates.labels import Checked, incomplete
from judge.rates.question import Answers, Bools
from judge.stats.bounds import Word, word_for_one
from judge.stats.choose import Choice, Evidence, Selection, choose
from judge.stats.confirmed import Flags
from judge.stats.outcomes import Bounds, bounds, invalid_rate
from judge.stats.outcomes import Outcome as Bounded
from judge.stats.ppi import Labelled
from judge.stats.prevalence import Stratum
from judge.stats.proportion import Counted, counted, rate
from judge.stats.reasons import merge, reason
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import Design

UNCHECKED = Counted(0.0, 0.0, 0)
_BOUNDED: dict[str, Bounded] = {
    "positive": "positive",
    "negative": "negative",
    "not_applicable": "negative",  # the question did not arise: counted, and no positive
    "null": "null",
    "invalid": "invalid",
}


@dataclass(frozen=True)
class View:
    """One rate over one denominator.

    Args:
        n: Transcripts in the denominator.
        coverage: Share of them that the judge gave a valid answer on.
        flagged: Share of the answered that the judge called positive: nothing is corrected.
        bounds: The flag rate among answers that name a point of the scale, and what nulls and failures may hide.
        choice: The corrected prevalence with its estimator and reasons, floor, ceiling, and the curve over sensitivity.
        envelope: The corrected interval with all unanswered transcripts negative, and all positive; None where all are
            answered.
        flags: The counts that these rest on, after clustering and weighting.
        word: What may be said.
    """

    n: int
    coverage: Estimate
    flagged: Estimate
    bounds: Bounds
    choice: Choice
    envelope: Estimate | None
    flags: Flags
    word: Word


@dataclass(frozen=True)
class GroupRate:
    """One group of one run. ``applicable`` is None where the question arose everywhere. ``own_sensitivity``: whether the
    sensitivity was measured in this very group.
    """

    run: str
    group: str
    outcomes: dict[str, int]
    clusters: int
    overall: View
    applicable: View | None
    own_sensitivity: bool
    warnings: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.group or self.run


@dataclass(frozen=True, slots=True)
class Basis:
    """What a correction rests on beside the answers: hand labels of the run, accuracy on a set; and the threshold for
    ``below threshold``, which has to be set before looking.
    """

    accuracy: Accuracy | None = None
    accuracy_applicable: Accuracy | None = None
    threshold: float = 0.0


def group_rate(
    found: Answers, part: Checked, basis: Basis, group: str = "", settings: Settings = DEFAULT
) -> GroupRate:
    """The rate among these answers, with hand labels ``part`` of some of them."""
    clusters = found.design.clusters
    accuracy = basis.accuracy.of(group) if basis.accuracy else None
    own = accuracy is not basis.accuracy
    overall = _view(found, part, accuracy, basis.threshold, settings)
    inside, applicable = found.applicable, None
    if not inside.all():
        there = basis.accuracy_applicable.of(group) if basis.accuracy_applicable else None
        applicable = _view(found.at(inside), part.at(inside), there, basis.threshold, settings)
    return GroupRate(
        found.rater.name,
        group,
        found.counts(),
        len(found) if clusters is None else len(np.unique(np.asarray(clusters))),
        overall,
        applicable,
        own,
        merge(
            incomplete(part) if part.known.any() else (),
            invalid_rate(~found.answered, found.design, settings).warnings if len(found) else (),
            same_family(found),
        ),
    )


def _view(
    found: Answers, part: Checked, accuracy: Accuracy | None, threshold: float, settings: Settings
) -> View:
    answered = found.answered
    evidence = _evidence(found.at(answered), part.at(answered), accuracy, settings)
    choice = choose(evidence, settings)
    return View(
        len(found),
        rate(answered, found.design, settings),
        rate(found.flagged[answered], found.design.at(answered), settings),
        bounds([_BOUNDED[str(outcome)] for outcome in found.outcomes], found.design, settings),
        choice,
        _envelope(choice.estimate, float(answered.mean()) if len(found) else 0.0),
        evidence.flags,
        word_for_one(evidence.flags.confirmed, choice.estimate, threshold),
    )


def _envelope(corrected: Estimate, answered: float) -> Estimate | None:
    if answered == 1 or corrected.low is None or corrected.high is None:
        return None
    low, high = corrected.low * answered, corrected.high * answered + 1 - answered
    return Estimate(None, low, high, corrected.level, "Manski bounds of the corrected interval", corrected.n)


def _evidence(found: Answers, part: Checked, accuracy: Accuracy | None, settings: Settings) -> Evidence:
    flagged = found.flagged
    flags = Flags(counted(flagged, found.design, settings.level), UNCHECKED)
    every_flag = bool(part.known[flagged].all())
    if part.choice != "unknown" or every_flag:
        flags = replace(flags, confirmed=_part(found, part, flagged, settings, census=every_flag))
    if every_flag and flagged.any():
        flags = replace(flags, tally=counted(flagged & part.truth, found.design, settings.level))
    audited = _part(found, part, ~flagged, settings) if part.choice != "unknown" else UNCHECKED
    labelled = None
    if part.choice == "random":
        labelled = Labelled(part.truth, flagged, found.design, part.known)
    usable = accuracy if accuracy is not None and accuracy.usable else None
    strata = _strata(found, part, settings) if part.choice == "known" else ()
    return Evidence(
        replace(flags, audited=audited if audited.n else None),
        _selection(part, accuracy, labelled is not None),
        usable.found if usable else None,
        usable.cleared if usable else None,
        labelled,
        strata,
    )


def _selection(part: Checked, accuracy: Accuracy | None, labelled: bool) -> Selection:
    if labelled:
        return "random"
    refused = accuracy is not None and not accuracy.usable
    unknown_checks = part.choice == "unknown" and part.known.any()
    return "unknown" if refused or (accuracy is None and unknown_checks) else "enriched"


def _design(found: Answers, part: Checked, keep: Bools) -> Design:
    clusters = None if found.design.clusters is None else np.asarray(found.design.clusters)[keep]
    return Design(weights=part.weight[keep], clusters=clusters)


def _part(
    found: Answers,
    part: Checked,
    among: Bools,
    settings: Settings,
    *,
    census: bool = False,
) -> Counted:
    """True positives of the checked items among the flagged, or the unflagged."""
    keep = part.known & among
    if not keep.any():
        return UNCHECKED
    if census:
        return counted(part.truth[keep], found.design.at(keep), settings.level)
    seen = counted(part.truth[keep], _design(found, part, keep), settings.level)
    return _capped(seen, part, keep)


def _capped(seen: Counted, part: Checked, keep: Bools) -> Counted:
    """No more than what the thinnest stratum is worth: n_h over its share, which bounds what a stratum without hits hides."""
    weight, strata = part.weight[keep], part.stratum[keep]
    most = min(
        float((strata == name).sum() / (weight[strata == name].sum() / weight.sum()))
        for name in np.unique(strata)
    )
    n = min(seen.n, most)
    return Counted(seen.rate * n, n, seen.items)


def _strata(found: Answers, part: Checked, settings: Settings) -> tuple[Stratum, ...]:
    """The strata behind the checked items, if finer than flagged and unflagged; shares from the frame and the weights."""
    flagged, strata = found.flagged, []
    for side in (flagged, ~flagged):
        keep = part.known & side
        names = np.unique(part.stratum[keep])
        if side.any() and not keep.any():
            return ()
        for name in names:
            own = keep & (part.stratum == name)
            share = side.mean() * part.weight[own].sum() / part.weight[keep].sum()
            strata.append(
                Stratum(float(share), counted(part.truth[own], found.design.at(own), settings.level))
            )
    sides = int(flagged.any()) + int((~flagged).any())
    return tuple(strata) if len(strata) > sides else ()


def unconfirmed(view: View) -> tuple[str, ...]:
    """Said of a number in which false alarms still are."""
    return () if view.flags.confirmed.n or not view.flags.flagged.hits else (reason("unconfirmed"),)
