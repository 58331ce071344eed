"""``judge improve`` as a library call: search on all folds but one, test on that one, and write the best down as a file.

The figure that counts is the cross-validated one: every dev item is judged once by a rubric that was found without it. That
is the procedure's worth. The file that is written is one of the folds' winners, and its figures on all of dev flatter it,
because it was chosen by them.
"""

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from judge.comparison.job import Labels, compare_runs, read
from judge.comparison.pairing import Pair
from judge.comparison.report import Report
from judge.comparison.verdict import Tested, Verdict, assess, verdicts
from judge.errors import UsageError
from judge.grader import Grader
from judge.iteration.asking import Asking
from judge.iteration.improve.candidates import Candidates, publish, tokens
from judge.iteration.improve.folds import folds
from judge.iteration.improve.standing import Bench, check_support, penalty, right
from judge.iteration.trial import Subject
from judge.providers.settings import Settings
from judge.ratings import ABSENT, Rating, Ratings
from judge.runs import replacing
from judge.transcript import Transcript

FOLDER = ".improve"


@dataclass(frozen=True)
class Search:
    """How hard to search.

    Args:
        reflect_with: The model that proposes.
        rounds: Proposals for each fold.
        shown: Items that the reflecting model is shown at a time.
        count: Folds.
        least: Hand labels that every label needs.
        length_penalty: What doubling the rubric's length costs, in points of the score.
        seed: Decides folds and samples.
    """

    reflect_with: str
    rounds: int = 6
    shown: int = 6
    count: int = 3
    least: int = 5
    length_penalty: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A candidate of the Pareto front, or a fold's winner. ``score`` is what the search saw, length penalty included."""

    file: str
    sha256: str
    fold: int
    score: float
    tokens: int
    wins: int
    winner: bool


@dataclass(frozen=True)
class Improvement:
    """What came of it.

    ``cross_validated`` is the honest comparison: on each item the original rubric against one that was found without it.
    ``file`` is the proposal beside the old rubric, None where none scored higher; ``comparison`` holds the two against each
    other on all of dev.
    """

    grader: str
    set: str
    model: str
    reflect_with: str
    front: tuple[Kept, ...]
    cross_validated: Verdict
    test: Tested
    n: int
    file: Path | None
    comparison: Report | None
    stopped: str
    spent_usd: float
    folder: Path


def improve(
    grader: Grader,
    subject: Subject,
    asking: Asking,
    plan: Search,
    reflect_settings: Settings | None = None,
) -> Improvement:
    """Search for a better rubric. Raises UsageError where the set is too small, Stopped where labelling ended early.

    ``reflect_settings`` are the reflecting model's connection settings, where they are not the judge's.
    """
    _need_gepa()
    if asking.method != "generate":
        raise UsageError("a rubric is improved by the judge's reasons, which --method logprob does not give")
    ratings, human = _hand_labels(grader, subject)
    check_support(grader, human, plan.least)
    parts = folds(
        [ratings.items[item] for item in human],
        {item: str(rating.value) for item, rating in human.items()},
        plan.count,
        ratings.cluster_key,
        plan.seed,
    )
    work = _Work.of(grader, Bench(subject, asking, human), plan, ratings.transcripts)
    work.reflector.settings = reflect_settings or asking.settings
    work.reflector.check()
    begun = work.bench.answers(grader, list(human))
    if len(begun) < len(human):
        raise UsageError(
            "--max-cost does not even pay for the rubric as it is",
            found=f"{len(begun)} of {len(human)} items",
        )
    outcomes = [work.fold(k, parts) for k in range(len(parts))]
    return work.conclude(ratings, outcomes, begun)


def _need_gepa() -> None:
    if importlib.util.find_spec("gepa") is None:
        raise UsageError(
            "`judge improve` needs the package gepa", do="pip install '.[improve]' in a checkout of judge"
        )


def _hand_labels(grader: Grader, subject: Subject) -> tuple[Ratings, dict[str, Rating]]:
    ratings, reference = read([], Labels(subject.found, subject.annotator, {grader.name: grader}))
    found = next((r for (_, facet), r in reference.ratings.items() if facet == grader.primary), {})
    human = {item: rating for (item, _), rating in found.items() if rating.value is not None}
    return ratings, {item: human[item] for item in ratings.items if item in human}


@dataclass(frozen=True)
class _Fold:
    """A search's winner on the items that it was not shown, and all that the search kept."""

    number: int
    winner: Grader
    held_out: Mapping[str, Rating]
    kept: tuple[Kept, ...]


@dataclass
class _Work:
    grader: Grader
    plan: Search
    bench: Bench
    candidates: Candidates
    reflector: Any
    adapter: Any
    folder: Path

    @classmethod
    def of(cls, grader: Grader, bench: Bench, plan: Search, transcripts: Mapping[str, Transcript]) -> "_Work":
        from judge.iteration.improve.adapter import Adapter  # behind the check that gepa is there
        from judge.iteration.improve.reflection import Reflector

        asking, found = bench.asking, bench.subject.found
        digest = sha256(orjson.dumps([asking.model, asdict(plan), found.name, dict(asking.sampling)]))
        name = f"{grader.name[:40]}-{grader.sha256[:12]}-{digest.hexdigest()[:8]}"
        folder = asking.runs_dir / FOLDER / name
        candidates = Candidates(grader, folder / "candidates", list(transcripts.values()))
        reflector = Reflector(
            plan.reflect_with, asking.runs_dir, asking.purse, name, asking.settings, asking.patience
        )
        adapter = Adapter(candidates, bench, reflector, transcripts, plan.length_penalty)
        return cls(grader, plan, bench, candidates, reflector, adapter, folder)

    def fold(self, number: int, parts: Sequence[Sequence[str]]) -> _Fold:
        """Search without one part, and put the winner to it."""
        from judge.iteration.improve.search import search

        items = [item for k, part in enumerate(parts) if k != number for item in part]
        self.adapter.complaints.clear()  # each search is a search of its own
        found = search(
            self.adapter,
            items,
            rounds=self.plan.rounds,
            shown=self.plan.shown,
            seed=self.plan.seed + number,
            log=self.folder / f"search-{number + 1}.log",
        )
        kept = tuple(
            self._kept(number, body, found.scores[body], len(found.wins[body]), winner=body == found.best)
            for body in found.bodies
            if found.wins[body] or body == found.best
        )
        winner = self.candidates.grader(found.best)
        held_out = self.bench.answers(winner, parts[number])
        if len(held_out) < len(parts[number]):  # not paid for: then this fold speaks for the rubric as it is
            self.adapter.stopped = "--max-cost is spent"
            winner, held_out = self.grader, self.bench.answers(self.grader, parts[number])
        return _Fold(number, winner, held_out, kept)

    def _kept(self, number: int, body: str, score: float, wins: int, *, winner: bool) -> Kept:
        grader = self.candidates.grader(body)
        return Kept(str(grader.path), grader.sha256, number + 1, score, tokens(grader), wins, winner)

    def conclude(
        self, ratings: Ratings, outcomes: Sequence[_Fold], begun: Mapping[str, Rating]
    ) -> Improvement:
        pair = self._pair(ratings, begun, {k: r for fold in outcomes for k, r in fold.held_out.items()})
        tested = assess(pair)
        (verdict,) = verdicts([tested], [len(pair)])
        best = self._best(outcomes, begun)
        path = publish(best, self.grader.path) if best else None
        asking, subject = self.bench.asking, self.bench.subject
        comparison = None
        if best:
            runs = asking.run_of(self.grader, subject.found), asking.run_of(best, subject.found)
            labels = Labels(subject.found, subject.annotator, {self.grader.name: self.grader})
            comparison = compare_runs([runs], labels)
        made = Improvement(
            grader=self.grader.name,
            set=subject.found.name,
            model=asking.model,
            reflect_with=self.plan.reflect_with,
            front=tuple(kept for fold in outcomes for kept in fold.kept),
            cross_validated=verdict,
            test=tested,
            n=len(pair),
            file=path,
            comparison=comparison,
            stopped=self.adapter.stopped,
            spent_usd=asking.purse.spent,
            folder=self.folder,
        )
        with replacing(self.folder / "front.json") as file:
            file.write(orjson.dumps([asdict(kept) for kept in made.front], option=orjson.OPT_INDENT_2))
        return made

    def _pair(self, ratings: Ratings, before: Mapping[str, Rating], after: Mapping[str, Rating]) -> Pair:
        facet = self.grader.facets[self.grader.primary]
        items = tuple(ratings.items[item] for item in self.bench.human)
        return Pair(
            facet,
            True,
            facet.vocabulary,
            items,
            tuple(self.bench.human[item.id] for item in items),
            tuple(before.get(item.id, ABSENT) for item in items),
            tuple(after.get(item.id, ABSENT) for item in items),
            ratings.design(items),
            0,
        )

    def _best(self, outcomes: Iterable[_Fold], begun: Mapping[str, Rating]) -> Grader | None:
        """The winner with the highest score on all of dev, if it is above the original's; scored on what is paid for."""
        chosen, most = None, self._score(self.grader, begun)
        for winner in {fold.winner.sha256: fold.winner for fold in outcomes}.values():
            if winner.sha256 != self.grader.sha256:
                said = self.bench.answers(winner, list(self.bench.human))
                score = self._score(winner, said)
                if len(said) == len(self.bench.human) and score > most:
                    chosen, most = winner, score
        return chosen

    def _score(self, grader: Grader, said: Mapping[str, Rating]) -> float:
        weights = self.bench.weights()
        hits = sum(weights[k] * right(said.get(k), human) for k, human in self.bench.human.items())
        return hits / len(self.bench.human) - penalty(grader, self.candidates, self.plan.length_penalty)
