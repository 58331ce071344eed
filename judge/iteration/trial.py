"""``judge try`` as a library call: put an edited rubric to the judge on the dev split, and show what moved.

What a trial tells is counts, on purpose: how many items of each label are right, and which answers flipped. Whether a
version is better is a question for ``judge compare``, which tests it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from judge.comparison.facets import Flip, Value, flips, said
from judge.comparison.job import Labels, read
from judge.comparison.pairing import same_value
from judge.errors import UsageError
from judge.eval_sets import EvalSet
from judge.grader import Facet, Grader
from judge.grader.changes import RubricDiff
from judge.grader.changes import compare as compare_rubrics
from judge.iteration.asking import Asking, last_version
from judge.iteration.sampling import stratified
from judge.labelling.job import Result
from judge.ratings import ABSENT, NOT_RUN, OK, Rater, Rating
from judge.ratings.gather import gather
from judge.runs import Run


@dataclass(frozen=True, slots=True)
class LabelCount:
    """Of the items that people gave this label, how many the judge found; ``before`` is None without an earlier version."""

    label: str
    support: int
    before: int | None
    after: int


@dataclass(frozen=True, slots=True)
class FacetTrial:
    """One facet. ``right`` and ``labels`` count items with a hand label that both versions were asked about.

    ``wrong`` are the items on which this version differs from the hand label.
    """

    facet: str
    primary: bool
    n: int
    failed: int
    right_before: int | None
    right: int
    labels: tuple[LabelCount, ...]
    flips: tuple[Flip, ...]
    wrong: tuple[Flip, ...]


@dataclass(frozen=True, slots=True)
class Paid:
    """What a try bought, and how long it took. The cost is None where the model's price is unknown."""

    requests: int
    from_store: int
    cost_usd: float | None
    seconds: float


@dataclass(frozen=True)
class Trial:
    """What one try showed. ``last`` is the run of the version that this one is held against, if there was one."""

    grader: str
    sha256: str
    model: str
    method: str
    set: str
    items: int
    whole: bool
    last: str | None
    diff: RubricDiff | None
    facets: tuple[FacetTrial, ...]
    paid: Paid
    status: str
    run: str


@dataclass(frozen=True)
class Subject:
    """What is tried on what.

    Args:
        found: The dev split.
        annotator: Whose labels count, the reference if empty.
        facets: Facets to show beside the primary one and those that are labelled.
    """

    found: EvalSet
    annotator: str = ""
    facets: tuple[str, ...] = ()


def attempt(
    grader: Grader,
    subject: Subject,
    asking: Asking,
    ids: Collection[str] | None = None,
) -> Trial:
    """Label the dev split, or these items, and hold the answers against hand labels and the last version tried."""
    _check_facets(grader, subject.facets)
    result = asking.ask(grader, subject.found, ids)
    last = last_version(result.run, grader, asking.folder(subject.found))
    runs = [result.run] if last is None else [result.run, last]
    now, before, reference = _read(runs, grader, subject)
    chosen = [t.id for t in subject.found.transcripts()] if ids is None else list(ids)
    sides = _Sides(grader, now, before, reference, chosen)
    earlier = last.grader(grader.name) if last else None
    return Trial(
        grader=grader.name,
        sha256=grader.sha256,
        model=asking.model,
        method=asking.method,
        set=subject.found.name,
        items=len(chosen),
        whole=ids is None,
        last=last.name if last else None,
        diff=compare_rubrics(earlier, grader) if earlier else None,
        facets=tuple(sides.facet(grader.facets[name]) for name in sides.shown(subject.facets)),
        paid=_paid(result),
        status=result.manifest.status,
        run=str(result.run.folder),
    )


def sample(grader: Grader, subject: Subject, size: int, seed: int = 0) -> list[str]:
    """So many items of the dev split, every label of the primary facet among them as far as that goes."""
    labels: dict[str, Value] = {}
    if subject.found.annotators:
        reference = _read([], grader, subject)[2]
        found = reference.ratings.get((grader.name, grader.primary), {}) if reference else {}
        labels = {item: rating.value for (item, _), rating in found.items()}
    return stratified((t.id for t in subject.found.transcripts()), labels, size, seed)


def _check_facets(grader: Grader, names: Iterable[str]) -> None:
    for name in names:
        if name not in grader.facets:
            raise UsageError(
                f"{grader.name} has no facet {name!r}", expected=f"one of {', '.join(grader.facets)}"
            )


def _paid(result: Result) -> Paid:
    bought = result.manifest.bought
    return Paid(bought["requests"], bought["from_store"], bought["cost_usd"], result.seconds)


def _read(
    runs: Sequence[Run], grader: Grader, subject: Subject
) -> tuple[Rater | None, Rater | None, Rater | None]:
    """This version, the last one, the hand labels. A set that nobody has labelled yet has none."""
    if subject.found.annotators:
        ratings, reference = read(runs, Labels(subject.found, subject.annotator, {grader.name: grader}))
    else:
        ratings, reference = gather(runs, {grader.name: grader}), None
    found = {rater.source.resolve(): rater for rater in ratings.judges}
    now, before, *_ = (*(found.get(run.folder.resolve()) for run in runs), None, None)
    return now, before, reference


@dataclass(frozen=True)
class _Sides:
    grader: Grader
    now: Rater | None
    before: Rater | None
    reference: Rater | None
    ids: Sequence[str]

    def shown(self, more: Iterable[str]) -> list[str]:
        labelled = {facet for _, facet in self.reference.ratings} if self.reference else set()
        wanted = {self.grader.primary, *labelled, *more}
        return sorted(wanted & set(self.grader.facets), key=lambda name: name != self.grader.primary)

    def facet(self, facet: Facet) -> FacetTrial:
        human = self._human(facet.name)
        now, before = self._of(self.now, facet.name), self._of(self.before, facet.name)
        asked = [item for item in self.ids if now[item].status != NOT_RUN]
        both = [item for item in asked if before[item].status != NOT_RUN]
        counted = [item for item in (both or asked) if human[item].value is not None]
        right_before = sum(same_value(before[item], human[item]) for item in counted) if both else None
        return FacetTrial(
            facet.name,
            facet.name == self.grader.primary,
            len(counted),
            sum(now[item].status != OK for item in asked),
            right_before,
            sum(same_value(now[item], human[item]) for item in counted),
            tuple(_labels(facet, counted, human, before if both else None, now)),
            flips([(item, human[item], before[item], now[item]) for item in both]),
            tuple(
                Flip(item, human[item].value, said(human[item]), said(before[item]), said(now[item]), "other")
                for item in asked
                if human[item].value is not None and not same_value(now[item], human[item])
            ),
        )

    def _human(self, facet: str) -> dict[str, Rating]:
        ratings = self.reference.ratings if self.reference else {}
        found = next((ratings[question] for question in ratings if question[1] == facet), {})
        return {item: found.get((item, 0), ABSENT) for item in self.ids}

    def _of(self, rater: Rater | None, facet: str) -> dict[str, Rating]:
        if rater is None:
            return dict.fromkeys(self.ids, ABSENT)
        return {item: rater.rating((self.grader.name, facet), item) for item in self.ids}


def _labels(
    facet: Facet,
    items: Sequence[str],
    human: Mapping[str, Rating],
    before: Mapping[str, Rating] | None,
    now: Mapping[str, Rating],
) -> Iterable[LabelCount]:
    for label in facet.vocabulary:
        having = [item for item in items if _has(human[item], label)]
        if having:
            earlier = None if before is None else sum(_has(before[item], label) for item in having)
            yield LabelCount(label, len(having), earlier, sum(_has(now[item], label) for item in having))


def _has(rating: Rating, label: str) -> bool:
    return rating.value is not None and (
        label == rating.value if isinstance(rating.value, str) else label in rating.value
    )
