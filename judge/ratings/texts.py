"""Whether raters speak of the same texts: an id says which transcript was meant, its fingerprint which text was read.

Records say what they were made from (``transcript_sha256``); those of older versions do not, and cannot be checked.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from judge.errors import UsageError
from judge.ratings import Rater, Ratings
from judge.transcript import Transcript

DIGITS = 16
"""Of a fingerprint: enough to tell texts apart, at a quarter of the memory."""
SEVERAL = "several texts"
"""In place of a fingerprint, where a run's records of one transcript were made from different texts."""
_SHOWN = 5


def enter(texts: dict[str, str], transcript_id: str, fingerprint: str) -> None:
    """Note what a record was made from; nothing where it does not say so."""
    if fingerprint:
        own = fingerprint[:DIGITS]
        if texts.setdefault(transcript_id, own) != own:
            texts[transcript_id] = SEVERAL


def differing(judge: Rater, transcripts: Iterable[Transcript]) -> list[str]:
    """Ids of those transcripts of which the judge is known to have read another text."""
    return [t.id for t in transcripts if judge.texts.get(t.id, own := t.fingerprint[:DIGITS]) != own]


def refuse_other_texts(judge: Rater, transcripts: Mapping[str, Transcript], where: Path | str) -> None:
    """Raise UsageError where a judge read other texts than those that were labelled by hand under the same ids."""
    if other := differing(judge, transcripts.values()):
        shared = sum(name in judge.texts for name in transcripts)
        raise UsageError(
            f"run {judge.name!r} read other texts than the labelled ones under the same ids",
            where=str(where),
            found=_told(other, shared),
            expected="hand labels and records of one text",
            do="label the set as it is now with the same command and --run (only what changed is bought), "
            "or bring back the text that people labelled",
        )


def refuse_mixed(ratings: Ratings) -> None:
    """Raise UsageError where raters that are held against each other item by item speak of different texts."""
    folders = ", ".join(str(found.folder) for found in ratings.sets)
    for judge in ratings.judges:
        refuse_other_texts(judge, ratings.transcripts, folders)
    known: dict[str, tuple[str, str]] = {}
    for judge in ratings.judges:
        before = {name: known.setdefault(name, (text, judge.name)) for name, text in judge.texts.items()}
        if other := [name for name, text in judge.texts.items() if before[name][0] != text]:
            first = before[other[0]][1]
            raise UsageError(
                f"runs {first!r} and {judge.name!r} read different texts under the same ids",
                where=str(judge.source),
                found=_told(other, len(before)),
                expected="judges of the same transcripts",
                do="label one file in both runs: with the same command and --run only what changed is bought",
            )


def _told(ids: list[str], shared: int) -> str:
    more = " ..." if len(ids) > _SHOWN else ""
    return f"{len(ids)} of {shared} shared transcripts differ: {', '.join(ids[:_SHOWN])}{more}"
