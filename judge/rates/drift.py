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
from judge.ratings import ABSENT, Rater, Rating
from judge.stats.drift import Drift, anchor
from judge.stats.paired import McNemar, Trio
from judge.stats.proportion import rate
from judge.stats.repeats import consistency
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import MISSING, Design, IntArray

_FAILED = 2
"""Beside 0 and 1, the label that does not count and the one that does."""


@dataclass(frozen=True)
class JudgeDrift:
    """The judge then and now on the same transcripts.

    ``changed`` is the share of answers that count otherwise than before (yes or no), ``answers`` the share that changed at
    all; from a label to a failure, or back, is a change. ``anchored`` is None without hand labels. ``flips`` is the
    self-flip rate, None without repeats. ``moves``: from label to label, most frequent first. ``unanswered``: transcripts
    without an answer before, and now; ``answering``: their test, ``only_first`` being those answered only before.
    """

    shared: int
    changed: Estimate
    answers: Estimate
    moves: tuple[tuple[str, str, int], ...]
    unanswered: tuple[int, int]
    answering: McNemar
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

    @property
    def gate(self) -> str:
        """Why this does not pass as the same judge; empty where no more changed than noise. What cannot be told fails."""
        if self.judge is None:
            return "cannot be told: the runs share no transcript"
        if self.judge.above_noise is None:
            return f"cannot be told: {_untold(self.judge)}"
        return "more answers changed than repeats flip" if self.judge.above_noise else ""


def _untold(drift: JudgeDrift) -> str:
    if drift.flips is None:
        return "neither run has repeats, so the noise is unknown (judge label --repeats 3)"
    if drift.flips.high is None:
        return f"the noise has no upper limit, {'; '.join(drift.flips.warnings)}"
    return f"the share of changed answers has no lower limit, {'; '.join(drift.changed.warnings)}"


def judge_drift(
    old: Answers, new: Answers, hand: HandLabels | None = None, settings: Settings = DEFAULT
) -> JudgeDrift:
    """Compare answers on the transcripts that both runs hold. Raises UsageError where there are none."""
    first, second = _aligned(old, new)
    asked, keep = first.asked, first.answered | second.answered
    words = [[_said(rating.value) for rating in side.ratings] for side in (first, second)]
    same = np.array([a == b for a, b in zip(*words, strict=True)], dtype=np.bool_)
    design = Design() if first.design.clusters is None else first.design
    flips = _floor((old.rater, new.rater), asked, first, settings)
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
        drift.unanswered,
        drift.answering,
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


def shared(old: Answers, new: Answers) -> set[str]:
    """Ids of the transcripts that both runs hold: one id, and one text as far as that is known."""
    before, now = old.rater.texts, new.rater.texts
    both = {item.id for item in old.items} & {item.id for item in new.items}
    return {name for name in both if name not in before or now.get(name, before[name]) == before[name]}


def _aligned(old: Answers, new: Answers) -> tuple[Answers, Answers]:
    both, place = shared(old, new), {item.id: n for n, item in enumerate(new.items)}
    keep = np.array([item.id in both for item in old.items], dtype=np.bool_)
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


def _floor(raters: tuple[Rater, Rater], asked: Asked, found: Answers, settings: Settings) -> Estimate | None:
    """The noise of the judge as it was, else as it is: one that has grown noisier must not excuse itself by it."""
    flips = [_flips(rater, asked, found, settings) for rater in raters]
    known = [one for one in flips if one is not None]
    return next((one for one in known if one.high is not None), known[0] if known else None)


def _flips(rater: Rater, asked: Asked, found: Answers, settings: Settings) -> Estimate | None:
    """How often two repeats of one question differ in whether the label counts, or in whether there is one.

    None without repeats. Transcripts that were never answered are left out, as they are among the changes.
    """
    samples = rater.samples
    if samples < 2:  # noqa: PLR2004
        return None
    rows = np.array(
        [
            [_code(asked, rater.rating(asked.key, item.id, sample)) for sample in range(samples)]
            for item in found.items
        ]
    )
    rows[~np.isin(rows, (0, 1)).any(axis=1)] = MISSING
    return consistency(rows, 3, found.design, settings).flips


def _code(asked: Asked, rating: Rating) -> int:
    if rating is ABSENT:
        return MISSING
    return _FAILED if rating.value is None else int(asked.hit(rating.value))


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
        ("no answer, before / now", _answering(drift)),
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


def _answering(drift: JudgeDrift) -> str:
    """How many failures there were and are, and whether that is more than chance."""
    before, now = drift.unanswered
    p = drift.answering.p_exact
    tested = "" if p is None else f", p {p_value(p)}"
    lost, regained = drift.answering.only_first, drift.answering.only_second
    return f"{before} / {now} ({lost} no longer answered, {regained} answered again{tested})"


def _tested(found: Estimate, test: McNemar) -> str:
    p = "" if test.p_exact is None else f", p {p_value(test.p_exact)}"
    gained = f"{test.only_second} gained, {test.only_first} lost"
    return f"{shown(found)} ({gained}{p})"
