import contextlib
import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from judge import dialects
from judge.dialects.common import json_text
from judge.dialects.openai_chat import decode, encode
from judge.errors import ProviderRejected, ProviderUnavailable, UsageError
from judge.grader.contract import common_schema
from judge.request import Block, Capabilities, Request, Sampling
from tests.dialects.samples import REASK, REQUEST, chat, loads

NEW = Capabilities(temperature=False, cache_control=True, cache_key=True)
SERVER = Capabilities(logprobs=True, schema_in_prompt=False, token_field="max_tokens")


def checked_by_the_sdk(body: bytes) -> dict[str, Any]:
    """The body, once the SDK's own request type has accepted it and all of its fields."""
    decoded: dict[str, Any] = loads(body)
    assert not set(decoded) - set(CompletionCreateParamsNonStreaming.__annotations__) - _inherited()
    typed = TypeAdapter(CompletionCreateParamsNonStreaming).validate_json(body)
    assert list(typed["messages"])  # validated only as it is read
    return decoded


def _inherited() -> set[str]:
    from openai.types.chat.completion_create_params import CompletionCreateParamsBase

    return set(CompletionCreateParamsBase.__annotations__)


def test_a_model_with_breakpoints_gets_parts_and_is_told_to_write_no_other_prefix() -> None:
    body = checked_by_the_sdk(encode(REQUEST, NEW))
    assert body == {
        "model": "gpt-6-luna",
        "messages": [
            {"role": "system", "content": "You label transcripts."},
            {
                "role": "user",
                "content": [
                    {
                        "type": "text",
                        "text": "⟦transcript ab⟧ “odd” \n it is",
                        "prompt_cache_breakpoint": {"mode": "explicit"},
                    },
                    {"type": "text", "text": "\n\nWhat colour?"},
                ],
            },
        ],
        "max_completion_tokens": 100,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": common_schema(), "strict": True},
        },
        "prompt_cache_options": {"mode": "explicit"},
        "prompt_cache_key": "f" * 64,
    }


def test_every_other_server_gets_the_same_text_as_one_string_and_no_field_it_may_not_know() -> None:
    body = checked_by_the_sdk(
        encode(replace(REQUEST, sampling=Sampling(temperature=0.5)), SERVER, "org/model")
    )
    assert body["model"] == "org/model"
    assert body["messages"][1]["content"] == "⟦transcript ab⟧ “odd” \n it is\n\nWhat colour?"
    assert set(body) == {"model", "messages", "max_tokens", "temperature", "response_format"}
    in_parts = loads(encode(REQUEST, NEW))["messages"][1]["content"]
    assert "".join(part["text"] for part in in_parts) == body["messages"][1]["content"]


def test_the_tag_that_tells_servers_apart_is_not_sent_to_them() -> None:
    tagged = replace(REQUEST, model="compatible/org/model (int4 on node 3)")
    assert loads(encode(tagged, SERVER))["model"] == "org/model"
    assert loads(encode(replace(REQUEST, model="openai/odd (name)"), SERVER))["model"] == "odd (name)"


def test_a_schema_keeps_its_order_because_models_answer_in_it() -> None:
    schema = loads(encode(REQUEST, NEW))["response_format"]["json_schema"]["schema"]
    assert list(schema["properties"]) == ["rationale", "evidence", "labels"]


def test_a_model_without_structured_output_is_sent_no_schema() -> None:
    assert "response_format" not in loads(encode(REQUEST, Capabilities(json_schema=False)))


def test_a_reask_is_a_second_turn_behind_the_same_prefix() -> None:
    first, second = (
        loads(encode(REQUEST, NEW)),
        checked_by_the_sdk(encode(replace(REQUEST, reask=REASK), NEW)),
    )
    assert second["messages"][:2] == first["messages"]
    assert second["messages"][2:] == [
        {"role": "assistant", "content": REASK.answer},
        {"role": "user", "content": REASK.complaint},
    ]


def test_a_choice_asks_for_one_token_and_its_rivals() -> None:
    request = replace(REQUEST, schema=None, choices=("A", "B"))
    body = checked_by_the_sdk(encode(request, SERVER))
    assert (body["logprobs"], body["top_logprobs"], body["max_tokens"]) == (True, 20, 1)


def test_a_choice_leaves_room_for_reasoning_where_reasoning_is_on() -> None:
    request = replace(REQUEST, choices=("A", "B"), sampling=Sampling(max_tokens=900, reasoning_effort="low"))
    body = checked_by_the_sdk(encode(request, SERVER))
    assert (body["reasoning_effort"], body["max_tokens"]) == ("low", 900)


@pytest.mark.parametrize(
    ("request_", "capabilities", "says"),
    [
        (replace(REQUEST, sampling=Sampling(temperature=0.0)), NEW, "takes no temperature"),
        (replace(REQUEST, choices=("A", "B")), NEW, "no log-probabilities"),
        (replace(REQUEST, sampling=Sampling(extra={"model": "other"})), NEW, "model"),
        (replace(REQUEST, sampling=Sampling(extra={"stream": True})), NEW, "stream"),
        (replace(REQUEST, sampling=Sampling(extra={"seed": {1, 2}})), NEW, "cannot be written as JSON"),
    ],
)
def test_what_the_model_cannot_do_is_said_before_anything_is_sent(
    request_: Request, capabilities: Capabilities, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        encode(request_, capabilities)


def test_extra_fields_are_sent_as_they_are() -> None:
    extra = {"top_p": 0.9, "seed": 7, "service_tier": "flex"}
    body = checked_by_the_sdk(encode(replace(REQUEST, sampling=Sampling(extra=extra)), NEW))
    assert {name: body[name] for name in extra} == extra


def test_half_a_surrogate_pair_in_a_block_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be written as JSON"):
        encode(replace(REQUEST, blocks=(Block("fine, ", "\ud800"),)), NEW)


def test_a_long_cache_group_is_cut_to_a_hash_of_it() -> None:
    long, other = (replace(REQUEST, cache_group="g" * 70 + end) for end in "ab")
    keys = {loads(encode(request, NEW))["prompt_cache_key"] for request in (long, other)}
    assert len(keys) == 2
    assert all(len(key) == 64 for key in keys)


@given(pieces=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=50), max_size=9))
def test_pieces_are_written_like_the_text_that_they_make_up(pieces: list[str]) -> None:
    assert orjson.dumps(json_text(pieces)) == orjson.dumps("".join(pieces))


@given(
    system=st.text(st.characters(exclude_categories=["Cs"])),
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=4),
    marks=st.integers(0, 15),
    extra=st.dictionaries(st.sampled_from(["top_p", "seed", "user"]), st.integers(0, 9)),
)
def test_equal_requests_are_equal_bytes(
    system: str, texts: list[str], marks: int, extra: dict[str, int]
) -> None:
    def build(fields: dict[str, int]) -> bytes:
        blocks = tuple(Block(text, breakpoint=bool(marks >> n & 1)) for n, text in enumerate(texts))
        request = Request("openai/m", system, blocks, common_schema(), Sampling(extra=fields))
        return encode(request, NEW)

    assert build(extra) == build(dict(reversed(extra.items())))


# --- answers --------------------------------------------------------------------------------------------------------


def test_usage_is_taken_over_with_cached_tokens_inside_the_input() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 9,
        "total_tokens": 109,
        "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    completion = decode(chat(usage=usage))
    assert completion.usage.model_dump() == {
        "input": 100, "cached": 60, "cache_written": 30, "output": 9, "reasoning": 5,
    }  # fmt: skip
    assert (completion.text, completion.stop, completion.model) == ("{}", "stop", "gpt-x-2026")


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None, "prompt_tokens_details": None}, []])
def test_a_server_that_counts_nothing_is_read_all_the_same(usage: object) -> None:
    assert decode(chat(usage=usage)).usage.input == 0


@pytest.mark.parametrize(
    ("choice", "stop"),
    [
        ({"finish_reason": "stop"}, "stop"),
        ({"finish_reason": "length"}, "length"),
        ({"finish_reason": "content_filter"}, "content_filter"),
        ({"finish_reason": "tool_calls"}, "other"),
        ({"finish_reason": None}, "other"),
    ],
)
def test_stop_reasons_are_typed(choice: dict[str, Any], stop: str) -> None:
    assert decode(chat(choice=choice)).stop == stop


def test_a_refusal_is_an_answer_with_the_models_words() -> None:
    completion = decode(chat(message={"content": None, "refusal": "I can't\nhelp."}))
    assert (completion.stop, completion.text, completion.detail) == ("refusal", "", "I can't help.")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "yes", "reasoning_content": "because"}, "yes"),
        ({"content": "<think>because {1}</think>\n\nyes"}, "yes"),
        ({"content": "\n<think>and it went on and"}, ""),
        ({"content": "no <think> here"}, "no <think> here"),
        ({"content": [{"type": "text", "text": "y"}, {"type": "text", "text": "es"}]}, "yes"),
        ({"content": None}, ""),
    ],
)
def test_reasoning_is_no_part_of_the_text(message: dict[str, Any], text: str) -> None:
    assert decode(chat(message=message)).text == text


def test_log_probabilities_are_those_of_the_first_answer_token() -> None:
    top = [{"token": "A", "logprob": -0.1}, {"token": " B", "logprob": -2}, {"token": "C", "logprob": None}]
    content = [
        {"token": "A", "logprob": -0.1, "top_logprobs": top},
        {"token": "x", "logprob": 0, "top_logprobs": []},
    ]
    assert decode(chat(choice={"logprobs": {"content": content}})).logprobs == {"A": -0.1, " B": -2.0}
    assert decode(chat(choice={"logprobs": None})).logprobs == {}
    odd = [{"token": "A", "logprob": -0.5, "top_logprobs": ["B", None]}]
    assert decode(chat(choice={"logprobs": {"content": odd}})).logprobs == {"A": -0.5}


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", chat()[:-20], b"[]", b"[" * 9999, b"<html>busy</html>", b"{}", b'{"status": "warming up"}'],
)
def test_a_body_that_is_cut_or_no_answer_is_worth_another_try(raw: bytes) -> None:
    with pytest.raises(ProviderUnavailable):
        decode(raw)


@pytest.mark.parametrize(
    "fields",
    [
        {"choices": []},
        {"choices": None},
        {"choices": {"0": "yes"}},
        {"choices": ["yes"]},
        {"choices": None, "error": None},
        {"output": [{"text": "yes"}]},
    ],
)
def test_a_whole_answer_with_nothing_to_read_in_it_is_kept_because_it_was_billed(
    fields: dict[str, Any],
) -> None:
    body = {"model": "m", **fields, "usage": {"prompt_tokens": 70, "completion_tokens": 3}}
    raw = orjson.dumps(body)
    completion = decode(raw)
    assert (completion.stop, completion.text, completion.raw) == ("other", "", raw)
    assert (completion.usage.input, completion.usage.output, completion.model) == (70, 3, "m")


def test_half_a_surrogate_pair_or_a_nan_does_not_make_an_answer_unreadable() -> None:
    raw = chat(message={"content": "yes"}).replace(b'"yes"', b'"y\\ud83d", "score": NaN')
    completion = decode(raw)
    assert (completion.text, completion.stop, completion.raw) == ("y?", "stop", raw)


def test_an_error_with_status_200_is_an_error() -> None:
    with pytest.raises(ProviderUnavailable, match="upstream"):
        decode(b'{"error": {"message": "upstream", "code": 502}}')
    with pytest.raises(ProviderUnavailable, match="slow down"):
        decode(b'{"error": {"message": "slow down", "code": "429"}, "usage": {"prompt_tokens": 1}}')
    with pytest.raises(ProviderRejected, match="too long"):
        decode(b'{"error": {"message": "too long", "code": 400}, "choices": []}')


def test_a_stored_filter_error_is_read_back_as_filtered() -> None:
    raw = b'{"error": {"message": "policy", "code": "content_filter", "param": "prompt"}}'
    completion = dialects.decode("openai_chat", raw)
    assert (completion.stop, completion.detail, completion.raw) == ("content_filter", "policy", raw)


_JSON = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers() | st.floats(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["choices", "model", "id"]),
        _JSON | st.lists(st.dictionaries(st.sampled_from(["message", "logprobs", "finish_reason"]), _JSON)),
    )
)
def test_every_whole_body_with_usage_is_a_completion(fields: dict[str, Any]) -> None:
    raw = json.dumps({**fields, "usage": {"prompt_tokens": 5}}).encode()
    completion = decode(raw)
    assert (completion.raw, completion.usage.input) == (raw, 5)


@given(
    st.binary()
    | st.recursive(st.none() | st.text() | st.integers(-9, 9), st.lists).map(lambda v: chat(choices=v))
)
def test_no_body_brings_anything_but_a_completion_or_a_provider_error(raw: bytes) -> None:
    with contextlib.suppress(ProviderUnavailable, ProviderRejected):
        assert decode(raw).raw == raw
