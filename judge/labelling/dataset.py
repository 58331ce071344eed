"""Which transcripts of a source a run is about: filtered, sampled or cut short, always in the order of the source."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, cast

from judge import formats
from judge.errors import TranscriptError, UsageError
from judge.formats import Sketch
from judge.labelling.shard import Shard
from judge.transcript import Transcript, lookup

_Read = Sketch | Transcript


def transcripts_in(source: str) -> str:
    """The file of transcripts in an evaluation set's folder; any other source as it is."""
    file = Path(source) / "transcripts.jsonl"
    return str(file) if file.is_file() else source


@dataclass
class Dataset:
    """A source of transcripts, read anew by every iteration and never held in memory.

    Args:
        source: A path, the folder of an evaluation set, or ``hf:owner/name``.
        format: A module of ``judge.formats``, or ``auto``.
        where: Only transcripts whose metadata has these values. A dotted key reaches into nested metadata.
        limit: At most so many, from the beginning.
        sample: So many at random, chosen by ``seed``; the same ones every time.
        skip_bad: Leave out records that cannot be read, and list them in ``skipped``, instead of stopping.
        shard: Of what all this selects, one part.
    """

    source: str
    format: str = "auto"
    where: dict[str, str] = field(default_factory=dict)
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    skip_bad: bool = False
    shard: Shard | None = None
    skipped: list[TranscriptError] = field(default_factory=list)
    census: dict[str, Any] = field(default_factory=dict)
    """Of a shard, once it was read to its end: number and SHA-256 of the ids of the ``whole``, in order."""

    def __post_init__(self) -> None:
        self.source = transcripts_in(self.source)

    def __iter__(self) -> Iterator[tuple[int, Transcript]]:
        """Position in the source, transcript. Raises TranscriptError, or UsageError where nothing is selected."""
        return cast("Iterator[tuple[int, Transcript]]", self._chosen(self.read()))

    def sketches(self) -> Iterator[tuple[int, _Read]]:
        """The same, not built where the format can do without."""
        return self._chosen(self._matching(formats.sketches))

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the source, or all before a position: then ``unchecked`` goes over it."""
        return self.places_are_known and not self.where

    def unchecked(self) -> Iterator[tuple[int, _Read]]:
        """``sketches``, two of one id included. Only where it ``is_whole``."""
        position = -1
        for position, item in enumerate(islice(formats.sketches(self.source, self.format), self.limit)):
            if isinstance(item, TranscriptError):
                raise item
            yield position, item
        if position < 0:
            self._explain_nothing()

    def _chosen(self, items: Iterator[tuple[int, _Read]]) -> Iterator[tuple[int, _Read]]:
        if self.sample is not None:
            positions = self._sampled_positions()
            items = ((position, item) for position, item in items if position in positions)
        count, ids = 0, sha256()
        for position, item in islice(items, self.limit):
            count += 1
            if self.shard is not None:
                ids.update(f"{item.id}\0".encode(errors="surrogatepass"))
                if not self.shard.holds(item.id):
                    continue
            yield position, item
        if not count:
            self._explain_nothing()
        if self.shard is not None:
            self.census["whole"] = {"transcripts": count, "ids_sha256": ids.hexdigest()}

    @property
    def places_are_known(self) -> bool:
        """Whether a transcript's position, and whether it is selected, can be told without reading those before it."""
        cut_short = self.limit is not None and bool(self.where)
        return self.sample is None and self.shard is None and not self.skip_bad and not cut_short

    def others(self, done: bytes) -> Iterator[tuple[int, Transcript]]:
        """What an iteration yields, without the positions that have a 1 in ``done``. Only where ``places_are_known``."""
        for position, transcript in formats.others(self.source, self.format, done):
            if self.limit is not None and position >= self.limit:
                return
            if self._matches(transcript):
                yield position, transcript

    def _matches(self, transcript: _Read) -> bool:
        return all(lookup(transcript.metadata, key) == value for key, value in self.where.items())

    def read(self) -> Iterator[tuple[int, Transcript]]:
        """Position and transcript of all that match ``where``, neither sampled nor cut short."""
        return cast("Iterator[tuple[int, Transcript]]", self._matching(formats.read))

    def _matching(
        self, read: Callable[[str, str], Iterator[_Read | TranscriptError]]
    ) -> Iterator[tuple[int, _Read]]:
        self.skipped.clear()
        found = read(self.source, self.format)
        records = formats.distinct(found, self.source, self.skipped if self.skip_bad else None)
        if not self.where:
            yield from enumerate(records)
            return
        for position, item in enumerate(records):
            if self._matches(item):
                yield position, item

    def _sampled_positions(self) -> set[int]:
        """One pass that keeps ``sample`` positions, each selected transcript with equal probability (algorithm R)."""
        assert self.sample is not None
        rng = random.Random(self.seed)  # noqa: S311  (a sample, not a secret)
        kept: list[int] = []
        for count, (position, _) in enumerate(self._matching(formats.sketches)):
            if count < self.sample:
                kept.append(position)
            elif (slot := rng.randrange(count + 1)) < self.sample:
                kept[slot] = position
        return set(kept)

    def __len__(self) -> int:
        """How many transcripts an iteration yields. Costs a pass over the source where filters are set, or a shard."""
        if self.shard is not None:
            return sum(1 for _ in self.sketches())
        count = formats.count(self.source, self.format) if not self.where else None
        if count is None:
            count = sum(1 for _ in self._matching(formats.sketches))
        for bound in (self.sample, self.limit):
            count = min(count, bound) if bound is not None else count
        return count

    def _explain_nothing(self) -> None:
        if not self.where:
            raise UsageError(
                "there is nothing to label", where=self.source, found="no transcript", do="check --limit"
            )
        seen: dict[str, set[str]] = {key: set() for key in self.where}
        keys: set[str] = set()
        for _, transcript in islice(Dataset(self.source, self.format, skip_bad=self.skip_bad).read(), 1000):
            keys.update(transcript.metadata)
            for key, values in seen.items():
                values.add(str(lookup(transcript.metadata, key)))
        found = "; ".join(f"{key} has {', '.join(sorted(values)[:8])}" for key, values in seen.items())
        raise UsageError(
            "no transcript matches --where",
            where=self.source,
            found=found,
            expected=f"keys of the metadata: {', '.join(sorted(keys)) or '(there is none)'}",
        )
