"""Which numbers of a calibration stand in which drawing, and in what order."""

from judge.calibration.calibrate import FacetCalibration
from judge.calibration.pair import LabelRow
from judge.calibration.subgroups import Subgroups
from judge.report import words
from judge.report.figures import Dot


def agreement(facet: FacetCalibration) -> list[list[Dot]]:
    """The judge's coefficients; the ceiling; the baselines by the first of the judge's coefficients beside agreement."""
    pair = facet.judge
    shown = {words.name(name): value for name, value in pair.with_nulls.coefficients.items()}
    if pair.on_scale is not None:
        shown |= {
            f"{words.name(name)}, on scale": value
            for name, value in pair.on_scale.coefficients.items()
            if name not in ("agreement", "kappa_linear")
        }
    groups = [[Dot(name, value, "judge") for name, value in shown.items()]]
    for found in facet.among.ceilings if facet.among else ():
        name = words.name(found.coefficient)
        groups.append(
            [
                Dot(f"{name}, annotators", found.pairs.human, "people"),
                Dot(f"{name}, judge with each", found.pairs.judge, "people", hollow=True),
            ]
        )
    main = main_figure(facet)
    groups.append(
        [Dot(f"{words.name(main)}, {one.name}", one.coefficients[main], "floor") for one in facet.baselines]
    )
    return [group for group in groups if group]


def main_figure(facet: FacetCalibration) -> str:
    """The coefficient by which judge, ceiling and baselines are compared."""
    return "alpha_jaccard" if facet.about.scale == "multilabel" else "kappa"


def labels(facet: FacetCalibration) -> list[list[Dot]]:
    """Recall and precision of each label that occurs."""
    return [
        [
            Dot(f"{row.label} ({row.support})", row.recall, "judge"),
            Dot("precision", row.precision, "judge", hollow=True),
        ]
        for row in facet.judge.labels
        if row.support or row.given
    ]


def groups(found: Subgroups) -> list[list[Dot]]:
    """Agreement in each group."""
    return [[Dot(f"{group.name} ({group.items})", group.agreement, "judge") for group in found.groups]]


def weakest(facet: FacetCalibration) -> LabelRow | None:
    """The label with the lowest recall, of those that the reference gave."""
    rows = [row for row in facet.judge.labels if row.support and row.recall.value is not None]
    return min(rows, key=lambda row: (row.recall.value or 0.0, row.recall.low or 0.0), default=None)
