"""A clock that jumps: minutes of waiting in milliseconds, the same in every run, however busy the machine is."""

import asyncio
import selectors
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


class _Jump(selectors.DefaultSelector):
    """Where the loop would sleep, its clock is put forward."""

    clock: "VirtualLoop"

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout:
            self.clock.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    now = 1000.0

    def __init__(self) -> None:
        selector = _Jump()
        selector.clock = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run_virtually(monkeypatch: pytest.MonkeyPatch, main: Coroutine[Any, Any, T], *modules: str) -> T:
    """Run a coroutine on such a clock, which is also what ``time.monotonic`` says in these modules."""
    loop = VirtualLoop()
    for module in modules:
        monkeypatch.setattr(f"{module}.time", SimpleNamespace(monotonic=loop.time))
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
