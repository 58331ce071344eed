"""The rates of a label as one HTML page: the tables of the terminal, with the same numbers, and a drawing beside each that has one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from markupsafe import Markup

from judge.rates import conditional, text
from judge.rates.conditional import Conditional
from judge.rates.report import Report
from judge.rates.sections import Section, number
from judge.report import figures, page, rate_drawings
from judge.stats.bounds import Word
from judge.stats.reasons import REASONS


@dataclass(frozen=True, slots=True)
class _Warning:
    """A reason: whom it concerns (all where empty), its code, and the words."""

    whom: str
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class _Part:
    """A section ready to print, its notes told apart: reasons with a code, and everything else."""

    section: Section
    drawing: Markup
    warnings: list[_Warning]
    notes: list[str]


def write_html(found: Report | Conditional, path: Path) -> None:
    """Write the page. Raises UsageError without matplotlib, or where the file cannot be written."""
    figures.require()
    page.write(path, html(found))


def html(found: Report | Conditional) -> str:
    return _conditional(found) if isinstance(found, Conditional) else _rates(found)


def _rates(found: Report) -> str:
    head, *rest = text.sections(found)
    facts = [
        ("Label", found.question),
        *(("Judge", f"{model or 'unknown model'}, run {run}") for run, model in found.judges.items()),
        ("Groups", f"by {found.by}" if found.by else "one for each run"),
        ("Intervals", f"{found.level:.0%}"),
        ("Threshold", number(found.threshold) if found.threshold else "none was set"),
    ]
    drawings = {
        "overall": rate_drawings.prevalence(found.groups),
        "applicable": rate_drawings.prevalence(found.groups, applicable=True),
        "changes": rate_drawings.ratios(found.changes),
        "curve": rate_drawings.curve(found.groups, found.accuracy),
    }
    title = f"Rate of {' or '.join(found.labels)}"
    return _page(title, facts, _part(head, Markup()), _parts(rest, drawings))


def _conditional(found: Conditional) -> str:
    first, *rest = conditional.sections(found)
    facts = [
        ("Label", found.of),
        ("Given", found.given),
        ("Run", found.run),
        ("Compared", f"within {found.within}" if found.within else "without strata"),
        ("Groups", f"by {found.by}" if found.by else "one"),
        ("Intervals", f"{found.level:.0%}"),
    ]
    drawn = {"contrast": rate_drawings.contrasts(found)}
    told = _part(first, Markup())
    body = Section("With the condition, and without", first.columns, first.rows, key=first.key)
    return _page("One label given another", facts, told, _parts([body, *rest], drawn))


def _page(title: str, facts: list[tuple[str, str]], head: _Part, parts: list[_Part]) -> str:
    return page.render(
        "rates.html.jinja", title=title, facts=facts, head=head, parts=parts, says=get_args(Word)
    )


def _parts(sections: Iterable[Section], drawings: Mapping[str, Markup]) -> list[_Part]:
    return [
        _part(section, drawings.get(section.key, Markup()))
        for section in sections
        if section.rows or section.notes
    ]


def _part(section: Section, drawing: Markup) -> _Part:
    told: list[_Warning] = []
    notes: list[str] = []
    for note in section.notes:
        warning = _reason(note)
        if warning is None:
            notes.append(note)
        else:
            told.append(warning)
    return _Part(section, drawing, told, notes)


def _reason(note: str) -> _Warning | None:
    """``code: words``, or ``groups: code: words``; None for a sentence. The names of groups may hold anything.

    >>> _reason("late: rare: below 1 %"), _reason("words: detected, ...")
    (_Warning(whom='late', code='rare', words='below 1 %'), None)
    """
    pieces = note.split(": ")
    for at, piece in enumerate(pieces[:-1]):
        if piece in REASONS:
            return _Warning(": ".join(pieces[:at]), piece, ": ".join(pieces[at + 1 :]))
    return None
