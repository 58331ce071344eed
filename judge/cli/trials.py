"""How a try looks in a terminal: counts before and after, then the flips. Text of transcripts and models is never markup."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from judge.cli.bills import dollars
from judge.cli.terminal import clean
from judge.comparison.facets import Flip
from judge.comparison.markdown import answer, value
from judge.iteration.trial import FacetTrial, Trial

QUOTE = 100
MOST_WRONG = 20
_STYLE = {"gained": "green", "lost": "red", "other": ""}


def show(trial: Trial) -> None:
    """A trial on stdout; what it cost and how it ended on stderr."""
    out = Console(highlight=False)
    people = Console(stderr=True, highlight=False)
    part = "all" if trial.whole else "a sample of"
    out.print(
        _text(
            f"{trial.grader} {trial.sha256[:12]} on {part} {trial.items} items of {trial.set}, judge {trial.model}"
        )
    )
    if trial.diff is None:
        out.print("the first version tried here with this model: nothing to hold it against", soft_wrap=True)
    else:
        same = ", which asks the same" if trial.diff.same_request else ""
        out.print(_text(f"against {trial.diff.first}, the last version tried{same}"), soft_wrap=True)
    for facet in trial.facets:
        _facet(out, facet, trial)
    people.print(_text(_ending(trial)), soft_wrap=True)


def _facet(out: Console, facet: FacetTrial, trial: Trial) -> None:
    first = trial.diff is None
    before = "" if facet.right_before is None else f"{facet.right_before} → "
    right = f"{before}{facet.right} of {facet.n} right" if facet.n else "no hand labels"
    failed = f", {facet.failed} failed" if facet.failed else ""
    out.print()
    out.print(Text.assemble((facet.facet, "bold"), f": {right}{failed}"))
    if facet.labels:
        out.print(_counts(facet))
    if facet.flips:
        out.print(_flips(facet.flips, f"{len(facet.flips)} flips", trial))
    elif not first:
        out.print("no flips")
    if first and facet.wrong:
        out.print(_flips(facet.wrong[:MOST_WRONG], f"{len(facet.wrong)} differ from the hand label", trial))
        if len(facet.wrong) > MOST_WRONG:
            out.print(f"… and {len(facet.wrong) - MOST_WRONG} more (--json has them all)")


def _counts(facet: FacetTrial) -> Table:
    table = Table()
    table.add_column("hand label")
    for heading in ("items", *(() if facet.right_before is None else ("recall before",)), "recall"):
        table.add_column(heading, justify="right")
    for label in facet.labels:
        before = [] if label.before is None else [_share(label.before, label.support)]
        style = (
            ""
            if label.before in (None, label.after)
            else "green"
            if label.after > (label.before or 0)
            else "red"
        )
        table.add_row(
            _text(label.label),
            str(label.support),
            *before,
            Text(_share(label.after, label.support), style=style),
        )
    return table


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} {part / whole:4.0%}"


def _flips(flips: Sequence[Flip], title: str, trial: Trial) -> Table:
    """Items with their labels; the quote is left out where the method gives none."""
    last = None if trial.diff is None else "old"
    quoted = trial.method == "generate"
    table = Table(title=title, title_justify="left", show_lines=True)
    for heading in ("item", *((last,) if last else ()), "new" if last else "judge", "hand label"):
        table.add_column(heading, overflow="fold")
    if quoted:
        table.add_column("the quote that decided", ratio=1)
    for flip in flips:
        old = [_text(answer(flip.first))] if last else []
        new = Text(clean(answer(flip.second)), style=_STYLE[flip.direction])
        quote = " ".join(flip.quote.split()) or flip.second.why
        quote = quote if len(quote) <= QUOTE else quote[: QUOTE - 1] + "…"
        table.add_row(
            _text(flip.item), *old, new, _text(value(flip.human) or "–"), *([_text(quote)] if quoted else [])
        )
    return table


def _ending(trial: Trial) -> str:
    paid = trial.paid
    cost = "price unknown" if paid.cost_usd is None else dollars(paid.cost_usd)
    bought = f"{paid.requests} requests bought ({cost})" if paid.requests else "nothing bought"
    words = {
        "complete": "",
        "budget": "stopped by --max-cost; ",
        "interrupted": "interrupted; the same command goes on from here; ",
        "provider": "the provider stays away; the same command goes on from here; ",
    }
    return f"{words[trial.status]}{bought}, {paid.from_store} answers from the store, {paid.seconds:.0f} s. {trial.run}"


def _text(text: str) -> Text:
    return Text(clean(text))
