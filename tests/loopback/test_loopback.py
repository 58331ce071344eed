"""The pretended provider keeps its own promises: tests and benchmarks rest on them."""

import asyncio
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from judge.grader.contract import Answer
from judge.grader.prompt import Renderer, Style
from tests.loopback import Fault, Options, Process, Server, hold_until
from tests.providers.samples import ANTHROPIC, ask, connected, request
from tests.samples import ODD, grader


def post(server: Server | Process, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]]:
    headers = {"authorization": f"Bearer {key}", "anthropic-version": "2026-10-21"}
    asked = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(asked, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


CHAT = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
SAID = {"model": "claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": "hello"}]}
OPEN = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 2}}}


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/v1/chat/completions", CHAT | {"colour": 1}, "Unrecognized"),
        ("/v1/chat/completions", CHAT | {"messages": []}, "too short"),
        ("/v1/chat/completions", CHAT | {"model": "o3", "max_tokens": 5}, "max_completion_tokens"),
        ("/v1/chat/completions", CHAT | {"model": "gpt-6-luna", "temperature": 0}, "temperature"),
        ("/v1/chat/completions", CHAT | {"top_logprobs": 5}, "logprobs"),
        ("/v1/chat/completions", CHAT | {"prompt_cache_options": {"mode": "explicit"}}, "prompt_cache_options"),
        (
            "/v1/chat/completions",
            CHAT | {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": OPEN}}},
            "additionalProperties",
        ),
        ("/v1/messages", SAID | {"temperature": 1.0}, "no longer supported"),
        ("/v1/messages", {k: v for k, v in SAID.items() if k != "max_tokens"}, "max_tokens"),
        ("/v1/messages", SAID | {"messages": [*SAID["messages"], {"role": "assistant", "content": "{"}]}, "prefill"),  # type: ignore[misc]
        ("/v1/messages", SAID | {"messages": [{"role": "user", "content": " "}]}, "non-empty"),
        ("/v1/messages", SAID | {"output_config": {"format": {"type": "json_schema", "schema": OPEN}}}, "additionalProperties"),
    ],
)  # fmt: skip
def test_what_the_real_ones_refuse_is_refused(
    server: Server, path: str, body: dict[str, Any], says: str
) -> None:
    status, answer = post(server, path, body, server.key)
    assert status == 400
    assert says in answer["error"]["message"]
    assert server.stats()["bought"] == 0


def test_what_the_real_ones_take_is_taken(server: Server) -> None:
    for path, body in (("/v1/chat/completions", CHAT), ("/v1/messages", SAID)):
        assert post(server, path, body, server.key)[0] == 200
        assert post(server, path, body, "another-key")[0] == 401
    assert post(server, "/v1/other", CHAT, server.key)[0] == 404


def test_the_default_answer_is_a_verdict_on_real_prompts(tmp_path: Path) -> None:
    colour = grader(tmp_path)
    renderer = Renderer([colour], Style(model="openai/gpt-4.1"), window_tokens=10_000)
    [(_, shown)] = renderer.cut(ODD)[colour.view.channels]
    asked = renderer.request(colour, ODD, shown)

    async def once(server: Server) -> str:
        async with connected(server, "openai/gpt-4.1") as provider:
            return (await provider.complete(asked)).text

    with Server() as server:
        answer = Answer.model_validate_json(asyncio.run(once(server)))
    assert [label.facet for label in answer.labels] == list(colour.facets)
    for label in answer.labels:
        assert set(label.labels) <= set(colour.facets[label.facet].vocabulary)
        needing = colour.facets[label.facet].positives(tuple(label.labels))
        assert not needing or any(label.facet in quote.supports for quote in answer.evidence)
    for quote in answer.evidence:
        message = ODD.message(quote.message)
        assert message
        assert quote.quote in message.text


def test_purchases_are_counted_by_body() -> None:
    async def some(server: Server) -> None:
        async with connected(server, "openai/gpt-4.1") as provider:
            for name in "aab":
                await provider.complete(request("openai/gpt-4.1", system=name))

    with Server() as server:
        asyncio.run(some(server))
        stats = server.stats()
    assert (stats["bought"], stats["bought_distinct"], stats["bought_again"]) == (3, 2, 1)


def test_faults_with_a_rate_hit_the_same_requests_in_every_run() -> None:
    def statuses() -> dict[str, int]:
        async def many(server: Server) -> None:
            async with connected(server, "openai/gpt-4.1") as provider:
                calls = (provider.complete(request("openai/gpt-4.1", system=str(n))) for n in range(200))
                await asyncio.gather(*calls, return_exceptions=True)

        with Server() as server:
            server.script(Fault("500", rate=0.2))
            asyncio.run(many(server))
            found: dict[str, int] = server.stats()["statuses"]
            return found

    first = statuses()
    assert 20 < first["500"] < 60
    assert statuses() == first


def test_siblings_that_are_sent_at_once_all_miss_the_cache() -> None:
    async def siblings(server: Server, at_once: bool) -> list[int]:
        from judge.request import Block

        shared = Block("word " * 2000, breakpoint=True)
        asked = [request(ANTHROPIC, blocks=(shared, Block(f"rubric {n}"))) for n in range(3)]
        async with connected(server, ANTHROPIC) as provider:
            if at_once:
                hold_until(len(asked), server)
                answers = await asyncio.gather(*map(provider.complete, asked))
            else:
                answers = [await provider.complete(each) for each in asked]
        return [answer.usage.cached for answer in answers]

    for at_once in (True, False):
        with Server(Options(cache=True, latency=0.1)) as server:
            cached = asyncio.run(siblings(server, at_once))
        assert [tokens > 0 for tokens in cached] == ([False] * 3 if at_once else [False, True, True])


def test_a_prompt_below_the_minimum_is_not_cached() -> None:
    with Server(Options(cache=True)) as server:
        assert ask(server, ANTHROPIC).usage.cache_written == 0
        assert ask(server, ANTHROPIC).usage.cached == 0


def test_it_runs_as_a_process_and_ends_with_its_starter() -> None:
    with Process("--key", "k", "--fault", "429=1", "--retry-after", "3", "--latency", "0.01") as process:
        assert post(process, "/v1/chat/completions", CHAT, "k")[0] == 429
        assert process.stats()["statuses"] == {"429": 1}
        port = process.port
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/stats", timeout=2)


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="earthquake"):
        Fault("earthquake")
