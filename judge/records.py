"""What a run leaves behind: one record for each transcript, grader and sample, a verdict or a failure.

A failure is a record, never a label. Records carry no clock times, so that a run that was interrupted, resumed or
replayed from its stored completions writes the same bytes as one that was not. This module knows nothing of graders
or providers.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from judge.request import Usage
from judge.transcript import Channel, Role

FailureKind = Literal[
    "refused", "filtered", "truncated", "unparsable", "off_schema", "ungrounded", "provider"
]
WithheldKind = Literal["off_schema", "ungrounded", "windows_disagree"]
Method = Literal["generate", "logprob"]


_LATER = ConfigDict(frozen=True, extra="forbid", defer_build=True)
"""Validators are built when the first record is made or read, not while the first request waits for the import."""


class Evidence(BaseModel):
    """A verbatim span that a label rests on. Code, not the judge, filled in the offsets.

    ``message.text[start:end] == quote`` holds for the message with ``message_id``.
    """

    model_config = _LATER

    message_id: str
    quote: str
    start: int = Field(ge=0)
    end: int = Field(gt=0)
    role: Role
    channel: Channel
    supports: tuple[str, ...] = ()
    """The facets whose labels rest on this span."""


class _Outcome(BaseModel):
    model_config = _LATER

    transcript_id: str
    transcript_sha256: str = ""
    """Fingerprint of the text that was read (``Transcript.fingerprint``); empty in records of older versions."""
    grader: str
    grader_version: int
    grader_sha256: str
    model: str
    method: Method = "generate"
    sample: int = Field(default=0, ge=0)
    """Which of the repeats this is; 0 unless the run asked for several."""
    request_keys: tuple[str, ...] = ()
    """The completions in the store that this record was read from, in order (re-asks and windows included)."""
    usage: Usage = Usage()
    """Tokens of all those completions together, whoever paid for them."""
    cost_usd: float | None = None
    """Price of those tokens at list prices; None where the model's price is unknown."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """The transcript's metadata. The judge saw none of it unless the grader's header asked."""


class Verdict(_Outcome):
    """Labels that stand: in the vocabulary, and the positive ones resting on evidence that was found."""

    status: Literal["ok"] = "ok"
    values: dict[str, str | tuple[str, ...]]
    """Facet to label; to a tuple of labels where the facet is multi-label."""
    withheld: dict[str, WithheldKind] = Field(default_factory=dict)
    """Secondary facets whose label did not stand, and why. They are absent from ``values``."""
    derived: dict[str, bool] = Field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    ungrounded_quotes: int = 0
    """Quotes that the judge offered and that are nowhere in the transcript. They were dropped."""
    rationale: str = ""
    distribution: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Facet to label probabilities; only ``logprob`` yields it, and ``logprob`` yields no evidence."""
    coverage: float = Field(default=1.0, ge=0, le=1)
    """Share of the transcript's characters that the judge could see. Below 1 only where windows were lost."""
    windows: int = 1
    """Into how many windows the transcript was cut to fit the model."""


class Failure(_Outcome):
    """No label, and why. Never counted as one."""

    status: Literal["failed"] = "failed"
    kind: FailureKind
    detail: str = ""


class Annotation(BaseModel):
    """A person's label, or that of whoever stands in for one: the same label space as a verdict's, another type.

    So human and judge labels cannot be swapped by accident. One line of ``labels/<annotator>.jsonl``; such files are only
    ever appended to, and the last line for a transcript and facet counts.
    """

    model_config = _LATER

    transcript_id: str
    facet: str
    label: str | tuple[str, ...]
    annotator: str = Field(pattern=r"^[\w.-]{1,64}$")
    evidence: tuple[Evidence, ...] = ()
    note: str = ""
    seconds: float | None = Field(default=None, ge=0)
    blind: bool = True
    """Whether the annotator had seen no judge's and no other annotator's label."""
    contested: bool = False
    """The annotator holds that the codebook leaves it open which label is right."""
    split: Literal["dev", "test"] | None = None
    inclusion_probability: float = Field(default=1.0, gt=0, le=1)
    """With which the transcript was chosen for labelling; statistics weight by its inverse."""
    stratum: str = ""
    """From which stratum it was drawn, where the sample was stratified."""
    grader_sha256: str = ""
    """The rubric that the annotator had before them; empty where that was not recorded."""
    at: str = ""
    """When the label was committed, ISO 8601 in UTC; empty where that was not recorded."""
    adjudicator: str = ""
    """Who decided, where the annotator is ``adjudicated``."""


Record = Annotated[Verdict | Failure, Field(discriminator="status")]
RECORD: TypeAdapter[Verdict | Failure] = TypeAdapter(Record, config=ConfigDict(defer_build=True))


def to_json_line(record: Verdict | Failure) -> bytes:
    """One line of ``records.jsonl``, with its newline."""
    return record.__pydantic_serializer__.to_json(record) + b"\n"


def from_json_line(line: bytes | str) -> Verdict | Failure:
    """Read one line of ``records.jsonl``; raises pydantic's ValidationError where it is none."""
    return RECORD.validate_json(line)
