"""Ctrl-C and SIGTERM, for work that must end in order: the first asks, the second insists."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interrupts(ask: Callable[[], None]) -> Iterator[None]:
    """Call ``ask`` at every interrupt while the block runs; from the second on the running task is cancelled too."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    asked = False

    def interrupt() -> None:
        nonlocal asked
        if asked and task is not None and not task.cancelling():
            task.cancel()
        asked = True
        ask()

    # Windows has no such handlers, and only the main thread may set them.
    missing = (NotImplementedError, RuntimeError, ValueError)
    with contextlib.suppress(*missing):
        for number in SIGNALS:
            loop.add_signal_handler(number, interrupt)
    try:
        yield
    finally:
        with contextlib.suppress(*missing):
            for number in SIGNALS:
                loop.remove_signal_handler(number)
