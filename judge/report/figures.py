"""Drawings as inline SVG, in the page's own colours and fonts, so that light, dark and print all fit.

Drawn with matplotlib (the extra ``report``), which is imported when the first drawing is made. Colours are placeholders that
the style sheet's variables replace; text stays text.
"""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from importlib.util import find_spec
from typing import Any, Literal, ParamSpec

from judge.errors import UsageError
from judge.estimate import Estimate
from judge.report import words
from judge.visible import clean

P = ParamSpec("P")
Role = Literal["judge", "people", "floor", "plain"]
"""What a dot stands for: the judge, annotators among themselves, a grader that cannot read, anything else."""

COLOURS = {
    "ink": "#010101",
    "muted": "#020202",
    "rule": "#030303",
    "judge": "#040404",
    "people": "#050505",
    "floor": "#060606",
    "plain": "#070707",
}
_MARKERS = {"judge": "o", "people": "D", "floor": "s", "plain": "o"}
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",  # text as text: it can be searched, copied and read aloud
    "svg.hashsalt": "judge",  # the same numbers give the same bytes
    "font.family": "sans-serif",
    "font.size": 10.0,
    "text.parse_math": False,  # a label with two dollar signs is no formula
    "axes.linewidth": 0.8,
}
ROW = 0.3
WIDTH = 7.6
PLOT, LETTER = 3.4, 0.084
"""Inches for the plot itself, and for a letter, in a figure that is made to fit."""
_NAMES, _NUMBERS = 0.34, 0.2
"""Shares of the width for the names on the left and the numbers on the right."""


@dataclass(frozen=True, slots=True)
class Dot:
    """One row of a forest plot. ``hollow`` dots are the second figure of a row, such as precision beside recall."""

    name: str
    estimate: Estimate
    role: Role = "plain"
    hollow: bool = False
    shown: str = ""
    """What stands on the right; the estimate where empty."""
    outer: tuple[float, float] | None = None
    """Limits that hold whatever the estimate is worth, drawn as a thin line with ends: floor and ceiling."""


def require() -> None:
    """Raise UsageError where matplotlib is not installed, before any work is done for nothing."""
    if find_spec("matplotlib") is None:
        raise UsageError(
            "HTML reports have drawings, and matplotlib, which draws them, is not installed",
            do="pip install '.[report]' in a checkout of judge (or write the report with --markdown or --json instead)",
        )


def styled(draw: Callable[P, str]) -> Callable[P, str]:
    """Draw with our settings, whatever a matplotlibrc says."""

    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> str:
        import matplotlib as mpl

        ours = {
            k: v for k, v in mpl.rcParamsDefault.items() if k != "backend"
        } | _SETTINGS  # that one loads pyplot
        with mpl.rc_context(ours):
            return draw(*args, **kwargs)

    return styled


@styled
def forest(
    groups: Sequence[Sequence[Dot]],
    span: tuple[float, float] | None = None,
    label: str = "",
    neutral: float = 0.0,
    *,
    fitted: bool = False,
) -> str:
    """Dots with their intervals under one another, groups apart; nothing for nothing.

    ``span`` is the axis, by default what is needed up to 1; what lies beyond it becomes an arrow. ``neutral``: where there
    is no difference, a line if it lies inside. ``fitted``: as wide as names and numbers need, else as wide as all others.
    """
    rows = [(at, dot) for at, group in enumerate(groups) for dot in group]
    if not rows:
        return ""
    low, high = span or _span([dot.estimate for _, dot in rows])
    height = ROW * (len(rows) + 0.5 * (len(groups) - 1)) + (0.62 if label else 0.42)
    figure, axes = _blank(
        height, bottom=0.5 if label else 0.32, **_fit([dot for _, dot in rows]) if fitted else {}
    )
    for number, (group, dot) in enumerate(rows):
        y = -number - 0.5 * group
        _draw(axes, dot, y, (low, high))
        axes.text(
            -0.02,
            y,
            clean(dot.name),
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            color=COLOURS["ink"],
        )
        axes.text(
            1.0, y, _said(dot), transform=axes.get_yaxis_transform(), ha="left",
            va="center", color=COLOURS["muted"],
        )  # fmt: skip
    last = -(len(rows) - 1) - 0.5 * (len(groups) - 1)
    axes.set_ylim(last - 0.6, 0.6)
    axes.set_xlim(low, high + 0.06 * (high - low))  # room beside a dot that lies on 1
    if low < neutral < high:
        axes.axvline(neutral, color=COLOURS["muted"], linewidth=0.8, zorder=0)
    axes.set_xlabel(label, color=COLOURS["muted"], fontsize=9)
    return svg(figure)


@styled
def reliability(points: Sequence[tuple[float, Estimate]]) -> str:
    """Stated confidence against the share that was right, with the diagonal on which a calibrated judge would lie."""
    figure, axes = _blank(3.6, width=4.4, left=0.15, right=0.97)
    axes.plot([0, 1], [0, 1], color=COLOURS["rule"], linewidth=1, zorder=0)
    for stated, found in points:
        if found.value is None:
            continue
        if found.low is not None and found.high is not None:
            axes.plot(
                [stated, stated],
                [found.low, found.high],
                color=COLOURS["judge"],
                linewidth=1.6,
                solid_capstyle="butt",
            )
        axes.plot(stated, found.value, "o", color=COLOURS["judge"], markersize=6)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.tick_params(axis="y", length=0, labelcolor=COLOURS["muted"])
    axes.grid(axis="y", color=COLOURS["rule"], linewidth=0.6)
    axes.set_xlabel("stated probability of the label given", color=COLOURS["muted"], fontsize=9)
    axes.set_ylabel("share that was right", color=COLOURS["muted"], fontsize=9)
    return svg(figure)


def _said(dot: Dot) -> str:
    return dot.shown or words.estimate(dot.estimate)


def _fit(dots: Sequence[Dot]) -> dict[str, float]:
    """Width and margins of a figure in which these names and numbers have room."""
    left = LETTER * max(len(clean(dot.name)) for dot in dots) + 0.15
    right = LETTER * max(len(_said(dot)) for dot in dots) + 0.1
    width = left + PLOT + right
    return {"width": width, "left": left / width, "right": 1 - right / width}


def _span(estimates: Sequence[Estimate]) -> tuple[float, float]:
    ends = [end for e in estimates for end in (e.value, e.low) if end is not None]
    lowest = min(ends, default=0.0)
    return (0.0 if lowest >= 0 else max(-1.0, lowest - 0.05), 1.0)


def _blank(
    height: float,
    width: float = WIDTH,
    bottom: float = 0.5,
    left: float = _NAMES,
    right: float = 1 - _NUMBERS,
) -> tuple[Any, Any]:
    """A figure with one bare pair of axes, without pyplot's global state."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left, bottom / height, right - left, 1 - (bottom + 0.06) / height))
    bare(axes)
    figure.patch.set_visible(False)
    axes.set_yticks([])
    return figure, axes


def bare(axes: Any) -> None:
    """Axes with one quiet line below, and nothing behind."""
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(COLOURS["rule"])
    axes.patch.set_visible(False)
    axes.tick_params(axis="x", color=COLOURS["rule"], labelcolor=COLOURS["muted"], labelsize=9)
    axes.grid(axis="x", color=COLOURS["rule"], linewidth=0.6)
    axes.set_axisbelow(True)


def _draw(axes: Any, dot: Dot, y: float, span: tuple[float, float]) -> None:
    colour, found = COLOURS[dot.role], dot.estimate
    if dot.outer is not None:
        _line(axes, dot.outer, y, span, color=COLOURS["muted"], linewidth=0.8)
        ends = [end for end in dot.outer if span[0] <= end <= span[1]]
        axes.plot(ends, [y] * len(ends), "|", color=COLOURS["muted"], markersize=9, clip_on=False)
    if found.low is not None and found.high is not None:
        look = {"color": colour, "linewidth": 1.8, "solid_capstyle": "butt", "alpha": 0.75}
        _line(axes, (found.low, found.high), y, span, **look)
    if found.value is not None and found.value <= span[1]:
        face = "none" if dot.hollow else colour
        axes.plot(
            found.value,
            y,
            _MARKERS[dot.role],
            color=colour,
            markerfacecolor=face,
            markersize=6.5,
            clip_on=False,
        )


def _line(axes: Any, ends: tuple[float, float], y: float, span: tuple[float, float], **look: Any) -> None:
    """From one end to the other as far as the axis goes, with an arrow where it goes on."""
    inside = [min(max(end, span[0]), span[1]) for end in ends]
    axes.plot(inside, [y, y], clip_on=False, **look)
    if ends[1] > span[1]:
        axes.plot(span[1], y, ">", color=look["color"], markersize=5, clip_on=False)


def svg(figure: Any) -> str:
    """The figure as an ``svg`` element: colours as variables of the style sheet, the page's font, no size of its own."""
    data = io.StringIO()
    figure.savefig(data, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = data.getvalue()
    text = text[text.index("<svg") :]
    for name, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"font-family: [^;\"]*;?", "", text)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)  # its rules would hold for the whole page
    text = re.sub(r' id="[a-z0-9]+\.?[a-z0-9]*_\d+"', "", text)  # the same in every drawing
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    width = float(figure.get_figwidth()) * 72
    size = f' style="max-width: {width:.0f}pt; min-width: {0.75 * width:.0f}pt"'
    return re.sub(r'(<svg[^>]*?) width="[\d.]+pt"', rf"\1{size}", text, count=1)
