"""The desk at which disagreements are decided, with both sides before one's eyes and their names out of sight.

Decisions are labels by ``adjudicated``: appended, never written over anybody's. Where the annotators agree there is
nothing to decide; once every disagreement is decided, what they agree on is taken over as it stands. How far they agreed
is shown then, and not before.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from judge.annotate.desk import Desk, Materials, now
from judge.annotate.form import Answer
from judge.annotate.notebook import Notebook, as_answer
from judge.eval_sets import ADJUDICATED
from judge.records import Annotation, Evidence
from judge.transcript import Transcript

AGREED = "the annotators agree"


class Adjudication(Desk):
    """Decides between ``sides``; ``adjudicator`` is recorded with each decision."""

    reason_required = True

    def __init__(
        self, materials: Materials, notebook: Notebook, sides: Sequence[Notebook], adjudicator: str
    ) -> None:
        super().__init__(materials, notebook, "adjudicate")
        self.sides = tuple(sides)
        self.adjudicator = adjudicator
        self.pairs = [name for name in materials.queue if self._labelled_twice(name)]
        self.incomplete = [name for name in materials.queue if not self._labelled_twice(name)]
        # What an earlier session decided is not taken up again; what this one decides stays, to be looked at.
        materials.queue = [name for name in self.pairs if not self.done(name)]
        self.finish_if_done()

    def disputed(self, transcript_id: str) -> set[str]:
        """The facets of the form on which those who answered them differ."""
        given: dict[str, set[str | tuple[str, ...]]] = {}
        for side in self.sides:
            for facet, annotation in side.labels(transcript_id).items():
                label = annotation.label
                given.setdefault(facet, set()).add(label if isinstance(label, str) else tuple(sorted(label)))
        asked = {facet.name for facet in self.m.form.facets}
        return {facet for facet, labels in given.items() if len(labels) > 1 and facet in asked}

    def done(self, transcript_id: str) -> bool:
        return self.disputed(transcript_id) <= set(self.notebook.labels(transcript_id))

    def needed(self, transcript_id: str) -> list[str]:
        decided = self.notebook.labels(transcript_id)
        disputed = self.disputed(transcript_id)
        return [f.name for f in self.m.form.facets if f.name in disputed or f.name in decided]

    def is_open(self, transcript_id: str) -> bool:  # noqa: ARG002  (there is nothing blind about it)
        return True

    def disclosed(self, transcript_id: str) -> dict[str, Any]:
        """Both sides, in an order that tells nobody who they are. Metadata stays out of sight here too."""
        sides = [side for side in self.sides if side.labels(transcript_id)]
        for side in sides:
            if side.annotator == self.adjudicator:
                side.mark_seen(transcript_id, now())
        sides.sort(key=lambda side: sha256(f"{transcript_id}\0{side.annotator}".encode()).digest())
        shown = [
            {"who": f"Reader {letter}", **as_answer(side.labels(transcript_id)).model_dump(mode="json")}
            for letter, side in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", sides, strict=False)
        ]
        return {"judges": [], "others": shown, "disputed": sorted(self.disputed(transcript_id))}

    def commit(self, transcript_id: str, answer: Answer, base: int) -> int:
        revision = super().commit(transcript_id, answer, base)
        self.finish_if_done()
        return revision

    def overview(self) -> dict[str, Any]:
        seen = super().overview()
        agreed = sum(1 for name in self.pairs if not self.disputed(name))
        return seen | {"summary": self.summary(), "waiting": len(self.incomplete), "agreed": agreed}

    @property
    def complete(self) -> bool:
        """Whether both have labelled everything and every disagreement is decided."""
        return not self.incomplete and all(self.done(name) for name in self.pairs)

    def summary(self) -> dict[str, Any] | None:
        """How far the annotators agreed, once the set is done; None before."""
        if not self.complete:
            return None
        from judge.annotate.agreement import agreement  # brings scipy, which takes a second

        clusters = {name: self.m.shelf.cards[name].cluster for name in self.pairs}
        tables = {side.annotator: {n: side.labels(n) for n in clusters} for side in self.sides}
        return {
            "annotators": [side.annotator for side in self.sides],
            "facets": agreement(self.m.form.facets, tables, clusters),
        }

    def finish_if_done(self) -> None:
        """Take over what the annotators agree on, where nothing was decided yet."""
        if not self.complete:
            return
        for name in self.pairs:
            decided = self.notebook.labels(name)
            labels = [
                self._adopted(name, facet.name)
                for facet in self.m.form.facets
                if facet.name not in decided and any(facet.name in side.labels(name) for side in self.sides)
            ]
            if labels:
                self.notebook.commit(name, labels, self.notebook.revision(name), now())

    def _adopted(self, transcript_id: str, facet: str) -> Annotation:
        given = [
            side.labels(transcript_id)[facet] for side in self.sides if facet in side.labels(transcript_id)
        ]
        spans: dict[tuple[str, int, int], Evidence] = {}
        for annotation in given:
            for item in annotation.evidence:
                spans.setdefault((item.message_id, item.start, item.end), item)
        stamp = self._stamp(self.m.shelf.transcript(transcript_id))
        return stamp.model_copy(
            update={
                "facet": facet,
                "label": given[0].label,
                "evidence": tuple(spans.values()),
                "note": AGREED if len(given) > 1 else "one annotator answered this",
                "contested": any(annotation.contested for annotation in given),
                "adjudicator": "",
            }
        )

    def _labelled_twice(self, transcript_id: str) -> bool:
        primary = self.m.form.primary
        return sum(primary in side.labels(transcript_id) for side in self.sides) > 1

    def _stamp(self, transcript: Transcript) -> Annotation:
        """A decision, which is never blind."""
        stamp = super()._stamp(transcript)
        return stamp.model_copy(
            update={"annotator": ADJUDICATED, "blind": False, "adjudicator": self.adjudicator}
        )
