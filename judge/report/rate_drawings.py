"""What a report of rates draws: prevalence between floor and ceiling beside the flags, ratios, and the curve over sensitivity."""

from collections.abc import Sequence

from markupsafe import Markup

from judge.estimate import Estimate
from judge.rates.accuracy import Accuracy
from judge.rates.change import Change
from judge.rates.conditional import Conditional
from judge.rates.prevalence import GroupRate, View
from judge.rates.sections import shown
from judge.rates.text import corrected
from judge.report import curves, figures, page
from judge.report.figures import Dot

LONGEST = 28
"""Letters of a group's name that a drawing has room for."""
_ROOM = 1.15
"""An axis ends so much beyond the largest number that has to be seen."""
_FAR = 2.5
"""A ceiling so many times beyond everything else is an arrow, for what lies below would be squeezed together."""
MOST_RATIO = 4.0
"""Ratios beyond this are an arrow: the axis is for drops."""


def prevalence(groups: Sequence[GroupRate], *, applicable: bool = False) -> Markup:
    """Each group twice: its corrected prevalence between floor and ceiling, and below it what was flagged."""
    views = [(group.name, group.applicable if applicable else group.overall) for group in groups]
    rows = [(name, view) for name, view in views if view is not None]
    if not rows:
        return Markup()
    highs = [end for _, view in rows for end in (_top(view.choice.estimate), _top(view.flagged)) if end]
    needed = max(highs, default=0.0) or 1.0
    ceilings = [view.choice.ceiling.high or 0.0 for _, view in rows]
    top = min(1.0, max(needed, *(end for end in ceilings if end < _FAR * needed), 0.0) * _ROOM)
    which = "of the transcripts in which the question arises" if applicable else "of all transcripts"
    label = f"Prevalence by group, {which}: corrected, with floor and ceiling, and flagged"
    caption = (
        "Filled: corrected prevalence with its interval. Thin line with ends: from the floor (what people confirmed) to the "
        "ceiling (what the audit leaves open). Hollow squares: what the judge flagged, uncorrected. An arrow: it goes on "
        "beyond the axis; the numbers are in the tables."
    )
    drawn = [_pair(name, view) for name, view in rows]
    return page.drawing(_forest(drawn, top, "share of the transcripts"), label, caption)


def _forest(groups: list[list[Dot]], top: float, label: str, neutral: float = 0.0) -> str:
    return figures.forest(groups, (0.0, top), label, neutral, fitted=True)


def _short(name: str) -> str:
    """The end of a long name is what tells it from others."""
    return name if len(name) <= LONGEST else f"…{name[-LONGEST + 1 :]}"


def _pair(name: str, view: View) -> list[Dot]:
    floor, ceiling = view.choice.floor.value, view.choice.ceiling.high
    outer = None if floor is None and ceiling is None else (floor or 0.0, 1.0 if ceiling is None else ceiling)
    said = corrected(view.choice)
    return [
        Dot(_short(name), view.choice.estimate, "judge", shown=said.replace("none: ", ""), outer=outer),
        Dot("flagged", view.flagged, "floor", hollow=True, shown=shown(view.flagged)),
    ]


def _top(found: Estimate) -> float | None:
    return found.high if found.high is not None else found.value


def ratios(found: Sequence[Change]) -> Markup:
    """Each group over the reference, by what labels allow and by flags alone, around a line at 1."""
    if not found:
        return Markup()
    drawn = [
        [
            Dot(_short(change.group), change.ratio.estimate, "judge", shown=shown(change.ratio.estimate)),
            Dot(
                "flags alone",
                change.flagged.estimate,
                "floor",
                hollow=True,
                shown=shown(change.flagged.estimate),
            ),
        ]
        for change in found
    ]
    ends = [_top(dot.estimate) or 0.0 for group in drawn for dot in group]
    top = min(max([1.0, *ends]) * _ROOM, MOST_RATIO)
    label = f"Ratios to {found[0].against}, with the word for each"
    caption = (
        f"Rate in each group over the rate in {found[0].against}; the line is no change. Hollow squares: ratio of what was "
        "flagged. The words are in the table, with the tipping points."
    )
    return page.drawing(_forest(drawn, top, "ratio", neutral=1.0), label, caption)


def curve(groups: Sequence[GroupRate], accuracy: Sequence[Accuracy] = ()) -> Markup:
    """Prevalence over the sensitivity that one is ready to assume, a panel for each group, all on one scale.

    The measured sensitivity is marked where one set was used for all.
    """
    only = accuracy[0] if len(accuracy) == 1 else None
    panels = [
        curves.Panel(
            _short(group.name),
            group.overall.choice.curve,
            only.of(group.group).sensitivity.value if only else None,
        )
        for group in groups
        if group.overall.choice.curve
    ]
    caption = (
        "The prevalence that the confirmed flags stand for if the judge finds this share of the positives; the band is the "
        "interval; a dashed line is the measured sensitivity. Read leftwards: how much worse than measured may the judge be for your claim to hold?"
    )
    return page.drawing(curves.panels(panels), "Prevalence over the sensitivity, by group", caption)


def contrasts(found: Conditional) -> Markup:
    """For each group and denominator the rate with the condition and without it."""
    drawn = []
    for part in found.parts:
        for which, one in (("where it arises", part.applicable), ("all", part.overall)):
            if one is not None:
                name = f"{_short(part.group or found.run)}, {which}"
                drawn.append(
                    [
                        Dot(name, one.with_it, "judge", shown=shown(one.with_it)),
                        Dot("otherwise", one.without, "floor", hollow=True, shown=shown(one.without)),
                    ]
                )
    ends = [_top(dot.estimate) or 0.0 for group in drawn for dot in group]
    top = min(1.0, max(ends, default=1.0) * _ROOM) or 1.0
    caption = "Filled: the rate where the condition was given. Hollow squares: where it was not. Differences and ratios, within strata, are in the table."
    label = f"Rate of {found.of}, with {found.given} and without"
    return page.drawing(_forest(drawn, top, "share of the transcripts"), label, caption)
