"""The judge beside graders that cannot read, on the same items, with the paired difference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from judge.calibration import rules
from judge.calibration.pair import indicators, pair, sets_of
from judge.estimate import Estimate
from judge.ratings import Panel, Rater, Rating
from judge.stats.alpha import set_distance
from judge.stats.paired import Trio, differences
from judge.stats.reasons import reason
from judge.stats.repeats import mean
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import MISSING, FloatArray, IntArray

_ABOUT = {
    "constant": "always the most common label",
    "keywords": "the ten most telling words of each label, chosen in other folds",
    "bag of words": "ridge regression on words and pairs of words, trained in other folds",
}


@dataclass(frozen=True, slots=True)
class Baseline:
    """A grader that cannot read, against the reference, and the judge's lead over it on items that the judge answered.

    ``coefficients`` and ``macro_f1`` are those of ``Pair.with_nulls``. ``lead``: judge minus baseline in agreement (in mean
    Jaccard similarity for sets). ``beaten``: its lower limit is above 0.
    """

    name: str
    about: str
    coefficients: dict[str, Estimate]
    macro_f1: Estimate
    lead: Estimate
    beaten: bool


def baselines(panel: Panel, texts: rules.Texts, settings: Settings = DEFAULT) -> tuple[Baseline, ...]:
    """All baselines on a panel of reference and judge, in this order; empty where there is nothing to learn from.

    The panel holds what the reference labelled, whether the judge answered or not. Where the text of one of its items is
    not at hand only the constant remains.
    """
    if not len(panel):
        return ()
    answers = {"constant": _constant(panel)}
    clusters = [str(cluster) for cluster in np.asarray(panel.design.clusters)]
    words = texts.words([item.id for item in panel.items], clusters, panel.facet)
    if words is not None:
        answers |= (_sets_answered if panel.facet.multilabel else _labels_answered)(panel, words)
    return tuple(_held(panel, name, found, settings) for name, found in answers.items())


def _constant(panel: Panel) -> tuple[Rating, ...]:
    truth = [row[0].value for row in panel.ratings]
    values = [value if isinstance(value, str) else tuple(sorted(value or ())) for value in truth]
    common = max(values, key=lambda value: (values.count(value), str(value)))
    return (Rating(common),) * len(panel)


Answers = dict[str, tuple[Rating, ...]]
"""Baseline to its answer on each item."""


def _labels_answered(panel: Panel, words: rules.Words) -> Answers:
    names, truth = panel.facet.vocabulary, panel.codes[:, 0]
    by_bag = rules.by_bag_of_words(words, np.eye(len(names))[truth]).argmax(axis=1)
    found = {"keywords": rules.by_keywords(words, truth, len(names)), "bag of words": by_bag}
    return {rule: tuple(Rating(names[code]) for code in codes) for rule, codes in found.items()}


def _sets_answered(panel: Panel, words: rules.Words) -> Answers:
    """One yes/no question for each label."""
    names = panel.facet.vocabulary
    sets = [row[0] or frozenset() for row in sets_of(panel.ratings)]
    truth = np.array(indicators(sets, panel.facet), dtype=np.int64)
    each = [rules.by_keywords(words, own, 2) for own in truth.T]
    by_bag = rules.by_bag_of_words(words, truth.astype(np.float64))
    found = {"keywords": np.stack(each, axis=1) > 0, "bag of words": by_bag > 0.5}  # noqa: PLR2004  (between no and yes)
    return {
        rule: tuple(Rating(tuple(n for n, there in zip(names, row, strict=True) if there)) for row in said)
        for rule, said in found.items()
    }


def _held(panel: Panel, name: str, answers: Sequence[Rating], settings: Settings) -> Baseline:
    rater = Rater(name, "judge", {})
    code = {label: at for at, label in enumerate(panel.facet.vocabulary)}
    codes = np.array([code.get(str(r.value), MISSING) for r in answers], dtype=np.int64)
    if panel.facet.multilabel:
        codes = np.full(len(panel), MISSING, dtype=np.int64)
    ratings = tuple((row[0], said) for row, said in zip(panel.ratings, answers, strict=True))
    own = replace(
        panel,
        raters=(panel.raters[0], rater),
        ratings=ratings,
        codes=np.stack([panel.codes[:, 0], codes], axis=1),
    )
    found = pair(own, settings)
    gap = _lead_of_sets(panel, own, settings) if panel.facet.multilabel else _lead(panel, codes, settings)
    beaten = gap.low is not None and gap.low > 0
    if not beaten and gap.value is not None:
        gap = replace(gap, warnings=(*gap.warnings, reason("no-better", name)))
    return Baseline(name, _ABOUT[name], found.with_nulls.coefficients, found.macro_f1, gap, beaten)


def _lead(panel: Panel, codes: IntArray, settings: Settings) -> Estimate:
    """Judge minus baseline in agreement: how often each is right, on items that the judge answered."""
    answered = panel.codes[:, 1] != MISSING
    truth, judge, rival = panel.codes[answered, 0], panel.codes[answered, 1], codes[answered]
    right = np.ones(len(truth), dtype=np.int64)
    trio = Trio(right, (rival == truth).astype(np.int64), (judge == truth).astype(np.int64), 2)
    return differences(trio, design=panel.design.at(answered), settings=settings).agreement


def _lead_of_sets(panel: Panel, own: Panel, settings: Settings) -> Estimate:
    answered = np.array([row[1].value is not None for row in panel.ratings], dtype=bool)
    judge, baseline = (_closeness(p.at(answered)) for p in (panel, own))
    return mean(judge - baseline, panel.design.at(answered), settings, span=(-1.0, 1.0))


def _closeness(panel: Panel) -> FloatArray:
    """Jaccard similarity of the two raters' sets, (n_items,)."""
    pairs = [[found or frozenset() for found in row] for row in sets_of(panel.ratings)]
    return np.array([1 - set_distance(a, b, "jaccard") for a, b in pairs], dtype=np.float64)
