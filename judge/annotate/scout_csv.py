"""Labels as a validation set of Inspect Scout, both ways: a CSV with ``id``, ``target`` or ``target_<facet>``, and ``split``.

Scout reads it with pandas and compares a scanner's value with the target. So an id that pandas or Scout would take for
something else (a number, a list) is written as a JSON list of one, which Scout reads as that id; several labels of one facet
are a JSON list in one cell. Evidence, notes and who labelled are not in the format: they stay in ``labels/*.jsonl``.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from io import StringIO

from judge.errors import UsageError
from judge.grader import Facet
from judge.records import Annotation

Cell = tuple[str, str]
"""Transcript id, facet."""

_LOOKS_ELSE = re.compile(
    r"\[.*|.*[,\x00-\x1f].*|[+-]?0\d+|[+-]?\d*\.\d*|[+-]?\d+(\.\d*)?[eE][+-]?\d+", re.DOTALL
)


def write(labels: Mapping[Cell, Annotation], facets: Sequence[str]) -> str:
    """The CSV of these facets; a transcript without a label of some facet has an empty cell there.

    >>> one = Annotation(transcript_id="t1", facet="colour", label="red", annotator="ana", split="dev")
    >>> print(write({("t1", "colour"): one}, ["colour"]), end="")
    id,target,split
    t1,red,dev
    """
    out = StringIO()
    rows = csv.writer(out, lineterminator="\n")
    names = ["target"] if len(facets) == 1 else [f"target_{facet}" for facet in facets]
    rows.writerow(["id", *names, "split"])
    for transcript_id in dict.fromkeys(name for name, facet in labels if facet in facets):
        found = [labels.get((transcript_id, facet)) for facet in facets]
        split = next((label.split for label in found if label and label.split), None)
        rows.writerow([_id(transcript_id), *(_cell(label) for label in found), split or ""])
    return out.getvalue()


def _id(transcript_id: str) -> str:
    return json.dumps([transcript_id]) if _LOOKS_ELSE.fullmatch(transcript_id) else transcript_id


def _cell(label: Annotation | None) -> str:
    if label is None:
        return ""
    return label.label if isinstance(label.label, str) else json.dumps(list(label.label))


def read(
    text: str, where: str, facets: Mapping[str, Facet], primary: str
) -> dict[Cell, str | tuple[str, ...]]:
    """Transcript id and facet to label. ``target`` is the primary facet; empty cells are no labels.

    Raises UsageError with the line, for a column, an id or a label that cannot be taken over.
    """
    rows = csv.DictReader(StringIO(text, newline=""))
    columns = _columns(rows.fieldnames or [], where, facets, primary)
    found: dict[Cell, str | tuple[str, ...]] = {}
    for row in rows:
        at = f"{where}:{rows.line_num}"
        transcript_id = _read_id(row["id"] or "", at)
        for column, facet in columns.items():
            if cell := (row[column] or "").strip():
                found[transcript_id, facet.name] = _label(cell, facet, at)
    return found


def _columns(names: Sequence[str], where: str, facets: Mapping[str, Facet], primary: str) -> dict[str, Facet]:
    wanted = {"target": primary} | {f"target_{facet}": facet for facet in facets}
    columns = {name: facets[wanted[name]] for name in names if name in wanted}
    unknown = [name for name in names if name.startswith(("target_", "label_")) and name not in wanted]
    if "id" not in names or not columns or unknown:
        raise UsageError(
            f"a column {unknown[0]!r} that is no facet" if unknown else "not a validation set",
            where=f"{where}:1",
            found=", ".join(names) or "no header",
            expected=f"id, and target (for {primary}) or target_FACET with one of {', '.join(facets)}",
        )
    return columns


def _read_id(text: str, at: str) -> str:
    if text.startswith("["):
        try:
            ids = json.loads(text)
        except ValueError:
            ids = [part.strip() for part in text.strip("[]").split(",")]
        if len(ids) == 1:
            return str(ids[0])
        raise UsageError(
            "a case about several transcripts",
            where=at,
            found=text[:100],
            expected="one transcript a line: labels here are of single transcripts",
        )
    if not text:
        raise UsageError("a line without an id", where=at)
    return text


def _label(text: str, facet: Facet, at: str) -> str | tuple[str, ...]:
    """A label of the facet. What went through pandas may have lost a plus sign or grown a decimal."""
    given = json.loads(text) if facet.multilabel and text.startswith("[") else [text]
    labels = []
    for item in map(str, given):
        tidy = re.sub(r"^([+-]?\d+)\.0$", r"\1", item)
        label = next((name for name in (item, tidy, f"+{tidy}") if name in facet.vocabulary), None)
        if label is None:
            raise UsageError(
                f"{facet.name} has no label {item!r}",
                where=at,
                expected=f"one of {', '.join(facet.vocabulary)}",
            )
        labels.append(label)
    return tuple(name for name in facet.vocabulary if name in labels) if facet.multilabel else labels[0]
