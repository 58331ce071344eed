"""Words for people, safe to print: what transcripts, models and file names contain cannot drive the terminal."""

import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from judge.visible import clean

__all__ = ["announce", "clean", "followed"]
PATIENCE = 1.0
"""Seconds of silence after which people are told what is being done."""


def announce(text: str) -> None:
    """Tell people something, on stderr; stdout is for data."""
    print(clean(text), file=sys.stderr)


def followed(paths: Sequence[Path], doing: str, patience: float = PATIENCE) -> Iterator[Path]:
    """The paths one by one; every so many seconds the one that is in work is named on stderr, unless it was before."""
    under_way: list[str] = []
    over = threading.Event()

    def tell() -> None:
        told = ""
        while not over.wait(patience):
            if under_way[-1] != told:
                announce(told := under_way[-1])

    teller = threading.Thread(target=tell, daemon=True)
    try:
        for number, path in enumerate(paths, start=1):
            under_way.append(f"{doing} {path.name} ({number} of {len(paths)})")
            if number == 1:
                teller.start()
            yield path
    finally:
        over.set()
        if under_way:
            teller.join()
