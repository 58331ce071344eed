"""Where judge and reference differ, or the judge gave no label: what each said, and on which words."""

from dataclasses import dataclass

from judge.calibration.outcomes import word
from judge.ratings import Panel, Rater, Rating
from judge.records import Evidence
from judge.transcript import lookup


@dataclass(frozen=True, slots=True)
class Span:
    """Words that a label rests on: ``text[start:end] == quote`` in that message."""

    message_id: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Said:
    """One rater's side. ``label`` is a kind of failure in brackets where there is none."""

    rater: str
    label: str
    note: str
    evidence: tuple[Span, ...]
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One transcript. ``sides``: reference, judge, then the annotators."""

    transcript_id: str
    cluster: str
    sides: tuple[Said, ...]

    @property
    def reference(self) -> Said:
        return self.sides[0]

    @property
    def judge(self) -> Said:
        return self.sides[1]


def disagreements(panel: Panel, cluster_key: str) -> tuple[Disagreement, ...]:
    """All of them, by what was taken for what. ``panel``: reference, judge, annotators."""
    found = []
    for item, row in zip(panel.items, panel.ratings, strict=True):
        truth, own = row[:2]
        if truth.value is None or _set(truth) == _set(own):
            continue
        sides = tuple(_said(rater, rating) for rater, rating in zip(panel.raters, row, strict=True))
        found.append(Disagreement(item.id, lookup(item.metadata, cluster_key) or "", sides))
    order = {label: at for at, label in enumerate(panel.facet.vocabulary)}
    return tuple(
        sorted(
            found,
            key=lambda d: (order.get(d.reference.label, 0), order.get(d.judge.label, 99), d.transcript_id),
        )
    )


def _set(rating: Rating) -> frozenset[str] | None:
    if rating.value is None:
        return None
    return frozenset((rating.value,) if isinstance(rating.value, str) else rating.value)


def _said(rater: Rater, rating: Rating) -> Said:
    spans = tuple(_span(item) for item in rating.evidence)
    return Said(rater.name, word(rating), rating.note, spans, rating.contested)


def _span(item: Evidence) -> Span:
    return Span(item.message_id, item.start, item.end, item.quote)
