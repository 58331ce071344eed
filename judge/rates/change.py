"""Groups against one of them: how many times rarer, and what would explain the difference away.

Which two numbers are divided depends on what is known of both groups: corrected prevalences where each has its own
sensitivity, or labels that need none; confirmed hits, where people looked at every flag; confirmed rates, where they looked
at a sample; the flag rate as a last resort, of which nothing may be said. One sensitivity for both cancels from a ratio, and
the tipping point says how far it may have fallen in the second group before nothing is left of the drop.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from judge.estimate import Estimate
from judge.rates.prevalence import GroupRate, View, unconfirmed
from judge.stats.bounds import SENSITIVITY_FLOOR, Ratio, Word, estimate_ratio, rate_ratio, word_for_two
from judge.stats.confirmed import confirmed_counts, upper_limit
from judge.stats.multiplicity import adjust
from judge.stats.proportion import Counted
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, Settings

ASSUMPTION_FREE = frozenset({"ppi", "two_phase", "stratified"})
PERFECT = Counted(1e12, 1e12, 0)
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Change:
    """One group against the reference group.

    Args:
        group: Name of the group.
        against: Name of the reference.
        what: What was divided: ``corrected prevalence``, ``confirmed hits``, ``confirmed rate``, ``flag rate``.
        ratio: Rate here over rate there, with the tipping point.
        flagged: The ratio of what the judge flagged, uncorrected.
        p_adjusted: Holm's, over all comparisons made together.
        word: What may be said.
    """

    group: str
    against: str
    what: str
    ratio: Ratio
    flagged: Ratio
    p_adjusted: float | None
    word: Word


def changes(
    groups: Sequence[GroupRate],
    against: GroupRate,
    sensitivity_floor: float = SENSITIVITY_FLOOR,
    settings: Settings = DEFAULT,
) -> tuple[Change, ...]:
    """Every other group against one, with Holm's adjustment over them.

    *Reduced* needs an interval below 1, a tipping point below ``sensitivity_floor``, and an adjusted p below .05 where there
    is one; of unconfirmed flags it is never said.
    """
    others = [group for group in groups if group is not against]
    found = [_change(group, against, settings) for group in others]
    adjusted = iter(adjust([c.ratio.p for c in found if c.ratio.p is not None], "holm"))
    found = [c if c.ratio.p is None else replace(c, p_adjusted=next(adjusted)) for c in found]
    return tuple(replace(c, word=_word(c, sensitivity_floor)) for c in found)


def _word(change: Change, sensitivity_floor: float) -> Word:
    clear = change.p_adjusted is None or change.p_adjusted < SIGNIFICANT
    if change.what == "flag rate" or not clear:
        return "not resolved"
    return word_for_two(change.ratio, sensitivity_floor)


def _change(group: GroupRate, against: GroupRate, settings: Settings) -> Change:
    here, there = group.overall, against.overall
    what, ratio = _ratio(there, here, group.own_sensitivity and against.own_sensitivity, settings)
    flagged = rate_ratio(there.flags.flagged, here.flags.flagged, settings)
    return Change(group.name, against.name, what, ratio, flagged, None, "not resolved")


def _ratio(first: View, second: View, own: bool, settings: Settings) -> tuple[str, Ratio]:
    both = (first, second)
    estimates = first.choice.estimate, second.choice.estimate
    known = all(found.low is not None for found in estimates)
    valued = all(found.value is not None for found in estimates)
    free = valued and all(view.choice.estimator in ASSUMPTION_FREE for view in both)
    if known and (free or own):
        return "corrected prevalence", estimate_ratio(*estimates)
    if all(view.flags.all_checked for view in both):
        return "confirmed hits", rate_ratio(
            confirmed_counts(first.flags), confirmed_counts(second.flags), settings
        )
    shared = reason("sensitivity-shared")
    if all(view.flags.confirmed.n or not view.flags.flagged.hits for view in both):
        rates = _confirmed_rate(first, settings), _confirmed_rate(second, settings)
        return "confirmed rate", estimate_ratio(*rates, shared)
    if known and any(view.choice.estimator == "lee" for view in both):
        return "corrected prevalence", estimate_ratio(*estimates, shared)
    raw = rate_ratio(first.flags.flagged, second.flags.flagged, settings)
    warnings = (*raw.estimate.warnings, *dict.fromkeys(w for view in both for w in unconfirmed(view)))
    return "flag rate", replace(raw, estimate=replace(raw.estimate, warnings=warnings))


def _confirmed_rate(view: View, settings: Settings) -> Estimate:
    """The floor; where nothing was confirmed, from 0 to the limit that a perfect judge would leave."""
    found = view.choice.floor
    if found.value is not None:
        return found
    return replace(found, low=0.0, high=upper_limit(view.flags, PERFECT, settings.level))
