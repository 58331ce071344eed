"""One budget of a rate limit: so much a second, refilled steadily, with whatever is there spendable at once.

Where the provider announces its budgets, or the user does, the pace follows them, a little below. Where nobody does, it
is learned from refusals: what went through in the last seconds is what is allowed.
"""

import time
from collections import deque
from dataclasses import dataclass, field
from math import sqrt

MARGIN = 0.98
"""We count on a little less than is announced: clocks differ, and requests do not arrive as evenly as they leave."""

BACK_OFF = 0.97
"""A learned pace is set so far below what went through before the refusal."""

STALE = 0.05
"""Seconds by which headers are taken to be old when they are read."""

BURST = 0.5
"""Likewise in the first seconds."""

WINDOW = 2.0
"""Seconds over which is counted what went through."""

COOL_DOWN = 1.0
"""Seconds after a refusal in which others count as the same event: they were sent before it."""

FEW = 20
"""From fewer requests in the window nothing is learned: the retries' own waiting has to do."""

STRAY = 0.03
"""Some services refuse now and then whatever the pace; going slower would not help. Clearly above this share, by
two standard deviations, it may."""

_MINUTE = 60.0


@dataclass
class Pace:
    """A bucket that fills by ``rate`` a second up to ``capacity``. Without a rate it lets everything pass.

    Times are on the clock of ``time.monotonic``.
    """

    rate: float | None = None
    capacity: float = 1.0
    level: float = 0.0
    fixed: bool = False
    """The user gave it: headers may lower it, and nothing raises it."""
    _at: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108  (tests put another clock there)

    @classmethod
    def per_minute(cls, amount: float) -> "Pace":
        """What the user knows of a limit; 0 for nothing. A second's worth may be spent at once."""
        if not amount:
            return cls()
        rate = amount / _MINUTE
        return cls(rate, max(1.0, rate), max(1.0, rate), fixed=True)

    def delay(self, amount: float, now: float) -> float:
        """Seconds until so much is there. What is more than the bucket holds goes when the bucket is full."""
        if self.rate is None:
            return 0.0
        self._refill(now)
        missing = min(amount, self.capacity) - self.level
        return max(0.0, missing / (self.rate * MARGIN))

    def empty(self) -> None:
        """The provider would not take any more: nothing is there, whatever we thought."""
        self.level = min(self.level, 0.0)

    def take(self, amount: float) -> None:
        if self.rate is not None:
            self.level -= amount

    def correct(self, taken: float, used: float) -> None:
        """So much was set aside and so much was used."""
        if self.rate is not None:
            self.level = min(self.capacity, self.level + taken - used)

    def observe(self, limit: int | None, remaining: int | None, reset: float | None, *, out: float) -> None:
        """What the provider says is left, with ``out`` under way that it may not have counted yet."""
        if not limit or remaining is None:
            return
        now = time.monotonic()
        rate = limit / period(limit, remaining, reset)
        if self.fixed and self.rate is not None and self.rate < rate:
            return
        if self.rate is None:
            self.rate, self.level, self.capacity, self._at = rate, float(remaining), 1.0, now
        self._refill(now)
        # A minute's budget is not always there at once: the bucket holds as much as was ever seen in it.
        self.rate, self.capacity = rate, max(self.capacity, remaining + 1.0)
        # What is under way was counted already or was not: the truth lies between. The number is whole, and a little old.
        self.level = min(max(self.level, remaining - out), remaining + 1 + STALE * rate)

    def _refill(self, now: float) -> None:
        assert self.rate is not None
        self.level = min(self.capacity, self.level + max(0.0, now - self._at) * self.rate * MARGIN)
        self._at = max(self._at, now)


def period(limit: int, remaining: int, reset: float | None) -> float:
    """Seconds in which a whole budget comes back: a minute, unless the time to a full one says that it takes longer.

    >>> period(1000, 0, 60.0), period(1000, 999, 0.06), period(200, 100, 43_200.0)
    (60.0, 60.0, 86400.0)
    """
    spent = limit - remaining
    if not reset or spent <= 0:
        return _MINUTE
    found = reset * limit / spent
    return found if found > 2 * _MINUTE and reset > _MINUTE else _MINUTE


class Learned:
    """A pace of requests that nobody announced, from what is refused and what is not."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._sent: deque[float] = deque()
        self._refused: deque[float] = deque()
        self._first = float("inf")
        self._event = float("-inf")
        self._raised = float("-inf")
        self._highest = 0.0
        """The pace at which the last refusal came."""

    def sent(self, now: float) -> None:
        if not self._sent:
            self._first = min(now, self._first)
        self._sent.append(now)
        while self._sent and self._sent[0] < now - WINDOW:
            self._sent.popleft()

    def refused(self, now: float) -> None:
        """Slow down to what went through."""
        self._refused.append(now)
        while self._refused and self._refused[0] < now - WINDOW:
            self._refused.popleft()
        stray = STRAY * len(self._sent)
        if len(self._sent) < FEW or len(self._refused) <= stray + 2 * sqrt(stray):
            return
        rate = self.pace.rate
        seconds = min(WINDOW, max(0.1, now - self._first))
        passed = max(1.0, len(self._sent) - len(self._refused)) / seconds
        # In the beginning a full bucket went through as well, which will not come again.
        allowed = passed * (BACK_OFF if now - self._first > 2 * WINDOW else BURST)
        if rate is None or now - self._event > COOL_DOWN:
            self._event, self._highest = now, min(passed, rate or passed)
            rate = min(rate * BACK_OFF, allowed) if rate else allowed
        else:
            rate = min(rate, allowed)
        self.pace.rate, self.pace.capacity, self.pace.level = rate, max(1.0, rate / 10), 0.0
        self._raised = now

    def passed(self, now: float) -> None:
        """Speed up, quickly while far below the pace of the last refusal, slowly around it, and quickly beyond."""
        rate = self.pace.rate
        if rate is None or self.pace.fixed or now - self._raised < COOL_DOWN:
            return
        near = 0.9 * self._highest < rate < 1.1 * self._highest
        self.pace.rate = rate * (1.01 if near else 1.2)
        self.pace.capacity = max(1.0, self.pace.rate / 10)
        self._raised = now
