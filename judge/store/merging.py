"""One run out of several: their records side by side, with the completions that these rest on.

The records gather in a temporary table and reach the store in one transaction, so a merge that breaks off has changed no
run. Completions are copied before: they are answers like any others, whoever looks for them.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from judge.errors import StoreError
from judge.store import Store

_PLACE = "transcript_id, grader, sample"
_COLUMNS = "key, model, dialect, body, cost, created, way, input, cached, cache_written, output, reasoning"


@dataclass(frozen=True, slots=True)
class Added:
    """What one run brought: records, how many of them were there already, how many of those say something else."""

    records: int
    again: int = 0
    differing: int = 0
    bought_again: int = 0
    """Answers that it bought and another one had bought too."""


class Merging:
    """Puts runs together as the run ``into`` of the store at ``path``. Use ``merging`` to make one.

    Where two hold a record of one transcript, grader and sample, the first one's stays, unless the provider failed it.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, into: str, graders: Sequence[str]) -> None:
        self._connection = connection
        self._path = path
        self._into = into
        run = connection.execute
        # Not the table's own name: a temporary one of that name would hide it.
        run("CREATE TEMP TABLE joined AS SELECT * FROM main.records WHERE false")
        run(f"CREATE UNIQUE INDEX temp.joined_place ON joined ({_PLACE})")
        run("CREATE TEMP TABLE ranks (grader TEXT PRIMARY KEY, rank INTEGER)")
        connection.executemany(
            "INSERT INTO ranks VALUES (?, ?)", ((name, n) for n, name in enumerate(graders))
        )

    def add(self, path: Path, run: str, *, after: bool) -> Added:
        """Take a run in. ``after`` puts its transcripts behind those before; else their positions decide."""
        same = path.samefile(self._path)
        if not same:
            with Store(path):  # an older one is brought to the format of today
                pass
            self._connection.execute("ATTACH ? AS source", (str(path),))
        try:
            bought_again = 0 if same else self._copy_completions(run)
            return self._join("main" if same else "source", run, bought_again, after=after)
        finally:
            if not same:
                self._connection.execute("DETACH source")

    def _copy_completions(self, run: str) -> int:
        with _transaction(self._connection) as cursor:
            (again,) = cursor.execute(
                "SELECT count(*) FROM source.completions AS theirs JOIN main.completions AS ours USING (key) "
                "WHERE theirs.run = ? AND ours.run != '' "
                "AND (ours.created != theirs.created OR ours.body != theirs.body)",
                (run,),
            ).fetchone()
            cursor.execute(
                f"INSERT INTO main.completions ({_COLUMNS}, run) "  # noqa: S608  (constants)
                f"SELECT {_COLUMNS}, iif(run = :run, :into, '') FROM source.completions "
                "WHERE run = :run OR key IN (SELECT value FROM source.records AS r, "
                "json_each(CAST(r.record AS TEXT), '$.request_keys') WHERE r.run = :run) "
                "ON CONFLICT (key) DO UPDATE SET run = excluded.run WHERE main.completions.run = ''",
                {"run": run, "into": self._into},
            )
        return int(again)

    def _join(self, schema: str, run: str, bought_again: int, *, after: bool) -> Added:
        with _transaction(self._connection) as cursor:
            (records,) = cursor.execute(
                f"SELECT count(*) FROM {schema}.records WHERE run = ?",  # noqa: S608
                (run,),
            ).fetchone()
            again, differing = cursor.execute(
                "SELECT count(*), total(t.record != j.record OR t.fingerprint != j.fingerprint) "  # noqa: S608
                f"FROM {schema}.records AS t JOIN joined AS j USING ({_PLACE}) WHERE t.run = ?",
                (run,),
            ).fetchone()
            (last,) = cursor.execute("SELECT coalesce(max(position), -1) FROM joined").fetchone()
            cursor.execute(
                "INSERT INTO joined SELECT ?, t.transcript_id, t.grader, t.sample, "  # noqa: S608
                "coalesce((SELECT min(position) FROM joined AS j WHERE j.transcript_id = t.transcript_id), "
                "t.position + ?), "
                f"ranks.rank, t.fingerprint, t.status, t.record FROM {schema}.records AS t "
                f"JOIN ranks USING (grader) WHERE t.run = ? ON CONFLICT ({_PLACE}) DO UPDATE SET "
                "fingerprint = excluded.fingerprint, status = excluded.status, record = excluded.record "
                "WHERE joined.status = 'provider' AND excluded.status != 'provider'",
                (self._into, last + 1 if after else 0, run),
            )
        return Added(records, again, int(differing), bought_again)

    def short(self, records: int) -> Iterator[tuple[str, int]]:
        """Transcripts with fewer records than this, and how many they have, in order."""
        return self._connection.execute(
            "SELECT transcript_id, count(*) AS n FROM joined GROUP BY transcript_id HAVING n < ? "
            "ORDER BY min(position)",
            (records,),
        )

    def transcripts(self) -> int:
        """How many there are."""
        (count,) = self._connection.execute("SELECT count(DISTINCT transcript_id) FROM joined").fetchone()
        return int(count)

    def keep(self) -> None:
        """Make it the run's records, in the place of those that it had at the same places."""
        with _transaction(self._connection) as cursor:
            cursor.execute(
                f"INSERT INTO main.records SELECT * FROM joined WHERE true ON CONFLICT (run, {_PLACE}) "  # noqa: S608
                "DO UPDATE SET position = excluded.position, rank = excluded.rank, "
                "fingerprint = excluded.fingerprint, status = excluded.status, record = excluded.record "
                "WHERE excluded.status != 'provider' OR records.status = 'provider'"
            )


@contextmanager
def merging(path: Path, into: str, graders: Sequence[str]) -> Iterator[Merging]:
    """A merge into a store, which is made where there is none. Raises StoreError.

    Args:
        path: The store.
        into: The run's name.
        graders: In the order in which their records are to stand.
    """
    with Store(path):
        pass
    try:
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            yield Merging(connection, path, into, graders)
    except sqlite3.Error as error:
        raise StoreError(
            "cannot merge into the store",
            where=str(path),
            found=str(error),
            do="check the disk, and that the runs' folders can be written to; then merge again",
        ) from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection.cursor()
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
