"""Every version of a rubric that was ever run: from the manifests of runs, with its agreement where hand labels are there.

Runs of ``judge try`` count like any others. One row is a version with a model; several runs of it are one row, and the one
that answered most labelled items speaks for it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from judge.comparison.job import Labels, read
from judge.comparison.pairing import pairs, side
from judge.errors import JudgeError, UsageError
from judge.estimate import Estimate
from judge.grader import Grader
from judge.runs import Manifest, Run
from judge.stats.agreement import kappa
from judge.stats.tables import confusion


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a rubric, with one model.

    ``cost_per_transcript`` is at list prices and over all graders of the run where it had several; None where the price is
    unknown. ``kappa`` is against the hand labels of the dev split, on the primary facet; None where there are none.
    """

    grader: str
    version: int
    sha256: str
    model: str
    first: str
    last: str
    runs: tuple[str, ...]
    transcripts: int
    failed: int
    cost_per_transcript: float | None
    kappa: Estimate | None


def history(name: str, runs_dir: Path, labels: Labels | None = None) -> list[Version]:
    """All versions of a grader, in the order in which they were first run. Raises UsageError where it never was."""
    groups: dict[tuple[str, str], list[tuple[Run, Manifest]]] = defaultdict(list)
    for run, manifest in found_runs(runs_dir):
        if name in manifest.graders:
            groups[manifest.graders[name].sha256, manifest.model].append((run, manifest))
    if not groups:
        raise UsageError(
            f"no run has used the grader {name!r}",
            where=str(runs_dir),
            do="check the name and --runs-dir; `judge try` and `judge label` make runs",
        )
    versions = [_version(name, runs, labels) for runs in groups.values()]
    return sorted(versions, key=lambda version: (version.first, version.sha256))


def found_runs(runs_dir: Path) -> Iterator[tuple[Run, Manifest]]:
    """Every run that can be read, those of ``judge try`` included."""
    for path in (*runs_dir.glob("*/run.json"), *runs_dir.glob(".try/*/*/run.json")):
        try:
            run = Run(path.parent.name, path.parent.parent)
            manifest = run.manifest()
        except UsageError:
            continue
        if manifest is not None:
            yield run, manifest


def _version(name: str, runs: Sequence[tuple[Run, Manifest]], labels: Labels | None) -> Version:
    note = runs[0][1].graders[name]
    transcripts = [int(manifest.dataset.get("transcripts", 0)) for _, manifest in runs]
    costs = [manifest.cost_usd for _, manifest in runs]
    known = None if None in costs or not sum(transcripts) else sum(c or 0.0 for c in costs) / sum(transcripts)
    failed = sum(
        n for _, manifest in runs for what, n in manifest.counts.get(name, {}).items() if what.startswith("(")
    )
    return Version(
        name,
        note.version,
        note.sha256,
        runs[0][1].model,
        min(manifest.started for _, manifest in runs),
        max(manifest.ended or manifest.started for _, manifest in runs),
        tuple(str(run.folder) for run, _ in runs),
        max(transcripts),
        failed,
        known,
        _kappa(name, [run for run, _ in runs], labels),
    )


def _kappa(name: str, runs: Sequence[Run], labels: Labels | None) -> Estimate | None:
    """Kappa of the run with most labelled items; None where no run has any, or the labels are of another rubric."""
    measured = [found for run in runs if labels and (found := _kappa_of(name, run, labels))]
    return max(measured, key=lambda found: found.n, default=None)


def _kappa_of(name: str, run: Run, labels: Labels) -> Estimate | None:
    try:
        ratings, reference = read([run], labels)
        judge = side(ratings.judges[0], reference, name)
        own = next(iter(pairs(ratings, judge, judge, reference)), None)
    except JudgeError:
        return None
    if own is None or not len(own) or not own.primary or own.facet.multilabel:
        return None
    trio = own.trio()
    return kappa(confusion(trio.human, trio.first, trio.labels, own.design))


def kept(name: str, runs_dir: Path, sha256: str) -> Grader | None:
    """A version's rubric as a run kept it, by the beginning of its hash."""
    for run, manifest in found_runs(runs_dir):
        if name in manifest.graders and manifest.graders[name].sha256.startswith(sha256):
            return run.grader(name)
    return None
