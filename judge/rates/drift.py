"""Has the judge changed?

It is asked on an anchor set: transcripts with hand labels that the judge labels again whenever its model, rubric or settings
change. What changes by itself from one asking to the next is the noise floor, known where a run has repeats. Whether what the
judge reads has changed is another question: ``judge.rates.inputs``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from judge.errors import UsageError
from judge.estimate import Estimate
from judge.rates.inputs import InputDrift, input_sections
from judge.rates.judges import differences
from judge.rates.labels import HandLabels, checked
from judge.rates.question import Answers, Asked
from judge.rates.sections import Section, p_value, shown
from judge.ratings import Rater
from judge.stats.drift import Drift, anchor
from judge.stats.paired import McNemar, Trio
from judge.stats.proportion import rate
from judge.stats.repeats import consistency
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import MISSING, Design, IntArray


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


def sections(found: Report) -> Iterator[Section]:
    """As tables: what changed in the judge, and in what it reads."""
    if found.judge is not None:
        yield from _judge_sections(found, found.judge)
    if found.inputs is not None:
        yield from input_sections(found.inputs, found.old, found.new)


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
    p = "" if test.p_exact is None else f", p {p_value(test.p_exact)}"
    gained = f"{test.only_second} gained, {test.only_first} lost"
    return f"{shown(found)} ({gained}{p})"
