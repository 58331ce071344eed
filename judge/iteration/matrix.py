"""``judge compare`` on prompt files: put every rubric to every model, then compare what came out.

A rubric that was tuned for one judge can break on another, so every model is compared for itself, and all of them stand in
one table. On the sealed split the look is written down before anything of it is read or sent.
"""

from dataclasses import dataclass, replace

from judge.comparison.job import Labels, compare_runs, look, read
from judge.comparison.report import Report
from judge.errors import UsageError
from judge.grader import Grader
from judge.iteration.asking import Asking
from judge.labelling.job import Result


@dataclass(frozen=True)
class Matrix:
    """Which rubrics on which models: others than the first are held against the first, on each model by itself."""

    rubrics: tuple[Grader, ...]
    models: tuple[str, ...]

    def __post_init__(self) -> None:
        hashes = [rubric.sha256 for rubric in self.rubrics]
        if len(self.rubrics) < 2 or len(set(hashes)) < len(hashes):  # noqa: PLR2004  (a comparison)
            raise UsageError(
                "there is nothing to compare",
                found=", ".join(f"{r.path.name} {r.sha256[:12]}" for r in self.rubrics),
                expected="two rubrics or more, that differ",
            )
        if len(set(self.models)) < len(self.models):
            raise UsageError("a model was named twice", found=", ".join(self.models))


@dataclass(frozen=True)
class Compared:
    """The report, and the runs that it rests on, rubrics of one model together."""

    report: Report
    results: tuple[Result, ...]

    @property
    def bought(self) -> int:
        return sum(result.manifest.bought["requests"] for result in self.results)

    @property
    def from_store(self) -> int:
        return sum(result.manifest.bought["from_store"] for result in self.results)


class Stopped(UsageError):  # noqa: N818  (a state that the same command goes on from)
    """A run did not come to its end, so there is nothing to compare yet. ``status`` is its manifest's."""

    def __init__(self, result: Result) -> None:
        self.status = result.manifest.status
        super().__init__(
            "this run did not come to its end, so nothing can be compared yet",
            where=str(result.run.folder),
            found=self.status,
            do="the same command goes on from here"
            + ("; a higher --max-cost lets it" if self.status == "budget" else ""),
        )


def compare_rubrics(matrix: Matrix, labels: Labels, asking: Asking) -> Compared:
    """Put rubrics to models, buying what was not asked before, and compare. Raises Stopped where a run was cut short."""
    seen = []
    if labels.found.sealed:
        what = [
            f"{rubric.name} {rubric.sha256[:12]} ({rubric.path.name}), {model}"
            for model in matrix.models
            for rubric in matrix.rubrics
        ]
        seen = look(labels.found, what)
    _check(matrix, labels)
    results: list[Result] = []
    pairs = []
    for model in matrix.models:
        of_model = [_asked(rubric, labels, replace(asking, model=model)) for rubric in matrix.rubrics]
        pairs += [(of_model[0].run, other.run) for other in of_model[1:]]
        results += of_model
    return Compared(compare_runs(pairs, labels, seen), tuple(results))


def _check(matrix: Matrix, labels: Labels) -> None:
    """Every rubric speaks of something that is labelled. Raises UsageError, before anything is bought."""
    known = {rubric.name: rubric for rubric in matrix.rubrics}
    _, reference = read([], replace(labels, rubrics={**labels.rubrics, **known}))
    labelled = {facet for _, facet in reference.ratings}
    for rubric in matrix.rubrics:
        if not labelled & set(rubric.facets):
            raise UsageError(
                "this rubric has none of the facets that are labelled",
                where=str(rubric.path),
                found=", ".join(rubric.facets),
                expected=f"one of {', '.join(sorted(labelled))}, of {labels.found.name}",
            )


def _asked(rubric: Grader, labels: Labels, asking: Asking) -> Result:
    result = asking.ask(rubric, labels.found)
    if result.manifest.status != "complete":
        raise Stopped(result)
    return result
