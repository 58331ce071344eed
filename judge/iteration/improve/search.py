"""One search: ``gepa`` on the items of all folds but one. It never sees the items that are held out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from gepa.api import optimize
from gepa.core.result import GEPAResult

from judge.iteration.improve.adapter import COMPONENT, Adapter, Disagreements, Outcome
from judge.runs import replacing


@dataclass(frozen=True)
class Found:
    """What a search brought: every candidate that it kept, the best of them first by mean score.

    ``wins``: candidate body to the items on which none scores higher, its place on the Pareto front; empty for none.
    """

    bodies: tuple[str, ...]
    scores: dict[str, float]
    wins: dict[str, tuple[str, ...]]
    parents: dict[str, tuple[str, ...]]

    @property
    def best(self) -> str:
        return max(self.bodies, key=lambda body: self.scores[body])


class _Log:
    """gepa's own account of a search, into a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def log(self, message: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(message + "\n")


def search(adapter: Adapter, items: Sequence[str], *, rounds: int, shown: int, seed: int, log: Path) -> Found:
    """Search from the original rubric for so many rounds, each with one proposal from so many items.

    Items serve both to learn from and to score on; what is held out is measured by the caller. The same seed asks the same
    questions, so that a search that was cut short goes on from the stored answers.
    """
    with replacing(log):
        pass  # a new account, for its owner alone
    result: GEPAResult[Outcome, int] = optimize(
        seed_candidate={COMPONENT: adapter.candidates.body},
        trainset=list(items),
        valset=list(items),
        adapter=cast("Any", adapter),  # its protocol wants an attribute where we have a method
        candidate_selection_strategy="pareto",
        batch_sampler=Disagreements(shown, seed),
        skip_perfect_score=False,
        stop_callbacks=_stop(adapter, rounds),
        logger=_Log(log),
        track_best_outputs=False,
        seed=seed,
    )
    return _found(result, items)


def _stop(adapter: Adapter, rounds: int) -> Any:
    """Before each round; gepa counts rounds from -1."""
    return lambda state: bool(adapter.stopped) or state.i + 1 >= rounds


def _found(result: GEPAResult[Outcome, int], items: Sequence[str]) -> Found:
    bodies = [candidate[COMPONENT] for candidate in result.candidates]
    wins: dict[str, list[str]] = {body: [] for body in bodies}
    for at, winners in result.per_val_instance_best_candidates.items():
        for winner in winners:
            wins[bodies[winner]].append(items[at])
    parents = {
        body: tuple(bodies[parent] for parent in row if parent is not None)
        for body, row in zip(bodies, result.parents, strict=True)
    }
    # The same text may have been proposed twice.
    scores = dict(zip(bodies, result.val_aggregate_scores, strict=True))
    return Found(
        tuple(dict.fromkeys(bodies)), scores, {body: tuple(won) for body, won in wins.items()}, parents
    )
