"""Faults of the provider and of the network, met by batches."""

from contextlib import contextmanager

from tests.faults.cases import NOTHING, Case, Wound, no_labels, script
from tests.faults.live import SHORT, no_such_host, nobody_listens, stalling
from tests.faults.scene import Scene
from tests.loopback import Fault
from tests.loopback.service import KEY

UPLOAD = {"OpenAI": "upload", "Anthropic": "create"}
"""The step in which the requests travel."""


def at(step: str, *faults: Fault) -> Wound:
    """Faults of the calls of one step."""
    for fault in faults:
        fault.step = step
    return script(*faults)


def results(wrong: str) -> Wound:
    """The results are not what was asked for."""

    @contextmanager
    def wound(scene: Scene):
        scene.server.desk.rules.results = wrong
        yield
        scene.server.desk.rules.results = ""

    return wound


def told(step: str, act) -> Wound:
    """Something happens at the provider, once, when a step is reached."""

    @contextmanager
    def wound(scene: Scene):
        async def hook(now):
            if now == step:
                scene.server.desk.hook = nothing
                act(scene)

        async def nothing(now):
            return

        scene.server.desk.hook = hook
        yield
        scene.server.desk.hook = nothing
        scene.server.service.options.key = KEY

    return wound


def _revoke(scene: Scene) -> None:
    scene.server.service.options.key = "another-key"


def _cancel(scene: Scene) -> None:
    scene.server.desk.cancel(next(iter(scene.server.desk.batches)))


@contextmanager
def too_many(scene: Scene):
    scene.server.desk.rules.requests = 3
    yield
    scene.server.desk.rules.requests = None


def batch(fault: str, wound: Wound, **expected) -> Case:
    return Case(fault, "batch", wound, **expected)


def away(fault: str, wound: Wound, **more) -> Case:
    """The provider is not to be had; what it has by then is found again."""
    return batch(fault, wound, **({"code": 3, "records": NOTHING, "extra": SHORT} | more))


CASES = (
    batch("making the batch: 429 with retry-after, in passing", at("create", Fault("429", times=2, retry_after=0.05))),
    batch("making the batch: 429 without retry-after, in passing", at("create", Fault("429", times=2))),
    away("making the batch: 429, to wait for two hours", at("create", Fault("429", retry_after=7200)), says="7200"),
    batch(
        "making the batch: 500, 502, 503 and 529, in passing",
        at("create", *(Fault(status, times=1) for status in ("500", "502", "503", "529"))),
    ),
    away("making the batch: 500, for good", at("create", Fault("500")), says="500"),
    batch(
        "making the batch: refused (400)", at("create", Fault("400")), code=2, records=NOTHING, says="400",
    ),
    batch("making the batch: no credit", at("create", Fault("402")), code=2, records=NOTHING, says="credit"),
    away("connection refused", nobody_listens, says="cannot connect"),
    away("name not found (DNS)", no_such_host, says="nowhere.invalid"),
    batch("upload cut off, in passing", at("upload", Fault("hang_up", times=2)), providers=("OpenAI",)),
    batch("upload cut off, in passing", at("create", Fault("hang_up", times=2)), providers=("Anthropic",)),
    batch("batch made, and the connection reset before its name came", at("create", Fault("reset", times=1))),
    batch("batch made, and the answer with its name cut", at("create", Fault("cut", times=1))),
    batch("batch made, and the answer with its name stalls", stalling("create")),
    batch("looking at the batch: 500, reset and cut, in passing",
          at("retrieve", Fault("500", times=1), Fault("reset", times=1), Fault("cut", times=1))),
    away("looking at the batch: 503, for good", at("retrieve", Fault("503")), says="503"),
    away("looking at the batch: 404", at("retrieve", Fault("404")), code=2, says="knows no batch"),
    batch("key revoked while the batch is under way", told("after create", _revoke), code=2, records=NOTHING, says="key"),
    batch("all requests invalid: the whole batch fails", too_many, code=2, records=NOTHING, says="too many", providers=("OpenAI",)),
    batch("too many requests for one batch", too_many, code=2, records=NOTHING, says="wrong number", providers=("Anthropic",)),
    batch("two requests expire", script(Fault("expired", times=2))),
    batch("all requests expire, for good", script(Fault("expired")), code=3, records="4 failed (provider)", says="expired"),
    batch("all requests fail (500), for good", script(Fault("500")), code=3, records="4 failed (provider)", says="500"),
    batch("one request fails for good (400)", script(Fault("400", match="Task 1:")), code=3, records="3 labels, 1 failed (provider)", says="400"),
    batch("quota used up in the middle of the batch", script(Fault("quota", match="Task 2:")), code=2, records=NOTHING, says="credit", providers=("OpenAI",)),
    batch("credit used up in the middle of the batch", script(Fault("no_credit", match="Task 2:")), code=2, records=NOTHING, says="credit", providers=("Anthropic",)),
    batch("cancelled behind our back", told("after retrieve", _cancel), code=3, records="2 labels", says="cancelled"),
    batch("results broken off in the middle, in passing", at("content", Fault("truncate", times=1))),
    batch("results stall, in passing", stalling("content")),
    batch("results cut inside a line, in passing", at("content", Fault("cut", times=1))),
    batch("results cut inside a line, for good", at("content", Fault("cut")), extra=SHORT, code=3, records="2 labels", says="cut"),
    batch("results file missing (404)", at("content", Fault("404")), code=2, records=NOTHING, says="no results"),
    batch("a result has a custom_id that nobody sent", results("unknown"), code=3, records="3 labels, 1 failed (provider)", says="left out", again=1),
    batch("a result comes twice", results("twice"), says="twice"),
    batch("a result is missing", results("missing"), code=3, records="3 labels, 1 failed (provider)", says="without", again=1),
    batch("all results are missing", results("none"), code=3, records="4 failed (provider)", says="without", again=4),
    *no_labels(batch),
    batch("another model answers", script(Fault("wrong_model")), says="another-model"),
)  # fmt: skip
