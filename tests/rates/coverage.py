"""Do the rates that `judge rate` prints hold the truth? From a drawn run through labels to the interval.

`python -m tests.rates.coverage` prints the table of docs/rates.md; the slow tests hold the cells to .93.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from judge.estimate import Estimate
from judge.eval_sets import Card
from judge.rates.accuracy import Accuracy, accuracy
from judge.rates.change import changes
from judge.rates.labels import checked
from judge.rates.prevalence import Basis, GroupRate, group_rate
from judge.rates.selection import select, select_random
from judge.stats.sampling import Plan
from judge.stats.simulation import Result, World, coverage, draw
from tests.rates.worlds import answers, hand, hand_of, part_of

ENRICHED = Card(selection="enriched", origin="natural")


def calibrated(world: World, rng: np.random.Generator) -> Accuracy:
    """A set of 100 positives and 300 negatives, chosen by their truth."""
    truth = np.arange(400) < 100
    flagged = np.where(truth, rng.random(400) < world.sensitivity, rng.random(400) > world.specificity)
    found = answers(flagged)
    known = hand(found, truth, range(400), ENRICHED)
    return accuracy(found, checked(found, known), known)


def all_flags(world: World, rng: np.random.Generator) -> GroupRate:
    """Every flag looked at, sensitivity from elsewhere."""
    d = draw(world, rng)
    found = answers(d.judge, d.design)
    flags = np.flatnonzero(d.judge)
    part = part_of(found, d.human, list(flags)) if len(flags) else checked(found, None)
    return group_rate(found, part, Basis(calibrated(world, rng)))


def uncorrected(world: World, rng: np.random.Generator) -> GroupRate:
    """Nothing looked at: sensitivity and specificity from elsewhere."""
    d = draw(world, rng)
    found = answers(d.judge, d.design)
    return group_rate(found, checked(found, None), Basis(calibrated(world, rng)))


def batch(world: World, rng: np.random.Generator, *, second: bool, size: int, with_set: bool) -> GroupRate:
    """What `judge select` draws, labelled; with a second judge the strata are finer than flagged and not."""
    d = draw(world, rng)
    found = answers(d.judge, d.design)
    other = answers(d.other, d.design) if second else None
    drawn = select(found, Plan(size, int(rng.integers(1 << 30))), second=other)
    truth = {item.id: bool(yes) for item, yes in zip(found.items, d.human, strict=True)}
    basis = Basis(calibrated(world, rng)) if with_set else Basis()
    return group_rate(found, checked(found, hand_of(drawn, truth)), basis)


def random_sample(world: World, rng: np.random.Generator, *, size: int) -> GroupRate:
    """A simple random sample, labelled."""
    d = draw(world, rng)
    found = answers(d.judge, d.design)
    drawn = select_random(found, Plan(size, int(rng.integers(1 << 30))))
    truth = {item.id: bool(yes) for item, yes in zip(found.items, d.human, strict=True)}
    return group_rate(found, checked(found, hand_of(drawn, truth)), Basis())


Way = Callable[[World, np.random.Generator], GroupRate]


@dataclass(frozen=True)
class Cell:
    """A world, a way to labels, and how many data sets."""

    name: str
    world: World
    way: Way
    runs: int


def _intervals(cell: Cell, rng: np.random.Generator) -> Iterator[tuple[str, Estimate]]:
    view = cell.way(cell.world, rng).overall
    yield view.choice.estimator, view.choice.estimate
    yield "any", view.choice.estimate
    yield "ceiling", view.choice.ceiling


def cell_study(cell: Cell, seed: int = 1) -> list[Result]:
    rng = np.random.default_rng(seed)
    names = ("ppi", "two_phase", "stratified", "confirmed_over_sensitivity", "lee", "none", "any", "ceiling")
    truth = dict.fromkeys(names, cell.world.prevalence)
    name = f"{cell.name}: {cell.world.name}"
    return coverage(name, lambda: _intervals(cell, rng), truth, cell.runs)


@dataclass(frozen=True)
class Drop:
    """Two groups of n transcripts, the second's prevalence a share of the first's; every flag checked."""

    first: World
    ratio: float
    runs: int

    @property
    def second(self) -> World:
        f = self.first
        return World(f.clusters, f.size, f.prevalence * self.ratio, f.specificity, f.icc, f.sensitivity)


def drop_study(drop: Drop, seed: int = 1) -> tuple[list[Result], float]:
    """Coverage of the ratio, and how often the word is ``reduced``."""
    rng = np.random.default_rng(seed)
    words: list[bool] = []

    def make() -> Iterator[tuple[str, Estimate]]:
        groups = [all_flags(world, rng) for world in (drop.first, drop.second)]
        change = changes(groups, groups[0])[0]
        words.append(change.word == "reduced")
        yield change.what, change.ratio.estimate

    truth = dict.fromkeys(("confirmed hits", "confirmed rate", "corrected prevalence"), drop.ratio)
    results = coverage(f"ratio {drop.ratio:g}: {drop.first.name}", make, truth, drop.runs)
    return results, float(np.mean(words))


_RARE = (
    (World(2000, 1, 0.3, 0.95, 0), 200),
    (World(200, 10, 0.3, 0.95, 0.2), 300),
    (World(2000, 1, 0.05, 0.95, 0), 200),
    (World(200, 10, 0.05, 0.95, 0.2), 200),
    (World(20_000, 1, 0.005, 0.99, 0), 150),
    (World(2000, 10, 0.005, 0.99, 0.1), 150),
    (World(50_000, 1, 1e-3, 0.998, 0), 100),
    (World(5000, 10, 1e-3, 0.998, 0.1), 100),
    (World(100_000, 1, 1e-4, 0.9995, 0), 60),
    (World(10_000, 10, 1e-4, 0.9995, 0.1), 60),
)
_COMMON = _RARE[:4]
CELLS = (
    *(Cell("every flag checked, set for Se", world, all_flags, runs) for world, runs in _RARE),
    *(Cell("nothing checked, set for Se and Sp", world, uncorrected, runs) for world, runs in _COMMON),
    *(
        Cell("batch of 400", world, partial(batch, second=False, size=400, with_set=False), runs)
        for world, runs in _RARE[:6]
    ),
    *(
        Cell("batch of 400, two judges", world, partial(batch, second=True, size=400, with_set=False), runs)
        for world, runs in _RARE[:6]
    ),
    *(
        Cell("batch of 400, set for Se", world, partial(batch, second=False, size=400, with_set=True), runs)
        for world, runs in _RARE[4:8]
    ),
    *(Cell("random sample of 600", world, partial(random_sample, size=600), runs) for world, runs in _COMMON),
)
DROPS = (
    Drop(World(20_000, 1, 0.005, 0.99, 0), 1.0, 100),
    Drop(World(20_000, 1, 0.005, 0.99, 0), 0.3, 100),
    Drop(World(2000, 10, 0.005, 0.99, 0.1), 1.0, 100),
    Drop(World(2000, 10, 0.005, 0.99, 0.1), 0.3, 100),
    Drop(World(50_000, 1, 1e-3, 0.998, 0), 0.3, 60),
)


def main() -> None:
    """Print Markdown rows: cell, interval, coverage, share without one, median width."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0

    def show(found: list[Result]) -> None:
        for r in found:
            sys.stdout.write(
                f"| {r.cell} | {r.name} | {r.coverage:.3f} ({r.given}) | {r.refused:.2f} | {r.width:.2g} |\n"
            )
        sys.stdout.flush()

    for cell in CELLS:
        show(cell_study(Cell(cell.name, cell.world, cell.way, max(1, int(cell.runs * scale)))))
    for drop in DROPS:
        results, reduced = drop_study(Drop(drop.first, drop.ratio, max(1, int(drop.runs * scale))))
        show(results)
        sys.stdout.write(f"  called reduced: {reduced:.3f}\n")


if __name__ == "__main__":
    main()
