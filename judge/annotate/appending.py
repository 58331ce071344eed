"""A file of lines that is only ever appended to, by several processes if need be.

A batch of lines is acknowledged when all of it is on the disk, or not at all. What a crash left half written was never
acknowledged: it is moved aside before the next line is written. Readers see whole lines only.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock

from judge.errors import StoreError


class AppendOnly:
    """One such file. ``mode`` is what it is created with, before the umask."""

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        self.path = path
        self._mode = mode
        self._read_up_to = 0
        self._inode = 0

    def append(self, lines: Sequence[bytes]) -> None:
        """Write the lines, each given without its newline, as one batch. Raises StoreError where the disk refuses."""
        try:
            self._append(b"".join(line + b"\n" for line in lines))
        except OSError as error:
            raise StoreError(
                "this could not be written, and nothing of it was",
                where=str(self.path),
                found=error.strerror or str(error),
                do="make room, or check who may write there; then save again",
            ) from error

    def _append(self, data: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o777 if self._mode & 0o077 else 0o700)
        with FileLock(self.path.with_name(f".{self.path.stem}.lock"), mode=0o600):
            created = not self.path.exists()
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, self._mode)
            try:
                _write(file, _mend(file, self.path), data)
            finally:
                os.close(file)
            if created:
                _sync_folder(self.path.parent)

    def replaced(self) -> bool:
        """Whether this is no longer the file that was read: `git checkout` did it, or somebody's editor."""
        try:
            state = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return self._read_up_to > 0
        return self._read_up_to > 0 and (state.st_ino != self._inode or state.st_size < self._read_up_to)

    def rewind(self) -> None:
        """Have the next ``unread`` begin at the beginning."""
        self._read_up_to = 0

    def unread(self) -> Iterator[bytes]:
        """The whole lines that have come since the last call, by whomever."""
        try:
            with self.path.open("rb") as file:
                self._inode = os.fstat(file.fileno()).st_ino
                file.seek(self._read_up_to)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    self._read_up_to += len(line)
                    yield line
        except (FileNotFoundError, NotADirectoryError):
            return


def _mend(file: int, path: Path) -> int:
    """The size of the file, after its last line has been made whole or, where it is half a line, moved aside."""
    size = os.lseek(file, 0, os.SEEK_END)
    if size == 0 or os.pread(file, 1, size - 1) == b"\n":
        return size
    start = _last_line(file, size)
    tail = os.pread(file, size - start, start)
    if tail.rstrip().endswith(b"}"):  # whole, but without its newline: an editor's doing
        os.pwrite(file, b"\n", size)
        return size + 1
    with path.with_name(f".{path.stem}.torn").open("ab") as aside:
        aside.write(tail + b"\n")
    os.ftruncate(file, start)
    return start


def _last_line(file: int, size: int) -> int:
    """Where the last line begins."""
    step, end = 1 << 16, size
    while end > 0:
        begin = max(0, end - step)
        found = os.pread(file, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _write(file: int, size: int, data: bytes) -> None:
    """All of it, or, where the disk refuses, as if nothing had been tried."""
    done = 0
    try:
        while done < len(data):
            done += os.pwrite(file, data[done:], size + done)
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # elsewhere a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
