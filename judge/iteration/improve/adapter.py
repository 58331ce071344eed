"""What ``gepa`` asks of us: how a candidate scores on some items, and what to propose after seeing its mistakes."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gepa.core.adapter import EvaluationBatch

from judge.errors import ProviderError
from judge.grader import Facet, Grader
from judge.grader.prompt import OVERLAP, transcript_block, view
from judge.grader.windows import windows
from judge.iteration.improve.candidates import Candidates, Rejected
from judge.iteration.improve.reflection import Case, Reflector
from judge.iteration.improve.standing import Bench, penalty, right
from judge.labelling.budget import BudgetSpent
from judge.labelling.dispatch import GiveUp
from judge.ratings import Rating
from judge.transcript import Transcript

COMPONENT = "rubric"
LONGEST = 12_000
"""Characters of a transcript that the reflecting model is shown; of a longer one the first window."""
WORST = -1.0
"""The score of a proposal that is no rubric: below any that is."""

Candidate = dict[str, str]


@dataclass(frozen=True)
class Outcome:
    """One item under one candidate."""

    item: str
    said: Rating | None
    right: bool


@dataclass
class Adapter:
    """Scores candidates through our own pipeline, and turns its mistakes into proposals.

    ``stopped`` is set when the money is spent or the reflecting model stays away: the search then ends, keeping what it has.
    """

    candidates: Candidates
    bench: Bench
    reflector: Reflector
    transcripts: Mapping[str, Transcript]
    length_penalty: float
    stopped: str = ""
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.weights = self.bench.weights()
        self.facet: Facet = self.candidates.original.facets[self.candidates.original.primary]

    def evaluate(
        self,
        batch: list[str],
        candidate: Candidate,
        capture_traces: bool = False,  # noqa: ARG002  (outcomes are always there)
    ) -> "EvaluationBatch[Outcome, Outcome]":
        """Scores of these items. A proposal that is no rubric scores below any that is, and is not asked about."""
        try:
            grader = self.candidates.grader(candidate[COMPONENT])
        except Rejected as reason:
            self._complain(str(reason))
            outcomes = [Outcome(item, None, right=False) for item in batch]
            return EvaluationBatch(outcomes, [WORST] * len(batch), outcomes)
        said = self._answers(grader, batch)
        outcomes = [
            Outcome(item, said.get(item), right(said.get(item), self.bench.human[item])) for item in batch
        ]
        cost = penalty(grader, self.candidates, self.length_penalty)
        scores = [outcome.right * self.weights[outcome.item] - cost for outcome in outcomes]
        return EvaluationBatch(outcomes, scores, outcomes)

    def _answers(self, grader: Grader, batch: Sequence[str]) -> dict[str, Rating]:
        said = self.bench.answers(grader, batch)
        if len(said) < len(batch):
            self.stopped = "--max-cost is spent"
        return said

    def _complain(self, reason: str) -> None:
        if reason not in self.complaints:
            self.complaints.append(reason)

    def make_reflective_dataset(
        self,
        candidate: Candidate,  # noqa: ARG002
        eval_batch: "EvaluationBatch[Outcome, Outcome]",
        components_to_update: list[str],  # noqa: ARG002
    ) -> dict[str, list[dict[str, Any]]]:
        """The outcomes themselves; ``propose_new_texts`` knows what to make of them."""
        return {COMPONENT: [{"outcome": outcome} for outcome in eval_batch.outputs]}

    def propose_new_texts(
        self,
        candidate: Candidate,
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: list[str],  # noqa: ARG002  (there is but one)
    ) -> Candidate:
        """Another body, from the mistakes of this one; the same where there is nothing to learn or no money left."""
        outcomes = [record["outcome"] for record in reflective_dataset[COMPONENT]]
        if self.stopped or all(outcome.right for outcome in outcomes):
            return dict(candidate)
        try:
            cases = [self._case(outcome) for outcome in outcomes]
            body = self.reflector.propose(candidate[COMPONENT], self.facet, cases, self.complaints[-3:])
        except BudgetSpent:
            self.stopped = "--max-cost is spent"
            return dict(candidate)
        except (GiveUp, ProviderError) as error:
            self.stopped = f"the reflecting model cannot be asked: {error}"
            return dict(candidate)
        if body is None:
            self._complain("there was no text between <rubric> and </rubric>, or it was cut off")
        return {COMPONENT: body or candidate[COMPONENT]}

    def _case(self, outcome: Outcome) -> Case:
        human, said = self.bench.human[outcome.item], outcome.said
        return Case(
            transcript=self._shown(self.transcripts[outcome.item]),
            human=str(human.value),
            human_quotes=tuple(evidence.quote for evidence in human.evidence),
            note=human.note,
            label="" if said is None or said.value is None else str(said.value),
            status=said.status if said else "missing",
            quotes=tuple(evidence.quote for evidence in said.evidence) if said else (),
            why=said.note if said else "",
            right=outcome.right,
        )

    def _shown(self, transcript: Transcript) -> str:
        """As the judge sees it: between markers, with look-alikes of them made harmless."""
        original = self.candidates.original
        return transcript_block(original, windows(view(original, transcript), LONGEST, OVERLAP)[0]).text


class Disagreements:
    """Which items the reflecting model is shown: mostly such as the best candidate so far gets wrong, and some that it gets right.

    A rubric that is right on nine of ten items would else be shown nothing to learn from.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.rng = random.Random(seed)  # noqa: S311  (a sample, not a secret)

    def next_minibatch_ids(self, loader: Any, state: Any) -> list[int]:
        """Ids of the training items, which are those that candidates are scored on."""
        means = state.program_full_scores_val_set
        scores = state.prog_candidate_val_subscores[max(range(len(means)), key=lambda k: means[k])]
        ids = list(loader.all_ids())
        self.rng.shuffle(ids)
        wrong = [k for k in ids if scores.get(k, 0.0) <= 0]
        good = [k for k in ids if scores.get(k, 0.0) > 0]
        chosen = wrong[: max(self.size * 2 // 3, 1)]
        return [*chosen, *good[: self.size - len(chosen)]]
