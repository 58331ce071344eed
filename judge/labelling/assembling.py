"""From the readings of a transcript's windows to its one record."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from judge.grader import Grader
from judge.grader.file import derive
from judge.grader.windows import Value, Window, roll_up
from judge.labelling.asking import Answered
from judge.parse import Reading, Rejected
from judge.pricing import PriceList
from judge.records import Evidence, Failure, Method, Verdict, WithheldKind
from judge.request import Completion, Request, Usage
from judge.transcript import Transcript


@dataclass
class Trail:
    """What a record rests on: the completions read for it, in order, and their price."""

    keys: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    cost: float | None = 0.0
    bought: bool = False
    prices: PriceList = field(default_factory=PriceList)

    def add(self, request: Request, answered: Answered) -> Completion:
        completion = answered.completion
        cost = self.prices.price(request.model, completion.usage)
        self.keys.append(request.key)
        self.usage += completion.usage
        self.cost = None if cost is None or self.cost is None else self.cost + cost
        self.bought = self.bought or answered.bought
        return completion


@dataclass(frozen=True, slots=True)
class Source:
    """Of what, by what and how a record is made."""

    transcript: Transcript
    grader: Grader
    sample: int
    model: str
    method: Method


def better(first: Reading | Rejected, second: Reading | Rejected) -> Reading | Rejected:
    """Of two answers to one question, the second unless it stands less well than the first."""
    if isinstance(second, Rejected):
        return first if isinstance(first, Reading) else second
    if isinstance(first, Reading) and len(first.withheld) < len(second.withheld):
        return first
    return second


def assemble(
    source: Source, windows: Sequence[Window], readings: Sequence[Reading | Rejected], trail: Trail
) -> Verdict | Failure:
    """The record. Windows without a reading lower its coverage; where that leaves "not there" in doubt, it is a failure."""
    shared: dict[str, Any] = {
        "transcript_id": source.transcript.id,
        "transcript_sha256": source.transcript.fingerprint,
        "grader": source.grader.name,
        "grader_version": source.grader.version,
        "grader_sha256": source.grader.sha256,
        "model": source.model,
        "method": source.method,
        "sample": source.sample,
        "request_keys": tuple(trail.keys),
        "usage": trail.usage,
        "cost_usd": trail.cost,
        "metadata": source.transcript.metadata,
    }
    lost = [(window, r) for window, r in zip(windows, readings, strict=True) if isinstance(r, Rejected)]
    read = [r for r in readings if isinstance(r, Reading)]
    values = _values(source.grader, read)
    primary = source.grader.facets[source.grader.primary]
    if read and primary.name not in values:
        detail = "windows of the transcript were labelled differently, and the rubric has no label for that"
        return Failure(**shared, kind="off_schema", detail=detail)
    if lost and not (read and primary.positives(values[primary.name])):
        # What the provider failed comes first: it may be answered next time.
        window, rejected = min(lost, key=lambda item: item[1].kind != "provider")
        where = f"window {window.index} of {window.count}: " if window.count > 1 else ""
        return Failure(**shared, kind=rejected.kind, detail=where + rejected.detail)
    size = sum(window.size for window in windows)
    return Verdict(
        **shared,
        values=values,
        withheld=_withheld(source.grader, values, read),
        derived=derive(source.grader, values),
        evidence=_evidence(read),
        ungrounded_quotes=sum(r.ungrounded for r in read),
        rationale="\n\n".join(r.rationale for r in read if r.rationale),
        distribution=read[0].distribution if len(read) == 1 else {},
        coverage=1 - sum(window.size for window, _ in lost) / max(size, 1),
        windows=len(windows),
    )


def _values(grader: Grader, read: Sequence[Reading]) -> dict[str, Value]:
    values = {}
    for name, facet in grader.facets.items():
        given = [reading.values[name] for reading in read if name in reading.values]
        value = roll_up(facet, given) if len(given) > 1 else next(iter(given), None)
        if value is not None:
            values[name] = value
    return values


def _withheld(grader: Grader, values: dict[str, Value], read: Sequence[Reading]) -> dict[str, WithheldKind]:
    given: dict[str, WithheldKind] = dict.fromkeys(grader.facets, "windows_disagree")
    for reading in read:
        given |= reading.withheld
    asked = {name for reading in read for name in (*reading.values, *reading.withheld)}
    return {name: kind for name, kind in given.items() if name in asked and name not in values}


def _evidence(read: Sequence[Reading]) -> tuple[Evidence, ...]:
    """Each span once: neighbouring windows overlap, and judges repeat themselves."""
    return tuple(dict.fromkeys(item for reading in read for item in reading.evidence))
