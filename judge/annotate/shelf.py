"""The transcripts of a session: bodies in a temporary database that the system deletes, a card for each in memory.

So a queue of a hundred thousand rollouts costs the memory of its cards, and a page gets its text without reading a file
again.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from judge.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of a transcript without opening it."""

    id: str
    position: int
    """In the source, from 0."""
    words: int
    metadata: dict[str, Any]

    @property
    def cluster(self) -> str:
        return str(self.metadata.get("cluster") or self.id)


class Shelf:
    """Transcripts by id, in the order in which they were put there."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("CREATE TABLE bodies (position INTEGER PRIMARY KEY, body BLOB NOT NULL)")
        self.cards: dict[str, Card] = {}

    def fill(self, items: Iterable[tuple[int, Transcript]]) -> None:
        """Put transcripts there; position in the source, transcript."""
        self._database.execute("BEGIN")
        for position, transcript in items:
            words = sum(
                message.text.count(" ") + message.text.count("\n") + 1 for message in transcript.messages
            )
            self.cards[transcript.id] = Card(transcript.id, position, words, transcript.metadata)
            body = transcript.model_dump_json().encode()
            self._database.execute("INSERT INTO bodies VALUES (?, ?)", (position, body))
        self._database.execute("COMMIT")

    def __contains__(self, transcript_id: object) -> bool:
        return transcript_id in self.cards

    def transcript(self, transcript_id: str) -> Transcript:
        """Raises KeyError for an id that is not there."""
        position = self.cards[transcript_id].position
        row = self._database.execute("SELECT body FROM bodies WHERE position = ?", (position,)).fetchone()
        return Transcript.model_validate_json(row[0])
