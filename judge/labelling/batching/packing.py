"""Requests that wait for an answer, packed into batches: as many to a batch as the provider takes.

Requests are claimed in the store a few hundred at a time, before they are written to the batch's file, so that no two
batches of any run hold the same one. The file is nameless and goes when this process does; what it holds can be rendered
again.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from judge.errors import StoreError
from judge.labelling.budget import dearest
from judge.providers.batches import BatchEndpoint, Limits
from judge.request import Request
from judge.store import Store

TOGETHER = 200
"""How many requests are claimed in one commit."""


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    model: str
    line: bytes
    most: float
    """What it may cost at most, in USD."""


@dataclass
class Packed:
    """A batch that is ready to be sent. ``lines`` is its file, at its beginning."""

    number: int
    lines: IO[bytes]
    requests: int = 0
    size: int = 0
    reserved: float = 0.0

    def fits(self, entry: _Entry, limits: Limits) -> bool:
        """Whether there is room. A limit below what one request needs does not keep it out of a batch of its own."""
        if self.requests == 0:
            return True
        return self.requests < limits.requests and self.size + len(entry.line) <= limits.size

    def count(self, entry: _Entry, sign: int = 1) -> None:
        self.requests += sign
        self.size += sign * len(entry.line)
        self.reserved += sign * entry.most


class Packer:
    """Takes requests from an iterator and fills one batch after the other.

    Args:
        wanted: The requests, rendered as they are taken.
        endpoint: What lines look like, and how much it takes.
        store: Where requests are claimed.
        folder: Where the files of lines are, unnamed.
        run: In whose name.
        affordable: Told what a batch may cost at most, says whether that is within the limit.
    """

    def __init__(
        self,
        wanted: Iterator[Request],
        endpoint: BatchEndpoint,
        store: Store,
        folder: Path,
        run: str,
        affordable: Callable[[float], bool],
    ) -> None:
        self._wanted = wanted
        self._endpoint = endpoint
        self._store = store
        self._folder = folder
        self._run = run
        self._affordable = affordable
        self._next: _Entry | None = None
        self.spent = False
        """The next request was not affordable."""
        self.too_large: dict[str, str] = {}
        """Requests that fit into no batch, with the reason."""

    async def next(self, limits: Limits) -> Packed | None:
        """The next batch, or None where there is nothing left that may be sent."""
        while (entry := self._peek()) is not None:
            if not self._affordable(entry.most):
                self.spent = True
                return None
            packed = Packed(self._store.batches.begin(self._run, entry.model), self._file())
            await self._fill(packed, limits)
            if packed.requests:
                packed.lines.seek(0)
                return packed
            packed.lines.close()
            self._store.batches.close(packed.number)
        return None

    async def _fill(self, packed: Packed, limits: Limits) -> None:
        together: list[_Entry] = []
        while (entry := self._peek()) is not None:
            if not packed.fits(entry, limits) or not self._affordable(packed.reserved + entry.most):
                break
            self._next = None
            packed.count(entry)
            together.append(entry)
            if len(together) == TOGETHER:
                self._write(packed, together)
                together = []
                await asyncio.sleep(0)  # for Ctrl-C: rendering a batch takes a while
        self._write(packed, together)

    def _peek(self) -> _Entry | None:
        while self._next is None and (request := next(self._wanted, None)) is not None:
            line = self._endpoint.line(request)
            if len(line) <= self._endpoint.limits.size:
                self._next = _Entry(request.key, request.model, line, dearest(request, batch=True))
            else:
                self.too_large[request.key] = (
                    f"the request has {len(line):,} bytes, a batch takes {self._endpoint.limits.size:,}"
                )
        return self._next

    def _write(self, packed: Packed, together: list[_Entry]) -> None:
        claimed = self._store.batches.claim(packed.number, [entry.key for entry in together])
        try:
            for entry in together:
                if entry.key in claimed:
                    claimed.discard(entry.key)  # the same question twice is one line
                    packed.lines.write(entry.line)
                else:
                    packed.count(entry, -1)
        except OSError as error:
            raise StoreError(
                "cannot write a batch's file",
                where=str(self._folder),
                found=str(error),
                do="free some space, then run the same command again: it goes on where it was",
            ) from error

    def _file(self) -> IO[bytes]:
        return tempfile.TemporaryFile(dir=self._folder)
