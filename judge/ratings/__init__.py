"""Runs and hand labels as one table: who said what of which transcript, ready for statistics.

A *rater* is a judge (a run) or an annotator (a file of labels); ``adjudicated`` is the reference. ``judge.ratings.gather``
reads any mix of them, ``Ratings.panel`` lines raters up on one facet as arrays of label codes with the sampling design beside them. What
is not a label stays visible: every cell has a status, and only ``ok`` has a value. Nothing here computes a statistic.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from judge.errors import UsageError
from judge.eval_sets import EvalSet
from judge.grader import Facet, Grader
from judge.records import Evidence
from judge.runs import Manifest
from judge.stats.tables import MISSING, Design, IntArray
from judge.transcript import Transcript, lookup

Value = str | tuple[str, ...]
Kind = Literal["judge", "annotator", "reference"]
Question = tuple[str, str]
"""Grader and facet: facets of two graders may share a name."""

OK = "ok"
NOT_RUN = "missing"
"""The status of a cell that nobody filled: the rater was never asked about this transcript."""


@dataclass(frozen=True, slots=True)
class Rating:
    """One rater's answer on one facet of one transcript. ``value`` is None unless ``status`` is ``ok``.

    ``status`` is else the kind of failure (``refused``, ``unparsable``, ...) or of withholding (``off_schema``, ...).
    """

    value: Value | None
    status: str = OK
    evidence: tuple[Evidence, ...] = ()
    note: str = ""
    """The judge's rationale, the reason of a failure, or the annotator's note."""
    contested: bool = False
    distribution: Mapping[str, float] = field(default_factory=dict)
    """Label probabilities, from judges that give them."""


ABSENT = Rating(None, NOT_RUN)


@dataclass(frozen=True, eq=False)
class Rater:
    """All that one judge or annotator said.

    Args:
        name: A run's name, an annotator's name, or ``adjudicated``.
        kind: What stands behind it.
        ratings: Question to (transcript id, sample) to rating. Annotators have sample 0 only.
        model: The judge's model, or an annotating model's family; empty for a person.
        rubrics: Graders by name, as they were when a judge used them.
        source: The run's folder, or the file of labels.
        manifest: The run's, for a judge.
        blind: Whether every label was given without sight of another's.
        texts: Transcript id to the beginning of the fingerprint of what a judge read, where its records say so.
    """

    name: str
    kind: Kind
    ratings: Mapping[Question, Mapping[tuple[str, int], Rating]]
    model: str = ""
    rubrics: Mapping[str, Grader] = field(default_factory=dict)
    source: Path = Path()
    manifest: Manifest | None = None
    blind: bool = True
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """How many repeats there are of each question."""
        return 1 + max((sample for found in self.ratings.values() for _, sample in found), default=0)

    def rating(self, question: Question, item: str, sample: int = 0) -> Rating:
        return self.ratings.get(question, {}).get((item, sample), ABSENT)


@dataclass(frozen=True, slots=True)
class Item:
    """What is known of a transcript beside its labels. ``probability`` is its inclusion probability.

    It and ``stratum`` are those of the question that is asked (``Ratings.item``, ``Ratings.panel``). In ``Ratings.items``,
    where none is, they are the primary facet's, if that is labelled.
    """

    id: str
    metadata: Mapping[str, Any]
    probability: float = 1.0
    stratum: str = ""


class Chance(NamedTuple):
    """With which probability, and from which stratum, a transcript was drawn for one question, and where that is said."""

    probability: float
    stratum: str
    source: Path


@dataclass(frozen=True, eq=False)
class Panel:
    """Raters side by side on one facet, over the items that at least one of them was asked about.

    ``codes``: (n_items, n_raters), the position of each label in ``facet.vocabulary`` (so nulls hold the codes from
    ``len(facet.labels)`` on), ``MISSING`` where there is no label; all ``MISSING`` for a multi-label facet, whose sets are
    in ``ratings``, of the same shape as nested tuples.
    """

    grader: Grader
    facet: Facet
    items: tuple[Item, ...]
    raters: tuple[Rater, ...]
    ratings: tuple[tuple[Rating, ...], ...]
    codes: IntArray
    design: Design

    def __len__(self) -> int:
        return len(self.items)

    @property
    def primary(self) -> bool:
        return self.facet.name == self.grader.primary

    def at(self, keep: Sequence[bool] | NDArray[np.bool_]) -> "Panel":
        """The panel of those items where ``keep`` is true."""
        chosen = np.asarray(keep, dtype=np.bool_)
        where = np.flatnonzero(chosen)
        items = tuple(self.items[n] for n in where)
        ratings = tuple(self.ratings[n] for n in where)
        return Panel(
            self.grader, self.facet, items, self.raters, ratings, self.codes[chosen], self.design.at(chosen)
        )

    def of(self, *raters: Rater) -> "Panel":
        """The same items with these raters only, in this order."""
        columns = [self.raters.index(rater) for rater in raters]
        ratings = tuple(tuple(row[n] for n in columns) for row in self.ratings)
        return Panel(
            self.grader, self.facet, self.items, raters, ratings, self.codes[:, columns], self.design
        )


@dataclass(frozen=True, eq=False)
class Ratings:
    """What was gathered: raters, the transcripts that they rated, and the graders whose facets they speak of."""

    raters: tuple[Rater, ...]
    items: Mapping[str, Item]
    graders: Mapping[str, Grader]
    cluster_key: str = "cluster"
    sets: tuple[EvalSet, ...] = ()
    """The hand-labelled sets among the sources, for data cards and full texts."""
    transcripts: Mapping[str, Transcript] = field(default_factory=dict)
    """The transcripts of these sets."""
    warnings: tuple[str, ...] = ()
    chances: Mapping[Question, Mapping[str, Chance]] = field(default_factory=dict)
    """Question to transcript id to how it was drawn, for the labelled ones."""
    at_hand: Mapping[str, Grader] = field(default_factory=dict)
    """Rubrics by name as they are now, which may have labels that no judge here was offered."""

    @property
    def judges(self) -> tuple[Rater, ...]:
        return tuple(rater for rater in self.raters if rater.kind == "judge")

    @property
    def annotators(self) -> tuple[Rater, ...]:
        """Independent annotators; the adjudicated reference is none."""
        return tuple(rater for rater in self.raters if rater.kind == "annotator")

    @property
    def reference(self) -> Rater | None:
        """The adjudicated labels, or the only annotator's where nothing was adjudicated."""
        adjudicated = [rater for rater in self.raters if rater.kind == "reference"]
        if adjudicated:
            return adjudicated[0]
        return self.annotators[0] if len(self.annotators) == 1 else None

    def item(self, name: str, question: Question) -> Item:
        """A transcript as it was drawn for this question; certain to be there where nothing is said of that."""
        chance = self.chances.get(question, {}).get(name)
        item = self.items[name]
        probability, stratum = (chance.probability, chance.stratum) if chance else (1.0, "")
        if (item.probability, item.stratum) == (probability, stratum):
            return item
        return replace(item, probability=probability, stratum=stratum)

    def questions(self, minimum: int = 2) -> Iterator[tuple[Grader, Facet]]:
        """The facets that at least so many raters speak of, the primary facet first within each grader."""
        for grader in self.graders.values():
            for facet in sorted(grader.facets.values(), key=lambda facet: facet.name != grader.primary):
                if sum((grader.name, facet.name) in rater.ratings for rater in self.raters) >= minimum:
                    yield grader, facet

    def panel(
        self, grader: Grader, facet: Facet, raters: Sequence[Rater] | None = None, sample: int = 0
    ) -> Panel:
        """Line raters up on a facet; by default all that speak of it. Raises UsageError for a label that it has not."""
        asked = (grader.name, facet.name)
        chosen = tuple(raters or (rater for rater in self.raters if asked in rater.ratings))
        return self._side_by_side(grader, facet, [(rater, sample) for rater in chosen])

    def repeats(self, grader: Grader, facet: Facet, rater: Rater) -> Panel:
        """A judge beside itself: one column for each repeat, so ``raters`` holds the same one several times."""
        return self._side_by_side(grader, facet, [(rater, sample) for sample in range(rater.samples)])

    def _side_by_side(self, grader: Grader, facet: Facet, columns: Sequence[tuple[Rater, int]]) -> Panel:
        asked = (grader.name, facet.name)
        rows = [
            (name, tuple(rater.rating(asked, name, sample) for rater, sample in columns))
            for name in self.items
        ]
        rows = [(name, found) for name, found in rows if any(rating is not ABSENT for rating in found)]
        codes = np.full((len(rows), len(columns)), MISSING, dtype=np.int64)
        code = {label: number for number, label in enumerate(facet.vocabulary)}
        for n, (name, found) in enumerate(rows):
            for column, rating in enumerate(found):
                rater = columns[column][0]
                check_label(rating, facet, code, (rater, name, f"{grader.name} version {grader.version}"))
                if isinstance(rating.value, str):
                    codes[n, column] = code[rating.value]
        items = tuple(self.item(name, asked) for name, _ in rows)
        raters = tuple(rater for rater, _ in columns)
        return Panel(grader, facet, items, raters, tuple(r for _, r in rows), codes, self.design(items))

    def design(self, items: Sequence[Item]) -> Design:
        """Weights, clusters and strata of these items."""
        strata = [item.stratum for item in items]
        return Design(
            weights=[1 / item.probability for item in items],
            clusters=[lookup(item.metadata, self.cluster_key) or f"\0{item.id}" for item in items],
            strata=strata if any(strata) else None,
        )


def check_label(
    rating: Rating, facet: Facet, vocabulary: Collection[str], about: tuple[Rater, str, str]
) -> None:
    """Raise UsageError unless a label, or every one of a set of labels, is in the vocabulary, and is a set if it should be.

    ``about``: who said it, of which transcript, and whose vocabulary this is.
    """
    if rating.value is None:
        return
    rater, item, whose = about
    single = isinstance(rating.value, str)
    unknown = [label for label in members(rating.value) if label not in vocabulary]
    if single != facet.multilabel and not unknown:
        return
    raise UsageError(
        f"{facet.name} has no such label in {whose}"
        if unknown
        else f"{facet.name} takes {'a list of labels' if single else 'a single label'}",
        where=f"{rater.source}, {item}",
        found=repr(unknown[0] if unknown else rating.value),
        expected=", ".join(vocabulary),
        do="compare raters that used one vocabulary, or map the labels of one of them",
    )


def members(value: Value) -> tuple[str, ...]:
    """The labels of an answer, one or many."""
    return (value,) if isinstance(value, str) else value
