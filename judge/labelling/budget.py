"""A limit on money that holds at every moment, not only in the end.

Before a request is sent, the most that it can cost is set aside; when its answer is in, what it did cost takes that
place. So what was spent and what may still be spent by requests in flight never pass the limit together.
"""

import asyncio

from judge.pricing import price
from judge.request import Block, Request, Usage


class BudgetSpent(Exception):  # noqa: N818  (a decision, not an error)
    """The next request could pass the limit, and nothing in flight can change that."""


def dearest(request: Request, *, batch: bool = False) -> float:
    """The most that a request can cost, in US dollars; 0 where the model's price is unknown."""
    texts: list[str | Block] = [request.system, *request.blocks]
    if request.reask:
        texts += [request.reask.answer, request.reask.complaint]
    # No tokeniser makes more tokens of a text than it has bytes; the schema and the chat template come on top.
    size = sum(len(text.encode()) for text in texts) + len(str(request.schema)) + 500
    plain = Usage(input=size, output=request.sampling.max_tokens)
    written = plain.model_copy(
        update={"cache_written": size}
    )  # writing to a cache may cost more than reading
    prices = (price(request.model, usage, batch=batch) or 0.0 for usage in (plain, written))
    return max(prices)


class Budget:
    """A run's budget, over all its invocations.

    Args:
        limit: In US dollars, or None for none.
        spent: What earlier invocations of the run spent.
    """

    def __init__(self, limit: float | None, spent: float = 0.0) -> None:
        self.limit = limit
        self.spent = spent
        self._reserved = 0.0
        self._in_flight = 0
        self._settled = asyncio.Event()

    async def reserve(self, most: float) -> float:
        """Set aside what a request may cost at most; waits while requests in flight may still leave room for it.

        Raises:
            BudgetSpent: where they cannot.
        """
        if self.limit is not None:
            while self.spent + self._reserved + most > self.limit:
                if self._in_flight == 0:
                    raise BudgetSpent(
                        f"${self.spent:.4f} of ${self.limit:.2f} spent; the next request may cost ${most:.4f}"
                    )
                self._settled.clear()
                await self._settled.wait()
        self._reserved += most
        self._in_flight += 1
        return most

    def lose(self, most: float) -> None:
        """Count an attempt that failed but may have been billed at the most that it can have cost."""
        self.spent += most

    def settle(self, reserved: float, cost: float) -> None:
        """Replace a reservation by what the request did cost (0 where it failed)."""
        self._reserved -= reserved
        self._in_flight -= 1
        self.spent += cost
        self._settled.set()
