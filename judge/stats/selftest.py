"""Is this installation sound? Published tables reproduced, and a short simulation of whether intervals cover.

Everything is compared with numbers that stand in ``golden.json`` beside this file, where their sources are named. The
simulation is a smoke test of 200 data sets: it notices an interval that is far too narrow, and no fine difference.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from judge.estimate import Estimate
from judge.stats.agreement import gwet, kappa
from judge.stats.alpha import Level, alpha
from judge.stats.choose import Evidence, choose
from judge.stats.confirmed import Flags, Sensitivity, confirmed_over_sensitivity, upper_limit
from judge.stats.distributions import clopper_pearson
from judge.stats.multiplicity import Method, adjust
from judge.stats.paired import mcnemar
from judge.stats.per_label import macro_f1, one_label, recall
from judge.stats.prevalence import corrected
from judge.stats.proportion import Counted, rate
from judge.stats.ratings import Chance, many_rater
from judge.stats.resample import Settings
from judge.stats.simulation import Group, World, coverage, draw, flags_of, truths
from judge.stats.tables import confusion, from_table

REPLICATES = 200
FLOOR = 0.93
_QUICK = Settings(replicates=200)
_WORLD = World(40, 5, 0.3, 0.95, 0.2)
_GROUP = Group(1e-3, 0.998, 100_000)
_LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval", "ratio")
_METHODS: tuple[Method, ...] = ("holm", "bh", "by")
_CHANCES: tuple[tuple[Chance, str], ...] = (
    ("gwet", "ac1"),
    ("fleiss", "fleiss"),
    ("uniform", "brennan_prediger"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """What was computed, what it had to be, and whether it was. ``expected`` and ``found`` are for people."""

    name: str
    expected: str
    found: str
    passed: bool


@cache
def golden_tables() -> dict[str, Any]:
    """Published tables, and what other programs gave for small data; see its own note."""
    loaded: dict[str, Any] = json.loads((Path(__file__).parent / "golden.json").read_text(encoding="utf-8"))
    return loaded


def _near(name: str, expected: float, found: float | None, within: float) -> Check:
    passed = found is not None and abs(found - expected) <= within
    return Check(name, f"{expected:.4g}", "undefined" if found is None else f"{found:.4g}", passed)


def golden() -> Iterator[Check]:
    """Every published number against ours."""
    published = golden_tables()["published"]
    for pair, table in published["pandalm"]["pairs"].items():
        found = kappa(from_table(table["counts"]), settings=_QUICK).value
        yield _near(f"PandaLM, kappa of {pair}", table["published_kappa"], found, 0.0101)
    judge = from_table(published["pandalm"]["majority-vs-gpt-3.5-turbo"]["counts"])
    yield _near("PandaLM, GPT-3.5, macro F1", 0.5755, macro_f1(judge, _QUICK).value, 5e-5)
    example = published["raw4raters"]
    codes = np.array([[-1 if r is None else r - 1 for r in row] for row in example["ratings"]])
    for chance, name in _CHANCES:
        found = many_rater(codes, 5, chance=chance, settings=_QUICK).value
        yield _near(f"Gwet's raw4raters, {name}", example["values"][name], found, 5e-6)
    for level in _LEVELS:
        expected = published["krippendorff_2011"]["alpha"][level]
        found = alpha(codes, 5, level, settings=_QUICK).value
        yield _near(f"Krippendorff 2011, {level} alpha", expected, found, 5e-4)
    paradox = from_table([[118, 5], [2, 0]])
    yield _near("kappa paradox, kappa", -0.023, kappa(paradox, settings=_QUICK).value, 5e-4)
    yield _near("kappa paradox, AC1", 0.941, gwet(paradox, settings=_QUICK).value, 5e-4)
    yield from _oracles(golden_tables()["oracle"]["tests"])


def _oracles(tests: dict[str, Any]) -> Iterator[Check]:
    for case in tests["mcnemar"]:
        yield _near(
            f"McNemar {case['b']}, {case['c']}", case["exact"], mcnemar(case["b"], case["c"]).p_exact, 1e-9
        )
    for case in tests["clopper_pearson"]:
        low, high = clopper_pearson(case["hits"], case["n"])
        yield _near(f"Clopper-Pearson {case['hits']} of {case['n']}, low", case["interval"][0], low, 1e-9)
        yield _near(f"Clopper-Pearson {case['hits']} of {case['n']}, high", case["interval"][1], high, 1e-9)
    for method in _METHODS:
        gap = np.abs(np.array(adjust(tests["p_values"], method)) - tests["adjusted"][method]).max()
        yield _near(f"adjusted p-values, {method}, largest gap", 0.0, float(gap), 1e-9)
    yield _near("R epiR, prevalence per 100 cows", 5.1, 100 * corrected(23 / 150, 0.96, 0.89), 0.05)
    nothing = Flags(Counted.of(0, 100_000), Counted.of(0, 0))
    yield _near(
        "zero of 100,000, sensitivity 45 of 50", 4.72e-5, upper_limit(nothing, Counted.of(45, 50)), 1e-7
    )


def _agreement(rng: np.random.Generator) -> Iterator[tuple[str, Estimate]]:
    drawn = draw(_WORLD, rng)
    table = confusion(drawn.human.astype(np.int64), drawn.judge.astype(np.int64), 2, drawn.design)
    yield "recall", recall(one_label(table, 1), _QUICK)
    yield "kappa", kappa(table, settings=_QUICK)
    yield "AC1", gwet(table, settings=_QUICK)
    yield "flag rate", rate(drawn.judge, drawn.design, _QUICK)


def _prevalence(rng: np.random.Generator) -> Iterator[tuple[str, Estimate]]:
    flags = flags_of(_GROUP, rng)
    se = Sensitivity(Counted.of(int(rng.binomial(100, _GROUP.sensitivity)), 100))
    yield "confirmed / Se", confirmed_over_sensitivity(flags, se)
    yield "confirmed / Se, strict", confirmed_over_sensitivity(flags, se, strict=True)
    yield "chosen", choose(Evidence(flags, "enriched", se)).estimate


def smoke(replicates: int = REPLICATES, seed: int = 1) -> Iterator[Check]:
    """Coverage in one clustered world, and of prevalence at one in a thousand."""
    rng = np.random.default_rng(seed)
    rare = dict.fromkeys(("confirmed / Se", "confirmed / Se, strict", "chosen"), _GROUP.prevalence)
    studies = (
        *coverage(_WORLD.name, lambda: _agreement(rng), truths(_WORLD), replicates),
        *coverage(_GROUP.name, lambda: _prevalence(rng), rare, replicates),
    )
    for result in studies:
        name = f"coverage of {result.name} in {result.cell}"
        lowest = FLOOR - 2.6 * (FLOOR * (1 - FLOOR) / replicates) ** 0.5
        passed = result.given > replicates / 2 and result.coverage >= lowest
        yield Check(
            name, f"at least {FLOOR:g}, to within noise {lowest:.3f}", f"{result.coverage:.3f}", bool(passed)
        )
