"""The labelling form of a grader, and what becomes of an answer: labels that stand, or a list of what is missing.

A person is held to the same rules as a judge: labels from the closed vocabulary, positive ones on a verbatim span by
somebody whose words count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from judge.errors import UsageError
from judge.grader import Facet, Grader
from judge.grader.file import render_body
from judge.records import Annotation, Evidence
from judge.transcript import Transcript

MAX_MARKS = 500
MAX_QUOTE = 4000
"""A judge's evidence has the same limit."""
MAX_NOTE = 20_000


class Mark(BaseModel):
    """A span that somebody marked. Offsets count Unicode characters, as everywhere in this package."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_id: str = Field(max_length=64)
    start: int = Field(ge=0)
    end: int = Field(gt=0)
    quote: str = Field(max_length=MAX_QUOTE)
    supports: tuple[str, ...] = ()


class Answer(BaseModel):
    """The form as it stands: nothing in it needs to be complete."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    evidence: tuple[Mark, ...] = Field(default=(), max_length=MAX_MARKS)
    note: str = Field(default="", max_length=MAX_NOTE)
    contested: bool = False
    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class IncompleteError(Exception):
    """An answer that cannot be committed yet. ``problems`` says why, each with the facet that it is about."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(what for _, what in problems))


@dataclass(frozen=True)
class Form:
    """The facets of a grader that a session asks for, the primary one first."""

    grader: Grader
    facets: tuple[Facet, ...]

    @property
    def primary(self) -> str:
        return self.facets[0].name

    def description(self) -> dict[str, Any]:
        """The form as the page draws it."""
        return {
            "grader": self.grader.name,
            "version": self.grader.version,
            "sha256": self.grader.sha256,
            "about": self.grader.description,
            "primary": self.primary,
            "facets": [_facet(facet) for facet in self.facets],
            "rulings": _rulings(self.grader),
        }

    def check(self, answer: Answer, transcript: Transcript, *, reason: bool, needed: Sequence[str]) -> None:
        """Raises IncompleteError unless the answer can be committed: ``needed`` facets answered, evidence in place."""
        problems = [(name, "no answer yet") for name in needed if not answer.labels.get(name)]
        known = {facet.name: facet for facet in self.facets}
        for name, labels in answer.labels.items():
            if name not in known:
                problems.append((name, "the form has no such question"))
            elif labels:
                problems += [(name, what) for what in _problems(known[name], labels, answer, transcript)]
        problems += [("evidence", what) for what in _misplaced(answer.evidence, transcript)]
        if reason and not answer.note.strip():
            problems.append(("note", "a reason is required"))
        if problems:
            raise IncompleteError(problems)

    def annotations(self, answer: Answer, transcript: Transcript, stamp: Annotation) -> list[Annotation]:
        """One label for each question that was answered. ``stamp`` carries who, when and how.

        Note and time stand with the first line alone, so that neither is counted twice; an adjudicator's reason, being the
        reason of each label, stands with all.
        """
        made: list[Annotation] = []
        for facet in self.facets:
            labels = answer.labels.get(facet.name)
            if not labels:
                continue
            ordered = tuple(label for label in facet.vocabulary if label in labels)
            made.append(
                stamp.model_copy(
                    update={
                        "transcript_id": transcript.id,
                        "facet": facet.name,
                        "label": ordered if facet.multilabel else ordered[0],
                        "evidence": _evidence(answer.evidence, facet.name, transcript),
                        "note": answer.note.strip() if not made or stamp.adjudicator else "",
                        "seconds": round(answer.seconds, 1) if not made else None,
                        "contested": answer.contested,
                    }
                )
            )
        return made


def form_of(grader: Grader, names: Sequence[str] = ()) -> Form:
    """The form over some facets of a grader, or over all. Raises UsageError for a facet that it does not have."""
    if unknown := [name for name in names if name not in grader.facets]:
        raise UsageError(
            f"{grader.name} has no facet {unknown[0]!r}", expected=f"one of {', '.join(grader.facets)}"
        )
    chosen = [name for name in grader.facets if not names or name in names]
    chosen.sort(key=lambda name: name != grader.primary)
    return Form(grader, tuple(grader.facets[name] for name in chosen))


def _facet(facet: Facet) -> dict[str, Any]:
    answers = [
        {
            "label": label,
            "definition": text,
            "null": label in facet.nulls,
            "positive": label in facet.positive,
        }
        for label, text in (facet.labels | facet.nulls).items()
    ]
    return {
        "name": facet.name,
        "scale": facet.scale,
        "question": facet.question,
        "answers": answers,
        "exclusive": facet.exclusive,
        "evidence_from": facet.evidence_from,
    }


def _rulings(grader: Grader) -> str:
    """The rubric as it is sent, without what only a model needs."""
    blank = dict.fromkeys(grader.view.context, "")
    return render_body(grader, blank, dict.fromkeys(grader.view.metadata, "")).strip()


def _problems(facet: Facet, labels: Sequence[str], answer: Answer, transcript: Transcript) -> list[str]:
    if unknown := [label for label in labels if label not in facet.vocabulary]:
        return [f"there is no label {unknown[0]!r}"]
    if len(labels) > 1 and not facet.multilabel:
        return ["one label only"]
    if len(labels) > 1 and (alone := [label for label in labels if label in facet.exclusive]):
        return [f"{alone[0]} cannot stand beside others"]
    if not facet.positives(tuple(labels)):
        return []
    roles = {
        message.role
        for mark in answer.evidence
        if facet.name in mark.supports and (message := transcript.message(mark.message_id))
    }
    if not roles.intersection(facet.evidence_from):
        return [f"{labels[0]} needs a span from {' or '.join(facet.evidence_from)}"]
    return []


def _misplaced(marks: Sequence[Mark], transcript: Transcript) -> list[str]:
    texts = {message.id: message.text for message in transcript.messages}
    return [
        f"{mark.quote[:40]!r} is not at {mark.message_id}:{mark.start}-{mark.end}"
        for mark in marks
        if not mark.quote or texts.get(mark.message_id, "")[mark.start : mark.end] != mark.quote
    ]


def _evidence(marks: Sequence[Mark], facet: str, transcript: Transcript) -> tuple[Evidence, ...]:
    found = []
    for mark in marks:
        message = transcript.message(mark.message_id)
        if message is not None and facet in mark.supports:
            found.append(
                Evidence(
                    message_id=mark.message_id,
                    quote=mark.quote,
                    start=mark.start,
                    end=mark.end,
                    role=message.role,
                    channel=message.channel,
                    supports=(facet,),
                )
            )
    return tuple(found)
