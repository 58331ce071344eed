"""The side of a distributed run where the command was typed: it hands out shards, and keeps what the workers buy.

The run's store is here and nowhere else. So a worker's machine can go, with its disk, and nothing that was committed goes
with it: the shard is given to another worker, which finds in the store what is done and buys the rest.
"""

import asyncio
import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from judge.errors import JudgeError, UsageError
from judge.labelling.asking import Purchases
from judge.labelling.budget import Budget
from judge.labelling.dataset import Dataset
from judge.labelling.distributed.keeper import Keeper
from judge.labelling.distributed.worker import Outcome, Task, task_for
from judge.labelling.gate import Gate
from judge.labelling.interrupts import interrupts
from judge.labelling.job import Options
from judge.labelling.journal import Journal
from judge.labelling.pipeline import End, Plan, spent
from judge.labelling.progress import Progress
from judge.labelling.shard import Shard
from judge.request import Capabilities, Provider
from judge.store import Store

LOOK_EVERY = 0.5
"""Seconds between two looks at where the workers stand."""

ATTEMPTS = 5
"""So many workers in a row may be lost over one shard without a row of it having been kept; then something is wrong."""

SLOW_START = 20.0
"""Seconds after which it is said that workers still wait for a place."""


class WorkerLost(Exception):  # noqa: N818  (what happened, in the cluster's words)
    """A worker's process or machine is gone."""


class Cluster(Protocol):
    """Where the desk and the workers are."""

    async def ask(self, what: str, *given: Any) -> Any:
        """Call a method of the desk. Raises JudgeError where the desk is lost."""

    async def work(self, task: Task, name: str) -> Outcome:
        """Have a worker label a shard. Raises WorkerLost."""

    async def leave(self) -> None:
        """Give everything up that is still there."""


Connect = Callable[[int, Capabilities, float | None, float], Cluster]
"""From a desk's arguments to the cluster that it is on."""


class Fleet:
    """One invocation of a run, on several workers. Read like ``Labelling`` by whoever shows its progress."""

    def __init__(
        self, connect: Connect, workers: int, options: Options, plan: Plan, made: tuple[Provider, Store]
    ) -> None:
        provider, self._store = made
        self.plan = plan
        self.progress = Progress()
        self.purchases = Purchases()
        self.budget = Budget(plan.max_cost)
        self.gate = Gate(1)
        self.begun = threading.Event()
        self.end: End = "complete"
        self.because = ""
        self._options, self._workers = options, workers
        self._connect = partial(
            connect, plan.in_flight * workers, provider.capabilities, plan.max_cost, spent(self._store, plan)
        )
        self._cluster: Cluster
        self._begun = time.monotonic()
        self._error: BaseException | None = None
        self._standings: dict[str, tuple[Progress, Purchases]] = {}
        self._models_of_lost = Purchases()
        self._keeper: Keeper
        self._whole: dict[str, Any] = {}
        """What the first part to end counted: the others must have read the same."""
        self._stopping: asyncio.Task[None] | None = None

    async def run(self, dataset: Dataset) -> End:
        """Make every record that is missing; returns how it ended, and raises what made it impossible to go on."""
        self._cluster = self._connect()
        try:
            with interrupts(self._interrupt):
                async with Journal(self._store) as journal:
                    await self._work(dataset, journal)
        except asyncio.CancelledError:
            if self.end != "interrupted":
                raise
        finally:
            await self._cluster.leave()
        if self._error is not None:
            raise self._error
        return self.end

    async def _work(self, dataset: Dataset, journal: Journal) -> None:
        self._keeper = Keeper(self._cluster.ask, journal, self.purchases, self._workers)
        helpers = [asyncio.create_task(self._keeper.serve()), asyncio.create_task(self._look())]
        shards = [asyncio.create_task(self._shard(dataset, n)) for n in range(1, self._workers + 1)]
        work = asyncio.ensure_future(_all(shards))
        try:
            await asyncio.wait([work, *helpers], return_when=asyncio.FIRST_COMPLETED)
            for task in (work, *helpers):
                if task.done():
                    task.result()
            with contextlib.suppress(JudgeError):
                self._count(await self._cluster.ask("standings"))
            await journal.flush()
        finally:
            left = [*helpers, *shards, *([self._stopping] if self._stopping else [])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    # Shards

    async def _shard(self, dataset: Dataset, number: int) -> None:
        shard = Shard(number, self._workers)
        task = task_for(self.plan, dataset, shard, self._options)
        attempt, kept, in_vain = 0, 0, 0
        while True:
            attempt += 1
            name = f"{number}.{attempt}"
            await self._cluster.ask("join", name)
            try:
                outcome = await self._cluster.work(task, name)
            except WorkerLost as lost:
                await self._cluster.ask("gone", name)
                self._models_of_lost.add(_unpaid(self._standings.pop(name, (Progress(), Purchases()))[1]))
                before, kept = kept, self._keeper.records[number]
                in_vain = 0 if kept > before else in_vain + 1
                if self.end != "complete":
                    return
                if in_vain >= ATTEMPTS:
                    self._fail(_lost_again_and_again(shard, lost))
                    return
                self._say(
                    f"the worker of part {shard} is lost ({lost}); another one goes on with what it had kept"
                )
                continue
            self._standings[name] = (outcome.progress, outcome.purchases)
            await self._cluster.ask("gone", name)
            self._ended(outcome, dataset)
            return

    def _ended(self, outcome: Outcome, dataset: Dataset) -> None:
        if outcome.error is not None:
            self._fail(outcome.error)
        elif outcome.end != "complete":
            self._stop(outcome.end, outcome.note)
        dataset.skipped[:] = outcome.dataset.skipped or dataset.skipped
        whole = outcome.dataset.census.get("whole")
        self._whole = first = self._whole or whole or {}
        if whole and first != whole:
            self._fail(
                UsageError(
                    "the workers did not read the same transcripts",
                    where=dataset.source,
                    found=f"{first['transcripts']} and {whole['transcripts']} transcripts, or other ids",
                    do="see that the source is the same file on every machine; then run the same command again",
                )
            )

    # Where it stands

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            begun = await self._cluster.ask("standings")
            self._count(begun)
            self.gate.pause(await self._cluster.ask("resting"))
            if len(self._standings) < self._workers and time.monotonic() - self._begun > SLOW_START:
                self._note(
                    f"{len(self._standings)} of {self._workers} workers have begun; the others wait for a place in the cluster"
                )

    def _count(self, standings: dict[str, tuple[Progress, Purchases]]) -> None:
        """Add up what the workers say. What was bought is counted where it is kept, all but the names of models."""
        self._standings |= standings
        if standings:
            self.begun.set()
        parts = [progress for progress, _ in self._standings.values()]
        self.progress.made = sum((part.made for part in parts), Counter())
        self.progress.kept = sum((part.kept for part in parts), Counter())
        self.progress.waiting = sum(part.waiting for part in parts)
        latest = max(parts, key=lambda part: part.noted_at, default=self.progress)
        if standings and latest.note and latest.note != self.progress.note:
            self._note(latest.note)
        told = Purchases()
        for bought in (self._models_of_lost, *(bought for _, bought in self._standings.values())):
            told.add(bought)
        self.purchases.from_store, self.purchases.models = told.from_store, told.models

    def _note(self, note: str) -> None:
        self.progress.note, self.progress.noted_at = note, time.monotonic()

    def _say(self, text: str) -> None:
        self._note(text)
        self._options.say(text)

    # How it ends

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error
        self._stop("interrupted", "stopping: one of the workers cannot go on")

    def _stop(self, end: End, note: str) -> None:
        if self.end == "complete":
            self.end, self.because = end, "" if end == "interrupted" else note
            self._note(note)
            self._stopping = asyncio.create_task(self._tell_to_stop(note))

    async def _tell_to_stop(self, note: str) -> None:
        with contextlib.suppress(JudgeError):  # a desk that is lost is told of by who needs it
            await self._cluster.ask("stop", note)

    def _interrupt(self) -> None:
        self._stop("interrupted", "interrupted: waiting for answers that are under way (again to drop them)")


async def _all(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks)


def _unpaid(purchases: Purchases) -> Purchases:
    """Without what is counted where it is kept."""
    return Purchases(from_store=purchases.from_store, models=purchases.models)


def _lost_again_and_again(shard: Shard, lost: WorkerLost) -> JudgeError:
    return JudgeError(
        f"the worker of part {shard} was lost {ATTEMPTS} times without getting anywhere",
        found=str(lost),
        do="look at the cluster's logs (memory, above all); what was bought is kept, and the same command goes on",
    )
