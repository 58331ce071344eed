"""docs/reliability.md: the part of it that is made of what the tests saw."""

import html
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from itertools import groupby
from pathlib import Path

from tests.faults.cases import BOTH, LABELS, Case
from tests.faults.scene import Seen

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- made by python -m tests.faults: begin -->", "<!-- made by python -m tests.faults: end -->"
HEADINGS = (
    "fault",
    "provider",
    "what is printed",
    "exit",
    "in the records",
    "asked",
    "the fault gone, again",
)
TITLES = {
    ("live", "provider"): "Live calls: the provider and the network",
    ("batch", "provider"): "Batches: the provider and the network",
    ("live", "machine"): "Live calls: this machine",
    ("batch", "machine"): "Batches: this machine",
}


@dataclass(frozen=True, slots=True)
class Row:
    fault: str
    provider: str
    printed: str
    code: str
    records: str
    asked: str
    afterwards: str

    def cells(self) -> tuple[str, ...]:
        return astuple(self)


def row(case: Case, provider: str, seen: Seen, asked: str) -> Row:
    """What the table says of one fault at one provider. The tests hold records and purchases against the case."""
    printed = "<br>".join(f"<code>{_cell(line)}</code>" for line in seen.lines)
    return Row(
        case.fault, provider, printed, str(seen.code), case.records, case.asked or asked, _afterwards(case)
    )


def _afterwards(case: Case) -> str:
    if case.after != LABELS:
        return f"{case.after}, from the store; nothing bought"
    lost = {0: "nothing bought twice", 1: "1 answer bought twice: it was lost on its way"}
    return f"{case.after}; " + lost.get(
        case.again, f"{case.again} answers bought twice: they were lost on their way"
    )


def _cell(text: str) -> str:
    return html.escape(text, quote=False).replace("|", "&#124;").replace("`", "&#96;")


def line(row: Row) -> str:
    return f"| {' | '.join(row.cells())} |"


def merged(rows: Iterable[Row]) -> list[Row]:
    """One row for both providers where they differ in nothing else."""
    done: list[Row] = []
    for _, same in groupby(rows, key=lambda row: row.fault):
        group = list(same)
        if len(group) == len(BOTH) and len({both(row) for row in group}) == 1:
            group = [both(group[0])]
        done += group
    return done


def both(row: Row) -> Row:
    """The row that stands for both providers."""
    return Row(row.fault, "both", *row.cells()[2:])


def tables(found: dict[tuple[str, str], list[Row]]) -> str:
    """The whole part, from rows by way and by whose fault it is."""
    parts = []
    for place, title in TITLES.items():
        head = [f"## {title}", "", f"| {' | '.join(HEADINGS)} |", "|" + "---|" * len(HEADINGS)]
        parts.append("\n".join([*head, *map(line, merged(found[place]))]))
    return f"{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}"


def committed() -> str:
    """The part as it stands in the page."""
    text = PAGE.read_text(encoding="utf-8")
    return text[text.index(BEGIN) : text.index(END) + len(END)]


def replace(part: str) -> None:
    PAGE.write_text(PAGE.read_text(encoding="utf-8").replace(committed(), part), encoding="utf-8")
