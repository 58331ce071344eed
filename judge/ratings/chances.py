"""With which chance each labelled transcript was drawn, question by question: from a set's queue, else from its labels.

One transcript may be drawn for two questions by two designs, so nothing that is known of one question counts for another.
"""

from collections.abc import Mapping
from pathlib import Path

from judge import queues
from judge.errors import UsageError
from judge.grader import Grader
from judge.queues import QUEUE
from judge.ratings import Chance, Question
from judge.records import Annotation

Queue = Mapping[tuple[str, str], Chance]
"""(transcript id, grader) to chance; the grader is empty where a line is for all of them."""


def read_queue(folder: Path) -> Queue:
    """What the queue of a set says; empty where it has none.

    Raises UsageError with file and line, also where one transcript has two chances for one grader.
    """
    path = folder / QUEUE
    found: dict[tuple[str, str], Chance] = {}
    for number, line in queues.read(path) if path.is_file() else ():
        chance = Chance(line.inclusion_probability, line.stratum, path)
        before = found.setdefault((line.transcript_id, line.grader or ""), chance)
        if before != chance:
            raise UsageError(
                f"{line.transcript_id!r} was drawn in two ways",
                where=f"{path}:{number}",
                found=f"{_told(before)}, and {_told(chance)}",
            )
    return found


def note(
    chances: dict[Question, dict[str, Chance]],
    question: Question,
    said: Annotation,
    source: Path,
    queue: Queue,
) -> None:
    """Enter the chance of one labelled transcript. Where a queue speaks of it, the label's own is not looked at.

    Raises UsageError where another annotator's label of the same question and transcript carries another chance.
    """
    item, (grader, facet) = said.transcript_id, question
    drawn = queue.get((item, grader)) or queue.get((item, ""))
    chance = drawn or Chance(said.inclusion_probability, said.stratum, source)
    place = chances.setdefault(question, {})
    before = place.get(item)
    if before is None or (before.probability == chance.probability and not before.stratum):
        place[item] = chance
    elif before.probability != chance.probability or chance.stratum not in ("", before.stratum):
        raise UsageError(
            f"{item!r} was drawn in two ways for {facet} of {grader}",
            where=f"{before.source} and {chance.source}",
            found=f"{_told(before)}, and {_told(chance)}",
            expected="one inclusion_probability and one stratum for a transcript and a facet",
            do=f"correct one of them, or put the queue that it was drawn by into the set's folder as {QUEUE}: it counts",
        )


def overall(
    chances: Mapping[Question, Mapping[str, Chance]], graders: Mapping[str, Grader]
) -> dict[str, Chance]:
    """Transcript to one chance, where no question is asked: that of a primary facet, if one is labelled."""
    found: dict[str, Chance] = {}
    for question in sorted(chances, key=lambda asked: asked[1] != graders[asked[0]].primary):
        for item, chance in chances[question].items():
            found.setdefault(item, chance)
    return found


def _told(chance: Chance) -> str:
    return f"probability {chance.probability:g}" + (f", stratum {chance.stratum!r}" if chance.stratum else "")
