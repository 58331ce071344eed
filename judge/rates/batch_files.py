"""A batch on disk: transcripts without a word of the judge's, the queue that goes with them, and what the strata mean.

Either three files beside each other, or the folder of a new hand-labelled set with its data card. Nothing is written over,
and nothing is left behind where something fails.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from judge.errors import StoreError, UsageError
from judge.queues import QUEUE
from judge.rates.question import fact
from judge.rates.selection import Selection
from judge.runs import replacing
from judge.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the data card says: whose facet, from which run and judge, drawn with which seed; what transcripts share."""

    grader: str
    facet: str
    run: str
    model: str
    seed: int
    cluster_key: str = "cluster"
    origin: str = "natural"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files of a batch are. ``card`` is None where the batch is no set."""

    transcripts: Path
    queue: Path
    strata: Path
    card: Path | None = None

    def told(self) -> tuple[str, ...]:
        """One line for each file."""
        return (
            f"{self.transcripts}: the transcripts, in the order of labelling",
            f"{self.queue}: the queue, with what belongs to each label",
            f"{self.strata}: what the strata mean; not for whoever labels",
        )


def places(out: Path) -> Places:
    """A file ``x.jsonl`` has ``x.queue.jsonl`` and ``x.strata.json`` beside it; anything else is the folder of a set.

    Raises UsageError where something is there already.
    """
    if out.suffix == ".jsonl":
        found = Places(out, out.with_suffix(".queue.jsonl"), out.with_suffix(".strata.json"))
    else:
        found = Places(out / "transcripts.jsonl", out / QUEUE, out / "strata.json", out / "README.md")
    for path in (found.transcripts, found.queue, found.strata, found.card):
        if path is not None and path.exists():
            raise UsageError(
                "this is there already",
                where=str(path),
                do="name another place: labels may hang on the old one",
            )
    return found


def collect(selection: Selection, source: Iterable[Transcript], where: str) -> list[Transcript]:
    """The chosen transcripts in labelling order. Raises UsageError where the source lacks some."""
    wanted = {line.transcript_id for line in selection.lines}
    found: dict[str, Transcript] = {}
    for transcript in source:
        if transcript.id in wanted:
            found[transcript.id] = transcript
            if len(found) == len(wanted):
                break
    if missing := [line.transcript_id for line in selection.lines if line.transcript_id not in found]:
        raise UsageError(
            f"{len(missing)} of {len(wanted)} chosen transcripts are not in this source",
            where=where,
            found=", ".join(missing[:3]) + (" ..." if len(missing) > 3 else ""),  # noqa: PLR2004
            do="name the file that the run was made from with --from",
        )
    return [found[line.transcript_id] for line in selection.lines]


def write(
    places: Places, selection: Selection, transcripts: Iterable[Transcript], provenance: Provenance
) -> None:
    """Write all files; transcripts get ``cluster``, ``split`` and ``origin`` where they have none. Raises UsageError."""
    known = [_with_metadata(transcript, provenance) for transcript in transcripts]
    written: list[Path] = []
    whole = False
    try:
        for path, lines in _contents(places, selection, known, provenance):
            with replacing(path) as file:
                file.writelines(lines)
            written.append(path)
        whole = True
    except StoreError as error:
        raise UsageError("cannot write the batch", where=error.where, found=error.found) from error
    finally:
        for path in () if whole else written:  # also where it was interrupted
            path.unlink(missing_ok=True)


def _contents(
    places: Places, selection: Selection, transcripts: list[Transcript], provenance: Provenance
) -> Iterator[tuple[Path, list[bytes]]]:
    yield (
        places.strata,
        [_json({"frame": selection.frame, "strata": [asdict(one) for one in selection.strata]})],
    )
    yield places.queue, [line.model_dump_json().encode() + b"\n" for line in selection.lines]
    if places.card is not None:
        yield places.card, [_card(selection, provenance).encode()]
    yield places.transcripts, [t.model_dump_json(exclude_defaults=True).encode() + b"\n" for t in transcripts]


def _json(data: Mapping[str, object]) -> bytes:
    return json.dumps(data, indent=1, ensure_ascii=False).encode() + b"\n"


def _with_metadata(transcript: Transcript, provenance: Provenance) -> Transcript:
    cluster = fact(transcript.metadata, provenance.cluster_key) or transcript.id
    facts = {"cluster": cluster, "split": "dev", "origin": provenance.origin}
    return transcript.model_copy(update={"metadata": {**facts, **transcript.metadata}})


def _card(selection: Selection, provenance: Provenance) -> str:
    drawn = "a simple random sample" if selection.random else "drawn by strata with recorded probabilities"
    header = yaml.safe_dump(
        {
            "grader": provenance.grader,
            "selection": "random" if selection.random else "enriched",
            "origin": provenance.origin,
        },
        sort_keys=False,
    )
    return (
        f"---\n{header}---\n# {provenance.grader}: transcripts to label\n\n"
        f"Field: `{provenance.facet}`. {len(selection.lines)} of the {selection.frame} transcripts of the run "
        f"`{provenance.run}`, {drawn} (seed {provenance.seed}).\n\n"
        f"`{QUEUE}` is the order of labelling, and holds what belongs to each label: the chance of its transcript to be "
        "here, and its stratum. Label in that order: a part of the batch is then a sample too. `strata.json` says what the "
        "strata mean; whoever labels should not open it before the last label, because it tells what the judge said.\n"
    )
