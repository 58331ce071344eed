"""A clock that is set while the command runs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

HOUR = 3600.0


class Clock:
    """The time of day as this machine has it. The provider's thread keeps the right time, as a provider does."""

    def __init__(self) -> None:
        self.off = 0.0
        self._right = time.time

    def __call__(self) -> float:
        return self._right() + (0.0 if threading.current_thread().name == "loopback" else self.off)


@contextmanager
def clock() -> Iterator[Clock]:
    made = Clock()
    with mock.patch("time.time", made):
        yield made
