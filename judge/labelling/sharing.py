"""Which requests have a prefix in common, and whether the provider is asked to keep it in its cache.

Marks and groups are hints beside the request: its key, and so the answers that are stored for it, know nothing of them.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from judge.grader.prompt import Order
from judge.pricing import marking_pays
from judge.request import Request

LIVE_HITS = 1.0
"""Of the requests that follow a transcript's first one, the share that finds it in the cache: it was answered before."""

BATCH_HITS = 0.5
"""The same in a batch, where nothing says which request is taken up first. Vendors speak of 0.3 to 0.98; a guess that a
price list with 1.25 for writing and 0.1 for reading forgives from two graders on."""


class Marking:
    """Decides, once for each number of requests that share a prefix, whether it is worth writing to the cache.

    Args:
        model: Its price list decides.
        order: Rubric first, a prefix is shared by all transcripts; transcript first, by the graders of one.
        hits: Which share of those that can find the prefix does.
        batch: Whether it is a batch's price list.
    """

    def __init__(self, model: str, order: Order, *, hits: float, batch: bool = False) -> None:
        self._model = model
        self._order = order
        self._hits = hits
        self._batch = batch
        self._pays: dict[int, bool] = {}

    def pays(self, sharing: int) -> bool:
        if sharing not in self._pays:
            self._pays[sharing] = marking_pays(self._model, sharing, self._hits, batch=self._batch)
        return self._pays[sharing]

    def sent(self, request: Request, sharing: int) -> Request:
        """The request as it goes out. ``sharing`` requests on this transcript are still to be asked with its prefix."""
        if self._order == "rubric-first":
            return replace(request, cache_group=sha256(request.blocks[0].encode()).hexdigest())
        return request if self.pays(sharing) else replace(request, cache_group="")

    def all_sent(self, requests: Iterable[Request]) -> list[Request]:
        """Those of one transcript together."""
        asked = list(requests)
        sharing = Counter(request.blocks[0] for request in asked)
        return [self.sent(request, sharing[request.blocks[0]]) for request in asked]
