"""A worker's side of the desk: messages out by the handful, replies in, and on them gate, budget and journal.

The pipeline works with these as it does with its own ones.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import count
from typing import Any, Self

from judge.formats import Sketch
from judge.labelling.budget import Budget
from judge.labelling.dataset import Dataset
from judge.labelling.distributed.desk import Message, Reply, Rhythm
from judge.labelling.feed import Item
from judge.labelling.gate import Closed, Gate
from judge.labelling.journal import GroupCommit
from judge.labelling.resuming import EVERY, Done, missing
from judge.request import Completion, RateLimits
from judge.store import Finished, Row
from judge.transcript import Transcript

Tell = Callable[[Sequence[Message]], Awaitable[None]]
Listen = Callable[[], Awaitable[list[Reply]]]
Ask = Callable[..., Any]

FEW = 32
"""How many transcripts the store is asked about at once; more where all of them are done."""

HELD = 8 * 2**20
"""Bytes of text that are held for one question to the store, but for the last transcript."""

_Read = tuple[int, Sketch | Transcript]


class Line:
    """Calls to the desk and what comes back. Use as an async context manager.

    Args:
        tell: Hands messages over.
        listen: Waits for replies.
        stopped: Called with the reason when the run is to stop.
    """

    def __init__(self, tell: Tell, listen: Listen) -> None:
        self._tell, self._listen = tell, listen
        self.stopped: Callable[[str], None] = lambda _: None
        self._out: list[Message] = []
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._sending: asyncio.Task[None] | None = None
        self._broken: Exception | None = None
        self._rhythm = Rhythm()

    async def __aenter__(self) -> Self:
        self._listening = asyncio.create_task(self._receive())
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._sending is not None:
            await asyncio.shield(self._sending)
        self._listening.cancel()
        await asyncio.wait([self._listening])
        # Nobody hears of a reply now, and the thread that reads may be waiting for one, or be about to ask.
        self._break(Closed())

    async def call(self, what: str, *given: Any) -> Any:
        """The reply; raises what the desk raised, or what broke the line."""
        if self._broken is not None:
            raise self._broken
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._put((number, what, given))
        try:
            return await future
        finally:
            self._waiting.pop(number, None)

    def say(self, what: str, *given: Any) -> None:
        """Nobody replies."""
        self._put((0, what, given))

    def _put(self, message: Message) -> None:
        self._out.append(message)
        if self._sending is None and self._broken is None:
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        try:
            while self._out:
                await self._rhythm.beat()
                messages, self._out = self._out, []
                await self._tell(messages)
        except Exception as error:  # noqa: BLE001  (whoever waits for a reply must learn of it)
            self._break(error)
        finally:
            self._sending = None

    async def _receive(self) -> None:
        try:
            while True:
                for number, result, error in await self._listen():
                    self._take(number, result, error)
        except Exception as error:  # noqa: BLE001  (likewise)
            self._break(error)

    def _take(self, number: int, result: Any, error: Exception | None) -> None:
        if not number:
            self.stopped(result)
        elif (future := self._waiting.get(number)) is not None and not future.done():
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

    def _break(self, error: Exception) -> None:
        """The desk is gone, or we are. Everybody who waits, or will, is told so."""
        self._broken = self._broken or error
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)


class SharedGate(Gate):
    """The gate at the desk. Only closing it, and resting until it closes, are this worker's own business."""

    def __init__(self, line: Line, ceiling: int) -> None:
        super().__init__(ceiling)
        self._line = line

    async def enter(self, *, first: bool, tokens: float = 0.0) -> None:
        if self._closed.is_set():
            raise Closed
        await self._line.call("enter", first, tokens)

    def leave(self, tokens: float = 0.0, used: float | None = None) -> None:
        self._line.say("leave", tokens, used)

    def close(self) -> None:
        if not self._closed.is_set():
            self._line.say("withdraw")
        super().close()

    def succeeded(self, limits: RateLimits) -> None:
        self._line.say("succeeded", limits)

    def observe(self, limits: RateLimits) -> None:
        self._line.say("observe", limits)

    def refused(self, retry_after: float | None, *, overloaded: bool = False) -> None:
        self._line.say("refused", retry_after, overloaded)

    def pause(self, seconds: float) -> None:
        self._line.say("pause", seconds)


class SharedBudget(Budget):
    """The budget at the desk. Without a limit there is nothing to ask."""

    def __init__(self, line: Line, limit: float | None) -> None:
        super().__init__(limit)
        self._line = line

    async def reserve(self, most: float) -> float:
        if self.limit is None:
            return await super().reserve(most)
        await self._line.call("reserve", most)
        return most

    def lose(self, most: float) -> None:
        if self.limit is None:
            super().lose(most)
        else:
            self._line.say("lose", most)

    def settle(self, reserved: float, cost: float) -> None:
        if self.limit is None:
            super().settle(reserved, cost)
        else:
            self._line.say("settle", reserved, cost)


def _next_few(reading: Iterator[_Read], size: int) -> tuple[list[_Read], Exception | None]:
    """At most ``size``, and not many more than ``HELD`` bytes; where reading fails, what was read before it, and the error."""
    some: list[_Read] = []
    held = 0
    try:
        for position, item in reading:
            some.append((position, item))
            held += item.size
            if len(some) == size or held >= HELD:
                break
    except Exception as problem:  # noqa: BLE001  (raised when what is in hand has been handed on)
        return some, problem
    return some, None


class SharedJournal(GroupCommit):
    """The run's store, where it is. A row counts as committed when it is on disk there."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line
        self._found: dict[str, Finished] = {}
        """What the run holds of transcripts that it does not have whole, by id, from reading until they are taken up."""

    def lacking(
        self, items: Iterable[Item], run: str, wanted: Done, keep: Callable[[Iterable[str]], None]
    ) -> Iterable[Item | None]:
        loop = asyncio.get_running_loop()

        def ask(what: str, *given: Any) -> Any:  # from the thread that reads
            return asyncio.run_coroutine_threadsafe(self._line.call(what, run, *given), loop).result()

        return self._lacking(items, ask, wanted, keep)

    def _lacking(
        self, items: Iterable[Item], ask: Ask, wanted: Done, keep: Callable[[Iterable[str]], None]
    ) -> Iterator[Item | None]:
        if ask("has_records"):
            yield from missing(self._looked_up(items, ask, set(wanted)), wanted, keep)
        else:
            yield from items

    def _looked_up(
        self, items: Iterable[Item], ask: Ask, wanted: AbstractSet[tuple[str, int]]
    ) -> Iterator[tuple[int, Sketch | Transcript, Finished]]:
        """Many at a time, because every question takes the desk's and the store's time, and more of them where all is done."""
        reading = iter(items.sketches() if isinstance(items, Dataset) else items)
        size, problem = FEW, None
        while problem is None:
            some, problem = _next_few(reading, size)
            if not some:
                break
            held: Sequence[Finished] = ask("finished", [(item.id, item.revision) for _, item in some])
            whole = True
            for (position, item), found in zip(some, held, strict=True):
                if not found.keys() >= wanted:
                    whole = False
                    self._found[item.id] = found
                yield position, item, found
            size = min(2 * size, EVERY) if whole else FEW
        if problem is not None:
            raise problem

    async def answer(self, key: str) -> Completion | None:
        found: Completion | None = await self._line.call("answer", key)
        return found

    async def finished(self, _run: str, transcript_id: str, _fingerprint: str) -> Finished:
        return self._found.pop(transcript_id, {})

    def release(self, key: str) -> None:
        self._line.say("release", key)

    async def _put(self, rows: Sequence[Row]) -> None:
        await self._line.call("write", rows)
