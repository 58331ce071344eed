"""A calibration as JSON, Markdown and HTML: the same numbers three times."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from markupsafe import Markup

from judge.calibration.baselines import Baseline
from judge.calibration.calibrate import Calibration, FacetCalibration
from judge.calibration.disagreements import Disagreement, Said
from judge.calibration.pair import LabelRow
from judge.calibration.subgroups import Subgroups
from judge.report import drawings, figures, markdown, page, sentences, words
from judge.report.transcripts import Mark, Shown, found, shown
from judge.transcript import Transcript


def as_data(calibration: Calibration) -> dict[str, Any]:
    """The whole of it in plain values, for programs."""
    return asdict(calibration)


def write_markdown(calibration: Calibration, path: Path) -> None:
    page.write(path, markdown.calibration(calibration))


def write_html(calibration: Calibration, transcripts: Mapping[str, Transcript], path: Path) -> None:
    """Write the report; ``transcripts`` by id, for the texts of the disagreements. Raises UsageError without matplotlib."""
    figures.require()
    page.write(path, html(calibration, transcripts))


def html(calibration: Calibration, transcripts: Mapping[str, Transcript]) -> str:
    """The report as one HTML page."""
    facets = [_Facet(f, _slug(f.about.name), transcripts) for f in calibration.facets]
    return page.render(
        "calibration.html.jinja",
        found=calibration,
        title=f"Calibration of {calibration.run} on {calibration.setting.set}",
        head=list(sentences.head(calibration)),
        facets=facets,
        sentences=sentences,
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


@dataclass(frozen=True, slots=True)
class _Case:
    """A disagreement ready to print. ``messages`` is None where the text is not at hand."""

    anchor: str
    found: Disagreement
    messages: list[Shown] | None
    quotes: dict[str, list[tuple[str, str]]]
    """Rater to (quote, anchor or nothing)."""


class _Facet:
    """One facet with its drawings, for the template."""

    def __init__(self, facet: FacetCalibration, slug: str, transcripts: Mapping[str, Transcript]) -> None:
        self.facet, self.slug, self._transcripts = facet, slug, transcripts

    def main(self) -> str:
        return drawings.main_figure(self.facet)

    @property
    def heading(self) -> str:
        """The name of that coefficient."""
        return words.name(self.main())

    def rival(self) -> Baseline | None:
        """The baseline that does best."""
        known = [one for one in self.facet.baselines if one.coefficients[self.main()].value is not None]
        return max(known, key=lambda one: one.coefficients[self.main()].value or 0.0, default=None)

    def weakest(self) -> LabelRow | None:
        return drawings.weakest(self.facet)

    def reasons(self) -> tuple[str, ...]:
        return words.reasons(sentences.estimates(self.facet))

    def forest(self) -> Markup:
        label = f"{self.facet.about.name}: agreement of the judge, of the annotators, and of graders that cannot read"
        caption = (
            "Filled circles: the judge with the reference. Diamonds: annotators among themselves, and the judge with single "
            "annotators. Squares: graders that cannot read. Bars: 95 % intervals."
        )
        return page.drawing(figures.forest(drawings.agreement(self.facet), label=""), label, caption)

    def labels(self) -> Markup:
        label = f"{self.facet.about.name}: recall and precision of each label"
        caption = "Filled: recall among the items to which the reference gave the label. Hollow: precision."
        return page.drawing(figures.forest(drawings.labels(self.facet), (0.0, 1.0)), label, caption)

    def reliability(self) -> Markup:
        assert self.facet.confidence is not None
        points = [(row.confidence, row.correct) for row in self.facet.confidence.table]
        return page.drawing(
            figures.reliability(points), f"{self.facet.about.name}: reliability of stated probabilities"
        )

    def subgroup(self, group: Subgroups) -> Markup:
        label = f"{self.facet.about.name}: agreement by {group.key}"
        return page.drawing(figures.forest(drawings.groups(group), (0.0, 1.0)), label)

    def matrix(self) -> list[dict[str, Any]]:
        """Rows of the confusion matrix with a shade for each cell: its share of the row, failures included."""
        pair, lost = self.facet.judge, self.lost()
        rows = []
        for at, label in enumerate(pair.labels):
            extra = [column[at] for _, column in lost]
            total = max(sum(pair.matrix[at]) + sum(extra), 1)
            cells = [
                {"count": n, "shade": round(n / total, 3), "right": to == at}
                for to, n in enumerate(pair.matrix[at])
            ]
            cells += [{"count": n, "shade": round(n / total, 3), "right": False} for n in extra]
            rows.append(
                {
                    "label": label.label,
                    "null": label.null,
                    "cells": cells,
                    "support": label.support + sum(extra),
                }
            )
        return rows

    def lost(self) -> list[tuple[str, list[int]]]:
        """A column for each way in which the judge gave no label."""
        return sentences.lost(self.facet)

    @cached_property
    def cases(self) -> list[_Case]:
        return [
            self._case(f"{self.slug}-d{n}", one) for n, one in enumerate(self.facet.disagreements, start=1)
        ]

    def _case(self, anchor: str, one: Disagreement) -> _Case:
        transcript = self._transcripts.get(one.transcript_id)
        marks: list[Mark] = []
        quotes: dict[str, list[tuple[str, str]]] = {}
        for side, said in _sides(one):
            own = [
                Mark(span, side, f"{anchor}-{said.rater}-{n}")
                for n, span in enumerate(said.evidence, start=1)
            ]
            there = [transcript is not None and found(transcript, mark) for mark in own]
            quotes[said.rater] = [
                (mark.span.quote, mark.anchor if ok else "") for mark, ok in zip(own, there, strict=True)
            ]
            marks += own
        messages = shown(transcript, marks) if transcript is not None else None
        return _Case(anchor, one, messages, quotes)


def _sides(one: Disagreement) -> Sequence[tuple[str, Said]]:
    """Whose words are marked how: see the classes of ``mark`` in the style sheet."""
    sides = ("reference", "judge", *("annotator" for _ in one.sides[2:]))
    return list(zip(sides, one.sides, strict=True))
