"""What is asked of a run, and what its answers come to: a facet, the labels that count, one outcome per transcript.

An outcome is one of five words. ``positive``: a label that counts. ``negative``: another point of the scale. ``null``: an
answer that names no point (``indeterminate``, ``not_assessable``). ``not_applicable``: the question did not arise, which
takes the transcript out of the denominator of a conditional rate and leaves it in that of the overall one. ``invalid``:
no answer. Repeats of a question never add to n: the first that was recorded counts, be it an answer or a failure.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from judge.errors import UsageError
from judge.grader import Facet, Grader
from judge.ratings import ABSENT, Item, Rater, Rating, Ratings, Value
from judge.stats.tables import Design
from judge.transcript import lookup

Outcome = Literal["positive", "negative", "null", "not_applicable", "invalid"]
Bools = NDArray[np.bool_]

NOT_APPLICABLE = "not_applicable"
NO_GROUP = "(none)"


@dataclass(frozen=True, slots=True)
class Asked:
    """A facet, and the labels of it that count as positive."""

    grader: Grader
    facet: Facet
    positive: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.grader.name}.{self.facet.name} = {' or '.join(self.positive)}"

    @property
    def key(self) -> tuple[str, str]:
        return self.grader.name, self.facet.name

    def hit(self, value: Value) -> bool:
        """Whether a label, or one of a set of labels, counts."""
        chosen = (value,) if isinstance(value, str) else value
        return any(label in self.positive for label in chosen)

    def outcome(self, value: Value | None) -> Outcome:
        if value is None:
            return "invalid"
        if self.hit(value):
            return "positive"
        names = {value} if isinstance(value, str) else set(value)
        if NOT_APPLICABLE in names:
            return "not_applicable"
        return "null" if names & set(self.facet.nulls) else "negative"


def asked(text: str, graders: Mapping[str, Grader], labels: Sequence[str] = ()) -> Asked:
    """Read ``GRADER.FACET=LABEL,LABEL``; every part but one may be left out where only one thing can be meant.

    ``text`` empty: the primary facet of the only grader. ``labels`` say what counts where the text does not; by default
    the labels that need evidence (``positive`` in the rubric). Raises UsageError.

    Args:
        text: What to ask.
        graders: The rubrics that the run used, by name.
        labels: Labels that count as positive.
    """
    name, equals, after = text.partition("=")
    grader, facet = _facet(name.strip(), graders)
    wanted = tuple(label.strip() for label in after.split(",")) if equals else tuple(labels)
    if unknown := [label for label in wanted if label not in facet.vocabulary]:
        raise UsageError(
            f"{facet.name} has no such label", found=repr(unknown[0]), expected=", ".join(facet.vocabulary)
        )
    if wanted:
        return Asked(grader, facet, tuple(dict.fromkeys(wanted)))
    if not facet.positive or set(facet.positive) >= set(facet.labels):
        raise UsageError(
            f"nothing says which labels of {facet.name} to count",
            expected=f"some of {', '.join(facet.vocabulary)}",
            do=f"name them: --labels {next(iter(facet.labels))}, or {grader.name}.{facet.name}=LABEL,LABEL",
        )
    return Asked(grader, facet, facet.positive)


def _facet(name: str, graders: Mapping[str, Grader]) -> tuple[Grader, Facet]:
    if not name:
        if len(graders) == 1:
            grader = next(iter(graders.values()))
            return grader, grader.facets[grader.primary]
        raise UsageError(
            "the run has several graders",
            expected=f"one of {', '.join(f'{g.name}.{g.primary}' for g in graders.values())}",
            do=f"name one: --facet {next(iter(graders))}",
        )
    before, dot, after = name.partition(".")
    if dot:
        found = [(g, g.facets[after]) for g in graders.values() if g.name == before and after in g.facets]
    else:
        found = [(g, g.facets[name]) for g in graders.values() if name in g.facets]
        if not found and name in graders:
            found = [(graders[name], graders[name].facets[graders[name].primary])]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{g.name}.{f}" for g in graders.values() for f in g.facets)
    raise UsageError(
        f"{'several graders have' if found else 'the run has no'} facet {name!r}",
        expected=f"one of {known or '(the run has no grader)'}",
    )


@dataclass(frozen=True, eq=False)
class Answers:
    """One judge's answers to one question. Arrays have shape (n_items,).

    ``design`` holds clusters only: a run is judged whole, so no answer has a weight.
    """

    rater: Rater
    asked: Asked
    items: tuple[Item, ...]
    ratings: tuple[Rating, ...]
    outcomes: NDArray[np.str_]
    design: Design

    def __len__(self) -> int:
        return len(self.items)

    @property
    def flagged(self) -> Bools:
        return np.asarray(self.outcomes == "positive")

    @property
    def answered(self) -> Bools:
        """Where the judge gave a valid answer, nulls included."""
        return np.asarray(self.outcomes != "invalid")

    @property
    def applicable(self) -> Bools:
        return np.asarray(self.outcomes != NOT_APPLICABLE)

    def at(self, keep: Bools) -> "Answers":
        """The answers on those items where ``keep`` is true."""
        where = np.flatnonzero(keep)
        return Answers(
            self.rater,
            self.asked,
            tuple(self.items[n] for n in where),
            tuple(self.ratings[n] for n in where),
            self.outcomes[keep],
            self.design.at(keep),
        )

    def counts(self) -> dict[str, int]:
        """How often each label was given, in the rubric's order, then each kind of failure, in brackets."""
        found = Counter(_word(rating) for rating in self.ratings)
        order = {label: n for n, label in enumerate(self.asked.facet.vocabulary)}
        return dict(sorted(found.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))

    def groups(self, key: str | None) -> NDArray[np.str_]:
        """The value of a key of the metadata for each item. Raises UsageError where no item has the key."""
        if key is None:
            return np.full(len(self), "", dtype=np.str_)
        found = [fact(item.metadata, key) for item in self.items]
        if all(value is None for value in found):
            known = sorted({name for item in self.items for name in item.metadata})
            raise UsageError(
                f"no record has {key!r} in its metadata",
                where=str(self.rater.source),
                expected=f"one of {', '.join(known) or '(there is none)'}",
            )
        return np.array([NO_GROUP if value is None else value for value in found], dtype=np.str_)


def fact(metadata: Mapping[str, Any], key: str) -> str | None:
    """The value under a key, or under a dotted path, as text; null and NaN are no value.

    >>> fact({"step": None, "run": {"arm": float("nan")}}, "run.arm"), fact({"arm": "nan"}, "arm")
    (None, 'nan')
    """
    text = lookup(metadata, key)
    if text not in ("None", "nan"):
        return text
    held = (
        metadata[key]
        if key in metadata
        else reduce(lambda inside, part: inside[part], key.split("."), metadata)
    )
    return text if isinstance(held, str) else None


def _word(rating: Rating) -> str:
    if rating.value is None:
        return f"({rating.status})"
    return rating.value if isinstance(rating.value, str) else "+".join(rating.value) or "(no label)"


def answers(ratings: Ratings, rater: Rater, question: Asked) -> Answers:
    """What a judge said on a question, over every transcript that it was asked about. Raises UsageError."""
    if question.key not in rater.ratings:
        raise UsageError(
            f"{rater.name} was not asked about {question.facet.name}",
            where=str(rater.source),
            expected=", ".join(".".join(key) for key in rater.ratings) or "records",
        )
    panel = ratings.repeats(question.grader, question.facet, rater)
    said = tuple(next(rating for rating in row if rating is not ABSENT) for row in panel.ratings)
    outcomes = np.array([question.outcome(rating.value) for rating in said], dtype="U14")
    clusters = [fact(item.metadata, ratings.cluster_key) for item in panel.items]
    own = [name or f"\0{item.id}" for name, item in zip(clusters, panel.items, strict=True)]
    return Answers(
        rater,
        question,
        panel.items,
        said,
        outcomes,
        Design(clusters=own if any(clusters) else None),
    )
