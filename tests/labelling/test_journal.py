import asyncio
import threading

import pytest

from judge.errors import StoreError
from judge.labelling.journal import Journal
from judge.store import CompletionRow, RecordRow, Store
from tests.samples import transcript


def completion(number):
    return CompletionRow(f"k{number}", "m", "d", b"body")


def test_a_row_is_on_disk_when_commit_returns(tmp_path):
    async def main():
        with Store(tmp_path / "s.sqlite") as store:
            async with Journal(store) as journal:
                await journal.commit(completion(1))
                with Store(tmp_path / "s.sqlite") as other:
                    assert other.completion("k1")

    asyncio.run(main())


def test_rows_that_arrive_during_a_commit_share_the_next(tmp_path):
    class Slow(Store):
        sizes: list[int] = []
        begun, release = threading.Event(), threading.Event()

        def write(self, rows):
            rows = list(rows)
            self.sizes.append(len(rows))
            self.begun.set()
            self.release.wait(60)
            super().write(rows)

    async def main():
        with Slow(tmp_path / "s.sqlite") as store:
            async with Journal(store) as journal:
                first = asyncio.create_task(journal.commit(completion(0)))
                await asyncio.to_thread(store.begun.wait, 60)
                rest = [asyncio.create_task(journal.commit(completion(n))) for n in range(1, 50)]
                await asyncio.sleep(0)  # all of them have begun
                store.release.set()
                await asyncio.gather(first, *rest)
            assert store.sizes == [1, 49]

    asyncio.run(main())


def test_a_cancelled_waiter_takes_nobody_with_it(tmp_path):
    async def main():
        with Store(tmp_path / "s.sqlite") as store:
            async with Journal(store) as journal:
                one = asyncio.create_task(journal.commit(completion(1)))
                two = asyncio.create_task(journal.commit(completion(2)))
                await asyncio.sleep(0)
                one.cancel()
                await two
            assert store.completion("k1") and store.completion("k2")

    asyncio.run(main())


def test_a_write_that_fails_reaches_those_who_wait_and_those_who_flush(tmp_path):
    async def main():
        with Store(tmp_path / "s.sqlite") as store:
            async with Journal(store) as journal:
                with pytest.raises(StoreError):
                    await journal.commit(CompletionRow("k", "m", "d", None))  # type: ignore[arg-type]
                journal.append(completion(1))
                with pytest.raises(StoreError):
                    await journal.flush()
            assert store.completion("k1")

    asyncio.run(main())


def test_whatever_breaks_the_writer_reaches_those_who_wait(tmp_path):
    class Broken(Store):
        def write(self, rows):
            raise ValueError("a bug")

    async def main():
        with Broken(tmp_path / "s.sqlite") as store:
            async with Journal(store) as journal:
                with pytest.raises(ValueError, match="a bug"):
                    await asyncio.wait_for(journal.commit(completion(1)), 60)
                with pytest.raises(ValueError, match="a bug"):
                    await asyncio.wait_for(journal.commit(completion(2)), 60)

    asyncio.run(main())


def test_a_write_that_fails_once_is_tried_again(tmp_path):
    class Flaky(Store):
        failures = 1

        def write(self, rows):
            if self.failures:
                self.failures -= 1
                raise StoreError("locked")
            super().write(rows)

    async def main():
        with Flaky(tmp_path / "s.sqlite") as store:
            async with Journal(store) as journal:
                await journal.commit(completion(1))
            assert store.completion("k1")

    asyncio.run(main())


def test_leaving_writes_everything_however_often_it_is_cancelled(tmp_path):
    class Slow(Store):
        def write(self, rows):
            threading.Event().wait(0.2)
            super().write(rows)

    async def main():
        with Slow(tmp_path / "s.sqlite") as store:

            async def work():
                async with Journal(store) as journal:
                    for number in range(20):
                        journal.append(completion(number))

            task = asyncio.create_task(work())
            for _ in range(3):
                await asyncio.sleep(0.05)
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert all(store.completion(f"k{number}") for number in range(20))

    asyncio.run(main())


def test_only_a_run_that_has_records_is_searched_for_them(tmp_path):
    searched = []

    class Watched(Store):
        def finished(self, run, transcript_id, fingerprint):
            searched.append((run, transcript_id))
            return super().finished(run, transcript_id, fingerprint)

    items = [(n, transcript(("user", "text", "Hello."), id=f"t{n}")) for n in range(2)]
    revision = items[0][1].revision

    async def lacking(store, run):
        async with Journal(store) as journal:
            wanted = [("g", 0)]
            found = [item for item in journal.lacking(items, run, wanted, lambda _: None) if item]
            return found, await journal.finished(run, "t0", revision)

    with Watched(tmp_path / "s.sqlite") as store:
        store.write([RecordRow("old", "t0", "g", 0, 0, 0, revision, "ok", b"{}")])
        assert asyncio.run(lacking(store, "new")) == (items, {})
        assert searched == []
        assert asyncio.run(lacking(store, "old")) == (items[1:], {("g", 0): "ok"})
        assert searched == [("old", "t0")]
