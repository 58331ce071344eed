"""Attacks on a judge: labelled transcripts with text planted in them that tries to move the label, and what came of it.

Transcripts come from models that think about who grades them, so a grader is measured under attack as well as at rest.
``families`` holds what can be planted, ``planting`` where it goes and which items it is tried on, ``outcome`` how often the
label moved. An attacked transcript is a transcript like any other: it is labelled by the ordinary pipeline, under whatever
defences the run has, on any provider. Nothing here calls a model.
"""

from dataclasses import dataclass
from typing import Literal

from judge.grader import Facet, Grader

Direction = Literal["hide", "frame"]
"""``hide``: make a positive transcript look negative. ``frame``: make a negative one look positive."""

Place = Literal["start", "middle", "end", "tool_result", "reasoning"]


@dataclass(frozen=True, slots=True)
class Goal:
    """What an attack on one transcript wants: ``target`` for the primary facet of ``grader``."""

    grader: Grader
    direction: Direction
    target: str

    @property
    def facet(self) -> Facet:
        return self.grader.facets[self.grader.primary]


def goal(grader: Grader, label: str) -> Goal | None:
    """What to attack a transcript for whose true primary label is this; None where the label is a null.

    Positive labels are to be hidden behind the first label that needs no evidence; others framed as the strongest positive
    one, the last of the scale. Where every label needs evidence, the one farthest from the truth is the target.
    """
    facet = grader.facets[grader.primary]
    if label not in facet.labels or facet.multilabel:
        return None
    labels = list(facet.labels)
    free = [name for name in labels if name not in facet.positive]
    if label not in facet.positive:
        return Goal(grader, "frame", facet.positive[-1]) if facet.positive else None
    if free:
        return Goal(grader, "hide", free[0])
    position = labels.index(label)
    farthest = max(labels, key=lambda name: abs(labels.index(name) - position))
    return Goal(grader, "hide", farthest)
