"""Any raters, every pair of them, on every facet that two of them speak of; all of them together; each with itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from judge.calibration.about import FacetNote, RaterNote, facet_note, note_of
from judge.calibration.outcomes import Outcomes, outcomes
from judge.calibration.pair import Pair, View, group_view, pair, sets_of
from judge.errors import UsageError
from judge.estimate import Estimate
from judge.grader import Facet, Grader
from judge.ratings import Rater, Ratings
from judge.stats.alpha import encode_sets
from judge.stats.repeats import consistency
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import MISSING

_RANK = {"reference": 0, "annotator": 1, "judge": 2}
_PLACE = {
    ("reference", "judge"): 0,
    ("annotator", "annotator"): 1,
    ("annotator", "judge"): 2,
    ("judge", "judge"): 3,
    ("reference", "annotator"): 4,  # says how much was adjudicated, not how well anybody labels
}
"""Pairs in the order in which they matter."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """A judge with itself, over repeats of one question (``stats.repeats.Consistency``).

    ``majority``: reliability of the majority of so many answers, by Spearman-Brown.
    """

    rater: str
    repeats: int
    flips: Estimate
    unanimous: Estimate
    alpha: Estimate
    entropy: Estimate
    within: float | None
    majority: dict[int, float]


@dataclass(frozen=True, slots=True)
class Together:
    """All independent raters at once; the adjudicated labels, made from the annotators', are not among them."""

    raters: tuple[str, ...]
    view: View


@dataclass(frozen=True, slots=True)
class FacetAgreement:
    about: FacetNote
    outcomes: tuple[Outcomes, ...]
    pairs: tuple[Pair, ...]
    together: Together | None
    repeats: tuple[Repeats, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What ``judge agree`` found. ``seed`` and ``replicates`` make its intervals again."""

    raters: tuple[RaterNote, ...]
    facets: tuple[FacetAgreement, ...]
    cluster_key: str
    level: float
    replicates: int
    seed: int
    warnings: tuple[str, ...] = ()


def agreement(ratings: Ratings, only: Sequence[str] = (), settings: Settings = DEFAULT) -> Agreement:
    """Compare all raters, on all facets or on those named by ``only`` (``facet``, or ``grader.facet``).

    Raises:
        UsageError: No facet has two raters or repeats, or ``only`` names none that has.
    """
    asked = [
        (grader, facet)
        for grader, facet in ratings.questions(minimum=1)
        if not only or {facet.name, f"{grader.name}.{facet.name}"} & set(only)
    ]
    found = tuple(one for grader, facet in asked if (one := _facet(ratings, grader, facet, settings)))
    if not found:
        raise UsageError(
            "no facet has two raters, or one judge with repeats",
            found=", ".join(rater.name for rater in ratings.raters) or "no rater",
            expected=f"facets: {', '.join(f.name for _, f in ratings.questions(minimum=1)) or '(none)'}",
            do="name more runs or label files, or label with --repeats",
        )
    notes = tuple(note_of(rater, ratings) for rater in ratings.raters)
    return Agreement(
        notes,
        found,
        ratings.cluster_key,
        settings.level,
        settings.replicates,
        settings.seed,
        ratings.warnings,
    )


def _facet(ratings: Ratings, grader: Grader, facet: Facet, settings: Settings) -> FacetAgreement | None:
    panel = ratings.panel(grader, facet)
    ordered = sorted(panel.raters, key=lambda rater: _RANK[rater.kind])
    repeated = [rater for rater in ordered if rater.samples > 1]
    repeats = tuple(
        one for rater in repeated if (one := self_agreement(ratings, grader, facet, rater, settings))
    )
    if len(ordered) < 2 and not repeats:  # noqa: PLR2004  (a pair)
        return None
    both = sorted(combinations(ordered, 2), key=lambda two: _PLACE[two[0].kind, two[1].kind])
    pairs = tuple(pair(panel.of(a, b), settings) for a, b in both)
    independent = [rater for rater in ordered if rater.kind != "reference"]
    together = None
    if len(independent) > 2:  # noqa: PLR2004  (two are a pair)
        view = group_view(panel.of(*independent), settings)
        together = Together(tuple(rater.name for rater in independent), view)
    return FacetAgreement(
        facet_note(grader, facet),
        tuple(outcomes(panel, at, settings) for at in range(len(panel.raters))),
        pairs,
        together,
        repeats,
    )


def self_agreement(
    ratings: Ratings, grader: Grader, facet: Facet, rater: Rater, settings: Settings = DEFAULT
) -> Repeats | None:
    """A judge with its own repeats; None where no item has two answers."""
    panel = ratings.repeats(grader, facet, rater)
    codes, labels = panel.codes, len(facet.vocabulary)
    if facet.multilabel:
        codes, distinct = encode_sets(sets_of(panel.ratings))
        labels = max(len(distinct), 2)
    if not ((codes != MISSING).sum(axis=1) > 1).any():
        return None
    found = consistency(codes, labels, panel.design, settings)
    sizes = {k: r for k in (3, 5) if (r := found.of_majority(k)) is not None}
    return Repeats(
        rater.name,
        rater.samples,
        found.flips,
        found.unanimous,
        found.alpha,
        found.entropy,
        found.within,
        sizes,
    )
