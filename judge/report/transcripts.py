"""Full transcripts with the words marked that raters cite, each mark an anchor.

Offsets are those of the message's own text; everything between two marks is cleaned and escaped by itself, so that hostile
text can neither break a mark nor act.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from judge.calibration.disagreements import Span
from judge.report import page
from judge.transcript import Message, Transcript

ABSENT = "(removed from the transcript)"


@dataclass(frozen=True, slots=True)
class Mark:
    """A cited span, whose it is (``reference`` or ``judge``: a class of the style sheet), and its anchor."""

    span: Span
    side: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One message ready to print."""

    id: str
    turn: int
    role: str
    channel: str
    tool: str
    text: Markup


def shown(transcript: Transcript, marks: Sequence[Mark]) -> list[Shown]:
    """Every message of a transcript, its marks in place. A span that does not lie where it says is not marked."""
    return [
        Shown(m.id, m.turn, m.role, m.channel, m.tool or "", _text(m, [k for k in marks if _holds(m, k)]))
        for m in transcript.messages
    ]


def found(transcript: Transcript, mark: Mark) -> bool:
    """Whether the cited words are where the span says, so that its anchor exists."""
    return any(_holds(message, mark) for message in transcript.messages)


def _holds(message: Message, mark: Mark) -> bool:
    span = mark.span
    return span.message_id == message.id and message.text[span.start : span.end] == span.quote != ""


def _text(message: Message, marks: Sequence[Mark]) -> Markup:
    if not message.text:
        return Markup("<em>{}</em>").format(ABSENT)
    edges = sorted({0, len(message.text), *(e for m in marks for e in (m.span.start, m.span.end))})
    parts = []
    for start, end in pairwise(edges):
        inside = page.text(message.text[start:end])
        over = [m for m in marks if m.span.start <= start and end <= m.span.end]
        parts.append(_marked(inside, over, [m for m in over if m.span.start == start]) if over else inside)
    return Markup().join(parts)


def _marked(inside: Markup, over: Iterable[Mark], beginning: Sequence[Mark]) -> Markup:
    """One stretch of text under one or more marks; marks that begin here leave their anchors."""
    anchors = Markup().join(Markup('<a id="{}"></a>').format(m.anchor) for m in beginning)
    sides = " ".join(sorted({m.side for m in over}))
    return Markup('{}<mark class="{}">{}</mark>').format(anchors, sides, inside)
