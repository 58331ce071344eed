"""Small drawings side by side, all on one scale: a line with a band for each group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from judge.estimate import Estimate
from judge.report import figures
from judge.visible import clean

COLUMNS = 3
_TALL, _LEFT, _GAP = 1.75, 0.08, 0.035
_BELOW, _ABOVE = 0.5, 0.3
"""Inches below the axis for its numbers, and above it for the name."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One group: its name, and an estimate at each place of the horizontal axis."""

    name: str
    points: Sequence[tuple[float, Estimate]]
    mark: float | None = None
    """A place on the horizontal axis that matters."""


@figures.styled
def panels(found: Sequence[Panel]) -> str:
    """The panels in rows of three, nothing for nothing. A bound without a value is a band without a line."""
    from matplotlib.figure import Figure

    if not found:
        return ""
    rows = -(-len(found) // COLUMNS)
    figure = Figure(figsize=(figures.WIDTH, rows * _TALL))
    figure.patch.set_visible(False)
    top = max(
        [e.high if e.high is not None else e.value or 0.0 for p in found for _, e in p.points], default=1.0
    )
    wide = (1 - _LEFT - COLUMNS * _GAP) / COLUMNS
    for at, panel in enumerate(found):
        row, column = divmod(at, COLUMNS)
        bottom = 1 - (row + 1) / rows + _BELOW / (rows * _TALL)
        left = _LEFT + column * (wide + _GAP)
        axes = figure.add_axes((left, bottom, wide, (_TALL - _BELOW - _ABOVE) / (rows * _TALL)))
        figures.bare(axes)
        _curve(axes, panel, top or 1.0)
        if column:
            axes.tick_params(labelleft=False)
    return figures.svg(figure)


def _curve(axes: Any, panel: Panel, top: float) -> None:
    colour, muted = figures.COLOURS["judge"], figures.COLOURS["muted"]
    held = [(x, e.low, e.high) for x, e in panel.points if e.low is not None and e.high is not None]
    if held:
        axes.fill_between(*zip(*held, strict=True), color=colour, alpha=0.18, linewidth=0)
    known = [(x, e.value) for x, e in panel.points if e.value is not None]
    if known:
        axes.plot(*zip(*known, strict=True), "o-", color=colour, linewidth=1.6, markersize=3.5)
    if panel.mark is not None:
        axes.axvline(panel.mark, color=muted, linewidth=1, linestyle="--")
    axes.set_title(clean(panel.name), loc="left", fontsize=10, color=figures.COLOURS["ink"], pad=5)
    axes.set_ylim(0, top * 1.05)
    axes.set_xlim(0.27, 1.03)
    axes.set_xticks([0.3, 0.5, 0.7, 0.9])
    axes.yaxis.get_major_locator().set_params(nbins=4)
    axes.tick_params(axis="y", length=0, labelcolor=muted, labelsize=9)
    axes.grid(axis="y", color=figures.COLOURS["rule"], linewidth=0.6)
    axes.set_xlabel("sensitivity", color=muted, fontsize=9)
