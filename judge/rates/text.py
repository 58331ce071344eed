"""A report of rates as sections: one table of groups, one of changes, and what stands behind each number."""

from collections.abc import Iterator

from judge.estimate import Estimate
from judge.rates.accuracy import Accuracy
from judge.rates.change import Change
from judge.rates.prevalence import GroupRate, View, unconfirmed
from judge.rates.report import Report
from judge.rates.sections import Section, number, p_value, percent, shown
from judge.stats.choose import Choice
from judge.stats.reasons import merge

_ESTIMATORS = {
    "ppi": "PPI++",
    "two_phase": "two-phase",
    "stratified": "stratified",
    "confirmed_over_sensitivity": "confirmed / Se",
    "lee": "Lee et al.",
    "none": "refused",
}
_AGREE = {True: "yes", False: "no", None: "cannot tell"}
_HEADLINE = ("group", "n", "flagged", "corrected prevalence", "says")
_BEHIND = ("group", "answered", "floor", "ceiling", "corrected by", "checked", "clusters")


def sections(found: Report) -> Iterator[Section]:
    """The whole report, the headline table first."""
    yield Section(f"{found.question}: {_judges(found)}", notes=_reading(found))
    yield _table("Rates, of all transcripts", [(group, group.overall) for group in found.groups], "overall")
    applicable = [(group, group.applicable) for group in found.groups if group.applicable is not None]
    if applicable:
        yield _table("Rates, of the transcripts in which the question arises", applicable, "applicable")
    if found.changes:
        yield _changes(found)
    yield _behind(found)
    yield _outcomes(found)
    if found.accuracy:
        yield _accuracy(found)
    if found.core:
        yield _core(found)
    curve = [group for group in found.groups if group.overall.choice.curve]
    if curve:
        yield _curve(curve)
    yield _why(found)


def _judges(found: Report) -> str:
    by = f", by {found.by}" if found.by else ""
    return ", ".join(f"run {run}, judge {model or 'unknown'}" for run, model in found.judges.items()) + by


def _reading(found: Report) -> tuple[str, ...]:
    words = (
        "words: detected, reduced, below threshold, not resolved; what was not found is bounded, never absent"
    )
    threshold = f"threshold {number(found.threshold)}" if found.threshold else "no threshold was set"
    counted = f"counted: {', '.join(found.labels)}; intervals at {found.level:.0%}; {threshold}"
    return (counted, words, *found.warnings)


def _table(title: str, rows: list[tuple[GroupRate, View]], key: str) -> Section:
    return Section(title, _HEADLINE, tuple(_row(group, view) for group, view in rows), key=key)


def _row(group: GroupRate, view: View) -> tuple[str, ...]:
    return group.name, str(view.n), shown(view.flagged), corrected(view.choice), view.word


def _behind(found: Report) -> Section:
    rows = tuple(_support(group, group.overall) for group in found.groups)
    return Section("What the rates rest on", _BEHIND, rows)


def _support(group: GroupRate, view: View) -> tuple[str, ...]:
    choice, flags = view.choice, view.flags
    audited = f", {flags.audited.items} unflagged" if flags.audited is not None else ""
    return (
        group.name,
        percent(view.coverage.value),
        shown(choice.floor) if choice.floor.value is not None else "",
        number(choice.ceiling.high),
        _ESTIMATORS[choice.estimator],
        f"{flags.confirmed.items} flagged{audited}" if flags.confirmed.items or audited else "nothing",
        str(group.clusters),
    )


def corrected(choice: Choice) -> str:
    """The corrected prevalence, or the codes of the reasons for which there is none."""
    if choice.estimate.high is None and choice.estimate.value is None:
        codes = dict.fromkeys(warning.partition(":")[0] for warning in choice.reasons)
        return f"none: {', '.join(codes)}"
    return shown(choice.estimate)


def _changes(found: Report) -> Section:
    return Section(
        f"Against {found.changes[0].against}",
        ("group", "ratio", "of", "tipping point", "p (Holm)", "says", "ratio of flag rates"),
        tuple(_change(change) for change in found.changes),
        notes=(
            f"comparisons: {len(found.changes)}; reduced needs a tipping point below {found.sensitivity_floor:g}",
            "tipping point: the sensitivity here over that there at which nothing is left of the drop",
            *merge(*(change.ratio.estimate.warnings for change in found.changes)),
        ),
        key="changes",
    )


def _change(change: Change) -> tuple[str, ...]:
    return (
        change.group,
        shown(change.ratio.estimate),
        change.what,
        number(change.ratio.tipping_point),
        p_value(change.p_adjusted),
        change.word,
        shown(change.flagged.estimate),
    )


def _outcomes(found: Report) -> Section:
    rows = tuple(
        (
            group.name,
            ", ".join(f"{name} {number}" for name, number in group.outcomes.items()),
            shown(group.overall.bounds.answered),
            shown(group.overall.bounds.envelope),
        )
        for group in found.groups
    )
    failures = any(name.startswith("(") for group in found.groups for name in group.outcomes)
    return Section(
        "Answers",
        ("group", "answers", "flagged, nulls left out", "whatever nulls and failures hide"),
        rows,
        notes=("in brackets: failures, which are no labels",) if failures else (),
    )


def _accuracy(found: Report) -> Section:
    rows = tuple(
        (
            name,
            own.run,
            shown(own.sensitivity),
            str(own.found.found.items),
            shown(own.specificity),
            str(own.failed),
        )
        for whole in found.accuracy
        for name, own in (("all", whole), *whole.groups.items())
    )
    names = merge(*((f"measured on {own.name}",) for own in found.accuracy))
    columns = ("group", "run", "sensitivity", "positives", "specificity", "no answer")
    return Section("Accuracy of the judge", columns, rows, notes=(*names, *_transport(found.accuracy)))


def _transport(found: tuple[Accuracy, ...]) -> tuple[str, ...]:
    return merge(*((*own.warnings, *own.found.warnings) for own in found))


def _core(found: Report) -> Section:
    rows = tuple(
        (run, shown(core.core), str(core.core.n), shown(core.whole), str(core.whole.n), _AGREE[core.agree])
        for run, core in found.core.items()
    )
    columns = ("run", "random core", "labels", "whole batch", "labels", "agree")
    return Section("Do the random core and the adaptive part of the labels agree?", columns, rows)


def _curve(groups: list[GroupRate]) -> Section:
    values = [f"Se {se:g}" for se, _ in groups[0].overall.choice.curve]
    rows = tuple(
        (group.name, *(_brief(found) for _, found in group.overall.choice.curve)) for group in groups
    )
    return Section("Prevalence if the sensitivity were", ("group", *values), rows, key="curve")


def _brief(found: Estimate) -> str:
    return number(found.value) if found.value is not None else shown(found)


def _why(found: Report) -> Section:
    """The reasons behind each group's estimate, once for all groups that share one."""
    told = merge(*((*own.warnings, *own.found.warnings) for own in found.accuracy))
    lines: dict[str, list[str]] = {}
    for group in found.groups:
        view = group.overall
        for text in merge(view.choice.reasons, group.warnings, unconfirmed(view), _hidden(view)):
            if text not in told:
                lines.setdefault(text, []).append(group.name)
    everyone = len(found.groups)
    notes = tuple(
        text if len(names) == everyone else f"{', '.join(names)}: {text}" for text, names in lines.items()
    )
    return Section("Why these numbers", notes=notes + _next(found))


def _next(found: Report) -> tuple[str, ...]:
    """What would make the numbers say more."""
    advice: tuple[str, ...] = ()
    runs = " ".join(found.judges)
    if any(unconfirmed(group.overall) for group in found.groups):
        advice += (
            f"next: judge select {runs} draws transcripts to label; judge rate ... --confirmed reads them",
        )
    if not found.accuracy:
        advice += ("next: --calibrated-on SET brings the judge's misses from a hand-labelled set",)
    return advice


def _hidden(view: View) -> tuple[str, ...]:
    if view.envelope is None:
        return ()
    return (f"with unanswered transcripts negative, or all positive: {shown(view.envelope)}",)
