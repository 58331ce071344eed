"""What ``judge rate`` reads: runs, the hand labels beside them, and the run that shows how good their judge is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from judge import formats, looks
from judge.cli import sources
from judge.cli.terminal import announce
from judge.errors import UsageError
from judge.eval_sets import EvalSet
from judge.grader import Grader
from judge.rates.accuracy import Accuracy, accuracy
from judge.rates.conditional import Conditional, Question, conditional
from judge.rates.judges import differences, measured_in
from judge.rates.labels import checked, core_of, hand_labels
from judge.rates.question import Answers, Asked, answers, asked
from judge.rates.report import Plan, Report, Target, report
from judge.rates.strangers import strangers
from judge.ratings import Rater, Ratings, texts
from judge.ratings.gather import gather
from judge.runs import Run
from judge.stats.reasons import reason
from judge.stats.resample import Settings
from judge.transcript import Transcript


@dataclass(frozen=True)
class Request:
    """The command's words, not looked up yet."""

    runs: list[str]
    facet: str
    labels: tuple[str, ...]
    calibrated_on: str | None
    calibration_run: str | None
    confirmed: str | None
    cluster: str
    prompts: Path | None
    runs_dir: Path


def rates(request: Request, plan: Plan) -> Report:
    """Read everything and take the rates. Raises UsageError."""
    runs = [sources.run(name, request.runs_dir) for name in request.runs]
    confirmed = None if request.confirmed is None else hand_labelled(request.confirmed, alone=True)
    found = [_answers(run, request) for run in _distinct(runs)]
    calibrated = None if request.calibrated_on is None else hand_labelled(request.calibrated_on)
    measured = [_measured(request, calibrated, own) for own in found]
    _looks(confirmed, calibrated, found, [run for run in measured if run is not None])
    hands = _Hands(confirmed, calibrated)
    return report([_target(request, plan, hands, *one) for one in zip(found, measured, strict=True)], plan)


@dataclass(frozen=True)
class _Hands:
    """Where people's labels are: of the run's own transcripts, and of those that the judge is measured on."""

    confirmed: EvalSet | Path | None
    calibrated: EvalSet | Path | None


def _distinct(runs: Sequence[Run]) -> Sequence[Run]:
    names = [run.name for run in runs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            "two runs have the same name", found=", ".join(twice), do="give each run a name of its own"
        )
    return runs


def _answers(run: Run, request: Request) -> Answers:
    """Each run is read by itself: two runs may call different transcripts by one id."""
    ratings = read([run], [(request.facet, request.labels)], request.prompts, request.cluster)
    judge = ratings.judges[0]
    return answers(ratings, judge, asked(request.facet, graders_of(judge, ratings), request.labels))


def conditional_rates(
    request: Request, of: str, given: str, *, by: str | None, within: str | None, settings: Settings
) -> Conditional:
    """The rate of one label given another, from answers alone. Raises UsageError."""
    if len(request.runs) != 1:
        raise UsageError("one run at a time", found=", ".join(request.runs), do="name one run")
    runs = [sources.run(request.runs[0], request.runs_dir)]
    ratings = read(runs, [(of, ()), (given, ())], request.prompts, request.cluster)
    judge = ratings.judges[0]
    graders = graders_of(judge, ratings)
    first = answers(ratings, judge, asked(of, graders))
    second = answers(ratings, judge, asked(given, graders))
    return conditional(Question(first, second, by, within), settings)


Asking = tuple[str, tuple[str, ...]]
"""A facet in the command's words, and the labels that count."""


def read(runs: Sequence[Run], questions: Sequence[Asking], prompts: Path | None, cluster: str) -> Ratings:
    """What these runs say on these questions, and on nothing else: a large run has millions of answers. Raises UsageError."""
    rubrics = sources.rubrics(prompts)
    wanted: set[tuple[str, str]] = set()
    for run in runs:
        manifest = run.manifest()
        kept = {name: run.grader(name) or rubrics.get(name) for name in manifest.graders} if manifest else {}
        graders = {name: grader for name, grader in kept.items() if grader is not None}
        if not graders:  # nothing says beforehand what this run was asked
            return gather(runs, rubrics, cluster)
        wanted |= {asked(text, graders, labels).key for text, labels in questions}
    return gather(runs, rubrics, cluster, wanted)


def two_answers(
    runs: Sequence[Run], anchors: Sequence[EvalSet | Path], asking: Asking, prompts: Path | None, cluster: str
) -> tuple[Answers, Answers]:
    """What two runs say, asked in the rubric of the second; on a labelled set, only if all speak of one text.

    Without one each run is read by itself: two runs may call different transcripts by one id. Raises UsageError.
    """
    if anchors:
        both = sources.gather([*runs, *anchors], "drift", prompts=prompts, cluster=cluster)
        texts.refuse_mixed(both)
        read = [both, both]
    else:
        read = [sources.gather([run], "drift", prompts=prompts, cluster=cluster) for run in runs]
    first, second = read[0].judges[0], read[1].judges[-1]
    question = asked(asking[0], graders_of(second, read[1]), asking[1])
    return answers(read[0], first, question), answers(read[1], second, question)


def transcripts_of(
    old: str | None, new: str | None
) -> tuple[dict[str, Transcript], dict[str, Transcript]] | None:
    """The transcripts of two runs, where both are named."""
    if old is None or new is None:
        return None
    before, after = ({t.id: t for t in formats.transcripts(file_of(name))} for name in (old, new))
    return before, after


def file_of(source: str) -> str:
    """A file of transcripts; for the folder of a set, the one inside."""
    inside = Path(source) / "transcripts.jsonl"
    return str(inside) if inside.is_file() else source


def graders_of(judge: Rater, ratings: Ratings) -> dict[str, Grader]:
    """The rubrics that a judge used, as it used them."""
    return {
        name: judge.rubrics.get(name, grader)
        for name, grader in ratings.graders.items()
        if name in judge.rubrics
    }


def _target(request: Request, plan: Plan, hands: _Hands, found: Answers, measured: Run | None) -> Target:
    judge, question, confirmed = found.rater, found.asked, hands.confirmed
    hand = None
    if confirmed is not None:
        hand = hand_labels(confirmed, question)
        _refuse_other_texts(judge, confirmed)
        here = sum(item.id in hand.labels for item in found.items)
        announce(f"{here} of {len(hand.labels)} labels in {hand.name} are of transcripts of {judge.name}")
    part = checked(found, hand)
    core = core_of(found, hand, plan.settings) if hand is not None else None
    told = hand.warnings if hand is not None else ()
    if hands.calibrated is None or measured is None:
        return Target(found, part, core=core, warnings=(*told, *strangers(found)))
    overall, applicable = _accuracies(request, hands.calibrated, measured, found, plan)
    told = (*told, *strangers(found, _set_of(hands.calibrated)))
    return Target(found, part, overall, applicable, core, told)


def _set_of(source: EvalSet | Path) -> EvalSet:
    return source if isinstance(source, EvalSet) else EvalSet(source.parent.parent)


def _refuse_other_texts(judge: Rater, confirmed: EvalSet | Path) -> None:
    """Raise UsageError where people saw another text than the judge; a file outside of any set does not say what they saw."""
    whole = _set_of(confirmed)
    if whole.transcripts_path.is_file():
        texts.refuse_other_texts(judge, {t.id: t for t in whole.transcripts()}, whole.folder)


def hand_labelled(name: str, *, alone: bool = False) -> EvalSet | Path:
    """A set, one of its files, or with ``alone`` also a file of annotations outside of any set. Raises UsageError.

    A sealed split is known by the names of its folders, so a link to it or a path from inside it is spelt out.
    """
    path, real = Path(name), Path(name).resolve()
    if path.is_file():
        whole = EvalSet(real.parent.parent)
        if alone and not (real.parent.name == "labels" and whole.transcripts_path.is_file()):
            return path
        spelt = path.parent.name == "labels" and EvalSet(path.parent.parent).sealed == whole.sealed
        return sources.labels(name if spelt else str(real))
    found = sources.labelled_set(name)
    whole = EvalSet(found.folder.resolve())
    return whole if whole.sealed and not found.sealed else found


def _looks(
    confirmed: EvalSet | Path | None,
    calibrated: EvalSet | Path | None,
    found: Sequence[Answers],
    measured: Sequence[Run],
) -> None:
    """Write down which sealed labels are about to be read: one look for each split, in however many ways it is used."""
    pairs = [(confirmed, [own.rater.source for own in found]), (calibrated, [run.folder for run in measured])]
    what: dict[Path, tuple[EvalSet, dict[str, None]]] = {}
    for source, folders in pairs:
        for sealed in () if source is None else sources.sealed_sets([source]):
            told = what.setdefault(sealed.folder.resolve(), (sealed, {}))[1]
            told |= dict.fromkeys(looks.told(Run(folder.name, folder.parent)) for folder in folders)
            told[str(source.folder if isinstance(source, EvalSet) else source)] = None
    for sealed, told in what.values():
        sources.look(sealed, "rate", tuple(told))


def _measured(request: Request, calibrated: EvalSet | Path | None, found: Answers) -> Run | None:
    """The run with this judge's answers on the set that it is measured on. Reads no label."""
    if calibrated is None:
        return None
    if request.calibration_run is not None:
        return sources.run(request.calibration_run, request.runs_dir)
    judge, whole = found.rater, _set_of(calibrated)
    folders = list(dict.fromkeys((judge.source.parent, request.runs_dir)))
    items = [t.id for t in whole.transcripts()]
    run = measured_in(judge, found.asked.grader.name, items, folders)
    announce(f"the judge's answers on {whole.name} are taken from run {run.name}")
    return run


def _accuracies(
    request: Request, source: EvalSet | Path, run: Run, target: Answers, plan: Plan
) -> tuple[Accuracy, Accuracy]:
    """Over all answers of the judge on the set, and over those where it found the question to arise."""
    whole, judge, question = _set_of(source), target.rater, target.asked
    both = gather([run, source], sources.rubrics(request.prompts), request.cluster)
    texts.refuse_other_texts(both.judges[0], both.transcripts, whole.folder)
    hand = hand_labels(source, question)
    found = answers(both, both.judges[0], question)
    part = checked(found, hand)
    warnings = _fitness(judge, both.judges[0], question, whole)
    inside = found.applicable
    measured = [
        accuracy(found, part, hand, plan.by, plan.settings),
        accuracy(found.at(inside), part.at(inside), hand, plan.by, plan.settings),
    ]
    overall, applicable = (one.warned(*warnings) for one in measured)
    return overall, applicable


def _fitness(judge: Rater, measured: Rater, question: Asked, whole: EvalSet) -> tuple[str, ...]:
    """What speaks against carrying this run's figures over to that judge."""
    warnings: tuple[str, ...] = ()
    if judge.manifest is None or measured.manifest is None:
        warnings += (reason("other-judge", "no manifest"),)
    elif unlike := differences(judge.manifest, measured.manifest, question.grader.name):
        warnings += (reason("other-judge", ", ".join(unlike)),)
    if whole.test is not None:
        warnings += (reason("dev-split", f"{whole.name}; {whole.name}/test is sealed"),)
    return warnings
