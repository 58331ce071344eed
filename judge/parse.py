"""Completion to reading: any text in, labels that stand or a reason why none do, never an exception, never a default.

Only this module decides what becomes a label. An answer is held to the grader's facets; a label that needs evidence
stands only on a quote that ``judge.grounding`` found. Where asking once more may help, the result carries the complaint
to send.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from judge.grader import Facet, Grader
from judge.grader.contract import Answer
from judge.grounding import Lookup
from judge.records import Evidence, FailureKind, WithheldKind
from judge.request import Completion
from judge.transcript import ROLES, Transcript

MAX_QUOTES = 32
"""How many quotes of an answer are looked up. No rubric needs as many, and a looping model gives thousands."""

MAX_MALFORMED = 256
"""How many malformed objects an answer may hold before its end. Each costs a pass over the text, to name its line."""

_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_DECODER = json.JSONDecoder(strict=False)
_OPENING = re.compile(r'\{\s*["}]')
_BRACE = re.compile(r"[{}]")
# What may stand behind an answer: on its line a closing fence or tag, below it a few words.
_TAIL = re.compile(r"(?:[ \t\r]*(?:```|</\w{1,20}>|<\|\w{1,20}\|>))*[ \t\r]*(?:\n[^{}]{0,200})?\Z")


@dataclass(frozen=True, slots=True)
class Reading:
    """Labels that stand. ``complaint`` says what is worth asking again, or is empty."""

    values: Mapping[str, str | tuple[str, ...]]
    withheld: Mapping[str, WithheldKind]
    evidence: tuple[Evidence, ...]
    ungrounded: int
    rationale: str
    complaint: str = ""
    distribution: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """No label. ``complaint`` says what is worth asking again, or is empty."""

    kind: FailureKind
    detail: str
    complaint: str = ""


_STOPS: dict[str, tuple[FailureKind, str]] = {
    "refusal": ("refused", "the judge model refused"),
    "content_filter": ("filtered", "the provider's content filter stopped the answer"),
    "length": ("truncated", "the answer reached the token limit"),
}


def parse(
    completion: Completion, grader: Grader, transcript: Transcript, *, grounding: bool = True
) -> Reading | Rejected:
    """Read one completion as one grader's answer on one transcript.

    Without ``grounding`` positive labels stand without a quote that was found: only to measure what grounding is worth.
    """
    if completion.stop in _STOPS:
        kind, what = _STOPS[completion.stop]
        return Rejected(kind, f"{what}: {completion.detail}" if completion.detail else what)
    answer = _answer(completion.text)
    if answer is None:
        shown = completion.text.strip()[:120]
        detail = f"no JSON object of the agreed shape in the answer, which begins {shown!r}"
        if not shown:
            detail = "the answer is empty"
        return Rejected(
            "unparsable",
            detail,
            "Your answer was not one JSON object of the agreed shape. Send only that object.",
        )
    values, wrong = _labels(answer, grader)
    if grader.primary in wrong:
        detail = "; ".join(wrong.values())
        return Rejected(
            "off_schema", detail, f"Your labels do not fit the rubric: {detail}. Send the whole object again."
        )
    if not grounding:
        grader = grader.model_copy(update={"facets": {n: _ungrounded(f) for n, f in grader.facets.items()}})
    return _ground(answer, values, wrong, grader, transcript)


def _ungrounded(facet: Facet) -> Facet:
    return facet.model_copy(update={"positive": ()})


def _answer(text: str) -> Answer | None:
    """The object that the text ends with, if it has the agreed shape: models sometimes think, or quote the contract, first.

    A transcript may hold an answer in the agreed shape, planted for a judge to repeat. A judge that quotes it without
    escaping its quotation marks sends a malformed object with a sound one inside. So only the end of the text counts,
    and never what lies inside an object.
    """
    try:
        return Answer.model_validate_json(text)
    except ValidationError:
        pass
    try:
        return Answer.model_validate(_last_object(_THINKING.sub("", text, count=1).rstrip()))
    except ValidationError:
        return None


def _last_object(text: str) -> Any:
    """The JSON object that ends the text, but for a short tail; None where the text ends otherwise.

    One pass from the beginning: what was read, sound or malformed, is not read again.
    """
    found, end, malformed = None, len(text) + 1, 0
    opening = _OPENING.search(text)
    while opening:
        start = opening.start()
        try:
            found, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            found, end, malformed = None, _closing(text, start, error.pos), malformed + 1
            if malformed > MAX_MALFORMED:
                return None
        except (ValueError, RecursionError):  # a number of thousands of digits, or nesting as deep
            return None
        opening = _OPENING.search(text, end)
    return found if _TAIL.match(text, end) else None


def _closing(text: str, start: int, failed: int) -> int:
    """Where the object that begins at ``start`` and goes wrong at ``failed`` ends, by its braces; else the text's end."""
    depth = 0
    for brace in _BRACE.finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth <= 0 and brace.end() > failed:
            return brace.end()
    return len(text)


def _labels(answer: Answer, grader: Grader) -> tuple[dict[str, str | tuple[str, ...]], dict[str, str]]:
    """Facet to value where the answer fits the facet, facet to what is wrong where it does not."""
    given: dict[str, list[str]] = {}
    for entry in answer.labels:
        given.setdefault(entry.facet.strip(), []).extend(entry.labels)
    values: dict[str, str | tuple[str, ...]] = {}
    wrong: dict[str, str] = {}
    for name, facet in grader.facets.items():
        labels = [_canonical(label, facet) for label in given.get(name, [])]
        unknown = [label for label in labels if label not in facet.vocabulary]
        if name not in given:
            wrong[name] = f"{name} is missing"
        elif unknown:
            wrong[name] = f"{name} has no label {unknown[0][:60]!r}; it has {', '.join(facet.vocabulary)}"
        elif not labels:
            wrong[name] = f"{name} has no label at all"
        elif len(set(labels)) > 1 and (alone := [label for label in labels if label in facet.exclusive]):
            wrong[name] = f"{name} cannot be {alone[0]} and something else at once"
        elif facet.multilabel:
            values[name] = tuple(label for label in facet.vocabulary if label in labels)
        elif len(set(labels)) > 1:
            wrong[name] = f"{name} takes one label, not {', '.join(labels)}"
        else:
            values[name] = labels[0]
    return values, wrong


def _canonical(label: str, facet: Facet) -> str:
    """The label as the rubric spells it, where only case, spaces or hyphens differ."""
    if label in facet.vocabulary:
        return label
    plain = label.strip().strip("`'\"").lower()
    return plain if plain in facet.vocabulary else plain.replace(" ", "_").replace("-", "_")


def _ground(
    answer: Answer,
    values: dict[str, str | tuple[str, ...]],
    wrong: Mapping[str, str],
    grader: Grader,
    transcript: Transcript,
) -> Reading | Rejected:
    evidence: list[Evidence] = []
    lost: list[str] = []
    lookup = Lookup(transcript)
    for item in answer.evidence[:MAX_QUOTES]:
        supports = tuple(name for name in grader.facets if not item.supports or name in item.supports)
        counting = [r for r in ROLES if all(r in grader.facets[name].evidence_from for name in supports)]
        others = [role for role in ROLES if role not in counting]
        span = lookup.find(item.quote, item.message, counting) or lookup.find(
            item.quote, item.message, others
        )
        if span is None:
            lost.append(item.quote)
            continue
        message = span.message
        where = {"message_id": message.id, "role": message.role, "channel": message.channel}
        evidence.append(Evidence(quote=span.text, start=span.start, end=span.end, supports=supports, **where))
    withheld: dict[str, WithheldKind] = dict.fromkeys(wrong, "off_schema")
    bare = [name for name, value in values.items() if not _stands(grader.facets[name], value, evidence)]
    unread = max(len(answer.evidence) - MAX_QUOTES, 0)
    complaint = _complaint(bare, lost, unread, grader) if bare else "; ".join(wrong.values())
    if grader.primary in bare:
        detail = f"{grader.primary} is {values[grader.primary]}, without evidence that is in the transcript"
        return Rejected("ungrounded", detail, complaint)
    for name in bare:
        del values[name]
        withheld[name] = "ungrounded"
    return Reading(values, withheld, tuple(evidence), len(lost) + unread, answer.rationale, complaint)


def _stands(facet: Facet, value: str | tuple[str, ...], evidence: list[Evidence]) -> bool:
    if not facet.positives(value):
        return True
    return any(facet.name in item.supports and item.role in facet.evidence_from for item in evidence)


def _complaint(bare: list[str], lost: list[str], unread: int, grader: Grader) -> str:
    parts = [f"Evidence is missing for: {', '.join(bare)}."]
    if lost:
        quoted = "; ".join(repr(quote[:120]) for quote in lost[:5])
        parts.append(f"These quotes are not in the transcript: {quoted}.")
    if unread:
        parts.append(f"Only the first {MAX_QUOTES} quotes were read: give fewer.")
    restricted = [grader.facets[name] for name in bare if len(grader.facets[name].evidence_from) < len(ROLES)]
    parts += [f"For {f.name} only the words of the {' or '.join(f.evidence_from)} count." for f in restricted]
    parts.append(
        "Copy each quote character by character from one message and name the facets that it supports. If no quote "
        "bears a label out, choose the label that the transcript does bear out. Send the whole object again."
    )
    return " ".join(parts)
