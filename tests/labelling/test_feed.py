import asyncio
import sqlite3
import threading
from typing import Any

import pytest

from judge.errors import TranscriptError
from judge.labelling.feed import Feed


def run(items, workers=1):
    async def main():
        seen = []

        async def work(feed):
            while (item := await feed.next()) is not None:
                seen.append(item)
                await asyncio.sleep(0)

        async with Feed(items) as feed:
            await asyncio.gather(*(work(feed) for _ in range(workers)))
        return seen

    return asyncio.run(main())


def test_every_item_is_handed_out_once_and_in_order():
    assert run([(n, "t") for n in range(100)]) == [(n, "t") for n in range(100)]
    assert sorted(run([(n, "t") for n in range(100)], workers=7)) == [(n, "t") for n in range(100)]
    assert run([]) == []


def test_what_goes_wrong_is_raised_after_what_was_read_before_it():
    def items():
        yield 0, "a"
        yield 1, "b"
        raise TranscriptError("broken")

    async def main():
        feed: Any
        async with Feed(items()) as feed:
            assert await feed.next() == (0, "a")
            assert await feed.next() == (1, "b")
            with pytest.raises(TranscriptError, match="broken"):
                await feed.next()

    asyncio.run(main())


def test_a_source_that_keeps_things_of_its_thread_may():
    class Source:
        def __iter__(self):
            connection = sqlite3.connect(":memory:")
            for n in range(30):
                connection.execute("SELECT 1")
                yield n, "t"

    assert len(run(Source(), workers=3)) == 30


def test_it_reads_only_a_little_ahead():
    taken = []

    def items():
        for n in range(1000):
            taken.append(n)
            yield n, "t"

    async def main():
        async with Feed(items()) as feed:
            await feed.next()
            assert len(taken) < 20

    asyncio.run(main())


def test_what_was_read_before_a_pulse_is_handed_over_at_once_and_end_stops_the_reading():
    pulses, begun = 0, threading.Event()

    def items():
        nonlocal pulses
        yield 0, "a"
        yield None
        while pulses < 10_000_000:
            pulses += 1
            begun.set()
            yield None

    async def main():
        feed: Any
        async with Feed(items()) as feed:
            assert await feed.next() == (0, "a")
            assert pulses == 0
            waiting = asyncio.create_task(feed.next())
            await asyncio.to_thread(begun.wait)
            feed.end()
            return await waiting

    assert asyncio.run(main()) is None
    assert pulses < 10_000_000
