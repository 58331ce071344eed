"""Whatever JSON says, a reader yields a transcript or a complaint, and nothing else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from judge import formats
from judge.errors import TranscriptError
from judge.formats import _convert
from judge.formats._flatten import split_thinking, tool_call_text
from judge.formats._record import Row
from judge.transcript import Transcript

KEYS = st.sampled_from(
    (
        *(
            "id",
            "messages",
            "conversations",
            "role",
            "content",
            "type",
            "text",
            "tool_calls",
            "function",
            "name",
        ),
        *("arguments", "input", "output", "items", "instructions", "system", "from", "value", "prompt"),
        *(
            "completion",
            "response",
            "result",
            "body",
            "message",
            "choices",
            "reasoning",
            "summary",
            "thinking",
        ),
        *("steps", "source", "observation", "results", "agent", "metadata", "context", "schema_version"),
        *(
            "transcript_id",
            "refusal",
            "error",
            "is_error",
            "channel",
            "turn",
            "tool",
            "tool_call_id",
            "other",
        ),
    )
)
WORDS = st.sampled_from(
    (
        *(
            "user",
            "assistant",
            "system",
            "tool",
            "human",
            "gpt",
            "agent",
            "function_call",
            "text",
            "reasoning",
        ),
        *("thinking", "redacted_thinking", "tool_use", "tool_result", "image", "message", "web_search_call"),
        *("function_call_output", "ATIF-v1.6", "<think>a</think>b", '{"a": 1}', "[1]", "{", "", " "),
    )
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS


def _deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6)


RECORDS = st.dictionaries(
    KEYS | st.text(max_size=4), st.recursive(LEAVES, _deeper, max_leaves=20), max_size=8
)
SHAPES = [name for name in formats.names() if hasattr(formats._module(name), "transcript")]


@pytest.mark.parametrize("name", SHAPES)
@settings(max_examples=150)
@given(record=RECORDS)
def test_any_record_is_a_transcript_or_a_complaint(name: str, record: dict[str, Any]) -> None:
    found = _convert(formats._module(name), Row(record, "file:1", "file:1"))
    assert isinstance(found, (Transcript, TranscriptError))
    if isinstance(found, Transcript):
        again = Transcript.model_validate_json(found.model_dump_json())
        assert again.messages == found.messages
    else:
        assert str(found).startswith("file:1")


MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(("system", "user", "assistant", "tool"))},
        optional={
            "content": st.recursive(LEAVES, _deeper, max_leaves=12),
            "tool_calls": st.lists(st.recursive(LEAVES, _deeper)),
        },
    ),
    max_size=5,
)


@settings(max_examples=200)
@given(messages=MESSAGES, name=st.sampled_from(("openai_chat", "anthropic", "scout")))
def test_any_content_is_shown_or_complained_about(messages: Any, name: str) -> None:
    record = {"messages": messages, "transcript_id": "x"}
    found = _convert(formats._module(name), Row(record, "file:1", "file:1"))
    assert isinstance(found, (Transcript, TranscriptError))


@given(
    st.text(alphabet=st.sampled_from("ab \n`<>/think"))
    | st.lists(st.sampled_from(("<think>", "</think>", "a", "\n"))).map("".join)
)
def test_nothing_but_tags_and_blanks_is_lost_when_thinking_is_told_apart(text: str) -> None:
    def letters(words: str) -> str:
        return "".join(words.replace("<think>", "").replace("</think>", "").split())

    pieces = "".join(piece for _, piece in split_thinking(text))
    assert letters(pieces) == letters(text)


@given(st.text(max_size=5), st.recursive(LEAVES, _deeper, max_leaves=10))
def test_any_tool_call_can_be_written_down(name: str, arguments: Any) -> None:
    assert tool_call_text(name, arguments).startswith(name or "(no name)")
