"""The table and the plots of docs/performance.md, made from the kept figures and from nothing else.

python -m benchmarks.table [--check]

Writes what stands between the markers, and docs/images/performance-*.svg (for these it needs the extra ``report``). With
``--check`` it writes nothing and exits with 1 where the page says something else.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.results import PUBLISHED

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
BEGIN, END = "<!-- figures: made by python -m benchmarks.table -->", "<!-- end of figures -->"

ORDER = (
    "label_cpu",
    "startup",
    "memory",
    "resume",
    "prefix_cost",
    "rate_limit",
    "kill_trials",
    "soak",
    "shards",
    "ray",
)
"""Which come first; the others follow by name."""

CURVES = {
    "concurrency": ("in_flight", "requests in flight", "20 KB, answers after 0.1 s"),
    "length": ("bytes", "bytes of a transcript", "100 in flight, answers after 0.1 s"),
    "size": ("transcripts", "transcripts", "of 2 KB, 100 in flight"),
    "latency": ("latency", "seconds until an answer", "20 KB, 100 in flight"),
}
STYLE = {
    "judge label": ("judge label", "#0b6e4f", "o", "-"),
    "lean sketch": ("lean sketch", "#b5651d", "s", "--"),
    "parse": ("plain script, parse", "#5b5b9a", "^", "--"),
    "create": ("plain script, create", "#8a8a8a", "v", ":"),
}


def kept(folder: Path = PUBLISHED) -> list[dict[str, Any]]:
    """Every benchmark's kept file, in the order of the table."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]

    def place(one: dict[str, Any]) -> tuple[int, str]:
        module = one["name"].partition(".")[0]
        return ORDER.index(module) if module in ORDER else len(ORDER), one["name"]

    return sorted(found, key=place)


def table(found: Iterable[dict[str, Any]]) -> str:
    """The lines between the markers."""
    lines = ["| what | measured | goal | command, date, commit |", "|---|---|---|---|"]
    machines: dict[str, None] = {}
    for one in found:
        if not one["rows"]:
            continue
        machine = one["machine"]
        machines[f"{machine['cores']} cores, {machine['cpu']}, Python {machine['python']}"] = None
        source = f"`{one['command']}`, {one['date']}, {one['commit']}"
        for row in one["rows"]:
            lines.append(
                f"| {_cell(row['what'])} | {_cell(row['found'])} | {_cell(row['goal'])} | {source} |"
            )
            source = "likewise"
    return "\n".join([*lines, "", f"Measured on: {'; '.join(machines)}."])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def figures(found: Iterable[dict[str, Any]]) -> str:
    """The table, and under it the plots there are figures for."""
    found = list(found)
    parts = [table(found)]
    for one in found:
        module, _, curve = one["name"].partition(".")
        if module == "label_cpu" and curve in CURVES:
            _, axis, rest = CURVES[curve]
            alt = f"CPU for each label and share of the latency bound over {axis} ({rest})"
            parts.append(f"![{alt}](images/performance-{curve}.svg)")
    return "\n\n".join(parts)


def page(text: str, made: str) -> str:
    """The page with what stands between the markers replaced. Raises ValueError where there are none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} lacks the markers {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def draw(curve: str, cases: list[dict[str, Any]], path: Path) -> None:
    """Two plots side by side: CPU for each label, and share of the latency bound."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    x, axis, rest = CURVES[curve]
    with mpl.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "judge", "font.size": 9, "font.family": "sans-serif"}
    ):
        figure = Figure(figsize=(8.2, 3.2), layout="constrained")
        panels = figure.subplots(1, 2)
        for way, (label, colour, marker, line) in STYLE.items():
            measured = [case for case in cases if way in case["medians"]]
            if not measured:
                continue
            places = [case["case"][x] for case in measured]
            for panel, name in zip(panels, ("cpu_ms", "of_bound"), strict=True):
                values = [
                    case["medians"][way][name] * (100 if name == "of_bound" else 1) for case in measured
                ]
                panel.plot(
                    places, values, label=label, color=colour, marker=marker, linestyle=line, markersize=4
                )
        for panel, title in zip(
            panels, ("CPU for each label, ms", "share of the latency bound, %"), strict=True
        ):
            panel.set_title(title, fontsize=9, loc="left")
            panel.set_xscale("log")
            panel.set_xticks([case["case"][x] for case in cases], [f"{case['case'][x]:,}" for case in cases])
            panel.minorticks_off()
            panel.set_xlabel(f"{axis} ({rest})")
            panel.set_ylim(bottom=0)
            panel.spines[["top", "right"]].set_visible(False)
        panels[0].legend(frameon=False, fontsize=8)
        figure.savefig(path, format="svg", metadata={"Date": None}, facecolor="white")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.table")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    found = kept()
    text = PAGE.read_text(encoding="utf-8")
    made = page(text, figures(found))
    if args.check:
        return int(made != text)
    for one in found:
        module, _, curve = one["name"].partition(".")
        if module == "label_cpu" and curve in CURVES:
            draw(curve, one["figures"]["cases"], IMAGES / f"performance-{curve}.svg")
    PAGE.write_text(made, encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} shows {len(found)} benchmarks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
