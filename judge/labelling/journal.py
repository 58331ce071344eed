"""Group commit: many coroutines write, one thread commits, and each goes on only when its row is on disk.

While one commit is under way the rows of the next gather, so the cost of a durable write is shared by all that wait for
it, whatever the disk's speed.
"""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from judge.dialects import decode
from judge.errors import ProviderError, StoreError
from judge.labelling.feed import Item
from judge.labelling.resuming import Done, lacking
from judge.request import Completion
from judge.store import Finished, Row, Store
from judge.store.trouble import damaged

MAX_QUEUED = 1000


class NotYet(Exception):  # noqa: N818  (a state, not an error)
    """The request is in a batch that is under way, or waits to be put into one: its answer will come in another way."""


class GroupCommit(ABC):
    """The one way to what is kept, within an event loop. Use as an async context manager; leaving it writes what is left.

    Where things are kept is the business of whoever derives from it.
    """

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._committed: asyncio.Future[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._failed: Exception | None = None

    @abstractmethod
    async def answer(self, key: str) -> Completion | None:
        """The stored answer, or None: then it is the caller's to buy.

        Whoever has got None either commits the answer or calls ``release``. Raises NotYet where a batch is to bring it.
        """

    @abstractmethod
    async def finished(self, run: str, transcript_id: str, fingerprint: str) -> Finished:
        """What the run holds of this very text and need not be done again."""

    @abstractmethod
    def lacking(
        self, items: Iterable[Item], run: str, wanted: Done, keep: Callable[[Iterable[str]], None]
    ) -> Iterable[Item | None]:
        """The transcripts that lack a record of those wanted, as far as reading can tell.

        ``finished`` says it of each, and is asked once for each that comes out. ``keep`` is told the states of the records
        that are found to be there.
        """

    @abstractmethod
    def release(self, key: str) -> None:
        """The answer will not come: somebody else may buy it."""

    @abstractmethod
    async def _put(self, rows: Sequence[Row]) -> None:
        """Commit rows together, durably."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        cancelled = False
        while self._writing is not None:  # whatever is cancelled, what was paid for is written first
            try:
                await asyncio.shield(self._writing)
            except asyncio.CancelledError:
                cancelled = True
        if cancelled:
            raise asyncio.CancelledError

    async def commit(self, row: Row) -> None:
        """Return when the row is on disk; raise the StoreError if it could not be written."""
        # Shielded: a cancelled waiter must not cancel the future that its neighbours wait for.
        await asyncio.shield(self.append(row))

    def append(self, row: Row) -> asyncio.Future[None]:
        """Queue a row without waiting for it; ``flush`` reports whether all such rows arrived."""
        self._rows.append(row)
        if self._committed is None:
            self._committed = asyncio.get_running_loop().create_future()
        committed = self._committed
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return committed

    async def room(self) -> None:
        """Wait while more rows are queued than a commit should hold, so that no backlog grows with the dataset."""
        if len(self._rows) > MAX_QUEUED and self._committed is not None:
            with contextlib.suppress(Exception):  # whoever needs to know of a failure learns it from flush
                await asyncio.shield(self._committed)

    async def flush(self) -> None:
        """Wait until every queued row is on disk; raise the first StoreError that any of them met."""
        if self._writing is not None:
            await asyncio.shield(self._writing)
        if self._failed is not None:
            raise self._failed

    async def _write(self) -> None:
        while self._committed is not None:
            rows, self._rows = self._rows, []
            committed, self._committed = self._committed, None
            try:
                await self._put(rows)
            except Exception as error:  # noqa: BLE001  (whatever it is, whoever waits must learn of it)
                self._failed = self._failed or error
                committed.set_exception(error)
                committed.exception()  # looked at: rows that were only queued have nobody waiting
            else:
                committed.set_result(None)
        self._writing = None


class Journal(GroupCommit):
    """The one writer of a store of this machine."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self._new_runs: set[str] = set()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge-store")

    async def __aexit__(self, *_: object) -> None:
        try:
            await super().__aexit__()
        finally:
            self._thread.shutdown(wait=True)

    async def answer(self, key: str) -> Completion | None:
        # In this order: a batch that is read between the two looks leaves its answer for the second.
        run = self.store.batches.holder(key)
        stored = self.store.completion(key)
        if stored is None and run is not None:
            raise NotYet(f"in a batch of run {run!r} that is under way")
        return read_kept(self.store, key, *stored) if stored else None

    async def finished(self, run: str, transcript_id: str, fingerprint: str) -> Finished:
        # Ids are unique in a dataset: what a new run has records of is done with, and is not met again.
        return {} if run in self._new_runs else self.store.finished(run, transcript_id, fingerprint)

    def lacking(
        self, items: Iterable[Item], run: str, wanted: Done, keep: Callable[[Iterable[str]], None]
    ) -> Iterable[Item | None]:
        # Looking each of a new run's transcripts up costs as much as storing their records.
        if not self.store.has_records(run):
            self._new_runs.add(run)
            return items
        return lacking(items, self.store.path, run, wanted, keep)

    def release(self, key: str) -> None:
        """Nobody else waits: requests under way are shared within the process."""

    async def _put(self, rows: Sequence[Row]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write_or_retry, rows)

    def _write_or_retry(self, rows: Sequence[Row]) -> None:
        """Once more where it fails: another process may have held the store, and these answers are paid for."""
        try:
            self.store.write(rows)
        except StoreError:
            self.store.write(rows)


def read_kept(store: Store, key: str, dialect: str, body: bytes) -> Completion:
    """A stored answer. It could be read when it came, so it is the file that is at fault where it cannot be read now."""
    try:
        return decode(dialect, body)
    except ProviderError as error:
        raise damaged(store.path, f"the answer to request {key[:12]} cannot be read any more") from error
