"""Where a calibration was done: on which set, chosen how, labelled by whom, seen how often; and what that forbids to say."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from judge.calibration.about import RaterNote
from judge.calibration.subgroups import NONE
from judge.ratings import Item, Rater, Ratings
from judge.ratings.families import family
from judge.stats.reasons import reason

_SUBJECT_KEYS = ("family", "model", "model_name", "subject", "subject_model", "checkpoint")
"""Keys of the metadata in which a transcript says which model it is of."""


@dataclass(frozen=True, slots=True)
class Setting:
    """``split``: ``dev``, ``test``, or empty for a set without splits. ``subjects``: families of the models under study.

    ``weighted``: whether the labels of every facet that the judge spoke of carry inclusion probabilities, so that figures
    speak of what the sample was drawn from.
    """

    set: str
    split: str
    sealed: bool
    looks: int | None
    transcripts: int
    selection: str
    origin: str
    weighted: bool
    subjects: tuple[str, ...]
    method: str = ""
    sampling: dict[str, object] | None = None


def setting(ratings: Ratings, judge: Rater, looks: int | None) -> Setting:
    """Read off the set's card, its items and the run's manifest."""
    (found,) = ratings.sets
    items = [ratings.items[name] for name in ratings.transcripts]
    splits = {str(item.metadata.get("split") or "") for item in items}
    manifest = judge.manifest
    return Setting(
        found.name,
        splits.pop() if len(splits) == 1 else "",
        found.sealed,
        looks,
        len(items),
        found.card.selection,
        found.card.origin,
        _weighted(ratings, judge),
        tuple(sorted({name for item in items if (name := subject_family(item))})),
        manifest.method if manifest else "",
        dict(manifest.sampling) if manifest else None,
    )


def _weighted(ratings: Ratings, judge: Rater) -> bool:
    drawn = [chances.values() for question, chances in ratings.chances.items() if question in judge.ratings]
    return bool(drawn) and all(any(chance.probability < 1 for chance in own) for own in drawn)


def subject_family(item: Item) -> str:
    """The family of the model that a transcript is of, as far as its metadata tell."""
    told = (item.metadata.get(key) for key in _SUBJECT_KEYS)
    return next((found for text in told if isinstance(text, str) and (found := family(text))), "")


def by_subject(ratings: Ratings, judge: RaterNote) -> dict[str, str]:
    """Transcript to its subject's family, where the judge's own is one of several: does it err otherwise on its kin?"""
    found = {name: subject_family(item) or NONE for name, item in ratings.items.items()}
    several = len(set(found.values())) > 1 and judge.family in found.values()
    return found if several else {}


def warnings_of(found: Setting, judge: RaterNote, others: Sequence[RaterNote]) -> Iterator[str]:
    """What a reader must know before any figure: who labelled, how the items were chosen, who is related to whom."""
    models = [note for note in others if note.standing == "model"]
    if models:
        yield reason("annotators-are-models", ", ".join(note.name for note in models))
    if judge.family and any(note.family == judge.family for note in models):
        yield reason("annotators-same-family", judge.family)
    if judge.family and judge.family in found.subjects:
        yield reason("same-family", judge.family)
    if found.selection == "unknown":
        yield reason("unknown-selection")
    elif found.selection == "enriched" and not found.weighted:
        yield reason("enriched-sample")
    if any(not note.blind for note in others if note.standing in ("person", "model")):
        yield reason("not-blind")
    if found.looks is not None and found.looks > 1:
        yield reason("looked-before", f"{found.looks - 1} before this one")
