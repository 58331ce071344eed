"""All groups of all runs on one question, compared with one of them: what ``judge rate`` shows and writes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from math import isfinite
from typing import Any

import numpy as np

from judge.errors import UsageError
from judge.rates.accuracy import Accuracy
from judge.rates.change import Change, changes
from judge.rates.labels import Checked
from judge.rates.prevalence import Basis, GroupRate, group_rate
from judge.rates.question import Answers
from judge.stats.bounds import SENSITIVITY_FLOOR
from judge.stats.reasons import merge, reason
from judge.stats.resample import DEFAULT, Settings
from judge.stats.sampling import CoreCheck

MOST_GROUPS = 50


@dataclass(frozen=True, eq=False)
class Target:
    """One run's answers, the hand labels of its transcripts, the judge's accuracy (overall, where applicable), and what
    the random core of the labels tells beside all of them.
    """

    answers: Answers
    checked: Checked
    accuracy: Accuracy | None = None
    accuracy_applicable: Accuracy | None = None
    core: CoreCheck | None = None
    warnings: tuple[str, ...] = ()
    """What is to be said of the hand labels."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to split and compare. ``threshold`` and ``sensitivity_floor`` have to be set before looking."""

    by: str | None = None
    against: str | None = None
    threshold: float = 0.0
    sensitivity_floor: float = SENSITIVITY_FLOOR
    settings: Settings = DEFAULT


@dataclass(frozen=True)
class Report:
    """The result: groups in order, and all others against the first or the named one.

    ``labels``: which count as positive. ``judges``: run to model. ``threshold``: 0 where none was set.
    """

    question: str
    labels: tuple[str, ...]
    by: str | None
    judges: dict[str, str]
    groups: tuple[GroupRate, ...]
    changes: tuple[Change, ...]
    accuracy: tuple[Accuracy, ...]
    core: dict[str, CoreCheck]
    threshold: float
    sensitivity_floor: float
    level: float
    warnings: tuple[str, ...]


def report(targets: Sequence[Target], plan: Plan) -> Report:
    """Rates of every group of every target. Raises UsageError where groups cannot be formed."""
    if not targets:
        raise UsageError("there is no run to take a rate of")
    groups = [group for target in targets for group in _groups(target, plan, several=len(targets) > 1)]
    shared = _shared(targets)
    against = _reference(groups, plan.against)
    compared = () if shared else changes(groups, against, plan.sensitivity_floor, plan.settings)
    accuracies = {id(t.accuracy): t.accuracy for t in targets if t.accuracy is not None}
    first = targets[0].answers
    return Report(
        str(first.asked),
        first.asked.positive,
        plan.by,
        {target.answers.rater.name: target.answers.rater.model for target in targets},
        tuple(groups),
        compared,
        tuple(accuracies.values()),
        {target.answers.rater.name: target.core for target in targets if target.core is not None},
        plan.threshold,
        plan.sensitivity_floor,
        plan.settings.level,
        _warnings(targets, shared),
    )


def _warnings(targets: Sequence[Target], shared: int) -> tuple[str, ...]:
    found: tuple[str, ...] = (reason("shared-items", f"{shared}"),) if shared else ()
    found = merge(found, *(target.warnings for target in targets))
    differing = [t.answers.rater.name for t in targets if t.core is not None and t.core.agree is False]
    return (*found, reason("core-differs", ", ".join(differing))) if differing else found


def _groups(target: Target, plan: Plan, *, several: bool) -> list[GroupRate]:
    found, run = target.answers, target.answers.rater.name
    names = found.groups(plan.by)
    values = sorted((str(name) for name in np.unique(names)), key=natural)
    if len(values) > MOST_GROUPS:
        raise UsageError(
            f"{plan.by} has {len(values)} values", expected=f"at most {MOST_GROUPS}", do="choose another key"
        )
    basis = Basis(target.accuracy, target.accuracy_applicable, plan.threshold)
    result = []
    for value in values:
        inside = np.asarray(names == value)
        rate = group_rate(found.at(inside), target.checked.at(inside), basis, value, plan.settings)
        result.append(rate if not (several and value) else _named(rate, f"{run}/{value}"))
    return result


def natural(name: str) -> list[tuple[int, float, str]]:
    """``step-20`` before ``step-100``."""
    parts = re.split(r"(\d+)", name)
    return [(1, float(part), "") if part.isdecimal() else (0, 0.0, part) for part in parts]


def _named(rate: GroupRate, name: str) -> GroupRate:
    return GroupRate(**{**{f.name: getattr(rate, f.name) for f in fields(rate)}, "group": name})


def _shared(targets: Sequence[Target]) -> int:
    """How many transcripts two targets have in common: of one id, and of one text as far as that is known."""
    seen: dict[str, set[str]] = {}
    twice = 0
    for target in targets:
        for item in target.answers.items:
            before = seen.setdefault(item.id, set())
            text = target.answers.rater.texts.get(item.id, "")
            twice += bool(before) and (not text or "" in before or text in before)
            before.add(text)
    return twice


def _reference(groups: Sequence[GroupRate], name: str | None) -> GroupRate:
    if name is None:
        return groups[0]
    for group in groups:
        if name in {group.group, group.name}:
            return group
    raise UsageError("there is no such group", found=name, expected=", ".join(group.name for group in groups))


def plain(value: Any) -> Any:
    """A result as what JSON can hold: dataclasses as objects, infinite numbers as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
