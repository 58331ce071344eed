"""Has what the judge reads changed? Two runs by their answers, metadata and lengths; no hand labels are needed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from judge.estimate import Estimate
from judge.rates.question import NO_GROUP, Answers, Bools, fact
from judge.rates.sections import Section, p_value, shown
from judge.stats.differential import equality
from judge.stats.drift import Shift, input_shift
from judge.stats.multiplicity import adjust
from judge.stats.proportion import difference, rate
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import Design, FloatArray
from judge.transcript import Transcript

FEW_VALUES = 12
"""A key of the metadata with more values than this is no category."""
_OUTCOMES = {
    "flagged": "positive",
    "null": "null",
    "not applicable": "not_applicable",
    "no answer": "invalid",
}


@dataclass(frozen=True)
class ShareShift:
    """A share before and now, their difference, a test that they are equal, and Holm's p over everything tested."""

    name: str
    before: Estimate
    now: Estimate
    difference: Estimate
    p: float | None
    p_adjusted: float | None = None


@dataclass(frozen=True)
class InputDrift:
    """What the two runs' transcripts are like: shares of outcomes and of metadata values, and sizes where texts are known."""

    before: int
    now: int
    shares: tuple[ShareShift, ...]
    sizes: tuple[Shift, ...]


def inputs(
    old: Answers,
    new: Answers,
    texts: tuple[Mapping[str, Transcript], Mapping[str, Transcript]] | None = None,
    settings: Settings = DEFAULT,
) -> InputDrift:
    """Compare what two runs read and how they answered: flagged, without a label, failed; categories of the metadata; and
    lengths, where the transcripts are at hand.
    """
    columns = [(name, old.outcomes == word, new.outcomes == word) for name, word in _OUTCOMES.items()]
    columns += [
        (f"{key} = {value}", _has(old, key, value), _has(new, key, value))
        for key, value in _categories(old, new)
    ]
    both = Design(clusters=[f"{n}\0{name}" for n, side in enumerate((old, new)) for name in _clusters(side)])
    shares = tuple(
        _share(column, (old, new), both, settings) for column in columns if any(c.any() for c in column[1:])
    )
    sizes = [_sizes(side, texts[n] if texts else {}) for n, side in enumerate((old, new))]
    shifts = input_shift(sizes[0], sizes[1], (old.design, new.design), settings)
    every = [*(one.p for one in shares), *(one.p for one in shifts)]
    tested = [p for p in every if p is not None]
    adjusted = iter(adjust(tested, "holm"))
    return InputDrift(
        len(old),
        len(new),
        tuple(one if one.p is None else replace(one, p_adjusted=next(adjusted)) for one in shares),
        tuple(one if one.p is None else replace(one, p_adjusted=next(adjusted)) for one in shifts),
    )


def _share(
    column: tuple[str, Bools, Bools], sides: tuple[Answers, Answers], both: Design, settings: Settings
) -> ShareShift:
    name, before, now = column
    rates = rate(before, sides[0].design, settings), rate(now, sides[1].design, settings)
    names = np.repeat(["before", "now"], [len(before), len(now)])
    test = equality(np.concatenate([before, now]), names, both, settings)
    return ShareShift(name, *rates, difference(rates[1], rates[0]), test.p)


def _clusters(found: Answers) -> Sequence[str]:
    if found.design.clusters is None:
        return [item.id for item in found.items]
    return [str(name) for name in np.asarray(found.design.clusters)]


def _has(found: Answers, key: str, value: str) -> Bools:
    return np.array([(fact(item.metadata, key) or NO_GROUP) == value for item in found.items], dtype=np.bool_)


def _sizes(found: Answers, texts: Mapping[str, Transcript]) -> dict[str, FloatArray]:
    """Sizes of every transcript; nothing where some are not at hand."""
    read = [texts[item.id] for item in found.items if item.id in texts]
    if len(read) != len(found) or not read:
        return {}
    return {
        "characters": np.array([sum(len(m.text) for m in t.messages) for t in read], dtype=np.float64),
        "messages": np.array([len(t.messages) for t in read], dtype=np.float64),
    }


def _categories(old: Answers, new: Answers) -> Iterator[tuple[str, str]]:
    """Key and value of every key that both sides have and that takes few values."""
    values: dict[str, tuple[set[str], set[str]]] = {}
    for n, side in enumerate((old, new)):
        for item in side.items:
            for key in item.metadata:
                values.setdefault(key, (set(), set()))[n].add(fact(item.metadata, key) or NO_GROUP)
    for key, (before, now) in sorted(values.items()):
        if before and now and 1 < len(before | now) <= FEW_VALUES:
            yield from ((key, value) for value in sorted(before | now))


def input_sections(drift: InputDrift, old: str, new: str) -> Iterator[Section]:
    tested = sum(p is not None for p in (*(one.p for one in drift.shares), *(one.p for one in drift.sizes)))
    rows = tuple(
        (one.name, shown(one.before), shown(one.now), shown(one.difference), p_value(one.p_adjusted))
        for one in drift.shares
    )
    title = f"What was answered and read: {old} (n {drift.before}) and {new} (n {drift.now})"
    yield Section(title, ("share", "before", "now", "difference", "p (Holm)"), rows, (f"tests: {tested}",))
    if drift.sizes:
        sizes = tuple((one.name, shown(one.superiority), p_value(one.p_adjusted)) for one in drift.sizes)
        columns = ("size", "chance to be larger now", "p (Holm)")
        yield Section("Sizes", columns, sizes, ("0.5 is no shift",))
