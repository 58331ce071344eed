"""A proposed rubric as a file: the old header, a new body. Whatever a model wrote is checked before it is asked anything."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from judge.errors import GraderError
from judge.grader import Grader
from judge.grader.file import load, source, split
from judge.grader.prompt import rubric_text
from judge.linting import leaks, wording
from judge.linting.places import Places
from judge.runs import replacing
from judge.tokens import estimate_tokens
from judge.transcript import Transcript

MOST_GROWTH = 3.0
"""A proposal that is more than so many times as long as the rubric that it began with is not tried."""


class Rejected(Exception):  # noqa: N818  (an answer to a proposal, not a fault of ours)
    """A proposal that is no rubric, with the reason in words that the reflecting model can use."""


class Candidates:
    """Proposals for one rubric, kept in a folder.

    Args:
        original: The rubric that is to be improved.
        folder: Where each proposal gets a folder of its own.
        transcripts: What no proposal may repeat.
    """

    def __init__(self, original: Grader, folder: Path, transcripts: Sequence[Transcript]) -> None:
        self.original = original
        self.folder = folder
        self.transcripts = transcripts
        self.header, self.body = split(original.path)
        self.size = tokens(original)
        self._known = {repeat.transcript for repeat in leaks.repeats(self.body, transcripts)}

    def grader(self, body: str) -> Grader:
        """The rubric with this body, as a file that loads. Raises Rejected."""
        if body.strip() == self.body.strip():
            return self.original
        if body.lstrip().startswith("---"):
            raise Rejected("the rubric must begin with its text: the header is not yours to change")
        found = self._written(body)
        for finding in wording.undefined(Places(found)):
            if finding.severity == "error":
                raise Rejected(finding.what)
        if tokens(found) > MOST_GROWTH * self.size:
            raise Rejected(f"it is more than {MOST_GROWTH:g} times as long as the rubric that you began with")
        for repeat in leaks.repeats(body, self.transcripts):
            if repeat.transcript not in self._known:
                raise Rejected(
                    f"it repeats words of a transcript that it is measured on: “{repeat.words}”. "
                    "State the rule without examples from the transcripts"
                )
        return found

    def _written(self, body: str) -> Grader:
        place = self.folder / sha256(body.encode()).hexdigest()[:12]
        path = place / f"{self.original.name}.jinja"
        with replacing(path) as file:
            file.write((self.header + body.strip("\n") + "\n").encode())
        for (
            name
        ) in self.original.templates:  # parts that lie beside the original lie beside the proposal, too
            beside = source(self.original.path.parent, name)[1]
            if name != self.original.path.name and beside.parent == self.original.path.parent:
                with replacing(place / name) as file:
                    file.write(beside.read_bytes())
        try:
            return load(path)
        except GraderError as error:
            raise Rejected(f"it does not load: {error.what} {error.found}".strip()) from error


def tokens(grader: Grader) -> int:
    """About how long a rubric is as it is sent."""
    return estimate_tokens(rubric_text(grader, None))


def free_place(original: Path) -> Path:
    """The next ``name.v2.jinja`` beside a rubric that is not there yet."""
    name = original.stem.partition(".")[0]
    number = 2
    while (path := original.with_name(f"{name}.v{number}.jinja")).exists():
        number += 1
    return path


def publish(candidate: Grader, original: Path) -> Path:
    """Write a proposal beside the rubric that it came from, never over a file, and return where it is."""
    path = free_place(original)
    with path.open("xb") as file:
        file.write(candidate.path.read_bytes())
    return path
