"""Thresholds, and whether a calibration clears them: by the limit of the interval that is worse for the judge, never by the estimate."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from judge.calibration.about import FacetNote
from judge.calibration.outcomes import Coverage
from judge.calibration.pair import Pair
from judge.errors import UsageError
from judge.estimate import Estimate
from judge.grader.gates import Gate


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate. ``limit`` is the end of the interval that was held against it; ``short``: by how much it misses, else 0.

    A figure without an interval clears no gate: then ``limit`` and ``short`` are None, and ``estimate`` says why.
    """

    gate: str
    facet: str
    passed: bool
    limit: float | None
    short: float | None
    estimate: Estimate


def figures(pair: Pair, coverage: Coverage) -> dict[str, Estimate]:
    """Everything of a facet that a gate may name, by name.

    Where items were not answered, recall and agreement count them as misses: a judge must not pass by refusing what is hard.
    Coefficients are among the answered; gate ``invalid`` beside them.
    """
    found = dict(pair.with_nulls.coefficients)
    if pair.on_scale is not None:
        inside = pair.on_scale.coefficients
        found |= {name: value for name, value in inside.items() if name not in found}
        found |= {f"on_scale.{name}": value for name, value in inside.items()}
    found["macro_f1"] = pair.macro_f1
    if pair.micro is not None:
        found["micro_f1"] = pair.micro.f1
    for row in pair.labels:
        found |= {
            f"precision.{row.label}": row.precision,
            f"recall.{row.label}": row.recall,
            f"f1.{row.label}": row.f1,
        }
        if row.specificity is not None:
            found[f"specificity.{row.label}"] = row.specificity
    for label in coverage.labels:
        if (label.answered.value or 0) < 1:
            found[f"recall.{label.label}"] = label.recall.lowest
    if (coverage.overall.answered.value or 0) < 1:
        found["agreement"] = coverage.agreement.lowest
    return found | {"answered": coverage.overall.answered, "invalid": coverage.overall.invalid}


def held(gates: Iterable[Gate], about: FacetNote, known: dict[str, Estimate]) -> Iterator[GateResult]:
    """The results of those gates that speak of this facet. Raises UsageError for a figure that it has not."""
    for gate in gates:
        if not gate.about(about.facet, primary=about.primary):
            continue
        if gate.figure not in known:
            raise UsageError(
                f"{about.name} has no figure {gate.figure!r}",
                found=str(gate),
                expected=f"one of {', '.join(known)}",
            )
        estimate = known[gate.figure]
        limit = estimate.low if gate.at_least else estimate.high
        short = (
            None
            if limit is None
            else max(0.0, gate.threshold - limit if gate.at_least else limit - gate.threshold)
        )
        yield GateResult(str(gate), about.name, short == 0, limit, short, estimate)
