"""What a result is about: its raters and its facet, in plain values."""

from dataclasses import dataclass
from typing import Literal

from judge.grader import Facet, Grader
from judge.ratings import Rater, Ratings
from judge.ratings.families import family

Standing = Literal["judge", "person", "model", "adjudicated"]
"""What stands behind a rater's name; ``model`` is an annotator that is a language model."""


@dataclass(frozen=True, slots=True)
class RaterNote:
    """A rater, as a reader needs to know it. ``family`` is that of its model, empty for people and unknown models."""

    name: str
    standing: Standing
    model: str = ""
    family: str = ""
    samples: int = 1
    blind: bool = True
    rubrics: dict[str, str] | None = None
    """Grader to ``version N, sha256``, for a judge."""


@dataclass(frozen=True, slots=True)
class LabelNote:
    label: str
    definition: str
    null: bool
    """An answer that is not a point of the scale, such as ``indeterminate``."""


@dataclass(frozen=True, slots=True)
class FacetNote:
    grader: str
    facet: str
    primary: bool
    scale: str
    question: str
    labels: tuple[LabelNote, ...]

    @property
    def name(self) -> str:
        """``grader.facet``, or the grader's name alone where it is its primary facet."""
        return self.grader if self.primary else f"{self.grader}.{self.facet}"


def note_of(rater: Rater, ratings: Ratings) -> RaterNote:
    """The note on one rater. Who annotators are is said by the card of the set that they labelled."""
    if rater.kind == "judge":
        rubrics = {name: f"version {g.version}, {g.sha256[:12]}" for name, g in rater.rubrics.items()}
        return RaterNote(
            rater.name, "judge", rater.model, family(rater.model), rater.samples, rubrics=rubrics
        )
    if rater.kind == "reference":
        return RaterNote(rater.name, "adjudicated")
    cards = (found.card.annotators.get(rater.name) for found in ratings.sets)
    card = next((card for card in cards if card is not None), None)
    if card is not None and card.kind == "model":
        return RaterNote(rater.name, "model", card.family, family(card.family), blind=rater.blind)
    return RaterNote(rater.name, "person", blind=rater.blind)


def facet_note(grader: Grader, facet: Facet) -> FacetNote:
    labels = tuple(
        LabelNote(label, definition, null)
        for group, null in ((facet.labels, False), (facet.nulls, True))
        for label, definition in group.items()
    )
    return FacetNote(
        grader.name, facet.name, facet.name == grader.primary, facet.scale, facet.question, labels
    )
