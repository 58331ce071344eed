"""Action by awareness: the rate of one label where another was given, against where it was not.

Both labels are the judge's, on the same transcripts. A transcript is left out, and counted, where either question has no
answer that names a point of the scale. Where the first question does not arise (``not_applicable``), the transcript leaves
the conditional rate and counts as a no in the overall one. Within strata like is compared with like; without them a
difference between environments is a difference in everything.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from judge.errors import UsageError
from judge.estimate import Estimate
from judge.rates.question import Answers, Bools
from judge.rates.report import natural
from judge.rates.sections import Section, shown
from judge.stats.differential import ratio_within_strata, within_strata
from judge.stats.proportion import rate
from judge.stats.reasons import merge, reason
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import Design


@dataclass(frozen=True, eq=False)
class Question:
    """The answers whose rate is taken, those that it is taken given, the key that splits, and the key of the strata."""

    of: Answers
    given: Answers
    by: str | None = None
    within: str | None = None


@dataclass(frozen=True)
class Contrast:
    """One denominator. ``with_it`` and ``without`` are plain rates; ``difference`` and ``ratio`` compare within strata.

    ``strata``: how many hold both kinds; ``outside``: transcripts in strata that hold one kind only, which say nothing.
    """

    with_it: Estimate
    without: Estimate
    difference: Estimate
    ratio: Estimate
    strata: int
    outside: int


@dataclass(frozen=True)
class Part:
    """One group. ``left_out``: reason to number of transcripts; ``overall`` is None where it is the same."""

    group: str
    n: int
    left_out: dict[str, int]
    applicable: Contrast
    overall: Contrast | None


@dataclass(frozen=True)
class Conditional:
    of: str
    given: str
    by: str | None
    within: str | None
    run: str
    parts: tuple[Part, ...]
    level: float
    warnings: tuple[str, ...]


def conditional(question: Question, settings: Settings = DEFAULT) -> Conditional:
    """The contrast in every group. Raises UsageError where no transcript has both answers."""
    if question.of.asked.key == question.given.asked.key:
        raise UsageError("a label's rate given itself says nothing", found=str(question.of.asked))
    of, given = _aligned(question.of, question.given)
    names = of.groups(question.by)
    strata = of.groups(question.within)
    parts = []
    for name in sorted(map(str, np.unique(names)), key=natural):
        inside = np.asarray(names == name)
        parts.append(_part(name, of.at(inside), given.at(inside), strata[inside], settings))
    return Conditional(
        str(of.asked),
        str(given.asked),
        question.by,
        question.within,
        of.rater.name,
        tuple(parts),
        settings.level,
        (reason("association", of.rater.model or of.rater.name),),
    )


def _aligned(first: Answers, second: Answers) -> tuple[Answers, Answers]:
    """Both on the transcripts that both were asked about, in the first one's order."""
    place = {item.id: n for n, item in enumerate(second.items)}
    keep = np.array([item.id in place for item in first.items], dtype=np.bool_)
    if not keep.any():
        raise UsageError("no transcript was asked both questions", found=f"{first.asked}; {second.asked}")
    kept = first.at(keep)
    order = np.array([place[item.id] for item in kept.items])
    there = Answers(
        second.rater,
        second.asked,
        kept.items,
        tuple(second.ratings[n] for n in order),
        second.outcomes[order],
        kept.design,
    )
    return kept, there


def _part(name: str, of: Answers, given: Answers, strata: NDArray[np.str_], settings: Settings) -> Part:
    clear = np.isin(given.outcomes, ("positive", "negative"))
    counted = np.isin(of.outcomes, ("positive", "negative"))
    arises = counted | (of.outcomes == "not_applicable")
    applicable = _contrast(of, given, strata, clear & counted, settings)
    overall = _contrast(of, given, strata, clear & arises, settings) if (arises & ~counted).any() else None
    return Part(name, len(of), _left_out(of, given, clear, counted), applicable, overall)


def _left_out(of: Answers, given: Answers, clear: Bools, counted: Bools) -> dict[str, int]:
    """Which answer was missing, and why; a transcript is counted once, for the condition first."""
    why: Counter[str] = Counter()
    for n in np.flatnonzero(~(clear & counted)):
        found, at = (given, n) if not clear[n] else (of, n)
        rating = found.ratings[at]
        word = f"({rating.status})" if rating.value is None else str(rating.value)
        why[f"{found.asked.facet.name} {word}"] += 1
    return dict(why.most_common())


def _contrast(
    of: Answers, given: Answers, strata: NDArray[np.str_], keep: Bools, settings: Settings
) -> Contrast:
    hits, second, own = of.flagged[keep], given.flagged[keep], strata[keep]
    design = of.design.at(keep)
    both = np.intersect1d(own[second], own[~second])
    return Contrast(
        _rate(hits, second, design, settings),
        _rate(hits, ~second, design, settings),
        within_strata(hits, second, own, design, settings),
        ratio_within_strata(hits, second, own, design, settings),
        len(both),
        int((~np.isin(own, both)).sum()),
    )


def _rate(hits: Bools, among: Bools, design: Design, settings: Settings) -> Estimate:
    return rate(hits[among], design.at(among), settings)


def sections(found: Conditional) -> Iterator[Section]:
    """As tables: rates, what was left out, and what may not be concluded."""
    strata = f"within {found.within}" if found.within else "not within strata"
    columns = ("group", "denominator", "n", "given", "n", "otherwise", "difference", "ratio", "strata")
    rows = [
        (part.group or found.run, *_cells(which, contrast))
        for part in found.parts
        for which, contrast in (("where it arises", part.applicable), ("all", part.overall))
        if contrast is not None
    ]
    warnings = merge(
        found.warnings,
        *(c.difference.warnings for p in found.parts for c in (p.applicable, p.overall) if c is not None),
        *(c.ratio.warnings for p in found.parts for c in (p.applicable, p.overall) if c is not None),
    )
    yield Section(f"{found.of}, given {found.given}; {strata}", columns, tuple(rows), warnings, "contrast")
    left = tuple(
        (part.group or found.run, str(part.n), why, str(number))
        for part in found.parts
        for why, number in part.left_out.items()
    )
    yield Section("Left out of the conditional rate", ("group", "of", "because", "transcripts"), left)


def _cells(which: str, found: Contrast) -> tuple[str, ...]:
    strata = f"{found.strata}" + (f", {found.outside} transcripts in others" if found.outside else "")
    return (
        which,
        str(found.with_it.n),
        shown(found.with_it),
        str(found.without.n),
        shown(found.without),
        shown(found.difference),
        shown(found.ratio),
        strata,
    )
