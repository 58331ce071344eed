"""Where in a rubric's files something stands: the line of a key in the header, of a passage in the body or in a part."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from judge.grader import Grader
from judge.grader.file import FRAME, source, split


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a file that matched."""

    path: Path
    line: int
    text: str
    sentence: str
    """What stands around it between two full stops or line ends."""


@dataclass(frozen=True)
class Places:
    """A loaded rubric and the files that it was loaded from."""

    grader: Grader

    @property
    def path(self) -> Path:
        return self.grader.path

    @cached_property
    def files(self) -> dict[Path, str]:
        """The grader's own file, header included, and the parts that it includes, without the frame around all rubrics."""
        found = {self.path: self.path.read_text(encoding="utf-8")}
        for name in self.grader.templates:
            if name not in FRAME and name != self.path.name:
                found[source(self.path.parent, name)[1]] = self.grader.templates[name]
        return found

    @cached_property
    def body(self) -> dict[Path, str]:
        """The same files with the header blanked: what is the rubric's prose."""
        return self.files | {self.path: self.grader.templates[self.path.name]}

    @cached_property
    def _header(self) -> yaml.Node | None:
        return yaml.compose(split(self.path)[0].strip().strip("-"))

    def line(self, *keys: str) -> int:
        """The line of a key of the header, as far as the path of keys can be followed."""
        node, line = self._header, 1
        for key in keys:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            found = next((pair for pair in pairs if pair[0].value == key), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        return line

    def search(self, pattern: "re.Pattern[str]", *, header: bool = False) -> Iterator[Passage]:
        """Every match in the body, or in header and body."""
        for path, text in (self.files if header else self.body).items():
            for match in pattern.finditer(text):
                line = text.count("\n", 0, match.start()) + 1
                yield Passage(path, line, match[0], _sentence(text, match.start(), match.end()))


def _sentence(text: str, start: int, end: int) -> str:
    before = max(text.rfind(mark, 0, start) for mark in (". ", "\n", "; ", ": "))
    after = [at for mark in (". ", "\n", "; ") if (at := text.find(mark, end)) >= 0]
    return text[before + 1 : min(after, default=len(text))]
