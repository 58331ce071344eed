"""A tripwire around a sealed test split: whatever this process opens, lists or asks about in it is caught.

The tests may run as root, whom no file mode keeps out. So the interpreter's own audit events are listened to, which no
code in Python can go around.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_watched: list[str] = []
_caught: list[str] = []
_EVENTS = frozenset({"open", "os.listdir", "os.scandir", "glob.glob", "os.chdir", "shutil.copyfile"})


def _listen(event: str, arguments: tuple[object, ...]) -> None:
    if _watched and event in _EVENTS and arguments and isinstance(arguments[0], str | bytes | os.PathLike):
        path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100  (resolving would look at the disk)
        if any(path == folder or path.startswith(folder + os.sep) for folder in _watched):
            _caught.append(f"{event} {path}")


sys.addaudithook(_listen)


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Fails if anything of this folder is opened or listed within the block."""
    _watched.append(str(folder.absolute()))
    _caught.clear()
    try:
        yield
    finally:
        _watched.clear()
    assert not _caught, f"the sealed split was opened: {_caught}"
