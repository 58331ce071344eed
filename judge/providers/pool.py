"""One model at several addresses, such as vLLM servers started side by side.

What begins with the same text goes to the same replica, because there it lies in the prefix cache: a transcript's graders,
and the second question after the first. A new text goes to the replica that has least to do. Where its own replica is away,
or has far more to do than another, a request goes elsewhere.
"""

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from judge.errors import ProviderMisconfigured, ProviderUnavailable
from judge.providers.batches import BatchEndpoint, batch_endpoint
from judge.request import Capabilities, Completion, Provider, RateLimits, Request

REMEMBERED = 100_000
"""Texts whose replica is known: far more than are under way at once."""

FIRST_REST, LONGEST_REST = 1.0, 60.0
"""Seconds for which a replica that failed gets nothing. They double while it fails; after them it gets one request."""

MISSES = 3
"""Failures in a row, with no answer to others in between, after which a replica rests."""

SLACK = 16
"""So many requests more than twice what the least busy has may wait at a replica for the sake of its cache."""

_DECLINED = frozenset({429, 502, 503, 504, 529})
"""Refusals that came at once and cost nothing: the request moves on without a wait. After a connection that broke, the
answer may have been worked out, so that whoever counts the money hears of it first."""


@dataclass(eq=False)
class Replica:
    """One address, and how it does. Times are on the clock of ``time.monotonic``."""

    provider: Provider
    address: str
    in_flight: int = 0
    misses: int = 0
    rests: int = 0
    """In a row."""
    rests_until: float = 0.0
    answered_at: float = float("-inf")

    def free(self, now: float) -> bool:
        return now >= self.rests_until and (self.rests == 0 or self.in_flight == 0)

    def failed(self, sent_at: float, retry_after: float | None) -> None:
        """Let it rest, unless it answers others: then the request was unlucky, or is at fault itself."""
        now = time.monotonic()
        if now < self.rests_until or (self.answered_at > sent_at and not retry_after):
            return
        self.misses += 1
        if self.misses < MISSES and self.rests == 0 and not retry_after:
            return
        rest = min(LONGEST_REST, FIRST_REST * 2**self.rests)
        self.rests_until = now + min(LONGEST_REST, max(rest, retry_after or 0.0))
        self.rests += 1

    def succeeded(self) -> None:
        self.misses, self.rests, self.rests_until, self.answered_at = 0, 0, 0.0, time.monotonic()


class Pool:
    """A provider made of several that serve the same model under the same name.

    Args:
        replicas: At least one. The first one's name and capabilities are the pool's; what may be in flight is the sum.
    """

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self.replicas = tuple(replicas)
        first = self.replicas[0].provider
        self.model = first.model
        together = sum(replica.provider.capabilities.in_flight for replica in self.replicas)
        self.capabilities: Capabilities = replace(first.capabilities, in_flight=together)
        self.rate_limits = RateLimits()
        self._home: OrderedDict[int, Replica] = OrderedDict()

    async def complete(self, request: Request) -> Completion:
        """Send to one replica, and at once to another where that one takes nothing now."""
        tried: set[Replica] = set()
        while True:
            replica = self._choose(request, tried)
            tried.add(replica)
            replica.in_flight += 1
            sent_at = time.monotonic()
            try:
                completion = await replica.provider.complete(request)
            except ProviderUnavailable as error:
                replica.failed(sent_at, error.retry_after)
                self._move(request, replica)
                if error.status in _DECLINED and len(tried) < len(self.replicas):
                    continue
                raise
            except ProviderMisconfigured as error:
                # One address of several is wrong, and the others do not say which.
                what, do = f"{error.what} (at {replica.address})", error.do
                raise ProviderMisconfigured(what, status=error.status, do=do) from None
            finally:
                replica.in_flight -= 1
                self.rate_limits = replica.provider.rate_limits
            replica.succeeded()
            return completion

    def _choose(self, request: Request, tried: set[Replica]) -> Replica:
        now = time.monotonic()
        left = [replica for replica in self.replicas if replica not in tried]
        free = [replica for replica in left if replica.free(now)]
        if not free:
            return min(left, key=lambda replica: replica.rests_until)
        idlest = min(free, key=lambda replica: replica.in_flight)
        prefix = _prefix(request)
        home = self._home.get(prefix)
        if home in free and home.in_flight <= 2 * idlest.in_flight + SLACK:
            self._home.move_to_end(prefix)
            return home
        if home not in free:  # with one that only has much to do, the text stays at home
            self._home[prefix] = idlest
            if len(self._home) > REMEMBERED:
                self._home.popitem(last=False)
        return idlest

    def _move(self, request: Request, failed: Replica) -> None:
        """Have the next attempt, and what shares its text, go elsewhere."""
        now = time.monotonic()
        others = [replica for replica in self.replicas if replica is not failed and replica.free(now)]
        if others:
            self._home[_prefix(request)] = min(others, key=lambda replica: replica.in_flight)

    def batches(self) -> BatchEndpoint:
        """Batches are kept by the server that took them, so they all go to the first."""
        return batch_endpoint(self.replicas[0].provider)

    async def close(self) -> None:
        for replica in self.replicas:
            await replica.provider.close()


def _prefix(request: Request) -> int:
    """What stands for the text that a request begins with, within this process."""
    return hash(request.blocks[0].pieces)
