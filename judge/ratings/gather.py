"""Read runs, whole sets and single files of labels into one table of ratings. Buys nothing."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from judge.errors import UsageError
from judge.eval_sets import ADJUDICATED, Annotator, EvalSet, read_labels
from judge.grader import Grader
from judge.ratings import NOT_RUN, Chance, Item, Kind, Question, Rater, Rating, Ratings, chances, texts
from judge.records import Annotation, Failure, Verdict
from judge.runs import Run
from judge.transcript import Transcript


def gather(
    sources: Iterable[Run | EvalSet | Path],
    graders: Mapping[str, Grader],
    cluster_key: str = "cluster",
    only: Collection[Question] | None = None,
) -> Ratings:
    """Read runs, sets and single files of labels.

    Args:
        sources: A run, a whole set (all its annotators), or one ``labels/<annotator>.jsonl`` of a set.
        graders: Rubrics by name, for labels that name no rubric and for runs that kept none.
        cluster_key: The key of the metadata by which items are resampled together.
        only: The questions to read from runs; all of them by default. A large run with many facets fills the memory.

    Raises:
        UsageError: Two raters of one name, a facet that no grader has, a run with two records of one thing or two texts of
            one rubric, a transcript that was drawn in two ways for one facet, or a source that cannot be read.
    """
    raters: list[Rater] = []
    items: dict[str, Item] = {}
    transcripts: dict[Path, dict[str, Transcript]] = {}
    drawn: dict[Question, dict[str, Chance]] = {}
    for source in sources:
        if isinstance(source, Run):
            raters.append(_judge(source, graders, items, only))
            continue
        found = source if isinstance(source, EvalSet) else EvalSet(source.parent.parent)
        if found.folder not in transcripts:
            transcripts[found.folder] = {t.id: t for t in found.transcripts()}
        paths = [found.folder / "labels" / f"{name}.jsonl" for name in found.annotators]
        chosen = paths if isinstance(source, EvalSet) else [source]
        queue = chances.read_queue(found.folder)
        for path in chosen:
            rater, labels = _annotator(found, path, graders)
            raters.append(rater)
            for question, said in labels:
                items.setdefault(said.transcript_id, Item(said.transcript_id, {}))
                chances.note(drawn, question, said, path, queue)
        for transcript in transcripts[found.folder].values():
            known = items.get(transcript.id) or Item(transcript.id, {})
            items[transcript.id] = Item(transcript.id, {**known.metadata, **transcript.metadata})
    _refuse_namesakes(raters)
    asked = {grader for rater in raters for grader, _ in rater.ratings}
    used = {name: _latest(name, raters, graders) for name in sorted(asked)}
    for name, chance in chances.overall(drawn, used).items():
        items[name] = replace(items[name], probability=chance.probability, stratum=chance.stratum)
    return Ratings(
        tuple(raters),
        items,
        used,
        cluster_key,
        tuple(EvalSet(folder) for folder in transcripts),
        {name: t for found in transcripts.values() for name, t in found.items()},
        tuple(_differing_rubrics(raters)),
        drawn,
        graders,
    )


def _refuse_namesakes(raters: Sequence[Rater]) -> None:
    names = [rater.name for rater in raters]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            "two raters have the same name",
            found=", ".join(twice),
            do="give each run and each annotator a name of its own; sets are looked at one at a time",
        )


def _judge(
    run: Run, graders: Mapping[str, Grader], items: dict[str, Item], only: Collection[Question] | None
) -> Rater:
    manifest = run.manifest()
    ratings: dict[Question, dict[tuple[str, int], Rating]] = {}
    rubrics: dict[str, Grader] = {}
    facets: dict[str, list[str]] = {}
    hashes: dict[str, str] = {}
    read: dict[str, str] = {}
    model = manifest.model if manifest else ""
    for record in run.records():
        model = model or record.model
        if hashes.setdefault(record.grader, record.grader_sha256) != record.grader_sha256:
            raise _two_texts(run, record, hashes[record.grader])
        if record.grader not in rubrics:
            rubrics[record.grader] = _rubric(run, record.grader, graders)
            asked = rubrics[record.grader].facets
            facets[record.grader] = [f for f in asked if only is None or (record.grader, f) in only]
        if not facets[record.grader]:
            continue
        texts.enter(read, record.transcript_id, record.transcript_sha256)
        if record.transcript_id not in items:
            items[record.transcript_id] = Item(record.transcript_id, record.metadata)
        for facet in facets[record.grader]:
            if isinstance(record, Verdict):
                rating = _from_verdict(record, facet)
            else:
                rating = Rating(None, record.kind, note=record.detail)
            place = ratings.setdefault((record.grader, facet), {})
            if (record.transcript_id, record.sample) in place:
                raise _twice(run, record)
            place[record.transcript_id, record.sample] = rating
    if manifest is not None and manifest.method == "logprob":  # only primary facets were asked
        primaries = {(name, grader.primary) for name, grader in rubrics.items()}
        ratings = {question: found for question, found in ratings.items() if question in primaries}
    return Rater(run.name, "judge", ratings, model, rubrics, run.folder, manifest, texts=read)


def _two_texts(run: Run, record: Verdict | Failure, first: str) -> UsageError:
    return UsageError(
        f"the records of this run are by two texts of {record.grader}",
        where=f"{run.records_path}, {record.transcript_id}",
        found=f"grader_sha256 {first} and {record.grader_sha256}",
        expected="one text of a rubric in a run",
        do="keep the records of each in a run of its own",
    )


def _twice(run: Run, record: Verdict | Failure) -> UsageError:
    key = (record.grader, record.transcript_id, record.sample)
    lines = [
        str(number)
        for number, other in enumerate(run.records(), start=1)
        if (other.grader, other.transcript_id, other.sample) == key
    ]
    return UsageError(
        f"two records of {record.transcript_id!r}, sample {record.sample}, by {record.grader}",
        where=str(run.records_path),
        found=f"lines {' and '.join(lines)}",
        expected="one record for each grader, transcript and sample",
        do="take out those that do not count",
    )


def _from_verdict(record: Verdict, facet: str) -> Rating:
    if facet not in record.values:
        return Rating(None, record.withheld.get(facet, NOT_RUN), note=record.rationale)
    return Rating(
        record.values[facet],
        evidence=tuple(item for item in record.evidence if facet in item.supports),
        note=record.rationale,
        distribution=record.distribution.get(facet, {}),
    )


def _rubric(run: Run, name: str, graders: Mapping[str, Grader]) -> Grader:
    kept = run.grader(name) or graders.get(name)
    if kept is None:
        raise UsageError(
            f"nothing says which labels {name!r} has",
            where=str(run.folder),
            do=f"put {name}.jinja into ./prompts, or name its folder with --prompts",
        )
    return kept


def _annotator(
    found: EvalSet, path: Path, graders: Mapping[str, Grader]
) -> tuple[Rater, list[tuple[Question, Annotation]]]:
    """The rater, and every label with the question that it answers."""
    labels = read_labels(path)
    facets = {facet for _, facet in labels}
    graders_of = {facet: _grader_of(found, facet, facets, graders) for facet in facets}
    ratings: dict[Question, dict[tuple[str, int], Rating]] = {}
    answers = [((graders_of[facet], facet), said) for (_, facet), said in labels.items()]
    for question, said in answers:
        ratings.setdefault(question, {})[said.transcript_id, 0] = _from_annotation(said)
    kind: Kind = "reference" if path.stem == ADJUDICATED else "annotator"
    who = found.card.annotators.get(path.stem, Annotator())
    blind = all(said.blind for said in labels.values())
    return Rater(path.stem, kind, ratings, who.family, source=path, blind=blind), answers


def _from_annotation(said: Annotation) -> Rating:
    return Rating(said.label, evidence=said.evidence, note=said.note, contested=said.contested)


def _grader_of(found: EvalSet, facet: str, labelled: set[str], graders: Mapping[str, Grader]) -> str:
    """Whose facet a label means: the card's grader, else one whose primary facet is labelled too, else the only one."""
    named = graders.get(found.card.grader)
    if named is not None and facet in named.facets:
        return named.name
    having = [grader for grader in graders.values() if facet in grader.facets]
    likely = [grader for grader in having if grader.primary in labelled] or having
    if len(likely) == 1:
        return likely[0].name
    raise UsageError(
        f"labels of {facet!r}, and {'no grader has' if not likely else 'several graders have'} such a facet",
        where=str(found.folder),
        found=", ".join(grader.name for grader in likely) or "none",
        do="name the grader in the front matter of the set's README.md (grader: NAME), or its folder with --prompts",
    )


def _latest(name: str, raters: Sequence[Rater], graders: Mapping[str, Grader]) -> Grader:
    """The rubric that a question is read by: the highest version that a judge used, else the one at hand."""
    used = [rater.rubrics[name] for rater in raters if name in rater.rubrics]
    return max(used, key=lambda grader: grader.version) if used else graders[name]


def _differing_rubrics(raters: Sequence[Rater]) -> Iterator[str]:
    hashes: dict[str, dict[str, str]] = {}
    for rater in raters:
        for name, grader in rater.rubrics.items():
            hashes.setdefault(name, {})[rater.name] = grader.sha256
    for name, found in hashes.items():
        if len(set(found.values())) > 1:
            which = ", ".join(f"{rater} {sha[:12]}" for rater, sha in found.items())
            yield f"rubrics-differ: the judges used different versions of {name}: {which}"
