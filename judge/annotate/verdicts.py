"""What judges said of the transcripts on the table: one grader's records of one run or two, and the legibility of each.

Nothing here is shown to anybody; ``desk`` decides who may see it and when.
"""

from collections import defaultdict
from collections.abc import Container, Iterable
from typing import Any

from judge.errors import UsageError
from judge.records import Failure, Record, Verdict
from judge.runs import Run, outcome

LEGIBILITY = "legibility"


class Verdicts:
    """Records by transcript. ``runs`` in the order in which they are shown."""

    def __init__(self, runs: Iterable[Run], grader: str, wanted: Container[str]) -> None:
        self.runs: list[str] = []
        self.primary = ""
        self._records: dict[str, list[tuple[str, Record]]] = defaultdict(list)
        self._legibility: dict[str, str] = {}
        for run in runs:
            self._add(run, grader, wanted)

    def _add(self, run: Run, grader: str, wanted: Container[str]) -> None:
        manifest = run.manifest()
        note = manifest.graders.get(grader) if manifest else None
        if manifest is None or note is None:
            raise UsageError(
                f"run {run.name!r} was not made with the grader {grader!r}",
                where=str(run.folder),
                expected=f"one of {', '.join(manifest.graders) if manifest else '(none)'}",
                do="name one of them with --grader",
            )
        self.runs.append(run.name)
        self.primary = note.primary
        for record in run.records():
            if record.transcript_id not in wanted:
                continue
            if record.grader == grader:
                self._records[record.transcript_id].append((run.name, record))
            elif record.grader == LEGIBILITY and isinstance(record, Verdict):
                self._legibility[record.transcript_id] = str(record.values.get(LEGIBILITY, ""))

    def outcomes(self, transcript_id: str) -> list[str]:
        """The primary label, or the kind of failure in brackets, of each record."""
        return [outcome(record, self.primary) for _, record in self._records.get(transcript_id, [])]

    def legibility(self, transcript_id: str) -> str:
        return self._legibility.get(transcript_id, "")

    def differ(self, transcript_id: str) -> bool:
        """Whether two of the records say something else: between runs, or between repeats of one."""
        return len(set(self.outcomes(transcript_id))) > 1

    def shown(self, transcript_id: str) -> list[dict[str, Any]]:
        """The records as the page shows them."""
        return [_shown(run, record) for run, record in self._records.get(transcript_id, [])]


def _shown(run: str, record: Record) -> dict[str, Any]:
    who = f"{record.model}" + (f", repeat {record.sample}" if record.sample else "")
    common = {"who": who, "run": run}
    if isinstance(record, Failure):
        return common | {"failure": record.kind, "note": record.detail, "labels": {}, "evidence": []}
    labels = {name: (value,) if isinstance(value, str) else value for name, value in record.values.items()}
    evidence = [item.model_dump(mode="json", exclude={"role", "channel"}) for item in record.evidence]
    return common | {
        "labels": labels,
        "withheld": record.withheld,
        "evidence": evidence,
        "note": record.rationale,
        "coverage": record.coverage,
        "probabilities": record.distribution,
    }
