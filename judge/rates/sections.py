"""Results as tables with notes, for Markdown and for the terminal alike. Names from metadata are never markup."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from judge.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a table (maybe empty), and sentences below it. ``key`` says which one it is to whoever draws it."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    key: str = ""


def markdown(sections: Iterable[Section]) -> str:
    """All sections as one Markdown document."""
    parts: list[str] = []
    for number, section in enumerate(sections):
        parts.append(f"{'#' if number == 0 else '##'} {_inline(section.title)}\n\n")
        if section.rows:
            parts.append(_row(section.columns))
            parts.append("|" + "---|" * len(section.columns) + "\n")
            parts.extend(_row(row) for row in section.rows)
            parts.append("\n")
        parts.extend(f"- {_inline(note)}\n" for note in section.notes)
        if section.notes:
            parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_inline(cell) for cell in cells) + " |\n"


_MARKUP = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>|#"} | {"&": "&amp;"})


def _inline(text: str) -> str:
    """Text of strangers within one line of Markdown."""
    visible = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return visible.translate(_MARKUP)


def number(value: float | None) -> str:
    """Three decimals, or two significant digits where decimals would print a rare rate as 0.000.

    >>> number(0.25), number(0.000047), number(0.0), number(None)
    ('0.250', '4.7e-05', '0', '')
    """
    if value is None:
        return ""
    if value == 0:
        return "0"
    return f"{value:.3f}" if abs(value) >= 0.01 else f"{value:.2g}"  # noqa: PLR2004  (a matter of looks)


def shown(found: Estimate | None) -> str:
    """A value with its interval; an upper limit, or both limits, where there is no value; else why there is none."""
    if found is None:
        return ""
    if found.value is not None:
        if found.low is None or found.high is None:
            return f"{number(found.value)} (no interval)"
        return f"{number(found.value)} [{number(found.low)}, {_high(found.high)}]"
    if found.high is None:
        return f"none: {', '.join(found.reasons) or 'undefined'}"
    if not found.low:
        return f"at most {_high(found.high)}"
    return f"{number(found.low)} to {_high(found.high)}"


def _high(value: float) -> str:
    return "∞" if value == float("inf") else number(value)


def percent(value: float | None) -> str:
    """A share of transcripts, as people read it."""
    return "" if value is None else f"{value:.1%}"


def p_value(p: float | None) -> str:
    """Two digits; a bound where the number is too small to mean anything; empty where there is none.

    >>> p_value(0.0312), p_value(3e-40), p_value(None)
    ('0.031', '<1e-12', '')
    """
    if p is None:
        return ""
    return f"{p:.2g}" if p >= 1e-12 else "<1e-12"  # noqa: PLR2004
