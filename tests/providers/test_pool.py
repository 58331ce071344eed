"""Several servers of one model, real ones on loopback: who gets what, and what happens when one goes away."""

import asyncio
import re
import threading
import time
from collections import Counter, defaultdict
from contextlib import ExitStack

import pytest

from judge.errors import ProviderMisconfigured, ProviderUnavailable, UsageError
from judge.providers import connect, pool
from judge.providers.pool import Pool
from judge.providers.settings import Settings
from judge.request import Block, Request, Sampling
from tests.cli.command import GRADERS, Command, write
from tests.loopback import Fault, Options, Server, hold_until

MODEL = "compatible/m"


@pytest.fixture
def servers():
    with ExitStack() as stack:
        yield [stack.enter_context(Server(Options(key="", latency=0.02))) for _ in range(3)]


def pooled(servers, **changes) -> Pool:
    first, *others = (server.openai_url for server in servers)
    made = connect(MODEL, Settings.load(base_url=first, replicas=tuple(others), timeout=60.0, **changes))
    assert isinstance(made, Pool)
    return made


def ask(number: int, rubric: int = 0) -> Request:
    return Request(
        MODEL, "s", (Block(f"text {number}", breakpoint=True), Block(f"rubric {rubric}")), None, Sampling(50)
    )


def texts(server) -> Counter[str]:
    """How many requests on each text, or each transcript, a server received."""
    return Counter(
        re.findall(rb"text \d+|transcript [0-9a-f]{12}", body)[0].decode() for body in server.bodies
    )


async def closing(made: Pool, work):
    try:
        return await work
    finally:
        await made.close()


def test_texts_are_spread_and_what_shares_one_stays_together(servers):
    made = pooled(servers)
    for server in servers:
        assert server.bodies == []

    async def work():
        await asyncio.gather(*(made.complete(ask(n)) for n in range(30)))
        await asyncio.gather(*(made.complete(ask(n, r)) for n in range(30) for r in (1, 2, 3)))

    asyncio.run(closing(made, work()))
    assert [server.counts.requests for server in servers] == [40, 40, 40]
    at = defaultdict(set)
    for number, server in enumerate(servers):
        for text in texts(server):
            at[text].add(number)
    assert len(at) == 30 and all(len(places) == 1 for places in at.values())


def test_one_text_that_everything_begins_with_uses_all_replicas(servers):
    """Rubric first, all transcripts share a beginning: affinity must not put them all on one replica."""
    made = pooled(servers)
    asyncio.run(closing(made, gathered(made, [ask(0, n) for n in range(300)])))
    assert min(server.counts.requests for server in servers) > 50


async def gathered(made, requests):
    return await asyncio.gather(*map(made.complete, requests))


def test_a_dead_replicas_requests_go_elsewhere_and_it_gets_one_when_it_has_rested(servers, monkeypatch):
    monkeypatch.setattr(pool, "FIRST_REST", 0.2)
    made = pooled(servers)
    dead = servers[1]

    async def work():
        await gathered(made, [ask(n) for n in range(30)])
        dead.script(Fault("reset"))
        lost = 0
        for n in range(60):
            try:
                await made.complete(ask(n))
            except ProviderUnavailable:
                lost += 1
                await made.complete(ask(n))  # the next attempt goes elsewhere
        counted = dead.counts.requests
        dead.script()
        # Past the end of its rest, which is the longer the longer the requests above took.
        await asyncio.sleep(max(0.0, made.replicas[1].rests_until - time.monotonic()) + 0.01)
        await gathered(made, [ask(n) for n in range(100, 112)])
        await gathered(made, [ask(n) for n in range(200, 230)])
        return lost, counted

    lost, counted = asyncio.run(closing(made, work()))
    assert 3 <= lost <= 10, "three when it died, one after each rest"
    assert counted <= 10 + lost
    assert dead.counts.requests > counted + 8, "it is back"


@pytest.mark.parametrize("kind", ["429", "503", "529"])
def test_what_one_declines_another_takes_at_once(servers, kind):
    servers[0].script(Fault(kind))
    made = pooled(servers)
    answers = asyncio.run(closing(made, gathered(made, [ask(n) for n in range(60)])))
    assert len(answers) == 60
    assert servers[1].counts.bought.total() + servers[2].counts.bought.total() == 60


def test_when_all_are_away_it_is_said(servers):
    for server in servers:
        server.script(Fault("503"))
    made = pooled(servers)
    with pytest.raises(ProviderUnavailable) as caught:
        asyncio.run(closing(made, made.complete(ask(0))))
    assert caught.value.status == 503
    assert [server.counts.requests for server in servers] == [1, 1, 1]


def test_stray_errors_do_not_make_a_replica_rest(servers):
    made = pooled(servers)

    async def one(n):
        for _ in range(9):
            try:
                await made.complete(ask(n))
            except ProviderUnavailable:
                continue
            return

    async def work():
        await gathered(made, [ask(n) for n in range(1000, 1060)])
        for server in servers:
            server.script(Fault("500", rate=0.05))
        for wave in range(6):
            await asyncio.gather(*(one(wave * 60 + n) for n in range(60)))

    asyncio.run(closing(made, work()))
    sizes = [server.counts.bought.total() for server in servers]
    assert sum(sizes) == 420 and min(sizes) > 50


def test_the_address_that_does_not_know_the_model_is_named(servers):
    with Server(Options(key="", models=frozenset({"another"}))) as wrong:
        made = pooled([wrong, *servers])
        with pytest.raises(ProviderMisconfigured, match=f"127.0.0.1:{wrong.port}"):
            asyncio.run(closing(made, gathered(made, [ask(n) for n in range(8)])))


def test_what_may_be_in_flight_is_the_sum(servers):
    made = pooled(servers)
    one = connect(MODEL, Settings.load(base_url=servers[0].openai_url))
    assert made.capabilities.in_flight == 3 * one.capabilities.in_flight
    assert made.model == one.model == MODEL
    asyncio.run(closing(made, one.close()))


def test_every_address_is_checked(monkeypatch):
    with pytest.raises(UsageError, match="connection setting"):
        Settings.load(base_url="http://localhost:1/v1", replicas=("localhost:2",))
    monkeypatch.setenv("REPLICAS", '["http://elsewhere/v1"]')
    assert Settings.load().replicas == ()
    with pytest.raises(UsageError, match="unencrypted"):
        connect(
            "openai/m",
            Settings.load(
                base_url="http://localhost:1/v1", replicas=("http://example.com/v1",), openai_api_key="sk-1"
            ),
        )


def test_a_run_over_replicas_keeps_each_transcript_at_one(servers, tmp_path):
    write(tmp_path / "data.jsonl", 60)
    judge = Command(tmp_path)
    for server in servers:
        assert server.bodies == []
    urls = [part for server in servers[1:] for part in ("--base-url", server.openai_url)]
    # So few that none has ever so much to do that a transcript goes elsewhere, even where one server stands still; and
    # all of them at once before the first answer, so that all replicas have to be used.
    flight = pool.SLACK - 1
    hold_until(flight, *servers)
    arguments = judge.arguments(*urls, "--in-flight", str(flight), model=MODEL, url=servers[0].openai_url)
    done = judge.run(*arguments)
    assert done.returncode == 0, done.stderr
    assert len(judge.records()) == 60 * len(GRADERS)
    at = defaultdict(set)
    for number, server in enumerate(servers):
        for text in texts(server):
            at[text].add(number)
    assert len(at) == 60 and all(len(places) == 1 for places in at.values())
    assert min(server.counts.requests for server in servers) >= flight // 3 * len(GRADERS)


def test_a_server_that_goes_away_in_the_middle_of_a_run_costs_no_record(servers, tmp_path):
    write(tmp_path / "data.jsonl", 200)
    judge = Command(tmp_path)
    urls = [part for server in servers[1:] for part in ("--base-url", server.openai_url)]
    graders = GRADERS[:1]
    arguments = judge.arguments(
        *urls, "--in-flight", "12", model=MODEL, url=servers[0].openai_url, graders=graders
    )
    hold_until(12, *servers)
    closing = going_away(servers[2], 5)
    done = judge.run(*arguments)
    closing.join()
    assert done.returncode == 0, done.stderr
    assert {r["status"] for r in judge.records()} == {"ok"} and len(judge.records()) == 200
    assert 5 <= servers[2].counts.requests < 5 + 12
    others = [server.counts.bought.total() for server in servers[:2]]
    assert min(others) >= 4 and sum(others) > 200 - 5


def going_away(server, count) -> threading.Thread:
    """Have the server end with so manieth request, before it is answered; the thread that ends it."""
    enough = threading.Event()
    usual = server.service._reply

    async def last(call):
        if server.counts.requests >= count:
            enough.set()
            await asyncio.sleep(60)
        return await usual(call)

    server.service._reply = last

    def close():
        enough.wait(60)
        server.close()

    thread = threading.Thread(target=close)
    thread.start()
    return thread
