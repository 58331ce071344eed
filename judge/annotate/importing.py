"""Labels from a file of another tool become lines of ``labels/<annotator>.jsonl``: all of them, or none."""

from dataclasses import dataclass
from pathlib import Path

from judge.annotate import scout_csv
from judge.annotate.appending import AppendOnly
from judge.annotate.desk import now
from judge.annotate.notebook import Notebook
from judge.annotate.place import Place
from judge.errors import UsageError
from judge.eval_sets import ADJUDICATED
from judge.grader import Grader
from judge.labelling.dataset import Dataset
from judge.records import Annotation


@dataclass(frozen=True)
class Imported:
    path: Path
    added: int
    same: int
    """Labels that the annotator had given already, word for word."""
    without_evidence: int


def take_over(file: Path, place: Place, grader: Grader, annotator: str, *, blind: bool) -> Imported:
    """Append a validation set's labels. Raises UsageError, and writes nothing, where one of them does not fit."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("cannot read this file", where=str(file), found=str(error)) from error
    given = scout_csv.read(text, str(file), grader.facets, grader.primary)
    wanted = {name for name, _ in given}
    splits = {t.id: t.metadata.get("split") for _, t in Dataset(place.source).read() if t.id in wanted}
    if missing := sorted(wanted - set(splits)):
        raise UsageError(
            f"{len(missing)} transcripts of this file are not in {place.name}",
            where=str(file),
            found=", ".join(missing[:5]),
            expected=f"ids of {place.source}",
        )
    notebook = Notebook(place.labels, annotator, private=place.private)
    known = {(name, facet): notebook.labels(name).get(facet) for name, facet in given}
    new = [
        Annotation(
            transcript_id=name,
            facet=facet,
            label=label,
            annotator=annotator,
            note=f"from {file.name}",
            blind=blind and annotator != ADJUDICATED,
            split=splits[name] if splits[name] in ("dev", "test") else None,
            at=now(),
        )
        for (name, facet), label in given.items()
        if (before := known[name, facet]) is None or before.label != label
    ]
    if new:
        AppendOnly(notebook.path, 0o600 if place.private else 0o666).append(
            [label.model_dump_json().encode() for label in new]
        )
    bare = sum(1 for label in new if grader.facets[label.facet].positives(label.label))
    return Imported(notebook.path, len(new), len(given) - len(new), bare)
