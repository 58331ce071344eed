"""A run's requests through the provider's batch endpoint: packed, sent, waited for, read into the store.

Read ``BatchRun._rounds`` first. It goes over the dataset, sends what is missing, waits for all of it, and begins again: the
second time what is missing are the second questions to answers that did not stand, and requests that the provider did
not get to. When nothing is missing the pipeline makes the records from the store, as it does from live answers.

All state is in the store (``judge.store.batches``), so that this can be killed at any moment and begun again.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from judge.errors import ProviderMisconfigured, ProviderRejected, ProviderUnavailable
from judge.labelling.batching.packing import Packed, Packer
from judge.labelling.batching.patience import Patience, Stopped
from judge.labelling.batching.watch import SETTLE, Watch, sent
from judge.labelling.dispatch import GiveUp
from judge.labelling.interrupts import interrupts
from judge.labelling.pipeline import End, Plan
from judge.labelling.questions import missing, questions
from judge.labelling.sharing import BATCH_HITS, Marking
from judge.providers.batches import BatchEndpoint
from judge.request import Request
from judge.store import Store
from judge.transcript import Transcript

CANCELLING = 5.0
"""Seconds between two looks at batches that are being cancelled. It takes the provider up to ten minutes."""


@dataclass(frozen=True)
class Manner:
    """How batches are run.

    Args:
        folder: Where files of requests are kept while they are sent, unnamed.
        say: Told in a line of everything that happens.
        wait: Until all is answered; else send, and leave.
        poll: Seconds between two looks at the batches.
    """

    folder: Path
    say: Callable[[str], None]
    wait: bool = True
    poll: float = 60.0


class BatchRun:
    """One invocation of a run by batches.

    Args:
        plan: As for live calls.
        endpoint: The provider's.
        store: Where claims and answers are.
        manner: How to go about it.
    """

    def __init__(self, plan: Plan, endpoint: BatchEndpoint, store: Store, manner: Manner) -> None:
        self.plan = plan
        self.endpoint = endpoint
        self.store = store
        self.manner = manner
        self.end: End = "complete"
        self.because = ""
        """In words, where it ended early."""
        self._stopped = asyncio.Event()
        self._patience = Patience(plan.patience, manner.say, self._stopped)
        self.watch = Watch(plan.run, endpoint, store, self._patience, manner.say, self._stopped)
        self.watch.settle = min(SETTLE, manner.poll)

    async def run(self, dataset: Iterable[tuple[int, Transcript]]) -> End:
        """Send what is missing and wait for it, until nothing is missing. Returns how it ended."""
        return await self._orderly(self._rounds(dataset))

    async def cancel(self) -> End:
        """Cancel the run's batches; what was answered by then is kept, the rest is free again."""
        return await self._orderly(self._cancel())

    async def catch_up(self) -> End:
        """Read what has ended, and free what was never sent; sends nothing, waits for nothing."""
        return await self._orderly(self._catch_up())

    async def _orderly(self, work: Coroutine[None, None, None]) -> End:
        try:
            with interrupts(self._interrupt):
                await work
        except Stopped:
            pass
        except asyncio.CancelledError:
            if self.end != "interrupted":
                raise
        except GiveUp as away:
            self.end, self.because = "provider", str(away)
        if self.end == "complete" and self.watch.open:
            self.end = "waiting"
        return self.end

    async def _catch_up(self) -> None:
        self.watch.void()
        await self.watch.look()

    async def _rounds(self, dataset: Iterable[tuple[int, Transcript]]) -> None:
        await self._catch_up()
        while not self._stopped.is_set() and not self.watch.cancelled:
            again = await self._send_missing(dataset)
            if not self.manner.wait or not (self.watch.open or again):
                break
            await self.watch.until(lambda: not self.watch.open, self.manner.poll)
        if self.watch.cancelled and self.end == "complete":
            self.because = "a batch was cancelled at the provider, so nothing more was sent"
            self.end = "cancelled"

    async def _send_missing(self, dataset: Iterable[tuple[int, Transcript]]) -> bool:
        """Go over the dataset once. Returns whether anything was sent, or must be tried again."""
        committed, batches, run = 0.0, self.store.batches, self.plan.run

        def affordable(most: float) -> bool:
            return self.plan.max_cost is None or committed + most <= self.plan.max_cost

        packer = Packer(self._wanted(dataset), self.endpoint, self.store, self.manner.folder, run, affordable)
        tried = False
        while not self._stopped.is_set():
            committed = self.store.spent(run) + batches.reserved(run)
            packed = await packer.next(self.watch.limits)
            if packed is None:
                break
            tried = True
            with packed.lines:
                await self._send(packed)
            await self._room()
        self.watch.setbacks.rejected |= packer.too_large
        if packer.spent and not self.watch.open and not tried:
            self.end = "budget"
        return tried

    def _wanted(self, dataset: Iterable[tuple[int, Transcript]]) -> Iterator[Request]:
        style, rejected = self.plan.style, self.watch.setbacks.rejected
        marking = Marking(style.model, style.order, hits=BATCH_HITS, batch=True)
        for asked in questions(self.plan, dataset):
            requests = missing(asked, self.store, self.plan)
            yield from marking.all_sent(r for r in requests if r.key not in rejected)

    async def _room(self) -> None:
        """Where the account's queue has been full, wait until one of the batches in it has ended."""
        count = len(self.watch.open)
        if self.watch.full and self.manner.wait:
            await self.watch.until(lambda: len(self.watch.open) < count, self.manner.poll)

    async def _send(self, packed: Packed) -> None:
        batches, number = self.store.batches, packed.number
        batches.sending(number, requests=packed.requests, reserved=packed.reserved, now=time.time())
        batch = next(batch for batch in self.watch.open if batch.number == number)
        self.manner.say(f"batch {number}: sending {packed.requests:,} requests, {packed.size / 1e6:,.1f} MB")
        try:
            remote_id = await self.endpoint.create(packed.lines, sent(batch))
        except ProviderUnavailable as error:
            # Whether the provider has it is an open question now, which must not be answered by sending it again.
            await self._patience.failed(error)
            await self.watch.find(batch)
        except ProviderRejected as error:
            batches.close(number)
            raise ProviderMisconfigured(
                f"the provider would not take a batch of {packed.requests:,} requests: {error.what}",
                status=error.status,
                do="correct what it names, and run the same command again",
            ) from error
        except ProviderMisconfigured:
            batches.close(number)
            raise
        else:
            batches.sent(number, remote_id)
            self._patience.succeeded()
            self.manner.say(f"batch {number}: the provider has it as {remote_id}")

    async def _cancel(self) -> None:
        self.watch.void()
        await self.watch.cancel()
        while self.manner.wait and self.watch.ending and not self._stopped.is_set():
            await self._patience.rest(min(CANCELLING, self.manner.poll))
            await self.watch.cancel()  # also those that are found only now
        if self.end == "complete":
            self.end = "cancelled"

    def _interrupt(self) -> None:
        self.end = "interrupted"
        self._stopped.set()
        self.manner.say("interrupted: batches go on at the provider, and the same command finds them again")
