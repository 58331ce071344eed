"""Small disks, read-only disks, held and damaged files: by a real filesystem where this process may mount one."""

import errno
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.scene import Scene

KILOBYTES = 2048


def can_mount(folder: Path) -> bool:
    """Whether small filesystems can be made here. It takes root and a kernel that lets it."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    probe = folder / "probe"
    probe.mkdir()
    made = _mount(probe)
    if made:
        subprocess.run(["umount", str(probe)], check=True)
    return made


def _mount(folder: Path) -> bool:
    options = f"size={KILOBYTES}k,mode=0700"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    return done.returncode == 0


class Mounted:
    """A filesystem of its own under the runs folder."""

    def __init__(self, runs: Path) -> None:
        self.runs = runs

    def fill(self, leave: int) -> None:
        """Take all space but so many kilobytes."""
        disk = os.statvfs(self.runs)
        ballast = disk.f_bavail * disk.f_frsize - leave * 1024
        try:
            with (self.runs / "ballast").open("wb", buffering=0) as file:
                while ballast > 0:
                    ballast -= file.write(bytes(ballast))
        except OSError as error:  # the run writes at the same time, and has taken some of it
            if error.errno != errno.ENOSPC:
                raise

    def read_only(self) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(self.runs)], check=True)

    def restore(self) -> None:
        subprocess.run(["mount", "-o", "remount,rw", str(self.runs)], check=True)
        (self.runs / "ballast").unlink(missing_ok=True)


class Limited:
    """The next best where nothing can be mounted: files may not grow, and the folder may not be written.

    The system's words are then others (a file that is too large, a permission that is missing).
    """

    def __init__(self, runs: Path) -> None:
        self.runs = runs
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self, leave: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (leave * 1024, self._before[1]))

    def read_only(self) -> None:
        if os.geteuid() == 0:
            pytest.skip("root writes into folders without write permission, and nothing can be mounted here")
        self.runs.chmod(0o500)

    def restore(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)
        self.runs.chmod(0o700)


@contextmanager
def disk(scene: Scene) -> Iterator[Mounted | Limited]:
    """A disk for the runs folder that can be filled. When the block ends it is sound, and its files are in the folder."""
    runs = scene.folder / "runs"
    runs.mkdir(mode=0o700)
    kept = scene.folder / "kept"
    if not can_mount(scene.folder) or not _mount(runs):
        scene.exact = False
        limited = Limited(runs)
        try:
            yield limited
        finally:
            limited.restore()
        return
    try:
        mounted = Mounted(runs)
        yield mounted
        mounted.restore()
        shutil.copytree(runs, kept)
    finally:
        subprocess.run(["umount", "--lazy", str(runs)], check=True)
    shutil.copytree(kept, runs, dirs_exist_ok=True)


@contextmanager
def held(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process has the store in a transaction of its own, until it is told to let go (or the block ends)."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None); "
        "c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-S", "-c", code, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "held\n"
        yield process
        let_go(process)


def let_go(process: subprocess.Popen[str]) -> None:
    if process.stdin and not process.stdin.closed:
        process.stdin.close()
    process.wait(timeout=30)


def damage(path: Path, table: str) -> bytes:
    """Overwrite the pages that a table's rows are in; returns the file as it was."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    connection.close()
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xa5" * size)
    return whole
