"""One gate for everything that goes to one provider and model.

It bounds how many requests are in flight, lets the rest of a transcript go before a new one, keeps to the provider's
budgets of requests and tokens, and makes everybody wait when the provider asks to.
"""

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field

from judge.labelling.pace import COOL_DOWN, Learned, Pace
from judge.request import Capabilities, RateLimits

FIRST_FLIGHT = 16
"""How many requests go out before the first answer. Each answer then lets two more go, up to the ceiling: limits that
nobody has announced yet would else refuse most of a first wave of hundreds."""

RAMP = 1.0
"""Seconds after which twice as many may go, whether or not the first were answered."""

_SHORTEST_WAIT = 0.002


class Closed(Exception):  # noqa: N818  (a decision, not an error)
    """The run is stopping: what was not sent yet is not sent."""


@dataclass(eq=False)
class _Waiter:
    place: asyncio.Future[None]
    tokens: float


@dataclass
class Gate:
    """At most ``ceiling`` in flight, no faster than the budgets allow.

    ``paused_until`` is on the clock of ``time.monotonic``: nobody sends before it.
    """

    ceiling: int
    requests: Pace = field(default_factory=Pace)
    tokens: Pace = field(default_factory=Pace)
    limit: float = field(init=False)
    """How many may be in flight now."""
    in_flight: int = 0
    paused_until: float = 0.0
    _tokens_out: float = 0.0
    _queues: tuple[deque[_Waiter], deque[_Waiter]] = field(default_factory=lambda: (deque(), deque()))
    _slowed_at: float = float("-inf")
    _announced: bool = False
    _starting: bool = True
    """Nothing was refused and nothing announced yet."""
    _ramp_at: float = float("inf")
    _timer: asyncio.TimerHandle | None = None
    _closed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.limit = float(min(self.ceiling, FIRST_FLIGHT))
        self._learned = Learned(self.requests)

    @classmethod
    def for_model(cls, ceiling: int, capabilities: Capabilities) -> "Gate":
        """With the budgets that the user has set for the model in ``judge.toml``."""
        requests = Pace.per_minute(capabilities.requests_per_minute)
        return cls(ceiling, requests, Pace.per_minute(capabilities.tokens_per_minute))

    async def enter(self, *, first: bool, tokens: float = 0.0) -> None:
        """Wait for a place. ``first`` goes ahead of those who are not. Raises Closed once the run is stopping.

        ``tokens`` is what the request is expected to use; ``leave`` wants the same number, and what it did use.
        """
        if self._closed.is_set():
            raise Closed
        waiter = _Waiter(asyncio.get_running_loop().create_future(), tokens)
        queue = self._queues[0 if first else 1]
        queue.append(waiter)
        self._admit()
        if waiter.place.done():  # let in at once: no turn of the event loop
            return
        try:
            await waiter.place
        except asyncio.CancelledError:
            if waiter.place.done() and not waiter.place.cancelled() and waiter.place.exception() is None:
                self.leave(tokens)
            elif waiter in queue:
                queue.remove(waiter)
            raise

    def leave(self, tokens: float = 0.0, used: float | None = None) -> None:
        """Make room. ``used`` are the tokens that the request turned out to need, where it is known."""
        self.in_flight -= 1
        self._tokens_out -= tokens
        if used is not None:
            self.tokens.correct(tokens, used)
        self._admit()

    async def rest(self, seconds: float) -> None:
        """Sleep, but not longer than until the gate closes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # wait_for may forget a cancellation, in Python 3.11
                await self._closed.wait()

    def close(self) -> None:
        """Let nobody in any more. Those inside may finish."""
        self._closed.set()
        if self._timer:
            self._timer.cancel()
        for queue in self._queues:
            while queue:
                waiter = queue.popleft()
                if not waiter.place.done():
                    waiter.place.set_exception(Closed())

    def succeeded(self, limits: RateLimits) -> None:
        self.observe(limits)
        if self.limit < self.ceiling:
            self.limit = min(self.ceiling, self.limit + (1 if self._starting else 1 / self.limit))
        if not self._announced:
            self._learned.passed(time.monotonic())

    def observe(self, limits: RateLimits) -> None:
        """Take what an answer's or an error's headers say of the budgets."""
        if limits.requests_limit is not None and not self._announced:
            self._announced = True
            self._paced()
        self.requests.observe(
            limits.requests_limit, limits.requests_remaining, limits.requests_reset, out=self.in_flight
        )
        self.tokens.observe(
            limits.tokens_limit, limits.tokens_remaining, limits.tokens_reset, out=self._tokens_out
        )

    def refused(self, retry_after: float | None, *, overloaded: bool = False) -> None:
        """The provider would not take a request now: go slower, and wait for as long as it asks.

        Too many requests is a matter of pace; an overloaded service is helped by fewer at once.
        """
        now = time.monotonic()
        if overloaded:
            self._starting = False
            if now - self._slowed_at > COOL_DOWN:
                self._slowed_at = now
                self.limit = max(1.0, self.limit / 2)
        else:
            self._paced()
            if self._announced or self.requests.fixed:
                self.requests.empty()
            else:
                self._learned.refused(now)
        if retry_after:
            self.pause(retry_after)

    def _paced(self) -> None:
        """A pace is known now, and it says how many may go."""
        if self._starting:
            self.limit, self._starting = float(self.ceiling), False

    def pause(self, seconds: float) -> None:
        self.paused_until = max(self.paused_until, time.monotonic() + seconds)

    def _admit(self) -> None:
        """Let in whoever may enter now, and come back when the next one may."""
        while queue := self._queues[0] or self._queues[1]:
            if self.in_flight >= int(self.limit) and not self._ramp():
                return
            waiter = queue[0]
            if waiter.place.done():
                queue.popleft()
                continue
            now = time.monotonic()
            wait = max(
                self.paused_until - now, self.requests.delay(1, now), self.tokens.delay(waiter.tokens, now)
            )
            if wait > 0:
                self._come_back(wait)
                return
            queue.popleft()
            self._ramp_at = min(self._ramp_at, now + RAMP)
            self.in_flight += 1
            self._tokens_out += waiter.tokens
            self.requests.take(1)
            self.tokens.take(waiter.tokens)
            if not self._announced:
                self._learned.sent(now)
            waiter.place.set_result(None)

    def _ramp(self) -> bool:
        """Whether more may go although nobody has answered: refusals come quickly, so silence says that there was none."""
        if not self._starting or self.limit >= self.ceiling:
            return False
        now = time.monotonic()
        if now < self._ramp_at:
            self._come_back(self._ramp_at - now)
            return False
        self._ramp_at = now + RAMP
        self.limit = min(self.ceiling, 2 * self.limit)
        return True

    def _come_back(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(max(seconds, _SHORTEST_WAIT), self._admit)
