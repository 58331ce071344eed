"""One request, answered: from the store where it was asked before, else by the provider, within the budget.

The order is what makes money safe: reserve, send, commit the raw answer to disk, and only then hand it on to be read. Two
transcripts that render to the same request share one purchase.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from judge.labelling.budget import Budget, dearest
from judge.labelling.dispatch import Dispatcher
from judge.labelling.journal import GroupCommit
from judge.pricing import PriceList
from judge.request import Completion, Request, Usage
from judge.store import CompletionRow


@dataclass
class Purchases:
    """What this process sent, got and paid. Read by the progress display while it grows."""

    sent: int = 0
    from_store: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    models: Counter[str] = field(default_factory=Counter)

    def count(self, completion: Completion, cost: float) -> None:
        """One more answer."""
        self.sent += 1
        self.usage += completion.usage
        self.cost += cost
        self.models[completion.model] += 1

    def add(self, other: "Purchases") -> None:
        self.sent += other.sent
        self.from_store += other.from_store
        self.usage += other.usage
        self.cost += other.cost
        self.models += other.models


@dataclass(frozen=True, slots=True)
class Answered:
    completion: Completion
    bought: bool


class Asker:
    """Answers requests for one provider and model.

    Args:
        journal: Written with what is bought, and asked for what was bought before.
        dispatcher: The way to the provider.
        budget: The limit on what may be bought.
        purchases: Told of everything.
        run: In whose name things are bought.
    """

    def __init__(
        self,
        journal: GroupCommit,
        dispatcher: Dispatcher,
        budget: Budget,
        purchases: Purchases,
        run: str,
    ) -> None:
        self.run = run
        self.journal = journal
        self.dispatcher = dispatcher
        self.budget = budget
        self.purchases = purchases
        self.prices = PriceList()
        self._under_way: dict[str, asyncio.Future[Completion]] = {}

    async def ask(self, request: Request, *, first: bool) -> Answered:
        """The completion, and whether it was bought for this call.

        Raises BudgetSpent, Closed, GiveUp, NotYet, ProviderRejected, ProviderMisconfigured, StoreError.
        """
        key = request.key
        if stored := await self.journal.answer(key):
            self.purchases.from_store += 1
            return Answered(stored, bought=False)
        if (under_way := self._under_way.get(key)) is not None:
            completion = await asyncio.shield(under_way)
            self.purchases.from_store += 1
            return Answered(completion, bought=False)
        promise: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        self._under_way[key] = promise
        try:
            completion = await self._buy(request, first=first)
        except BaseException as error:
            self.journal.release(key)
            promise.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
            promise.exception()  # whoever shares the purchase gets it too; often nobody does
            raise
        else:
            promise.set_result(completion)
            return Answered(completion, bought=True)
        finally:
            del self._under_way[key]

    async def _buy(self, request: Request, *, first: bool) -> Completion:
        # Without a limit nobody needs to know.
        most = dearest(request) if self.budget.limit is not None else 0.0
        reserved = await self.budget.reserve(most)
        cost = 0.0
        try:
            completion = await self.dispatcher.send(
                request, first=first, doubtful=lambda: self.budget.lose(reserved)
            )
            cost = self.prices.price(request.model, completion.usage) or 0.0
        finally:
            self.budget.settle(reserved, cost)
        self.purchases.count(completion, cost)
        row = CompletionRow(
            request.key, request.model, completion.dialect, completion.raw, self.run, cost, completion.usage
        )
        await self.journal.commit(row)
        return completion
