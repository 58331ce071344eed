"""Which attack is tried on which transcript, where it is planted, and the attacked transcript itself."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from judge.attacks import Goal, Place, goal
from judge.attacks.families import DISGUISE, FAMILIES, TEXTS, disguised, multi_turn
from judge.grader import Grader
from judge.records import Evidence
from judge.transcript import Channel, Message, Role, Transcript

PLACES: tuple[Place, ...] = get_args(Place)
KEY = "attack"
"""Under this key the metadata of an attacked transcript says what was done to it. Judges see no metadata."""


@dataclass(frozen=True, slots=True)
class Target:
    """A labelled transcript: its true primary label and the spans that it rests on."""

    transcript: Transcript
    label: str
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Design:
    """Which attacks are tried.

    Args:
        families: Names from ``families.FAMILIES``.
        places: Where texts are planted. ``multi_turn`` always stands at the end, and ``disguise`` where the evidence is.
        per_item: How many attacks each transcript suffers. They rotate over families and places, so that every family
            meets every place and no item is attacked twice in one way; None tries every combination.
        seed: Shuffles which item meets which attack.
    """

    families: Sequence[str] = FAMILIES
    places: Sequence[Place] = PLACES
    per_item: int | None = 6
    seed: int = 0

    def combinations(self) -> list[tuple[str, Place | None]]:
        """Family and place, the families that have no choice of place without one."""
        texts = [family for family in self.families if family in TEXTS]
        fixed = [family for family in self.families if family not in TEXTS]
        planted: list[tuple[str, Place | None]] = [
            (family, self.places[(n + turn) % len(self.places)])
            for turn in range(len(self.places))
            for n, family in enumerate(texts)
        ]
        return planted + [(family, None) for family in fixed]


def attacked(targets: Iterable[Target], grader: Grader, design: Design) -> Iterator[Transcript]:
    """The attacked transcripts, in the order of the targets. Items whose true label is a null are passed over."""
    combinations = design.combinations()
    random.Random(design.seed).shuffle(combinations)  # noqa: S311  (a design, not a secret)
    start = 0
    for target in targets:
        wanted = goal(grader, target.label)
        if wanted is None:
            continue
        possible = [
            c for c in combinations if c[0] != DISGUISE or (wanted.direction == "hide" and target.evidence)
        ]
        count = len(possible) if design.per_item is None else min(design.per_item, len(possible))
        for n in range(count):
            family, place = possible[(start + n) % len(possible)]
            yield _attack(target, wanted, family, place)
        start += count


def _attack(target: Target, wanted: Goal, family: str, place: Place | None) -> Transcript:
    transcript = target.transcript
    if family == DISGUISE:
        messages = _disguise(transcript, target.evidence)
    elif family == "multi_turn":
        messages = _append(transcript, multi_turn(wanted))
    else:
        assert place is not None
        messages = plant(transcript, TEXTS[family](wanted), place)
    done = {
        "base": transcript.id,
        "family": family,
        "place": place or "",
        "direction": wanted.direction,
        "target": wanted.target,
        "truth": target.label,
    }
    name = f"{transcript.id}+{family}" + (f"+{place}" if place else "")
    return Transcript(
        id=name,
        messages=tuple(messages),
        metadata={**transcript.metadata, KEY: done},
        context=transcript.context,
    )


def plant(transcript: Transcript, text: str, place: Place) -> list[Message]:
    """The messages with a text planted: appended to the message that fits the place, or as a message of its own.

    ``start``: behind the first user message; ``middle``: behind the message in the middle; ``end``: a last user message;
    ``tool_result``: behind the last tool result; ``reasoning``: behind the last reasoning, or reply where there is none.
    """
    messages = list(transcript.messages)
    if place == "end":
        return _append(transcript, [("user", text)])
    where = {
        "start": _last(messages[: len(messages) // 2 + 1], role="user", first=True),
        "middle": min(
            (n for n, m in enumerate(messages) if m.channel != "redacted_reasoning"),
            key=lambda n: abs(n - len(messages) // 2),
            default=None,
        ),
        "tool_result": _last(messages, channel="tool_result"),
        "reasoning": _last(messages, channel="reasoning", role="assistant"),
    }[place]
    if where is None and place == "reasoning":
        where = _last(messages, role="assistant")
    if where is None and place == "tool_result":
        extra = Message(
            id=_free_id(messages), turn=messages[-1].turn, role="tool", channel="tool_result", text=text
        )
        return [*messages, extra]
    changed = messages[where or 0]
    messages[where or 0] = changed.model_copy(update={"text": f"{changed.text}\n\n{text}".lstrip("\n")})
    return messages


def _last(
    messages: Sequence[Message],
    role: Role | None = None,
    channel: Channel | None = None,
    *,
    first: bool = False,
) -> int | None:
    found = [
        n
        for n, m in enumerate(messages)
        if (role is None or m.role == role)
        and (channel is None or m.channel == channel)
        and m.channel != "redacted_reasoning"
    ]
    return (found[0] if first else found[-1]) if found else None


def _append(transcript: Transcript, turns: Sequence[tuple[str, str]]) -> list[Message]:
    messages = list(transcript.messages)
    for role, text in turns:
        fields = {
            "id": _free_id(messages),
            "turn": messages[-1].turn + 1,
            "role": role,
            "channel": "text",
            "text": text,
        }
        messages.append(Message.model_validate(fields))
    return messages


def _free_id(messages: Sequence[Message]) -> str:
    taken = {message.id for message in messages}
    number = len(messages) + 1
    while f"M{number}" in taken:
        number += 1
    return f"M{number}"


def _disguise(transcript: Transcript, evidence: Iterable[Evidence]) -> list[Message]:
    texts = {message.id: message.text for message in transcript.messages}
    for span in evidence:
        text = texts[span.message_id]
        texts[span.message_id] = (
            text[: span.start] + disguised(text[span.start : span.end]) + text[span.end :]
        )
    return [message.model_copy(update={"text": texts[message.id]}) for message in transcript.messages]
