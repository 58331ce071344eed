"""What went wrong with the file, and what a person can do about it."""

import errno
import sqlite3
from pathlib import Path

from judge.errors import StoreError

_AGAIN = "run the same command again: it goes on where it was"
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def trouble(what: str, path: Path, error: Exception) -> StoreError:
    """The error for a person, with the remedy for what SQLite or the system says."""
    return StoreError(what, where=str(path), found=str(error), do=_remedy(path, error))


def damaged(path: Path, found: str) -> StoreError:
    """The error for contents that SQLite hands out and that are not what was put in."""
    return StoreError("the store is damaged", where=str(path), found=found, do=_recover(path))


def _recover(path: Path) -> str:
    return (
        "what the file held was paid for: copy it, with its -wal file, before anything else; then "
        f"`sqlite3 {path.name} .recover | sqlite3 recovered.sqlite` saves what can be read, and that file takes its place"
    )


def _remedy(path: Path, error: Exception) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte: what follows says where
    if code in _CORRUPT:
        return _recover(path)
    if code in _BUSY:
        return (
            f"another process holds it (a backup, a database browser, a second run): end that, then {_AGAIN}"
        )
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", 0) == errno.ENOSPC:
        return f"the disk is full: free some space, then {_AGAIN}"
    if code == sqlite3.SQLITE_READONLY or getattr(error, "errno", 0) == errno.EROFS:
        return f"name a folder that can be written with --runs-dir, or make this one writable; then {_AGAIN}"
    return f"check the disk, its free space and who owns the file; then {_AGAIN}"
