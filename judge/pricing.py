"""What tokens cost, at list prices: genai-prices' offline table, and a project's own prices for its own servers.

Prices are looked up once per model and then applied by plain arithmetic, since the library's own calculation takes
0.14 ms, as much as a third of a whole call. List prices know nothing of a contract's discounts; an unknown price is None,
never 0.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from judge import project
from judge.errors import UsageError
from judge.request import Usage

PRICE_FIELDS = {
    "input_per_million": "input",
    "cached_per_million": "cached",
    "cache_written_per_million": "cache_written",
    "output_per_million": "output",
}
"""What ``judge.toml`` calls the prices, in USD per million tokens."""

SERVED_AS = "served_as"
"""What ``judge.toml`` calls the tag that tells apart two servers' models of one name, see ``judge.providers.compatible``."""

_TAG = re.compile(r"[\w.:@+-]+( [\w.:@+-]+)*")

_MILLION = 1_000_000

# One price, and the prices beyond a number of input tokens as (more than, price), the highest first.
Tiered = tuple[float, tuple[tuple[int, float], ...]]


@dataclass(frozen=True, slots=True)
class Prices:
    """USD per million tokens. Where a price for cached tokens is missing, they cost what input costs."""

    input: Tiered
    output: Tiered
    cached: Tiered | None = None
    cache_written: Tiered | None = None

    def of(self, usage: Usage) -> float:
        """The price of one call, in USD. Beyond a tier's start *all* of the call's tokens cost the tier's price.

        So ``usage`` must be a single call's: a sum over calls may cross a tier that none of them crossed.
        """
        return sum(self.by_class(usage))

    def by_class(self, usage: Usage) -> tuple[float, float, float, float]:
        """The same by class of tokens: input at full price, read from the cache, written to it, output."""
        cached = min(usage.cached, usage.input)
        written = min(usage.cache_written, usage.input - cached)
        plain = usage.input - cached - written
        return (
            plain * _at(self.input, usage.input) / _MILLION,
            cached * _at(self.cached or self.input, usage.input) / _MILLION,
            written * _at(self.cache_written or self.input, usage.input) / _MILLION,
            usage.output * _at(self.output, usage.input) / _MILLION,
        )

    def uncached(self, usage: Usage) -> float:
        """What the call costs where no cache is read or written, in USD."""
        tokens_in, tokens_out = _at(self.input, usage.input), _at(self.output, usage.input)
        return (usage.input * tokens_in + usage.output * tokens_out) / _MILLION

    def expected(self, sharing: int, hits: float) -> float:
        """What an input token of a prefix costs on average, as a multiple of its full price, when it is marked.

        Args:
            sharing: How many requests have the prefix. The first of them cannot find it in the cache.
            hits: Which share of the others does.
        """
        found = hits * (sharing - 1) / sharing
        full = self.input[0] or 1.0
        written = self.cache_written[0] if self.cache_written else full
        cached = self.cached[0] if self.cached else full
        return ((1 - found) * written + found * cached) / full

    def dearer_beyond(self) -> int | None:
        """The number of input tokens beyond which all of a call's tokens cost more; None where there is none."""
        starts = [start for start, price in self.input[1] if price > self.input[0]]
        return min(starts, default=None)


def _at(price: Tiered, input_tokens: int) -> float:
    base, tiers = price
    for start, beyond in tiers:
        if input_tokens > start:
            return beyond
    return base


def price(model: str, usage: Usage, *, batch: bool = False) -> float | None:
    """USD for one call's tokens; None where nobody knows the model's price.

    Args:
        model: Our name for it, ``openai/NAME``. Embedded models (``local``) cost 0.
        usage: The tokens of a single call.
        batch: Whether the call went through the provider's batch endpoint.
    """
    prices = prices_of(model, batch=batch)
    return prices.of(usage) if prices else None


class PriceList:
    """Prices as they stood when each model was first asked for: a run looks at ``judge.toml`` once, not with every call."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bool], Prices | None] = {}

    def of(self, model: str, *, batch: bool = False) -> Prices | None:
        """A model's prices; None where nobody knows them."""
        if (model, batch) not in self._known:
            self._known[model, batch] = prices_of(model, batch=batch)
        return self._known[model, batch]

    def price(self, model: str, usage: Usage) -> float | None:
        """USD for one live call's tokens; None where nobody knows the model's price."""
        prices = self.of(model)
        return prices.of(usage) if prices else None


USUAL = Prices(input=(1.0, ()), output=(5.0, ()), cached=(0.1, ()), cache_written=(1.25, ()))
"""Proportions that most of the newest models have, for those whose prices nobody knows."""


def marking_pays(model: str, sharing: int, hits: float, *, batch: bool = False) -> bool:
    """Whether to ask for a prefix to be kept in the cache: not where the expected bill would rise.

    Some models charge 1.25 times the price of reading for writing, so a prefix that nobody reads again is better not
    written. ``sharing`` and ``hits`` are those of ``Prices.expected``.
    """
    prices = prices_of(model, batch=batch) or USUAL
    return prices.expected(sharing, hits) <= 1


def prices_of(model: str, *, batch: bool = False) -> Prices | None:
    """A model's list prices, as they stand today."""
    if own := project_facts(model):
        found = _project_prices(model, {name: own[name] for name in PRICE_FIELDS if name in own})
        if found:
            return found
    return _list_prices(model, batch)


def project_facts(model: str) -> Mapping[str, Any]:
    """What ``judge.toml`` says of a model, be it named as a user names it or as request keys do."""
    tables = project.models()
    return tables.get(model) or next((tables[name] for name in tables if served_name(name) == model), {})


def served_name(model: str) -> str:
    """The name that goes into request keys: ``compatible/NAME``, with its tag in brackets where it has one."""
    tag = project.models().get(model, {}).get(SERVED_AS)
    if tag is None:
        return model
    if not model.startswith("compatible/") or not isinstance(tag, str) or not _TAG.fullmatch(tag):
        raise UsageError(
            f"{SERVED_AS} of {model} is no tag of a compatible/ server",
            where=str(Path.cwd() / project.FILE_NAME),
            found=repr(tag),
            expected='[models."compatible/NAME"] with a few words without brackets, such as served_as = "int4"',
        )
    return f"{model} ({tag})"


def _project_prices(model: str, fields: Mapping[str, Any]) -> Prices | None:
    if not fields:
        return None
    for name, value in fields.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise UsageError(
                f"{name} of {model} is no price",
                where=str(Path.cwd() / project.FILE_NAME),
                found=repr(value),
                expected="USD per million tokens, 0 or more",
            )
    if missing := sorted({"input_per_million", "output_per_million"} - set(fields)):
        raise UsageError(
            f"{model} has some prices but lacks {', '.join(missing)}",
            where=str(Path.cwd() / project.FILE_NAME),
            expected="input_per_million and output_per_million, both",
        )
    return Prices(**{PRICE_FIELDS[name]: (float(value), ()) for name, value in fields.items()})


@lru_cache(maxsize=256)
def _list_prices(model: str, batch: bool) -> Prices | None:
    provider, separator, name = model.partition("/")
    if provider == "local" or model.startswith("local:"):
        return Prices(input=(0.0, ()), output=(0.0, ()))
    if not separator or provider not in ("openai", "anthropic"):
        return None  # the same open model costs something else, or nothing, on every server

    from genai_prices import Usage as OneToken
    from genai_prices import calc_price

    context = {"processing": "batch"} if batch else None
    try:
        found = calc_price(
            OneToken(input_tokens=1, output_tokens=1), name, provider_id=provider, price_context=context
        )
    except LookupError:
        return None
    listed = found.model_price
    tokens_in, tokens_out = _tiered(listed.input_mtok), _tiered(listed.output_mtok)
    if tokens_in is None or tokens_out is None:
        return None
    return Prices(tokens_in, tokens_out, _tiered(listed.cache_read_mtok), _tiered(listed.cache_write_mtok))


def _tiered(listed: Any) -> Tiered | None:
    """genai-prices gives a Decimal, or a base with tiers in rising order, or None."""
    if listed is None:
        return None
    if not hasattr(listed, "tiers"):
        return float(listed), ()
    tiers = sorted(((tier.start, float(tier.price)) for tier in listed.tiers), reverse=True)
    return float(listed.base), tuple(tiers)
