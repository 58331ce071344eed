"""What one session shows and what it takes. The rules of blindness are here and nowhere else.

In a **blind** session nothing that a judge or another annotator said, and no metadata, is in any answer of the server
until the annotator has committed a label and asked to see the others'. From then on that label stands: a change of mind
is for adjudication. In a **review** session the judge's verdict is there from the beginning, and every label says that it
was not blind.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import median
from typing import Any, Literal

from judge import address
from judge.annotate.form import Answer, Form
from judge.annotate.notebook import Notebook, as_answer
from judge.annotate.place import Place
from judge.annotate.shelf import Shelf
from judge.annotate.verdicts import Verdicts
from judge.queues import QueueLine
from judge.records import Annotation
from judge.transcript import Transcript

Mode = Literal["blind", "review", "adjudicate"]
PACE_OVER = 20


class SettledError(Exception):
    """This label can no longer be changed here. The text says why."""


@dataclass
class Materials:
    """Everything that a desk is furnished with."""

    place: Place
    shelf: Shelf
    form: Form
    queue: list[str]
    tickets: dict[str, QueueLine] = field(default_factory=dict)
    verdicts: Verdicts | None = None
    others: Sequence[Notebook] = ()


class Desk:
    """An annotator at work on a queue, blind or in review."""

    reason_required = False

    def __init__(self, materials: Materials, notebook: Notebook, mode: Mode) -> None:
        self.m = materials
        self.notebook = notebook
        self.mode = mode

    # What is shown

    def overview(self) -> dict[str, Any]:
        """The session, its form, and a line for each transcript of the queue."""
        self.notebook.refresh()
        return {
            "mode": self.mode,
            "place": self.m.place.name,
            "kind": self.m.place.kind,
            "annotator": self.notebook.annotator,
            "reason_required": self.reason_required,
            "form": self.m.form.description(),
            "items": [self._item(number, name) for number, name in enumerate(self.m.queue, start=1)],
            "progress": self.progress(),
        }

    def progress(self) -> dict[str, Any]:
        """How many are done, and how long the last ones took."""
        done = [name for name in self.m.queue if self.done(name)]
        times = [seconds for name in done if (seconds := self._seconds(name))]
        recent = sorted(
            done, key=lambda name: max((a.at for a in self.notebook.labels(name).values()), default="")
        )[-PACE_OVER:]
        pace = [seconds for name in recent if (seconds := self._seconds(name))]
        return {
            "done": len(done),
            "total": len(self.m.queue),
            "seconds": round(sum(times)),
            "pace": round(median(pace), 1) if pace else None,
        }

    def done(self, transcript_id: str) -> bool:
        return self.m.form.primary in self.notebook.labels(transcript_id)

    def text(self, transcript_id: str) -> dict[str, Any]:
        """The transcript and, of what stands around it, what a grader with this rubric may see."""
        transcript = self.m.shelf.transcript(transcript_id)
        view = self.m.form.grader.view
        return {
            "id": transcript.id,
            "messages": [message.model_dump(mode="json") for message in transcript.messages],
            "context": {key: transcript.context[key] for key in view.context if key in transcript.context},
            "metadata": {
                key: transcript.metadata[key] for key in view.metadata if key in transcript.metadata
            },
        }

    def work(self, transcript_id: str) -> dict[str, Any]:
        """The form's state and, where they may be seen, the others' labels."""
        self.notebook.refresh()
        if self.mode == "review":
            self.notebook.mark_seen(transcript_id, now())
        committed = self.notebook.labels(transcript_id)
        answer = self.notebook.draft(transcript_id) or as_answer(committed)
        return {
            "answer": answer.model_dump(mode="json"),
            "draft": self.notebook.draft(transcript_id) is not None,
            "committed": as_answer(committed).model_dump(mode="json") if committed else None,
            "revision": self.notebook.revision(transcript_id),
            "needed": self.needed(transcript_id),
            "settled": self.settled(transcript_id),
            "open": self.is_open(transcript_id),
            **(self.disclosed(transcript_id) if self.is_open(transcript_id) else {}),
        }

    def is_open(self, transcript_id: str) -> bool:
        """Whether this annotator may see, or has seen, what others said."""
        return self.mode == "review" or (self.done(transcript_id) and self.notebook.has_seen(transcript_id))

    def disclosed(self, transcript_id: str) -> dict[str, Any]:
        """What is kept from a blind annotator."""
        for other in self.m.others:
            other.refresh()
        others = [
            {"who": other.annotator, **as_answer(labels).model_dump(mode="json")}
            for other in self.m.others
            if self.mode == "blind" and (labels := other.labels(transcript_id))
        ]
        judges = self.m.verdicts.shown(transcript_id) if self.m.verdicts else []
        return {"judges": judges, "others": others, "metadata": self.m.shelf.cards[transcript_id].metadata}

    def settled(self, transcript_id: str) -> str:
        """Why the label can no longer be changed here; empty where it can."""
        blind = any(label.blind for label in self.notebook.labels(transcript_id).values())
        if self.mode != "adjudicate" and blind and self.is_open(transcript_id):
            return "You have seen what others said of this transcript, so your own label, made blind, stands."
        return ""

    def needed(self, transcript_id: str) -> list[str]:
        """The facets without which a commit is not complete: the primary one, and what was answered before."""
        before = self.notebook.labels(transcript_id)
        return [f.name for f in self.m.form.facets if f.name == self.m.form.primary or f.name in before]

    # What is taken

    def save_draft(self, transcript_id: str, answer: Answer, base: int) -> int:
        return self.notebook.save_draft(transcript_id, answer, base, now())

    def commit(self, transcript_id: str, answer: Answer, base: int) -> int:
        """Make labels of the answer. Raises IncompleteError, SettledError, StaleError, StoreError."""
        self.notebook.refresh()
        if reason := self.settled(transcript_id):
            raise SettledError(reason)
        transcript = self.m.shelf.transcript(transcript_id)
        self.m.form.check(answer, transcript, reason=self.reason_required, needed=self.needed(transcript_id))
        labels = self.m.form.annotations(answer, transcript, self._stamp(transcript))
        return self.notebook.commit(transcript_id, labels, base, now())

    def show_others(self, transcript_id: str) -> None:
        """Note that the annotator asks to see the others' labels. Raises SettledError before they committed."""
        self.notebook.refresh()
        if not self.done(transcript_id):
            raise SettledError("Commit your own label first; then you can see the others'.")
        self.notebook.mark_seen(transcript_id, now())

    # Details

    def _stamp(self, transcript: Transcript) -> Annotation:
        split = transcript.metadata.get("split")
        ticket = self.m.tickets.get(transcript.id)
        return Annotation(
            transcript_id=transcript.id,
            facet=self.m.form.primary,
            label="",
            annotator=self.notebook.annotator,
            blind=self.mode == "blind" and not self.notebook.has_seen(transcript.id),
            split=split if split in ("dev", "test") else None,
            inclusion_probability=ticket.inclusion_probability if ticket else 1.0,
            stratum=ticket.stratum if ticket else "",
            grader_sha256=self.m.form.grader.sha256,
            at=now(),
        )

    def _item(self, number: int, transcript_id: str) -> dict[str, Any]:
        card = self.m.shelf.cards[transcript_id]
        mine = self.notebook.labels(transcript_id).get(self.m.form.primary)
        draft = self.notebook.draft(transcript_id)
        item = {
            "number": number,
            "id": card.id,
            "path": address.path(card.id),
            "words": card.words,
            "state": "done" if mine else "started" if draft and any(draft.labels.values()) else "open",
            "label": mine.label if mine else None,
            "contested": bool(mine and mine.contested),
        }
        return item | (self._triage(card.id) if self.mode == "review" else {})

    def _triage(self, transcript_id: str) -> dict[str, Any]:
        """By what a review can be filtered."""
        card, verdicts = self.m.shelf.cards[transcript_id], self.m.verdicts
        return {
            "metadata": {key: str(value) for key, value in card.metadata.items()},
            "outcomes": verdicts.outcomes(transcript_id) if verdicts else [],
            "legibility": verdicts.legibility(transcript_id) if verdicts else "",
        }

    def _seconds(self, transcript_id: str) -> float:
        return sum(label.seconds or 0 for label in self.notebook.labels(transcript_id).values())


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
