"""A grader: a prompt file that says what is labelled, with which labels, and how to tell.

The file is ``prompts/<name>.jinja``: YAML front matter between two lines of ``---``, then a Jinja body, the rubric. The
front matter declares the facets; the output contract, the parser, the labelling form and the legal statistics follow
from them. This module loads and checks such files. It knows nothing of transcripts (``judge.grader.prompt`` puts the two
together) or of models: run settings are never in the file, because the same rubric must be measured on several judges.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from judge.grader import gates as gating
from judge.transcript import CHANNELS, ROLES, Channel, Role

Scale = Literal["nominal", "ordinal", "multilabel"]
RollUp = Literal["highest", "agree", "union"]

_ROLL_UP: dict[Scale, RollUp] = {"ordinal": "highest", "nominal": "agree", "multilabel": "union"}
_LABEL = re.compile(r"^[+-]?[a-z0-9][a-z0-9_]*$")


def _string_not_yaml_guess(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {_string_not_yaml_guess(k): v for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_string_not_yaml_guess(v) for v in value]
    if isinstance(value, bool | int | float) or value is None:
        raise ValueError(f"YAML read a label as {value!r}, not as text: quote it, e.g. 'yes', 'no', '1'")
    return value


Labels = Annotated[dict[str, str], BeforeValidator(_string_not_yaml_guess)]
LabelNames = Annotated[tuple[str, ...], BeforeValidator(_string_not_yaml_guess)]


class Facet(BaseModel):
    """One question with a closed set of answers.

    ``labels`` and ``nulls`` map each label to its definition. For an ordinal facet the order of ``labels`` is the
    scale. Nulls are answers too, but not points on the scale.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    scale: Scale
    question: str
    labels: Labels
    nulls: Labels = Field(default_factory=dict)
    positive: LabelNames = ()
    """Labels that stand only on evidence found in the transcript."""
    evidence_from: tuple[Role, ...] = ROLES
    """Whose words may be that evidence. ``[assistant]`` keeps a prompt's echo from counting as the model's."""
    roll_up: RollUp | None = None
    """How verdicts on windows of one long transcript become one; see ``judge.grader.windows``."""

    @model_validator(mode="after")
    def _labels_make_sense(self) -> Self:
        if len(self.labels) < 2:  # noqa: PLR2004
            raise ValueError("a facet needs at least two labels")
        for label in self.vocabulary:
            if not _LABEL.match(label):
                raise ValueError(f"label {label!r} must be lower case letters, digits and underscores")
        if both := set(self.labels) & set(self.nulls):
            raise ValueError(f"{sorted(both)} stand in labels and in nulls")
        if self.roll_up and (self.roll_up == "union") != self.multilabel:
            raise ValueError(f"roll_up {self.roll_up!r} does not go with the scale {self.scale!r}")
        if unknown := set(self.positive) - set(self.labels):
            raise ValueError(
                f"positive names {sorted(unknown)}, which are not among labels {list(self.labels)}"
            )
        return self

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Labels, then nulls."""
        return (*self.labels, *self.nulls)

    @property
    def rule(self) -> RollUp:
        """How verdicts on windows become one: what the header says, or what goes with the scale."""
        return self.roll_up or _ROLL_UP[self.scale]

    @property
    def exclusive(self) -> tuple[str, ...]:
        """Labels of a multi-label facet that cannot stand beside others: ``none``, and the nulls."""
        return ("none", *self.nulls) if self.multilabel else ()

    @property
    def multilabel(self) -> bool:
        return self.scale == "multilabel"

    def positives(self, value: str | tuple[str, ...]) -> tuple[str, ...]:
        """Those labels of a value that need evidence."""
        chosen = (value,) if isinstance(value, str) else value
        return tuple(label for label in chosen if label in self.positive)


class View(BaseModel):
    """What a judge with this rubric may see. Everything else about a transcript is withheld."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[Channel, ...] = CHANNELS
    context: tuple[str, ...] = ()
    metadata: tuple[str, ...] = ()


class Grader(BaseModel):
    """A prompt file, checked and ready to render."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    description: str
    source: tuple[str, ...] = ()
    unit: Literal["transcript"] = "transcript"
    primary: str
    view: View = View()
    facets: dict[str, Facet]
    derived: dict[str, str] = Field(default_factory=dict)
    """Name to a Jinja expression over the facets' values: composites are computed, never judged."""
    gates: tuple[str, ...] = ()
    """What ``judge calibrate`` holds the grader to; see ``judge.grader.gates``. Nothing of it is sent to a judge."""

    path: Path
    templates: dict[str, str] = Field(repr=False)
    """File name to source, of every template that a request of this grader is rendered from, as they were at load."""
    sha256: str
    """Over the file and all of these."""

    @model_validator(mode="after")
    def _primary_is_a_facet(self) -> Self:
        if self.primary not in self.facets:
            raise ValueError(f"primary is {self.primary!r}, which is not among facets {list(self.facets)}")
        primary = self.facets[self.primary]
        if primary.rule == "agree" and "indeterminate" not in primary.nulls:
            raise ValueError(
                f"{self.primary} needs the null indeterminate, for long transcripts whose parts disagree; "
                "or set its roll_up to highest"
            )
        return self

    @model_validator(mode="after")
    def _gates_name_what_there_is(self) -> Self:
        for text in self.gates:
            self.check_gate(gating.parse(text))
        return self

    def check_gate(self, gate: gating.Gate) -> None:
        """Raise ValueError for a gate on a facet or a label that this grader has not."""
        facet = self.facets.get(gate.facet or self.primary)
        if facet is None:
            raise ValueError(f"gate {gate}: there is no facet {gate.facet!r} among {list(self.facets)}")
        if gate.label and gate.label not in facet.vocabulary:
            raise ValueError(
                f"gate {gate}: {facet.name} has no label {gate.label!r}, only {list(facet.vocabulary)}"
            )
