"""What the workers of one run share: the pace of requests, what may be spent, and who is buying what.

One process holds it, and everybody else sends it messages by the handful. What has to be kept it passes on to where the
run's store is, and it answers a worker only when that has answered. It is plain asyncio and knows nothing of Ray.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Generic, TypeVar

from judge.labelling.asking import Purchases
from judge.labelling.budget import Budget
from judge.labelling.gate import Closed, Gate
from judge.labelling.progress import Progress
from judge.request import Capabilities, Completion
from judge.store import CompletionRow, Row

Message = tuple[int, str, tuple[Any, ...]]
"""Number (0 where no reply is wanted), what, and its arguments."""

Reply = tuple[int, Any, Exception | None]
"""Number of the message, result, error. A reply to message 0 is an order to stop, with the reason as its result."""

T = TypeVar("T")

PERIOD = 0.02
"""Seconds between two handfuls of messages on one way: a call between processes costs over a millisecond of CPU, whatever
is in it. The first after a silence does not wait for more."""

POLL = 10.0
"""Seconds after which whoever waits for messages gets none and asks again."""


class Rhythm:
    """Lets pass at most once in every ``PERIOD``."""

    def __init__(self) -> None:
        self._next = 0.0

    async def beat(self) -> None:
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + PERIOD


class Mailbox(Generic[T]):
    """Messages for one party, who fetches all that are there."""

    def __init__(self) -> None:
        self._messages: list[T] = []
        self._filled = asyncio.Event()
        self._rhythm = Rhythm()

    def put(self, message: T) -> None:
        self._messages.append(message)
        self._filled.set()

    async def take(self) -> list[T]:
        try:
            # Not wait_for, which in Python 3.11 forgets a cancellation that comes together with a message: whoever had
            # cancelled the reader would then wait for it for ever.
            async with asyncio.timeout(POLL):
                await self._filled.wait()
        except TimeoutError:
            return []
        await self._rhythm.beat()
        self._filled.clear()
        taken, self._messages = self._messages, []
        return taken


@dataclass(eq=False)
class _Claim:
    """A request that somebody is buying."""

    by: "_Worker"
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False)
class _Worker:
    """What one worker has under way, so that it can be given back when the worker is lost."""

    box: Mailbox[Reply] = field(default_factory=Mailbox)
    entered: Counter[float] = field(default_factory=Counter)
    reserved: Counter[float] = field(default_factory=Counter)
    entering: set[asyncio.Task[None]] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    writing: set[str] = field(default_factory=set)
    progress: Progress = field(default_factory=Progress)
    purchases: Purchases = field(default_factory=Purchases)
    begun: bool = False


class Desk:
    """Use ``join`` for a worker, then ``tell`` and ``listen`` on its behalf; ``orders`` and ``deliver`` where the store is.

    Args:
        ceiling: How many requests may be in flight, of all workers together.
        capabilities: With the rate limits that the user knows.
        limit: On money, or None.
        spent: What the run has spent already.
    """

    def __init__(self, ceiling: int, capabilities: Capabilities, limit: float | None, spent: float) -> None:
        self.gate = Gate.for_model(ceiling, capabilities)
        self.budget = Budget(limit, spent)
        self._workers: dict[str, _Worker] = {}
        self._claims: dict[str, _Claim] = {}
        self._store: Mailbox[Message] = Mailbox()
        self._orders: dict[int, asyncio.Future[Any]] = {}
        self._numbers = count(1)
        self._keeping: set[asyncio.Task[None]] = set()
        """What is on its way to the store gets there, whoever has bought it and is lost since."""
        self._stopped = ""
        self._calls: dict[str, Callable[..., Coroutine[Any, Any, Any]]] = {
            "enter": self._enter,
            "reserve": self._reserve,
            "answer": self._answer,
            "finished": partial(self._pass_on, "finished"),
            "has_records": partial(self._pass_on, "has_records"),
            "write": self._write,
        }
        self._notes: dict[str, Callable[..., None]] = {
            "leave": self._leave,
            "withdraw": self._withdraw,
            "succeeded": lambda _, limits: self.gate.succeeded(limits),
            "observe": lambda _, limits: self.gate.observe(limits),
            "refused": self._refused,
            "pause": lambda _, seconds: self.gate.pause(seconds),
            "lose": lambda _, most: self.budget.lose(most),
            "settle": self._settle,
            "release": self._release,
            "standing": self._standing,
        }

    # Workers

    async def join(self, name: str) -> None:
        worker = self._workers[name] = _Worker()
        if self._stopped:
            worker.box.put((0, self._stopped, None))

    async def tell(self, name: str, messages: Sequence[Message]) -> None:
        """Take a worker's messages, in their order. Raises KeyError where the worker counts as lost."""
        worker = self._workers[name]
        for number, what, given in messages:
            if not number:
                self._notes[what](worker, *given)
                continue
            task = asyncio.create_task(self._reply(worker, number, self._calls[what](worker, *given)))
            group = self._keeping if what == "write" else worker.entering if what == "enter" else worker.tasks
            group.add(task)
            task.add_done_callback(group.discard)

    async def listen(self, name: str) -> list[Reply]:
        """What there is for a worker; empty after a while without anything."""
        worker = self._workers[name]
        worker.begun = True
        return await worker.box.take()

    async def gone(self, name: str) -> None:
        """A worker is lost or done: what it had under way is given back, and what it may have bought counts as spent."""
        worker = self._workers.pop(name)
        waiting = [*worker.entering, *worker.tasks]
        await asyncio.sleep(0)  # one that is cancelled before it has begun never notices
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for tokens in list(worker.entered.elements()):
            self._leave(worker, tokens, None)
        for most in list(worker.reserved.elements()):
            self.budget.lose(most)
            self._settle(worker, most, 0.0)
        for key, claim in list(self._claims.items()):
            if claim.by is worker and key not in worker.writing:
                self._release(worker, key)

    # Where the store is

    async def orders(self) -> list[Message]:
        """What is to be done with the store; empty after a while without anything."""
        return await self._store.take()

    async def deliver(self, replies: Sequence[Reply]) -> None:
        """What came of it."""
        for number, result, error in replies:
            future = self._orders.pop(number, None)
            if future is None or future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

    async def stop(self, reason: str) -> None:
        """Have all workers send nothing more and keep what is under way."""
        self._stopped = reason
        for worker in self._workers.values():
            worker.box.put((0, reason, None))

    async def standings(self) -> dict[str, tuple[Progress, Purchases]]:
        """Where each worker that has begun says that it stands."""
        begun = {name: worker for name, worker in self._workers.items() if worker.begun}
        return {name: (worker.progress, worker.purchases) for name, worker in begun.items()}

    async def resting(self) -> float:
        """Seconds for which the provider asks everybody to wait."""
        return max(0.0, self.gate.paused_until - time.monotonic())

    # What workers ask for

    async def _reply(self, worker: _Worker, number: int, call: Coroutine[Any, Any, Any]) -> None:
        try:
            reply: Reply = (number, await call, None)
        except asyncio.CancelledError:
            reply = (number, None, Closed())
        except Exception as error:  # noqa: BLE001  (it is the worker's to deal with)
            reply = (number, None, error)
        worker.box.put(reply)

    async def _enter(self, worker: _Worker, first: bool, tokens: float) -> None:
        await self.gate.enter(first=first, tokens=tokens)
        worker.entered[tokens] += 1

    async def _reserve(self, worker: _Worker, most: float) -> None:
        await self.budget.reserve(most)
        worker.reserved[most] += 1

    async def _answer(self, worker: _Worker, key: str) -> Completion | None:
        while (claim := self._claims.get(key)) is not None:
            await claim.over.wait()
        self._claims[key] = _Claim(worker)
        try:
            stored: Completion | None = await self._order("answer", key)
        except BaseException:
            self._release(worker, key)
            raise
        if stored is not None:
            self._release(worker, key)
        return stored

    async def _pass_on(self, what: str, _: _Worker, *given: Any) -> Any:
        return await self._order(what, *given)

    async def _write(self, worker: _Worker, rows: Sequence[Row]) -> None:
        keys = {row.key for row in rows if isinstance(row, CompletionRow)}
        worker.writing |= keys
        try:
            await self._order("write", rows)
        finally:
            worker.writing -= keys
            for key in keys:
                self._release(worker, key)

    async def _order(self, what: str, *given: Any) -> Any:
        number = next(self._numbers)
        future = self._orders[number] = asyncio.get_running_loop().create_future()
        self._store.put((number, what, given))
        return await future

    # What workers tell

    def _leave(self, worker: _Worker, tokens: float, used: float | None) -> None:
        worker.entered[tokens] -= 1
        self.gate.leave(tokens, used)

    def _withdraw(self, worker: _Worker) -> None:
        for task in list(worker.entering):
            # Not at once: one that is cancelled before it has begun would never reply.
            asyncio.get_running_loop().call_soon(task.cancel)

    def _refused(self, _: _Worker, retry_after: float | None, overloaded: bool) -> None:
        self.gate.refused(retry_after, overloaded=overloaded)

    def _settle(self, worker: _Worker, reserved: float, cost: float) -> None:
        worker.reserved[reserved] -= 1
        self.budget.settle(reserved, cost)

    def _release(self, worker: _Worker, key: str) -> None:
        claim = self._claims.get(key)
        if claim is not None and claim.by is worker:
            del self._claims[key]
            claim.over.set()

    def _standing(self, worker: _Worker, progress: Progress, purchases: Purchases) -> None:
        worker.progress, worker.purchases = progress, purchases
