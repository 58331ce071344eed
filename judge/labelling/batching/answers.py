"""The provider of a run that lets batches do the asking: what the store does not answer, it does not answer either."""

from collections.abc import Mapping

from judge.errors import ProviderRejected
from judge.labelling.journal import NotYet
from judge.request import Completion, Provider, RateLimits, Request


class AnswersOnly:
    """Stands in the place of a provider while records are made from the store.

    Args:
        provider: Whose model it is.
        rejected: Key to reason, of requests that will not be answered. Read when asked, so it may still grow.
    """

    def __init__(self, provider: Provider, rejected: Mapping[str, str]) -> None:
        self.model = provider.model
        self.capabilities = provider.capabilities
        self.rate_limits = RateLimits()
        self._rejected = rejected

    async def complete(self, request: Request) -> Completion:
        if (why := self._rejected.get(request.key)) is not None:
            raise ProviderRejected(why)
        raise NotYet("to be asked in a batch")

    async def close(self) -> None:
        """Nothing was opened."""
