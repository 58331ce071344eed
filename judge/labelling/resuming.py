"""Going on where a run was: transcripts that it lacks records of, the new ones first.

Runs in the thread that reads. What is done never reaches the event loop, so that a million finished transcripts pass at
the speed of the reader. Two passes over the dataset: the first looks only at what stands in places that the run has no
records of, without reading what stands in the others, so that a run of a million records sends its first new request
within seconds. The second holds everything else against the records, text by text, because a dataset can have changed.
Trust in places thus decides what is asked first, and never what is asked.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from judge.formats import Sketch
from judge.labelling.dataset import Dataset
from judge.labelling.feed import PULSE, Item
from judge.store import Finished, Store
from judge.transcript import Transcript

EVERY = 256
"""After so many transcripts with nothing to do the reader gives a sign of life, so that an interrupt is heeded."""

Done = Collection[tuple[str, int]]

_NOTHING: Finished = {}
_NOWHERE: Mapping[int, Finished] = {}
_Read = tuple[int, Sketch | Transcript]


def lacking(
    dataset: Iterable[Item], store_path: Path, run: str, wanted: Done, keep: Callable[[Iterable[str]], None]
) -> Iterator[Item | None]:
    """The transcripts that lack a record, with pulses between them.

    Args:
        dataset: All transcripts.
        store_path: Opened here anew, since this is another thread.
        run: The run's name in the store.
        wanted: Grader and sample of every record that a transcript should have.
        keep: Told the states of the records that are there.
    """
    with Store(store_path) as store:
        records = _Records(store, run, wanted)
        looked_up = ((place, item, records.of(place, item)) for place, item in _new_first(dataset, records))
        yield from missing(looked_up, wanted, keep)


def missing(
    looked_up: Iterable[tuple[int, Sketch | Transcript, Finished]],
    wanted: Done,
    keep: Callable[[Iterable[str]], None],
) -> Iterator[Item | None]:
    """Of transcripts, each with what the run holds of it, those that lack something that is wanted; with pulses."""
    since = 0
    kept: list[str] = []
    for position, item, found in looked_up:
        there = [found[pair] for pair in wanted if pair in found]
        kept += there
        since += 1
        lacks = len(there) < len(wanted)
        if lacks or since == EVERY:
            keep(kept)
            kept = []
        if since == EVERY:
            since = 0
            yield PULSE
        if lacks:
            yield position, item if isinstance(item, Transcript) else item.transcript()
    keep(kept)


class _Records:
    """What the run has records of, looked up by place for many transcripts at once, and by id for those that moved."""

    def __init__(self, store: Store, run: str, wanted: Done) -> None:
        self._store = store
        self._run = run
        self._wanted = set(wanted)
        self._places = (0, 0)
        self._there: dict[tuple[str, str], dict[int, Finished]] = {}

    def of(self, position: int, item: Sketch | Transcript) -> Finished:
        """(grader, sample) to status, of what the run holds of this very text and need not be done again."""
        for found in self._near(position, item).values():
            if self._suffices(found):
                return found
        return self._store.finished(self._run, item.id, item.revision)

    def stand(self, position: int, item: Sketch | Transcript) -> bool:
        """Whether all that the run has of this id was made of what stood here.

        Then it is in no other place of the dataset, unless that one's records do not ``stand``: an id has one record for
        each grader and sample, and that has one position.
        """
        found = self._near(position, item).get(position, _NOTHING)
        return self._suffices(found) or self.positions(item.id) == {position}

    def places(self) -> Iterator[range]:
        """The positions that have all records which are wanted."""
        return self._store.finished_positions(self._run, self._wanted)

    def positions(self, transcript_id: str) -> set[int]:
        return self._store.positions(self._run, transcript_id)

    def _near(self, position: int, item: Sketch | Transcript) -> Mapping[int, Finished]:
        """By position, what there is of this very text in the stretch of places that is being read."""
        if not self._places[0] <= position < self._places[1]:
            self._places = (position, position + EVERY)
            self._there = self._store.finished_at(self._run, range(*self._places))
        return self._there.get((item.id, item.revision), _NOWHERE)

    def _suffices(self, found: Finished) -> bool:
        return found.keys() >= self._wanted


def _new_first(dataset: Iterable[Item], records: _Records) -> Iterator[_Read]:
    if not isinstance(dataset, Dataset):
        yield from dataset
        return
    done = bytearray()
    for places in records.places() if dataset.places_are_known else ():
        _mark(done, places)
    if not any(done):
        yield from dataset.sketches()
        return
    for position, transcript in dataset.others(bytes(done)):
        if records.positions(transcript.id) <= {position}:
            yield position, transcript
        else:  # it has moved, or there are two of that id: for the pass that knows all ids
            _mark(done, range(position, position + 1))
    yield from _held(dataset, records, done)


def _held(dataset: Dataset, records: _Records, done: bytearray) -> Iterator[_Read]:
    """What stands in the places that are ``done``.

    As long as everything is where it was, no two can have the same id, and ids need not be compared with one another.
    """
    if dataset.is_whole:
        for position, item in dataset.unchecked():
            if position < len(done) and done[position]:
                if not records.stand(position, item):
                    break
                done[position] = 0
                yield position, item
        else:
            return
    for position, item in dataset.sketches():
        if position < len(done) and done[position]:
            yield position, item


def _mark(done: bytearray, places: range) -> None:
    if places.stop > len(done):
        done.extend(bytes(max(places.stop - len(done), len(done))))
    done[places.start : places.stop] = b"\1" * len(places)
