"""How far annotators agree, for each facet: raw agreement and Cohen's kappa, with intervals over whole clusters.

Labels are compared as they stand, nulls being answers like others. Where a facet takes several labels, two answers agree if
they are equal as sets. With more than two annotators every pair is shown; no average hides the odd one out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

from judge.estimate import Estimate
from judge.grader import Facet
from judge.records import Annotation
from judge.stats.agreement import kappa, raw_agreement
from judge.stats.tables import Design, confusion

Labels = Mapping[str, Mapping[str, Annotation]]
"""Transcript id to facet to label."""


def agreement(
    facets: Sequence[Facet], by_annotator: Mapping[str, Labels], clusters: Mapping[str, str]
) -> list[dict[str, Any]]:
    """One row for each facet and pair of annotators that both answered it.

    Args:
        facets: The questions.
        by_annotator: Annotator to their labels.
        clusters: Transcript id to what it shares a scenario with; only these transcripts are compared.
    """
    rows = []
    for facet in facets:
        for first, second in combinations(by_annotator, 2):
            row = _row(facet, by_annotator[first], by_annotator[second], clusters)
            if row is not None:
                rows.append({"facet": facet.name, "annotators": [first, second], **row})
    return rows


def _row(facet: Facet, first: Labels, second: Labels, clusters: Mapping[str, str]) -> dict[str, Any] | None:
    both = [
        name for name in clusters if facet.name in first.get(name, {}) and facet.name in second.get(name, {})
    ]
    if not both:
        return None
    pairs = [(_key(first[name][facet.name]), _key(second[name][facet.name])) for name in both]
    codes = {label: code for code, label in enumerate(sorted({label for pair in pairs for label in pair}))}
    design = Design(
        clusters=[clusters[name] for name in both],
        weights=[1 / first[name][facet.name].inclusion_probability for name in both],
    )
    table = confusion([codes[a] for a, _ in pairs], [codes[b] for _, b in pairs], max(len(codes), 2), design)
    return {
        "n": len(both),
        "differ": sum(a != b for a, b in pairs),
        "raw": _plain(raw_agreement(table)),
        "kappa": _plain(kappa(table)),
    }


def _key(annotation: Annotation) -> str:
    return annotation.label if isinstance(annotation.label, str) else "+".join(sorted(annotation.label))


def _plain(estimate: Estimate) -> dict[str, Any]:
    return asdict(estimate) | {"text": str(estimate)}
