"""What can be wrong with a rubric though it loads: checks that need no model, each finding with its file and line.

``job`` runs them all. An *error* makes labels meaningless or a measurement worthless; a *warning* is for a person to weigh.
Nothing here buys an answer, and nothing reads a hand label of a sealed test split: its transcripts alone are searched for
passages that a rubric repeats.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found. ``code`` names the check, for programs."""

    path: Path
    line: int
    severity: Severity
    code: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.severity}: {self.what} [{self.code}]"
