"""Bills as tables: for `judge cost`, for a dry run, and for the last lines of a run."""

from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from judge.billing import CLASSES, Bill
from judge.cli.terminal import clean
from judge.labelling.forecast import BATCH, BATCH_HIT, LIVE, NAIVE, OTHER, Forecast

WAYS = {
    NAIVE: "naive",
    LIVE: "judge label",
    OTHER: "the other --order",
    BATCH: "--batch, no hits",
    BATCH_HIT: "--batch, all hits",
}
"""Short, so that seven columns fit into a terminal of 80; ``LEGEND`` says the rest."""
LEGEND = "naive: rubric first, nothing cached. hits: what is found in the provider's cache"


def dollars(amount: float | None) -> str:
    """Cents where they say enough, more digits below a dime."""
    if amount is None:
        return "unknown"
    return f"${amount:,.2f}" if amount >= 0.1 else f"${amount:.4f}"  # noqa: PLR2004  (a dime)


def ways(forecast: Forecast) -> Table:
    """Every way of asking: its tokens by class, its price, and that as a share of the naive one."""
    table = Table(
        title="estimated from lengths, within about 30%",
        title_justify="left",
        title_style="dim",
        caption=LEGEND,
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
        pad_edge=False,
    )
    table.add_column("way", no_wrap=True)
    for name in ("in, full price", "from cache", "into cache", "out", "USD", "of naive"):
        table.add_column(name, justify="right")
    naive = forecast.bills[NAIVE].total
    for name, bill in forecast.bills.items():
        share = f"{bill.total / naive:.2f}" if naive and bill.total is not None else ""
        counts = (f"{bill.tokens[kind]:,}" for kind in CLASSES)
        table.add_row(WAYS[name], *counts, dollars(bill.total), share)
    return table


def warnings(forecast: Forecast) -> list[str]:
    """What a person should know before buying."""
    found = []
    if forecast.dearer:
        found.append(
            f"{forecast.dearer} requests have more than {forecast.dearer_beyond:,} tokens, beyond which this model's "
            f"every token costs more; --window-tokens cuts them shorter"
        )
    if forecast.bills[NAIVE].total is None:
        found.append(
            f"the price of {forecast.style.model} is unknown; set input_per_million and output_per_million for it in judge.toml"
        )
    return found


def spent(bill: Bill, run: str) -> Table:
    """What a run has bought: tokens by class, and what each class cost."""
    table = Table(
        title=Text(
            clean(f"run {run}: {bill.requests:,} requests bought, {bill.batched:,} of them in batches")
        ),
        title_justify="left",
    )
    table.add_column("tokens")
    table.add_column("number", justify="right")
    table.add_column("USD", justify="right")
    names = dict(
        zip(CLASSES, ("in, at full price", "in, from the cache", "in, into the cache", "out"), strict=True)
    )
    for kind, name in names.items():
        table.add_row(name, f"{bill.tokens[kind]:,}", dollars(bill.usd[kind] if bill.usd else None))
    table.add_section()
    table.add_row("together", f"{sum(bill.tokens.values()):,}", dollars(bill.total))
    table.add_row("the same in the naive order", "", dollars(bill.naive_usd))
    return table


def spending(data: dict[str, Any]) -> str:
    """A manifest's ``spending`` in a line; empty where nothing was bought."""
    if not data.get("requests"):
        return ""
    tokens = data["tokens"]
    classes = (
        f"{tokens['input']:,} in at full price",
        f"{tokens['cached']:,} from the cache",
        f"{tokens['cache_written']:,} into it",
        f"{tokens['output']:,} out",
    )
    money = (
        f"; {dollars(data['usd']['total'])}, in the naive order {dollars(data['naive_usd'])}"
        if data["usd"]
        else ""
    )
    return f"the run so far: {', '.join(classes)}{money}"


def forecast_as_data(forecast: Forecast) -> dict[str, Any]:
    naive = forecast.bills[NAIVE]
    return {
        "input_tokens": naive.input_tokens,
        "output_tokens": naive.tokens["output"],
        "cost": naive.total,
        "cost_cached": forecast.bills[LIVE].total,
        "shared_tokens": forecast.shared_tokens,
        "dearer": forecast.dearer,
        "dearer_beyond": forecast.dearer_beyond,
        "ways": {name: bill.as_data() for name, bill in forecast.bills.items()},
    }
