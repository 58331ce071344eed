"""Taking a run out of a store for good: its rows, the bytes that they leave in free pages, and the log beside the file.

SQLite only marks what is deleted as free, in the file and in the write-ahead log. So the pages are overwritten
(``secure_delete``), the file is written anew without them (``VACUUM``), and the log is emptied.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from judge.errors import StoreError

_OWN = """
CREATE TEMP TABLE own AS SELECT key FROM completions WHERE run = :run
    UNION SELECT json_each.value FROM records, json_each(CAST(record AS TEXT), '$.request_keys') WHERE run = :run
"""
# An answer stays where another run bought it, or has a record that was read from it.
_OTHERS = """
CREATE TEMP TABLE others AS SELECT key FROM completions WHERE run NOT IN (:run, '')
    UNION SELECT json_each.value FROM records, json_each(CAST(record AS TEXT), '$.request_keys') WHERE run != :run
"""
_DELETIONS = (
    "DELETE FROM completions WHERE key IN (SELECT key FROM own EXCEPT SELECT key FROM others)",
    "UPDATE completions SET run = '' WHERE run = :run",  # shared, and now bought by nobody
    "DELETE FROM records WHERE run = :run",
    "DELETE FROM claims WHERE batch IN (SELECT number FROM batches WHERE run = :run)",
    "DELETE FROM batches WHERE run = :run",
)
_PATIENCE = 10.0
"""Seconds that a lock of another process is waited for."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What a store has of a run: rows by table, ``completions`` being those that no other run uses."""

    records: int
    completions: int
    batches: int
    under_way: int
    """How many of the batches are not done."""

    def __bool__(self) -> bool:
        return bool(self.records or self.completions or self.batches)


def holding(path: Path, run: str) -> Holding:
    """What ``purge`` would remove. Raises StoreError."""
    with _opened(path) as connection:
        _mark(connection, run)
        counts = [
            connection.execute(statement, {"run": run}).fetchone()[0]
            for statement in (
                "SELECT count(*) FROM records WHERE run = :run",
                "SELECT count(*) FROM completions WHERE key IN (SELECT key FROM own EXCEPT SELECT key FROM others)",
                "SELECT count(*) FROM batches WHERE run = :run",
                "SELECT count(*) FROM batches WHERE run = :run AND state != 'done'",
            )
        ]
    return Holding(*counts)


def purge(path: Path, run: str) -> None:
    """Remove a run's records, batches, and the answers that no other run uses, from every byte of the store's files.

    Raises StoreError where another process has the store open: the rows may be gone by then, their bytes are not.
    """
    with _opened(path) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")
        try:
            _mark(connection, run)
            for statement in _DELETIONS:
                connection.execute(statement, {"run": run})
            connection.execute("DROP TABLE own")
            connection.execute("DROP TABLE others")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("VACUUM")
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreError(
            "the run's rows are removed, but their bytes may still be in the store's log",
            where=str(path),
            found="another process has the store open",
            do="let it end, then purge the run again",
        )


def _mark(connection: sqlite3.Connection, run: str) -> None:
    for statement in (_OWN, _OTHERS):
        connection.execute(statement, {"run": run})


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection whose errors are ours."""
    try:
        with closing(sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise StoreError(
            "cannot purge the store",
            where=str(path),
            found=str(error),
            do="let other processes that use it end, free some space (it is written anew once), then purge again",
        ) from error
