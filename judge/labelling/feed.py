"""The dataset, read ahead in a thread of its own, a few transcripts at a time.

Reading files, unpacking and above all waiting for a hub must not hold up answers that are under way, nor Ctrl-C.
"""

import asyncio
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from judge.transcript import Transcript

AHEAD = 8
"""How many transcripts are read at once: enough to share the price of changing threads, few enough to hold."""

Item = tuple[int, Transcript]

PULSE = None
"""Among the items, it says that reading goes on and there is nothing to hand over: what was read is handed over then."""


class Feed:
    """Hands items to many workers, in order. Use as an async context manager."""

    def __init__(self, items: Iterable[Item | None]) -> None:
        self._source = items
        self._ready: deque[Item] = deque()
        self._problem: BaseException | None = None
        self._ended = False
        self._reading = asyncio.Lock()
        # One thread for all of it: readers keep things, such as SQLite connections, that belong to their thread.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge-feed")

    async def __aenter__(self) -> Self:
        self._items = await asyncio.get_running_loop().run_in_executor(self._thread, iter, self._source)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    async def next(self) -> Item | None:
        """The next item, or None at the end. Raises what reading raised, after everything that was read before it."""
        if not self._ready:
            async with self._reading:
                while not self._ready and not self._ended:
                    await asyncio.get_running_loop().run_in_executor(self._thread, self._read)
        if self._ready:
            return self._ready.popleft()
        if self._problem is not None:
            problem, self._problem = self._problem, None
            raise problem
        return None

    def end(self) -> None:
        """Read no further. What was read is still handed over."""
        self._ended = True

    def _close(self) -> None:
        """Let the reader close its files, in the thread that opened them."""
        if isinstance(self._items, Generator):
            self._items.close()

    def _read(self) -> None:
        try:
            for _ in range(AHEAD):
                if (item := next(self._items)) is PULSE:
                    return
                self._ready.append(item)
        except StopIteration:
            self._ended = True
        except BaseException as error:  # noqa: BLE001  (raised where it belongs, in the workers' loop)
            self._ended, self._problem = True, error
