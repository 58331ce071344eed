"""Judges and humans with known errors: worlds to draw data from, and how often intervals hold the truth there.

Clusters have their own prevalence and their own error rates, beta-distributed with the given correlation. The slow tests
draw from here, and so does ``judge.stats.selftest``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from judge.estimate import Estimate
from judge.stats.confirmed import Flags
from judge.stats.proportion import Counted, counted
from judge.stats.tables import Design

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class World:
    """Clusters of equal size; prevalence; sensitivity and specificity of two judges; correlation within clusters."""

    clusters: int
    size: int
    prevalence: float
    specificity: float
    icc: float
    sensitivity: float = 0.85
    second: tuple[float, float] = (0.7, 0.97)

    @property
    def name(self) -> str:
        return f"{self.prevalence:g}, {self.clusters} x {self.size}"


@dataclass(frozen=True)
class Drawn:
    human: Bools
    judge: Bools
    other: Bools
    third: Bools
    design: Design


def _by_cluster(world: World, share: float, rng: np.random.Generator) -> NDArray[np.float64]:
    if not world.icc:
        return np.full((world.clusters, 1), share)
    strength = 1 / world.icc - 1
    return rng.beta(share * strength, (1 - share) * strength, size=(world.clusters, 1))


def draw(world: World, rng: np.random.Generator) -> Drawn:
    """One data set; all arrays of shape (clusters * size,)."""
    shape = (world.clusters, world.size)

    def toss(share: float) -> Bools:
        return np.asarray(rng.random(shape) < _by_cluster(world, share, rng))

    truth = toss(world.prevalence)

    def answers(sensitivity: float, specificity: float) -> Bools:
        return np.where(truth, toss(sensitivity), ~toss(specificity)).reshape(-1)

    judge = answers(world.sensitivity, world.specificity)
    other = answers(*world.second)
    third = answers(*world.second)
    clusters = np.repeat(np.arange(world.clusters), world.size) if world.size > 1 else None
    return Drawn(truth.reshape(-1), judge, other, third, Design(clusters=clusters))


def _table(p: float, se: float, sp: float) -> NDArray[np.float64]:
    return np.array([[(1 - p) * sp, (1 - p) * (1 - sp)], [p * (1 - se), p * se]])


def _kappa(cells: NDArray[np.float64]) -> float:
    agreed, chance = np.trace(cells), cells.sum(axis=1) @ cells.sum(axis=0)
    return float((agreed - chance) / (1 - chance))


def _two_raters(p: float, first: tuple[float, float], second: tuple[float, float]) -> NDArray[np.float64]:
    """Joint shares of two raters who err independently given the truth."""
    yes = np.array([1 - first[0], first[0]]), np.array([1 - second[0], second[0]])
    no = np.array([first[1], 1 - first[1]]), np.array([second[1], 1 - second[1]])
    return p * np.outer(*yes) + (1 - p) * np.outer(*no)


def truths(world: World) -> dict[str, float]:
    """What each coefficient is, over infinitely many items of this world."""
    p, se, sp = world.prevalence, world.sensitivity, world.specificity
    cells = _table(p, se, sp)
    agreed = float(np.trace(cells))
    share = (cells.sum(axis=0)[1] + p) / 2
    other = _table(p, *world.second)
    chance = 2 * share * (1 - share)
    rare, common = 2 * cells[1, 1] / (2 * share), 2 * cells[0, 0] / (2 * (1 - share))
    between = _kappa(_two_raters(p, world.second, world.second))
    with_judge = _kappa(_two_raters(p, (se, sp), world.second))
    levels = np.array([0.6, 0.9])
    return {
        "raw": agreed,
        "recall": se,
        "specificity": sp,
        "precision": float(cells[1, 1] / cells[:, 1].sum()),
        "F1": float(rare),
        "macro F1": float((rare + common) / 2),
        "kappa": _kappa(cells),
        "AC1": float((agreed - chance) / (1 - chance)),
        "alpha": float(1 - (1 - agreed) / chance),
        "flag rate": float(cells[:, 1].sum()),
        "agreement difference": float(np.trace(other)) - agreed,
        "kappa difference": _kappa(other) - _kappa(cells),
        "recall difference": world.second[0] - se,
        "ceiling difference": with_judge - between,
        "within strata": 0.0,
        "Brier": float(agreed * ((1 - levels) ** 2).mean() + (1 - agreed) * (levels**2).mean()),
        "PPI++": p,
    }


@dataclass(frozen=True)
class Group:
    """A target of n transcripts, checked by hand as far as 200 flagged and 200 unflagged; Se from 100 positives."""

    prevalence: float
    specificity: float
    n: int
    sensitivity: float = 0.85
    clusters: int = 0
    icc: float = 0.0

    @property
    def name(self) -> str:
        return f"{self.prevalence:g}, N {self.n:,}" + (f" in {self.clusters:,}" if self.clusters else "")


def _counts(group: Group, rng: np.random.Generator) -> tuple[int, int, int]:
    """True positives flagged, false positives, misses."""
    positives = int(rng.binomial(group.n, group.prevalence))
    hits = int(rng.binomial(positives, group.sensitivity))
    return hits, int(rng.binomial(group.n - positives, 1 - group.specificity)), positives - hits


def flags_of(group: Group, rng: np.random.Generator) -> Flags:
    """What was flagged and what checking showed; in a clustered group every flag is checked and nothing audited."""
    if group.clusters:
        return _clustered_flags(group, rng)
    hits, false, missed = _counts(group, rng)
    flagged = hits + false
    checked, audited = min(flagged, 200), min(group.n - flagged, 200)
    return Flags(
        Counted.of(flagged, group.n),
        Counted.of(int(rng.hypergeometric(hits, false, checked)) if checked else 0, checked),
        Counted.of(int(rng.hypergeometric(missed, group.n - flagged - missed, audited)), audited),
    )


def _clustered_flags(group: Group, rng: np.random.Generator) -> Flags:
    """All flagged items checked; clusters differ in prevalence and in false positives."""
    world = World(
        group.clusters,
        group.n // group.clusters,
        group.prevalence,
        group.specificity,
        group.icc,
        group.sensitivity,
    )
    d = draw(world, rng)
    of_flagged = d.design.at(d.judge)
    return Flags(counted(d.judge, d.design), counted(d.human[d.judge], of_flagged))


@dataclass(frozen=True)
class Result:
    """Coverage among data sets where an interval was given, the share where none was, and the median width."""

    cell: str
    name: str
    coverage: float
    refused: float
    width: float
    given: int


def coverage(
    cell: str, make: Callable[[], Iterator[tuple[str, Estimate]]], truth: dict[str, float], runs: int
) -> list[Result]:
    held: dict[str, list[bool]] = {}
    widths: dict[str, list[float]] = {}
    for _ in range(runs):
        for name, found in make():
            held.setdefault(name, [])
            widths.setdefault(name, [])
            if found.low is not None and found.high is not None:
                slack = 1e-12
                held[name].append(found.low - slack <= truth[name] <= found.high + slack)
                widths[name].append(found.high - found.low)
    return [
        Result(
            cell,
            name,
            float(np.mean(inside)) if inside else float("nan"),
            1 - len(inside) / runs,
            float(np.median(widths[name])) if inside else float("nan"),
            len(inside),
        )
        for name, inside in held.items()
    ]
