"""Sending: through the gate, and again where that can help. Retrying lives here and nowhere else (the SDKs' own is off)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import tenacity

from judge.errors import ProviderRejected, ProviderUnavailable
from judge.labelling.gate import Closed, Gate
from judge.request import Completion, Provider, Request, Usage
from judge.tokens import BYTES_PER_TOKEN

__all__ = ["Closed", "Dispatcher", "Gate", "GiveUp"]

_BACKOFF = tenacity.wait_random_exponential(multiplier=0.5, max=30)
_BUSY = {429, 503, 529}
_MAYBE_BILLED = {0, 200}
"""No answer, or half of one: the provider may have done the work and counted it."""

_OVERLOADED = {503, 529}

MOST_DOUBTFUL = 5
"""Attempts at one request of which each may have been billed although its answer never came."""

_WEIGHT = 0.05
"""Of the newest answer in what is expected of the next."""

_FIRST_GUESS = 300.0
"""Tokens of an answer, before any has come."""


class GiveUp(Exception):  # noqa: N818  (a decision, not an error)
    """The provider stays away for longer than the user is prepared to wait. Carries its last words."""


class Dispatcher:
    """Sends requests to one provider through one gate, and retries while that can help.

    Args:
        provider: Where to.
        gate: Shared by all requests to this provider and model.
        patience: Seconds for which one request is retried, and the longest ``retry-after`` that is waited out.
        note: Told in a few words of every retry, for the progress line.
    """

    def __init__(self, provider: Provider, gate: Gate, patience: float, note: Callable[[str], None]) -> None:
        self.provider = provider
        self.gate = gate
        self.patience = patience
        self.note = note
        self.last_success = float("-inf")
        self._input = _Ratio(1 / BYTES_PER_TOKEN)
        self._output = _FIRST_GUESS

    async def send(
        self, request: Request, *, first: bool = False, doubtful: Callable[[], None] = lambda: None
    ) -> Completion:
        """The completion. ``doubtful`` is called for each attempt that failed and may have been billed all the same.

        Raises Closed, GiveUp, ProviderRejected or ProviderMisconfigured. A request that keeps failing while others get
        through is at fault itself, and is rejected; GiveUp means that nobody gets through.
        """
        begun = time.monotonic()
        doubts = 0

        def doubt() -> None:
            nonlocal doubts
            doubts += 1
            doubtful()

        try:
            return await self._once(request, first, doubt)
        except ProviderUnavailable as error:
            failure: ProviderUnavailable | None = error

        async def attempt() -> Completion:
            # The first attempt was made above, outside tenacity, because most need no second one and its bookkeeping
            # costs more than our own share of a call. Here it is only told of.
            nonlocal failure
            if failure is not None:
                told, failure = failure, None
                raise told
            return await self._once(request, first=True, doubtful=doubt)

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(ProviderUnavailable),
            stop=lambda state: doubts >= MOST_DOUBTFUL or self._stop(state),
            wait=self._wait,
            sleep=self.gate.rest,
            before_sleep=self._tell,
            retry_error_callback=lambda state: self._give_up(begun, doubts, state),
        )
        result: Completion = await retrying(attempt)
        return result

    async def _once(self, request: Request, first: bool, doubtful: Callable[[], None]) -> Completion:
        expected = self._input.expect(_size(request)) + self._output
        used: float | None = None
        await self.gate.enter(first=first, tokens=expected)
        try:
            completion = await self.provider.complete(request)
            used = completion.usage.input + completion.usage.output or None
        except ProviderUnavailable as error:
            self.gate.observe(self.provider.rate_limits)
            asked = error.retry_after if (error.retry_after or 0) <= self.patience else None
            if error.status in _BUSY:
                self.gate.refused(asked, overloaded=error.status in _OVERLOADED)
            elif asked:
                self.gate.pause(asked)
            if error.status in _MAYBE_BILLED and error.reached:
                doubtful()
            raise
        finally:
            self.gate.leave(expected, used)
        self.last_success = time.monotonic()
        self._learn(request, completion.usage)
        self.gate.succeeded(self.provider.rate_limits)
        return completion

    def _learn(self, request: Request, usage: Usage) -> None:
        """Expect of the next request what this one used."""
        if usage.input:
            self._input.learn(_size(request), usage.input)
            self._output += _WEIGHT * (usage.output - self._output)

    def _give_up(self, begun: float, doubts: int, state: tenacity.RetryCallState) -> Completion:
        error = _last(state)
        if error.retry_after and error.retry_after > self.patience:
            raise GiveUp(f"{error.what}; it asks to wait {error.retry_after:.0f} s") from error
        often = f"; asked {doubts} times, and each may have been billed" if doubts >= MOST_DOUBTFUL else ""
        if self.last_success > begun:
            what = f"{error.what}{often} (while other requests were answered)"
            raise ProviderRejected(what, status=error.status)
        raise GiveUp(f"{error.what}{often}") from error

    def _wait(self, state: tenacity.RetryCallState) -> float:
        asked = _last(state).retry_after
        # What the provider asked for is waited out at the gate, by everyone; here only the jitter is left.
        return _BACKOFF(state) if asked is None else min(1.0, _BACKOFF(state))

    def _stop(self, state: tenacity.RetryCallState) -> bool:
        asks_too_much = (_last(state).retry_after or 0) > self.patience
        return asks_too_much or tenacity.stop_after_delay(self.patience)(state)

    def _tell(self, state: tenacity.RetryCallState) -> None:
        error = _last(state)
        asked = f", asks to wait {error.retry_after:.0f} s" if error.retry_after else ""
        self.note(f"retrying ({state.attempt_number}): {error.what}{asked}")


@dataclass
class _Ratio:
    """Tokens to a character, as this provider's tokeniser has them on these texts."""

    value: float

    def expect(self, size: int) -> float:
        return size * self.value

    def learn(self, size: int, tokens: int) -> None:
        self.value += _WEIGHT * (tokens / max(size, 1) - self.value)


def _size(request: Request) -> int:
    """Characters of a request's text."""
    again = len(request.reask.answer) + len(request.reask.complaint) if request.reask else 0
    return len(request.system) + sum(map(len, request.blocks)) + again


def _last(state: tenacity.RetryCallState) -> ProviderUnavailable:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, ProviderUnavailable)
    return error
