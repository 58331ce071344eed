"""A calibration as Markdown: tables and sentences, for a pull request, a notebook or a diff."""

from collections.abc import Iterator, Sequence

from judge.calibration.calibrate import Calibration, FacetCalibration
from judge.report import drawings, sentences, words
from judge.visible import clean

_SPECIAL = str.maketrans({c: f"\\{c}" for c in "\\`*_[]<>!|~$&"})


def text(raw: str) -> str:
    r"""A stranger's words on one line, nothing of them markup.

    >>> text("<b>| a_b\nc")
    '\\<b\\>\\| a\\_b c'
    """
    return " ".join(clean(raw).split()).translate(_SPECIAL)


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table; the cells are Markdown already."""
    yield f"| {' | '.join(heading)} |"
    yield f"|{'---|' * len(heading)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def calibration(found: Calibration) -> str:
    """The whole report; the texts of the disagreements are in the HTML report only."""
    lines = [f"# Calibration of {text(found.run)} on {text(found.setting.set)}", ""]
    lines += [*(f"{text(line)}  " for line in sentences.head(found)), ""]
    lines += [*_warnings(found.warnings)]
    for facet in found.facets:
        lines += _facet(facet)
    lines.append(
        f"Intervals at {words.share(found.level)}, {found.replicates} replicates, seed {found.seed}; transcripts of one "
        f"{text(found.cluster_key)} are resampled together."
    )
    return "\n".join(lines) + "\n"


def _warnings(told: Sequence[str]) -> Iterator[str]:
    for warning in told:
        code, said = words.code_and_words(warning)
        yield f"- `{code}`: {text(said)}"
    if told:
        yield ""


def _facet(facet: FacetCalibration) -> Iterator[str]:
    yield f"## {text(facet.about.name)}"
    yield ""
    yield f"{text(facet.about.question)}  "
    yield f"{facet.items} transcripts in {facet.clusters} clusters."
    yield ""
    yield from _warnings(facet.warnings)
    for result in facet.gates:
        yield f"- {'' if result.passed else '**'}{text(sentences.gate(result))}{'' if result.passed else '**'}"
    if facet.gates:
        yield ""
    if facet.judge.items:
        yield from _figures(facet)
    told = [*sentences.coverage(facet.coverage), *sentences.confidence(facet)]
    told += [sentences.repeats(facet.repeats)] if facet.repeats else []
    yield from (f"- {text(line)}" for line in told)
    yield ""
    yield from _rest(facet)


def _figures(facet: FacetCalibration) -> Iterator[str]:
    yield from _agreement(facet)
    yield from _matrix(facet)
    yield from table(
        ("label", "reference", "judge", "recall", "precision", "F1"),
        [
            (text(r.label), str(r.support), str(r.given), words.estimate(r.recall), words.estimate(r.precision), words.estimate(r.f1))
            for r in (*facet.judge.labels, *([facet.judge.micro] if facet.judge.micro else []))
        ],
    )  # fmt: skip
    yield f"Macro F1 {words.estimate(facet.judge.macro_f1)}."
    yield ""


def _agreement(facet: FacetCalibration) -> Iterator[str]:
    rows = []
    for name, view in (("nulls as labels", facet.judge.with_nulls), ("on the scale", facet.judge.on_scale)):
        if view is not None:
            rows += [
                (words.name(f), name, str(view.items), words.estimate(v))
                for f, v in view.coefficients.items()
            ]
    yield from table(("figure", "reading", "n", "judge"), rows)
    yield from (f"- {text(line)}" for line in sentences.ceiling(facet))
    yield ""
    main = drawings.main_figure(facet)
    yield from table(
        ("a grader that cannot read", words.name(main), "lead of the judge in agreement", ""),
        [
            (text(b.name), words.estimate(b.coefficients[main]), words.estimate(b.lead), "" if b.beaten else "**not clearly beaten**")
            for b in facet.baselines
        ],
    )  # fmt: skip


def _matrix(facet: FacetCalibration) -> Iterator[str]:
    pair = facet.judge
    if not pair.matrix:
        return
    lost = sentences.lost(facet)
    heading = [f"{text(pair.first)} ↓ {text(pair.second)} →", *(text(r.label) for r in pair.labels)]
    heading += [text(name) for name, _ in lost]
    rows = [
        [text(r.label), *map(str, pair.matrix[at]), *(str(column[at]) for _, column in lost)]
        for at, r in enumerate(pair.labels)
    ]
    yield from table(heading, rows)


def _rest(facet: FacetCalibration) -> Iterator[str]:
    for group in facet.subgroups:
        yield from table(
            (text(group.key), "n", "answered", "agreement", "kappa"),
            [
                (text(g.name), str(g.items), words.share(g.answered.value), words.estimate(g.agreement), words.estimate(g.kappa))
                for g in group.groups
            ],
        )  # fmt: skip
        yield from (f"- {text(line)}" for line in sentences.differential(group))
        yield ""
    if facet.disagreements:
        yield from table(
            ("disagreement", text(facet.reference), text(facet.judge.second)),
            [
                (text(d.transcript_id), text(d.reference.label), text(d.judge.label))
                for d in facet.disagreements
            ],
        )
    yield from _warnings(words.reasons(sentences.estimates(facet)))
