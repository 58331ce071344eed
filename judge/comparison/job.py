"""``judge compare`` as a library call, on runs that are there: read them and the hand labels, pair, test. Buys nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from judge import looks
from judge.comparison.pairing import Side, side
from judge.comparison.report import Report, compare
from judge.errors import UsageError
from judge.eval_sets import EvalSet
from judge.grader import Grader
from judge.looks import Look
from judge.ratings import Rater, Ratings, texts
from judge.ratings.gather import gather
from judge.runs import Run


@dataclass(frozen=True)
class Labels:
    """The hand labels that judges are held against.

    Args:
        found: The set, or its sealed split.
        annotator: Whose labels; the adjudicated ones, or the only annotator's, where this is empty.
        rubrics: Rubrics at hand by name, for labels and runs that came with none.
        cluster: The metadata key by which transcripts are resampled together.
        grader: Which rubric of each run is meant, where a run used several on these facets.
    """

    found: EvalSet
    annotator: str = ""
    rubrics: Mapping[str, Grader] = field(default_factory=dict)
    cluster: str = "cluster"
    grader: str | None = None


def compare_runs(pairs: Sequence[tuple[Run, Run]], labels: Labels, seen: Sequence[Look] = ()) -> Report:
    """Compare runs in pairs, the second of each against the first.

    A look at a sealed split is written down before anything of it is read, unless the caller has done so and hands over
    the looks that it has ``seen``. Raises UsageError.
    """
    runs = list({run.folder.resolve(): run for pair in pairs for run in pair}.values())
    if labels.found.sealed and not seen:
        seen = look(labels.found, [looks.told(run) for run in runs])
    ratings, reference = read(runs, labels)
    texts.refuse_mixed(ratings)
    judges = {rater.source.resolve(): rater for rater in ratings.judges}
    sides = [
        tuple(side(judges[run.folder.resolve()], reference, labels.grader) for run in pair) for pair in pairs
    ]
    return compare(ratings, _distinct(sides), reference, seen)


def look(found: EvalSet, what: Sequence[str]) -> list[Look]:
    """Write a look down; returns all of them, this one last."""
    looks.record(found, "compare", tuple(what))
    return looks.looks(found)


def read(runs: Sequence[Run], labels: Labels) -> tuple[Ratings, Rater]:
    """Runs and hand labels as one table, and the rater that is the reference. Raises UsageError."""
    known = dict(labels.rubrics)
    for run in runs:
        manifest = run.manifest()
        for name in manifest.graders if manifest else ():
            if name not in known and (kept := run.grader(name)) is not None:
                known[name] = kept
    ratings = gather([*runs, labels.found], known, labels.cluster)
    return ratings, _reference(ratings, labels)


def _reference(ratings: Ratings, labels: Labels) -> Rater:
    people = [rater for rater in ratings.raters if rater.kind != "judge"]
    names = ", ".join(rater.name for rater in people)
    if labels.annotator:
        named = next((rater for rater in people if rater.name == labels.annotator), None)
        if named is None:
            raise UsageError(
                f"{labels.annotator!r} has labelled nothing here",
                where=str(labels.found.folder),
                expected=f"one of {names or '(nobody yet)'}",
            )
        return named
    if ratings.reference is None:
        raise UsageError(
            "several annotators, and nothing says whose labels count"
            if people
            else "nobody has labelled this set",
            where=str(labels.found.folder / "labels"),
            found=names,
            do="adjudicate them, or name one with --against" if people else "label it first",
        )
    return ratings.reference


def _distinct(sides: Sequence[tuple[Side, ...]]) -> list[tuple[Side, Side]]:
    """The same judge is the same object in every pair that it is in."""
    known: dict[tuple[str, str], Side] = {}
    return [
        (
            known.setdefault((first.rater.name, first.grader.name), first),
            known.setdefault((second.rater.name, second.grader.name), second),
        )
        for first, second in sides
    ]
