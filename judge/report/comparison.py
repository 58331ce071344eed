"""A comparison as one HTML page: the verdicts, all rubrics and models, and the prompt's diff beside the flips, with full texts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markupsafe import Markup

from judge.calibration.disagreements import Span
from judge.comparison.facets import FacetComparison, Flip, Said
from judge.comparison.markdown import answer, value
from judge.comparison.report import Pairing, Report
from judge.estimate import Estimate
from judge.report import figures, page, sentences, words
from judge.report.figures import Dot
from judge.report.transcripts import Mark, Shown, found, shown
from judge.transcript import Transcript

_SIDES = (("label", "reference"), ("first", "annotator"), ("second", "judge"))
"""The three opinions of a flip, and the class of the style sheet that marks their quotes."""


def write_html(report: Report, transcripts: Mapping[str, Transcript], path: Path) -> None:
    """Write the page; ``transcripts`` by id, for the texts of the flips. Raises UsageError without matplotlib."""
    figures.require()
    page.write(path, html(report, transcripts))


def html(report: Report, transcripts: Mapping[str, Transcript]) -> str:
    return page.render(
        "comparison.html.jinja",
        found=report,
        title=f"Comparison on {report.set}",
        sentences=sentences,
        pairings=[_Pairing(at, pairing, transcripts) for at, pairing in enumerate(report.pairings)],
    )


@dataclass(frozen=True, slots=True)
class _Side:
    who: str
    kind: str
    label: str
    why: str
    quotes: list[tuple[str, str]]
    """Each quote, with its anchor in the text or nothing."""


@dataclass(frozen=True, slots=True)
class _Case:
    anchor: str
    flip: Flip
    sides: list[_Side]
    messages: list[Shown] | None


class _Facet:
    def __init__(self, slug: str, facet: FacetComparison, transcripts: Mapping[str, Transcript]) -> None:
        self.slug, self.facet, self._transcripts = slug, facet, transcripts

    def forest(self) -> Markup:
        """Right answers and recall of each label, before and after."""
        groups = [_dots("right answers", self.facet.agreement.first, self.facet.agreement.second)]
        groups += [
            _dots(f"{row.label} ({row.support})", row.recall.first, row.recall.second)
            for row in self.facet.labels
        ]
        caption = "Hollow: before. Filled: after. First all right answers, then the recall of each label, with the number of its items."
        return page.drawing(
            figures.forest(groups, (0.0, 1.0)), f"{self.facet.facet}: before and after, by label", caption
        )

    def reasons(self) -> tuple[str, ...]:
        """Why numbers of this facet are missing or weak."""
        changes = [("right answers", self.facet.agreement), ("kappa", self.facet.kappa)]
        changes += [(f"recall of {row.label}", row.recall) for row in self.facet.labels]
        return words.reasons(
            (name + side, found)
            for name, c in changes
            if c
            for side, found in ((" before", c.first), (" after", c.second), (", difference", c.difference))
        )

    @cached_property
    def cases(self) -> list[_Case]:
        return [self._case(at, flip) for at, flip in enumerate(self.facet.flips)]

    def _case(self, at: int, flip: Flip) -> _Case:
        anchor = f"{self.slug}-{at}"
        transcript = self._transcripts.get(flip.item)
        marks: list[Mark] = []
        sides = []
        for name, kind in _SIDES:
            said: Said = getattr(flip, name)
            own = [
                Mark(Span(place.message_id, place.start, place.end, quote), kind, f"{anchor}-{name}-{k}")
                for k, (quote, place) in enumerate(zip(said.quotes, said.places, strict=True))
            ]
            marks += own
            quotes = [
                (mark.span.quote, mark.anchor if transcript and found(transcript, mark) else "")
                for mark in own
            ]
            label = value(flip.human) if name == "label" else answer(said)
            sides.append(_Side(name, kind, label or "–", said.why, quotes))
        return _Case(anchor, flip, sides, shown(transcript, marks) if transcript else None)


class _Pairing:
    def __init__(self, at: int, pairing: Pairing, transcripts: Mapping[str, Transcript]) -> None:
        self.pairing, self.slug = pairing, f"pair-{at + 1}"
        self.second, self.first = pairing.title
        self.facets = [
            _Facet(f"{self.slug}-{re.sub(r'[^a-z0-9]+', '-', facet.facet.lower())}", facet, transcripts)
            for facet in pairing.facets
        ]

    @property
    def diff(self) -> list[tuple[str, str]]:
        """Lines of the diff with their class."""
        return [(_kind(line), line) for line in self.pairing.diff.text[2:]]


def _dots(name: str, before: Estimate, after: Estimate) -> list[Dot]:
    return [Dot(name, before, "floor", hollow=True), Dot("after", after, "judge")]


def _kind(line: str) -> str:
    return {"+": "added", "-": "gone", "@": "at"}.get(line[:1], "")
