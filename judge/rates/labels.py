"""What people said of transcripts of this very run, and how these transcripts were chosen.

How they were chosen decides what may be computed from the labels. A random sample carries a prevalence by itself. A sample
with recorded inclusion probabilities carries one through its weights. A sample of which nobody knows how it came about
carries nothing, with one exception: where every flagged transcript was looked at, nothing was chosen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from judge import queues
from judge.errors import UsageError
from judge.eval_sets import ADJUDICATED, Card, EvalSet, read_labels
from judge.queues import QUEUE, QueueLine
from judge.rates.question import Answers, Asked, Bools
from judge.records import Annotation
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, Settings
from judge.stats.sampling import Batch, CoreCheck, core_check
from judge.stats.tables import FloatArray

Choice = Literal["random", "known", "unknown"]
TOLERANCE = 0.05
"""By how much the labels may weigh more or less than the run before something is missing."""


@dataclass(frozen=True)
class HandLabels:
    """One facet's labels by transcript, the data card of the set that they stand in, and the queue that they were drawn by.

    Where there is a queue, its probabilities and strata count, whatever the labels carry.
    """

    name: str
    labels: Mapping[str, Annotation]
    card: Card = field(default_factory=Card)
    queue: Mapping[str, QueueLine] = field(default_factory=dict)
    families: tuple[str, ...] = ()
    """Of the models that gave the labels; empty where people did."""
    warnings: tuple[str, ...] = ()

    def design(self, item: str) -> tuple[float, str]:
        """The inclusion probability and the stratum of a labelled transcript."""
        line = self.queue.get(item)
        if line is not None:
            return line.inclusion_probability, line.stratum
        said = self.labels[item]
        return said.inclusion_probability, said.stratum


def hand_labels(source: EvalSet | Path, asked: Asked) -> HandLabels:
    """The reference labels of a set (adjudicated, or its only annotator's), or one file of annotations.

    Raises UsageError where nobody labelled the facet, or several did and nothing was adjudicated.
    """
    path = _reference(source) if isinstance(source, EvalSet) else source
    inside = path.parent.name == "labels" and (path.parent.parent / "transcripts.jsonl").is_file()
    card = EvalSet(path.parent.parent).card if inside else Card()
    queue = path.parent.parent / QUEUE
    if card.grader and card.grader != asked.grader.name:
        raise UsageError(
            f"these labels are of the grader {card.grader}", where=str(path), expected=asked.grader.name
        )
    everything = read_labels(path)
    found = {item: said for (item, facet), said in everything.items() if facet == asked.facet.name}
    if not found:
        raise UsageError(
            f"nobody labelled {asked.facet.name} here",
            where=str(path),
            found=", ".join(sorted({facet for _, facet in everything})) or "no label",
        )
    for said in found.values():
        names = (said.label,) if isinstance(said.label, str) else said.label
        if unknown := [name for name in names if name not in asked.facet.vocabulary]:
            raise UsageError(
                f"{asked.facet.name} has no such label",
                where=f"{path}, {said.transcript_id}",
                found=repr(unknown[0]),
                expected=", ".join(asked.facet.vocabulary),
            )
    lines = queues.for_grader(queue, asked.grader.name) if inside and queue.is_file() else {}
    families = _families(path.stem, card)
    return HandLabels(str(path), found, card, lines, families, _warnings(path, found, families))


def _reference(found: EvalSet) -> Path:
    names = found.annotators
    if ADJUDICATED in names or len(names) == 1:
        return found.folder / "labels" / f"{names[-1]}.jsonl"
    raise UsageError(
        "several people labelled this set and nothing was adjudicated"
        if names
        else "nobody has labelled this set",
        where=str(found.folder / "labels"),
        found=", ".join(names) or "no file of labels",
        do="name one file: SET/labels/NAME.jsonl",
    )


def _warnings(path: Path, found: Mapping[str, Annotation], families: tuple[str, ...]) -> tuple[str, ...]:
    warnings: tuple[str, ...] = ()
    if path.stem != ADJUDICATED and not all(said.blind for said in found.values()):
        warnings += (reason("not-blind"),)
    if families:
        warnings += (reason("annotators-are-models", ", ".join(families)),)
    return warnings


def _families(name: str, card: Card) -> tuple[str, ...]:
    """The model families behind the labels; empty where people are."""
    known = [who for annotator, who in card.annotators.items() if name in {annotator, ADJUDICATED}]
    if not known or any(who.kind != "model" for who in known):
        return ()
    return tuple(sorted({who.family or "unnamed" for who in known}))


@dataclass(frozen=True, eq=False)
class Checked:
    """Hand labels lined up with a judge's answers; every array has shape (n_items,).

    ``known``: a person labelled it. ``truth``: and gave a label that counts. ``weight``: 1 / inclusion probability.
    ``stratum``: where it was drawn from. ``elsewhere``: labels of transcripts that the run has not.
    """

    known: Bools
    truth: Bools
    weight: FloatArray
    stratum: NDArray[np.str_]
    choice: Choice
    elsewhere: int = 0

    def at(self, keep: Bools) -> "Checked":
        return Checked(self.known[keep], self.truth[keep], self.weight[keep], self.stratum[keep], self.choice)


def checked(found: Answers, hand: HandLabels | None) -> Checked:
    """Which of these answers people looked at, and what they saw there."""
    n = len(found)
    known, truth = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    weight, stratum = np.ones(n), [""] * n
    if hand is None:
        return Checked(known, truth, weight, np.array(stratum, dtype=np.str_), "unknown")
    for at, item in enumerate(found.items):
        said = hand.labels.get(item.id)
        if said is not None:
            known[at], truth[at] = True, found.asked.hit(said.label)
            probability, stratum[at] = hand.design(item.id)
            weight[at] = 1 / probability
    if not known.any():
        raise UsageError(
            "none of these labels is of a transcript of this run",
            where=hand.name,
            found=f"{len(hand.labels)} labels, {n} transcripts in {found.rater.name}",
            do="label transcripts of this run (judge select), or name the set with --calibrated-on",
        )
    strata = np.array(stratum, dtype=np.str_)
    choice = _choice(known, weight, strata, hand.card)
    return Checked(known, truth, weight, strata, choice, len(hand.labels) - int(known.sum()))


def _choice(known: Bools, weight: FloatArray, strata: NDArray[np.str_], card: Card) -> Choice:
    """How the labelled transcripts were chosen, by the card, else by what the labels record."""
    own = weight[known]
    even = bool(np.ptp(own) <= 1e-9 * own.max())
    if known.all() or (even and card.selection == "random"):
        return "random"
    if even and own[0] > 1 and abs(own.sum() / len(known) - 1) <= TOLERANCE:
        return "random"
    return "known" if own.max() > 1 or strata[known].any() else "unknown"


def incomplete(part: Checked) -> tuple[str, ...]:
    """Whether the labels weigh as much as the transcripts they stand for; if not, some of the batch is not labelled yet."""
    weighs, n = float(part.weight[part.known].sum()), len(part.known)
    if part.choice != "known" or abs(weighs / n - 1) <= TOLERANCE:
        return ()
    return (reason("incomplete-batch", f"they stand for {weighs:.0f} of {n}"),)


def core_of(found: Answers, hand: HandLabels, settings: Settings = DEFAULT) -> CoreCheck | None:
    """The rate that the random core tells beside the whole batch's; None where no queue says which is which."""
    lines = [hand.queue[item.id] for item in found.items if item.id in hand.labels and item.id in hand.queue]
    if not any(line.core for line in lines) or all(line.core for line in lines):
        return None
    nothing = np.zeros(0, dtype=np.int64)
    batch = Batch(
        np.arange(len(lines)),
        np.array([line.inclusion_probability for line in lines]),
        np.array([line.core for line in lines]),
        np.array([line.core_probability for line in lines]),
        nothing,
        nothing,
    )
    hits = [found.asked.hit(hand.labels[line.transcript_id].label) for line in lines]
    return core_check(batch, hits, settings)
