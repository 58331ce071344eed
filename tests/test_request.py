from hypothesis import given
from hypothesis import strategies as st

from judge.dialects import anthropic_messages, openai_chat
from judge.request import Block, Capabilities, Request

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
PIECES = st.lists(TEXTS, min_size=1, max_size=6)


@given(pieces=PIECES, rubric=TEXTS, marks=st.booleans())
def test_pieces_make_the_same_key_and_the_same_bodies_as_the_whole_text(
    pieces: list[str], rubric: str, marks: bool
) -> None:
    whole, parts = (
        Request("m/x", "system", (Block(*texts, breakpoint=True), Block(rubric)), cache_group="g" * marks)
        for texts in (["".join(pieces)], pieces)
    )
    assert parts.blocks[0].text == whole.blocks[0].text == "".join(pieces)
    assert parts.blocks[0].encode() == "".join(pieces).encode()
    assert len(parts.blocks[0]) == len("".join(pieces))
    assert parts.blocks == whole.blocks and hash(parts.blocks) == hash(whole.blocks)
    assert parts.key == whole.key
    for dialect in (openai_chat, anthropic_messages):
        for marked in (False, True):
            can = Capabilities(cache_control=marked)
            assert dialect.encode(parts, can) == dialect.encode(whole, can)


def test_a_block_is_what_it_says_and_where_its_breakpoint_is() -> None:
    assert Block("ab") == Block("a", "b") != Block("a", "b", breakpoint=True)
    assert Block("ab") != Block("ba")
