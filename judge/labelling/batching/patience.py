"""Calls that manage batches, tried again while that can help. There are few of them, so each waits for itself."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from judge.errors import ProviderUnavailable
from judge.labelling.dispatch import GiveUp

T = TypeVar("T")

LONGEST_WAIT = 30.0


class Stopped(Exception):  # noqa: N818  (a decision, not an error)
    """The run is to end, so nothing is tried again."""


class Patience:
    """How long trouble is borne.

    Args:
        seconds: For so long a call is tried again, and no longer is a ``retry-after`` waited out.
        say: Told of every retry.
        stopped: Set when the run is to end.
    """

    def __init__(self, seconds: float, say: Callable[[str], None], stopped: asyncio.Event) -> None:
        self.seconds = seconds
        self._say = say
        self._stopped = stopped
        self._trouble_since: float | None = None
        self._times = 0

    async def call(self, make: Callable[[], Awaitable[T]]) -> T:
        """What ``make`` returns, made anew after each failure that may pass. Raises GiveUp or Stopped."""
        begun = time.monotonic()
        times = 0
        while True:
            try:
                return await make()
            except ProviderUnavailable as error:
                times += 1
                await self._wait(error, times, begun)

    async def failed(self, error: ProviderUnavailable) -> None:
        """Something failed that the caller will try again in its own way: wait, or raise GiveUp or Stopped."""
        if self._trouble_since is None:
            self._trouble_since = time.monotonic()
        self._times += 1
        await self._wait(error, self._times, self._trouble_since)

    def succeeded(self) -> None:
        self._trouble_since, self._times = None, 0

    async def rest(self, seconds: float) -> None:
        """Sleep, but not longer than until the run is to end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # wait_for may forget a cancellation, in Python 3.11
                await self._stopped.wait()

    async def _wait(self, error: ProviderUnavailable, times: int, begun: float) -> None:
        asked = error.retry_after
        if asked is not None and asked > self.seconds:
            raise GiveUp(f"{error.what}; it asks to wait {asked:.0f} s") from error
        if time.monotonic() - begun > self.seconds:
            raise GiveUp(error.what) from error
        self._say(f"trying again: {error.what}")
        await self.rest(max(asked or 0.0, min(LONGEST_WAIT, 0.5 * 2**times)))
        if self._stopped.is_set():
            raise Stopped
