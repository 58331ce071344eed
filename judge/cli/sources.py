"""What a run, a set or a file of labels is called on the command line, and reading them into one table.

``runs/a`` or ``a`` is a run, ``eval_sets/x`` or ``x`` a hand-labelled set with all its annotators, ``eval_sets/x/test`` its
sealed split, ``eval_sets/x/labels/ana.jsonl`` one annotator. Every verb that reads ratings names them this way, and a
sealed split is written down (``judge.looks``) before anything of it is read.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from judge import looks
from judge.cli.terminal import announce
from judge.errors import GraderError, UsageError
from judge.eval_sets import EvalSet, open_set
from judge.grader import Grader
from judge.grader.file import load
from judge.ratings import Ratings
from judge.ratings.gather import gather as gather_ratings
from judge.runs import Run

Source = Run | EvalSet | Path
"""A run, a whole set, or one file of labels."""

_RUN_FILES = ("run.json", "records.jsonl")


def find(text: str, runs_dir: Path = Path("runs")) -> Source:
    """What a word on the command line names. Raises UsageError where it names nothing, or two things."""
    path = Path(text)
    if path.is_file() and path.name in _RUN_FILES:
        path = path.parent
    if path.is_file():
        return _labels(path)
    if _is_run(path):
        path = path.resolve() if path.name in ("", "..") else path  # a run is named by its folder
        return Run(path.name, path.parent)
    if (path / "transcripts.jsonl").is_file():
        return EvalSet(path)
    by_name = [kept for kept in (runs_dir / path, Path("eval_sets") / path) if _is_source(kept)]
    if len(by_name) > 1:
        raise UsageError(
            f"{text!r} is the name of a run and of a set", do=f"write {by_name[0]} or {by_name[1]}"
        )
    if by_name:
        return find(str(by_name[0]), runs_dir)
    raise UsageError(
        "there is no such run, set or file of labels",
        where=text,
        expected=f"runs: {_known(runs_dir, 'run.json')}; sets: {_known(Path('eval_sets'), 'transcripts.jsonl')}",
        do="name a run, a set's folder, its test split (SET/test), or SET/labels/ANNOTATOR.jsonl; see also --runs-dir",
    )


def run(text: str, runs_dir: Path = Path("runs")) -> Run:
    """A run by name or folder, where only a run will do. Raises UsageError where it is something else."""
    by_name = runs_dir / text
    found = Run(by_name.name, by_name.parent) if _is_run(by_name) else find(text, runs_dir)
    if not isinstance(found, Run):
        raise UsageError("a run was expected here", found=f"{text}, which holds hand labels", do="name a run")
    return found


def labelled_set(text: str, *, test: bool = False) -> EvalSet:
    """A hand-labelled set by name or folder, or with ``test`` its sealed split. Raises UsageError."""
    found = open_set(text)
    if test and not found.sealed:
        if found.test is None:
            raise UsageError(
                "this set has no sealed test split", where=str(found.folder), do="leave --test out"
            )
        found = found.test
    if not found.annotators:
        raise UsageError(
            "nobody has labelled this set",
            where=str(found.folder),
            do=f"label it: judge annotate {found.folder} --as NAME",
        )
    return found


def labels(text: str, *, test: bool = False) -> EvalSet | Path:
    """Hand labels: a set, with ``test`` its sealed split, or one annotator's file. Raises UsageError."""
    if Path(text).is_file():
        if test:
            raise UsageError(
                "--test is for a whole set", found=text, do="name SET/test/labels/ANNOTATOR.jsonl"
            )
        return _labels(Path(text))
    return labelled_set(text, test=test)


def gather(
    sources: Sequence[Source],
    verb: str,
    *,
    prompts: Path | None = None,
    cluster: str = "cluster",
) -> Ratings:
    """All ratings of these sources; sealed splits among them are written down as looked at, by this verb, first.

    Annotators among themselves are no look: nothing is chosen by how they agree.
    """
    what = tuple(_told(source) for source in sources)
    judged = any(isinstance(source, Run) for source in sources)
    for sealed in sealed_sets(sources) if judged else ():
        look(sealed, verb, what)
    return gather_ratings(sources, rubrics(prompts), cluster)


def look(sealed: EvalSet, verb: str, what: tuple[str, ...]) -> None:
    """Write a look at a sealed split down, and say so: before anything of its labels is read. Raises UsageError."""
    looks.record(sealed, verb, what)
    announce(f"{sealed.name} is sealed: this is look {len(looks.looks(sealed))} at its labels")


def sealed_sets(sources: Iterable[Source]) -> list[EvalSet]:
    """The sealed splits whose labels reading these sources would open, each once."""
    found = {}
    for source in sources:
        if not isinstance(source, Run):
            whole = source if isinstance(source, EvalSet) else EvalSet(source.parent.parent)
            if whole.sealed:
                found[whole.folder.resolve()] = whole
    return list(found.values())


def rubrics(prompts: Path | None = None) -> dict[str, Grader]:
    """Every rubric at hand by name. A file that does not load is told of and left out: it may not be needed."""
    from judge.cli.graders import paths

    found = {}
    for path in paths(prompts):
        try:
            found[path.stem] = load(path)
        except GraderError as error:
            announce(f"judge: left out, {error}")
    return found


def _labels(path: Path) -> Path:
    if path.parent.name == "labels" and (path.parent.parent / "transcripts.jsonl").is_file():
        return path
    raise UsageError(
        "this file is no annotator's labels",
        where=str(path),
        expected="a run's folder, or SET/labels/ANNOTATOR.jsonl beside SET/transcripts.jsonl",
    )


def _is_run(path: Path) -> bool:
    return any((path / name).is_file() for name in _RUN_FILES)


def _is_source(path: Path) -> bool:
    return path.is_file() or _is_run(path) or (path / "transcripts.jsonl").is_file()


def _known(folder: Path, file: str) -> str:
    names = sorted(path.parent.name for path in folder.glob(f"*/{file}"))
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") if names else f"(none in {folder}/)"  # noqa: PLR2004


def _told(source: Source) -> str:
    """One source in the list of looks."""
    if isinstance(source, Run):
        return looks.told(source)
    return str(source.folder if isinstance(source, EvalSet) else source)
