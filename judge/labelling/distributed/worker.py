"""A shard's labelling in a process of its own, on whatever machine that is."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from judge import __version__, project
from judge.errors import JudgeError, UsageError
from judge.labelling.asking import Purchases
from judge.labelling.dataset import Dataset
from judge.labelling.distributed.line import Line, Listen, SharedBudget, SharedGate, SharedJournal, Tell
from judge.labelling.job import Options
from judge.labelling.pipeline import End, Labelling, Means, Plan
from judge.labelling.progress import Progress
from judge.labelling.shard import Shard
from judge.providers import connect
from judge.providers.settings import Settings

REPORT_EVERY = 0.5
"""Seconds between two notes of where a worker stands."""

_KEYS = {"openai_api_key", "anthropic_api_key", "judge_api_key"}


@dataclass(frozen=True)
class Task:
    """What a worker needs to know. No key is in it: keys come from the environment of the worker's machine."""

    plan: Plan
    dataset: Dataset
    """With its shard, and a source by its absolute path."""
    model: str
    settings: Mapping[str, Any]
    facts: str
    """The project file's text; empty where there is none."""
    version: str = __version__


@dataclass(frozen=True)
class Outcome:
    """How a shard ended. ``error`` is what made it impossible to go on."""

    end: End
    progress: Progress
    purchases: Purchases
    dataset: Dataset
    note: str = ""
    error: JudgeError | None = None


def without_keys(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(exclude=_KEYS)


def task_for(plan: Plan, dataset: Dataset, shard: Shard, options: Options) -> Task:
    """One shard's task, to be read on any machine: paths are absolute, and the project file goes along."""
    path, facts = Path(dataset.source), Path(project.FILE_NAME)
    return Task(
        plan=plan,
        dataset=replace(
            dataset,
            source=str(path.resolve()) if path.exists() else dataset.source,
            shard=shard,
            skipped=[],
            census={},
        ),
        model=options.model,
        settings=without_keys(options.settings),
        facts=facts.read_text(encoding="utf-8") if facts.is_file() else "",
    )


def label_shard(task: Task, tell: Tell, listen: Listen, place: str) -> Outcome:
    """Label a shard. Never raises a JudgeError: such a one is part of the outcome.

    Args:
        task: What to do.
        tell: Hands messages to the desk.
        listen: Waits for its replies.
        place: What this machine is called in errors.
    """
    dataset = replace(task.dataset, skipped=[], census={})
    try:
        _check(task, place)
        settings = Settings.load(**task.settings)  # looks for keys here, before the directory changes
        with _facts(task.facts):
            return asyncio.run(_label(replace(task, dataset=dataset), settings, Line(tell, listen)))
    except JudgeError as error:
        return Outcome("complete", Progress(), Purchases(), dataset, error=_placed(error, place))


def _check(task: Task, place: str) -> None:
    if task.version != __version__:
        raise UsageError(
            "a worker has another version of judge",
            where=place,
            found=__version__,
            expected=task.version,
            do="install the same version on all machines of the cluster",
        )
    source = task.dataset.source
    if not source.startswith("hf:") and not Path(source).exists():
        raise UsageError(
            "a worker cannot read the source",
            where=place,
            found=f"no {source} on that machine",
            expected="a path that is the same file on every machine, or hf:owner/name",
            do="put the source on storage that all machines share",
        )


def _placed(error: JudgeError, place: str) -> JudgeError:
    """The same error, saying where it happened."""
    placed = copy(error)
    placed.where = f"{place}: {error.where}" if error.where else place
    return placed if place not in error.where else error


@contextlib.contextmanager
def _facts(text: str) -> Iterator[None]:
    """Have the project file of whoever started the run be the one that counts here."""
    path = Path.cwd() / project.FILE_NAME
    if (path.read_text(encoding="utf-8") if path.is_file() else "") == text:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="judge-") as folder, contextlib.chdir(folder):
        if text:
            Path(project.FILE_NAME).write_text(text, encoding="utf-8")
        yield


async def _label(task: Task, settings: Settings, line: Line) -> Outcome:
    provider = connect(task.model, settings)
    plan = task.plan
    try:
        async with line:
            means = Means(
                SharedGate(line, plan.in_flight), SharedBudget(line, plan.max_cost), SharedJournal(line)
            )
            labelling = Labelling(plan, provider, means)
            line.stopped = lambda reason: labelling.stop("interrupted", reason)
            reporting = asyncio.create_task(_report(line, labelling))
            try:
                end = await labelling.run(task.dataset)
            finally:
                reporting.cancel()
        return Outcome(end, labelling.progress, labelling.purchases, task.dataset, labelling.progress.note)
    finally:
        await provider.close()


async def _report(line: Line, labelling: Labelling) -> None:
    while True:
        await asyncio.sleep(REPORT_EVERY)
        line.say("standing", copy(labelling.progress), copy(labelling.purchases))


def place() -> str:
    """What this machine is called in errors."""
    return (
        f"worker {os.getpid()} on {os.uname().nodename}" if hasattr(os, "uname") else f"worker {os.getpid()}"
    )
