"""A run on several workers, without a cluster: the real desk, pipeline, store and SDK, in one process."""

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pytest

from judge.errors import StoreError, TranscriptError, UsageError
from judge.labelling.budget import BudgetSpent
from judge.labelling.dataset import Dataset
from judge.labelling.distributed import line as line_module
from judge.labelling.distributed import worker as worker_module
from judge.labelling.distributed.desk import Desk, Mailbox
from judge.labelling.distributed.fleet import ATTEMPTS, Fleet, WorkerLost
from judge.labelling.distributed.line import Line, SharedBudget, SharedGate, SharedJournal
from judge.labelling.gate import Closed
from judge.labelling.job import Options, label
from judge.labelling.journal import NotYet
from judge.providers.settings import Settings
from judge.request import Capabilities, Completion, Usage
from judge.store import CompletionRow
from tests.cli.command import MODEL, write
from tests.loopback import KEY
from tests.samples import transcript

PATIENT = 120
"""Seconds after which a test that hangs is over."""


def run(work):
    return asyncio.run(asyncio.wait_for(work, PATIENT))


async def until(met):
    while not met():  # noqa: ASYNC110  (nobody tells)
        await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def line_to(desk, name):
    await desk.join(name)
    line = Line(lambda messages: desk.tell(name, messages), lambda: desk.listen(name))
    async with line:
        yield line


@contextlib.asynccontextmanager
async def shop(desk, stored):
    """Who does with a store what the desk orders; ``stored`` is the store."""

    async def serve():
        while True:
            for number, what, given in await desk.orders():
                if what == "write":
                    stored.update({row.key: read(row) for row in given[0]})
                    result = None
                else:
                    result = stored.get(given[0])
                await desk.deliver([(number, result, None)])

    serving = asyncio.create_task(serve())
    try:
        yield
    finally:
        serving.cancel()


def desk(ceiling=100, limit=None, spent=0.0, **known):
    return Desk(ceiling, Capabilities(**known), limit, spent)


def read(row):
    return Completion(row.body, row.dialect, "", "stop", Usage(), "m")


def row(key):
    return CompletionRow(key, MODEL, "openai_chat", b"{}", "r", 0.5)


@pytest.mark.parametrize("turns", range(6))
def test_a_reader_who_is_let_go_just_as_a_message_comes_goes_and_leaves_it_there(turns):
    async def main():
        box: Mailbox[str] = Mailbox()
        reading = asyncio.create_task(box.take())
        await asyncio.sleep(0.01)
        box._rhythm._next = float("inf")  # it would have to wait for its next handful
        box.put("a message")
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading], timeout=0.5)
        assert reading.cancelled()
        box._rhythm._next = 0.0
        assert await box.take() == ["a message"]

    run(main())


def test_places_are_counted_over_all_workers():
    async def main():
        middle = desk(ceiling=3)
        async with line_to(middle, "a") as one, line_to(middle, "b") as two:
            gates = [SharedGate(one, 3), SharedGate(two, 3)]
            waiting = [asyncio.create_task(gates[n % 2].enter(first=False, tokens=5.0)) for n in range(8)]
            await until(lambda: sum(task.done() for task in waiting) >= 3)
            await asyncio.sleep(0.1)  # in which a fourth would come
            assert sum(task.done() for task in waiting) == 3 == middle.gate.in_flight
            for number in range(5):
                gates[number % 2].leave(5.0, 4.0)
            await asyncio.gather(*waiting)
            assert middle.gate.in_flight == 3

    run(main())


def test_what_one_worker_hears_of_a_limit_slows_all():
    async def main():
        middle = desk()
        async with line_to(middle, "a") as one, line_to(middle, "b") as two:
            await SharedGate(one, 9).enter(first=True)
            SharedGate(one, 9).refused(30.0)
            await until(lambda: middle.gate.paused_until > 0)
            entering = asyncio.create_task(SharedGate(two, 9).enter(first=True))
            await asyncio.sleep(0.1)
            assert not entering.done() and await middle.resting() > 25
            entering.cancel()

    run(main())


def test_a_worker_that_stops_takes_back_only_its_own_requests():
    async def main():
        middle = desk(ceiling=1)
        async with line_to(middle, "a") as one, line_to(middle, "b") as two:
            mine, other = SharedGate(one, 1), SharedGate(two, 1)
            await mine.enter(first=True)
            stopped = asyncio.create_task(mine.enter(first=True))
            waiting = asyncio.create_task(other.enter(first=True))
            await asyncio.sleep(0.05)
            mine.close()
            with pytest.raises(Closed):
                await stopped
            with pytest.raises(Closed):
                await mine.enter(first=True)
            assert not waiting.done()
            mine.leave()
            await waiting

    run(main())


def test_a_request_that_is_taken_back_in_the_breath_in_which_it_was_made_is_answered():
    async def main():
        middle = desk(ceiling=1)
        async with line_to(middle, "a") as one:
            gate = SharedGate(one, 1)
            await gate.enter(first=True)
            entering = asyncio.create_task(gate.enter(first=True))
            await asyncio.sleep(0)
            gate.close()
            with pytest.raises(Closed):
                await entering

    run(main())


def test_money_is_set_aside_for_all_workers_together_and_a_lost_one_may_have_spent_its_own():
    async def main():
        middle = desk(limit=10.0, spent=1.0)
        async with line_to(middle, "a") as one, line_to(middle, "b") as two:
            mine, other = SharedBudget(one, 10.0), SharedBudget(two, 10.0)
            await mine.reserve(4.0)
            await other.reserve(4.0)
            waiting = asyncio.create_task(other.reserve(4.0))
            await asyncio.sleep(0.05)
            assert not waiting.done(), "1 + 4 + 4 + 4 is more than 10"
            other.settle(4.0, 1.0)
            await waiting
            other.settle(4.0, 1.0)
            await asyncio.sleep(0.05)
        await middle.gone("a")
        assert middle.budget.spent == 1.0 + 1.0 + 1.0 + 4.0
        async with line_to(middle, "c") as three:
            with pytest.raises(BudgetSpent):
                await SharedBudget(three, 10.0).reserve(4.0)

    run(main())


def test_a_lost_workers_places_are_free_again():
    async def main():
        middle = desk(ceiling=2)
        async with line_to(middle, "a") as one:
            gate = SharedGate(one, 2)
            await asyncio.gather(gate.enter(first=True, tokens=3.0), gate.enter(first=True, tokens=3.0))
            waiting = asyncio.create_task(gate.enter(first=True))
            await asyncio.sleep(0.05)
        await middle.gone("a")
        assert middle.gate.in_flight == 0
        async with line_to(middle, "b") as two:
            await SharedGate(two, 2).enter(first=True)
        waiting.cancel()

    run(main())


def test_one_question_is_bought_once_whichever_workers_ask_it():
    async def main():
        middle = desk()
        stored: dict[str, Completion] = {}
        async with shop(middle, stored), line_to(middle, "a") as one, line_to(middle, "b") as two:
            buyer, other = SharedJournal(one), SharedJournal(two)
            assert await buyer.answer("k") is None, "the first one is to buy it"
            asking = asyncio.create_task(other.answer("k"))
            await asyncio.sleep(0.05)
            assert not asking.done()
            await buyer.commit(row("k"))
            assert await asking == read(row("k"))

    run(main())


@pytest.mark.parametrize("lost", [True, False])
def test_what_nobody_buys_any_more_somebody_else_may(lost):
    async def main():
        middle = desk()
        async with shop(middle, {}), line_to(middle, "b") as two:
            async with line_to(middle, "a") as one:
                buyer = SharedJournal(one)
                assert await buyer.answer("k") is None
                asking = asyncio.create_task(SharedJournal(two).answer("k"))
                await asyncio.sleep(0.05)
                if not lost:
                    buyer.release("k")
            if lost:
                assert not asking.done()
                await middle.gone("a")
            assert await asking is None

    run(main())


def test_what_a_lost_worker_had_handed_over_is_kept_before_anybody_may_buy_it():
    async def main():
        middle = desk()
        stored: dict[str, Completion] = {}
        await middle.join("b")
        async with line_to(middle, "b") as two:
            async with line_to(middle, "a") as one:
                buyer = SharedJournal(one)
                answering = asyncio.create_task(buyer.answer("k"))
                ((number, _, _),) = await middle.orders()
                await middle.deliver([(number, None, None)])
                await answering
                committing = asyncio.create_task(buyer.commit(row("k")))
                ((number, what, _),) = await middle.orders()
                assert what == "write"
            await middle.gone("a")
            asking = asyncio.create_task(SharedJournal(two).answer("k"))
            await asyncio.sleep(0.05)
            assert not asking.done()
            await middle.deliver([(number, None, None)])
            committing.cancel()
            stored["k"] = read(row("k"))
            async with shop(middle, stored):
                assert await asking == read(row("k"))

    run(main())


@pytest.mark.parametrize("error", [StoreError("the disk is full", where="x"), NotYet("in a batch")])
def test_errors_of_the_store_reach_the_worker_that_asked(error):
    async def main():
        middle = desk()
        async with line_to(middle, "a") as one:
            asking = asyncio.create_task(SharedJournal(one).answer("k"))
            ((number, _, _),) = await middle.orders()
            await middle.deliver([(number, None, error)])
            with pytest.raises(type(error)):
                await asking

    run(main())


def test_a_desk_that_is_gone_is_an_error_for_everybody_who_waits():
    async def main():
        async def broken(*_):
            raise ConnectionError("the actor died")

        async def silent():
            await asyncio.sleep(60)

        async with Line(broken, silent) as line:
            with pytest.raises(ConnectionError):
                await line.call("enter", True, 1.0)
            with pytest.raises(ConnectionError):
                await line.call("enter", True, 1.0)

    run(main())


def reading(items):
    """The first of ``items``, read by a thread that nobody has to wait for."""
    first: Future[Any] = Future()

    def read():
        try:
            first.set_result(next(iter(items)))
        except Exception as error:  # noqa: BLE001
            first.set_exception(error)

    threading.Thread(target=read, daemon=True).start()
    return asyncio.wait_for(asyncio.wrap_future(first), PATIENT / 2)


@pytest.mark.parametrize("late", [False, True])
def test_a_reader_that_asks_about_the_store_is_let_go_when_the_line_ends(late):
    async def main():
        middle = desk()
        async with line_to(middle, "a") as one:
            lacking = SharedJournal(one).lacking([], "r", [("g", 0)], lambda _: None)
            if not late:
                asking = asyncio.create_task(reading(lacking))
                await middle.orders()
        with pytest.raises(Closed):
            await (reading(lacking) if late else asking)

    run(main())


class Here:
    """A cluster within this process; ``lose`` says which attempts at a shard end as if the machine had gone."""

    def __init__(self, lose, *desk_arguments):
        self.desk = Desk(*desk_arguments)
        self.lose = lose
        self.settings = Settings.load(openai_api_key=KEY)

    async def ask(self, what, *given):
        return await getattr(self.desk, what)(*given)

    async def work(self, task, name):
        settings = self.settings.model_copy(update={"base_url": task.settings["base_url"]})
        line = Line(lambda messages: self.desk.tell(name, messages), lambda: self.desk.listen(name))
        working = asyncio.create_task(worker_module._label(task, settings, line))
        if self.lose(name):
            await asyncio.sleep(0.3)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            raise WorkerLost("WorkerCrashedError")
        return await working

    async def leave(self):
        """Nothing was opened."""


class Engine:
    def __init__(self, workers, lose=lambda _: False):
        self.workers, self.lose = workers, lose

    def invocation(self, options, plan, provider, store):
        connect = lambda *arguments: Here(self.lose, *arguments)  # noqa: E731
        return Fleet(connect, self.workers, options, plan, (provider, store))


@pytest.fixture
def options(tmp_path, server):
    write(tmp_path / "data.jsonl", 24)
    return Options(
        Dataset(str(tmp_path / "data.jsonl")),
        ("eval_awareness", "reward_seeking"),
        MODEL,
        "r",
        tmp_path / "runs",
        in_flight=4,
        settings=Settings.load(base_url=server.openai_url, openai_api_key=KEY),
    )


def test_records_are_those_of_one_process_and_a_second_time_nothing_is_bought(options, server, tmp_path):
    shared = label(replace(options, engine=Engine(3)))
    bought = server.stats()["bought"]
    assert shared.manifest.status == "complete" and server.stats()["bought_again"] == 0
    assert shared.manifest.bought["requests"] == bought
    alone = label(replace(options, runs_dir=tmp_path / "alone"))
    for name in ("records.jsonl", "records.parquet"):
        assert (shared.run.folder / name).read_bytes() == (alone.run.folder / name).read_bytes()
    for key in ("counts", "usage", "cost_usd", "dataset", "models_echoed"):
        assert getattr(shared.manifest, key) == getattr(alone.manifest, key), key
    again = label(replace(options, engine=Engine(2)))
    assert again.manifest.bought["requests"] == 0 and server.stats()["bought"] == 2 * bought


class Listening(Engine):
    """Keeps what was asked of the store."""

    def __init__(self, workers):
        super().__init__(workers)
        self.orders: list[tuple[str, Any]] = []

    def invocation(self, options, plan, provider, store):
        fleet = super().invocation(options, plan, provider, store)
        connect = fleet._connect

        def listened(*arguments):
            cluster = connect(*arguments)
            order = cluster.desk._order

            def note(what, *given):
                self.orders.append((what, given))
                return order(what, *given)

            cluster.desk._order = note
            return cluster

        fleet._connect = listened
        return fleet

    def texts(self):
        return [len(given[1]) for what, given in self.orders if what == "finished"]


def test_the_store_is_asked_about_many_transcripts_at_once_and_not_at_all_in_a_new_run(options, tmp_path):
    write(tmp_path / "data.jsonl", 300)
    options = replace(options, graders=("eval_awareness",))
    first, again = Listening(1), Listening(2)
    label(replace(options, engine=first))
    assert first.texts() == []
    done = label(replace(options, engine=again))
    assert sum(again.texts()) == 300 and len(again.orders) <= 2 * (1 + len([32, 64, 128]))
    assert done.manifest.bought["requests"] == 0 and len(list(done.run.records())) == 300


def test_workers_label_what_is_new_or_another_text_and_nothing_else(options, server, tmp_path):
    label(replace(options, graders=("eval_awareness",), engine=Engine(2)))
    bought = server.stats()["bought"]
    lines = (tmp_path / "data.jsonl").read_text().splitlines()
    lines[3] = lines[3].replace("tidy the module", "tidy that module")
    write(tmp_path / "data.jsonl", 30)
    lines += (tmp_path / "data.jsonl").read_text().splitlines()[24:]
    (tmp_path / "data.jsonl").write_text("\n".join(lines) + "\n")
    done = label(replace(options, graders=("eval_awareness",), engine=Engine(2)))
    assert done.manifest.bought["requests"] == 7 == server.stats()["bought"] - bought
    assert [record.transcript_id for record in done.run.records()] == [f"t{n}" for n in range(30)]


def test_what_was_read_before_a_bad_record_is_labelled_by_a_worker_that_goes_on_too(
    options, server, tmp_path
):
    options = replace(options, graders=("eval_awareness",), engine=Engine(1))
    label(replace(options, dataset=replace(options.dataset, limit=5)))
    with (tmp_path / "data.jsonl").open("a") as file:
        file.write("{broken\n")
    with pytest.raises(TranscriptError, match="data.jsonl:25"):
        label(options)
    assert server.stats()["bought"] >= 24 - options.in_flight, "but for those that were waiting to be sent"


def test_few_long_transcripts_are_held_for_a_question(monkeypatch):
    monkeypatch.setattr(line_module, "HELD", 100)
    items = enumerate(transcript(("user", "text", "x" * 40), id=str(n)) for n in range(5))
    assert [len(line_module._next_few(items, 32)[0]) for _ in range(3)] == [3, 2, 0]


def test_another_worker_goes_on_where_one_was_lost(options, server):
    server.service.options.latency = 0.1
    said: list[str] = []
    done = label(replace(options, engine=Engine(2, lambda name: name == "1.1"), say=said.append))
    assert done.manifest.status == "complete"
    assert any("part 1/2 is lost" in line for line in said)
    assert server.stats()["bought_again"] <= 4, "at most what was in flight"
    assert len(list(done.run.records())) == 48


def test_a_shard_over_which_every_worker_is_lost_ends_the_run_with_an_error(options, server):
    server.service.options.latency = 1
    with pytest.raises(Exception, match=f"lost {ATTEMPTS} times without getting anywhere"):
        label(replace(options, engine=Engine(2, lambda name: name.startswith("2."))))


def test_money_runs_out_for_all_at_once(options, server):
    done = label(replace(options, engine=Engine(3), max_cost=0.02))
    assert done.manifest.status == "budget"
    assert 0 < done.manifest.bought["cost_usd"] <= 0.02
    assert done.manifest.bought["requests"] == server.stats()["bought"] < 48


def test_a_worker_that_cannot_read_the_source_says_so(options, tmp_path):
    dataset = Dataset(str(tmp_path / "elsewhere.jsonl"))
    nobody: Any = None
    task = worker_module.Task(nobody, dataset, MODEL, {}, "")
    outcome = worker_module.label_shard(task, nobody, nobody, "worker 7 on node-3")
    assert isinstance(outcome.error, UsageError) and "node-3" in str(outcome.error)
    assert "storage that all machines share" in str(outcome.error)
    older = worker_module.label_shard(replace(task, version="0.0.1"), nobody, nobody, "worker 7 on node-3")
    assert "another version of judge" in str(older.error)


def test_no_key_is_handed_to_workers():
    settings = Settings.load(
        openai_api_key="sk-secret", anthropic_api_key="sk-secret", judge_api_key="sk-secret"
    )
    told = worker_module.without_keys(settings)
    assert "secret" not in str(told) and not any("key" in name for name in told)
