"""Which items two judges are compared on: those that both were asked about and that have a hand label.

Rubrics are lined up by the names of their facets, not by their own names, because two versions of one rubric may be two
files. A judge's failure on an item is no label and is never made one; it is also not a right answer. So it is a category
of its own here, which agrees with nobody: a rubric on which the judge breaks down cannot look better for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from judge.errors import UsageError
from judge.grader import Facet, Grader
from judge.ratings import NOT_RUN, Item, Rater, Rating, Ratings, check_label, members
from judge.stats.paired import Trio
from judge.stats.tables import Design


@dataclass(frozen=True, eq=False)
class Side:
    """One judge: a rater, and which of the rubrics that it used is compared."""

    rater: Rater
    grader: Grader

    @property
    def rubric(self) -> str:
        """``reward_seeking.v2 3f2a91c0d4e5``: the file's name, and the hash, because neither alone tells versions apart."""
        return f"{self.grader.path.stem} {self.grader.sha256[:12]}"


@dataclass(frozen=True, eq=False)
class Pair:
    """Both judges on one facet, item by item. ``human``, ``first`` and ``second`` have one rating for each item.

    ``vocabulary`` is the second's, then what only the first or the hand labels have. ``unpaired`` counts items with a
    hand label that at least one of the two was not asked about.
    """

    facet: Facet
    primary: bool
    vocabulary: tuple[str, ...]
    items: tuple[Item, ...]
    human: tuple[Rating, ...]
    first: tuple[Rating, ...]
    second: tuple[Rating, ...]
    design: Design
    unpaired: int

    def __len__(self) -> int:
        return len(self.items)

    def right(self, which: Sequence[Rating]) -> NDArray[np.bool_]:
        """Whether each of these ratings is exactly the hand label; sets of labels are compared as sets."""
        same = [same_value(mine, human) for mine, human in zip(which, self.human, strict=True)]
        return np.array(same, dtype=np.bool_)

    def trio(self) -> Trio:
        """Codes of a single-label facet; the code after the last label is a failure."""
        code = {label: number for number, label in enumerate(self.vocabulary)}

        def codes(column: Sequence[Rating]) -> list[int]:
            return [
                code.get(rating.value, len(code)) if isinstance(rating.value, str) else len(code)
                for rating in column
            ]

        return Trio(codes(self.human), codes(self.first), codes(self.second), len(code) + 1)

    def trio_of(self, label: str) -> Trio:
        """Whether each gave this label, for a set-valued facet: 0 no, 1 yes, 2 a failure."""

        def codes(column: Sequence[Rating]) -> list[int]:
            return [2 if rating.value is None else int(label in rating.value) for rating in column]

        return Trio(codes(self.human), codes(self.first), codes(self.second), 3)


def same_value(first: Rating, second: Rating) -> bool:
    if first.value is None or second.value is None:
        return False
    if isinstance(first.value, str) or isinstance(second.value, str):
        return first.value == second.value
    return set(first.value) == set(second.value)


def side(rater: Rater, reference: Rater, grader: str | None = None) -> Side:
    """The rubric of a run that speaks of the facets that are labelled. Raises UsageError where none or several do."""
    labelled = {facet for _, facet in reference.ratings}
    fitting = [
        used
        for used in rater.rubrics.values()
        if (used.name == grader if grader else used.primary in labelled)
    ]
    fitting = fitting or [
        used for used in rater.rubrics.values() if grader is None and labelled & set(used.facets)
    ]
    if len(fitting) == 1:
        return Side(rater, fitting[0])
    raise UsageError(
        "no rubric of this run speaks of what is labelled"
        if not fitting
        else "several rubrics of this run could be meant",
        where=str(rater.source),
        found=", ".join(rater.rubrics) or "no records",
        expected=f"a grader with one of the facets {', '.join(sorted(labelled))}",
        do="name the grader with --grader",
    )


def pairs(ratings: Ratings, first: Side, second: Side, reference: Rater) -> list[Pair]:
    """One ``Pair`` for each facet that is labelled and that both rubrics have, the primary one first."""
    shared = [
        question
        for question in reference.ratings
        if (mine := second.grader.facets.get(question[1])) is not None
        and (other := first.grader.facets.get(question[1])) is not None
        and mine.multilabel == other.multilabel
    ]
    shared.sort(key=lambda question: question[1] != second.grader.primary)
    return [_pair(ratings, first, second, reference, question) for question in shared]


_NOT_ASKED = (NOT_RUN, "provider")
"""A request that the provider did not serve says nothing of the rubric; the item is left out, and counted."""


def _pair(ratings: Ratings, first: Side, second: Side, reference: Rater, question: tuple[str, str]) -> Pair:
    name = question[1]
    labelled = {item for (item, _), rating in reference.ratings[question].items() if rating.value is not None}
    rows = []
    declared = _declared(ratings, first, second, question)
    for item in ratings.items:
        if item in labelled:
            human = reference.rating(question, item)
            check_label(
                human, second.grader.facets[name], declared, (reference, item, "any of these rubrics")
            )
            said = [_said(side, name, item) for side in (first, second)]
            if not any(rating.status in _NOT_ASKED for rating in said):
                rows.append((ratings.item(item, question), human, *said))
    items, humans, one, two = (
        (tuple(column) for column in zip(*rows, strict=True)) if rows else ((), (), (), ())
    )
    facet = second.grader.facets[name]
    return Pair(
        facet,
        name == second.grader.primary,
        _vocabulary(facet, first.grader.facets[name], humans),
        items,
        humans,
        one,
        two,
        ratings.design(items),
        len(labelled) - len(rows),
    )


def _said(side: Side, facet: str, item: str) -> Rating:
    """What one judge said. Raises UsageError for a label that its own rubric has not."""
    rating = side.rater.rating((side.grader.name, facet), item)
    declares = side.grader.facets[facet]
    check_label(rating, declares, declares.vocabulary, (side.rater, item, side.rubric))
    return rating


def _declared(ratings: Ratings, first: Side, second: Side, question: tuple[str, str]) -> tuple[str, ...]:
    """The labels that some rubric declares for a facet: one of the two compared, or another version of them at hand."""
    grader, name = question
    used = [rater.rubrics.get(grader) for rater in ratings.raters]
    rubrics = [second.grader, first.grader, ratings.graders[grader], ratings.at_hand.get(grader), *used]
    having = [rubric.facets[name] for rubric in rubrics if rubric is not None and name in rubric.facets]
    return tuple(dict.fromkeys(label for facet in having for label in facet.vocabulary))


def _vocabulary(mine: Facet, other: Facet, human: Sequence[Rating]) -> tuple[str, ...]:
    labelled = [label for rating in human if rating.value is not None for label in members(rating.value)]
    return tuple(dict.fromkeys([*mine.vocabulary, *other.vocabulary, *labelled]))
