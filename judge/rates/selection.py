"""Which transcripts to label next: strata by what the judge said, an allocation, and the chance that each one had.

A batch drawn by the judge's answers is worth more labels than a random one, if the chance of each transcript is kept with
its label. Within a stratum the draw is random, and a fifth of the batch is spread over the strata as a plain random sample
would be, so that there is something to hold the rest against. What a stratum means is told in a file of its own, because
whoever labels must not see what the judge said.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from judge.errors import UsageError
from judge.queues import QueueLine
from judge.rates.question import Answers, Bools
from judge.rates.sections import Section
from judge.ratings import Rating
from judge.stats.sampling import Batch, Plan, next_batch
from judge.stats.tables import FloatArray

PER_STRATUM = 4
"""Strata are made coarser until a batch has room for so many of each."""
_BANDS = ((0.1, "p<.1"), (0.5, "p<.5"), (0.9, "p<.9"), (1.1, "p>=.9"))
_EXPECTED = {"positive": 0.8, "negative": 0.02, "null": 0.2, "not_applicable": 0.02, "invalid": 0.2}
"""Shares of positives to reckon with before anything is labelled; they move the allocation, never an estimate."""
_DISPUTED = {"positive": 0.5, "negative": 0.3, "null": 0.3, "not_applicable": 0.3, "invalid": 0.3}


@dataclass(frozen=True)
class Stratum:
    """A code, what it means, how many transcripts of the run it holds, and how many were drawn."""

    code: str
    meaning: str
    size: int
    taken: int


@dataclass(frozen=True)
class Selection:
    """The batch in labelling order, and the strata behind it. ``random``: no strata, every transcript the same chance."""

    lines: tuple[QueueLine, ...]
    strata: tuple[Stratum, ...]
    frame: int
    random: bool


def select(
    found: Answers, plan: Plan, by: str | None = None, second: Answers | None = None, suspect: float = 0.5
) -> Selection:
    """Draw a batch from everything that a judge was asked about.

    Strata are the judge's label (or the band of its probability for the labels that count), whether ``second`` or the
    judge's own repeats agree, and the group; made coarser where the batch is too small for so many. At least the share
    ``suspect`` of the batch goes to what was flagged or is disputed, as far as there is so much: for a rare label Neyman's
    rule alone would spend nearly everything on the search for misses.

    Raises UsageError where the batch is smaller than the number of coarsest strata.
    """
    disputed = _disputed(found, second)
    names = _strata(found, plan.size, by, disputed)
    kinds = list(zip(found.outcomes, disputed, strict=True))
    expected = np.array([(_DISPUTED if other else _EXPECTED)[str(word)] for word, other in kinds])
    suspects = np.array([word == "positive" or other for word, other in kinds])
    unique, sizes = np.unique(names, return_counts=True)
    rates = np.array([expected[names == name].mean() for name in unique])
    inside = np.array([suspects[names == name].mean() > 0.5 for name in unique])  # noqa: PLR2004  (most of it)
    costs = _costs(sizes * np.sqrt(rates * (1 - rates)), inside, suspect)
    return _drawn(found, names, next_batch(names, rates, plan, costs), plan, random=False)


def _costs(pull: FloatArray, suspects: Bools, share: float) -> FloatArray:
    """Costs by which Neyman's rule gives the suspect strata at least their share."""
    theirs, others = float(pull[suspects].sum()), float(pull[~suspects].sum())
    costs = np.ones(len(pull))
    if theirs and others and theirs / (theirs + others) < share < 1:
        costs[suspects] = (theirs * (1 - share) / (others * share)) ** 2
    return costs


def select_random(found: Answers, plan: Plan) -> Selection:
    """A simple random sample: nothing to weight, and many labels for a rare positive."""
    names = np.full(len(found), "everything")
    return _drawn(found, names, next_batch(names, [0.5], plan), plan, random=True)


def sections(found: Selection, files: Sequence[str]) -> Iterator[Section]:
    """Sizes without meanings, so that the screen gives nothing away to whoever labels next."""
    rows = tuple(
        (one.code, str(one.size), str(one.taken), f"{one.taken / one.size:.3g}") for one in found.strata
    )
    core = sum(line.core for line in found.lines)
    yield Section(
        f"{len(found.lines)} of {found.frame} transcripts to label, {core} of them the random core",
        ("stratum", "transcripts", "drawn", "chance"),
        rows,
        tuple(files),
    )


def _drawn(found: Answers, names: NDArray[np.str_], batch: Batch, plan: Plan, *, random: bool) -> Selection:
    unique = np.unique(names)
    order = np.random.default_rng(plan.seed).permutation(len(unique))
    code = {str(name): f"s{place + 1:02d}" for name, place in zip(unique, order, strict=True)}
    lines = tuple(
        QueueLine(
            transcript_id=found.items[at].id,
            grader=found.asked.grader.name,
            stratum=code[str(names[at])],
            inclusion_probability=float(p),
            core=bool(core),
            core_probability=float(core_p),
        )
        for at, p, core, core_p in zip(
            batch.items, batch.probability, batch.core, batch.core_probability, strict=True
        )
    )
    strata = [
        Stratum(code[str(name)], str(name), int(size), int(taken))
        for name, size, taken in zip(unique, batch.stratum_sizes, batch.taken, strict=True)
    ]
    return Selection(lines, tuple(sorted(strata, key=lambda one: one.code)), len(found), random)


def _strata(found: Answers, size: int, by: str | None, disputed: Sequence[bool]) -> NDArray[np.str_]:
    """The finest names of which the batch has room for several each."""
    groups = found.groups(by)
    coarse = [str(outcome) for outcome in found.outcomes]
    levels = (
        [_band(found, rating) or _word(rating) for rating in found.ratings],
        coarse,
        ["flagged" if outcome == "positive" else "not flagged" for outcome in coarse],
    )
    names = np.array([], dtype=np.str_)
    for labels in levels:
        names = np.array(_joined(groups, labels, disputed))
        if len(np.unique(names)) * PER_STRATUM <= size:
            return names
    if len(np.unique(names)) > size:
        raise UsageError(
            "the batch is smaller than the number of strata",
            found=f"{size} transcripts, {len(np.unique(names))} strata",
            do="take more with -n, or leave --by out",
        )
    return names


def _joined(groups: NDArray[np.str_], labels: Sequence[str], disputed: Sequence[bool]) -> list[str]:
    return [
        ", ".join(part for part in (str(group), label, "disputed" if other else "") if part)
        for group, label, other in zip(groups, labels, disputed, strict=True)
    ]


def _word(rating: Rating) -> str:
    if rating.value is None:
        return "no answer"
    return rating.value if isinstance(rating.value, str) else "+".join(sorted(rating.value)) or "no label"


def _band(found: Answers, rating: Rating) -> str:
    """In which band the judge's probability of a label that counts lies; empty without probabilities."""
    if not rating.distribution:
        return ""
    p = sum(rating.distribution.get(label, 0.0) for label in found.asked.positive)
    return next(name for limit, name in _BANDS if p < limit)


def _disputed(found: Answers, second: Answers | None) -> list[bool]:
    """Whether the second judge, or a repeat of the first, disagrees on whether the label counts."""
    other = {} if second is None else dict(zip((i.id for i in second.items), second.outcomes, strict=True))
    repeats = range(1, found.rater.samples)
    disputed = []
    for item, outcome in zip(found.items, found.outcomes, strict=True):
        asked = found.asked
        said = [other.get(item.id, "invalid")]
        said += [asked.outcome(found.rater.rating(asked.key, item.id, sample).value) for sample in repeats]
        own = outcome == "positive"
        disputed.append(any((word == "positive") != own for word in said if word != "invalid"))
    return disputed
