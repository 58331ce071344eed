"""Batches that are under way at a provider, and which requests are in them.

A request is *claimed* by at most one unfinished batch. Whoever wants an answer looks for the completion first and for a
claim second, so that what is already on its way is not bought a second time, by this run or by another. A batch goes

    claimed    requests are set aside for it; nothing was sent yet, so after a crash the claims are void
    sending    the provider may have it and we do not know its name: it must be looked for there
    sent       the provider has it, under ``remote_id``
    done       its answers are stored, and what it did not answer is free again

and every step is committed before the next begins. Answers are stored and their claims dropped in one transaction, so
that reading a batch's results can be repeated from any point.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal
from uuid import uuid4

State = Literal["claimed", "sending", "sent", "done"]

_COLUMNS = "number, run, model, token, state, remote_id, requests, answered, reserved, created, sent"


@dataclass(frozen=True, slots=True)
class BatchRow:
    number: int
    run: str
    model: str
    token: str
    state: State
    remote_id: str
    requests: int
    answered: int
    reserved: float
    created: str
    sent: float


class Batches:
    """The store's tables of batches.

    Args:
        read: Runs a statement on the reading connection.
        transaction: Opens a transaction on the writing one.
    """

    def __init__(
        self,
        read: Callable[[str, tuple[str | int, ...]], Iterator[tuple[Any, ...]]],
        transaction: Callable[[], AbstractContextManager[sqlite3.Cursor]],
    ) -> None:
        self._read = read
        self._transaction = transaction

    def all(self) -> list[BatchRow]:
        """Every batch that was ever begun, oldest first."""
        return [BatchRow(*row) for row in self._read(f"SELECT {_COLUMNS} FROM batches ORDER BY number", ())]  # noqa: S608  (a constant)

    def unfinished(self, run: str) -> list[BatchRow]:
        """A run's batches that are not done, oldest first."""
        return [batch for batch in self.all() if batch.run == run and batch.state != "done"]

    def known(self, remote_ids: Iterable[str]) -> set[str]:
        """Which of these names belong to batches of this store."""
        return {batch.remote_id for batch in self.all()} & set(remote_ids)

    def holder(self, key: str) -> str | None:
        """The run whose unfinished batch has this request, or None."""
        found = next(
            self._read("SELECT run FROM claims JOIN batches ON number = batch WHERE key = ?", (key,)), None
        )
        return str(found[0]) if found else None

    def claimed(self, number: int) -> int:
        """How many requests a batch still holds."""
        return int(next(self._read("SELECT count(*) FROM claims WHERE batch = ?", (number,)))[0])

    def held(self, number: int) -> list[str]:
        """The requests that a batch still holds."""
        return [str(key) for (key,) in self._read("SELECT key FROM claims WHERE batch = ?", (number,))]

    def holds(self, number: int, key: str) -> bool:
        found = self._read("SELECT 1 FROM claims WHERE batch = ? AND key = ?", (number, key))
        return next(found, None) is not None

    def reserved(self, run: str) -> float:
        """What a run's unfinished batches can cost at most, in USD."""
        return sum(batch.reserved for batch in self.unfinished(run))

    def begin(self, run: str, model: str) -> int:
        """A new batch without requests; returns its number."""
        with self._transaction() as cursor:
            cursor.execute(
                "INSERT INTO batches (run, model, token, state) VALUES (?, ?, ?, 'claimed')",
                (run, model, uuid4().hex),
            )
            return int(cursor.lastrowid or 0)

    def claim(self, number: int, keys: Iterable[str]) -> set[str]:
        """Set requests aside for a batch; returns those that were neither answered nor claimed by anybody."""
        claimed = set()
        with self._transaction() as cursor:
            for key in keys:
                cursor.execute(
                    "INSERT INTO claims SELECT ?, ? WHERE NOT EXISTS (SELECT 1 FROM completions WHERE key = ?) "
                    "ON CONFLICT (key) DO NOTHING",
                    (key, number, key),
                )
                if cursor.rowcount:
                    claimed.add(key)
        return claimed

    def sending(self, number: int, *, requests: int, reserved: float, now: float) -> None:
        """The next thing that happens is that the provider is told of it."""
        self._set(number, "state = 'sending', requests = ?, reserved = ?, sent = ?", requests, reserved, now)

    def sent(self, number: int, remote_id: str) -> None:
        self._set(number, "state = 'sent', remote_id = ?", remote_id)

    def close(self, number: int) -> int:
        """The batch is over: free what it still holds; returns how many requests that are."""
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM claims WHERE batch = ?", (number,))
            freed = cursor.rowcount
            cursor.execute(
                "UPDATE batches SET state = 'done', reserved = 0, answered = max(0, requests - ?) WHERE number = ?",
                (freed, number),
            )
        return freed

    def _set(self, number: int, assignments: str, *values: str | float) -> None:
        with self._transaction() as cursor:
            cursor.execute(f"UPDATE batches SET {assignments} WHERE number = ?", (*values, number))  # noqa: S608
