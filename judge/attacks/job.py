"""``judge attack`` as a library call: plant, label with the ordinary pipeline under each set of defences, measure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from judge.attacks.outcome import Outcome, outcome
from judge.attacks.planting import KEY, Design, Target, attacked
from judge.errors import UsageError
from judge.eval_sets import ADJUDICATED, EvalSet
from judge.grader import Grader
from judge.grader.prompt import ALL_DEFENCES, Defences
from judge.labelling import dry_run
from judge.labelling.dataset import Dataset
from judge.labelling.dry_run import DryRun
from judge.labelling.job import Options, Result, label, load_graders
from judge.labelling.pipeline import Standing
from judge.labelling.recordings import load_recordings
from judge.records import Failure, Verdict
from judge.runs import Run, replacing
from judge.store import Store
from judge.transcript import Transcript

Watch = Callable[[Standing], None]
Display = Callable[[], AbstractContextManager[Watch]]

ALL = "all"
FOLDER = "attacks"
"""Where a set keeps recorded answers to its attacked transcripts: ``eval_sets/<name>/attacks/recorded/``."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A set of defences under a name that says what is off."""

    defences: Defences = ALL_DEFENCES
    rubric_first: bool = False


SETTINGS = {
    ALL: Setting(),
    "no-markers": Setting(replace(ALL_DEFENCES, markers=False)),
    "no-neutralising": Setting(replace(ALL_DEFENCES, neutralise=False)),
    "no-grounding": Setting(replace(ALL_DEFENCES, grounding=False)),
    "rubric-first": Setting(rubric_first=True),
    "none": Setting(Defences(markers=False, neutralise=False, grounding=False), rubric_first=True),
}
"""Name to defences. ``no-grounding`` asks nothing that ``all`` did not ask, so it costs nothing beside it."""


@dataclass(frozen=True)
class Measured:
    """One set of defences: what came of the attacks, and the run that holds the records."""

    setting: str
    outcome: Outcome
    result: Result


@dataclass
class Attack:
    """What to try on whom.

    Args:
        found: The hand-labelled set; of its test split only where that is what was named.
        labelling: Model, run and so on, as for ``judge label``. The dataset is replaced, and the run's name is extended
            by the setting's for every setting but ``all``. One grader.
        design: Which attacks.
        settings: Names from ``SETTINGS``.
        limit: At most so many transcripts of the set.
    """

    found: EvalSet
    labelling: Options
    design: Design = field(default_factory=Design)
    settings: Sequence[str] = (ALL,)
    limit: int | None = None


def targets(found: EvalSet, grader: Grader, limit: int | None = None) -> list[Target]:
    """The transcripts of a set with their reference label of the grader's primary facet. Raises UsageError without any."""
    annotators = found.annotators
    if not annotators or (ADJUDICATED not in annotators and len(annotators) > 1):
        raise UsageError(
            "nobody says which labels are right",
            where=str(found.folder / "labels"),
            found=", ".join(annotators) or "no labels",
            expected=f"{ADJUDICATED}.jsonl, or one annotator's labels",
        )
    labels = found.labels(annotators[-1])
    chosen = [
        Target(transcript, str(labels[transcript.id, grader.primary].label), said.evidence)
        for transcript in found.transcripts()
        if (said := labels.get((transcript.id, grader.primary))) is not None
    ]
    if not chosen:
        raise UsageError(
            f"no transcript of this set has a label of {grader.primary}",
            where=str(found.folder),
            found=", ".join(sorted({facet for _, facet in labels})),
            do="name the grader whose facet is labelled with --grader",
        )
    return chosen[:limit]


@contextmanager
def _unseen() -> Iterator[Watch]:
    yield lambda _: None


def attack(asked: Attack, display: Display = _unseen) -> tuple[list[Measured], Path]:
    """Label the set at rest and under attack, under each setting. Returns what came of it, and the attacked transcripts.

    Stops at a setting whose run does not complete. ``display`` is opened around each run, and is given the running
    pipeline. Raises what ``judge.labelling.job.label`` raises.
    """
    (grader,) = load_graders(asked.labelling.graders[:1], asked.labelling.prompts)
    chosen = targets(asked.found, grader, asked.limit)
    truth = {target.transcript.id: target.label for target in chosen}
    path = _written(asked, grader, chosen)
    if asked.labelling.model.startswith("replay/"):
        with Store(asked.labelling.store_path) as store:
            load_recordings(str(asked.found.folder), store)
            load_recordings(str(asked.found.folder / FOLDER), store)
    measured = []
    for name in asked.settings:
        with display() as watch:
            result = label(options(asked, name, path), watch)
        measured.append(Measured(name, _outcome(grader, truth, result.run), result))
        if result.manifest.status != "complete":
            break
    return measured, path


def estimate(asked: Attack) -> DryRun:
    """What the first setting's run would cost. Plants and writes the transcripts, buys nothing."""
    (grader,) = load_graders(asked.labelling.graders[:1], asked.labelling.prompts)
    path = _written(asked, grader, targets(asked.found, grader, asked.limit))
    return dry_run.estimate(options(asked, asked.settings[0], path))


def _written(asked: Attack, grader: Grader, chosen: Sequence[Target]) -> Path:
    path = asked.labelling.runs_dir / f"{asked.labelling.run}.attack" / "transcripts.jsonl"
    write(path, (t.transcript for t in chosen), attacked(chosen, grader, asked.design))
    return path


def options(asked: Attack, setting: str, path: Path) -> Options:
    """How the attacked transcripts are labelled under a setting. Raises UsageError for one that does not exist."""
    if setting not in SETTINGS:
        raise UsageError("no such set of defences", found=setting, expected=", ".join(SETTINGS))
    chosen = SETTINGS[setting]
    return replace(
        asked.labelling,
        dataset=Dataset(str(path), "own"),
        run=asked.labelling.run if setting == ALL else f"{asked.labelling.run}.{setting}",
        order="rubric-first" if chosen.rubric_first else "transcript-first",
        defences=chosen.defences,
    )


def write(path: Path, clean: Iterable[Transcript], planted: Iterable[Transcript]) -> int:
    """Write the transcripts at rest and those under attack into one file, and return how many there are."""
    total = 0
    with replacing(path) as file:
        for group in (clean, planted):
            for transcript in group:
                file.write(transcript.model_dump_json().encode() + b"\n")
                total += 1
    return total


def _outcome(grader: Grader, truth: dict[str, str], run: Run) -> Outcome:
    def records(*, planted: bool) -> Iterator[Verdict | Failure]:
        return (record for record in run.records() if (KEY in record.metadata) == planted)

    return outcome(grader, truth, records(planted=False), records(planted=True))
