"""A whole comparison: how every judge stands against the hand labels, and every pair of judges tested as one family."""

from collections.abc import Sequence
from dataclasses import dataclass

from judge.comparison.facets import FacetComparison, complete, numbers, tested
from judge.comparison.pairing import Pair, Side, pairs
from judge.comparison.verdict import ALPHA, verdicts
from judge.errors import UsageError
from judge.estimate import Estimate
from judge.grader.changes import RubricDiff
from judge.grader.changes import compare as compare_rubrics
from judge.looks import Look
from judge.ratings import OK, Rater, Ratings
from judge.runs import Run
from judge.stats.agreement import kappa, raw_agreement
from judge.stats.per_label import one_label, recall
from judge.stats.reasons import reason
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import confusion


@dataclass(frozen=True, slots=True)
class Standing:
    """One judge against the hand labels on its primary facet: a row of the table of rubrics and models.

    ``agreement`` and ``kappa`` are over all items that it was asked about, failures counted as wrong.
    """

    run: str
    rubric: str
    model: str
    n: int
    failed: int
    agreement: Estimate
    kappa: Estimate
    lowest_recall: tuple[str, Estimate] | None
    cost_per_transcript: float | None


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two judges, the second held against the first. ``differs``: what else than the rubric is not the same."""

    first: str
    second: str
    first_rubric: str
    second_rubric: str
    model: str
    differs: tuple[str, ...]
    diff: RubricDiff
    facets: tuple[FacetComparison, ...]

    @property
    def title(self) -> tuple[str, str]:
        """What the second and the first are called: by their rubrics where these differ and nothing else does."""
        if self.first_rubric == self.second_rubric or self.differs:
            return self.second, self.first
        return self.second_rubric, self.first_rubric

    @property
    def primary(self) -> FacetComparison:
        """The facet that the rubric leads with; the first one compared where its labels are of another."""
        return next((facet for facet in self.facets if facet.primary), self.facets[0])


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that ``judge compare`` says. ``tests``: the size of the family that Holm's correction is for.

    ``looks`` are those at the sealed split, this one included; empty for labels that are open to tuning.
    """

    set: str
    sealed: bool
    reference: str
    looks: tuple[Look, ...]
    standings: tuple[Standing, ...]
    pairings: tuple[Pairing, ...]
    tests: int
    alpha: float
    warnings: tuple[str, ...]


def compare(
    ratings: Ratings,
    sides: Sequence[tuple[Side, Side]],
    reference: Rater,
    looks: Sequence[Look] = (),
    settings: Settings = DEFAULT,
) -> Report:
    """Compare each pair of judges on every labelled facet, all tests as one family.

    Raises UsageError where a pair has no labelled item or no facet in common.
    """
    found = [(first, second, _pairs(ratings, first, second, reference)) for first, second in sides]
    everything = [numbers(pair, settings) for _, _, mine in found for pair in mine]
    tests = [tested(facet, len(everything)) for facet in everything]
    words = verdicts(tests, [len(facet.pair) for facet in everything])
    completed = iter(
        complete(facet, test, word, settings)
        for facet, test, word in zip(everything, tests, words, strict=True)
    )
    pairings = tuple(
        _pairing(first, second, tuple(next(completed) for _ in mine)) for first, second, mine in found
    )
    judges = list(dict.fromkeys(side for pair in sides for side in pair))
    of_set = ratings.sets[0]
    return Report(
        of_set.name,
        of_set.sealed,
        reference.name,
        tuple(looks) if of_set.sealed else (),
        tuple(_standing(ratings, side, reference, settings) for side in judges),
        pairings,
        len(tests),
        ALPHA,
        tuple(_warnings(ratings, reference, looks, judges)),
    )


def _pairs(ratings: Ratings, first: Side, second: Side, reference: Rater) -> list[Pair]:
    mine = [pair for pair in pairs(ratings, first, second, reference) if len(pair)]
    if not mine:
        raise UsageError(
            "there is nothing to compare: no item with a hand label that both were asked about",
            found="; ".join(map(_asked, (first, second))),
            expected=f"facets {', '.join(sorted({facet for _, facet in reference.ratings}))} of {reference.source}",
            do="label the set's transcripts with both (what the provider did not serve, or no recording holds, counts as not asked), or name the set that they were run on",
        )
    return mine


def _asked(side: Side) -> str:
    """What one side was asked, and how much of it was not served."""
    answers = side.rater.ratings.get((side.grader.name, side.grader.primary), {}).values()
    lost = sum(answer.status == "provider" for answer in answers)
    served = f", of whose {len(answers)} questions {lost} were not served" if lost else ""
    return f"{side.rater.name}{served}, with facets {', '.join(side.grader.facets)}"


def _pairing(first: Side, second: Side, facets: tuple[FacetComparison, ...]) -> Pairing:
    return Pairing(
        first.rater.name,
        second.rater.name,
        first.rubric,
        second.rubric,
        second.rater.model,
        tuple(_differing(first.rater, second.rater)),
        compare_rubrics(first.grader, second.grader),
        facets,
    )


def _differing(first: Rater, second: Rater) -> list[str]:
    if first.manifest is None or second.manifest is None:
        return []
    after = second.manifest.settings
    return [
        f"{name}: {value}, then {after[name]}"
        for name, value in first.manifest.settings.items()
        if value != after[name]
    ]


def _standing(ratings: Ratings, side: Side, reference: Rater, settings: Settings) -> Standing:
    pair = _pairs(ratings, side, side, reference)[0]
    cost = _cost_per_transcript(side)
    names = (side.rater.name, side.rubric, side.rater.model)
    answered = sum(rating.status == OK for rating in pair.first)
    failed = len(pair) - answered
    if pair.facet.multilabel:
        right = confusion([1] * len(pair), pair.right(pair.first).astype(int), 2, pair.design)
        undefined = Estimate(None, None, None, warnings=("set-valued: kappa is not defined for sets here",))
        agreement = raw_agreement(right, settings)
        return Standing(*names, len(pair), failed, agreement, undefined, None, cost)
    trio = pair.trio()
    table = confusion(trio.human, trio.first, trio.labels, pair.design)
    recalls = [
        (label, recall(one_label(table, code), settings)) for code, label in enumerate(pair.vocabulary)
    ]
    defined = [(label, found) for label, found in recalls if found.value is not None]
    lowest = min(defined, key=lambda item: item[1].value or 0.0, default=None)
    return Standing(
        *names,
        len(pair),
        failed,
        raw_agreement(table, settings),
        kappa(table, "nominal", settings),
        lowest,
        cost,
    )


def _cost_per_transcript(side: Side) -> float | None:
    """At list prices, from the run's records of this rubric; None where the model's price is unknown."""
    total, transcripts = 0.0, set()
    for record in Run(side.rater.source.name, side.rater.source.parent).records():
        if record.grader == side.grader.name:
            if record.cost_usd is None:
                return None
            total += record.cost_usd
            transcripts.add(record.transcript_id)
    return total / len(transcripts) if transcripts else None


def _warnings(ratings: Ratings, reference: Rater, looks: Sequence[Look], judges: Sequence[Side]) -> list[str]:
    found = [warning for warning in ratings.warnings if not warning.startswith("rubrics-differ")]
    if ratings.sets[0].card.selection == "unknown":
        found.append(reason("unknown-selection"))
    if reference.kind == "annotator" and not reference.blind:
        found.append(reason("not-blind"))
    if len(looks) > 1:
        found.append(reason("tuned-on-test", f"look {len(looks)} at this split"))
    families = {side.rater.model.partition("/")[2] for side in judges}
    people = {who.family for who in ratings.sets[0].card.annotators.values() if who.family}
    if same := sorted({family for family in people for model in families if family.lower() in model.lower()}):
        found.append(
            f"annotators-are-models: the hand labels come from models of the family {', '.join(same)}"
        )
    return found
