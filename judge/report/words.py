"""Numbers and reasons as text, the same in the terminal, in Markdown and in HTML."""

import re
from collections.abc import Iterable

from judge.estimate import Estimate

NOTHING = "–"
_RARE = 0.005
_WIDE = 0.05
"""An interval wider than this needs no third decimal."""
_MOST_NAMED = 5
"""Of the figures that one reason is about."""

_NAMES = {
    "agreement": "agreement",
    "kappa": "kappa",
    "kappa_linear": "kappa, linear",
    "kappa_quadratic": "kappa, quadratic",
    "alpha": "alpha",
    "alpha_ordinal": "alpha, ordinal",
    "alpha_jaccard": "alpha, Jaccard",
    "alpha_masi": "alpha, MASI",
    "ac1": "AC1",
    "ac2": "AC2",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
}


def number(value: float | None) -> str:
    """Two decimals without the leading zero; more where two would say 0 or 1 of what is neither.

    >>> [number(x) for x in (0.873, 1.0, 0.9971, 0.99996, 0.0, 0.0012, -0.25, None, 12.5)]
    ['.87', '1.00', '.997', '>.999', '.00', '.0012', '-.25', '–', '12.50']
    """
    if value is None:
        return NOTHING
    size = abs(value)
    if 0 < size < _RARE:
        text = f"{value:.2g}"
        return text if "e" in text else text.replace("0.", ".", 1)
    if 0.995 <= size < 1:  # noqa: PLR2004  (two decimals would print 1.00)
        text = f"{value:.3f}"
        if text.lstrip("-") == "1.000":
            return ">.999" if value > 0 else "<-.999"
        return text.replace("0.", ".", 1)
    return _bare(f"{value:.2f}")


def _bare(text: str) -> str:
    """A number without its leading zero."""
    return text.replace("0.", ".", 1) if text.removeprefix("-").startswith("0.") else text


def interval(found: Estimate) -> str:
    """``[.75, .94]``, or nothing where there is none."""
    if found.low is None or found.high is None:
        return ""
    if found.high - found.low > _WIDE:
        low, high = (f"{end:.2f}".replace("-0.00", "0.00") for end in (found.low, found.high))
        return f"[{_bare(low)}, {_bare(high)}]"
    high = f"{found.high:.2f}" if 0.995 <= found.high < 1 else number(found.high)  # noqa: PLR2004  (rounded outwards)
    return f"[{number(found.low)}, {high}]"


def estimate(found: Estimate) -> str:
    """Value and interval.

    >>> estimate(Estimate(0.873, 0.75, 0.94)), estimate(Estimate(0.5, None, None)), estimate(Estimate(None, None, None))
    ('.87 [.75, .94]', '.50 (no interval)', 'undefined')
    """
    if found.value is None:
        return f"between {number(found.low)} and {number(found.high)}" if interval(found) else "undefined"
    return f"{number(found.value)} {interval(found) or '(no interval)'}"


def percent(found: Estimate) -> str:
    """A share in percent, with its interval.

    >>> percent(Estimate(0.957, 0.80, 0.998))
    '96% [80%, 99.8%]'
    """
    if found.value is None:
        return "undefined"
    ends = "" if found.low is None or found.high is None else f" [{share(found.low)}, {share(found.high)}]"
    return share(found.value) + ends


def share(value: float | None) -> str:
    """A share in percent, with a decimal where it would read 0 % or 100 % and is neither."""
    if value is None:
        return NOTHING
    whole = f"{value:.0%}"
    if whole in ("0%", "100%") and value not in (0, 1):
        fine = f"{value:.1%}"
        return {"100.0%": ">99.9%", "0.0%": "<0.1%"}.get(fine, fine)
    return whole


def name(figure: str) -> str:
    """A figure's name for people: ``kappa_quadratic`` is ``kappa, quadratic``; ``recall.x`` is ``recall of x``."""
    head, _, tail = figure.partition(".")
    if head == "on_scale":
        return f"{name(tail)}, on the scale"
    return f"{head} of {tail}" if tail else _NAMES.get(figure, figure.replace("_", " "))


def code_and_words(warning: str) -> tuple[str, str]:
    """The two halves of ``code: words``."""
    code, _, rest = warning.partition(":")
    return code, rest.strip()


def reasons(figures: Iterable[tuple[str, Estimate]]) -> tuple[str, ...]:
    """The reasons behind these figures, each once with the figures that it is about; particulars of single ones are left out.

    >>> weak = Estimate(0.5, None, None, warnings=("few-items: fewer than 30 items (12)",))
    >>> reasons([("kappa", weak), ("recall of x", weak), ("alpha", Estimate(1, 1, 1))])
    ('few-items: fewer than 30 items (of: kappa; recall of x)',)
    """
    about: dict[str, dict[str, None]] = {}
    for figure, found in figures:
        for warning in found.warnings:
            about.setdefault(re.sub(r" \([^()]*\)$", "", warning), {})[figure] = None
    return tuple(f"{warning} (of: {_listed(list(named))})" for warning, named in about.items())


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED + 1 else ""
    return "; ".join(names[:_MOST_NAMED] if more else names) + more
