"""The tables of a store, and how older stores become like new ones.

Ordinary rowid tables: WITHOUT ROWID keeps long bodies in overflow pages and takes three times the space.
"""

import sqlite3
from collections.abc import Callable, Iterator

from judge.dialects import decode
from judge.errors import JudgeError
from judge.request import Usage

# A semicolon at the end of a line ends a statement, and stands nowhere else.
_FIRST = """
CREATE TABLE completions (
    key TEXT PRIMARY KEY,      -- judge.request.Request.key
    model TEXT NOT NULL,       -- as the request named it
    dialect TEXT NOT NULL,     -- which of judge.dialects reads the body
    body BLOB NOT NULL,        -- the response, verbatim
    run TEXT NOT NULL,         -- which run bought it, empty where nobody did
    cost REAL NOT NULL,        -- its list price in USD when it was bought, 0 where that is unknown
    created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
CREATE INDEX completions_by_run ON completions (run) WHERE run != '';
CREATE TABLE records (
    run TEXT NOT NULL,
    transcript_id TEXT NOT NULL,
    grader TEXT NOT NULL,
    sample INTEGER NOT NULL,
    position INTEGER NOT NULL, -- of the transcript in the dataset
    rank INTEGER NOT NULL,     -- of the grader in the run
    fingerprint TEXT NOT NULL, -- of the transcript and its metadata, so that a changed one is labelled anew
    status TEXT NOT NULL,      -- 'ok', or the kind of failure
    record BLOB NOT NULL,      -- one line of records.jsonl
    PRIMARY KEY (run, transcript_id, grader, sample)
);
CREATE INDEX records_in_order ON records (run, position, rank, sample);
"""

_BATCHES = """
-- 'live' or 'batch'
ALTER TABLE completions ADD COLUMN way TEXT NOT NULL DEFAULT 'live';
-- tokens, as judge.request.Usage has them
ALTER TABLE completions ADD COLUMN input INTEGER NOT NULL DEFAULT 0;
ALTER TABLE completions ADD COLUMN cached INTEGER NOT NULL DEFAULT 0;
ALTER TABLE completions ADD COLUMN cache_written INTEGER NOT NULL DEFAULT 0;
ALTER TABLE completions ADD COLUMN output INTEGER NOT NULL DEFAULT 0;
ALTER TABLE completions ADD COLUMN reasoning INTEGER NOT NULL DEFAULT 0;
CREATE TABLE batches (
    number INTEGER PRIMARY KEY,
    run TEXT NOT NULL,         -- in whose name it is bought
    model TEXT NOT NULL,       -- as the requests name it
    token TEXT NOT NULL,       -- random, sent along where the provider takes it, so that a lost batch is found again
    state TEXT NOT NULL,       -- see judge.store.batches.State
    remote_id TEXT NOT NULL DEFAULT '', -- the provider's name for it, once there is one
    requests INTEGER NOT NULL DEFAULT 0,
    answered INTEGER NOT NULL DEFAULT 0,
    reserved REAL NOT NULL DEFAULT 0,   -- the most that it can cost, in USD, while it is under way
    created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    sent REAL NOT NULL DEFAULT 0        -- when it was handed to the provider, in seconds since 1970
);
CREATE TABLE claims (
    key TEXT PRIMARY KEY,      -- a request that is in an unfinished batch, and in no other
    batch INTEGER NOT NULL REFERENCES batches (number)
);
CREATE INDEX claims_by_batch ON claims (batch);
"""


_WHAT_IS_DONE = """
-- With grader and status in it, what a run has finished is known without a look at its records.
DROP INDEX records_in_order;
CREATE INDEX records_in_order ON records (run, position, rank, sample, grader, status);
"""


def _run(connection: sqlite3.Connection, script: str) -> None:
    """``executescript`` would commit what is under way."""
    for statement in script.split(";\n"):
        connection.execute(statement)


def _first(connection: sqlite3.Connection) -> None:
    _run(connection, _FIRST)


def _batches(connection: sqlite3.Connection) -> None:
    _run(connection, _BATCHES)
    connection.executemany(
        "UPDATE completions SET input = ?, cached = ?, cache_written = ?, output = ?, reasoning = ? WHERE key = ?",
        _usages(connection),
    )


def _what_is_done(connection: sqlite3.Connection) -> None:
    _run(connection, _WHAT_IS_DONE)


def _usages(connection: sqlite3.Connection) -> Iterator[tuple[int | str, ...]]:
    """What each stored answer used. One that cannot be read used nothing that anybody knows of."""
    for key, dialect, body in connection.execute("SELECT key, dialect, body FROM completions"):
        try:
            usage = decode(dialect, body).usage
        except (JudgeError, ImportError):
            continue
        yield (*tokens(usage), key)


def tokens(usage: Usage) -> tuple[int, int, int, int, int]:
    """In the order of the columns."""
    return usage.input, usage.cached, usage.cache_written, usage.output, usage.reasoning


STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _batches, _what_is_done)
"""Each takes a store from the format of its place in this tuple to the next. Formats are only ever added."""

SCHEMA_VERSION = len(STEPS)


def migrate(connection: sqlite3.Connection) -> int:
    """Bring a store to this version's format, in one transaction; returns the format that it had."""
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found >= SCHEMA_VERSION:
        return found
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        for step in STEPS[found:]:
            step(connection)
        if found < SCHEMA_VERSION:
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors, a full disk among them, end it by themselves
            connection.execute("ROLLBACK")
        raise
    return found
