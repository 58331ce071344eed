"""How the history of a grader looks in a terminal, and which hand labels it is measured on."""

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from judge.cli.terminal import clean
from judge.comparison.history import Version
from judge.comparison.job import Labels
from judge.comparison.markdown import short
from judge.errors import UsageError
from judge.eval_sets import open_set
from judge.grader import Grader
from judge.iteration.asking import dev

_MODEL = 14
"""Characters below which the model's column does not go: rich would leave it out where the terminal is narrow."""
_WIDE = 96
"""Characters from which value and interval stand on one line."""


def labels_for(on: str, name: str, against: str, rubrics: Mapping[str, Grader]) -> Labels | None:
    """The dev labels of the set that was named; else of the set of the grader's name, if there is one that is labelled."""
    try:
        found = dev(open_set(on or name), "graders history")
    except UsageError:
        if on:
            raise
        return None
    return Labels(found, against, rubrics) if found.annotators else None


def show(versions: Sequence[Version]) -> None:
    """Oldest first. How often a version failed is shown where any did."""
    failures = any(row.failed for row in versions)
    console = Console(highlight=False)
    between = " " if console.width >= _WIDE else "\n"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for heading in ("first run", "v", "sha256"):
        table.add_column(heading, no_wrap=True)
    table.add_column("model", overflow="fold", min_width=_MODEL)
    for heading in ("n", *(("failed",) if failures else ()), "kappa", "$ each"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in versions:
        cost = "?" if row.cost_per_transcript is None else f"{row.cost_per_transcript:.5f}"
        table.add_row(
            row.first[:10],
            str(row.version),
            row.sha256[:12],
            Text(clean(row.model)),
            str(row.transcripts),
            *((str(row.failed),) if failures else ()),
            "" if row.kappa is None else short(row.kappa).replace(" ", between, 1),
            cost,
        )
    console.print(table)
