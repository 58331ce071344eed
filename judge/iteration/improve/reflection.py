"""The reflecting model: shown the judge's mistakes, it proposes another rubric. Its answers are bought and kept like any."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from jinja2 import Template

from judge.errors import UsageError
from judge.grader import Facet
from judge.grader.sandbox import Sandbox
from judge.iteration.asking import Purse
from judge.labelling.asking import Asker, Purchases
from judge.labelling.budget import Budget
from judge.labelling.dispatch import Dispatcher, Gate
from judge.labelling.journal import Journal
from judge.pricing import price
from judge.providers import connect
from judge.providers.settings import Settings
from judge.request import Block, Completion, Provider, Request, Sampling, Usage
from judge.runs import STORE
from judge.store import Store

_SYSTEM = "You write rubrics for text classification: precise, short, and fair to what can and cannot be told from a text."
_RUBRIC = re.compile(r"<rubric>[ \t]*\n?(.*?)</rubric>", re.DOTALL)
ROOM = 8192
"""Tokens for a proposal, or the model's own limit where that is higher: a rubric is longer than a judge's answer."""


@dataclass(frozen=True, slots=True)
class Case:
    """One item as the reflecting model is shown it."""

    transcript: str
    human: str
    human_quotes: tuple[str, ...]
    note: str
    label: str
    status: str
    quotes: tuple[str, ...]
    why: str
    right: bool


@dataclass
class Reflector:
    """Asks the reflecting model.

    Args:
        model: ``provider/name``.
        runs_dir: Whose store its answers go to.
        purse: What may be spent, the judge's share included.
        name: In whose name they are bought.
    """

    model: str
    runs_dir: Path
    purse: Purse
    name: str
    settings: Settings = field(default_factory=Settings.load)
    patience: float = 600.0
    asked: Counter[str] = field(default_factory=Counter)
    purchases: Purchases = field(default_factory=Purchases)

    def propose(
        self, body: str, facet: Facet, cases: Sequence[Case], complaints: Sequence[str] = ()
    ) -> str | None:
        """A new body, or None where the answer holds none. Raises BudgetSpent, GiveUp, ProviderError."""
        prompt = _template().render(body=body.strip("\n"), facet=facet, cases=cases, complaints=complaints)
        # The same question again is another purchase: its stored answer would propose the same once more.
        sample = self.asked[prompt]
        self.asked[prompt] += 1
        completion = asyncio.run(self._complete(prompt, sample))
        found: list[str] = _RUBRIC.findall(completion.text)
        return found[-1].strip("\n") + "\n" if found and found[-1].strip() else None

    def check(self) -> None:
        """Before anything is bought: whether a limit on money can be kept. Raises UsageError."""
        provider = connect(f"replay/{self.model.removeprefix('replay/')}", self.settings)
        if self.purse.limit is not None and price(provider.model, Usage()) is None:
            raise UsageError(
                f"--max-cost cannot be kept: the price of {provider.model} is unknown",
                do=f'set input_per_million and output_per_million under [models."{provider.model}"] in judge.toml',
            )

    async def _complete(self, prompt: str, sample: int) -> Completion:
        provider = connect(self.model, self.settings)
        try:
            request = Request(
                model=provider.model,
                system=_SYSTEM,
                blocks=(Block(prompt),),
                sampling=Sampling(max_tokens=self._room(provider)),
                sample=sample,
            )
            return await self._ask(request, provider)
        finally:
            await provider.close()

    async def _ask(self, request: Request, provider: Provider) -> Completion:
        before = self.purchases.cost
        try:
            with Store(self.runs_dir / STORE) as store:
                async with Journal(store) as journal:
                    dispatcher = Dispatcher(provider, Gate(1), self.patience, lambda _: None)
                    asker = Asker(journal, dispatcher, Budget(self.purse.left), self.purchases, self.name)
                    return (await asker.ask(request, first=True)).completion
        finally:
            self.purse.pay(self.purchases.cost - before)

    def _room(self, provider: Provider) -> int:
        return min(
            max(provider.capabilities.max_output_tokens, ROOM), provider.capabilities.context_tokens // 2
        )


@lru_cache(maxsize=1)
def _template() -> Template:
    """The question, rendered in the same sandbox as rubrics: what transcripts contain enters as values, never as source."""
    name = "reflection.jinja"
    return Sandbox({name: Path(__file__).with_name(name).read_text(encoding="utf-8")}).get_template(name)
