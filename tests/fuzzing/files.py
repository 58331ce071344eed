"""Mutated files through every reader: a transcript, a complaint, or an error of ours, in bounded time."""

import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from judge import formats
from judge.errors import JudgeError, TranscriptError
from judge.transcript import Transcript
from tests.fuzzing.mutations import mutated_bytes

FIXTURES = Path(__file__).resolve().parents[1] / "formats" / "fixtures"
RARE = (".eval",)
"""Slow to read, because ``inspect_ai`` is: tried one time in a hundred."""


@dataclass
class Tally:
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    """Seconds of CPU, and of which file."""


class Fuzz:
    """One stream of files, fixed by its seed, written into ``folder`` one after the other."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        self.seeds = [(path.suffix, path.read_bytes()) for path in sorted(FIXTURES.iterdir())]
        self.seeds += [(".parquet", _parquet()), (".arrow", _arrow())]
        self.common = [(ending, data) for ending, data in self.seeds if ending not in RARE]
        self.rare = [(ending, data) for ending, data in self.seeds if ending in RARE]
        self.tally = Tally()

    def run(self, count: int) -> Tally:
        """Read so many. Raises whatever is not one of our errors; the file stays where it is."""
        everything = [data for _, data in self.seeds]
        for _ in range(count):
            ending, data = self.rng.choice(self.rare if self.rng.random() < 0.01 else self.common)
            path = self.folder / f"mutated{ending}"
            path.write_bytes(mutated_bytes(self.rng, data, everything))
            format_ = "auto" if self.rng.random() < 0.7 else self.rng.choice(formats.names())
            begun = process_time()
            self.tally.outcomes[self._read(path, format_)] += 1
            self.tally.slowest = max(self.tally.slowest, (process_time() - begun, f"{ending} {format_}"))
        return self.tally

    def _read(self, path: Path, format_: str) -> str:
        kinds: set[str] = set()
        try:
            for item in formats.read(str(path), format_):
                assert isinstance(item, Transcript | TranscriptError)
                assert str(item)
                if isinstance(item, Transcript):
                    item.model_dump_json()
                    assert item.fingerprint
                kinds.add(type(item).__name__)
        except JudgeError as error:
            return f"file refused ({type(error).__name__})"
        return " and ".join(sorted(kinds)) or "nothing"


def _table() -> Any:
    messages = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Good day."}]
    return pa.table({"id": ["a", "b"], "messages": [messages, messages], "score": [0.5, 1.0]})


def _parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(_table(), sink)
    return bytes(sink.getvalue().to_pybytes())


def _arrow() -> bytes:
    sink = pa.BufferOutputStream()
    table = _table()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue().to_pybytes())
