"""A part of a dataset, for jobs that share nothing: which transcripts are in it depends on their ids alone.

So every job of an array reads the same source and takes its own part, without a list that somebody has to make first, and
a transcript stays in its part when others are added.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from judge.errors import UsageError


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``number`` of ``of``, counted from 1."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """``i/n`` as the command line has it. Raises UsageError.

        >>> Shard.parse("2/8")
        Shard(number=2, of=8)
        """
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        number, of = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= of:
            raise UsageError(
                "not a shard",
                found=repr(text),
                expected="i/n with i from 1 to n, such as 1/8 to 8/8",
                do="where a job array counts from 0, add 1 to its number" if text.startswith("0/") else "",
            )
        return cls(number, of)

    def holds(self, transcript_id: str) -> bool:
        return part(transcript_id, self.of) == self.number

    def run(self, name: str) -> str:
        """The name of this shard's run.

        >>> Shard(2, 8).run("week-12")
        'week-12.2-of-8'
        """
        return f"{name}.{self.number}-of-{self.of}"

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def part(transcript_id: str, of: int) -> int:
    """In which part, counted from 1, of ``of`` a transcript is."""
    digest = sha256(transcript_id.encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % of + 1
