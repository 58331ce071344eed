"""Gates: thresholds that a grader must clear, in its header (``gates:``) or on the command line (``--gate``).

``kappa >= 0.8``, ``recall.terminal_as_stated >= 0.8``, ``invalid <= 0.02``, and for a facet other than the primary one
``choice: kappa >= 0.7``. A gate holds where the worse end of the figure's interval clears the threshold.
"""

import re
from dataclasses import dataclass

FIGURES = frozenset(
    [
        "agreement",
        "kappa",
        "kappa_linear",
        "kappa_quadratic",
        "alpha",
        "alpha_ordinal",
        "alpha_jaccard",
        "alpha_masi",
        "ac1",
        "ac2",
        "macro_f1",
        "micro_f1",
        "answered",
        "invalid",
    ]
)
"""Figures of a whole facet."""

OF_A_LABEL = frozenset({"precision", "recall", "f1", "specificity"})
ON_SCALE = "on_scale"
"""Prefix of a coefficient on the points of the scale alone, nulls left out."""

_GATE = re.compile(r"\s*(?:([a-z0-9_]+)\s*:)?\s*([a-z0-9_]+(?:\.[a-z0-9_+-]+)?)\s*(>=|<=)\s*(-?\d*\.?\d+)\s*")


@dataclass(frozen=True, slots=True)
class Gate:
    """``facet`` is empty for the primary one. ``at_least``: ``>=``, else ``<=``."""

    facet: str
    figure: str
    at_least: bool
    threshold: float

    def __str__(self) -> str:
        name = f"{self.facet}: {self.figure}" if self.facet else self.figure
        return f"{name} {'>=' if self.at_least else '<='} {self.threshold:g}"

    @property
    def label(self) -> str:
        """The label that the figure is of, or the empty string."""
        head, _, tail = self.figure.partition(".")
        return tail if head in OF_A_LABEL else ""

    def about(self, facet: str, *, primary: bool) -> bool:
        """Whether this gate speaks of a facet."""
        return self.facet == facet if self.facet else primary


def parse(text: str) -> Gate:
    """Read one gate. Raises ValueError, which says what was expected.

    >>> parse("recall.terminal_as_stated>=0.8")
    Gate(facet='', figure='recall.terminal_as_stated', at_least=True, threshold=0.8)
    """
    found = _GATE.fullmatch(text)
    if found is None:
        raise ValueError(f"not a gate: {text!r}; write FIGURE >= NUMBER or FACET: FIGURE >= NUMBER (or <=)")
    facet, figure, sign, number = found.groups()
    head, _, tail = figure.partition(".")
    known = (
        (not tail and head in FIGURES)
        or (tail and head in OF_A_LABEL)
        or (head == ON_SCALE and tail in FIGURES)
    )
    if not known:
        raise ValueError(
            f"no figure is called {figure!r}; there are {', '.join(sorted(FIGURES))}, each also as on_scale.FIGURE, and "
            f"{', '.join(sorted(OF_A_LABEL))} with a label, such as recall.LABEL"
        )
    return Gate(facet or "", figure, sign == ">=", float(number))
