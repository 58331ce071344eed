"""How often the judge is right, from a set that people labelled: the numbers by which a flag rate is corrected.

Sensitivity is flagged of human positives, specificity unflagged of human negatives; a human null is no positive. Answers
that the judge failed to give are left out and counted, here as in the target. Whether these numbers hold for the target is
an assumption that no interval contains: what speaks against it is attached as warnings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from judge.estimate import Estimate
from judge.rates.family import same_as_annotators
from judge.rates.labels import Checked, HandLabels
from judge.rates.question import Answers, fact
from judge.stats.confirmed import FEW_SENSITIVITY, Sensitivity, Source
from judge.stats.distributions import clopper_pearson
from judge.stats.per_label import one_label, recall, specificity
from judge.stats.proportion import Counted, counted
from judge.stats.reasons import merge, reason
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import Design, confusion

NATURAL = "natural"


@dataclass(frozen=True)
class Accuracy:
    """Sensitivity and specificity on a hand-labelled set, as estimates for people and as counts for estimators.

    ``usable`` is False where nobody knows how the set was chosen. ``failed``: labelled transcripts on which the judge gave
    no answer. ``groups``: the same for those groups that have positives enough of their own.
    """

    name: str
    run: str
    sensitivity: Estimate
    specificity: Estimate
    found: Sensitivity
    cleared: Counted
    usable: bool
    failed: int = 0
    groups: Mapping[str, "Accuracy"] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def warned(self, *warnings: str) -> "Accuracy":
        """The same with further warnings, for the groups too."""
        groups = {name: own.warned(*warnings) for name, own in self.groups.items()}
        return replace(self, groups=groups, warnings=merge(self.warnings, warnings))

    def of(self, group: str) -> "Accuracy":
        """The group's own, or that of all together."""
        return self.groups.get(group, self)


def accuracy(
    found: Answers, part: Checked, hand: HandLabels, by: str | None = None, settings: Settings = DEFAULT
) -> Accuracy:
    """Measure a judge on a hand-labelled set.

    Args:
        found: The judge's answers on the set's transcripts (and maybe others).
        part: The labels, lined up with them.
        hand: The labels with their card.
        by: A key of the metadata; groups with 20 positives or more get figures of their own.
        settings: Level and seed.
    """
    whole = _measured(found, part, hand, settings)
    if by is None or all(fact(item.metadata, by) is None for item in found.items):
        return whole
    names = found.groups(by)
    own: dict[str, Accuracy] = {}
    for name in np.unique(names[part.known]):
        inside = np.asarray(names == name)
        if (part.truth & found.answered & inside).sum() >= FEW_SENSITIVITY:
            own[str(name)] = _measured(found.at(inside), part.at(inside), hand, settings)
    return replace(whole, groups=own)


def _measured(found: Answers, part: Checked, hand: HandLabels, settings: Settings) -> Accuracy:
    keep = part.known & found.answered
    truth, flagged = part.truth[keep], found.flagged[keep]
    clusters = None if found.design.clusters is None else np.asarray(found.design.clusters)[keep]
    design = Design(weights=part.weight[keep], clusters=clusters)
    binary = one_label(confusion(truth.astype(np.int64), flagged.astype(np.int64), 2, design), 1)
    sensitivity = recall(binary, settings)
    hits = counted(flagged[truth], design.at(truth), settings.level)
    if sensitivity.low is not None and "unseen-misses" in sensitivity.reasons:
        hits = _worth(hits, sensitivity.low, settings.level)
    return Accuracy(
        hand.name,
        found.rater.name,
        sensitivity,
        specificity(binary, settings),
        Sensitivity(hits, _source(found.at(keep & part.truth), hand)),
        counted(~flagged[~truth], design.at(~truth), settings.level),
        hand.card.selection != "unknown" or _recorded(part),
        int((part.known & ~found.answered).sum()),
        warnings=merge(_transport(hand, part), hand.warnings, same_as_annotators(found, hand.families)),
    )


def _transport(hand: HandLabels, part: Checked) -> tuple[str, ...]:
    unknown = hand.card.selection == "unknown" and not _recorded(part)
    return (reason("unknown-selection", hand.name),) if unknown else ()


def _recorded(part: Checked) -> bool:
    """Whether the labels themselves say how their transcripts were drawn."""
    return bool((part.weight[part.known] > 1).any() or part.stratum[part.known].any())


def _source(positives: Answers, hand: HandLabels) -> Source:
    """Natural if any of the positives is; what nobody says the origin of is not taken for natural."""
    origins = {fact(item.metadata, "origin") or hand.card.origin for item in positives.items}
    return "natural" if not len(positives) or NATURAL in origins else "planted"


def _worth(hits: Counted, low: float, level: float) -> Counted:
    """The same share from so few items that its interval reaches down to ``low``: misses that were not drawn are in it."""
    smallest, largest = 1e-6, hits.n
    for _ in range(60):
        n = (smallest + largest) / 2
        if clopper_pearson(hits.rate * n, n, level)[0] > low:
            largest = n
        else:
            smallest = n
    return Counted(hits.rate * smallest, smallest, hits.items)
