"""The same figures for each value of a metadata key, and whether the judge errs more in one group than in another.

A key is looked up in the transcript's metadata (a dotted path reaches inside); ``length`` is made from the text where the
metadata has no such key; the name of a facet groups by its label, the reference's where it has one, else the judge's. Numbers with many
values become thirds.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from judge.errors import UsageError
from judge.estimate import Estimate
from judge.ratings import OK, Panel, Rater, Ratings
from judge.stats.agreement import kappa, raw_agreement
from judge.stats.differential import FEW, Equality, equality
from judge.stats.multiplicity import adjust
from judge.stats.proportion import rate
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import MISSING, Design, confusion
from judge.transcript import lookup

LENGTH = "length"
NONE = "(none)"
OTHERS = "(others)"
MOST_GROUPS = 12
MOST_NUMBERS = 6
Names = NDArray[np.str_]
Bools = NDArray[np.bool_]
Groups = dict[str, str]
"""Transcript id to the group it is in."""


@dataclass(frozen=True, slots=True)
class Group:
    """One value of the key. ``answered``: share of its items to which the judge gave a label."""

    name: str
    items: int
    answered: Estimate
    agreement: Estimate
    kappa: Estimate
    recall: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class ErrorTest:
    """Is one rate of the judge equal in all groups? ``p_adjusted``: Benjamini-Yekutieli over the tests of this key."""

    what: str
    equality: Equality
    p_adjusted: float | None


@dataclass(frozen=True, slots=True)
class Subgroups:
    """``tests``: agreement; for each label its recall (sensitivity) and its specificity, where two groups are large enough."""

    key: str
    groups: tuple[Group, ...]
    tests: tuple[ErrorTest, ...]


def grouping(ratings: Ratings, key: str, judge: Rater) -> Groups:
    """Which group each transcript is in. Raises UsageError where no transcript has such a key."""
    found, unit = {name: lookup(item.metadata, key) for name, item in ratings.items.items()}, ""
    if not any(value is not None for value in found.values()):
        if labels := _by_facet(ratings, key, judge):
            return _merged({name: label or NONE for name, label in labels.items()})
        if key == LENGTH:
            found, unit = _lengths(ratings), " characters"
    if not any(value is not None for value in found.values()):
        keys = sorted({k for item in ratings.items.values() for k in item.metadata})
        raise UsageError(
            f"no transcript has {key!r} in its metadata",
            expected=f"one of {', '.join(keys) or '(there is no metadata)'}; {LENGTH}; or a facet's name",
        )
    return _merged(_thirds(found, unit))


def _by_facet(ratings: Ratings, key: str, judge: Rater) -> dict[str, str | None]:
    for grader, facet in ratings.questions(minimum=1):
        if key in (facet.name, f"{grader.name}.{facet.name}") and not facet.multilabel:
            asked = (grader.name, facet.name)
            raters = [r for r in (ratings.reference, judge) if r is not None and asked in r.ratings]
            said = {name: [r.rating(asked, name) for r in raters] for name in ratings.items}
            return {
                name: next((str(r.value) for r in own if r.status == OK), None) for name, own in said.items()
            }
    return {}


def _lengths(ratings: Ratings) -> dict[str, str | None]:
    return {name: str(sum(len(m.text) for m in t.messages)) for name, t in ratings.transcripts.items()}


def _thirds(found: Mapping[str, str | None], unit: str) -> Groups:
    numbers = {name: n for name, value in found.items() if value and (n := _number(value)) is not None}
    words = {name: value or NONE for name, value in found.items()}
    if len(set(numbers.values())) <= MOST_NUMBERS:
        return words
    first, second = np.quantile(list(numbers.values()), [1 / 3, 2 / 3])
    low, high = min(numbers.values()), max(numbers.values())
    names = (
        f"{low:g} to {first:g}{unit}",
        f"above {first:g} to {second:g}{unit}",
        f"above {second:g} to {high:g}{unit}",
    )
    thirds = {name: names[int(value > first) + int(value > second)] for name, value in numbers.items()}
    return words | thirds


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if np.isfinite(found) else None


def _merged(groups: Groups) -> Groups:
    sizes = Counter(groups.values())
    if len(sizes) <= MOST_GROUPS:
        return groups
    kept = {name for name, _ in sizes.most_common(MOST_GROUPS - 1)}
    return {item: name if name in kept else OTHERS for item, name in groups.items()}


def subgroups(panel: Panel, key: str, groups: Groups, settings: Settings = DEFAULT) -> Subgroups | None:
    """Figures for each group on a panel of reference and judge; None for sets of labels, and where there is one group."""
    names = np.array([groups.get(item.id, NONE) for item in panel.items], dtype=object).astype(str)
    if panel.facet.multilabel or len(set(names)) < 2:  # noqa: PLR2004
        return None
    rows = tuple(_group(panel.at(names == name), str(name), settings) for name in _in_order(names))
    return Subgroups(key, rows, _tests(panel, names, settings))


def _in_order(names: Names) -> list[str]:
    """Thirds from low to high, other names by the alphabet, what has no name last."""

    def number(name: str) -> float:
        head = name.removeprefix("above ").split(" ")[0]
        try:
            return float(head)
        except ValueError:
            return float("inf")

    return sorted(
        set(names.tolist()),
        key=lambda name: (name in (NONE, OTHERS), number(name), name.startswith("above"), name),
    )


def _group(panel: Panel, name: str, settings: Settings) -> Group:
    size = len(panel.facet.vocabulary)
    table = confusion(panel.codes[:, 0], panel.codes[:, 1], size, panel.design)
    recalls = {
        label: rate(own == at, panel.design.at(there), settings)
        for at, label in enumerate(panel.facet.vocabulary)
        if (there := (panel.codes[:, 0] == at) & (panel.codes[:, 1] != MISSING)).any()
        and len(own := panel.codes[there, 1])
    }
    return Group(
        name,
        len(panel),
        rate(panel.codes[:, 1] != MISSING, panel.design, settings),
        raw_agreement(table, settings),
        kappa(table, settings=settings),
        recalls,
    )


def _tests(panel: Panel, names: Names, settings: Settings) -> tuple[ErrorTest, ...]:
    both = np.asarray((panel.codes != MISSING).all(axis=1))
    truth, answer = panel.codes[both, 0], panel.codes[both, 1]
    design, own = panel.design.at(both), names[both]
    found = [("agreement", _equality(truth == answer, own, design, settings))]
    for at, label in enumerate(panel.facet.vocabulary):
        there = truth == at
        rates = (("recall", there, answer == at), ("specificity", ~there, answer != at))
        for name, among, hits in rates:
            test = _equality(hits[among], own[among], design.at(among), settings)
            if test.rates:
                found.append((f"{name}.{label}", test))
    adjusted = iter(adjust([test.p for _, test in found if test.p is not None], "by"))
    return tuple(ErrorTest(what, test, None if test.p is None else next(adjusted)) for what, test in found)


def _equality(hits: Bools, names: Names, design: Design, settings: Settings) -> Equality:
    """The test over groups of ten items or more: in smaller ones chi-squared means nothing. Without two there is none."""
    sizes = Counter(names.tolist())
    large = np.array([sizes[name] >= FEW for name in names], dtype=bool)
    left_out = sorted(name for name, size in sizes.items() if size < FEW)
    warnings = (reason("sparse-groups", f"left out: {', '.join(left_out)}"),) if left_out else ()
    if sum(size >= FEW for size in sizes.values()) < 2:  # noqa: PLR2004  (one group has no other)
        return Equality({}, None, None, warnings)
    found = equality(hits[large], names[large], design.at(large), settings)
    return replace(found, warnings=(*found.warnings, *warnings))
