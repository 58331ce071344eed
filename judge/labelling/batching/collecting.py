"""The results of a batch that has ended, into the store."""

from dataclasses import dataclass, field

from judge.dialects import decode
from judge.errors import ProviderError, ProviderMisconfigured, ProviderUnavailable
from judge.labelling.asking import Purchases
from judge.pricing import price
from judge.providers.batches import BatchEndpoint, Item
from judge.store import CompletionRow, Store
from judge.store.batches import BatchRow

ROWS_PER_COMMIT = 500


@dataclass
class Collected:
    """What came of a batch's requests."""

    purchases: Purchases = field(default_factory=Purchases)
    rejected: dict[str, str] = field(default_factory=dict)
    """Key to reason, of requests that the provider will not answer however often they are sent."""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Likewise, of requests that it may answer next time."""
    misconfigured: ProviderMisconfigured | None = None
    """What a person has to see to before anything is sent again."""
    twice: set[str] = field(default_factory=set)
    """Keys of which there was more than one result. The first counts."""
    foreign: set[str] = field(default_factory=set)
    """custom_ids of results to requests that nobody sent."""


async def collect(
    endpoint: BatchEndpoint, store: Store, batch: BatchRow, found: Collected | None = None
) -> Collected:
    """Store all answers of a batch. Can be repeated from any point, and passes over what is no request of this batch.

    ``found`` is what an attempt that broke off has come to; this one adds to it.
    """
    found = found or Collected()
    rows: list[CompletionRow] = []
    seen: set[str] = set()
    try:
        async for item in endpoint.items(batch.remote_id):
            if item.key in seen:
                found.twice.add(item.key)
                continue
            seen.add(item.key)
            if not store.batches.holds(batch.number, item.key):
                if store.completion(item.key) is None:
                    found.foreign.add(item.key)
                continue
            row = _row(item, endpoint, batch, found)
            if row is not None:
                rows.append(row)
            if len(rows) == ROWS_PER_COMMIT:
                store.write(rows)
                rows = []
    finally:
        store.write(rows)
    return found


def _row(item: Item, endpoint: BatchEndpoint, batch: BatchRow, found: Collected) -> CompletionRow | None:
    problem: ProviderError | None = item.problem
    if item.body is not None:
        try:
            completion = decode(endpoint.dialect, item.body)
        except ProviderError as error:
            problem = error
        else:
            cost = price(batch.model, completion.usage, batch=True) or 0.0
            found.purchases.count(completion, cost)
            bought = (item.key, batch.model, completion.dialect, item.body, batch.run, cost)
            return CompletionRow(*bought, completion.usage, "batch")
    if isinstance(problem, ProviderMisconfigured):
        found.misconfigured = problem
    elif isinstance(problem, ProviderUnavailable):
        found.unavailable[item.key] = problem.what
    elif problem is not None:
        found.rejected[item.key] = problem.what
    return None
