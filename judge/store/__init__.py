"""Durable state: completions that were paid for, the records read from them, and batches that are under way.

One SQLite file (``runs/store.sqlite``) serves all runs, so that a question asked before is not bought again. A completion
is committed here before anybody parses it. Records are derived: they can be made again from completions at no cost.
The file holds transcripts' quotes and judges' words, so it is created for its owner alone.
"""

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from judge.errors import StoreError
from judge.private import make_folder
from judge.request import Usage
from judge.store.batches import Batches
from judge.store.schema import SCHEMA_VERSION, migrate, tokens
from judge.store.trouble import trouble

BUSY_SECONDS = 60.0
"""How long another process may hold the store before that is an error."""

_STRETCH = 4096
"""So many positions are looked at together: counting records is quicker than listing them."""

Way = Literal["live", "batch"]
"""How a completion was bought. It decides the price."""


Finished = dict[tuple[str, int], str]
"""(grader, sample) to status."""


@dataclass(frozen=True, slots=True)
class CompletionRow:
    key: str
    model: str
    dialect: str
    body: bytes
    run: str = ""
    cost: float = 0.0
    usage: Usage = field(default_factory=Usage)
    way: Way = "live"


@dataclass(frozen=True, slots=True)
class RecordRow:
    run: str
    transcript_id: str
    grader: str
    sample: int
    position: int
    rank: int
    fingerprint: str
    status: str
    record: bytes


Row = CompletionRow | RecordRow


class Store:
    """An open store. Reads happen on the thread that opened it; ``write`` may be called from one other thread.

    Raises:
        StoreError: where the file cannot be opened, is no store, or was made by a newer version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        """How many rows were committed through this object."""
        self._open_ones: list[sqlite3.Connection] = []
        try:
            make_folder(path.parent)
            if not path.exists():
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._reader = self._open()
            self._writer = self._open()
            self._migrate()
            self.batches = Batches(self._read, self._transaction)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise trouble("cannot open the store", path, error) from error

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._open_ones.append(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # survives loss of power, not only of the process
        return connection

    def _migrate(self) -> None:
        found = migrate(self._writer)
        if found > SCHEMA_VERSION:
            raise StoreError(
                "this store was made by a newer version of judge",
                where=str(self.path),
                found=f"format {found}",
                expected=f"format {SCHEMA_VERSION} or older",
                do="install that version, or name another folder with --runs-dir",
            )

    def close(self) -> None:
        for connection in self._open_ones:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, rows: Iterable[Row]) -> None:
        """Commit rows together, durably. A completion that is there already stays as it is.

        A completion ends the claim of the batch that its request was in.
        """
        completions, records = [], []
        for row in rows:
            if isinstance(row, CompletionRow):
                bought = (row.key, row.model, row.dialect, row.body, row.run, row.cost)
                completions.append((*bought, row.way, *tokens(row.usage)))
            else:
                place = (row.run, row.transcript_id, row.grader, row.sample, row.position, row.rank)
                records.append((*place, row.fingerprint, row.status, row.record))
        with self._transaction() as cursor:
            cursor.executemany(
                "INSERT INTO completions (key, model, dialect, body, run, cost, way, "
                "input, cached, cache_written, output, reasoning) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO NOTHING",
                completions,
            )
            cursor.executemany("DELETE FROM claims WHERE key = ?", ((row[0],) for row in completions))
            cursor.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", records)
        self.written += len(completions) + len(records)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        """All of it or nothing, on disk when the block is left."""
        try:
            with closing(self._writer.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                try:
                    yield cursor
                    cursor.execute("COMMIT")
                except BaseException:
                    if self._writer.in_transaction:
                        cursor.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise trouble("cannot write to the store", self.path, error) from error

    def check_writable(self) -> None:
        """Raise StoreError where nothing could be kept, before anything is bought."""
        with self._transaction() as cursor:
            cursor.execute(
                "INSERT INTO completions (key, model, dialect, body, run, cost) VALUES ('', '', '', '', '', 0)"
            )
            cursor.execute("DELETE FROM completions WHERE key = ''")

    def completion(self, key: str) -> tuple[str, bytes] | None:
        """Dialect and body of the completion with this key, or None."""
        row = next(self._read("SELECT dialect, body FROM completions WHERE key = ?", (key,)), None)
        return (row[0], row[1]) if row else None

    def has_records(self, run: str) -> bool:
        return next(self._read("SELECT 1 FROM records WHERE run = ? LIMIT 1", (run,)), None) is not None

    def finished(self, run: str, transcript_id: str, fingerprint: str) -> Finished:
        """(grader, sample) to status, of what this run holds of this very text and need not be done again.

        What failed for the provider's sake is left out: running again may bring a verdict.
        """
        rows = self._read(
            "SELECT grader, sample, status FROM records "
            "WHERE run = ? AND transcript_id = ? AND fingerprint = ? AND status != 'provider'",
            (run, transcript_id, fingerprint),
        )
        return {(grader, sample): status for grader, sample, status in rows}

    def finished_at(self, run: str, positions: range) -> dict[tuple[str, str], dict[int, Finished]]:
        """The same as ``finished``, of all that was found at these positions of the dataset.

        By id and fingerprint, then by position.
        """
        rows = self._read(
            "SELECT transcript_id, fingerprint, position, grader, sample, status FROM records "
            "INDEXED BY records_in_order WHERE run = ? AND position >= ? AND position < ? AND status != 'provider'",
            (run, positions.start, positions.stop),
        )
        found: dict[tuple[str, str], dict[int, Finished]] = {}
        for transcript_id, fingerprint, position, grader, sample, status in rows:
            places = found.setdefault((transcript_id, fingerprint), {})
            places.setdefault(position, {})[grader, sample] = status
        return found

    def finished_positions(self, run: str, wanted: Collection[tuple[str, int]]) -> Iterator[range]:
        """Where in the dataset transcripts were that have all records which are wanted, as (grader, sample).

        A guess, though one that is seldom wrong: the dataset may have changed since, and a full stretch is told by the
        number of its records. What stands at a position must be held against ``finished``.
        """
        pairs = " OR ".join(["(grader = ? AND sample = ?)"] * len(wanted))
        chosen = (
            "FROM records INDEXED BY records_in_order WHERE run = ? AND position >= ? AND position < ? "
            f"AND status != 'provider' AND ({pairs})"
        )
        values = tuple(value for pair in wanted for value in pair)
        ((last,),) = self._read("SELECT max(position) FROM records WHERE run = ?", (run,))
        for start in range(0, (-1 if last is None else last) + 1, _STRETCH):
            stretch = range(start, start + _STRETCH)
            place = (run, stretch.start, stretch.stop, *values)
            ((count,),) = self._read(f"SELECT count(*) {chosen}", place)
            if count == len(wanted) * _STRETCH:
                yield stretch
            elif count:
                grouped = f"SELECT position {chosen} GROUP BY position HAVING count(*) >= ?"
                for (position,) in self._read(grouped, (*place, len(wanted))):
                    yield range(position, position + 1)

    def positions(self, run: str, transcript_id: str) -> set[int]:
        """Where in the dataset a transcript was when its records were made: one place, but where it has moved since."""
        statement = "SELECT position FROM records WHERE run = ? AND transcript_id = ?"
        return {row[0] for row in self._read(statement, (run, transcript_id))}

    def records(self, run: str) -> Iterator[bytes]:
        """The run's records, in the order of dataset, graders and samples."""
        rows = self._read("SELECT record FROM records WHERE run = ? ORDER BY position, rank, sample", (run,))
        return (row[0] for row in rows)

    def transcripts(self, run: str) -> Iterator[tuple[str, str]]:
        """Id and fingerprint of the transcripts that the run has records of, in the order of the dataset."""
        return self._read(
            "SELECT transcript_id, fingerprint FROM records WHERE run = ? GROUP BY transcript_id ORDER BY position",
            (run,),
        )

    def spent(self, run: str) -> float:
        """What a run has spent so far, in USD at list prices, over all its invocations."""
        (total,) = next(self._read("SELECT total(cost) FROM completions WHERE run = ?", (run,)))
        return float(total)

    def purchases(self, run: str) -> Iterator[tuple[str, Way, Usage, float]]:
        """Model, way, tokens and price of every completion that a run bought."""
        rows = self._read(
            "SELECT model, way, input, cached, cache_written, output, reasoning, cost FROM completions WHERE run = ?",
            (run,),
        )
        for model, way, given, cached, written, output, reasoning, cost in rows:
            usage = Usage.model_construct(
                input=given, cached=cached, cache_written=written, output=output, reasoning=reasoning
            )
            yield model, way, usage, cost

    def forget_run(self, run: str) -> None:
        """Drop a run's records and its claim to what it bought; the completions stay and are nobody's.

        Batches that are under way stay its own: who begins a run of that name anew gets their answers.
        """
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM records WHERE run = ?", (run,))
            cursor.execute("UPDATE completions SET run = '' WHERE run = ?", (run,))

    def _read(self, statement: str, values: tuple[str | int, ...]) -> Iterator[tuple[Any, ...]]:
        try:
            # Row by row: a damaged page is met when its row is fetched, not when the statement begins.
            for row in self._reader.execute(statement, values):  # noqa: UP028  (yield from would close the cursor)
                yield row
        except sqlite3.Error as error:
            raise trouble("cannot read the store", self.path, error) from error
