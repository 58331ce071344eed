"""Rate limits: what reaches a provider that allows so much a second, on a clock that jumps."""

import asyncio
from dataclasses import dataclass, field
from random import Random

import pytest

from judge.errors import ProviderUnavailable
from judge.labelling.dispatch import Dispatcher, Gate
from judge.labelling.pace import Pace, period
from judge.providers.limits import anthropic_limits, openai_limits
from judge.request import Block, Capabilities, RateLimits, Request, Usage
from tests.labelling.virtual import run_virtually
from tests.loopback.buckets import Limits
from tests.samples import completion

CLOCKS = (
    "judge.labelling.gate",
    "judge.labelling.pace",
    "judge.labelling.dispatch",
    "tests.loopback.buckets",
)
SECOND = 1 / 60
"""A second's worth of a minute's budget may be spent at once."""


@dataclass
class Limited:
    """A provider with the loopback server's buckets, which tells of them in one vendor's headers, or does not."""

    limits: Limits
    headers: str = "openai"
    latency: float = 0.2
    tokens: int = 1000
    model: str = "m/x"
    capabilities: Capabilities = field(default_factory=Capabilities)
    rate_limits: RateLimits = field(default_factory=RateLimits)
    retry_after: bool = True
    answered: int = 0
    refused: int = 0
    last: float = 0.0
    spread: Random = field(default_factory=lambda: Random(1))

    async def complete(self, request):
        await asyncio.sleep(0.005)
        self.last = asyncio.get_running_loop().time()
        wait = self.limits.take(self.tokens)
        if wait is not None:
            self.refused += 1
            self._tell()
            raise ProviderUnavailable("too many", status=429, retry_after=wait if self.retry_after else None)
        await asyncio.sleep(self.latency * self.spread.uniform(0.5, 1.5))
        self.answered += 1
        self._tell()
        answer = completion("fine")
        return type(answer)(
            **{name: getattr(answer, name) for name in ("raw", "dialect", "text", "stop", "model")},
            usage=Usage(input=self.tokens - 100, output=100),
        )

    def _tell(self):
        if self.headers == "openai":
            self.rate_limits = openai_limits(self.limits.openai_headers()) or RateLimits()
        elif self.headers == "anthropic":
            self.rate_limits = anthropic_limits(self.limits.anthropic_headers()) or RateLimits()

    async def close(self):
        pass


async def send(provider, count, workers=200, told=0):
    """So many requests by so many workers; returns the seconds until the last one was sent."""
    loop = asyncio.get_running_loop()
    gate = Gate.for_model(workers, Capabilities(requests_per_minute=told))
    dispatcher = Dispatcher(provider, gate, 600, lambda _: None)
    numbers = iter(range(count))
    begun = loop.time()

    async def worker():
        for number in numbers:
            await dispatcher.send(Request("m/x", "", (Block(f"{number} " + "x" * 3600),)))

    await asyncio.gather(*(worker() for _ in range(workers)))
    return provider.last - begun


def shares(provider, seconds, rate, burst):
    """Of the allowed rate what was reached, and of all requests what was refused."""
    return provider.answered / (rate * seconds + burst), provider.refused / (
        provider.answered + provider.refused
    )


@pytest.mark.parametrize(
    ("headers", "latency", "burst"),
    [("openai", 0.05, SECOND), ("openai", 1.0, SECOND), ("openai", 0.2, 0.1), ("anthropic", 0.2, SECOND)],
)
def test_announced_limits_are_used_up_and_hardly_ever_passed(monkeypatch, headers, latency, burst):
    async def main():
        provider = Limited(Limits(6000, None, burst), headers, latency)
        seconds = await send(provider, 2500)
        return provider, seconds

    provider, seconds = run_virtually(monkeypatch, main(), *CLOCKS)
    reached, refused = shares(provider, seconds, 100, 6000 * burst)
    assert provider.answered == 2500
    assert reached >= 0.95 and refused <= 0.01, (reached, refused)


def test_announced_limits_of_tokens_are_kept_too(monkeypatch):
    async def main():
        provider = Limited(Limits(60_000, 6_000_000, SECOND), latency=0.5)
        return provider, await send(provider, 2000)

    provider, seconds = run_virtually(monkeypatch, main(), *CLOCKS)
    reached, refused = shares(provider, seconds, 100, 100)
    assert reached >= 0.95 and refused <= 0.01, (reached, refused)


@pytest.mark.parametrize(("latency", "retry_after"), [(0.05, True), (0.2, False), (1.0, True)])
def test_limits_that_nobody_announces_are_learned(monkeypatch, latency, retry_after):
    async def main():
        provider = Limited(Limits(6000, None, SECOND), "none", latency, retry_after=retry_after)
        return provider, await send(provider, 2500)

    provider, seconds = run_virtually(monkeypatch, main(), *CLOCKS)
    reached, refused = shares(provider, seconds, 100, 100)
    assert provider.answered == 2500
    assert reached >= 0.85 and refused <= 0.10, (reached, refused)


def test_limits_that_the_user_knows_are_kept_from_the_first_request(monkeypatch):
    async def main():
        provider = Limited(Limits(6000, None, SECOND), "none")
        assert provider.limits.requests
        # Somebody else's requests were there before, so some of ours are refused in the beginning.
        provider.limits.requests.level -= 90
        return provider, await send(provider, 2000, told=6000)

    provider, seconds = run_virtually(monkeypatch, main(), *CLOCKS)
    reached, refused = shares(provider, seconds, 100, 10)
    assert reached >= 0.95 and refused <= 0.05, (reached, refused)


def test_a_slow_limit_that_the_user_knows_is_not_raised_by_headers(monkeypatch):
    async def main():
        provider = Limited(Limits(6000, None, 1.0))
        return provider, await send(provider, 200, told=600)

    _, seconds = run_virtually(monkeypatch, main(), *CLOCKS)
    assert seconds >= 19


def test_each_model_has_its_own_limit(monkeypatch):
    async def main():
        fast, slow = Limited(Limits(6000, None, SECOND)), Limited(Limits(1200, None, SECOND), "anthropic")
        return fast, slow, await asyncio.gather(send(fast, 2000), send(slow, 1500))

    fast, slow, (quick, long) = run_virtually(monkeypatch, main(), *CLOCKS)
    for provider, seconds, rate in ((fast, quick, 100), (slow, long, 20)):
        reached, refused = shares(provider, seconds, rate, rate)
        assert reached >= 0.95 and refused <= 0.01, (reached, refused)


def test_without_limits_the_ceiling_is_reached_in_a_few_rounds(monkeypatch):
    async def main():
        provider = Limited(Limits(None, None), "none", latency=1.0)
        return await send(provider, 2000, workers=200)

    assert run_virtually(monkeypatch, main(), *CLOCKS) < 1.3 * 2000 / 200 * 1.0


def test_a_budget_of_a_day_is_not_taken_for_one_of_a_minute():
    assert period(200, 100, 43_200.0) == 86_400.0
    pace = Pace()
    pace.observe(200, 0, 86_400.0, out=0)
    assert pace.rate == pytest.approx(200 / 86_400)


def test_a_request_that_is_larger_than_the_budget_goes_when_the_budget_is_full():
    pace = Pace(rate=10.0, capacity=100.0, level=100.0)
    assert pace.delay(5000, pace._at) == 0
    pace.take(5000)
    assert pace.delay(1, pace._at) > 400


def test_stray_refusals_slow_nobody_down(monkeypatch):
    class Moody(Limited):
        async def complete(self, request):
            if self.spread.random() < 0.02:
                raise ProviderUnavailable("no reason", status=429)
            return await super().complete(request)

    async def main():
        return await send(Moody(Limits(None, None), "none", latency=0.2), 8000, workers=100)

    assert run_virtually(monkeypatch, main(), *CLOCKS) < 1.25 * 8000 / 100 * 0.205
