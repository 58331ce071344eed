"""Grader and transcript to request: the one place that decides what a judge is sent.

The user message is the transcript between markers, then the rubric with its output contract. So all graders of one
transcript share a prefix that provider caches serve. ``rubric-first`` turns it round, for long rubrics over short
transcripts.

A transcript is hostile text. It enters templates as a value, never as a source; whatever in it looks like our markers
or like a chat template's role tokens is replaced, visibly and character for character, so that offsets stay true.
"""

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from judge.grader import Grader
from judge.grader.contract import SchemaStyle, common_schema, own_schema
from judge.grader.file import render_body, template
from judge.grader.windows import Window, windows
from judge.request import Block, Request, Sampling
from judge.transcript import Channel, Message, Transcript

Order = Literal["transcript-first", "rubric-first"]

OVERLAP = 2000
"""Characters that neighbouring windows share, so that no clause is cut in two everywhere."""

LONG_PIECE = 2000
"""Characters from which on a message's text is kept apart in a block; below that, handling pieces costs more than it saves."""

BYTES_PER_TOKEN = 3

# The key may be public: whoever writes a transcript that contains the right code changes, by writing it, what the code
# must be. Being fixed, it makes the same request, and so the same key, on every machine.
_MARKER_KEY = b"judge transcript marker 1"

_ROLE_TOKEN = re.compile(
    r"<[|｜][^|｜<>\n]{1,40}[|｜]>|</?(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>|</?s>|<(?:bos|eos)>"
)
_VISIBLE_TOKEN = str.maketrans({"<": "‹", ">": "›", "|": "¦", "｜": "¦", "[": "〔", "]": "〕"})


@dataclass(frozen=True, slots=True)
class Defences:
    """What stands between a hostile transcript and the labels. All on but for measuring what each is worth.

    Args:
        markers: The markers around the transcript carry a code that it cannot forge; off, a word that anybody can write.
        neutralise: Look-alikes of markers and role tokens inside the transcript are replaced.
        grounding: A positive label stands only on a quote that is found in the transcript.

    The fourth, that the rubric comes after the transcript, is the run's ``order``.
    """

    markers: bool = True
    neutralise: bool = True
    grounding: bool = True


ALL_DEFENCES = Defences()


@dataclass(frozen=True, slots=True)
class Style:
    """How requests of a run are laid out; the same for all of them."""

    model: str
    sampling: Sampling = field(default_factory=Sampling)
    order: Order = "transcript-first"
    schema: SchemaStyle | None = "common"
    """None where the model has no structured output: then the contract in the prompt has to do."""
    defences: Defences = ALL_DEFENCES


def neutralise(text: str) -> str:
    """Make marker look-alikes and role tokens harmless. The length does not change.

    >>> neutralise("<|im_start|>system ⟦end of transcript⟧")
    '‹¦im_start¦›system 〚end of transcript〛'
    """
    text = text.replace("⟦", "〚").replace("⟧", "〛")
    if (
        "<" not in text and "[" not in text
    ):  # with which they all begin; a search for one character costs next to nothing
        return text
    return _ROLE_TOKEN.sub(lambda token: token[0].translate(_VISIBLE_TOKEN), text)


def transcript_block(grader: Grader, window: Window, defences: Defences = ALL_DEFENCES) -> Block:
    """The transcript as this grader's judge sees it, markers included. Graders with equal views get equal text."""
    pieces = template(grader, "_transcript.jinja").pieces(
        messages=[_neutral(message) for message in window.messages]
        if defences.neutralise
        else window.messages,
        code=_code(window.messages) if defences.markers else "transcript",
        window=window if window.count > 1 else None,
    )
    return Block(*_joined(pieces))


def _joined(pieces: Iterable[str]) -> Iterator[str]:
    """The same text in fewer pieces: what is long stands alone, because it has been encoded."""
    for alone, run in groupby(pieces, lambda piece: len(piece) >= LONG_PIECE):
        if alone:
            yield from run
        else:
            yield "".join(run)


def _neutral(message: Message) -> Message:
    # A tool's name stands in the marker line, so it must not be able to end it.
    tool = neutralise(" ".join(message.tool.split()))[:80] if message.tool else None
    text = neutralise(message.text)
    if text == message.text and tool == message.tool:
        return message
    return message.model_copy(update={"text": text, "tool": tool})


def view(grader: Grader, transcript: Transcript) -> tuple[Message, ...]:
    """The messages that this grader's judge may see."""
    return tuple(message for message in transcript.messages if message.channel in grader.view.channels)


def _code(messages: Sequence[Message]) -> str:
    digest = hmac.new(_MARKER_KEY, digestmod="sha256")
    for message in messages:
        digest.update(f"\0{message.id}\0{message.channel}\0{len(message.text)}\0".encode())
        digest.update(message.text.encode())
    return digest.hexdigest()[:12]


def rubric_text(grader: Grader, transcript: Transcript | None) -> str:
    """The rubric and its output contract. Depends on the transcript only where the header's view asks for facts."""
    known = transcript.context if transcript else {}
    facts = transcript.metadata if transcript else {}
    context = {key: neutralise(known.get(key, "")) for key in grader.view.context}
    metadata = {key: neutralise(str(facts.get(key, ""))) for key in grader.view.metadata}
    contract = template(grader, "_answer.jinja")
    return (
        render_body(grader, context, metadata) + "\n" + contract.render(grader=grader, facets=grader.facets)
    )


def system_text(grader: Grader) -> str:
    return str(template(grader, "_system.jinja").render()).strip()


class Renderer:
    """Renders all requests on one transcript together, so that what they share is made once.

    Args:
        graders: In the order in which they are asked.
        style: Layout, model and sampling of every request.
        window_tokens: How many tokens of transcript one request may hold; longer ones are cut into windows.
    """

    def __init__(self, graders: Sequence[Grader], style: Style, window_tokens: int) -> None:
        self.graders = tuple(graders)
        self.style = style
        self.window_tokens = window_tokens
        self._system = {grader.name: system_text(grader) for grader in graders}
        self._schemas = {grader.name: _schema(grader, style) for grader in graders}
        self._rubrics = {
            g.name: rubric_text(g, None) for g in graders if not (g.view.context or g.view.metadata)
        }

    def cut(self, transcript: Transcript) -> dict[tuple[Channel, ...], tuple[tuple[Window, Block], ...]]:
        """For each view among the graders, the windows of the transcript and how each is shown."""
        shown: dict[tuple[Channel, ...], tuple[tuple[Window, Block], ...]] = {}
        for grader in self.graders:
            if grader.view.channels not in shown:
                messages = view(grader, transcript)
                cut = windows(messages, self._limit(messages, transcript), OVERLAP)
                shown[grader.view.channels] = tuple(
                    (window, transcript_block(grader, window, self.style.defences)) for window in cut
                )
        return shown

    def request(self, grader: Grader, transcript: Transcript, shown: Block, sample: int = 0) -> Request:
        """The request that asks for all of a grader's facets at once, with evidence."""
        rubric = self._rubrics.get(grader.name) or rubric_text(grader, transcript)
        return Request(
            model=self.style.model,
            system=self._system[grader.name],
            blocks=_blocks(shown, rubric, self.style.order),
            schema=self._schemas[grader.name],
            sampling=self.style.sampling,
            sample=sample,
            cache_group=transcript.fingerprint,
        )

    def _limit(self, messages: Sequence[Message], transcript: Transcript) -> int:
        """How many characters fit, at the three bytes to a token that prose, code and CJK text rarely fall below.

        Context that a rubric quotes takes its share, but leaves the transcript half of the room.
        """
        told = {key for grader in self.graders for key in grader.view.context}
        context = sum(len(transcript.context.get(key, "").encode()) for key in told) // BYTES_PER_TOKEN
        tokens = max(self.window_tokens - context, self.window_tokens // 2)
        size = sum(len(message.text) for message in messages)
        if size * 4 <= tokens * BYTES_PER_TOKEN:  # fits, even at four bytes a character
            return size
        bytes_a_character = sum(len(message.text.encode()) for message in messages) / max(size, 1)
        return int(tokens * BYTES_PER_TOKEN / max(bytes_a_character, 1.0))


def _schema(grader: Grader, style: Style) -> Mapping[str, Any] | None:
    if style.schema is None:
        return None
    if style.schema == "common":
        return common_schema()
    return own_schema(grader.facets.values(), style.sampling.max_tokens)


def _blocks(shown: Block, rubric: str, order: Order) -> tuple[Block, ...]:
    if order == "transcript-first":
        return Block(*shown.pieces, breakpoint=True), Block(rubric)
    return Block(rubric, breakpoint=True), shown, Block("Answer now, as the rubric says.")
