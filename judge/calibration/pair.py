"""Two raters on one facet: everything that may be said of their agreement, by the facet's scale.

The first rater is the reference where one of the two is; rows of the confusion matrix are the first rater's labels. Nulls
(``indeterminate`` and the like) are read twice: as categories of their own, and left out with only the points of the scale
kept. Ordinal weights make sense on the scale alone, so they are found there only.
"""

from dataclasses import dataclass
from itertools import starmap

import numpy as np

from judge.calibration.about import LabelNote, facet_note
from judge.estimate import Estimate
from judge.grader import Facet
from judge.ratings import Panel, Rating
from judge.stats.agreement import Weights, gwet, indices, kappa, raw_agreement
from judge.stats.alpha import SetDistance, alpha, set_alpha
from judge.stats.outcomes import answered_only
from judge.stats.per_label import LabelScores, macro_f1, multi_label, one_label, per_label, specificity
from judge.stats.proportion import rate
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import MISSING, IntArray, Sample, confusion

Estimates = dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class LabelRow:
    """How the second rater does on one label of the first. The indices say why a kappa may be low (``Indices``)."""

    label: str
    null: bool
    support: int
    given: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    specificity: Estimate | None = None
    prevalence_index: float | None = None
    bias_index: float | None = None


@dataclass(frozen=True, slots=True)
class View:
    """Coefficients under one reading of the nulls, and the items that it rests on."""

    items: int
    coefficients: Estimates


@dataclass(frozen=True, slots=True)
class Pair:
    """``on_scale`` is None where the facet has no nulls and no order: it would repeat ``with_nulls``.

    ``matrix`` counts items, rows the first rater's labels, in the order of ``labels``; empty for a multi-label facet.
    ``weighted`` is the same in weights, where items have unequal ones.
    """

    first: str
    second: str
    items: int
    with_nulls: View
    on_scale: View | None
    labels: tuple[LabelRow, ...]
    macro_f1: Estimate
    micro: LabelRow | None = None
    matrix: tuple[tuple[int, ...], ...] = ()
    weighted: tuple[tuple[float, ...], ...] = ()

    def row(self, label: str) -> LabelRow | None:
        """The scores of a label."""
        return next((row for row in self.labels if row.label == label), None)


def pair(panel: Panel, settings: Settings = DEFAULT) -> Pair:
    """Compare the two raters of a panel, on the items to which both gave a label."""
    first, second = panel.raters
    both = np.array([a.value is not None and b.value is not None for a, b in panel.ratings], dtype=bool)
    rated = panel.at(both)
    names = (first.name, second.name)
    return (_sets if panel.facet.multilabel else _labels)(rated, names, settings)


def _labels(panel: Panel, names: tuple[str, str], settings: Settings) -> Pair:
    size = len(panel.facet.vocabulary)
    table = confusion(panel.codes[:, 0], panel.codes[:, 1], size, panel.design)
    counts = np.rint(table.counts().reshape(size, size)).astype(int)
    weighted = table.total.reshape(size, size)
    even = not len(table.weights) or float(np.ptp(table.weights)) < 1e-9  # noqa: PLR2004  (rounding)
    notes = facet_note(panel.grader, panel.facet).labels
    rows = [
        _row(*found, table, at, settings)
        for at, found in enumerate(zip(notes, per_label(table, settings), strict=True))
    ]
    return Pair(
        *names,
        len(panel),
        View(len(panel), _nominal(table, panel.codes, panel, settings)),
        _on_scale(table, panel, settings),
        tuple(rows),
        macro_f1(table, settings),
        matrix=tuple(tuple(int(n) for n in row) for row in counts),
        weighted=() if even else tuple(tuple(float(n) for n in row) for row in weighted),
    )


def _nominal(table: Sample, codes: IntArray, panel: Panel, settings: Settings) -> Estimates:
    size = len(panel.facet.vocabulary)
    return {
        "agreement": raw_agreement(table, settings),
        "kappa": kappa(table, "nominal", settings),
        "alpha": alpha(codes, size, "nominal", design=panel.design, settings=settings),
        "ac1": gwet(table, "nominal", settings),
    }


def _on_scale(table: Sample, panel: Panel, settings: Settings) -> View | None:
    ordinal = panel.facet.scale == "ordinal"
    if not ordinal and not panel.facet.nulls:
        return None
    points = len(panel.facet.labels)
    inside = answered_only(table, points)
    chosen = panel.at(np.asarray(((panel.codes >= 0) & (panel.codes < points)).all(axis=1)))
    found: Estimates = {
        "agreement": raw_agreement(inside, settings),
        "kappa": kappa(inside, "nominal", settings),
    }
    if not ordinal:
        return View(inside.n, found)
    weighted: tuple[Weights, ...] = ("linear", "quadratic")
    found |= {f"kappa_{weights}": kappa(inside, weights, settings) for weights in weighted}
    found["alpha_ordinal"] = alpha(chosen.codes, points, "ordinal", design=chosen.design, settings=settings)
    found["ac2"] = gwet(inside, "quadratic", settings)
    return View(inside.n, found)


def _row(note: LabelNote, scores: LabelScores, table: Sample, at: int, settings: Settings) -> LabelRow:
    skew = indices(table, at)
    return LabelRow(
        note.label,
        note.null,
        scores.support,
        scores.given,
        scores.precision,
        scores.recall,
        scores.f1,
        specificity(one_label(table, at), settings),
        skew.prevalence if skew else None,
        skew.bias if skew else None,
    )


def sets_of(ratings: tuple[tuple[Rating, ...], ...]) -> list[list[frozenset[str] | None]]:
    """Multi-label answers as sets, None where there is no answer: (n_items, n_raters) as nested lists."""
    return [[None if r.value is None else frozenset(_several(r)) for r in row] for row in ratings]


def _several(rating: Rating) -> tuple[str, ...]:
    return (rating.value,) if isinstance(rating.value, str) else rating.value or ()


def indicators(sets: list[frozenset[str]], facet: Facet) -> list[list[bool]]:
    """Which labels each set holds: (n_items, n_labels) in the order of the vocabulary."""
    return [[label in found for label in facet.vocabulary] for found in sets]


def _sets(panel: Panel, names: tuple[str, str], settings: Settings) -> Pair:
    facet = panel.facet
    sets = [[found or frozenset() for found in row] for row in sets_of(panel.ratings)]
    first, second = ([row[at] for row in sets] for at in (0, 1))
    shape = (len(sets), len(facet.vocabulary))
    truth, answer = (np.array(indicators(x, facet), dtype=bool).reshape(shape) for x in (first, second))
    scores = multi_label(truth, answer, panel.design, settings)
    rows = tuple(
        starmap(
            lambda note, s: LabelRow(note.label, note.null, s.support, s.given, s.precision, s.recall, s.f1),
            zip(facet_note(panel.grader, facet).labels, scores.labels, strict=True),
        )
    )
    micro = scores.micro
    points = np.array([not any(s & set(facet.nulls) for s in row) for row in sets], dtype=bool)
    chosen = panel.at(points) if facet.nulls else None
    return Pair(
        *names,
        len(panel),
        set_view(panel, settings),
        set_view(chosen, settings) if chosen else None,
        rows,
        scores.macro_f1,
        LabelRow("(all)", False, micro.support, micro.given, micro.precision, micro.recall, micro.f1),
    )


def set_view(panel: Panel, settings: Settings) -> View:
    """Coefficients of set-valued answers, for two raters or more; ``agreement`` (equal sets) for two only."""
    sets = sets_of(panel.ratings)
    kinds: tuple[SetDistance, ...] = ("jaccard", "masi")
    found: Estimates = {}
    if len(panel.raters) == 2:  # noqa: PLR2004  (a pair)
        found["agreement"] = rate([a == b for a, b in sets], panel.design, settings)
    found |= {
        f"alpha_{kind}": set_alpha(sets, kind, design=panel.design, settings=settings) for kind in kinds
    }
    return View(len(panel), found)


def group_view(panel: Panel, settings: Settings) -> View:
    """Alpha over all raters of a panel, gaps allowed: nulls as categories, and for ordinals also on the scale alone."""
    if panel.facet.multilabel:
        return set_view(panel, settings)
    size, points = len(panel.facet.vocabulary), len(panel.facet.labels)
    several = panel.at((panel.codes != MISSING).sum(axis=1) > 1)
    found = {"alpha": alpha(several.codes, size, "nominal", design=several.design, settings=settings)}
    if panel.facet.scale == "ordinal":
        on_scale = np.where(several.codes < points, several.codes, MISSING)
        found["alpha_ordinal"] = alpha(on_scale, points, "ordinal", design=several.design, settings=settings)
    return View(len(several), found)
