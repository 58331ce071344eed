"""What every provider makes of every answer and of every failure."""

import asyncio
import json

import pytest

from judge.errors import (
    ProviderError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
)
from judge.grader.contract import Answer
from judge.request import RateLimits, StopReason
from tests.loopback import Fault, Options, Server, hold_until
from tests.loopback.wire import Call, Reply
from tests.providers.samples import ANTHROPIC, MODELS, ask, connected, request

every_model = pytest.mark.parametrize("model", MODELS)


@every_model
def test_an_answer_comes_back_whole_with_its_body_and_its_usage(server: Server, model: str) -> None:
    completion = ask(server, model)
    assert Answer.model_validate_json(completion.text)
    assert completion.stop == "stop"
    assert completion.model == model.partition("/")[2]
    assert completion.usage.input > 0
    assert completion.usage.output > 0
    assert json.loads(completion.raw)["model"] == completion.model
    assert server.stats()["bought"] == 1


@every_model
@pytest.mark.parametrize("plain", [False, True])
def test_the_fast_way_and_the_sdks_own_way_send_equal_bodies(server: Server, model: str, plain: bool) -> None:
    bodies = server.bodies
    fast = ask(server, model)
    other = ask(server, model, plain_sdk=plain)
    assert bodies[0] == bodies[1]
    assert other.text == fast.text
    assert other.usage == fast.usage


@every_model
@pytest.mark.parametrize(
    ("kind", "stop"),
    [("refusal", "refusal"), ("length", "length"), ("content_filter", "content_filter")],
)
def test_answers_that_are_no_verdict_are_completions(
    server: Server, model: str, kind: str, stop: StopReason
) -> None:
    server.script(Fault(kind))
    completion = ask(server, model)
    # Anthropic knows no filter as a stop reason of its own: its classifiers refuse.
    assert completion.stop == ("refusal" if model == ANTHROPIC and kind == "content_filter" else stop)
    if kind == "refusal":
        assert completion.detail
    if kind == "length":
        assert completion.text


@every_model
@pytest.mark.parametrize("kind", ["not_json", "off_schema", "ungrounded", "empty"])
def test_a_bad_answer_is_still_an_answer_that_was_paid_for(server: Server, model: str, kind: str) -> None:
    server.script(Fault(kind))
    completion = ask(server, model)
    assert completion.stop == "stop"
    assert (completion.text == "") == (kind == "empty")


@every_model
def test_the_model_that_answered_is_the_one_that_the_provider_names(server: Server, model: str) -> None:
    server.script(Fault("wrong_model"))
    assert ask(server, model).model.startswith("another-model")


@every_model
@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
def test_a_busy_service_is_unavailable_and_says_how_long(server: Server, model: str, status: int) -> None:
    server.script(Fault(str(status), retry_after=1.5))
    with pytest.raises(ProviderUnavailable) as caught:
        ask(server, model)
    assert (caught.value.status, caught.value.retry_after) == (status, 1.5)
    assert server.counts.requests == 1, "no retry but ours"


@every_model
def test_a_busy_service_that_names_no_time_is_unavailable_all_the_same(server: Server, model: str) -> None:
    server.script(Fault("429"))
    with pytest.raises(ProviderUnavailable) as caught:
        ask(server, model)
    assert caught.value.retry_after is None


@every_model
@pytest.mark.parametrize("kind", ["cut", "truncate", "reset", "error_in_200"])
def test_a_broken_answer_is_unavailable(server: Server, model: str, kind: str) -> None:
    server.script(Fault(kind, times=1))
    with pytest.raises(ProviderUnavailable):
        ask(server, model)
    assert ask(server, model).stop == "stop"


@every_model
@pytest.mark.parametrize("kind", ["stall", "dribble"])
def test_a_body_that_does_not_end_in_time_is_unavailable(server: Server, model: str, kind: str) -> None:
    server.script(Fault(kind, seconds=30))  # after which the answer is whole, and nothing is raised
    with pytest.raises(ProviderUnavailable, match="in time"):
        ask(server, model, timeout=0.4)


@every_model
def test_a_slow_body_that_ends_in_time_is_an_answer(server: Server, model: str) -> None:
    server.script(Fault("dribble", seconds=0.2))
    assert ask(server, model).stop == "stop"


@every_model
def test_nobody_listening_is_unavailable(server: Server, model: str) -> None:
    server.close()
    with pytest.raises(ProviderUnavailable, match="cannot connect"):
        ask(server, model)


@every_model
@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (Fault("401"), ProviderMisconfigured, "check the key"),
        (Fault("402"), ProviderMisconfigured, "credit"),
        (Fault("403"), ProviderMisconfigured, "may use this model"),
        (Fault("404"), ProviderMisconfigured, "check the model's name"),
        (Fault("307"), ProviderMisconfigured, "base URL"),
        (Fault("400"), ProviderRejected, "HTTP 400"),
        (Fault("413"), ProviderRejected, "HTTP 413"),
        (Fault("422"), ProviderRejected, "HTTP 422"),
    ],
)
def test_errors_say_whether_the_request_or_the_set_up_is_at_fault(
    server: Server, model: str, fault: Fault, kind: type[ProviderError], says: str
) -> None:
    server.script(Fault(fault.kind))
    with pytest.raises(kind) as caught:
        ask(server, model)
    assert says in str(caught.value)
    assert caught.value.status == int(fault.kind)


@every_model
def test_a_403_after_an_answer_is_about_the_text_and_a_404_or_401_still_about_the_set_up(model: str) -> None:
    async def one_after_the_other(server: Server) -> None:
        async with connected(server, model) as provider:
            await provider.complete(request(model))
            server.script(Fault("403", times=1), Fault("404", times=1), Fault("401", times=1))
            for kind in (ProviderRejected, ProviderMisconfigured, ProviderMisconfigured):
                with pytest.raises(kind):
                    await provider.complete(request(model))

    with Server() as server:
        asyncio.run(one_after_the_other(server))


@every_model
@pytest.mark.parametrize(
    "error",
    [
        {"code": 403, "message": 'This model requires moderation. Your input was flagged for "violence".'},
        {"code": "content_policy_violation", "message": "No."},
        {"code": 403, "message": "Request blocked by a guardrail: prompt injection patterns"},
    ],
)
def test_a_403_that_speaks_of_moderation_is_about_the_text_from_the_first(
    server: Server, model: str, error: dict[str, object]
) -> None:
    async def moderated(call: Call) -> Reply:
        return Reply(403, json.dumps({"error": error}).encode())

    server.service.handle = moderated  # type: ignore[method-assign]  # the server plays a gateway
    with pytest.raises(ProviderRejected, match="403"):
        ask(server, model)


@every_model
def test_a_billed_answer_with_nothing_in_it_is_a_completion_and_not_bought_again(
    server: Server, model: str
) -> None:
    body = b'{"choices": [], "content": null, "usage": {"prompt_tokens": 9, "input_tokens": 9}}'

    async def nothing(call: Call) -> Reply:
        return Reply(200, body)

    server.service.handle = nothing  # type: ignore[method-assign]
    completion = ask(server, model)
    assert (completion.stop, completion.text, completion.raw) == ("other", "", body)
    assert completion.usage.input == 9


def test_a_spent_quota_is_not_worth_waiting_for(server: Server) -> None:
    server.script(Fault("quota"))
    with pytest.raises(ProviderMisconfigured, match="credit"):
        ask(server, "openai/gpt-4.1")


def test_a_blocked_prompt_is_filtered_and_no_error(server: Server) -> None:
    server.script(Fault("blocked"))
    completion = ask(server, "openai/gpt-4.1")
    assert (completion.stop, completion.text) == ("content_filter", "")
    assert "management policy" in completion.detail


def test_an_unknown_model_is_a_matter_of_set_up() -> None:
    with Server(Options(models=frozenset({"gpt-4.1"}))) as server:
        assert ask(server, "openai/gpt-4.1").stop == "stop"
        with pytest.raises(ProviderMisconfigured, match=r"'gpt-4\.2'"):
            ask(server, "openai/gpt-4.2")


def test_a_long_error_is_shortened(server: Server) -> None:
    server.script(Fault("400"))
    with pytest.raises(ProviderRejected) as caught:
        ask(server, "compatible/" + "m" * 3000)
    assert len(caught.value.what) <= 500


@every_model
def test_limits_are_those_of_the_last_response_even_of_a_refused_one(model: str) -> None:
    async def drain() -> tuple[int | None, int | None, float | None, float | None]:
        with Server(Options(requests_per_minute=2, tokens_per_minute=60_000)) as server:
            async with connected(server, model) as provider:
                assert provider.rate_limits.requests_limit is None
                await provider.complete(request(model))
                await provider.complete(request(model))
                with pytest.raises(ProviderUnavailable) as caught:
                    await provider.complete(request(model))
                limits = provider.rate_limits
                assert limits.tokens_limit == 60_000
                assert 0 < (limits.tokens_remaining or 0) < 60_000
                return (
                    limits.requests_limit,
                    limits.requests_remaining,
                    limits.requests_reset,
                    caught.value.retry_after,
                )

    limit, remaining, reset, retry_after = asyncio.run(drain())
    assert (limit, remaining) == (2, 0)
    assert reset is not None
    assert 50 < reset <= 61
    assert retry_after is not None
    assert 25 < retry_after <= 30


@every_model
def test_limits_are_forgotten_where_a_response_tells_of_none(model: str) -> None:
    async def twice(server: Server) -> None:
        usual = server.service.handle

        async def silent_from_the_second_on(call: Call) -> Reply:
            reply = await usual(call)
            if server.counts.requests > 1:
                reply.headers.clear()
            return reply

        server.service.handle = silent_from_the_second_on  # type: ignore[method-assign]
        async with connected(server, model) as provider:
            await provider.complete(request(model))
            assert (provider.rate_limits.requests_remaining, provider.rate_limits.requests_limit) == (1, 2)
            await provider.complete(request(model))
            assert provider.rate_limits == RateLimits()

    with Server(Options(requests_per_minute=2)) as server:
        asyncio.run(twice(server))


@every_model
def test_a_hundred_at_once_are_in_flight_at_once(model: str) -> None:
    async def all_of_them(server: Server) -> None:
        async with connected(server, model, timeout=60.0) as provider:
            await asyncio.gather(*(provider.complete(request(model, sample=n)) for n in range(120)))

    with Server() as server:
        hold_until(120, server)
        asyncio.run(all_of_them(server))
        assert server.counts.peak == 120


@every_model
def test_the_number_of_connections_can_be_limited(model: str) -> None:
    async def all_of_them(server: Server) -> None:
        async with connected(server, model, max_in_flight=3) as provider:
            await asyncio.gather(*(provider.complete(request(model, sample=n)) for n in range(9)))

    with Server(Options(latency=0.05)) as server:
        hold_until(3, server)
        asyncio.run(all_of_them(server))
        assert server.counts.peak == 3


def test_a_second_grader_reads_the_transcript_from_the_cache() -> None:
    from judge.request import Block

    async def both(server: Server, model: str) -> tuple[int, int]:
        shared = Block("⟦transcript ab⟧" + "word " * 2000, breakpoint=True)
        async with connected(server, model) as provider:
            first = await provider.complete(request(model, blocks=(shared, Block("one rubric"))))
            second = await provider.complete(request(model, blocks=(shared, Block("another"))))
        return first.usage.cached, second.usage.cached

    for model in MODELS:
        with Server(Options(cache=True)) as server:
            cold, warm = asyncio.run(both(server, model))
        assert cold == 0
        assert warm > 2000
