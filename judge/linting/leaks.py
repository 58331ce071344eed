"""Examples in a rubric that stand in an evaluation set: what a judge is told of an item, it is not measured on."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from judge.errors import JudgeError
from judge.eval_sets import EvalSet
from judge.linting import Finding
from judge.linting.places import Places
from judge.transcript import Transcript

RUN = 8
"""So many words in a row are hardly ever the same by accident."""

QUOTED = 4
"""Nor so many between quotation marks."""

_WORD = re.compile(r"\w+")
_QUOTE = re.compile(r"[“\"]([^“”\"\n]{12,300})[”\"]")
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Words that a text shares with a transcript, and where in the text they begin."""

    transcript: str
    words: str
    start: int


def repeats(text: str, transcripts: Iterable[Transcript]) -> Iterator[Repeat]:
    """For each transcript, the first run of words that the text repeats from it."""
    runs = dict(_runs(text))
    quotes = {
        words: match.start(1) for match in _QUOTE.finditer(text) if len(words := _words(match[1])) >= QUOTED
    }
    lengths = sorted({RUN, *(len(words) for words in quotes)})
    known: dict[Words, int] = runs | quotes
    for transcript in transcripts:
        found = next(
            (start for message in transcript.messages for start in _shared(message.text, known, lengths)),
            None,
        )
        if found is not None:
            words, start = found
            yield Repeat(transcript.id, " ".join(words), start)


def _shared(text: str, known: Mapping[Words, int], lengths: Iterable[int]) -> Iterator[tuple[Words, int]]:
    words = _words(text)
    for length in lengths:
        for at in range(len(words) - length + 1):
            run = words[at : at + length]
            if run in known:
                yield run, known[run]


def _words(text: str) -> Words:
    return tuple(_WORD.findall(text.casefold()))


def _runs(text: str) -> Iterator[tuple[Words, int]]:
    found = [(match[0].casefold(), match.start()) for match in _WORD.finditer(text)]
    for at in range(len(found) - RUN + 1):
        yield tuple(word for word, _ in found[at : at + RUN]), found[at][1]


def check(places: Places, sets: Iterable[EvalSet]) -> Iterator[Finding]:
    """Search the rubric's files for passages of the sets' transcripts, sealed ones included. No label is read."""
    for found in sets:
        for part in _parts(found):
            try:
                transcripts = list(part.transcripts())
            except (JudgeError, OSError) as error:
                what = f"{part.name} could not be searched for examples that the rubric repeats: {error}"
                yield Finding(places.path, 1, "warning", "leak-unchecked", " ".join(what.split()))
                continue
            for path, text in places.files.items():
                yield from _of_file(path, text, part, transcripts)


def _parts(found: EvalSet) -> Iterator[EvalSet]:
    yield found
    try:
        if found.test is not None:
            yield found.test
    except OSError:
        return


def _of_file(path: Path, text: str, part: EvalSet, transcripts: list[Transcript]) -> Iterator[Finding]:
    for repeat in repeats(text, transcripts):
        line = text.count("\n", 0, repeat.start) + 1
        what = f"“{repeat.words}” stands in {repeat.transcript} of {part.name}: a judge that is told of an item is not measured on it"
        yield Finding(path, line, "error", "leak", what)
