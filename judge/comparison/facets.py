"""One facet of a comparison in numbers: right answers, kappa, recall of each label, and the items that flipped."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from judge.comparison.pairing import Pair, same_value
from judge.comparison.verdict import Tested, Verdict, assess
from judge.estimate import Estimate
from judge.ratings import Rating
from judge.stats.agreement import kappa, raw_agreement
from judge.stats.paired import McNemar, Trio, differences, mcnemar
from judge.stats.per_label import one_label, recall
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import MISSING, Design, confusion

Value = str | tuple[str, ...] | None
Direction = Literal["gained", "lost", "other"]


@dataclass(frozen=True, slots=True)
class Change:
    """A coefficient of both judges, and its paired difference, second minus first."""

    first: Estimate
    second: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True)
class LabelChange:
    """Recall of one label, and McNemar's test among the items that people gave it. ``support`` counts these items."""

    label: str
    support: int
    recall: Change
    correct: McNemar


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote stands: ``text[start:end]`` of that message."""

    message_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Said:
    """What a rater said of an item: a value, or a kind of failure, and what it rests on. Each quote has its place."""

    value: Value
    status: str
    quotes: tuple[str, ...]
    places: tuple[Place, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Flip:
    """An item that the two judges do not answer alike. ``gained`` is newly right, ``lost`` newly wrong."""

    item: str
    human: Value
    label: Said
    """The hand label with what it rests on; ``human`` is its value."""
    first: Said
    second: Said
    direction: Direction

    @property
    def quote(self) -> str:
        """The quote that decided: the second judge's, or what the first had rested its answer on."""
        return next(iter((*self.second.quotes, *self.first.quotes)), "")


@dataclass(frozen=True, slots=True)
class FacetComparison:
    """All of one facet. Failures count as answers that are not right; ``failed`` says how many each judge had."""

    facet: str
    primary: bool
    scale: str
    n: int
    clusters: int
    unpaired: int
    right: tuple[int, int]
    failed: tuple[int, int]
    agreement: Change
    kappa: Change | None
    kappa_on_scale: Estimate | None
    """For an ordinal facet, the difference of quadratically weighted kappa among items that all three put on the scale."""
    labels: tuple[LabelChange, ...]
    positives: McNemar | None
    """McNemar among items that people gave a positive label, and in ``negatives`` any other; None for sets of labels."""
    negatives: McNemar | None
    test: Tested
    verdict: Verdict
    flips: tuple[Flip, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """A facet's statistics before the whole family of tests is known."""

    pair: Pair
    agreement: Change
    kappa: Change | None
    labels: tuple[LabelChange, ...]

    @property
    def design_effect(self) -> float:
        """How many items are worth one independent item, from the difference of right answers."""
        found = self.agreement.difference
        return max(1.0, found.n / found.n_effective) if found.n and found.n_effective else 1.0


def numbers(pair: Pair, settings: Settings = DEFAULT) -> Numbers:
    """Everything that does not depend on how many facets are tested."""
    if pair.facet.multilabel:
        return _of_sets(pair, settings)
    trio = pair.trio()
    found = differences(trio, "nominal", pair.design, settings)
    first, second = (confusion(trio.human, x, trio.labels, pair.design) for x in (trio.first, trio.second))
    labels = tuple(
        LabelChange(
            label,
            _support(trio, code),
            Change(
                recall(one_label(first, code), settings),
                recall(one_label(second, code), settings),
                found.recall[code],
            ),
            found.correct_by_label[code],
        )
        for code, label in enumerate(pair.vocabulary)
    )
    agreement = Change(raw_agreement(first, settings), raw_agreement(second, settings), found.agreement)
    coefficient = Change(kappa(first, "nominal", settings), kappa(second, "nominal", settings), found.kappa)
    return Numbers(pair, agreement, coefficient, labels)


def _of_sets(pair: Pair, settings: Settings) -> Numbers:
    """A set-valued facet: right means the same set; recall is that of each label as a question of its own."""
    labels = tuple(_label_of_sets(pair, label, settings) for label in pair.vocabulary)
    whole = Trio(
        np.ones(len(pair)), pair.right(pair.first).astype(int), pair.right(pair.second).astype(int), 2
    )
    found = differences(whole, "nominal", pair.design, settings)
    sides = (confusion(whole.human, x, 2, pair.design) for x in (whole.first, whole.second))
    first, second = (raw_agreement(side, settings) for side in sides)
    return Numbers(pair, Change(first, second, found.agreement), None, labels)


def _label_of_sets(pair: Pair, label: str, settings: Settings) -> LabelChange:
    trio = pair.trio_of(label)
    found = differences(trio, "nominal", pair.design, settings)
    sides = (confusion(trio.human, x, trio.labels, pair.design) for x in (trio.first, trio.second))
    first, second = (recall(one_label(side, 1), settings) for side in sides)
    return LabelChange(
        label, _support(trio, 1), Change(first, second, found.recall[1]), found.correct_by_label[1]
    )


def _support(trio: Trio, code: int) -> int:
    return int((np.asarray(trio.human) == code).sum())


def tested(found: Numbers, tests: int) -> Tested:
    return assess(found.pair, found.design_effect, tests)


def complete(
    found: Numbers, tested: Tested, verdict: Verdict, settings: Settings = DEFAULT
) -> FacetComparison:
    """The facet with its test and verdict."""
    pair = found.pair
    positives, negatives = _by_polarity(found)
    return FacetComparison(
        facet=pair.facet.name,
        primary=pair.primary,
        scale=pair.facet.scale,
        n=len(pair),
        clusters=found.agreement.difference.clusters or 0,
        unpaired=pair.unpaired,
        right=(int(pair.right(pair.first).sum()), int(pair.right(pair.second).sum())),
        failed=(_failed(pair.first), _failed(pair.second)),
        agreement=found.agreement,
        kappa=found.kappa,
        kappa_on_scale=_on_scale(pair, settings),
        labels=tuple(label for label in found.labels if label.support),
        positives=positives,
        negatives=negatives,
        test=tested,
        verdict=verdict,
        flips=flips(zip((i.id for i in pair.items), pair.human, pair.first, pair.second, strict=True)),
    )


def _failed(ratings: tuple[Rating, ...]) -> int:
    return sum(rating.value is None for rating in ratings)


def _by_polarity(found: Numbers) -> tuple[McNemar | None, McNemar | None]:
    facet = found.pair.facet
    if facet.multilabel or not facet.positive:
        return None, None
    tests = []
    for positive in (True, False):
        chosen = [label.correct for label in found.labels if (label.label in facet.positive) == positive]
        tests.append(mcnemar(sum(t.only_first for t in chosen), sum(t.only_second for t in chosen)))
    return tests[0], tests[1]


def _on_scale(pair: Pair, settings: Settings) -> Estimate | None:
    """Nulls and failures are no points of a scale, so items with one are left out here."""
    if pair.facet.scale != "ordinal":
        return None
    code = {label: number for number, label in enumerate(pair.facet.labels)}
    human, first, second = (
        np.array([code.get(str(rating.value), MISSING) for rating in column], dtype=np.int64)
        for column in (pair.human, pair.first, pair.second)
    )
    design = Design() if not len(pair) else pair.design
    return differences(Trio(human, first, second, len(code)), "quadratic", design, settings).kappa


def flips(rows: Iterable[tuple[str, Rating, Rating, Rating]]) -> tuple[Flip, ...]:
    """Of items with their hand label and two answers, those that the two do not answer alike.

    Newly wrong first, then newly right, then the rest: where there is no hand label, neither is right.
    """
    found = []
    for item, human, first, second in rows:
        if same_answer(first, second):
            continue
        before, after = same_value(first, human), same_value(second, human)
        direction: Direction = (
            "gained" if after and not before else "lost" if before and not after else "other"
        )
        found.append(Flip(item, human.value, said(human), said(first), said(second), direction))
    return tuple(sorted(found, key=lambda flip: ("lost", "gained", "other").index(flip.direction)))


def same_answer(first: Rating, second: Rating) -> bool:
    def plain(rating: Rating) -> object:
        return frozenset(rating.value) if isinstance(rating.value, tuple) else rating.value or rating.status

    return plain(first) == plain(second)


def said(rating: Rating) -> Said:
    return Said(
        rating.value,
        rating.status,
        tuple(e.quote for e in rating.evidence),
        tuple(Place(e.message_id, e.start, e.end) for e in rating.evidence),
        rating.note,
    )
