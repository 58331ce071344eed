"""Which run shows how good a judge is: the one in which the same judge, with the same rubric, labelled the hand-labelled set."""

from collections.abc import Collection, Iterator
from pathlib import Path

from judge.errors import UsageError
from judge.ratings import Rater
from judge.runs import Manifest, Run

ENOUGH = 0.99
"""A run that holds so much of a set is not looked past."""


def differences(first: Manifest, second: Manifest, grader: str) -> tuple[str, ...]:
    """In which respects two runs used another judge for a grader: model, settings, rubric. Empty where it was the same."""
    before, after = first.settings, second.settings
    found = [key for key in before if before[key] != after[key]]
    rubrics = [manifest.graders.get(grader) for manifest in (first, second)]
    if rubrics[0] is None or rubrics[1] is None or rubrics[0].sha256 != rubrics[1].sha256:
        found.append("rubric")
    return tuple(found)


def measured_in(rater: Rater, grader: str, items: Collection[str], folders: Collection[Path]) -> Run:
    """The run of the same judge that holds most of these transcripts; the judge's own run if that is it.

    Raises UsageError, saying how to make one, where there is none.

    Args:
        rater: The judge whose rates are asked for.
        grader: Which of its rubrics.
        items: The labelled transcripts' ids.
        folders: Where to look for runs.
    """
    best: tuple[int, Run] | None = None
    for run in _candidates(rater, grader, folders):
        held = len({record.transcript_id for record in run.records()} & set(items))
        if held and (best is None or held > best[0]):
            best = held, run
        if held >= ENOUGH * len(items):
            break
    if best is not None:
        return best[1]
    model = rater.manifest.model if rater.manifest else "MODEL"
    raise UsageError(
        f"no run holds this judge's answers on the hand-labelled set, so its errors in {grader} are unknown",
        where=", ".join(str(folder) for folder in folders),
        expected=f"a run of {model} with the same settings and the same version of {grader} over the set",
        do=f"judge label SET --grader {grader} --model {model} --run NAME with the options of {rater.name}, or name "
        "the run with --calibration-run",
    )


def _candidates(rater: Rater, grader: str, folders: Collection[Path]) -> Iterator[Run]:
    """Runs of the same judge, small ones first: a set is smaller than what a judge is used on."""
    if rater.manifest is None:
        return
    seen: dict[Path, tuple[int, Run]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*/run.json")):
            run = Run(path.parent.name, folder)
            manifest = run.manifest()
            if manifest is None or differences(rater.manifest, manifest, grader):
                continue
            if run.records_path.exists():
                seen[run.folder.resolve()] = int(manifest.dataset.get("transcripts") or 0), run
    yield from (run for _, run in sorted(seen.values(), key=lambda found: found[0]))
