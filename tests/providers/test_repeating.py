"""Requests after the first two, which the SDK does not build: nobody outside may see a difference."""

import asyncio
import gzip
import logging
import traceback
from dataclasses import replace
from typing import Any

import pytest

from judge.errors import ProviderError
from judge.request import Block, Completion
from tests.loopback import Fault, Options, Server
from tests.loopback.wire import Call, Reply
from tests.providers.samples import ANTHROPIC, MODELS, connected, request

MARKED = "marked-secret-5f1c9aa0b7"
every_model = pytest.mark.parametrize("model", MODELS)


def one_after_the_other(server: Server, model: str, count: int = 3, **changes: object) -> list[object]:
    """What became of equal requests to one provider: completions and errors."""

    async def all_of_them() -> list[object]:
        found: list[object] = []
        async with connected(server, model, **changes) as provider:
            for _ in range(count):
                try:
                    found.append(await provider.complete(request(model)))
                except ProviderError as error:
                    found.append(error)
        return found

    return asyncio.run(all_of_them())


def listen(server: Server) -> list[Call]:
    """Everything that reaches the server from here on."""
    seen: list[Call] = []
    usual = server.service.handle

    async def listening(call: Call) -> Reply:
        seen.append(call)
        return await usual(call)

    server.service.handle = listening  # type: ignore[method-assign]
    return seen


def built_by_the_sdk(caplog: pytest.LogCaptureFixture) -> int:
    """How many requests went the whole way, whose client tells of each."""
    return sum(record.name == "httpx2" for record in caplog.records)


@every_model
def test_address_headers_and_body_are_those_of_the_sdks_own_requests(
    server: Server, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "httpx2")
    seen = listen(server)
    one_after_the_other(server, model, 4)
    assert built_by_the_sdk(caplog) == 2
    first, *others = ((call.method, call.path, call.body, call.headers) for call in seen)
    assert others == [first] * 3


@every_model
def test_cookies_are_not_kept(server: Server, model: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "httpx2")
    seen = listen(server)
    usual = server.service.handle

    async def sticky(call: Call) -> Reply:
        reply = await usual(call)
        return replace(reply, headers={**reply.headers, "Set-Cookie": f"backend={len(seen)}; Path=/"})

    server.service.handle = sticky  # type: ignore[method-assign]
    one_after_the_other(server, model, 4)
    assert len(seen) == 4
    assert not any(name.lower() == "cookie" for call in seen for name in call.headers)
    assert built_by_the_sdk(caplog) == 2


@every_model
def test_they_say_what_the_plain_way_says_but_for_what_describes_the_sdks_call(
    server: Server, model: str
) -> None:
    seen = listen(server)
    one_after_the_other(server, model)
    one_after_the_other(server, model, 1, plain_sdk=True)
    repeated, plain = seen[2], seen[3]
    assert (repeated.method, repeated.path, repeated.body) == (plain.method, plain.path, plain.body)

    def told(call: Call) -> dict[str, str]:
        return {name: value for name, value in call.headers.items() if not name.startswith("x-stainless-")}

    assert told(repeated) == told(plain)


@every_model
def test_each_carries_its_own_body(server: Server, model: str) -> None:
    async def different() -> None:
        async with connected(server, model) as provider:
            for number in range(4):
                await provider.complete(request(model, blocks=(Block(f"question {number} " * (number + 1)),)))

    asyncio.run(different())
    assert all(f"question {n} ".encode() in body for n, body in enumerate(server.bodies))


@every_model
def test_completions_are_equal_and_so_are_the_limits(model: str) -> None:
    with Server(Options(requests_per_minute=600, tokens_per_minute=600_000)) as server:

        async def ask() -> None:
            async with connected(server, model) as provider:
                answers: list[Completion] = []
                limits = []
                for _ in range(3):
                    answers.append(await provider.complete(request(model)))
                    limits.append(provider.rate_limits)
                first, third = (replace(answers[n], raw=b"") for n in (0, 2))
                assert first == third
                assert limits[0].requests_limit == limits[2].requests_limit == 600
                assert None not in (limits[2].requests_remaining, limits[2].tokens_remaining)

        asyncio.run(ask())


@every_model
@pytest.mark.parametrize(
    "kind",
    [
        *("307", "400", "401", "402", "403", "404", "408", "413", "422", "429", "500", "503", "529", "quota"),
        *("blocked", "cut", "truncate", "reset", "error_in_200", "stall", "dribble", "echo_key"),
    ],
)
def test_troubles_are_the_same_errors_in_the_same_words(
    model: str, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # Where an answer is to come, a busy machine must not make it late.
    seconds = 1.0 if kind in ("stall", "dribble") else 60.0
    with Server(Options(key=MARKED)) as server:
        server.script(Fault(kind, seconds=30, retry_after=1.5))
        found = one_after_the_other(server, model, timeout=seconds)
    if kind == "blocked" and model != ANTHROPIC:
        assert all(isinstance(one, Completion) and one.stop == "content_filter" for one in found)
        return
    first, _, third = found
    assert isinstance(first, ProviderError) and isinstance(third, ProviderError)
    assert (type(first), vars(first), str(first)) == (type(third), vars(third), str(third))
    context = third.__context__
    assert third.__cause__ is None
    assert context is None or not hasattr(context, "request"), "it would hold the key"
    shown = "".join(traceback.format_exception(third)) + caplog.text
    assert MARKED not in shown


@every_model
def test_a_server_that_goes_away_is_told_of_in_the_same_words(server: Server, model: str) -> None:
    async def gone() -> list[str]:
        said = []
        async with connected(server, model) as provider:
            for _ in range(2):
                await provider.complete(request(model))
            server.close()
            for _ in range(2):  # the first may still find the old connection
                with pytest.raises(ProviderError) as caught:
                    await provider.complete(request(model))
                said.append(str(caught.value))
        async with connected(server, model) as provider:
            with pytest.raises(ProviderError) as caught:
                await provider.complete(request(model))
            said.append(str(caught.value))
        return said

    _, repeated, first = asyncio.run(gone())
    assert "cannot connect" in first
    assert repeated == first


@every_model
def test_a_compressed_answer_is_unpacked(server: Server, model: str) -> None:
    usual = server.service.handle

    async def zipped(call: Call) -> Reply:
        reply = await usual(call)
        return Reply(reply.status, gzip.compress(reply.body), {"content-encoding": "gzip"})

    server.service.handle = zipped  # type: ignore[method-assign]
    assert all(
        isinstance(one, Completion) and one.stop == "stop" for one in one_after_the_other(server, model)
    )


@every_model
def test_an_sdk_whose_headers_change_builds_every_request(
    server: Server, model: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As one would that signs each request, or numbers it."""
    import anthropic
    import openai

    caplog.set_level(logging.INFO, "httpx2")
    numbers = iter(range(100))
    for client in (openai.AsyncOpenAI, anthropic.AsyncAnthropic):
        usual: Any = client.default_headers

        def numbered(self: object, usual: Any = usual) -> dict[str, str]:
            return {**usual.fget(self), "X-Number": str(next(numbers))}

        monkeypatch.setattr(client, "default_headers", property(numbered))
    seen = listen(server)
    one_after_the_other(server, model, 4)
    sent = [call.headers["x-number"] for call in seen]
    assert len(set(sent)) == 4 == built_by_the_sdk(caplog)
