"""Going on where a run was: transcripts that it lacks records of, the new ones first.

Runs in the thread that reads. What is done never reaches the event loop, so that a million finished transcripts pass at
the speed of the reader. Two passes over the dataset: the first looks only at what stands in places that the run has no
records of, without reading what stands in the others, so that a run of a million records sends its first new request
within seconds. The second holds everything else against the records, text by text, because a dataset can have changed.
Trust in places thus decides what is asked first, and never what is asked.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from judge.labelling.dataset import Dataset
from judge.labelling.feed import PULSE, Item
from judge.store import Store

EVERY = 256
"""After so many transcripts with nothing to do the reader gives a sign of life, so that an interrupt is heeded."""

Done = Collection[tuple[str, int]]


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
        since = 0
        for position, transcript in _new_first(dataset, store, run, wanted):
            since += 1
            if since >= EVERY:
                since = 0
                yield PULSE
            found = store.finished(run, transcript.id, transcript.revision)
            keep(found[pair] for pair in wanted if pair in found)
            if any(pair not in found for pair in wanted):
                yield position, transcript


def _new_first(dataset: Iterable[Item], store: Store, run: str, wanted: Done) -> Iterator[Item]:
    done = bytearray()
    if isinstance(dataset, Dataset) and dataset.places_are_known:
        for position in store.finished_positions(run, wanted):
            if position >= len(done):
                done.extend(bytes(max(position + 1 - len(done), len(done))))
            done[position] = 1
    if not isinstance(dataset, Dataset) or not any(done):
        yield from dataset
        return
    held = bytes(done)
    for position, transcript in dataset.others(held):
        known = store.position(run, transcript.id)
        if known is None or known == position:
            yield position, transcript
        else:  # it has moved, or there are two of that id: for the second pass, which knows all ids
            done.extend(bytes(max(position + 1 - len(done), 0)))
            done[position] = 1
    yield from ((position, t) for position, t in dataset if position < len(done) and done[position])
