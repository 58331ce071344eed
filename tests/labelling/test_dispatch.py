import asyncio
import time

import pytest
import tenacity

from judge.errors import ProviderMisconfigured, ProviderRejected, ProviderUnavailable
from judge.labelling.dispatch import Closed, Dispatcher, Gate, GiveUp
from judge.request import Block, Capabilities, RateLimits, Request
from tests.labelling.virtual import run_virtually
from tests.samples import completion

REQUEST = Request("m/x", "system", (Block("hello"),))


class Scripted:
    """A provider that does what it is told, in order; the last step repeats."""

    model = "m/x"
    capabilities = Capabilities()
    rate_limits = RateLimits()

    def __init__(self, *steps, seconds=0.0):
        self.steps = list(steps)
        self.seconds = seconds
        self.sent_at = []
        self.running = self.peak = 0

    async def complete(self, request):
        self.sent_at.append(time.monotonic())
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.running -= 1
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step

    async def close(self):
        pass


def busy(retry_after=None, status=429):
    return ProviderUnavailable("busy", status=status, retry_after=retry_after)


OK = completion("fine")


def send(provider, *, patience=10.0, notes=None, ceiling=4):
    async def main():
        note = notes.append if notes is not None else lambda _: None
        return await Dispatcher(provider, Gate(ceiling), patience, note).send(REQUEST)

    return asyncio.run(main())


def test_what_succeeds_is_sent_once():
    provider = Scripted(OK)
    assert send(provider) is OK and len(provider.sent_at) == 1


def test_a_busy_provider_is_asked_again_after_the_time_it_names():
    notes: list[str] = []
    provider = Scripted(busy(retry_after=0.4), OK)
    assert send(provider, notes=notes) is OK
    assert provider.sent_at[1] - provider.sent_at[0] >= 0.4
    assert "busy" in notes[0]


def test_retrying_ends_when_patience_does():
    with pytest.raises(GiveUp, match="busy"):
        send(Scripted(busy(status=500)), patience=1.0)


def test_a_wait_that_is_longer_than_patience_is_not_begun(monkeypatch):
    async def main():
        begun = asyncio.get_running_loop().time()
        with pytest.raises(GiveUp, match="asks to wait 7200 s"):
            await Dispatcher(Scripted(busy(retry_after=7200)), Gate(4), 5, lambda _: None).send(REQUEST)
        return asyncio.get_running_loop().time() - begun

    assert run_virtually(monkeypatch, main(), "judge.labelling.gate", "judge.labelling.dispatch") == 0


@pytest.mark.parametrize(
    "error", [ProviderRejected("too long", status=400), ProviderMisconfigured("bad key", status=401)]
)
def test_what_retrying_cannot_change_is_raised_at_once(error):
    provider = Scripted(error)
    with pytest.raises(type(error)):
        send(provider)
    assert len(provider.sent_at) == 1


def test_no_more_are_in_flight_than_the_gate_admits():
    async def main():
        provider = Scripted(OK, seconds=0.01)
        dispatcher = Dispatcher(provider, Gate(3), 10, lambda _: None)
        await asyncio.gather(*(dispatcher.send(REQUEST) for _ in range(20)))
        assert provider.peak == 3 and dispatcher.gate.in_flight == 0

    asyncio.run(main())


def test_followers_go_ahead_of_new_leaders():
    async def main():
        gate, order = Gate(1), []

        async def pass_through(name, first):
            await gate.enter(first=first)
            order.append(name)
            gate.leave()

        await gate.enter(first=False)
        tasks = [asyncio.create_task(pass_through(f"leader{n}", False)) for n in range(2)]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(pass_through(f"follower{n}", True)) for n in range(2)]
        await asyncio.sleep(0)
        gate.leave()
        await asyncio.gather(*tasks)
        assert order == ["follower0", "follower1", "leader0", "leader1"]

    asyncio.run(main())


def test_everybody_waits_when_one_is_told_to():
    async def main():
        provider = Scripted(busy(retry_after=0.5), OK)
        dispatcher = Dispatcher(provider, Gate(8), 10, lambda _: None)
        first = asyncio.create_task(dispatcher.send(REQUEST))
        await asyncio.sleep(0.05)
        rest = [asyncio.create_task(dispatcher.send(REQUEST)) for _ in range(5)]
        await asyncio.gather(first, *rest)
        assert min(provider.sent_at[1:]) - provider.sent_at[0] >= 0.5

    asyncio.run(main())


def test_an_overloaded_service_gets_half_as_many_once_and_success_brings_them_back():
    gate = Gate(64)
    begun = gate.limit
    for _ in range(20):
        gate.refused(None, overloaded=True)
    assert gate.limit == begun / 2
    for _ in range(3000):
        gate.succeeded(RateLimits())
    assert gate.limit == 64


@pytest.mark.parametrize(("limit", "reset", "wait"), [(10, 60.0, 6), (1000, 86_400.0, 86.4)])
def test_a_spent_limit_in_the_headers_is_waited_for_until_some_of_it_is_back(monkeypatch, limit, reset, wait):
    async def main():
        gate = Gate(4)
        gate.observe(RateLimits(requests_remaining=0, requests_limit=limit, requests_reset=reset))
        begun = asyncio.get_running_loop().time()
        await gate.enter(first=False)
        return asyncio.get_running_loop().time() - begun

    waited = run_virtually(monkeypatch, main(), "judge.labelling.gate", "judge.labelling.pace")
    assert wait <= waited < wait * 1.1


def test_a_wait_asked_for_with_any_status_is_kept_by_everybody():
    provider = Scripted(busy(retry_after=0.5, status=502), OK)
    assert send(provider) is OK
    assert provider.sent_at[1] - provider.sent_at[0] >= 0.5


def test_a_request_that_fails_while_others_get_through_is_rejected_and_stops_nobody():
    class Poisoned(Scripted):
        async def complete(self, request):
            if request.sample == 1:
                raise busy(status=500)
            return OK

    async def main():
        dispatcher = Dispatcher(Poisoned(OK), Gate(4), 1.0, lambda _: None)
        poison = asyncio.create_task(dispatcher.send(Request("m/x", "s", (Block("b"),), sample=1)))
        while not poison.done():
            await dispatcher.send(REQUEST)
            await asyncio.sleep(0.05)
        with pytest.raises(ProviderRejected, match="other requests were answered"):
            await poison

    asyncio.run(main())


def test_attempts_that_may_have_been_billed_are_told_of():
    doubts = []

    async def main():
        provider = Scripted(busy(status=0), busy(status=429), busy(status=200), OK)
        dispatcher = Dispatcher(provider, Gate(4), 10, lambda _: None)
        await dispatcher.send(REQUEST, doubtful=lambda: doubts.append(1))

    asyncio.run(main())
    assert len(doubts) == 2


def test_what_never_reached_the_provider_was_not_billed():
    doubts = []

    async def main():
        provider = Scripted(ProviderUnavailable("no connection", reached=False), OK)
        await Dispatcher(provider, Gate(4), 10, lambda _: None).send(
            REQUEST, doubtful=lambda: doubts.append(1)
        )

    asyncio.run(main())
    assert doubts == []


def test_an_answer_that_is_always_lost_is_not_bought_on_and_on(monkeypatch):
    monkeypatch.setattr("judge.labelling.dispatch._BACKOFF", tenacity.wait_none())
    provider = Scripted(busy(status=0))

    async def main():
        with pytest.raises(GiveUp, match="asked 5 times, and each may have been billed"):
            await Dispatcher(provider, Gate(4), 10_000, lambda _: None).send(REQUEST)

    asyncio.run(main())
    assert len(provider.sent_at) == 5


def test_a_waiter_cancelled_during_a_pause_leaves_no_hole():
    async def main():
        gate = Gate(1)
        gate.pause(60)
        task = asyncio.create_task(gate.enter(first=False))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert gate.in_flight == 0

    asyncio.run(main())


def test_a_closed_gate_frees_those_who_wait_and_those_who_sleep():
    async def main():
        gate = Gate(1)
        gate.pause(60)
        sleeping = asyncio.create_task(gate.enter(first=False))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(gate.enter(first=False))
        await asyncio.sleep(0.01)
        gate.close()
        for task in (sleeping, waiting, asyncio.create_task(gate.enter(first=True))):
            with pytest.raises(Closed):
                await asyncio.wait_for(task, 1)
        assert gate.in_flight == 0

    asyncio.run(main())


def test_a_cancelled_waiter_leaves_no_hole():
    async def main():
        gate = Gate(1)
        await gate.enter(first=False)
        waiting = [asyncio.create_task(gate.enter(first=False)) for _ in range(3)]
        await asyncio.sleep(0)
        gate.leave()
        waiting[0].cancel()  # it has just been given the place
        await asyncio.gather(waiting[0], return_exceptions=True)
        await asyncio.wait_for(waiting[1], 1)
        gate.leave()
        await asyncio.wait_for(waiting[2], 1)
        assert gate.in_flight == 1

    asyncio.run(main())
