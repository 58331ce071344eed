"""Checks against what was run before: labels that judges confuse, and labels that mean something else than they did."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from judge.errors import JudgeError
from judge.eval_sets import EvalSet
from judge.grader import Facet, Grader
from judge.grader.changes import meaning_changes
from judge.linting import Finding, Severity
from judge.linting.places import Places
from judge.ratings import Ratings
from judge.ratings.gather import gather
from judge.runs import Run

FEWEST_ITEMS = 3
SHARE = 0.15
"""From so many items, and such a share of those with either label, a confusion is told of."""

Pair = tuple[str, str]


def confusions(places: Places, runs: Iterable[Run], found: EvalSet | None) -> Iterator[Finding]:
    """Pairs of labels that past judges with this vocabulary mixed up against the hand labels of the dev split."""
    if found is None or not found.annotators:
        return
    ratings = _gathered(places.grader, runs, found)
    if ratings is None or not ratings.judges or ratings.reference is None:
        return
    for facet in places.grader.facets.values():
        if not facet.multilabel:
            yield from _of_facet(places, facet, ratings)


def _gathered(grader: Grader, runs: Iterable[Run], found: EvalSet) -> Ratings | None:
    kept = []
    for run in runs:
        used = run.grader(grader.name)
        if used and all(
            name in used.facets and used.facets[name].vocabulary == facet.vocabulary
            for name, facet in grader.facets.items()
        ):
            kept.append(run)
    try:
        return gather([*kept, found], {grader.name: grader}) if kept else None
    except JudgeError:  # a set for another grader, a run half written: nothing to learn from here
        return None


def _of_facet(places: Places, facet: Facet, ratings: Ratings) -> Iterator[Finding]:
    question = (places.grader.name, facet.name)
    assert ratings.reference is not None
    human = {item: rating.value for (item, _), rating in ratings.reference.ratings.get(question, {}).items()}
    mixed: dict[Pair, set[str]] = {}
    for judge in ratings.judges:
        for (item, _), rating in judge.ratings.get(question, {}).items():
            truth, said = human.get(item), rating.value
            if isinstance(truth, str) and isinstance(said, str) and truth != said:
                mixed.setdefault((min(truth, said), max(truth, said)), set()).add(item)
    support = Counter(str(label) for label in human.values())
    for (one, other), items in sorted(mixed.items()):
        total = support[one] + support[other]
        if len(items) >= FEWEST_ITEMS and len(items) >= SHARE * total:
            kind = "labels" if other in facet.labels else "nulls"
            what = (
                f"{facet.name}: {one} and {other} were taken for each other on {len(items)} of {total} items, in "
                f"{len(ratings.judges)} runs: their definitions may overlap ({', '.join(sorted(items)[:4])})"
            )
            yield Finding(
                places.path,
                places.line("facets", facet.name, kind, other),
                "warning",
                "confused-labels",
                what,
            )


def meanings(places: Places, kept: Mapping[str, Grader]) -> Iterator[Finding]:
    """Labels that meant something else under the same version. ``kept``: rubrics by where they were used."""
    grader = places.grader
    seen: set[tuple[str, str]] = set()
    for where, before in kept.items():
        if before.sha256 == grader.sha256 or before.version != grader.version:
            continue
        for severity, keys, what in _changes(before, grader):
            if (keys[-1], what) not in seen:
                seen.add((keys[-1], what))
                text = f"{what}; in {where} it was also version {grader.version}: raise the version"
                yield Finding(places.path, places.line(*keys), severity, "meaning-changed", text)


def _changes(before: Grader, now: Grader) -> Iterator[tuple[Severity, tuple[str, ...], str]]:
    if before.primary != now.primary:
        yield "error", ("primary",), f"the primary facet was {before.primary}, now {now.primary}"
    for name in before.facets.keys() - now.facets.keys():
        yield "error", ("facets",), f"the facet {name} is gone"
    for name, facet in now.facets.items():
        earlier = before.facets.get(name)
        if earlier is None:
            continue
        for what in meaning_changes(earlier, facet):
            yield "error", ("facets", name), f"{name}: {what}"
        for label, meaning in (facet.labels | facet.nulls).items():
            if (was := (earlier.labels | earlier.nulls).get(label, meaning)) != meaning:
                kind = "labels" if label in facet.labels else "nulls"
                yield "warning", ("facets", name, kind, label), f"{name}: {label} was defined as {was!r}"
