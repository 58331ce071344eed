"""Folders and processes that keep to themselves what they hold: keys, transcripts, and what judges wrote of them."""

import sys
from pathlib import Path


def make_folder(folder: Path) -> None:
    """The folder, and every folder above it that is not there yet, for their owner alone whatever the umask.

    ``Path.mkdir`` gives the mode to the last one only. A folder that is there keeps its mode. Raises OSError.
    """
    for part in (*reversed(folder.parents), folder):
        if not part.exists():
            part.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)  # raises where something else is in its place


def no_core_dumps() -> None:
    """Have no crash write this process's memory to a file: keys are in it, and so are transcripts.

    A limit of one byte rather than none: Linux writes no file under either, but pays no heed to 0 where the administrator
    has crashes piped into a program (core(5)); at 1 it dumps into no pipe either (fs/coredump.c). Elsewhere both are the same.
    A hard limit of 0 stays: only the administrator can raise it.
    """
    if sys.platform != "win32":
        import resource

        most = resource.getrlimit(resource.RLIMIT_CORE)[1]
        limit = 0 if most == 0 else 1
        resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
