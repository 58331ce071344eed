"""What workers ask of the run's store, done where the store is."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from judge.errors import JudgeError
from judge.labelling.asking import Purchases
from judge.labelling.distributed.desk import Message, Reply, Rhythm
from judge.labelling.journal import Journal
from judge.labelling.shard import part
from judge.store import CompletionRow, Finished, Row


class AskDesk(Protocol):
    """Calls a method of the desk, wherever that is. Raises JudgeError where the desk is lost."""

    async def __call__(self, what: str, *given: Any) -> Any: ...


class Keeper:
    """Fetches the desk's orders and delivers what comes of them.

    Args:
        ask: The desk.
        journal: The one writer of the run's store.
        purchases: Told what was bought when it is on disk.
        workers: In how many parts the run is.
    """

    def __init__(self, ask: AskDesk, journal: Journal, purchases: Purchases, workers: int) -> None:
        self._ask, self._journal, self._purchases = ask, journal, purchases
        self._workers = workers
        self.records: Counter[int] = Counter()
        """How many were written, by the number of the part."""
        self._replies: list[Reply] = []
        self._rhythm = Rhythm()
        self._tasks: set[asyncio.Task[None]] = set()
        self._delivering: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Until it is cancelled."""
        try:
            while True:
                for order in await self._ask("orders"):
                    self._spawn(self._do(order))
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _do(self, order: Message) -> None:
        number, what, given = order
        try:
            reply: Reply = (number, await self._done(what, *given), None)
        except Exception as error:  # noqa: BLE001  (it is the worker's to deal with)
            reply = (number, None, error)
        self._replies.append(reply)
        if self._delivering is None:
            self._delivering = self._spawn(self._deliver())

    async def _done(self, what: str, *given: Any) -> Any:
        match what, given:
            case "write", [rows]:
                return await self._write(rows)
            case "answer", [key]:
                return await self._journal.answer(key)
            case "finished", [run, texts]:
                return [await self._finished(run, *text) for text in texts]
            case "has_records", [run]:
                return self._journal.store.has_records(run)
        raise AssertionError(what)

    async def _finished(self, run: str, transcript_id: str, fingerprint: str) -> Finished:
        await asyncio.sleep(0)  # among hundreds, commits and Ctrl-C have their turn
        return self._journal.store.finished(run, transcript_id, fingerprint)

    async def _write(self, rows: Sequence[Row]) -> None:
        waiting = [self._journal.append(row) for row in rows]
        await asyncio.shield(waiting[-1])
        for row in rows:
            if isinstance(row, CompletionRow):
                self._purchases.sent += 1
                self._purchases.usage += row.usage
                self._purchases.cost += row.cost
            else:
                self.records[part(row.transcript_id, self._workers)] += 1

    async def _deliver(self) -> None:
        try:
            while self._replies:
                await self._rhythm.beat()
                replies, self._replies = self._replies, []
                await self._ask("deliver", replies)
        except JudgeError:
            pass  # the desk is lost, and ``serve`` says so
        finally:
            self._delivering = None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
