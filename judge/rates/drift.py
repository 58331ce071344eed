"""Has the judge changed, or what it reads?

The first question is answered on an anchor set: transcripts with hand labels that the judge labels again whenever its model,
rubric or settings change. What changes by itself from one asking to the next is the noise floor, known where a run has
repeats. The second is answered by two runs alone: lengths, answers, failures and what the metadata says.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from judge.errors import UsageError
from judge.estimate import Estimate
from judge.rates.judges import differences
from judge.rates.labels import HandLabels, checked
from judge.rates.question import Answers, Asked, Bools
from judge.rates.sections import Section, shown
from judge.ratings import Rater
from judge.stats.differential import equality
from judge.stats.drift import Drift, Shift, anchor, input_shift
from judge.stats.multiplicity import adjust
from judge.stats.paired import McNemar, Trio
from judge.stats.proportion import difference, rate
from judge.stats.repeats import consistency
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import MISSING, Design, FloatArray, IntArray
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
class JudgeDrift:
    """The judge then and now on the same transcripts.

    ``changed`` is the share of answers that count otherwise than before (yes or no), ``answers`` the share that changed at
    all. ``anchored`` is None without hand labels. ``flips`` is the self-flip rate, None without repeats. ``moves``: from
    label to label, most frequent first.
    """

    shared: int
    changed: Estimate
    answers: Estimate
    moves: tuple[tuple[str, str, int], ...]
    flips: Estimate | None
    above_noise: bool | None
    anchored: Drift | None
    changed_settings: tuple[str, ...]
    warnings: tuple[str, ...]


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


@dataclass(frozen=True)
class Report:
    question: str
    old: str
    new: str
    judge: JudgeDrift | None
    inputs: InputDrift | None


def judge_drift(
    old: Answers, new: Answers, hand: HandLabels | None = None, settings: Settings = DEFAULT
) -> JudgeDrift:
    """Compare answers on the transcripts that both runs hold. Raises UsageError where there are none."""
    first, second = _aligned(old, new)
    asked, keep = first.asked, first.answered & second.answered
    words = [[_said(rating.value) for rating in side.ratings] for side in (first, second)]
    same = np.array([a == b for a, b in zip(*words, strict=True)], dtype=np.bool_)
    design = Design() if first.design.clusters is None else first.design
    flips = _flips(new.rater, asked, second, settings) or _flips(old.rater, asked, first, settings)
    codes = _codes(first), _codes(second)
    truth = np.full(len(first), MISSING, dtype=np.int64)
    if hand is not None:
        part = checked(first, hand)
        truth[part.known] = part.truth[part.known]
    trio = Trio(truth, codes[0], codes[1], 2)
    drift = anchor(trio, flips, design, settings)
    moves: dict[tuple[str, str], int] = {}
    for a, b, inside in zip(*words, keep, strict=True):
        if inside and a != b:
            moves[a, b] = moves.get((a, b), 0) + 1
    return JudgeDrift(
        len(first),
        drift.changed,
        rate(~same[keep], design.at(keep), settings),
        tuple((a, b, n) for (a, b), n in sorted(moves.items(), key=lambda move: -move[1])),
        flips,
        drift.above_noise,
        drift if hand is not None else None,
        _changed(old.rater, new.rater, asked.grader.name),
        tuple(w for w in drift.warnings if hand is not None or not w.startswith("anchor-small"))
        + (hand.warnings if hand is not None else ()),
    )


def _changed(old: Rater, new: Rater, grader: str) -> tuple[str, ...]:
    if old.manifest is None or new.manifest is None:
        return ()
    return differences(old.manifest, new.manifest, grader)


def _codes(found: Answers) -> IntArray:
    codes = found.flagged.astype(np.int64)
    codes[~found.answered] = MISSING
    return codes


def _said(value: str | tuple[str, ...] | None) -> str:
    if value is None:
        return "(no answer)"
    return value if isinstance(value, str) else "+".join(sorted(value)) or "(no label)"


def _aligned(old: Answers, new: Answers) -> tuple[Answers, Answers]:
    place = {item.id: n for n, item in enumerate(new.items)}
    keep = np.array([item.id in place for item in old.items], dtype=np.bool_)
    if not keep.any():
        raise UsageError(
            "the runs share no transcript, so the judge cannot be compared with itself",
            found=f"{old.rater.name} and {new.rater.name}",
            do="label the anchor set again with the new judge; --inputs compares what two runs read",
        )
    first = old.at(keep)
    order = np.array([place[item.id] for item in first.items])
    ratings = tuple(new.ratings[n] for n in order)
    return first, Answers(new.rater, new.asked, first.items, ratings, new.outcomes[order], first.design)


def _flips(rater: Rater, asked: Asked, found: Answers, settings: Settings) -> Estimate | None:
    """How often two repeats of one question differ in whether the label counts; None without repeats."""
    if rater.samples < 2:  # noqa: PLR2004
        return None
    rows = [
        [_code(asked, rater.rating(asked.key, item.id, sample).value) for sample in range(rater.samples)]
        for item in found.items
    ]
    return consistency(np.array(rows), 2, found.design, settings).flips


def _code(asked: Asked, value: str | tuple[str, ...] | None) -> int:
    return MISSING if value is None else int(asked.hit(value))


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
    tested = [found.p for found in (*shares, *shifts) if found.p is not None]
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
    return np.array([str(item.metadata.get(key)) == value for item in found.items], dtype=np.bool_)


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
            for key, value in item.metadata.items():
                values.setdefault(key, (set(), set()))[n].add(str(value))
    for key, (before, now) in sorted(values.items()):
        if before and now and 1 < len(before | now) <= FEW_VALUES:
            yield from ((key, value) for value in sorted(before | now))


def sections(found: Report) -> Iterator[Section]:
    """As tables: what changed in the judge, and in what it reads."""
    if found.judge is not None:
        yield from _judge_sections(found, found.judge)
    if found.inputs is not None:
        yield from _input_sections(found, found.inputs)


def _judge_sections(found: Report, drift: JudgeDrift) -> Iterator[Section]:
    rows = [
        ("answers that count otherwise", shown(drift.changed)),
        ("answers that changed at all", shown(drift.answers)),
        (
            "the judge's own flips between repeats",
            shown(drift.flips) if drift.flips else "unknown: no repeats",
        ),
        ("more than noise", {True: "yes", False: "no", None: "cannot tell"}[drift.above_noise]),
    ]
    if drift.anchored is not None:
        accuracy = drift.anchored.accuracy
        positives, negatives = accuracy.correct_by_label[1], accuracy.correct_by_label[0]
        rows += [
            ("sensitivity, now minus before", _tested(accuracy.recall[1], positives)),
            ("specificity, now minus before", _tested(accuracy.recall[0], negatives)),
            ("agreement with people, now minus before", _tested(accuracy.agreement, accuracy.correct)),
        ]
    settings = ", ".join(drift.changed_settings) or "nothing that the manifests record"
    notes = (f"changed between the runs: {settings}", *drift.warnings)
    title = f"{found.question}: {found.old} against {found.new}, {drift.shared} transcripts in both"
    yield Section(title, ("", "estimate"), tuple(rows), notes)
    if drift.moves:
        moves = tuple((a, b, str(n)) for a, b, n in drift.moves)
        yield Section("Which answers changed", ("before", "now", "transcripts"), moves)


def _tested(found: Estimate, test: McNemar) -> str:
    p = "" if test.p_exact is None else f", p {_p(test.p_exact)}"
    gained = f"{test.only_second} gained, {test.only_first} lost"
    return f"{shown(found)} ({gained}{p})"


def _input_sections(found: Report, drift: InputDrift) -> Iterator[Section]:
    tested = sum(one.p is not None for one in (*drift.shares, *drift.sizes))
    rows = tuple(
        (one.name, shown(one.before), shown(one.now), shown(one.difference), _p(one.p_adjusted))
        for one in drift.shares
    )
    title = f"What was answered and read: {found.old} (n {drift.before}) and {found.new} (n {drift.now})"
    yield Section(title, ("share", "before", "now", "difference", "p (Holm)"), rows, (f"tests: {tested}",))
    if drift.sizes:
        sizes = tuple((one.name, shown(one.superiority), _p(one.p_adjusted)) for one in drift.sizes)
        columns = ("size", "chance to be larger now", "p (Holm)")
        yield Section("Sizes", columns, sizes, ("0.5 is no shift",))


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
