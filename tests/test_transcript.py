import pytest
from pydantic import ValidationError

from judge.transcript import Message, Transcript, head
from tests.samples import transcript


def message(**changes):
    return {"id": "M1", "turn": 1, "role": "user", "channel": "text", "text": "hi"} | changes


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [message(), message()],
        [message(turn=2), message(id="M2", turn=1)],
        [message(role="alien")],
        [message(channel="telepathy")],
        [message(id="has blank")],
        [message(id="⟦M1⟧")],
        [message(text="\ud800")],
        [message(extra=1)],
        [message(turn=-1)],
    ],
)
def test_what_is_no_transcript_is_refused(messages):
    with pytest.raises(ValidationError):
        Transcript.model_validate({"id": "t", "messages": messages})


def test_the_fingerprint_sees_everything_that_a_prompt_could_show():
    base = transcript(("user", "text", "hi"), context={"policy": "p"})
    changed = [
        transcript(("user", "text", "hi!"), context={"policy": "p"}),
        transcript(("assistant", "text", "hi"), context={"policy": "p"}),
        transcript(("user", "reasoning", "hi"), context={"policy": "p"}),
        transcript(("user", "text", "hi"), context={"policy": "q"}),
        transcript(("user", "text", "h"), ("user", "text", "i"), context={"policy": "p"}),
    ]
    assert len({t.fingerprint for t in [base, *changed]}) == 6
    assert (
        transcript(("user", "text", "hi"), id="x", metadata={"a": 1}, context={"policy": "p"}).fingerprint
        == base.fingerprint
    )


def test_messages_are_found_by_id_and_cannot_be_changed():
    item = transcript(("user", "text", "hi"))
    assert item.messages[0] is item.message("M1") and item.message("M9") is None
    with pytest.raises(ValidationError):
        setattr(item.messages[0], "text", "other")  # noqa: B010  (an assignment would not type-check, rightly)
    assert isinstance(item.messages[0], Message)


def test_fingerprint_and_revision_are_those_that_stores_were_written_with():
    item = Transcript.model_validate(
        {
            "id": "t",
            "messages": [
                message(turn=0, text="Ünïcode “x”"),
                message(id="M2", role="assistant", channel="tool_call", text="ls", tool="bash"),
            ],
            "metadata": {"b": 1, "a": {"z": [1.5, None, "é"], "y": True}},
            "context": {"policy": "p", "env": "é"},
        }
    )
    assert item.fingerprint == "6e52450cf9314c554548edfb25f894b58d0a5a05634848321c26fe79f5c18afe"
    assert item.revision == "552837b501efd7515f1a79343850ffc930120ee4fcba11ffed0385842cdd679a"


def test_heads_of_messages_with_long_names_of_tools_are_the_same():
    tools = ["x" * 100, "x" * 101]
    made = [head("M1", 1, "tool", "tool_result", tool) for tool in tools]
    assert [piece[-len(tool) - 8 :] for piece, tool in zip(made, tools, strict=True)] == [
        len(tool).to_bytes(8, "big") + tool.encode() for tool in tools
    ]
