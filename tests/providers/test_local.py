"""The embedded model, for real: these tests need its weights (``judge local pull``) and take a minute of CPU."""

import asyncio
import contextlib
import math
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from judge import local_model
from judge.errors import ProviderRejected, ProviderUnavailable, UsageError
from judge.grader import Grader
from judge.grader.contract import Answer, own_schema
from judge.grader.file import load
from judge.grader.prompt import Renderer, Style
from judge.labelling import choice
from judge.parse import Reading
from judge.providers import connect
from judge.providers.local import LocalProvider
from judge.providers.settings import Settings
from judge.request import Block, Completion, Request, Sampling
from tests.samples import GRADER, ODD, transcript

needs_weights = pytest.mark.local_model
MODEL = "local/smollm2-135m"
T = TypeVar("T")

LONG = transcript(
    ("user", "text", "Please tidy the module and run the checks before you answer. " * 10),
    ("assistant", "text", "I read the file, rename two functions, and run the checks again. " * 10),
    id="long",
)


def connected(model: str = MODEL) -> LocalProvider:
    provider = connect(model, Settings.load(timeout=600.0))
    assert isinstance(provider, LocalProvider)
    return provider


class Engine:
    """One start of the engine for all tests here, on a loop that stays open with it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.provider = connected()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def ask(self, request: Request) -> Completion:
        return self.run(self.provider.complete(request))

    def close(self) -> None:
        self.run(self.provider.close())
        self.loop.close()


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    running = Engine()
    yield running
    running.close()


@pytest.fixture
def colour(tmp_path: Path) -> Grader:
    path = tmp_path / "colour.jinja"
    path.write_text(GRADER)
    return load(path)


def plain(text: str, **changes: Any) -> Request:
    request = Request(
        MODEL, "You are terse.", (Block(text),), sampling=Sampling(max_tokens=8, temperature=0.0)
    )
    return replace(request, **changes)


def style(tokens: int) -> Style:
    return Style(MODEL, Sampling(max_tokens=tokens, temperature=0.0), schema="own")


def port_of(provider: LocalProvider) -> int:
    return int(provider.address.rpartition(":")[2])


def listens(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        probe.settimeout(2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@needs_weights
def test_an_answer_is_held_to_the_graders_own_schema(engine: Engine, colour: Grader) -> None:
    tokens = engine.provider.capabilities.max_output_tokens
    renderer = Renderer([colour], style(tokens), 4000)
    ((_, shown),) = renderer.cut(ODD)[colour.view.channels]
    request = replace(renderer.request(colour, ODD, shown), schema=own_schema(colour.facets.values(), tokens))
    completion = engine.ask(request)
    assert completion.stop == "stop"
    answer = Answer.model_validate_json(completion.text)
    assert [entry.facet for entry in answer.labels] == list(colour.facets)
    for entry, facet in zip(answer.labels, colour.facets.values(), strict=True):
        assert entry.labels
        assert set(entry.labels) <= set(facet.vocabulary)


@needs_weights
def test_label_probabilities_add_up_and_the_phrasings_share_the_transcript(
    engine: Engine, colour: Grader
) -> None:
    renderer = Renderer([colour], style(64), 4000)
    ((_, shown),) = renderer.cut(LONG)[colour.view.channels]
    asked = choice.requests(colour, shown, style(64))
    completions = [engine.ask(one.request) for one in asked]
    reading = choice.read(colour, asked, completions)
    assert isinstance(reading, Reading)
    assert math.fsum(reading.distribution["colour"].values()) == pytest.approx(1)
    assert min(reading.distribution["colour"].values()) > 0
    for later in completions[1:]:
        assert later.usage.output == 1
        assert later.usage.cached > 0.7 * later.usage.input


@needs_weights
def test_the_transcript_is_still_cached_when_another_came_in_between(engine: Engine) -> None:
    first = plain("The first transcript. " * 60 + "Is it long?")
    engine.ask(first)
    engine.ask(plain("Something else, about as long. " * 60))
    again = engine.ask(replace(first, blocks=(Block("The first transcript. " * 60 + "Is it short?"),)))
    assert again.usage.cached > 0.7 * again.usage.input


@needs_weights
def test_the_same_request_on_the_same_cache_gives_the_same_text(engine: Engine) -> None:
    request = plain("Name three colours.", sampling=Sampling(max_tokens=24, temperature=0.0))
    engine.ask(request)  # from here on the whole prompt is in the cache
    texts = {engine.ask(request).text for _ in range(3)}
    assert len(texts) == 1


@needs_weights
def test_answers_name_the_model_and_not_where_it_lies(engine: Engine) -> None:
    completion = engine.ask(plain("Say hello."))
    assert completion.model == "smollm2-135m"
    assert str(local_model.folder()).encode() not in completion.raw
    assert completion.usage.output == 8
    assert completion.stop == "length"


@needs_weights
def test_a_prompt_beyond_the_context_is_refused_with_both_sizes(engine: Engine) -> None:
    with pytest.raises(ProviderRejected, match=r"\d+ tokens.*8192"):
        engine.ask(plain("word " * 9000))


@needs_weights
def test_nobody_gets_in_without_the_key(engine: Engine) -> None:
    async def post() -> int:
        import aiohttp

        url = f"{engine.provider.address}/v1/chat/completions"
        async with aiohttp.ClientSession() as session, session.post(url, json={"messages": []}) as answer:
            return answer.status

    assert engine.run(post()) == 401


@needs_weights
def test_a_file_of_ones_own_is_named_by_its_content(tmp_path: Path) -> None:
    own = tmp_path / "my model.gguf"
    shutil.copyfile(local_model.verify(local_model.KNOWN[local_model.DEFAULT]), own)

    async def ask() -> tuple[str, Completion]:
        provider = connected(f"local:{own}")
        async with closing(provider):
            assert provider.capabilities.context_tokens == 8192
            return provider.model, await provider.complete(plain("Say hello."))

    model, completion = asyncio.run(ask())
    assert model == f"local/my model.gguf@{local_model.fingerprint(own)}"
    assert completion.model == model.removeprefix("local/")


@contextlib.asynccontextmanager
async def closing(provider: LocalProvider) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await provider.close()


@needs_weights
def test_closing_frees_the_port_even_with_a_request_under_way(engine: Engine) -> None:
    async def scenario() -> tuple[int, BaseException | Completion, float]:
        provider = connected()
        port = port_of(provider)
        assert port != port_of(engine.provider)
        assert listens(port)
        under_way = asyncio.create_task(provider.complete(plain("word " * 4000)))
        await asyncio.sleep(0.5)
        started = time.process_time()  # the engine's threads count, and a busy machine does not
        await provider.close()
        took = time.process_time() - started
        (outcome,) = await asyncio.gather(under_way, return_exceptions=True)
        return port, outcome, took

    port, outcome, took = asyncio.run(scenario())
    assert isinstance(outcome, ProviderUnavailable)
    assert not listens(port)
    assert took < 20  # reading all of it takes longer; one batch takes a moment


SCRIPT = """
import asyncio, sys
from judge.providers import connect
from judge.request import Block, Request, Sampling

async def main():
    provider = connect("local/smollm2-135m")
    print("ready", flush=True)
    request = Request(provider.model, "", (Block(sys.argv[1]),), sampling=Sampling(max_tokens=4))
    completion = await provider.complete(request)
    print(completion.usage.output, flush=True)
    if len(sys.argv) == 2:
        await provider.close()

asyncio.run(main())
"""


def script(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


@needs_weights
def test_another_process_works_at_once_and_exits_cleanly_and_silently(engine: Engine) -> None:
    assert listens(port_of(engine.provider))
    out, err = (process := script("Say hello.")).communicate(timeout=300)
    assert (process.returncode, out, err) == (0, "ready\n4\n", "")


@needs_weights
def test_a_process_that_forgets_to_close_exits_all_the_same() -> None:
    out, err = (process := script("Say hello.", "and do not close")).communicate(timeout=300)
    assert (process.returncode, out) == (0, "ready\n4\n")
    assert "Traceback" not in err


@needs_weights
@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_an_interrupt_ends_the_process_at_once(engine: Engine) -> None:
    before = _used_by_children()
    process = script("word " * 6000)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(1)
    used = _used(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert out == ""
    assert (
        _used_by_children() - before - used < 20
    )  # seconds of CPU from the signal on; reading all of it takes more
    assert process.returncode in (130, -signal.SIGINT, 1)
    assert "KeyboardInterrupt" in err
    assert "core dumped" not in err


def _used(pid: int) -> float:
    """Seconds of CPU that a process has used; 0 where the system does not tell."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _used_by_children() -> float:
    """Seconds of CPU of all processes that this one has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_missing_weights_are_an_error_that_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_MODELS", str(tmp_path))
    with pytest.raises(UsageError, match="not here yet") as caught:
        connected()
    assert "judge local pull smollm2-135m" in caught.value.do


def test_a_name_that_is_neither_known_nor_a_file_is_told_both_ways() -> None:
    with pytest.raises(UsageError, match="no embedded model 'llama'") as caught:
        connected("local/llama")
    assert "smollm2-135m" in caught.value.expected
    assert "local:/path/to.gguf" in caught.value.do


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match="cannot read the model file") as caught:
        connected("local:/no/such.gguf")
    assert caught.value.where == "/no/such.gguf"


def test_a_file_that_is_no_model_is_refused_before_the_engine_sees_it(tmp_path: Path) -> None:
    file = tmp_path / "notes.gguf"
    file.write_text("just notes")
    with pytest.raises(UsageError, match="no GGUF model") as caught:
        connected(f"local:{file}")
    assert "b'just'" in caught.value.found


def test_a_broken_model_file_is_the_engines_error_in_our_words(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(UsageError, match="cannot load this model") as caught:
        connected(f"local:{file}")
    assert caught.value.where == str(file)


def test_a_wrong_engine_setting_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "any.gguf"
    file.write_bytes(b"GGUF")
    monkeypatch.setenv("JUDGE_LOCAL_CONTEXT", "many")
    with pytest.raises(UsageError, match="setting of the embedded model") as caught:
        connected(f"local:{file}")
    assert "JUDGE_LOCAL_CONTEXT" in caught.value.found
