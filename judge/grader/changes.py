"""What differs between two versions of a rubric: in the header, in words, and in the text that a judge reads, as a diff."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from judge.grader import Facet, Grader
from judge.grader.prompt import rubric_text, system_text
from judge.transcript import Message, Transcript

_SHOWN = ("_transcript.jinja", "_choice.jinja")
"""Templates of the frame that are rendered around other texts than the rubric's."""


@dataclass(frozen=True, slots=True)
class RubricDiff:
    """``header``: one sentence for each difference in meaning; ``text``: lines of a unified diff of what is sent."""

    first: str
    second: str
    header: tuple[str, ...]
    text: tuple[str, ...]

    @property
    def same_request(self) -> bool:
        """Whether a judge would be asked the same thing: then nothing has to be bought again."""
        return not self.text and not any(line.startswith("the template") for line in self.header)


def compare(first: Grader, second: Grader, context: int = 3) -> RubricDiff:
    """Compare two rubrics as they are sent, definitions of labels and output contract included."""
    names = (f"{first.name} {first.sha256[:12]}", f"{second.name} {second.sha256[:12]}")
    before, after = (f"{system_text(g)}\n\n{_rendered(g)}".splitlines() for g in (first, second))
    lines = difflib.unified_diff(before, after, *names, lineterm="", n=context)
    return RubricDiff(*names, tuple(header_changes(first, second)), tuple(lines))


def _rendered(grader: Grader) -> str:
    """The rubric as it is sent, with the name of each fact that it asks for in the fact's place."""
    known = {key: f"(the transcript's {key})" for key in (*grader.view.context, *grader.view.metadata)}
    nobody = Message(id="M1", turn=0, role="user", channel="text", text="")
    context = {key: known[key] for key in grader.view.context}
    return rubric_text(grader, Transcript(id="any", messages=(nobody,), context=context, metadata=known))


def header_changes(first: Grader, second: Grader) -> Iterator[str]:
    """What a header says otherwise, second against first. Definitions of labels are in the text, and are not repeated."""
    for name in ("version", "primary", "view", "derived", "gates"):
        before, after = getattr(first, name), getattr(second, name)
        if before != after:
            yield f"{name}: {before}, now {after}"
    for name in _SHOWN:
        if first.templates.get(name) != second.templates.get(name):
            yield f"the template {name} differs"
    for name in sorted(first.facets.keys() - second.facets.keys()):
        yield f"the facet {name} is gone"
    for name, facet in second.facets.items():
        if name in first.facets:
            yield from (f"{name}: {what}" for what in meaning_changes(first.facets[name], facet))
        else:
            yield f"the facet {name} is new"


def meaning_changes(first: Facet, second: Facet) -> Iterator[str]:
    """Changes after which a label of the two facets no longer says the same, whatever their rubrics' texts are."""
    if first.scale != second.scale:
        yield f"scale {first.scale}, now {second.scale}"
    for kind in ("labels", "nulls"):
        before, after = getattr(first, kind), getattr(second, kind)
        if gone := [label for label in before if label not in after]:
            yield f"{kind} no longer there: {', '.join(gone)}"
        if new := [label for label in after if label not in before]:
            yield f"new {kind}: {', '.join(new)}"
        kept = [label for label in before if label in after]
        if second.scale == "ordinal" and kind == "labels" and kept != [x for x in after if x in before]:
            yield f"the order of the scale was {', '.join(before)}, now {', '.join(after)}"
    if set(first.positive) != set(second.positive):
        yield f"labels that need evidence: {', '.join(first.positive) or 'none'}, now {', '.join(second.positive) or 'none'}"
    if set(first.evidence_from) != set(second.evidence_from):
        yield f"evidence from {', '.join(first.evidence_from)}, now {', '.join(second.evidence_from)}"
    if first.rule != second.rule:
        yield f"roll_up {first.rule}, now {second.rule}"
