"""What became of every item: labels, nulls, failures and items never judged; and what they may hide.

Nothing here folds a failure into a label. Bounds say how far the figures could move if every unanswered item were right,
or wrong.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from judge.estimate import Estimate
from judge.ratings import NOT_RUN, OK, Panel, Rating
from judge.stats.outcomes import Bounds, Outcome, bounds, invalid_rate
from judge.stats.proportion import rate
from judge.stats.resample import DEFAULT, Settings

NOBODY = "(no label)"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One rater over all items of a panel.

    ``counts``: each label (sets joined by ``+``), each kind of failure in brackets, ``(missing)`` for items never asked
    about. ``answered``: share with a label, nulls included. ``on_scale``: share with a label that is no null. ``invalid``:
    share of the items asked about without a label.
    """

    rater: str
    items: int
    counts: dict[str, int]
    answered: Estimate
    on_scale: Estimate
    invalid: Estimate


@dataclass(frozen=True, slots=True)
class LabelOutcomes:
    """What the judge made of the items of one reference label.

    ``recall``: its recall among those it answered, and with unanswered items counted as misses and as hits.
    """

    label: str
    items: int
    counts: dict[str, int]
    answered: Estimate
    recall: Bounds


@dataclass(frozen=True, slots=True)
class Coverage:
    """A judge's outcomes, in all and for each label of the reference; agreement with what is unanswered bounded."""

    overall: Outcomes
    labels: tuple[LabelOutcomes, ...]
    agreement: Bounds


def word(rating: Rating) -> str:
    """The one word that a rating is counted under."""
    if rating.status != OK or rating.value is None:
        return f"({rating.status})"
    return rating.value if isinstance(rating.value, str) else "+".join(rating.value) or "(empty set)"


def outcomes(panel: Panel, column: int, settings: Settings = DEFAULT) -> Outcomes:
    """Count one rater's outcomes over the items of a panel."""
    own = [row[column] for row in panel.ratings]
    answered = np.array([r.value is not None for r in own], dtype=bool)
    asked = np.array([r.status != NOT_RUN for r in own], dtype=bool)
    point = np.array([_is_point(r, panel.facet.nulls) for r in own], dtype=bool)
    return Outcomes(
        panel.raters[column].name,
        len(own),
        dict(Counter(map(word, own)).most_common()),
        rate(answered, panel.design, settings),
        rate(point, panel.design, settings),
        invalid_rate(~answered[asked], panel.design.at(asked), settings),
    )


def _is_point(rating: Rating, nulls: dict[str, str]) -> bool:
    if rating.value is None:
        return False
    chosen = {rating.value} if isinstance(rating.value, str) else set(rating.value)
    return not chosen & set(nulls)


def coverage(panel: Panel, settings: Settings = DEFAULT) -> Coverage:
    """Reference and judge, in this order, on a panel: the judge's outcomes for each label of the reference."""
    truth, own = ([row[at] for row in panel.ratings] for at in (0, 1))
    same = [a.value is not None and _alike(a, b) for a, b in zip(truth, own, strict=True)]
    outcome: list[Outcome] = [
        "invalid" if r.value is None else "positive" if hit else "negative"
        for r, hit in zip(own, same, strict=True)
    ]
    rows = []
    for label in panel.facet.vocabulary:
        of = np.array([_has(r, label) for r in truth], dtype=bool)
        if not of.any():
            continue
        hits = [_of_label(r, label) for r, there in zip(own, of, strict=True) if there]
        chosen = panel.at(of)
        rows.append(
            LabelOutcomes(
                label,
                int(of.sum()),
                dict(Counter(word(row[1]) for row in chosen.ratings).most_common()),
                rate([r[1].value is not None for r in chosen.ratings], chosen.design, settings),
                bounds(hits, chosen.design, settings),
            )
        )
    return Coverage(outcomes(panel, 1, settings), tuple(rows), bounds(outcome, panel.design, settings))


def _has(rating: Rating, label: str) -> bool:
    return rating.value is not None and (
        rating.value == label if isinstance(rating.value, str) else label in rating.value
    )


def _of_label(rating: Rating, label: str) -> Outcome:
    if rating.value is None:
        return "invalid"
    return "positive" if _has(rating, label) else "negative"


def _alike(first: Rating, second: Rating) -> bool:
    """Equal labels; sets in any order."""
    if isinstance(first.value, tuple) and isinstance(second.value, tuple):
        return set(first.value) == set(second.value)
    return first.value == second.value
