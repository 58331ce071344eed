"""Faults of the machine that the command runs on: its disk, its clock, other processes."""

import asyncio
import shutil
import sqlite3
import threading
import time
from contextlib import contextmanager
from unittest import mock

from judge.labelling import job
from judge.labelling.bookkeeping import finish
from judge.store import Store
from tests.cli.command import Command
from tests.faults.batches import at
from tests.faults.cases import NOTHING, Case, Wound
from tests.faults.clocks import HOUR, clock
from tests.faults.disks import damage, disk, held, let_go
from tests.faults.scene import Scene
from tests.loopback import Fault

STORE = "runs/store.sqlite"


def before_answer(number: int, act) -> Wound:
    """Something happens when the server is about to give its so manieth answer."""

    @contextmanager
    def wound(scene: Scene):
        service, given = scene.server.service, scene.server.service.answer

        def answer(asked):
            if service.counts.bought.total() == number:
                act(scene)
            return given(asked)

        service.answer = answer
        yield
        service.answer = given

    return wound


def full(leave: int) -> Wound:
    """The disk has only so many kilobytes left when the run begins."""

    @contextmanager
    def wound(scene: Scene):
        with disk(scene) as small:
            small.fill(leave)
            yield

    return wound


@contextmanager
def fills_up(scene: Scene):
    """The disk is full when the third answer comes."""
    with disk(scene) as small, before_answer(3, lambda _: small.fill(0))(scene):
        yield


@contextmanager
def fills_up_at_the_end(scene: Scene):
    """All answers are stored, and there is no room for the run's files."""
    with disk(scene) as small:

        def full_finish(*arguments):
            small.fill(0)
            return finish(*arguments)

        with mock.patch.object(job, "finish", full_finish):
            yield


@contextmanager
def read_only(scene: Scene):
    with disk(scene) as small:
        small.read_only()
        yield


@contextmanager
def locked(scene: Scene):
    """Another process holds the store for longer than is waited."""
    path = _store(scene)
    with held(path), mock.patch("judge.store.BUSY_SECONDS", 0.3):
        yield


@contextmanager
def locked_for_a_while(scene: Scene):
    with held(_store(scene)) as process:
        timer = threading.Timer(1.0, let_go, [process])
        timer.start()
        yield
        timer.join()


@contextmanager
def locked_in_mid_run(scene: Scene):
    path = _store(scene)
    holding = []

    def hold(_: Scene) -> None:
        while scene.way == "live" and _records(path) < 2:  # records are written beside the work
            time.sleep(0.01)
        holding.append(held(path))
        holding[-1].__enter__()

    with mock.patch("judge.store.BUSY_SECONDS", 0.3), before_answer(3, hold)(scene):
        yield
    holding[-1].__exit__(None, None, None)


def _records(path) -> int:
    connection = sqlite3.connect(path)
    (count,) = connection.execute("SELECT count(*) FROM records").fetchone()
    connection.close()
    return int(count)


def _store(scene: Scene):
    """The store as an earlier run has left it."""
    path = scene.folder / STORE
    Store(path).close()
    return path


def damaged(table: str) -> Wound:
    """A page of a finished run's store is overwritten; later it is brought back from a copy."""

    @contextmanager
    def wound(scene: Scene):
        assert scene.judge().code == 0
        shutil.rmtree(scene.folder / "runs" / "r")
        path = scene.folder / STORE
        whole = damage(path, table)
        yield
        for file in path.parent.glob("store.sqlite-*"):
            file.unlink()
        path.write_bytes(whole)

    return wound


@contextmanager
def damaged_answer(scene: Scene):
    """SQLite does not notice: the bytes of one answer are others than were put in."""
    assert scene.judge().code == 0
    shutil.rmtree(scene.folder / "runs" / "r")
    with sqlite3.connect(scene.folder / STORE) as connection:
        (key, body) = connection.execute("SELECT key, body FROM completions ORDER BY rowid").fetchone()
        change = "UPDATE completions SET body = ? WHERE key = ?"
        connection.execute(change, (body[: len(body) // 2] + bytes(len(body) // 2), key))
    yield
    with connection:
        connection.execute(change, (body, key))
    connection.close()


@contextmanager
def a_second_process(scene: Scene):
    """A first process is at work on the run; afterwards it finishes."""
    service, over = scene.server.service, threading.Event()
    at_once = service._reply

    async def held_up(call):
        await asyncio.to_thread(over.wait)
        return await at_once(call)

    if scene.way == "live":
        vars(service)["_reply"] = held_up
    scene.server.desk.rules.polls = 1_000_000
    first = Command.start(scene, *scene.command())
    while not (scene.server.counts.in_flight or scene.server.desk.batches):
        assert first.poll() is None
        time.sleep(0.01)
    yield
    over.set()
    vars(service).pop("_reply", None)
    scene.server.desk.rules.polls = 0
    out, err = first.communicate(timeout=120)
    assert first.returncode == 0, out + err


def clock_set(hours: float) -> Wound:
    """The clock is set when the second answer is due."""

    @contextmanager
    def wound(scene: Scene):
        scene.server.service.options.requests_per_minute = (
            6000  # answers tell of limits, whose resets are times of day
        )
        with clock() as now:

            def act(_: Scene) -> None:
                now.off = hours * HOUR

            with before_answer(2, act)(scene):
                yield

    return wound


def clock_set_while_sending(hours: float) -> Wound:
    """The clock is set between sending a batch and looking for it, whose name was lost on the way."""

    @contextmanager
    def wound(scene: Scene):
        with clock() as now, at("create", Fault("reset", times=1))(scene):

            async def hook(step):
                if step == "after create":
                    now.off = hours * HOUR

            scene.server.desk.hook, given = hook, scene.server.desk.hook
            yield
            scene.server.desk.hook = given

    return wound


def clock_wrong(hours: float) -> Wound:
    """The clock is wrong all the time, and the connection breaks before the batch is made, then before its name comes."""

    @contextmanager
    def wound(scene: Scene):
        faults = (Fault("hang_up", times=1), Fault("reset", times=1))
        with clock() as now, at("create", *faults)(scene):
            now.off = hours * HOUR
            yield

    return wound


def each(fault: str, wound: Wound, live=None, **expected) -> tuple[Case, ...]:
    """Live with one provider, by batch with the other: the machine is the same for both. ``live`` is for that alone."""
    return (
        Case(fault, "live", wound, providers=("OpenAI",), **(expected | (live or {}))),
        Case(fault, "batch", wound, providers=("Anthropic",), **expected),
    )


OUT = {"code": 2, "records": NOTHING}
CASES = (
    *each("disk full from the beginning", full(0), says="full", **OUT),
    *each("disk full before anything is bought", full(40), says="full", **OUT),
    *each("disk fills up in mid-run", fills_up, {"again": 1, "says": "full"}, says="space", **OUT),
    *each("disk fills up when the run's files are written", fills_up_at_the_end, says="space", **OUT),
    *each("disk is read-only", read_only, says="Read-only", **OUT),
    *each("another process holds the store for a second", locked_for_a_while),
    *each("another process holds the store for good", locked, says="locked", **OUT),
    *each(
        "another process takes the store in mid-run, for good", locked_in_mid_run,
        {"records": "2 labels", "again": 1}, says="locked", **OUT,
    ),
    *each("a page of the store is overwritten", damaged("completions"), says="recover", **OUT),
    *each("the bytes of a stored answer are others", damaged_answer, says="damaged", **OUT),
    *each("a second process on the same run", a_second_process, says="another process", **OUT),
    *each("the clock is set two hours forwards", clock_set(2)),
    *each("the clock is set two hours back", clock_set(-2)),
    *(
        Case(f"the name of a batch is lost, and the clock set {word}", "batch", clock_set_while_sending(hours))
        for word, hours in (("two hours forwards", 2), ("two hours back", -2))
    ),
    *(
        Case(f"two attempts to make a batch break, with a clock {word}", "batch", clock_wrong(hours))
        for word, hours in (("a day fast", 24), ("a day slow", -24))
    ),
)  # fmt: skip
