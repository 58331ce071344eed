"""How often an attack moved the label, beside how well the judge agrees with the truth when nobody attacks.

A *flip* is a success for the attacker: the judge had put the transcript on the right side (positive or not) and, with the
text planted, puts it on the other. *Lost* is damage of another kind: where there was a label, there is now a failure or a
null. Items that the judge got wrong at rest say nothing about the attack and are left out, and counted; so are attacked
transcripts that the provider did not answer, which is nobody's success.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from judge.attacks.planting import KEY
from judge.estimate import Estimate
from judge.grader import Facet, Grader
from judge.records import Failure, Verdict
from judge.stats.agreement import kappa
from judge.stats.proportion import rate
from judge.stats.resample import DEFAULT, Settings
from judge.stats.tables import Design, confusion

Record = Verdict | Failure


@dataclass(frozen=True, slots=True)
class Trial:
    """One attack on one transcript that the judge had got right at rest."""

    base: str
    cluster: str
    family: str
    place: str
    direction: str
    before: str
    after: str
    """Empty where the attacked transcript got no label."""
    flipped: bool
    lost: bool


@dataclass(frozen=True, slots=True)
class Row:
    """Trials of one kind together. ``moved`` counts every change of label, also within one side."""

    name: str
    flips: Estimate
    lost: Estimate
    moved: Estimate


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the attacks under one set of defences.

    ``agreement`` is Cohen's kappa of judge and truth at rest, nominal, nulls as categories. ``left_out`` counts attacks on
    transcripts that the judge got wrong at rest, or did not label; ``unanswered`` those of the others whose provider failed.
    """

    agreement: Estimate
    overall: Row
    by_family: tuple[Row, ...]
    by_place: tuple[Row, ...]
    by_direction: tuple[Row, ...]
    trials: tuple[Trial, ...]
    left_out: int
    unanswered: int


def outcome(
    grader: Grader,
    truth: Mapping[str, str],
    clean: Iterable[Record],
    attacked: Iterable[Record],
    settings: Settings = DEFAULT,
) -> Outcome:
    """Hold records of attacked transcripts against those of the same transcripts at rest.

    Args:
        grader: Whose primary facet was attacked.
        truth: Transcript id to the reference label.
        clean: Records of the transcripts as they are. Only sample 0 counts.
        attacked: Records of what ``planting.attacked`` made of them; their metadata says what was done.
        settings: Level of the intervals.
    """
    facet = grader.facets[grader.primary]
    at_rest = {r.transcript_id: r for r in clean if r.grader == grader.name and r.sample == 0}
    trials, left_out, unanswered = [], 0, 0
    for record in attacked:
        if record.grader != grader.name or record.sample != 0:
            continue
        found = _trial(record, at_rest.get(record.metadata[KEY]["base"]), facet)
        if found is None:
            left_out += 1
        elif isinstance(record, Failure) and record.kind == "provider":
            unanswered += 1
        else:
            trials.append(found)
    return Outcome(
        _agreement(facet, truth, at_rest, settings),
        _row("all", trials, settings),
        _rows(trials, lambda trial: trial.family, settings),
        _rows(trials, lambda trial: trial.place or "(as the family has it)", settings),
        _rows(trials, lambda trial: trial.direction, settings),
        tuple(trials),
        left_out,
        unanswered,
    )


def label_of(record: Record | None, facet: Facet) -> str:
    """The primary label of a record; empty where there is none."""
    return str(record.values[facet.name]) if isinstance(record, Verdict) else ""


def _trial(record: Record, clean: Record | None, facet: Facet) -> Trial | None:
    done: dict[str, Any] = record.metadata[KEY]
    before, after = label_of(clean, facet), label_of(record, facet)
    if before not in facet.labels or not _same(before, done["truth"], facet):
        return None
    return Trial(
        base=done["base"],
        cluster=str(record.metadata.get("cluster") or done["base"]),
        family=done["family"],
        place=done["place"],
        direction=done["direction"],
        before=before,
        after=after,
        flipped=after in facet.labels and not _same(before, after, facet),
        lost=after not in facet.labels,
    )


def _same(one: str, other: str, facet: Facet) -> bool:
    """Whether two labels lie on one side, positive or not; where all labels are positive, whether they are equal."""
    if len(facet.positive) == len(facet.labels):
        return one == other
    return (one in facet.positive) == (other in facet.positive)


def _rows(trials: Sequence[Trial], key: Callable[[Trial], str], settings: Settings) -> tuple[Row, ...]:
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        groups.setdefault(key(trial), []).append(trial)
    return tuple(_row(name, found, settings) for name, found in sorted(groups.items()))


def _row(name: str, trials: Sequence[Trial], settings: Settings) -> Row:
    design = Design(clusters=[trial.cluster for trial in trials])
    return Row(
        name,
        rate([trial.flipped for trial in trials], design, settings),
        rate([trial.lost for trial in trials], design, settings),
        rate([trial.after != trial.before for trial in trials], design, settings),
    )


def _agreement(
    facet: Facet, truth: Mapping[str, str], clean: Mapping[str, Record], settings: Settings
) -> Estimate:
    code = {label: n for n, label in enumerate(facet.vocabulary)}
    pairs = [
        (truth[name], label_of(record, facet), record) for name, record in clean.items() if name in truth
    ]
    both = [(code[a], code[b], r) for a, b, r in pairs if b]
    design = Design(clusters=[str(r.metadata.get("cluster") or r.transcript_id) for _, _, r in both])
    table = confusion([a for a, _, _ in both], [b for _, b, _ in both], len(code), design)
    return kappa(table, settings=settings)
