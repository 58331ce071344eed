"""A result as tables in the terminal, as Markdown in a file, or as JSON on stdout."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from judge.cli import output
from judge.cli.terminal import announce, clean
from judge.errors import UsageError
from judge.rates.report import plain
from judge.rates.sections import Section
from judge.rates.sections import markdown as as_markdown


def show(result: Any, sections: Iterable[Section], *, markdown: Path | None, as_json: bool) -> None:
    """Print a result, and write it to a file where one is named. Raises UsageError where that cannot be written."""
    made = tuple(sections)
    if as_json:
        output.dump(plain(result))
    else:
        console = Console(highlight=False)
        for section in made:
            _print(console, section)
    if markdown is not None:
        try:
            markdown.write_text(as_markdown(made), encoding="utf-8")
        except OSError as error:
            raise UsageError("cannot write the report", where=str(markdown), found=str(error)) from error
        announce(f"written to {markdown}")


def _print(console: Console, section: Section) -> None:
    console.print(Text(clean(section.title), style="bold"))
    if section.rows:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
        for column in section.columns:
            table.add_column(Text(clean(column)))
        for row in section.rows:
            table.add_row(*(Text(clean(cell)) for cell in row))
        console.print(table)
    for note in section.notes:
        lines = Table.grid(padding=(0, 1))
        lines.add_row("·", Text(clean(note), style="dim"))
        console.print(lines)
    console.print()
