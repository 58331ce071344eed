"""What a calibration says, in sentences: the same ones in the terminal, in Markdown and in HTML."""

import shlex
from collections.abc import Iterator

from judge import address
from judge.calibration.agreement import Repeats
from judge.calibration.calibrate import Calibration, FacetCalibration
from judge.calibration.gates import GateResult
from judge.calibration.outcomes import Coverage, Outcomes
from judge.calibration.people import Ceiling
from judge.calibration.subgroups import Subgroups
from judge.estimate import Estimate
from judge.report import words

SIGNIFICANT = 0.05


def opening(run: str, against: str = "") -> str:
    """The command that shows a run's transcripts, or those on which it differs from another run, at the port of the links.

    >>> opening("new", "old")
    'judge annotate runs/new --as NAME --against runs/old --port 7341'
    """
    other = f" --against {shlex.quote(f'runs/{against}')}" if against else ""
    return f"judge annotate {shlex.quote(f'runs/{run}')} --as NAME{other} --port {address.PORT}"


def head(found: Calibration) -> Iterator[str]:
    """Which run, on which set, labelled by whom, looked at how often."""
    where, judge = found.setting, found.judge
    how = ", ".join(part for part in (judge.model, where.method) if part)
    split = "" if where.set.endswith("/test") or not where.split else f" ({where.split} split)"
    yield f"run {found.run} ({how}) on {where.set}{split}"
    sample = {
        "random": "a random sample",
        "enriched": "enriched in rare labels",
        "unknown": "chosen nobody knows how",
    }
    origin = f", {where.origin}" if where.origin else ""
    yield f"{where.transcripts} transcripts{origin}, {sample[where.selection]}; reference: {reference(found)}"
    if where.looks is not None:
        yield f"sealed test split: look {where.looks} at its labels"


def reference(found: Calibration) -> str:
    """Who the labels are from, said plainly where it is a model."""
    names = sorted({facet.reference for facet in found.facets})
    of = [note for note in found.raters if note.standing in ("person", "model")]
    people = [note.name for note in of if note.standing == "person"]
    models = [f"{note.name} (a language model)" for note in of if note.standing == "model"]
    told = ", ".join([*people, *models])
    return f"{' and '.join(names)}" + (f"; annotators {told}" if told and names != [told] else "")


def ceiling(facet: FacetCalibration) -> Iterator[str]:
    """The judge among the annotators, and whether it may stand in for one."""
    among = facet.among
    if among is None:
        return
    for found in among.ceilings:
        yield _contrast(found)
    for test, how in ((among.alt_test, ""), (among.alt_test_by_class, ", all labels counting alike")):
        if test is not None and test.winning_rate is not None:
            word = "passed" if test.passed else "not passed"
            yield (
                f"alternative annotator test (epsilon {words.number(among.epsilon)}{how}): {word}, better than "
                f"{words.share(test.winning_rate)} of {len(among.annotators)} annotators; advantage "
                f"{words.estimate(test.advantage)}"
            )


def _contrast(found: Ceiling) -> str:
    pairs = found.pairs
    gap = pairs.difference
    verdict = ""
    if gap.low is not None and gap.high is not None:
        verdict = (
            "; the judge is further from them than they are from each other"
            if gap.high < 0
            else "; the judge is closer to them than they are to each other"
            if gap.low > 0
            else ""
        )
    return (
        f"ceiling, {words.name(found.coefficient)}: annotators with each other {words.estimate(pairs.human)}, judge with "
        f"them {words.estimate(pairs.judge)}, difference {words.estimate(gap)}{verdict}"
    )


def confidence(facet: FacetCalibration) -> Iterator[str]:
    """Whether stated probabilities mean anything, beside what chance alone would show."""
    found = facet.confidence
    if found is None:
        return
    yield (
        f"confidence: ECE {words.number(found.ece.value)} (a perfectly calibrated judge would show "
        f"{words.number(found.ece.null_mean)}, up to {words.number(found.ece.null_95)}), Brier "
        f"{words.estimate(found.brier)}, AUROC {words.estimate(found.auroc)}"
    )


def differential(found: Subgroups) -> Iterator[str]:
    """Which errors differ between groups, out of how many tests, and what could still hide."""
    tested = [test for test in found.tests if test.p_adjusted is not None]
    if not tested:
        yield f"unequal errors by {found.key}: no group is large enough to test"
        return
    unequal = [t for t in tested if t.p_adjusted is not None and t.p_adjusted < SIGNIFICANT]
    number = f"{len(tested)} test" + ("s" if len(tested) > 1 else "")
    for test in unequal:
        yield (
            f"unequal errors by {found.key}: {words.name(test.what)}, adjusted p {words.number(test.p_adjusted)} of {number}"
        )
    if not unequal:
        largest = max((t.equality.largest for t in tested if t.equality.largest is not None), default=None)
        hidden = (
            f"; differences up to {words.number(largest)} are not excluded" if largest is not None else ""
        )
        yield f"unequal errors by {found.key}: none found in {number}{hidden}"


def gate(result: GateResult) -> str:
    """One line on a gate: whether it holds, by which end of the interval, or by how much it misses."""
    name = f"{result.facet}: {result.gate}"
    if result.passed:
        return f"gate holds   {name}   ({words.estimate(result.estimate)})"
    if result.limit is None:
        why = (
            words.code_and_words(result.estimate.warnings[-1])[1]
            if result.estimate.warnings
            else "no interval"
        )
        return f"gate missed  {name}   ({words.estimate(result.estimate)}: {why})"
    end = "lower" if ">=" in result.gate else "upper"
    return (
        f"gate missed  {name}   {end} limit {words.number(result.limit)}, short by {words.number(result.short)} "
        f"(estimate {words.estimate(result.estimate)})"
    )


def gates_on_coefficients_alone(found: Calibration) -> str:
    """A judge that never finds the rare label can have a high coefficient: say so where no recall is gated."""
    for facet in found.facets:
        if facet.gates and not any("recall." in result.gate for result in facet.gates):
            return f"{facet.about.name} has no gate on a recall: a judge that misses a rare label altogether can clear the rest"
    return ""


def lost(facet: FacetCalibration) -> list[tuple[str, list[int]]]:
    """For each way in which the judge gave no label, how many items of each reference label it befell."""
    by_label = {row.label: row.counts for row in facet.coverage.labels}
    names = sorted(
        {n for counts in by_label.values() for n in counts if n.startswith("(") and n != "(empty set)"}
    )
    return [(n, [by_label.get(row.label, {}).get(n, 0) for row in facet.judge.labels]) for n in names]


def unanswered(found: Outcomes) -> str:
    """What a rater left without a label; empty where that is nothing."""
    none = {name: n for name, n in found.counts.items() if name.startswith("(") and name != "(empty set)"}
    if not none:
        return ""
    told = ", ".join(f"{n} {name.strip('()')}" for name, n in none.items())
    return f"{found.items - sum(none.values())} of {found.items} items labelled; {told}"


def coverage(found: Coverage) -> Iterator[str]:
    """What the judge left unanswered, and how far that could move its agreement."""
    told = unanswered(found.overall)
    if not told:
        yield f"all {found.overall.items} items answered"
        return
    yield told
    yield (
        f"agreement if all of these were wrong {words.number(found.agreement.lowest.value)}, if all were right "
        f"{words.number(found.agreement.highest.value)}"
    )


def repeats(found: Repeats) -> str:
    majority = "".join(f", majority of {k} {words.number(r)}" for k, r in found.majority.items())
    return (
        f"the judge with itself over {found.repeats} repeats: two differ {words.percent(found.flips)}, "
        f"alpha {words.estimate(found.alpha)}{majority}"
    )


def estimates(facet: FacetCalibration) -> Iterator[tuple[str, Estimate]]:
    """Every number of a facet that is shown, with its name, for the reasons behind them."""
    for where, view in (("", facet.judge.with_nulls), (", on the scale", facet.judge.on_scale)):
        for name, value in view.coefficients.items() if view else ():
            yield words.name(name) + where, value
    for row in facet.judge.labels:
        if row.support or row.given:
            yield f"recall of {row.label}", row.recall
            yield f"precision of {row.label}", row.precision
            yield f"F1 of {row.label}", row.f1
    yield words.name("macro_f1"), facet.judge.macro_f1
    if facet.coverage.overall.invalid.value:
        yield "share without an answer", facet.coverage.overall.invalid
    for found in facet.among.ceilings if facet.among else ():
        name, pairs = words.name(found.coefficient), found.pairs
        yield f"{name} of the judge with annotators", pairs.judge
        yield f"{name} of annotators with each other", pairs.human
        yield f"difference of judge and annotators in {name}", pairs.difference
    for one in facet.baselines:
        yield f"lead over {one.name}", one.lead
    if facet.among:
        yield "alternative annotator test", Estimate(None, None, None, warnings=facet.among.alt_test.warnings)
