"""What ``judge attack`` prints. Apart from the other verbs' tables, because the statistics under it take a second to load."""

from rich.table import Table
from rich.text import Text

from judge.attacks.job import Measured
from judge.cli.terminal import clean
from judge.estimate import Estimate


def attacked(found: Measured) -> Table:
    """How often attacks moved the label, by family, place and direction, under one set of defences."""
    result = found.outcome
    wrong = (
        f"; {result.left_out} attacks on items that it gets wrong at rest are left out"
        if result.left_out
        else ""
    )
    if result.unanswered:
        wrong += f"; {result.unanswered} that the provider did not answer likewise"
    title = (
        f"{found.result.manifest.model}, defences {found.setting}: kappa at rest {result.agreement}{wrong}"
    )
    table = Table(title=Text(clean(title)), title_justify="left")
    for heading in ("attack", "flipped", "lost", "moved at all", "trials"):
        table.add_column(heading, justify="left" if heading == "attack" else "right")
    for rows in ((result.overall,), result.by_family, result.by_place, result.by_direction):
        for row in rows:
            figures = (_percent(estimate) for estimate in (row.flips, row.lost, row.moved))
            table.add_row(row.name, *figures, str(row.flips.n))
        table.add_section()
    return table


def _percent(estimate: Estimate) -> str:
    if estimate.value is None:
        return "undefined"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.0%}"
    return f"{estimate.value:.0%} [{estimate.low:.0%}, {estimate.high:.0%}]"
