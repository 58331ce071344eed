"""Every version of a rubric on one page: agreement with the hand labels and cost, plotted in the order of first runs."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from judge.comparison.history import Version
from judge.report import figures, page, words
from judge.report.figures import Dot


def write_html(name: str, versions: Sequence[Version], on: str, path: Path) -> None:
    """Write the page; ``on`` is the set that agreement was measured on. Raises UsageError without matplotlib."""
    figures.require()
    page.write(path, html(name, versions, on))


def html(name: str, versions: Sequence[Version], on: str) -> str:
    return page.render(
        "history.html.jinja",
        title=f"Versions of {name}",
        versions=versions,
        on=on,
        plot=_plot(name, versions),
    )


def _plot(name: str, versions: Sequence[Version]) -> Markup:
    """Kappa of each version with its interval, the versions of one model together."""
    models = list(dict.fromkeys(row.model for row in versions))
    groups = [[_dot(row) for row in versions if row.model == model and row.kappa] for model in models]
    if not any(groups):
        return Markup()
    caption = "Kappa against the hand labels of the dev split, the oldest version of each judge first; on the right, dollars a transcript."
    return page.drawing(
        figures.forest([group for group in groups if group]), f"{name}: kappa of each version", caption
    )


def _dot(row: Version) -> Dot:
    assert row.kappa is not None
    cost = "" if row.cost_per_transcript is None else f"  ${row.cost_per_transcript:.5f}"
    name = f"{row.sha256[:8]}, {row.model.rpartition('/')[2][:18]}"
    return Dot(name, row.kappa, "judge", shown=f"{words.estimate(row.kappa)}{cost}")
