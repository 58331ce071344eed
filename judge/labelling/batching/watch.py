"""A run's batches that are under way: looked for, looked at, read when they have ended, cancelled."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from judge.errors import ProviderMisconfigured, ProviderRejected
from judge.labelling.asking import Purchases
from judge.labelling.batching.collecting import Collected, collect
from judge.labelling.batching.patience import Patience
from judge.providers.batches import BatchEndpoint, Limits, Remote, Sent, Undecided
from judge.store import Store
from judge.store.batches import BatchRow

ATTEMPTS = 3
"""How often one invocation sends a request that the provider does not get to."""

FIRST_LOOK = 2.0
"""Seconds until batches are looked at for the first time; each further wait is twice as long, up to ``poll``."""

SETTLE = 15.0
"""Seconds after which a batch that the provider does not list will not appear there any more."""

_NOT_FOUND = 404


@dataclass
class Setbacks:
    """Requests that were not answered, for this invocation only: the next one tries again."""

    rejected: dict[str, str] = field(default_factory=dict)
    """Key to reason: not sent again."""
    attempts: Counter[str] = field(default_factory=Counter)

    def unavailable(self, key: str, why: str) -> None:
        self.attempts[key] += 1
        if self.attempts[key] >= ATTEMPTS:
            self.rejected[key] = f"sent {ATTEMPTS} times in batches: {why}"


class Watch:
    """Looks after the batches of one run.

    Args:
        run: The run.
        endpoint: Where its batches are.
        store: Where they and their answers are kept.
        patience: For trouble with the provider.
        say: Told in a line of everything that happens.
        stopped: Set when the run is to end.
    """

    def __init__(
        self,
        run: str,
        endpoint: BatchEndpoint,
        store: Store,
        patience: Patience,
        say: Callable[[str], None],
        stopped: asyncio.Event,
    ) -> None:
        self.run = run
        self.purchases = Purchases()
        self.setbacks = Setbacks()
        self.limits = endpoint.limits
        """How much is put into one batch: less than the endpoint takes where the account's queue is smaller."""
        self.full = False
        """The account's queue has been full."""
        self.cancelled = False
        """Somebody cancelled a batch, so nothing more is to be sent."""
        self._endpoint = endpoint
        self._store = store
        self._patience = patience
        self._say = say
        self._stopped = stopped
        self.settle = SETTLE
        self._seen: dict[int, str] = {}
        self._undecided: set[int] = set()
        self._asked_to_end: set[int] = set()
        self._giving_up = False
        self._begun = time.time()
        self._first_missed: dict[int, float] = {}

    @property
    def open(self) -> list[BatchRow]:
        """The batches that are under way, oldest first."""
        unfinished = self._store.batches.unfinished(self.run)
        # A run that was removed and begun anew may have had another model.
        return [batch for batch in unfinished if batch.model == self._endpoint.model]

    @property
    def ending(self) -> bool:
        """Whether any batch will end by itself soon once it is cancelled."""
        return any(batch.number not in self._undecided for batch in self.open)

    def void(self) -> None:
        """Free what an earlier process had set aside and not sent."""
        for batch in self.open:
            if batch.state == "claimed":
                self._store.batches.close(batch.number)

    async def look(self) -> None:
        """Look at every batch once, and read those that have ended."""
        for batch in self.open:
            if self._stopped.is_set():
                return
            if batch.state == "sending":
                await self.find(batch)
            else:
                remote = await self._patience.call(lambda batch=batch: self._remote(batch))  # type: ignore[misc]
                if remote is not None:
                    self._tell(batch, f"{remote.state}, {remote.answered:,} of {batch.requests:,} processed")
                if remote is not None and remote.ended:
                    await self._finish(batch, remote)

    async def until(self, done: Callable[[], bool], poll: float) -> None:
        """Look again and again, until the batches are as wanted or the run is to end."""
        wait = min(FIRST_LOOK, poll)
        while not done() and not self._stopped.is_set():
            await self._patience.rest(wait)
            wait = min(2 * wait, poll)
            await self.look()

    async def find(self, batch: BatchRow) -> None:
        """Settle whether the provider has a batch whose name is not known."""
        ours = _Ours(self._store, batch.number)
        try:
            found = await self._patience.call(lambda: self._endpoint.find(sent(batch), ours))
        except Undecided as undecided:
            self._tell(
                batch, f"may be one of {undecided} at the provider; that is known when they have ended"
            )
            self._undecided.add(batch.number)
            return
        self._undecided.discard(batch.number)
        if found is None and not self._settled(batch):
            self._tell(batch, "not known to the provider yet")
        elif found is None:
            freed = self._store.batches.close(batch.number)
            self._tell(batch, f"never reached the provider; its {freed:,} requests are free again")
        else:
            self._store.batches.sent(batch.number, found)
            self._tell(batch, f"found at the provider as {found}")

    def _settled(self, batch: BatchRow) -> bool:
        """Whether a batch that the provider does not list will not appear any more.

        Counted from when this process first missed it, because the clock on the wall may have been set in between; for a
        batch that an earlier process sent, the wall has to do where nobody waits, and a time to come says nothing.
        """
        now = time.monotonic()
        if now - self._first_missed.setdefault(batch.number, now) >= self.settle:
            return True
        return batch.sent < self._begun and not 0 <= time.time() - batch.sent < self.settle

    async def cancel(self) -> None:
        """Ask the provider to end all batches that it has, each once, and give up those that it does not know."""
        self._giving_up = True
        await self.look()
        for batch in self.open:
            if batch.state != "sent" or batch.number in self._asked_to_end:
                continue
            self._asked_to_end.add(batch.number)
            try:
                await self._patience.call(lambda batch=batch: self._endpoint.cancel(batch.remote_id))  # type: ignore[misc]
            except ProviderRejected:
                continue  # it has ended in the meantime

    async def _remote(self, batch: BatchRow) -> Remote | None:
        """How a batch stands; None where the provider does not know it and it is given up."""
        try:
            return await self._endpoint.look(batch.remote_id)
        except ProviderMisconfigured as error:
            if error.status != _NOT_FOUND:
                raise
        self._not_there(batch, f"the provider knows no batch {batch.remote_id}")
        return None

    def _not_there(self, batch: BatchRow, what: str) -> None:
        """Free the requests of a batch that cannot be had, where it is given up; else raise ProviderMisconfigured."""
        if not self._giving_up:
            raise ProviderMisconfigured(
                what,
                status=_NOT_FOUND,
                do="use the key of the account that sent it; or give it up with --cancel, which frees its requests",
            )
        freed = self._store.batches.close(batch.number)
        self._tell(batch, f"{what}; its {freed:,} requests are free again")

    async def _finish(self, batch: BatchRow, remote: Remote) -> None:
        found = Collected()
        try:
            await self._patience.call(lambda: collect(self._endpoint, self._store, batch, found))
        except ProviderMisconfigured as error:
            if error.status != _NOT_FOUND:
                raise
            self._not_there(batch, f"the provider has no results of batch {batch.remote_id}")
            return
        if not (remote.cancelled or remote.problem):
            self._silent(batch, found)
        freed = self._store.batches.close(batch.number)
        self.purchases.add(found.purchases)
        self._say(
            f"batch {batch.number}: {found.purchases.sent:,} answers stored, {freed:,} requests without one"
        )
        if found.twice:
            self._say(f"batch {batch.number}: {len(found.twice):,} results came twice; the first ones count")
        if found.foreign:
            self._say(
                f"batch {batch.number}: {len(found.foreign):,} results are to no request of it and are left out"
            )
        self.setbacks.rejected |= found.rejected
        for key, why in found.unavailable.items():
            self.setbacks.unavailable(key, why)
        self.cancelled = self.cancelled or remote.cancelled
        if remote.full:
            self._shrink(batch, remote)
        elif remote.problem:
            raise ProviderMisconfigured(
                f"the provider took none of batch {remote.id}: {remote.problem}",
                do="correct what it names, and run the same command again",
            )
        if found.misconfigured is not None:
            raise found.misconfigured

    def _silent(self, batch: BatchRow, found: Collected) -> None:
        """Requests on which an ended batch says nothing may have been billed: do not send them over and over by oneself."""
        for key in self._store.batches.held(batch.number):
            if key not in found.rejected and key not in found.unavailable:
                self.setbacks.rejected[key] = (
                    "its batch ended without a result for it, though it may have been billed"
                )

    def _shrink(self, batch: BatchRow, remote: Remote) -> None:
        """Too much waits at the provider: send less at once, and less in one batch where this was the only one."""
        self.full = True
        if not self.open:
            if batch.requests == 1:
                raise ProviderMisconfigured(
                    f"one request is more than this account may have waiting: {remote.problem}",
                    do="raise the account's limit, or label without --batch",
                )
            self.limits = Limits(max(1, batch.requests // 2), self.limits.size)
        self._say(f"batch {batch.number}: {remote.problem}; less is sent at once")

    def _tell(self, batch: BatchRow, what: str) -> None:
        """Say where a batch stands, if that is news."""
        if self._seen.get(batch.number) != what:
            self._seen[batch.number] = what
            self._say(f"batch {batch.number}: {what}")


class _Ours:
    """How the provider's adapter recognises a batch of ours, see ``judge.providers.batches.Mine``."""

    def __init__(self, store: Store, number: int) -> None:
        self._batches = store.batches
        self._number = number

    def known(self, remote_ids: set[str]) -> set[str]:
        return self._batches.known(remote_ids)

    def holds(self, key: str) -> bool:
        return self._batches.holds(self._number, key)


def sent(batch: BatchRow) -> Sent:
    return Sent(batch.token, batch.requests, batch.sent)
