"""How many labels, transcripts or pairs: the questions that have to be answered before anything is paid for."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from judge.errors import UsageError
from judge.rates.sections import Section, number, percent
from judge.stats.bounds import SENSITIVITY_FLOOR, rate_ratio
from judge.stats.distributions import clopper_pearson_upper
from judge.stats.planning import (
    Expected,
    kappa_width,
    labels_for_width,
    n_for_zero_bound,
    n_to_see_one,
    pairs_for_power,
)
from judge.stats.proportion import Counted

_MOST_LABELS = 10_000_000


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is expected of judge and data.

    Args:
        width: Half width wanted for a share; kappa's full width is twice that.
        prevalence: Share of transcripts with the label.
        sensitivity: Of the judge.
        specificity: Of the judge.
        bound: Upper bound wanted where nothing is found.
        found: Positives that the judge found, of how many known: what stands behind its sensitivity in the bound.
        design_effect: How many clustered items are worth one independent one.
        discordant: Share of items that exactly one of two judges gets right, and how unevenly it splits.
        split: Share of the discordant items that the better one gets right.
        level: Of the intervals.
    """

    width: float = 0.1
    prevalence: float = 0.05
    sensitivity: float = 0.9
    specificity: float = 0.95
    bound: float = 1e-3
    found: tuple[int, int] = (45, 50)
    design_effect: float = 1.0
    discordant: float = 0.1
    split: float = 0.7
    level: float = 0.95

    def check(self) -> None:
        """Raises UsageError for what cannot be planned with."""
        for name in ("width", "prevalence", "sensitivity", "specificity", "bound", "discordant"):
            value = getattr(self, name)
            if not 0 < value <= 1 or (value == 1 and name in {"width", "prevalence", "bound"}):
                raise UsageError(
                    "no such plan", found=f"{name} {value:g}", expected="a share between 0 and 1"
                )
        if not 0.5 < self.split <= 1:  # noqa: PLR2004  (at a half there is no difference)
            raise UsageError("no difference to detect", found=f"split {self.split:g}", expected="above 0.5")
        if self.design_effect < 1:
            raise UsageError("no such design effect", found=f"{self.design_effect:g}", expected="1 or more")


@dataclass(frozen=True, slots=True)
class Answer:
    """A question of somebody who plans, the number, of what, and what it assumes."""

    question: str
    number: int
    unit: str
    given: str


def plan(assumed: Assumed) -> tuple[Answer, ...]:
    """All answers under the same assumptions. Raises UsageError."""
    assumed.check()
    return (*_labels(assumed), *_transcripts(assumed), *_comparisons(assumed))


def _labels(a: Assumed) -> Iterator[Answer]:
    se, sp, pi = a.sensitivity, a.specificity, a.prevalence
    flagged = pi * se + (1 - pi) * (1 - sp)
    positives = _width(a, se)
    yield Answer(f"sensitivity to within {a.width:g}", positives, "labelled positives", f"Se {se:g}")
    yield Answer(
        "the same, by labelling at random", ceil(positives / pi), "labels", f"prevalence {percent(pi)}"
    )
    yield Answer(f"specificity to within {a.width:g}", _width(a, sp), "labelled negatives", f"Sp {sp:g}")
    ppv = pi * se / flagged
    given = f"{percent(ppv)} of flags are right"
    yield Answer(
        f"share of flags that are right, to within {a.width:g}", _width(a, ppv), "flags checked", given
    )
    yield Answer(
        f"kappa with an interval {2 * a.width:g} wide",
        ceil(_kappa(a) * a.design_effect),
        "random labels",
        f"prevalence {percent(pi)}, Se {se:g}, Sp {sp:g}",
    )
    misses = pi * (1 - se) / (1 - flagged) if flagged < 1 else 0.0
    yield (
        Answer(
            "misses bounded at twice their rate, none found",
            _none_found(2 * misses, a),
            "unflagged checked",
            f"{number(misses)} of unflagged are misses",
        )
        if misses
        else Answer("misses bounded", 0, "unflagged checked", "a perfect sensitivity has none")
    )


def _transcripts(a: Assumed) -> Iterator[Answer]:
    once = n_to_see_one(a.prevalence, a.sensitivity, a.level)
    yield Answer(
        f"one true hit or more, with {a.level:.0%}",
        ceil(once * a.design_effect),
        "transcripts judged",
        f"prevalence {number(a.prevalence)}, Se {a.sensitivity:g}",
    )
    found = Counted.of(*a.found)
    yield Answer(
        f"prevalence below {number(a.bound)} if nothing is found",
        ceil(n_for_zero_bound(a.bound, found, a.level) * a.design_effect),
        "transcripts judged",
        f"{a.found[0]} of {a.found[1]} known positives found",
    )


def _comparisons(a: Assumed) -> Iterator[Answer]:
    better, worse = a.discordant * a.split, a.discordant * (1 - a.split)
    yield Answer(
        "a better judge, with 80 % power",
        ceil(pairs_for_power(worse, better) * a.design_effect),
        "labels, both judges on each",
        f"{percent(a.discordant)} right in one only, split {a.split:g}",
    )
    hits = _hits_before()
    each = ceil(hits / (a.prevalence * a.sensitivity) * a.design_effect)
    yield Answer(
        "`reduced`, if nothing is left afterwards",
        hits,
        "confirmed hits before",
        f"same n on both sides, sensitivity at least {SENSITIVITY_FLOOR:g} of what it was",
    )
    yield Answer(
        "the same, in transcripts",
        each,
        "transcripts judged on each side",
        f"prevalence {number(a.prevalence)} before",
    )


def _width(a: Assumed, share: float) -> int:
    return labels_for_width(share, a.width, design_effect=a.design_effect, level=a.level)


def _kappa(a: Assumed) -> int:
    """The width falls with the square root of n, so one value tells all."""
    at = 1000
    wide = kappa_width(Expected(a.prevalence, a.sensitivity, a.specificity), at, a.level)
    return min(_MOST_LABELS, ceil(at * (wide / (2 * a.width)) ** 2))


def _none_found(limit: float, a: Assumed) -> int:
    n = 1
    while clopper_pearson_upper(0, n, a.level) > limit and n < _MOST_LABELS:
        n *= 2
    low, high = n // 2, n
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (low, middle) if clopper_pearson_upper(0, middle, a.level) <= limit else (middle, high)
    return ceil(high * a.design_effect)


def _hits_before() -> int:
    """Fewest hits before for which none afterwards leave the tipping point below the floor."""
    hits = 1
    while rate_ratio(Counted.of(hits, 10_000), Counted.of(0, 10_000)).upper >= SENSITIVITY_FLOOR:
        hits += 1
    return hits


def sections(answers: tuple[Answer, ...], assumed: Assumed) -> Iterator[Section]:
    """As one table."""
    rows = tuple((answer.question, f"{answer.number:,}", answer.unit, answer.given) for answer in answers)
    effect = f"design effect {assumed.design_effect:g}"
    yield Section(
        "How many",
        ("to know", "needs", "of", "if"),
        rows,
        (
            f"intervals at {assumed.level:.0%}, {effect}",
            "count positives, not rows: at a low prevalence nearly all random labels go to negatives; judge select draws better",
        ),
    )
