"""``judge graders lint`` as a library call: every check on one prompt file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from judge.errors import GraderError, UsageError
from judge.eval_sets import EvalSet
from judge.grader import Grader
from judge.grader.file import bundled_folder, load
from judge.grader.prompt import rubric_text, system_text
from judge.linting import Finding, leaks, past, wording
from judge.linting.places import Places
from judge.providers.capabilities import capabilities_of
from judge.runs import Run
from judge.tokens import estimate_tokens

MOST_RUNS = 20
"""Past runs of a grader that are looked at, the newest first."""

LONG = 0.25
"""A rubric that takes more than this share of a model's context leaves transcripts too little of it."""


@dataclass(frozen=True)
class Surroundings:
    """What a rubric is held against.

    Args:
        sets: Where hand-labelled sets are.
        runs_dir: Where past runs are.
        model: Whose context the rubric has to fit, if anybody's.
    """

    sets: Path = Path("eval_sets")
    runs_dir: Path = Path("runs")
    model: str = ""

    def eval_sets(self) -> list[EvalSet]:
        return [EvalSet(path.parent) for path in sorted(self.sets.glob("*/transcripts.jsonl"))]

    def set_of(self, grader: Grader) -> EvalSet | None:
        """The set that is labelled for this grader: by its card, else by its name."""
        found = [s for s in self.eval_sets() if grader.name in (_grader_of(s), s.folder.name)]
        return found[0] if found else None

    def runs_of(self, grader: Grader) -> list[Run]:
        """Past runs of this grader, drafts under ``.try`` included, the newest first."""
        paths = [*self.runs_dir.glob("*/run.json"), *self.runs_dir.glob(".try/*/*/run.json")]
        runs = []
        for path in sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True):
            try:
                run = Run(path.parent.name, path.parent.parent)
                manifest = run.manifest()
            except UsageError:
                continue
            if manifest and grader.name in manifest.graders and run.records_path.exists():
                runs.append(run)
        return runs[:MOST_RUNS]


def _grader_of(found: EvalSet) -> str:
    try:
        return found.card.grader
    except UsageError:
        return ""


def lint(path: Path, around: Surroundings) -> list[Finding]:
    """All findings on a prompt file, errors first. A file that does not load is one error, with its line."""
    try:
        grader = load(path)
    except GraderError as error:
        return [_broken(path, error)]
    places = Places(grader)
    found = [
        *wording.undefined(places),
        *wording.definitions(places),
        *wording.nulls(places),
        *wording.undecided(places),
        *wording.forbidden(places),
        *length(places, around.model),
        *leaks.check(places, around.eval_sets()),
        *past.confusions(places, around.runs_of(grader), around.set_of(grader)),
        *past.meanings(places, _kept(grader, around)),
    ]
    return sorted(found, key=lambda finding: (finding.severity, str(finding.path), finding.line))


def _broken(path: Path, error: GraderError) -> Finding:
    place, _, line = error.where.rpartition(":")
    what = "; ".join(part for part in (error.what, error.found, error.do) if part)
    if line.isdecimal():
        return Finding(Path(place), int(line), "error", "broken", " ".join(what.split()))
    return Finding(path, 1, "error", "broken", " ".join(what.split()))


def _kept(grader: Grader, around: Surroundings) -> Mapping[str, Grader]:
    """Rubrics of this name that labels were made with, by run, and the bundled one. Drafts are no labels."""
    kept = {}
    for run in around.runs_of(grader):
        if run.folder.parent == around.runs_dir and (used := run.grader(grader.name)):
            kept[f"run {run.name}"] = used
    bundled = bundled_folder() / f"{grader.name}.jinja"
    if bundled.is_file() and bundled.resolve() != grader.path:
        kept["the bundled prompts"] = load(bundled)
    return kept


def length(places: Places, model: str) -> Iterator[Finding]:
    """Whether rubric and answer leave room for a transcript in this model's context."""
    if not model:
        return
    grader = places.grader
    tokens = estimate_tokens(rubric_text(grader, None)) + estimate_tokens(system_text(grader))
    facts = capabilities_of(model)
    left = facts.context_tokens - tokens - 2 * facts.max_output_tokens
    if left <= 0:
        what = (
            f"the rubric is about {tokens} tokens long; with {facts.max_output_tokens} for the answer nothing of "
            f"{model}'s context of {facts.context_tokens} is left for a transcript"
        )
        yield Finding(places.path, 1, "error", "too-long", what)
    elif tokens > LONG * facts.context_tokens:
        what = f"the rubric is about {tokens} tokens long, more than a quarter of {model}'s context of {facts.context_tokens}"
        yield Finding(places.path, 1, "warning", "long", what)
