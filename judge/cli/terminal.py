"""Words for people, safe to print: what transcripts, models and file names contain cannot drive the terminal."""

import sys

from judge.visible import clean

__all__ = ["announce", "clean"]


def announce(text: str) -> None:
    """Tell people something, on stderr; stdout is for data."""
    print(clean(text), file=sys.stderr)
