"""The skeleton of every HTML report: one file that needs no script and no network.

A report is a template in ``templates/`` that extends ``page.html.jinja`` and fills its blocks; ``parts.html.jinja`` has the
tables and cells that reports share. Everything is escaped, and control characters are made visible, unless it is Markup
that this package made.
"""

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from judge import __version__, address
from judge.errors import StoreError, UsageError
from judge.report import words
from judge.runs import replacing
from judge.visible import clean


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("judge.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalized,
    )
    made.filters |= {
        "number": words.number,
        "estimate": words.estimate,
        "interval": words.interval,
        "percent": words.percent,
        "share": words.share,
        "figure_name": words.name,
        "address": address.url,
        "code": lambda warning: words.code_and_words(warning)[0],
        "words": lambda warning: words.code_and_words(warning)[1],
    }
    return made


def _finalized(value: Any) -> Any:
    """What a template prints: text from strangers cleaned, Markup as it is."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def style() -> Markup:
    """The style sheet, for inlining."""
    text = (Path(__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704  (our own file)


def render(template: str, **context: Any) -> str:
    """A report as HTML. ``context`` holds what the template names; ``style`` and ``version`` are always there."""
    found = _environment().get_template(template).render(style=style(), version=__version__, **context)
    return f"{found.strip()}\n"


def write(path: Path, text: str) -> None:
    """Put a report in its place, whole or not at all. The folder is made where there is none. Raises UsageError."""
    try:
        with replacing(path) as file:
            file.write(text.encode())
    except StoreError as error:
        raise UsageError(
            "the report cannot be written", where=error.where, found=error.found, do="name another file"
        ) from error


def drawing(svg: str, label: str, caption: str = "") -> Markup:
    """A drawing from ``figures`` as a figure; ``label`` says in words what it shows, for those who cannot see it. Nothing for nothing."""
    if not svg:
        return Markup()
    below = Markup("<figcaption>{}</figcaption>").format(text(caption)) if caption else Markup()
    shown = Markup(svg)  # noqa: S704  (drawn here; figures escapes the texts in it)
    return Markup('<figure role="img" aria-label="{}"><div class="drawing">{}</div>{}</figure>').format(
        text(label), shown, below
    )


def text(raw: str) -> Markup:
    """A stranger's text, cleaned and escaped."""
    return escape(clean(raw))
