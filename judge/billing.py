"""Bills: tokens by class and what they cost, against the naive order of asking."""

from dataclasses import dataclass, field
from typing import Any

from judge.pricing import PriceList
from judge.request import Usage

CLASSES = ("input", "cached", "cache_written", "output")
"""Input at full price, input read from a prompt cache, input written to one, output."""


@dataclass
class Bill:
    """Adds up calls. Money is in USD at list prices, and None once a call's price is unknown."""

    requests: int = 0
    batched: int = 0
    """Of the requests, how many went through a batch endpoint."""
    tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CLASSES, 0))
    usd: dict[str, float] | None = field(default_factory=lambda: dict.fromkeys(CLASSES, 0.0))
    naive_usd: float | None = 0.0
    """What the same calls cost in the naive order: rubric first, one by one, every input token at full price."""
    _prices: PriceList = field(default_factory=PriceList, repr=False, compare=False)

    def add(self, model: str, usage: Usage, *, batch: bool = False) -> None:
        """One call."""
        self.requests += 1
        self.batched += batch
        plain = usage.input - usage.cached - usage.cache_written
        for name, count in zip(
            CLASSES, (plain, usage.cached, usage.cache_written, usage.output), strict=True
        ):
            self.tokens[name] += count
        prices, live = self._prices.of(model, batch=batch), self._prices.of(model)
        if prices is None or live is None or self.usd is None or self.naive_usd is None:
            self.usd = self.naive_usd = None
            return
        for name, cost in zip(CLASSES, prices.by_class(usage), strict=True):
            self.usd[name] += cost
        self.naive_usd += live.uncached(usage)

    @property
    def total(self) -> float | None:
        return None if self.usd is None else sum(self.usd.values())

    @property
    def input_tokens(self) -> int:
        """Of all three classes of input."""
        return sum(self.tokens.values()) - self.tokens["output"]

    @property
    def cached_share(self) -> float:
        """Which share of the input was read from a cache."""
        return self.tokens["cached"] / self.input_tokens if self.input_tokens else 0.0

    def as_data(self) -> dict[str, Any]:
        """For ``run.json`` and ``--json``."""
        return {
            "requests": self.requests,
            "batched": self.batched,
            "tokens": dict(self.tokens),
            "usd": None if self.usd is None else {**self.usd, "total": self.total},
            "naive_usd": self.naive_usd,
            "cached_share": round(self.cached_share, 4),
        }
