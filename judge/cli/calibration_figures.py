"""A calibration for a terminal: what decides first, then what qualifies it."""

from rich.console import Console
from rich.table import Table

from judge.calibration.calibrate import Calibration, FacetCalibration
from judge.calibration.subgroups import Subgroups
from judge.cli.figures import grid, heading, labels, matrix, plain, show, warnings
from judge.report import sentences, words

MOST_DISAGREEMENTS = 10


def calibration(found: Calibration, console: Console) -> None:
    for line in sentences.head(found):
        console.print(plain(line, "bold" if line.startswith("run ") else ""))
    for warning in found.warnings:
        console.print(plain(f"! {words.code_and_words(warning)[1]}", "yellow"))
    for facet in found.facets:
        _facet(facet, console)
    _gates(found, console)


def _facet(facet: FacetCalibration, console: Console) -> None:
    heading(facet.about, console)
    for warning in facet.warnings:
        show(console, plain(f"! {words.code_and_words(warning)[1]}", "yellow"))
    if not facet.judge.items:
        for line in sentences.coverage(facet.coverage):
            show(console, plain(line))
        return
    show(console, _coefficients(facet))
    console.print()
    for line in sentences.ceiling(facet):
        show(console, plain(line))
    _baselines(facet, console)
    matrix(facet.judge, console, sentences.lost(facet))
    labels(facet.judge, console)
    console.print()
    for line in (*sentences.coverage(facet.coverage), *sentences.confidence(facet)):
        show(console, plain(line))
    if facet.repeats:
        show(console, plain(sentences.repeats(facet.repeats)))
    for group in facet.subgroups:
        _subgroups(group, console)
    _disagreements(facet, console)
    warnings(sentences.estimates(facet), console)


def _coefficients(facet: FacetCalibration) -> Table:
    table = grid(
        ("", False), ("n", True), ("with nulls as labels", False), ("", True), ("on the scale", False)
    )
    if not facet.judge.on_scale:
        table = grid(("", False), ("n", True), ("", False))
    inside = facet.judge.on_scale
    names = [*facet.judge.with_nulls.coefficients]
    names += [n for n in (inside.coefficients if inside else {}) if n not in names]
    for name in names:
        cells = []
        for view in (facet.judge.with_nulls, inside):
            value = view.coefficients.get(name) if view else None
            if view:
                cells += [str(view.items), words.estimate(value)] if value else ["", ""]
        table.add_row(words.name(name), *cells)
    return table


def _baselines(facet: FacetCalibration, console: Console) -> None:
    sets = facet.about.scale == "multilabel"
    figure = "alpha_jaccard" if sets else "kappa"
    table = grid(
        ("against a grader that cannot read", False),
        (words.name(figure), False),
        ("lead in agreement", False),
    )
    for one in facet.baselines:
        style = "" if one.beaten else "yellow"
        table.add_row(
            plain(one.name, style),
            words.estimate(one.coefficients[figure]),
            plain(words.estimate(one.lead), style),
        )
    if facet.baselines:
        console.print()
        show(console, table)


def _subgroups(found: Subgroups, console: Console) -> None:
    table = grid((found.key, False), ("n", True), ("answered", True), ("agreement", False), ("kappa", False))
    for group in found.groups:
        table.add_row(
            plain(group.name),
            str(group.items),
            words.share(group.answered.value),
            words.estimate(group.agreement),
            words.estimate(group.kappa),
        )
    console.print()
    show(console, table)
    for line in sentences.differential(found):
        show(console, plain(line))


def _disagreements(facet: FacetCalibration, console: Console) -> None:
    if not facet.disagreements:
        return
    table = grid(("disagreements", False), (facet.reference, False), (facet.judge.second, False))
    for one in facet.disagreements[:MOST_DISAGREEMENTS]:
        contested = " (contested)" if any(side.contested for side in one.sides) else ""
        table.add_row(
            plain(one.transcript_id), plain(one.reference.label + contested), plain(one.judge.label)
        )
    console.print()
    show(console, table)
    if (more := len(facet.disagreements) - MOST_DISAGREEMENTS) > 0:
        show(console, plain(f"and {more} more: --html shows each with its text"))


def _gates(found: Calibration, console: Console) -> None:
    if not found.gates:
        return
    console.print()
    for result in found.gates:
        console.print(plain(sentences.gate(result), "green" if result.passed else "bold red"))
    if note := sentences.gates_on_coefficients_alone(found):
        console.print(plain(note, "yellow"))
