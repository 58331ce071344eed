"""How often do the intervals hold the truth? Every interval in every world of `judge.stats.simulation`.

`python -m tests.stats.coverage` prints the table of docs/statistics.md; the slow tests run the same cells and hold them
to .93.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from judge.estimate import Estimate
from judge.stats.agreement import gwet, kappa, raw_agreement
from judge.stats.alpha import alpha
from judge.stats.bounds import upper_bound
from judge.stats.ceiling import human_ceiling
from judge.stats.choose import Evidence, choose
from judge.stats.confidence import confidence
from judge.stats.confirmed import Sensitivity, ceiling, confirmed_over_sensitivity, floor
from judge.stats.differential import within_strata
from judge.stats.paired import Trio, differences
from judge.stats.per_label import f1, macro_f1, one_label, precision, recall, specificity
from judge.stats.ppi import Labelled, ppi
from judge.stats.prevalence import Accuracy, lee, rogan_gladen, two_phase
from judge.stats.proportion import Counted, rate
from judge.stats.resample import Settings
from judge.stats.simulation import Drawn, Group, Result, World, coverage, draw, flags_of, truths
from judge.stats.tables import Design, confusion

SETTINGS = Settings(replicates=500)


def intervals(world: World, rng: np.random.Generator) -> Iterator[tuple[str, Estimate]]:
    """One estimate of each kind from one drawn data set."""
    d = draw(world, rng)
    human, judge, other = (x.astype(np.int64) for x in (d.human, d.judge, d.other))
    table = confusion(human, judge, 2, d.design)
    binary = one_label(table, 1)
    yield "raw", raw_agreement(table, SETTINGS)
    for name, of in (("recall", recall), ("specificity", specificity), ("precision", precision), ("F1", f1)):
        yield name, of(binary, SETTINGS)
    yield "macro F1", macro_f1(table, SETTINGS)
    yield "kappa", kappa(table, settings=SETTINGS)
    yield "AC1", gwet(table, settings=SETTINGS)
    yield "alpha", alpha(np.stack([human, judge], axis=1), 2, "nominal", design=d.design, settings=SETTINGS)
    yield "flag rate", rate(d.judge, d.design, SETTINGS)
    compared = differences(Trio(human, judge, other, 2), design=d.design, settings=SETTINGS)
    yield "agreement difference", compared.agreement
    yield "kappa difference", compared.kappa
    yield "recall difference", compared.recall[1]
    humans = np.stack([other, d.third.astype(np.int64)], axis=1)
    yield (
        "ceiling difference",
        human_ceiling(judge, humans, 2, design=d.design, settings=SETTINGS).pairs.difference,
    )
    halves, strata = rng.random(len(human)) < 0.5, rng.integers(0, 3, len(human))
    yield "within strata", within_strata(d.judge, halves, strata, d.design, SETTINGS)
    said = rng.choice([0.6, 0.9], len(human))
    found = confidence(said, d.human == d.judge, d.design, SETTINGS)
    assert found is not None
    yield "Brier", found.brier
    yield "PPI++", ppi(half_labelled(world, d, draw(world, rng)), SETTINGS)


def half_labelled(world: World, labelled: Drawn, rest: Drawn) -> Labelled:
    """One data set with human labels, and as much without them, in clusters of its own."""
    human, judge = (
        np.concatenate([labelled.human, rest.human]),
        np.concatenate([labelled.judge, rest.judge]),
    )
    clusters = np.arange(len(judge)) // world.size
    return Labelled(human, judge, Design(clusters=clusters), np.arange(len(judge)) < len(labelled.judge))


@dataclass(frozen=True)
class Enriched:
    """A population of which 200 flagged and ``unflagged`` other items are labelled, weighted by 1 / their chance."""

    world: World
    unflagged: int

    @property
    def name(self) -> str:
        kind = ", clusters of 10" if self.world.icc else ""
        return (
            f"{self.world.prevalence:g}, Se {self.world.sensitivity:g}{kind}, 200 flagged + {self.unflagged}"
        )


def enriched_intervals(plan: Enriched, rng: np.random.Generator) -> Iterator[tuple[str, Estimate]]:
    d = draw(plan.world, rng)
    human, judge = d.human.astype(np.int64), d.judge.astype(np.int64)
    pools = [np.flatnonzero(~d.judge), np.flatnonzero(d.judge)]
    sizes = [min(plan.unflagged, len(pools[0])), min(200, len(pools[1]))]
    chosen = np.concatenate(
        [rng.choice(pool, size, replace=False) for pool, size in zip(pools, sizes, strict=True)]
    )
    weights = np.repeat([len(pool) / size for pool, size in zip(pools, sizes, strict=True)], sizes)
    clusters = None if d.design.clusters is None else np.asarray(d.design.clusters)[chosen]
    design = Design(
        weights=weights, clusters=clusters
    )  # no strata: the target is the judge, not this population
    table = confusion(human[chosen], judge[chosen], 2, design)
    binary = one_label(table, 1)
    for name, of in (("recall", recall), ("specificity", specificity), ("precision", precision), ("F1", f1)):
        yield name, of(binary, SETTINGS)
    yield "kappa", kappa(table, settings=SETTINGS)
    yield "AC1", gwet(table, settings=SETTINGS)


def prevalence_intervals(group: Group, rng: np.random.Generator) -> Iterator[tuple[str, Estimate]]:
    flags = flags_of(group, rng)
    se = Sensitivity(Counted.of(int(rng.binomial(100, group.sensitivity)), 100))
    sp = Counted.of(int(rng.binomial(300, group.specificity)), 300)
    accuracy = Accuracy(se.found, sp)
    settings = Settings()
    yield "confirmed / Se", confirmed_over_sensitivity(flags, se, settings)
    yield "confirmed / Se, strict", confirmed_over_sensitivity(flags, se, settings, strict=True)
    yield "Lee et al.", lee(flags.flagged, accuracy, settings)
    yield "Rogan-Gladen", rogan_gladen(flags.flagged, accuracy, settings)
    yield "chosen", choose(Evidence(flags, "enriched", se, sp), settings).estimate
    lowest = floor(flags, settings)
    tau = group.prevalence * group.sensitivity
    yield (
        "floor",
        lowest if lowest.low is None or lowest.high is None else _moved(lowest, group.prevalence - tau),
    )
    if not group.clusters:
        yield "two-phase", two_phase(flags, settings)
        yield "ceiling", ceiling(flags, settings)
        hits = flags.confirmed.rate * flags.flagged.hits if flags.confirmed.n else 0.0
        yield "upper bound", upper_bound(Counted(hits, flags.flagged.n, group.n), se, settings)


def _moved(found: Estimate, by: float) -> Estimate:
    """The floor estimates pi Se, not pi: moved so that all rows are held against pi."""
    assert found.low is not None
    assert found.high is not None
    return Estimate(None, found.low + by, found.high + by)


@dataclass(frozen=True)
class Sampled:
    """A world's data set of which ``size`` items, a simple random sample, are labelled."""

    world: World
    size: int

    @property
    def name(self) -> str:
        return f"{self.world.name}, {self.size} labelled"

    def draw(self, rng: np.random.Generator) -> Labelled:
        d = draw(self.world, rng)
        known = np.zeros(len(d.human), dtype=np.bool_)
        known[rng.choice(len(known), self.size, replace=False)] = True
        return Labelled(d.human, d.judge, d.design, known)


def sampled_study(plan: Sampled, runs: int, seed: int = 1) -> list[Result]:
    rng = np.random.default_rng(seed)
    truth = {"PPI++": plan.world.prevalence}
    return coverage(plan.name, lambda: iter([("PPI++", ppi(plan.draw(rng), SETTINGS))]), truth, runs)


def study(world: World, runs: int, seed: int = 1) -> list[Result]:
    rng = np.random.default_rng(seed)
    return coverage(world.name, lambda: intervals(world, rng), truths(world), runs)


def enriched_study(plan: Enriched, runs: int, seed: int = 1) -> list[Result]:
    rng = np.random.default_rng(seed)
    return coverage(plan.name, lambda: enriched_intervals(plan, rng), truths(plan.world), runs)


def prevalence_study(group: Group, runs: int, seed: int = 1) -> list[Result]:
    rng = np.random.default_rng(seed)
    names = ["confirmed / Se", "confirmed / Se, strict", "Lee et al.", "Rogan-Gladen", "chosen", "floor"]
    names += ["two-phase", "ceiling", "upper bound"]
    truth = dict.fromkeys(names, group.prevalence)
    return coverage(group.name, lambda: prevalence_intervals(group, rng), truth, runs)


WORLDS = (
    (World(200, 1, 0.3, 0.95, 0), 400),
    (World(40, 5, 0.3, 0.95, 0.2), 400),
    (World(20, 10, 0.3, 0.95, 0.2), 400),
    (World(800, 1, 0.05, 0.98, 0), 300),
    (World(80, 10, 0.05, 0.98, 0.2), 300),
    (World(6000, 1, 0.005, 0.99, 0), 200),
    (World(600, 10, 0.005, 0.99, 0.2), 200),
    (World(20_000, 1, 1e-3, 0.998, 0), 150),
    (World(2000, 10, 1e-3, 0.998, 0.2), 150),
    (World(50_000, 1, 1e-4, 0.9995, 0), 80),
    (World(5000, 10, 1e-4, 0.9995, 0.2), 80),
)
ENRICHED = (
    (Enriched(World(5000, 1, 0.05, 0.95, 0), 300), 300),
    (Enriched(World(5000, 1, 0.05, 0.95, 0, sensitivity=0.6), 300), 300),
    (Enriched(World(500, 10, 0.05, 0.95, 0.2), 300), 300),
    (Enriched(World(20_000, 1, 0.005, 0.99, 0), 1000), 300),
    (Enriched(World(20_000, 1, 0.005, 0.99, 0, sensitivity=0.5), 1000), 300),
    (Enriched(World(100_000, 1, 1e-3, 0.998, 0), 1000), 200),
    (Enriched(World(10_000, 10, 1e-3, 0.998, 0.2), 1000), 200),
    (Enriched(World(200_000, 1, 1e-4, 0.9995, 0), 1000), 200),
)
SAMPLED = (
    (Sampled(World(2000, 1, 0.3, 0.95, 0), 600), 1500),
    (Sampled(World(200, 10, 0.3, 0.95, 0.2), 600), 1500),
    (Sampled(World(200, 10, 0.3, 0.95, 0.2), 1500), 1500),
    (Sampled(World(200, 10, 0.3, 0.95, 0.3), 600), 1500),
    (Sampled(World(100, 50, 0.3, 0.95, 0.2), 600), 1500),
    (Sampled(World(20, 50, 0.3, 0.95, 0.2), 300), 1500),
    (Sampled(World(200, 10, 0.05, 0.95, 0.2), 600), 1500),
)
GROUPS = (
    (Group(0.3, 0.95, 2000), 1000),
    (Group(0.3, 0.95, 2000, clusters=200, icc=0.2), 500),
    (Group(0.05, 0.95, 2000), 1000),
    (Group(0.05, 0.95, 2000, clusters=200, icc=0.2), 500),
    (Group(0.005, 0.99, 20_000), 1000),
    (Group(0.005, 0.99, 20_000, clusters=2000, icc=0.1), 500),
    (Group(1e-3, 0.998, 100_000), 1000),
    (Group(1e-3, 0.998, 50_000, clusters=5000, icc=0.1), 300),
    (Group(1e-4, 0.9995, 100_000), 1000),
    (Group(1e-4, 0.9995, 200_000, clusters=20_000, icc=0.1), 200),
    (Group(1e-4, 0.9999, 1_000_000), 1000),
)


def main() -> None:
    """Print Markdown rows: cell, interval, coverage, share refused, median width."""
    scale = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    for world, runs in WORLDS:
        for r in study(world, int(runs * scale)):
            sys.stdout.write(
                f"| {r.cell} | {r.name} | {r.coverage:.3f} | {r.refused:.2f} | {r.width:.3g} |\n"
            )
            sys.stdout.flush()
    for plan, runs in ENRICHED:
        for r in enriched_study(plan, int(runs * scale)):
            sys.stdout.write(
                f"| {r.cell} | {r.name} | {r.coverage:.3f} | {r.refused:.2f} | {r.width:.3g} |\n"
            )
            sys.stdout.flush()
    for sampled, runs in SAMPLED:
        for r in sampled_study(sampled, int(runs * scale)):
            sys.stdout.write(
                f"| {r.cell} | {r.name} | {r.coverage:.3f} | {r.refused:.2f} | {r.width:.3g} |\n"
            )
            sys.stdout.flush()
    for group, runs in GROUPS:
        for r in prevalence_study(group, int(runs * scale)):
            sys.stdout.write(
                f"| {r.cell} | {r.name} | {r.coverage:.3f} | {r.refused:.2f} | {r.width:.2g} |\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
