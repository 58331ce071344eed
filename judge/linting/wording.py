"""Checks of names and words: labels that nobody declared, labels without a definition or a boundary, forbidden inference."""

import re
from collections.abc import Iterator
from pathlib import Path

from judge.grader import Facet, Grader
from judge.linting import Finding
from judge.linting.places import Places

NULLS = ("indeterminate", "not_assessable")
_KNOWN_NULLS = frozenset({*NULLS, "not_applicable", "unparseable", "absent", "none"})
_CONTRACT = frozenset(
    {"rationale", "evidence", "labels", "label", "facet", "message", "quote", "supports", "reasoning", "text"}
    | {
        "tool_call",
        "tool_result",
        "reasoning_summary",
        "redacted_reasoning",
        "system",
        "user",
        "assistant",
        "tool",
    }
)
_NAMED = re.compile(r"`([+-]?[a-z][a-z0-9_]*)`")
_CONTRAST = re.compile(
    r"\b(not|no|never|nothing|without|only|rather|unless|except|beyond|but|however|whatever|cannot|also)\b",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"\b(not|never|no|cannot|nothing|without|neither|nor|nobody)\b|n't\b|\brather than\b", re.IGNORECASE
)
_MOTIVE = r"(?:motives?|motivations?|intent|intentions?|goals?|aims?|desires?|beliefs?)"
_FORBIDDEN = re.compile(
    "|".join(
        [
            rf"\b(?:true|real|actual|underlying|hidden|secret|genuine|inner) {_MOTIVE}\b",
            r"\b(?:really|truly|actually|secretly|deep down) (?:wants?|wanted|believes?|intends?|intended|cares?|aims?|meant)\b",
            r"\bbecause (?:it|the (?:model|assistant|AI)) (?:\w+ly )?(?:wants?|wanted|desires?|fears?|feared|likes?|cares?)\b",
            r"\b(?:must|probably|likely) (?:have )?(?:wanted|intended|been motivated|been trying)\b",
            r"\b(?:caused|driven|motivated) by (?:a |an |its |the )?(?:desire|wish|fear|urge|drive|greed)\b",
            rf"\b(?:infer|deduce|guess|read off) (?:the |its |what |a |any )?(?:model's |assistant's )?{_MOTIVE}\b",
        ]
    ),
    re.IGNORECASE,
)
_TODO = re.compile(r"\bTODO\b.*")
_SHORT = 3


def undefined(places: Places) -> Iterator[Finding]:
    """Labels that the body names and the header does not declare. A null that is missing is an error, a name a warning."""
    grader = places.grader
    known = _names(grader)
    primary = grader.facets[grader.primary]
    seen: set[tuple[Path, str]] = set()
    for passage in places.search(_NAMED):
        name = passage.text.strip("`")
        # The shared part on nulls speaks of the primary facet, whatever others declare.
        declared = set(primary.vocabulary) if passage.path.name == "_nulls.jinja" else known
        if name in declared or (passage.path, name) in seen:
            continue
        seen.add((passage.path, name))
        if name in _KNOWN_NULLS:
            where = "" if passage.path == places.path else f", which {places.path.name} includes,"
            whose = f"the primary facet {primary.name}" if declared is not known else "no facet"
            verb = "does not declare" if declared is not known else "declares"
            what = f"the text{where} tells the judge of `{name}`, which {whose} {verb}: an answer of it would fail"
            yield Finding(passage.path, passage.line, "error", "undefined-label", what)
        elif passage.path == places.path:
            what = f"`{name}` is no label, facet or field that this grader declares"
            yield Finding(passage.path, passage.line, "warning", "undefined-name", what)


def _names(grader: Grader) -> set[str]:
    labels = {label for facet in grader.facets.values() for label in facet.vocabulary}
    return (
        labels
        | set(grader.facets)
        | set(grader.derived)
        | {grader.name, *grader.view.context, *grader.view.metadata}
        | _CONTRACT
    )


def definitions(places: Places) -> Iterator[Finding]:
    """Labels that are not defined, or of which nothing says where they end."""
    named = {passage.text.strip("`") for passage in places.search(_NAMED)}
    for facet in places.grader.facets.values():
        for label, meaning in (facet.labels | facet.nulls).items():
            kind = "labels" if label in facet.labels else "nulls"
            line = places.line("facets", facet.name, kind, label)
            if not meaning.strip():
                yield Finding(
                    places.path, line, "error", "no-definition", f"{facet.name}: {label} has no definition"
                )
            elif _says_nothing(label, meaning):
                what = f"{facet.name}: {label} is hardly defined: {meaning!r}"
                yield Finding(places.path, line, "warning", "thin-definition", what)
            of_primary = facet.name == places.grader.primary and kind == "labels"
            if of_primary and meaning.strip() and label not in named and not _CONTRAST.search(meaning):
                what = f"nothing says where {label} ends: no look-alike, ruling or exclusion names it"
                yield Finding(places.path, line, "warning", "no-boundary", what)


def _says_nothing(label: str, meaning: str) -> bool:
    words = re.findall(r"\w+", meaning.lower())
    return set(words) <= set(label.split("_")) or (len(words) < _SHORT and not _is_number(label))


def _is_number(label: str) -> bool:
    return label.lstrip("+-").isdecimal()


def nulls(places: Places) -> Iterator[Finding]:
    """Answers that are missing for what cannot be told, or is not to be seen."""
    grader = places.grader
    for facet in grader.facets.values():
        line = places.line("facets", facet.name, "nulls")
        if facet.name == grader.primary:
            for name in NULLS:
                if name not in facet.vocabulary:
                    what = f"{facet.name} has no {name}: a judge would have to guess where it should say so"
                    yield Finding(places.path, line, "warning", "null-missing", what)
        elif not facet.nulls and not _has_a_way_out(facet):
            what = f"{facet.name} has no null and no label for nothing there: a judge would have to guess"
            yield Finding(places.path, line, "warning", "null-missing", what)


def _has_a_way_out(facet: Facet) -> bool:
    return any(
        re.match(r"(none|no|not_\w+|absent|other|neither|never|unclear|silent)$|.*_none$|^0$", label)
        for label in facet.labels
    )


def undecided(places: Places) -> Iterator[Finding]:
    """What the skeleton left to the author and is still to be decided."""
    for passage in places.search(_TODO, header=True):
        if passage.path == places.path:
            yield Finding(
                passage.path, passage.line, "warning", "todo", f"to be decided: {passage.text[:60]}"
            )


def forbidden(places: Places) -> Iterator[Finding]:
    """Words that ask a judge to see causes. A label is about what a text says; why a model did it cannot be read off one."""
    for passage in places.search(_FORBIDDEN, header=True):
        if not _NEGATED.search(passage.sentence):
            what = f"{passage.text!r} asks for a cause that no transcript shows: say what the text must contain instead"
            yield Finding(passage.path, passage.line, "warning", "infers-cause", what)
