"""The judge among the annotators: is it as close to them as they are to each other, and may it stand in for one?

Annotators may be language models; ``about.RaterNote`` says so, and nothing here depends on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from judge.calibration.pair import sets_of
from judge.estimate import Estimate
from judge.ratings import Panel, Rater
from judge.stats.agreement import Weights, kappa
from judge.stats.alpha import encode_sets, set_alpha, set_distance
from judge.stats.alt_test import AltTest, Rules, alt_test, similarity
from judge.stats.ceiling import Contrast, human_ceiling
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import MISSING, Design, FloatArray, IntArray, confusion

MOST_SETS = 30
"""Distinct label sets beyond which no exact-set kappa is contrasted: its tables would be mostly empty."""


@dataclass(frozen=True, slots=True)
class Coefficient:
    """Agreement of two raters: nominal kappa with nulls as categories; for sets, alpha with Jaccard distance."""

    first: str
    second: str
    judge: bool
    """Whether one of the two is the judge."""
    value: Estimate


@dataclass(frozen=True, slots=True)
class Ceiling:
    """Agreement of the judge with single annotators beside theirs with each other, and the paired difference.

    All three are on the items that the judge answered; ``Among.pairs`` has the annotators on everything that they labelled.

    ``coefficient`` is ``kappa`` (nulls as categories; for sets, equal sets) or ``kappa_quadratic`` (on the scale).
    ``consensus`` is with the majority of the *other* annotators, for both sides; None below three.
    """

    coefficient: str
    pairs: Contrast
    consensus: Contrast | None


@dataclass(frozen=True, slots=True)
class Among:
    """Everything about judge and annotators on one facet."""

    annotators: tuple[str, ...]
    pairs: tuple[Coefficient, ...]
    ceilings: tuple[Ceiling, ...]
    alt_test: AltTest
    epsilon: float
    alt_test_by_class: AltTest | None = None
    """The same with every label of the reference counting alike, however rare; None for sets of labels."""


def among(
    panel: Panel,
    judge: Rater,
    annotators: Sequence[Rater],
    epsilon: float,
    settings: Settings = DEFAULT,
) -> Among | None:
    """Put the judge among the annotators; None where nobody but the reference labelled this facet.

    ``panel``: the reference first.
    """
    if not annotators:
        return None
    own = panel.of(judge, *annotators)
    pairs = tuple(
        Coefficient(a.name, b.name, judge in (a, b), _coefficient(panel.of(a, b), settings))
        for a, b in combinations((*annotators, judge), 2)
    )
    names = tuple(rater.name for rater in annotators)
    test = _alt_test(own, epsilon, settings)
    even = None
    if not panel.facet.multilabel:
        even = _alt_test(replace(own, design=by_class(panel.codes[:, 0], own.design)), epsilon, settings)
    return Among(names, pairs, _ceilings(own, settings), test, epsilon, even)


def by_class(labels: IntArray, design: Design) -> Design:
    """The design with weights by which every label that occurs has the same total.

    ``labels``: (n_items,) codes. Where one label is common, judge and annotator tie on it most of the time, and a judge
    that never says another may pass; so the alternative annotator test is also taken with these weights.

    >>> by_class(np.array([0, 0, 0, 1]), Design()).weights
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    """
    own = np.ones(len(labels)) if design.weights is None else np.asarray(design.weights, dtype=np.float64)
    _, place = np.unique(labels, return_inverse=True)
    totals = np.bincount(place, weights=own)
    return replace(design, weights=own * own.sum() / len(totals) / totals[place])


def _coefficient(panel: Panel, settings: Settings) -> Estimate:
    if panel.facet.multilabel:
        return set_alpha(sets_of(panel.ratings), "jaccard", design=panel.design, settings=settings)
    size = len(panel.facet.vocabulary)
    return kappa(confusion(panel.codes[:, 0], panel.codes[:, 1], size, panel.design), settings=settings)


def _ceilings(panel: Panel, settings: Settings) -> tuple[Ceiling, ...]:
    """``panel``: the judge, then the annotators."""
    if len(panel.raters) < 3:  # noqa: PLR2004  (one annotator is no ceiling)
        return ()
    codes, size = panel.codes, len(panel.facet.vocabulary)
    readings: list[tuple[str, Weights]] = [("kappa", "nominal")]
    if panel.facet.multilabel:
        codes, distinct = encode_sets(sets_of(panel.ratings))
        size = len(distinct)
        if size > MOST_SETS:
            return ()
    elif panel.facet.scale == "ordinal":
        readings.append(("kappa_quadratic", "quadratic"))
    found = []
    for name, weights in readings:
        points = size if weights == "nominal" else len(panel.facet.labels)
        own = np.where(codes < points, codes, MISSING)
        both = human_ceiling(
            own[:, 0], own[:, 1:], points, weights=weights, design=panel.design, settings=settings
        )
        pairs = both.pairs
        if own.shape[1] == 3:  # noqa: PLR2004  (one pair of annotators: its kappa knows more of its own limits)
            judged = own[:, 0] != MISSING  # as in the contrast: people are held to what the judge answered
            table = confusion(own[judged, 1], own[judged, 2], points, panel.design.at(judged))
            pairs = replace(pairs, human=kappa(table, weights, settings))
        found.append(Ceiling(name, pairs, both.consensus))
    return tuple(found)


def _alt_test(panel: Panel, epsilon: float, settings: Settings) -> AltTest:
    codes, alike = panel.codes, similarity(len(panel.facet.vocabulary))
    if panel.facet.multilabel:
        codes, distinct = encode_sets(sets_of(panel.ratings))
        alike = _alike(distinct)
    return alt_test(
        codes[:, 0], codes[:, 1:], alike, rules=Rules(epsilon), design=panel.design, settings=settings
    )


def _alike(distinct: Sequence[frozenset[str]]) -> FloatArray:
    gaps = [[1 - set_distance(a, b, "jaccard") for b in distinct] for a in distinct]
    return np.array(gaps, dtype=np.float64).reshape(len(distinct), len(distinct))
