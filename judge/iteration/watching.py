"""Waiting for the next save of a prompt file, however the editor saves, and for a key in between."""

import threading
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Literal, TextIO

from watchfiles import watch

Event = Literal["saved", "whole", "quit"]
EVERY_MS = 250
_KEYS: dict[str, Event] = {"": "whole", "w": "whole", "q": "quit"}


def keyboard(stream: TextIO) -> "SimpleQueue[str]":
    """The lines of a stream as they come; the thread that reads them ends with the process or with the stream."""
    lines: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        for line in stream:
            lines.put(line.strip().lower())

    threading.Thread(target=read, daemon=True, name="judge-keyboard").start()
    return lines


def events(files: Callable[[], Sequence[Path]], lines: "SimpleQueue[str]") -> Iterator[Event]:
    """``saved`` whenever the content of these files has changed, ``whole`` or ``quit`` on a line that asks for it.

    Folders are watched, not files, because many editors write a new file and rename it over the old one. What counts is
    the content: a save that changes nothing is none, and one that is missed by the system's notice is seen by the next.
    The first file's folder is watched. Ctrl-C raises KeyboardInterrupt.
    """
    seen = fingerprint(files())
    folder = files()[0].parent
    for _ in watch(
        folder, recursive=False, step=50, debounce=EVERY_MS, rust_timeout=EVERY_MS, yield_on_timeout=True
    ):
        yield from _asked(lines)
        now = fingerprint(files())
        if now != seen:
            seen = now
            yield "saved"


def fingerprint(files: Sequence[Path]) -> str:
    """Of the content of files; one that is not there, as in the middle of a save, has none."""
    digest = sha256()
    for path in files:
        digest.update(f"\0{path}\0".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _asked(lines: "SimpleQueue[str]") -> Iterator[Event]:
    while True:
        try:
            event = _KEYS.get(lines.get_nowait())
        except Empty:
            return
        if event is not None:
            yield event
