"""The words of a comparison: *better*, *worse*, *no difference shown*, and how many items would show one of this size.

"No difference shown" is not "no difference": on few items, or where the two differ seldom, nothing could have shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from judge.comparison.pairing import Pair
from judge.stats.multiplicity import adjust
from judge.stats.paired import McNemar, mcnemar, sign_flip
from judge.stats.planning import pairs_for_power
from judge.stats.tables import FloatArray

Word = Literal["better", "worse", "no difference shown"]
ALPHA = 0.05
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Tested:
    """Whether right answers changed, second judge against first.

    Args:
        name: ``exact McNemar``, or ``sign flips of whole clusters`` where items share clusters or carry weights.
        p: Two-sided; 1 where the two never differ.
        difference: Share of right answers, second minus first, weighted as the items are.
        needed: Items for a difference of this size to show with a chance of 80 %; None where none would.
    """

    name: str
    p: float
    difference: float
    only_first: int
    only_second: int
    needed: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A word, and the p-value behind it after Holm's correction for all tests of the comparison."""

    word: Word
    p: float
    tests: int
    text: str


def discordant(pair: Pair) -> McNemar:
    """Items that only the first, only the second got right."""
    first, second = pair.right(pair.first), pair.right(pair.second)
    return mcnemar(int((first & ~second).sum()), int((second & ~first).sum()))


def assess(pair: Pair, design_effect: float = 1.0, tests: int = 1) -> Tested:
    """Test one facet. McNemar takes items as independent, so it is used only where every item is its own cluster.

    ``needed`` allows for clusters (``design_effect``) and for Holm's correction at its strictest (``tests``).
    """
    found = discordant(pair)
    gain = pair.right(pair.second).astype(np.float64) - pair.right(pair.first).astype(np.float64)
    weights = np.ones(len(pair)) if pair.design.weights is None else np.asarray(pair.design.weights)
    difference = float((weights * gain).sum() / weights.sum()) if len(pair) else 0.0
    if found.p_exact is None:
        name, p = "exact McNemar", 1.0
    elif _simple(pair, weights):
        name, p = "exact McNemar", found.p_exact
    else:
        name, p = "sign flips of whole clusters", sign_flip(gain, pair.design).p
    needed = _needed(found, len(pair), design_effect, tests)
    return Tested(name, p, difference, found.only_first, found.only_second, needed)


def _simple(pair: Pair, weights: FloatArray) -> bool:
    clusters = pair.design.clusters
    alone = clusters is None or len(set(map(str, np.asarray(clusters)))) == len(pair)
    return alone and bool(np.ptp(weights) <= 1e-9 * weights.max())


def _needed(found: McNemar, n: int, design_effect: float, tests: int) -> int | None:
    if found.only_first == found.only_second:
        return None
    pairs = pairs_for_power(found.only_first / n, found.only_second / n, power=POWER, alpha=ALPHA / tests)
    return math.ceil(pairs * design_effect)


def verdicts(tests: Sequence[Tested], sizes: Sequence[int], alpha: float = ALPHA) -> list[Verdict]:
    """A verdict on each test of a family, such that the chance of any false claim is at most ``alpha``. ``sizes``: items."""
    adjusted = adjust([found.p for found in tests], "holm")
    return [
        Verdict(word := _word(found, p, alpha), p, len(tests), _text(word, found, p, n))
        for found, p, n in zip(tests, adjusted, sizes, strict=True)
    ]


def _word(found: Tested, p: float, alpha: float) -> Word:
    if p > alpha or not found.difference:
        return "no difference shown"
    return "better" if found.difference > 0 else "worse"


def _text(word: Word, found: Tested, p: float, n: int) -> str:
    counts = f"{found.only_second} of {n} items newly right, {found.only_first} newly wrong"
    if word != "no difference shown":
        return f"{word}: {counts} (p {_p(p)}, {found.name})"
    if not n:
        return f"{word}: no item with a hand label was answered for by both"
    if not found.only_first + found.only_second:
        return f"{word}: the two are right on the same items"
    if found.needed is None:
        return f"{word}: {counts}, as many one way as the other"
    return f"{word}: {counts} (p {_p(p)}, {found.name}); about {found.needed} items are needed to show one this size"


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004  (a matter of looks)
