"""Which transcripts of a source a run is about: filtered, sampled or cut short, always in the order of the source."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from judge import formats
from judge.errors import TranscriptError, UsageError
from judge.labelling.shard import Shard
from judge.transcript import Transcript, lookup


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
        if (inside := Path(self.source) / "transcripts.jsonl").is_file():
            self.source = str(inside)

    def __iter__(self) -> Iterator[tuple[int, Transcript]]:
        """Position in the source, transcript. Raises TranscriptError, or UsageError where nothing is selected."""
        chosen = self._sampled_positions() if self.sample is not None else None
        matching = ((position, t) for position, t in self.read() if chosen is None or position in chosen)
        count, ids = 0, sha256()
        for position, transcript in islice(matching, self.limit):
            count += 1
            if self.shard is not None:
                ids.update(f"{transcript.id}\0".encode(errors="surrogatepass"))
                if not self.shard.holds(transcript.id):
                    continue
            yield position, transcript
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

    def _matches(self, transcript: Transcript) -> bool:
        return all(lookup(transcript.metadata, key) == value for key, value in self.where.items())

    def read(self) -> Iterator[tuple[int, Transcript]]:
        """Position and transcript of all that match ``where``, neither sampled nor cut short."""
        self.skipped.clear()
        records = formats.transcripts(
            self.source, self.format, skipped=self.skipped if self.skip_bad else None
        )
        for position, transcript in enumerate(records):
            if self._matches(transcript):
                yield position, transcript

    def _sampled_positions(self) -> set[int]:
        """One pass that keeps ``sample`` positions, each selected transcript with equal probability (algorithm R)."""
        assert self.sample is not None
        rng = random.Random(self.seed)  # noqa: S311  (a sample, not a secret)
        kept: list[int] = []
        for count, (position, _) in enumerate(self.read()):
            if count < self.sample:
                kept.append(position)
            elif (slot := rng.randrange(count + 1)) < self.sample:
                kept[slot] = position
        return set(kept)

    def __len__(self) -> int:
        """How many transcripts an iteration yields. Costs a pass over the source where filters are set, or a shard."""
        if self.shard is not None:
            return sum(1 for _ in self)
        count = formats.count(self.source, self.format) if not self.where else None
        if count is None:
            count = sum(1 for _ in self.read())
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
