"""``judge runs merge``: one run out of several, such as the shards of a job array.

Only runs of one kind are put together: same model, settings and rubrics. What comes out is a run like any other, with its
completions in the store, so that `judge label` fills its gaps and buys nothing else.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from judge.errors import UsageError
from judge.grader import Grader
from judge.labelling.bookkeeping import write_files
from judge.labelling.shard import Shard
from judge.runs import STORE, Manifest, Run
from judge.store import Store
from judge.store.merging import Added, merging

_SELECTION = ("source", "where", "limit", "sample", "seed")
_SHOWN = 5


@dataclass
class Merged:
    """What came out: ``gaps`` say what is missing, ``duplicates`` what was there twice, one sentence each."""

    manifest: Manifest
    run: Run
    gaps: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    conflicts: int = 0
    """Records that two runs have and that say different things."""


@dataclass(frozen=True, slots=True)
class _Part:
    run: Run
    manifest: Manifest

    @property
    def shard(self) -> Shard | None:
        text = self.manifest.dataset.get("shard")
        return Shard.parse(text) if text else None


def merge(sources: Sequence[str], into: str, runs_dir: Path) -> Merged:
    """Put runs together, in the order in which they are named; shards of one run in the order of its dataset.

    Args:
        sources: Names of runs in ``runs_dir``, or paths of runs' folders.
        into: Name of the run that comes out. Where a merge of that name is there, name all runs again: what is new in
            them takes the place of what they had before.
        runs_dir: Where it is put.

    Raises UsageError where the runs do not go together, and StoreError; then nothing has changed.
    """
    target = Run(into, runs_dir)
    parts = [_part(source, runs_dir) for source in sources]
    _refuse_mixing(parts, target)
    graders = tuple(dict.fromkeys(name for part in parts for name in part.manifest.graders))
    shards = [part.shard for part in parts]
    after = None in shards
    with target.locked(), Store(runs_dir / STORE) as store:
        if target.manifest() is None:
            store.forget_run(into)
        found = Merged(_manifest(parts, target), target)
        with merging(store.path, into, graders) as joining:
            added = [joining.add(part.run.store_path, part.run.name, after=after) for part in parts]
            _count_twice(found, parts, added)
            found.gaps += _missing_shards(parts)
            samples = max(part.manifest.samples for part in parts)
            short = list(islice(joining.short(len(graders) * samples), _SHOWN + 1))
            if short:
                names = ", ".join(f"{name} ({n})" for name, n in short[:_SHOWN])
                more = " and more" if len(short) > _SHOWN else ""
                found.gaps.append(f"fewer than {len(graders) * samples} records of transcripts {names}{more}")
            found.gaps += _missing_transcripts(parts, joining.transcripts())
            joining.keep()
        for grader in _rubrics(parts, graders):
            target.write_grader(grader)
        status = "incomplete" if found.gaps else "complete"
        noted = tuple(_note(part, one, runs_dir) for part, one in zip(parts, added, strict=True))
        merged = found.manifest.model_copy(update={"status": status, "merged": noted})
        found.manifest = write_files(merged, target, store)
    return found


def _part(source: str, runs_dir: Path) -> _Part:
    path = Path(source)
    folder = path if (path / "run.json").is_file() else runs_dir / source
    run = Run(folder.resolve().name, folder.resolve().parent)
    manifest = run.manifest()
    if manifest is None or not run.store_path.exists():
        what = "there is no run" if manifest is None else "this run's store is not there"
        raise UsageError(
            what,
            where=str(folder),
            expected=f"a run's folder, with {STORE} in it or beside it",
            do="name runs of --runs-dir, or copy the whole folder of a shard and give its path",
        )
    return _Part(run, manifest)


def _refuse_mixing(parts: Sequence[_Part], target: Run) -> None:
    first = parts[0]
    for folder, count in Counter(part.run.folder for part in parts).items():
        if count > 1 or folder == target.folder.resolve():
            what = "is named twice" if count > 1 else "cannot be merged into itself"
            raise UsageError(f"run {folder.name} {what}", where=str(folder))
    before = target.manifest()
    if before is not None and not before.merged:
        raise UsageError(
            f"run {target.name!r} is there already, and is no merge", do="choose another name with --into"
        )
    others = [(part.run.name, part.manifest, part.shard) for part in parts[1:]]
    others += [(target.name, before, None)] if before else []
    for name, manifest, shard in others:
        changed = first.manifest.differences(manifest)
        fields: list[tuple[str, object, object]] = []
        if first.manifest.graders.keys() == manifest.graders.keys():  # a longer rubric leaves less room
            fields.append(("window_tokens", first.manifest.window_tokens, manifest.window_tokens))
        if first.shard and shard:
            pairs = ((key, first.manifest.dataset.get(key), manifest.dataset.get(key)) for key in _SELECTION)
            fields += [*pairs, ("number of shards", first.shard.of, shard.of)]
        changed += [f"{key}: {here!r} here, {there!r} there" for key, here, there in fields if here != there]
        if changed:
            raise UsageError(
                f"{first.run.name} and {name} were made with other settings, and one run holds labels of one kind only",
                found="; ".join(changed),
                do="merge runs of one kind",
            )


def _manifest(parts: Sequence[_Part], target: Run) -> Manifest:
    """Of the first run, with what all of them add up to."""
    manifests = [part.manifest for part in parts]
    first = manifests[0]
    ours = {"shard", "whole", "fingerprint", "transcripts"}
    dataset = {key: value for key, value in first.dataset.items() if key not in ours}
    sources = [source for m in manifests for source in m.dataset.get("sources", [m.dataset.get("source")])]
    if len(names := dict.fromkeys(filter(None, sources))) > 1:
        dataset["sources"] = list(names)
    before = target.manifest()
    echoed: Counter[str] = Counter()
    for manifest in manifests:
        echoed.update(manifest.models_echoed)
    graders = before.graders if before else {}
    return first.model_copy(
        update={
            "run": target.name,
            "samples": max(manifest.samples for manifest in manifests),
            "graders": graders | {name: note for m in manifests for name, note in m.graders.items()},
            "dataset": dataset,
            "started": min(manifest.started for manifest in manifests),
            "ended": max(manifest.ended for manifest in manifests),
            "bought": {},
            "models_echoed": dict(echoed),
            "skipped": tuple(dict.fromkeys(line for m in manifests for line in m.skipped)),
        }
    )


def _note(part: _Part, added: Added, runs_dir: Path) -> dict[str, object]:
    return {
        "run": part.run.name,
        "shard": part.manifest.dataset.get("shard"),
        "status": part.manifest.status,
        "records": added.records,
        "same_store": part.run.store_path.resolve() == (runs_dir / STORE).resolve(),
    }


def _count_twice(found: Merged, parts: Sequence[_Part], added: Sequence[Added]) -> None:
    for part, one in zip(parts, added, strict=True):
        found.conflicts += one.differing
        if one.again:
            differing = f", {one.differing} of which say something else" if one.differing else ""
            found.duplicates.append(
                f"{part.run.name}: {one.again} records that a run before it has{differing}; the first ones stay"
            )
        if one.bought_again:
            found.duplicates.append(
                f"{part.run.name}: {one.bought_again} answers were bought by another run too"
            )


def _missing_shards(parts: Sequence[_Part]) -> list[str]:
    """Shards that are not there or not done, and signs that they are not of one dataset."""
    gaps = [
        f"{part.run.name} ended as {part.manifest.status!r}"
        for part in parts
        if part.manifest.status != "complete"
    ]
    shards = {part.shard.number for part in parts if part.shard}
    if shards:
        of = max(part.shard.of for part in parts if part.shard)
        lacking = [f"{number}/{of}" for number in range(1, of + 1) if number not in shards]
        gaps += [f"shards {', '.join(lacking)} are missing"] if lacking else []
    wholes = {str(whole) for part in parts if (whole := part.manifest.dataset.get("whole"))}
    if len(wholes) > 1:
        gaps.append("the shards did not read the same transcripts: the source changed in between")
    return gaps


def _missing_transcripts(parts: Sequence[_Part], found: int) -> list[str]:
    """Every shard counts the whole on its way, so what all of them together lack is known."""
    wholes = [whole for part in parts if part.shard and (whole := part.manifest.dataset.get("whole"))]
    expected = max((whole["transcripts"] for whole in wholes), default=found)
    return [f"{expected - found} of {expected} transcripts have no record"] if found < expected else []


def _rubrics(parts: Sequence[_Part], graders: Sequence[str]) -> list[Grader]:
    """As the runs kept them."""
    kept = (next((g for part in parts if (g := part.run.grader(name))), None) for name in graders)
    return [grader for grader in kept if grader is not None]
