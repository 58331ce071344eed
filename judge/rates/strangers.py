"""Transcripts of hand-labelled sets among those of a run: made or chosen for labelling, they are no part of what is measured."""

from collections import Counter

from judge.eval_sets import SPLITS, EvalSet
from judge.queues import QUEUE
from judge.rates.question import Answers, fact
from judge.ratings.texts import DIGITS
from judge.stats.reasons import reason

MADE = ("elicited", "planted", "written")
"""Origins that no transcript of production has."""


def strangers(found: Answers, measured_on: EvalSet | None = None) -> tuple[str, ...]:
    """A warning where some, and not all, of a run's transcripts come from hand-labelled sets.

    They are known by what the metadata of a set's transcripts carries (``split``, and an ``origin`` that is not natural),
    and by id and text where they stand in the set that the judge is measured on, unless that was drawn from a run.
    """
    read = found.rater.texts
    drawn = measured_on is None or (measured_on.folder / QUEUE).exists()
    known = (
        {}
        if measured_on is None or drawn
        else {t.id: t.fingerprint[:DIGITS] for t in measured_on.transcripts()}
    )
    where: Counter[str] = Counter()
    for item in found.items:
        if item.id in known and read.get(item.id, known[item.id]) == known[item.id]:
            where[measured_on.name if measured_on else ""] += 1
        elif fact(item.metadata, "split") in SPLITS and (origin := fact(item.metadata, "origin")) in MADE:
            where[str(origin)] += 1
    if not 0 < where.total() < len(found):
        return ()
    told = ", ".join(f"{name} {count}" for name, count in sorted(where.items()))
    return (reason("labelled-set-inside", f"{where.total()} of {len(found)} in {found.rater.name}: {told}"),)
