"""Agreement and calibration as tables for a terminal, 80 columns or wider. All text is cleaned; none of it is markup."""

from collections.abc import Iterable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from judge.calibration.about import FacetNote, RaterNote
from judge.calibration.agreement import Agreement, FacetAgreement
from judge.calibration.pair import Pair
from judge.cli.terminal import clean
from judge.estimate import Estimate
from judge.report import sentences, words

WIDE = 100
"""Columns from which the second-best figures are shown too."""

STANDING = {
    "judge": "judge",
    "person": "annotator",
    "model": "annotator, a language model",
    "adjudicated": "reference",
}


def plain(text: str, style: str = "") -> Text:
    """Text that is safe to print."""
    return Text(clean(text), style=style)


def grid(*columns: tuple[str, bool]) -> Table:
    """A table without walls; each column is a heading, and whether it holds numbers."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for number, (heading, numeric) in enumerate(columns):
        table.add_column(
            plain(heading), justify="right" if numeric else "left", no_wrap=number > 0, overflow="fold"
        )
    return table


def show(console: Console, item: RenderableType, left: int = 2) -> None:
    console.print(Padding(item, (0, 0, 0, left), expand=False))


def agreement(found: Agreement, console: Console, *, details: bool = False) -> None:
    """Who, then for each facet the summary of all pairs, and details of the pairs that matter most."""
    raters(found.raters, console)
    for facet in found.facets:
        heading(facet.about, console)
        if facet.pairs:
            show(console, _pairs(facet, wide=console.width >= WIDE))
        if facet.together:
            figures = ", ".join(
                f"{words.name(name)} {words.estimate(value)}"
                for name, value in facet.together.view.coefficients.items()
            )
            who = f"all {len(facet.together.raters)} independent raters"
            show(console, plain(f"{who} (n={facet.together.view.items}): {figures}"))
        for outcome in facet.outcomes:
            if told := sentences.unanswered(outcome):
                show(console, plain(f"{outcome.rater}: {told}", "yellow"))
        for repeated in facet.repeats:
            show(console, plain(f"{repeated.rater}: {sentences.repeats(repeated)}"))
        for pair in facet.pairs if details else _leading(facet, found.raters):
            matrix(pair, console)
            labels(pair, console)
        warnings(_estimates(facet), console)
    if found.warnings:
        console.print()
    for warning in found.warnings:
        console.print(plain(warning, "yellow"))


def raters(notes: Iterable[RaterNote], console: Console) -> None:
    for note in notes:
        model = f", {note.model}" if note.model and note.standing == "judge" else ""
        family = f", family {note.family}" if note.family and note.standing == "model" else ""
        console.print(plain(f"{note.name}: {STANDING[note.standing]}{model}{family}"))


def heading(about: FacetNote, console: Console) -> None:
    nulls = sum(label.null for label in about.labels)
    size = f"{len(about.labels) - nulls} labels" + (f" and {nulls} null{'s' * (nulls > 1)}" if nulls else "")
    console.print()
    console.print(plain(about.name, "bold"), plain(f"({about.scale}, {size})", "dim"))


def _pairs(facet: FacetAgreement, *, wide: bool) -> Table:
    sets = facet.about.scale == "multilabel"
    shown = ["agreement", *(("alpha_jaccard", "alpha_masi") if sets else ("kappa", "ac1"))]
    inside = ["kappa_quadratic"] if facet.about.scale == "ordinal" else []
    if not wide:
        shown = [name for name in shown if name not in ("ac1", "alpha_masi")]
    table = grid(
        ("raters", False), ("n", True), *((words.name(n), False) for n in shown),
        *((f"{words.name(n)} *", False) for n in inside),
    )  # fmt: skip
    for pair in facet.pairs:
        cells = [words.estimate(pair.with_nulls.coefficients[name]) for name in shown]
        cells += [
            words.estimate(pair.on_scale.coefficients[name]) if pair.on_scale else words.NOTHING
            for name in inside
        ]
        names = f"{pair.first} | {pair.second}" if wide else f"{pair.first}\n{pair.second}"
        table.add_row(plain(names), str(pair.items), *cells)
    if inside:
        table.caption = "* on the points of the scale, where neither rater gave a null"
        table.caption_justify = "left"
    return table


def _leading(facet: FacetAgreement, notes: Sequence[RaterNote]) -> list[Pair]:
    """The first rater with each judge, for a primary facet; one pair where there is no judge."""
    if not facet.about.primary or not facet.pairs:
        return []
    judges = {note.name for note in notes if note.standing == "judge"}
    first = facet.pairs[0].first
    chosen = [p for p in facet.pairs if p.first == first and p.second in judges] or [facet.pairs[0]]
    return [pair for pair in chosen if pair.items]  # two runs of other transcripts have nothing to be counted


def matrix(pair: Pair, console: Console, extra: Sequence[tuple[str, Sequence[int]]] = ()) -> None:
    """Confusion counts, rows the first rater; ``extra`` columns (failures, missing) hold a number for each row.

    Where the columns do not fit, each row becomes a line that names what its items were taken for.
    """
    if not pair.matrix:
        return
    used = [
        at
        for at, row in enumerate(pair.labels)
        if row.support or row.given or any(column[at] for _, column in extra)
    ]
    console.print()
    show(console, plain(f"rows {pair.first}, columns {pair.second}", "dim"))
    width = 8 + max((len(pair.labels[at].label) for at in used), default=0)
    width += 4 * len(used) + sum(len(name) + 1 for name, _ in extra)
    if width > console.width:
        for at in used:
            show(console, _row(pair, at, extra))
        return
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for heading in ("", ""):
        table.add_column(heading, no_wrap=True)
    for at in used:
        table.add_column(str(at + 1), justify="right", min_width=3)
    for name, _ in extra:
        table.add_column(plain(name), justify="right", style="yellow", no_wrap=True)
    for at in used:
        cells = [_cell(pair.matrix[at][to], right=at == to) for to in used]
        lost = (str(column[at] or "·") for _, column in extra)
        table.add_row(f"{at + 1:2}", plain(pair.labels[at].label), *cells, *lost)
    show(console, table)


def _row(pair: Pair, at: int, extra: Sequence[tuple[str, Sequence[int]]]) -> Text:
    found = {pair.labels[to].label: n for to, n in enumerate(pair.matrix[at])}
    found |= {name: column[at] for name, column in extra}
    told = ", ".join(f"{label} {n}" for label, n in found.items() if n)
    return plain(f"{pair.labels[at].label}: {told or 'none'}")


def _cell(count: int, *, right: bool) -> Text:
    if not count:
        return Text("·", style="dim")
    return Text(str(count), style="green" if right else "bold red")


def labels(pair: Pair, console: Console) -> None:
    """Recall and precision of each label; F1 where there is room."""
    wide = console.width >= WIDE
    table = grid(
        ("label", False),
        ("n", True),
        ("recall", False),
        ("precision", False),
        *([("F1", False)] if wide else []),
    )
    rows = [*pair.labels, *([pair.micro] if pair.micro else [])]
    for row in rows:
        if row.support or row.given:
            f1 = [words.estimate(row.f1)] if wide else []
            table.add_row(
                plain(row.label),
                str(row.support),
                words.estimate(row.recall),
                words.estimate(row.precision),
                *f1,
            )
    console.print()
    show(console, table)


def _estimates(facet: FacetAgreement) -> Iterator[tuple[str, Estimate]]:
    for pair in facet.pairs:
        for where, view in (("", pair.with_nulls), (", on the scale", pair.on_scale)):
            for name, value in view.coefficients.items() if view else ():
                yield words.name(name) + where, value
    for row in (row for pair in facet.pairs for row in pair.labels if row.support):
        yield f"recall of {row.label}", row.recall
        yield f"precision of {row.label}", row.precision
    for one in facet.repeats:
        yield "repeats", one.flips


def warnings(estimates: Iterable[tuple[str, Estimate]], console: Console) -> None:
    """Why some of these numbers are missing or weak: each reason once, with the figures that it is about."""
    told = words.reasons(estimates)
    if told:
        console.print()
    for warning in told:
        show(console, plain(warning, "dim"))
