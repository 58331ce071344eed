"""Faults of the provider and of the network, met by requests that are sent one by one."""

import socket
from contextlib import contextmanager

from tests.faults.cases import NOTHING, Case, Wound, no_labels, script
from tests.faults.scene import Scene
from tests.loopback import Fault
from tests.loopback.service import KEY

SHORT = ("--patience", "2")
UNTIL = "again and again, until --patience is over"


@contextmanager
def nobody_listens(scene: Scene):
    with (
        socket.socket() as taken
    ):  # bound and not listening: connections are refused, and nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        address = scene.url
        scene.url = address.replace(str(scene.server.port), str(taken.getsockname()[1]))
        yield
        scene.url = address


@contextmanager
def no_such_host(scene: Scene):
    """In a process without the guard that keeps tests from the network: it must be the resolver that says no."""
    address, path = scene.url, scene.env["PYTHONPATH"]
    scene.url = "https://nowhere.invalid/v1"
    scene.env["PYTHONPATH"] = ""
    scene.as_process = True
    yield
    scene.url, scene.as_process, scene.env["PYTHONPATH"] = address, False, path


def key_expires(after: int) -> Wound:
    """The key is revoked when so many answers were given."""

    @contextmanager
    def wound(scene: Scene):
        service, given = scene.server.service, scene.server.service.answer

        def answer(asked):
            if service.counts.bought.total() == after:
                service.options.key = "another-key"
            return given(asked)

        service.answer = answer
        yield
        service.answer, service.options.key = given, KEY

    return wound


def stalling(step: str = "") -> Wound:
    """One answer does not come, and is not waited for as long as it would be by default."""

    @contextmanager
    def wound(scene: Scene):
        scene.env["JUDGE_TIMEOUT"] = "6"
        with script(Fault("stall", times=1, step=step))(scene):
            yield
        scene.env["JUDGE_TIMEOUT"] = "60"

    return wound


def live(fault: str, wound: Wound, **expected) -> Case:
    return Case(fault, "live", wound, **expected)


def passing(fault: str, *faults: Fault, **more) -> Case:
    return live(f"{fault}, in passing", script(*faults), **more)


def lasting(fault: str, *faults: Fault, asked=UNTIL, **more) -> Case:
    expected = {"code": 3, "records": NOTHING, "says": "stays away", "extra": SHORT} | more
    return live(f"{fault}, for good", script(*faults), asked=asked, **expected)


CASES = (
    passing("429 with retry-after", Fault("429", times=2, retry_after=0.05)),
    passing("429 without retry-after", Fault("429", times=2)),
    lasting("429 with retry-after", Fault("429", retry_after=0.05)),
    lasting("429 without retry-after", Fault("429")),
    live(
        "429, to wait for two hours", script(Fault("429", retry_after=7200)),
        code=3, records=NOTHING, says="7200",
    ),
    passing("500, 502, 503 and 529", *(Fault(status, times=1) for status in ("500", "502", "503", "529"))),
    lasting("500", Fault("500")),
    lasting("529", Fault("529")),
    live("connection refused", nobody_listens, extra=SHORT, code=3, records=NOTHING, says="cannot connect"),
    passing("connection reset before the request is taken", Fault("hang_up", times=2)),
    lasting("connection reset before the request is taken", Fault("hang_up"), asked="", extra=()),
    passing("connection reset when the answer is due", Fault("reset", times=1), again=1),
    passing("answer broken off in the middle", Fault("truncate", times=1), again=1),
    live("answer stalls, in passing", stalling(), again=1),
    live("answer comes slowly", script(Fault("dribble", times=1, seconds=0.5))),
    passing("answer cut inside its JSON", Fault("cut", times=1), again=1),
    lasting("answer cut inside its JSON", Fault("cut", match="Task 1:"), asked="", extra=(), records="1 label", again=5),
    passing("status 200 with an error inside", Fault("error_in_200", times=2)),
    live("name not found (DNS)", no_such_host, extra=SHORT, code=3, records=NOTHING, says="nowhere.invalid"),
    live("key revoked in mid-run", key_expires(2), code=2, records="2 labels", says="key"),
    live(
        "quota used up in mid-run", script(Fault("quota", match="Task 2:")),
        code=2, records="2 labels", says="credit", providers=("OpenAI",),
    ),
    live(
        "credit used up in mid-run", script(Fault("no_credit", match="Task 2:")),
        code=2, records="2 labels", says="credit", providers=("Anthropic",),
    ),
    live(
        "one request is refused for good (400)", script(Fault("400", match="Task 1:")),
        code=3, records="3 labels, 1 failed (provider)", says="400",
    ),
    *no_labels(live),
    live("another model answers", script(Fault("wrong_model")), says="another-model"),
)  # fmt: skip
