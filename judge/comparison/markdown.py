"""A comparison as Markdown. What transcripts and models wrote is quoted as code, so that it cannot become markup."""

import re
from collections.abc import Iterator

from judge.comparison.facets import Change, FacetComparison, Flip, Said
from judge.comparison.report import Pairing, Report, Standing
from judge.estimate import Estimate
from judge.stats.paired import McNemar

SHORT = 160


def render(report: Report, flips: int | None = None) -> str:
    """The whole report; at most so many flips of each facet if ``flips`` is given."""
    return "\n".join(_lines(report, flips)) + "\n"


def _lines(report: Report, most: int | None) -> Iterator[str]:
    yield f"# Comparison on {code(report.set)}"
    yield ""
    for pairing in report.pairings:
        yield f"- **{_title(pairing)}**, {code(pairing.model)}: {pairing.primary.verdict.text}"
    yield ""
    yield from _basis(report)
    yield ""
    yield from _standings(report.standings)
    for pairing in report.pairings:
        yield from _pairing(pairing, most)


def _basis(report: Report) -> Iterator[str]:
    what = f"Hand labels: {code(report.reference)}. "
    if report.sealed:
        first = report.looks[0].at if report.looks else ""
        what += (
            f"The test split is sealed; this is look {len(report.looks)} at it (the first was at {first}; "
            "`looks.jsonl` lists them). "
        )
    else:
        what += "These labels are open to tuning: confirm a rubric that was changed with a view to them once, with `--test`. "
    what += (
        f"{report.tests} test{'s' if report.tests > 1 else ''}, Holm's correction over all of them; a claim of a difference is "
        f"wrong in at most {report.alpha:.0%} of comparisons in which there is none. Failures count as answers that are not right."
    )
    yield what
    for warning in report.warnings:
        yield ""
        yield f"> {warning}"


def _standings(standings: tuple[Standing, ...]) -> Iterator[str]:
    yield "## Every rubric and model"
    yield ""
    yield "| rubric | model | run | n | failed | right | kappa | lowest recall | $ each |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in standings:
        lowest = f"{code(row.lowest_recall[0])} {row.lowest_recall[1]}" if row.lowest_recall else ""
        cost = "?" if row.cost_per_transcript is None else f"{row.cost_per_transcript:.5f}"
        yield (
            f"| {code(row.rubric)} | {code(row.model)} | {code(row.run)} | {row.n} | {row.failed} | {short(row.agreement)} "
            f"| {short(row.kappa)} | {lowest} | {cost} |"
        )


def _pairing(pairing: Pairing, most: int | None) -> Iterator[str]:
    yield ""
    yield f"## {_title(pairing)}, {code(pairing.model)}"
    yield ""
    yield f"{code(pairing.second)} against {code(pairing.first)}."
    if pairing.differs:
        yield ""
        yield f"Not only the rubric differs: {'; '.join(code(what) for what in pairing.differs)}."
    for facet in pairing.facets:
        yield from _facet(facet, most)
    yield from _diff(pairing)


def _title(pairing: Pairing) -> str:
    second, first = pairing.title
    return f"{code(second)} against {code(first)}"


def _facet(facet: FacetComparison, most: int | None) -> Iterator[str]:
    yield ""
    yield f"### {code(facet.facet)}{' (primary)' if facet.primary else ''}: {facet.verdict.word}"
    yield ""
    unpaired = f"; {facet.unpaired} labelled items were not put to both" if facet.unpaired else ""
    failed = f"; failed on {facet.failed[0]} before, {facet.failed[1]} after" if any(facet.failed) else ""
    yield f"{facet.verdict.text}. {facet.n} items in {facet.clusters} clusters{unpaired}{failed}."
    yield ""
    yield "| | before | after | difference | newly right | newly wrong | p |"
    yield "|---|---|---|---|---|---|---|"
    yield _row("right", facet.agreement, facet.test.only_second, facet.test.only_first, facet.test.p)
    if facet.kappa:
        yield _row("kappa", facet.kappa)
    if facet.kappa_on_scale:
        yield f"| kappa on the scale, quadratic weights | | | {signed(facet.kappa_on_scale)} | | | |"
    for name, test in (("people's positives", facet.positives), ("people's other labels", facet.negatives)):
        if test:
            yield f"| {name} | | | | {test.only_second} | {test.only_first} | {_p(test.p_exact)} |"
    for label in facet.labels:
        yield _row_of_test(f"recall of {code(label.label)}, n={label.support}", label.recall, label.correct)
    yield from _flips(facet, most)


def _row(
    name: str, change: Change, right: int | None = None, wrong: int | None = None, p: float | None = None
) -> str:
    counts = "| | | |" if right is None else f"| {right} | {wrong} | {_p(p)} |"
    return f"| {name} | {short(change.first)} | {short(change.second)} | {signed(change.difference)} {counts}"


def _row_of_test(name: str, change: Change, test: McNemar) -> str:
    return _row(name, change, test.only_second, test.only_first, test.p_exact)


def _flips(facet: FacetComparison, most: int | None) -> Iterator[str]:
    if not facet.flips:
        yield ""
        yield "No item flipped."
        return
    for direction, title in (
        ("lost", "Newly wrong"),
        ("gained", "Newly right"),
        ("other", "Otherwise changed"),
    ):
        found = [flip for flip in facet.flips if flip.direction == direction]
        if not found:
            continue
        shown = found[:most]
        yield ""
        yield f"{title}: {len(found)}{f', {len(shown)} of them shown' if len(shown) < len(found) else ''}"
        yield ""
        yield "| item | hand label | before | after | the quote that decided |"
        yield "|---|---|---|---|---|"
        yield from (_flip(flip) for flip in shown)


def _flip(flip: Flip) -> str:
    cells = (flip.item, value(flip.human), answer(flip.first), answer(flip.second), flip.quote)
    return "| " + " | ".join(code(cell) if cell else "" for cell in cells) + " |"


def _diff(pairing: Pairing) -> Iterator[str]:
    diff = pairing.diff
    yield ""
    yield "### What changed in the rubric"
    yield ""
    if not diff.header and not diff.text:
        yield "Nothing: both were asked the same."
        return
    for line in diff.header:
        yield f"- {code(line)}"
    if diff.text:
        fence = "`" * (max((len(run) for line in diff.text for run in re.findall("`+", line)), default=0) + 3)
        yield ""
        yield f"{fence}diff"
        yield from (plain(line) for line in diff.text)
        yield fence


def value(found: str | tuple[str, ...] | None) -> str:
    if found is None:
        return ""
    return found if isinstance(found, str) else ", ".join(found)


def answer(found: Said) -> str:
    """A label, or a kind of failure in brackets."""
    return f"({found.status})" if found.value is None else value(found.value)


def plain(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)


def code(text: str) -> str:
    r"""Text as a span of code in a cell of a table: shortened, on one line, unable to end either.

    >>> code("a | b `c`")
    '`` a \\\\| b `c` ``'
    """
    line = plain(" ".join(text.split())).replace("|", "\\|")
    line = line if len(line) <= SHORT else line[: SHORT - 1] + "…"
    if "`" not in line:
        return f"`{line}`"
    ticks = "`" * (max(len(run) for run in re.findall("`+", line)) + 1)
    return f"{ticks} {line} {ticks}"


def short(found: Estimate) -> str:
    """Value and interval, without what is said elsewhere."""
    if found.value is None:
        return "undefined"
    if found.low is None or found.high is None:
        return f"{found.value:.2f}"
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def signed(found: Estimate) -> str:
    """A difference with its sign and interval."""
    if found.value is None:
        return "undefined"
    if found.low is None or found.high is None:
        return f"{found.value:+.2f} (no interval)"
    return f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"


def _p(p: float | None) -> str:
    if p is None:
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"  # noqa: PLR2004  (a matter of looks)
