"""From what was asked for on the command line to a desk that is ready to work at."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from judge.annotate.adjudication import Adjudication
from judge.annotate.desk import Desk, Materials, Mode
from judge.annotate.form import form_of
from judge.annotate.notebook import Notebook
from judge.annotate.place import Place, open_place
from judge.annotate.queue import Order, Triage, arrange, tickets
from judge.annotate.shelf import Shelf
from judge.annotate.verdicts import Verdicts
from judge.errors import GraderError, UsageError
from judge.eval_sets import ADJUDICATED
from judge.grader import Grader
from judge.grader.file import find, load
from judge.labelling.dataset import Dataset
from judge.runs import Run


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Args:
        target: A set, a run's folder, or a file of transcripts.
        annotator: Who labels; who decides, in adjudication.
        mode: ``blind``, ``review`` or ``adjudicate``; None for what goes with the target.
        second: Only what somebody else has labelled already.
        grader: Name or file; None for the one that the place names.
        facets: Which of its facets the form asks for; all if empty.
        queue: A file of transcript ids, such as ``judge select`` writes; None for the one beside the transcripts, if any.
        order: None for the queue's own order where there is one, else the annotator's.
        against: A second run, to compare the first with.
        between: Whose labels are adjudicated; everybody's if empty.
    """

    target: str
    annotator: str = ""
    mode: Mode | None = None
    second: bool = False
    grader: str | None = None
    facets: tuple[str, ...] = ()
    queue: Path | None = None
    order: Order | None = None
    triage: Triage = field(default_factory=Triage)
    where: dict[str, str] = field(default_factory=dict)
    against: str | None = None
    between: tuple[str, ...] = ()
    transcripts: str | None = None
    format: str = "auto"
    prompts: Path | None = None
    runs_dir: Path = Path("runs")


def furnish(options: Options) -> Desk:
    """Read everything, find out what there is to do. Raises UsageError where the session would make no sense."""
    place = open_place(options.target, options.transcripts, options.runs_dir)
    mode = options.mode or ("review" if place.kind == "run" else "blind")
    _check(options, place, mode)
    grader = grader_of(place, options.grader, options.prompts)
    queue = options.queue or place.queue
    drawn = tickets(queue, grader.name) if queue else {}
    shelf = Shelf()
    source = Dataset(place.source, options.format if place.kind == "file" else "auto", where=options.where)
    shelf.fill(item for item in source if not drawn or item[1].id in drawn)
    if missing := [name for name in drawn if name not in shelf]:
        raise UsageError(
            f"{len(missing)} transcripts of the queue are not in the source",
            where=str(queue),
            found=", ".join(missing[:5]),
            expected=f"ids of {place.source}",
        )
    verdicts = _verdicts(options, place, grader, shelf)
    names = list(drawn or shelf.cards)
    if options.triage.looks_at_verdicts and verdicts:
        names = [name for name in names if options.triage.admits(name, verdicts)]
    order: Order = options.order or ("given" if queue or options.triage.disagreement else "shuffled")
    materials = Materials(
        place=place,
        shelf=shelf,
        form=form_of(grader, options.facets),
        queue=arrange(names, options.annotator or ADJUDICATED, order),
        tickets=drawn,
        verdicts=verdicts,
    )
    return _adjudication(options, materials) if mode == "adjudicate" else _desk(options, materials, mode)


def _check(options: Options, place: Place, mode: Mode) -> None:
    if mode != "adjudicate" and not options.annotator:
        raise UsageError("who labels?", do="say so with --as NAME; the labels go to a file of that name")
    if options.annotator == ADJUDICATED:
        raise UsageError(
            f"{ADJUDICATED!r} is the name of the decisions", do="use --adjudicate, or another name"
        )
    if mode == "review" and place.run is None:
        raise UsageError(
            "there is nothing to review here",
            where=options.target,
            expected="the folder of a run, whose verdicts can be shown",
        )
    if place.run is None and (options.triage.looks_at_verdicts or options.against):
        raise UsageError("only a run can be filtered by what a judge said", where=options.target)
    if mode == "blind" and options.triage.looks_at_verdicts:
        raise UsageError(
            "a queue chosen by what the judge said tells the annotator what the judge said",
            do="leave out --blind, or have somebody else write the queue and pass it with --queue",
        )


def grader_of(place: Place, asked: str | None, prompts: Path | None) -> Grader:
    """The grader asked for, the one that the place names, or the one that has the set's name. Raises UsageError.

    A run's own rubric is taken as it was when the run used it: a review is of what the judge was told.
    """
    name = asked or place.grader
    if place.run and name and (kept := place.run.grader(name)):
        return kept
    try:
        return load(find(name or place.name, prompts))
    except GraderError:
        if name is not None:
            raise
    raise UsageError(
        "with which grader's form?",
        where=place.name,
        do="name it: --grader NAME (see `judge graders list`)",
    )


def _verdicts(options: Options, place: Place, grader: Grader, shelf: Shelf) -> Verdicts | None:
    if place.run is None:
        return None
    runs = [place.run]
    if options.against:
        folder = Path(options.against)
        runs.append(
            Run(folder.resolve().name, folder.resolve().parent)
            if (folder / "records.jsonl").is_file()
            else Run(options.against, options.runs_dir)
        )
    return Verdicts(runs, grader.name, shelf)


def _desk(options: Options, materials: Materials, mode: Mode) -> Desk:
    place = materials.place
    others = [
        _notebook(place, name) for name in place.annotators if name not in (options.annotator, ADJUDICATED)
    ]
    materials.others = others
    if options.second:
        primary = materials.form.primary
        first = [n for n in materials.queue if any(primary in other.labels(n) for other in others)]
        if not first:
            raise UsageError(
                "there is no first labelling yet, so there can be no second",
                where=str(place.labels),
                do=f"leave out --second, and {options.annotator} is the first",
            )
        materials.queue = first
    if not materials.queue:
        raise UsageError("no transcript is left to look at", where=options.target, do="loosen the filters")
    return Desk(materials, _notebook(place, options.annotator), mode)


def _adjudication(options: Options, materials: Materials) -> Desk:
    place = materials.place
    there = [name for name in place.annotators if name != ADJUDICATED]
    chosen: Sequence[str] = options.between or there
    if unknown := [name for name in chosen if name not in there]:
        raise UsageError(
            f"{unknown[0]!r} has labelled nothing here",
            where=str(place.labels),
            expected=f"one of {', '.join(there) or '(nobody yet)'}",
        )
    if len(chosen) < 2:  # noqa: PLR2004  (it takes two to disagree)
        raise UsageError(
            "it takes two labellings to disagree",
            where=str(place.labels),
            found=", ".join(chosen) or "nobody's labels",
            do="have somebody else label the set: judge annotate SET --as NAME --second",
        )
    sides = [_notebook(place, name) for name in chosen]
    return Adjudication(materials, _notebook(place, ADJUDICATED), sides, options.annotator)


def _notebook(place: Place, annotator: str) -> Notebook:
    return Notebook(place.labels, annotator, private=place.private)
