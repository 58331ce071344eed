"""Label probabilities from first tokens: the questions, and what is made of the answers."""

import math
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.errors import UsageError
from judge.grader import Grader
from judge.grader.file import load
from judge.grader.prompt import Style
from judge.labelling import choice
from judge.parse import Reading, Rejected
from judge.request import Block, Completion, Sampling, StopReason, Usage

STYLE = Style("local/smollm2-135m", Sampling(max_tokens=64, temperature=0.0))
SHOWN = Block("⟦transcript 1⟧\nA transcript.\n⟦end of transcript 1⟧")


def grader(folder: Path, labels: str, extra: str = "", scale: str = "nominal") -> Grader:
    path = folder / "mood.jinja"
    rule = "union" if scale == "multilabel" else "highest"
    path.write_text(
        dedent(f"""\
        ---
        name: mood
        version: 1
        description: the mood of a text
        primary: mood
        facets:
          mood: {{scale: {scale}, roll_up: {rule}, question: 'Which mood?', labels: {labels}{extra}}}
        ---
        Say which mood it is.
        """)
    )
    return load(path)


@pytest.fixture
def five(tmp_path: Path) -> Grader:
    return grader(
        tmp_path, "{glad: is glad, calm: is calm, sad: is sad, angry: is angry}", ", nulls: {open: unclear}"
    )


@pytest.fixture
def two(tmp_path: Path) -> Grader:
    return grader(tmp_path, "{'no': it is not, 'yes': it is}", ", positive: ['yes']")


def answer(logprobs: dict[str, float], stop: StopReason = "length") -> Completion:
    return Completion(b"{}", "openai_chat", "", stop, Usage(), "m", logprobs=logprobs)


def text(asked: choice.Choice) -> str:
    return asked.request.blocks[1].text


def test_every_phrasing_offers_every_label_and_shares_all_but_the_letters(five: Grader) -> None:
    asked = choice.requests(five, SHOWN, STYLE)
    assert len(asked) == choice.PHRASINGS
    for one in asked:
        assert sorted(one.options.values()) == sorted(five.facets["mood"].vocabulary)
        assert one.request.choices == tuple(one.options)
        assert one.request.schema is None
        assert one.request.blocks[0].text == SHOWN.text
        assert one.request.blocks[0].breakpoint
        for letter, label in one.options.items():
            assert f"\n{letter}. `{label}`\n" in text(one)
    beginnings = {text(one).partition("\nA. ")[0] for one in asked}
    assert len(beginnings) == 1
    assert "- `sad`: is sad" in beginnings.pop()
    assert len({one.request.key for one in asked}) == choice.PHRASINGS


def test_a_judge_that_always_likes_the_same_letter_is_spread_over_the_labels(five: Grader) -> None:
    asked = choice.requests(five, SHOWN, STYLE)
    stubborn = [answer({"A": -0.1, "B": -5, "C": -5, "D": -5, "E": -5}) for _ in asked]
    reading = choice.read(five, asked, stubborn)
    assert isinstance(reading, Reading)
    assert max(reading.distribution["mood"].values()) < 0.4


def test_a_judge_that_knows_gets_its_label_through_in_every_order(five: Grader) -> None:
    asked = choice.requests(five, SHOWN, STYLE)
    knowing = [
        answer({letter: 0.0 if label == "sad" else -6.0 for letter, label in one.options.items()})
        for one in asked
    ]
    reading = choice.read(five, asked, knowing)
    assert isinstance(reading, Reading)
    assert reading.values == {"mood": "sad"}
    assert reading.distribution["mood"]["sad"] == pytest.approx(1 / (1 + 4 * math.exp(-6)))
    assert math.fsum(reading.distribution["mood"].values()) == pytest.approx(1)
    assert list(reading.distribution["mood"]) == list(five.facets["mood"].vocabulary)
    assert reading.evidence == ()
    assert "no evidence" in reading.rationale


def test_two_labels_are_asked_about_in_both_polarities(two: Grader) -> None:
    plain, negated = choice.requests(two, SHOWN, STYLE)
    assert "fits this transcript is `yes`." in text(plain)
    assert "fits this transcript is not `yes`." in text(negated)
    assert plain.options == {"A": "yes", "B": "no"}
    assert negated.options == {"A": "no", "B": "yes"}


@pytest.mark.parametrize("liked", ["A", "B"])
def test_a_judge_that_always_agrees_or_always_denies_says_nothing(two: Grader, liked: str) -> None:
    asked = choice.requests(two, SHOWN, STYLE)
    other = "B" if liked == "A" else "A"
    reading = choice.read(two, asked, [answer({liked: -0.01, other: -4.6}) for _ in asked])
    assert isinstance(reading, Reading)
    assert reading.distribution["mood"] == pytest.approx({"no": 0.5, "yes": 0.5})


def test_the_negated_answer_is_turned_round_before_averaging(two: Grader) -> None:
    asked = choice.requests(two, SHOWN, STYLE)
    ln = math.log
    reading = choice.read(
        two, asked, [answer({"A": ln(0.8), "B": ln(0.2)}), answer({"A": ln(0.4), "B": ln(0.6)})]
    )
    assert isinstance(reading, Reading)
    assert reading.distribution["mood"] == pytest.approx({"no": 0.3, "yes": 0.7})
    assert reading.values == {"mood": "yes"}


def test_spellings_with_blanks_are_added_up_and_other_tokens_do_not_count() -> None:
    ln = math.log
    found = choice.letter_probabilities(
        {"A": ln(0.2), " A": ln(0.1), "\nB": ln(0.1), "The": ln(0.5), "a": ln(0.1)}, "AB"
    )
    assert found == pytest.approx({"A": 0.75, "B": 0.25})


def test_a_letter_that_was_not_reported_gets_the_most_that_it_can_have() -> None:
    ln = math.log
    found = choice.letter_probabilities({"A": ln(0.6), "The": ln(0.2), "It": ln(0.1), "x": -9999.0}, "AB")
    assert found == pytest.approx({"A": 6 / 7, "B": 1 / 7})


def test_hopeless_log_probabilities_do_not_divide_by_zero() -> None:
    assert choice.letter_probabilities({"A": -900.0, "B": -900.0, "The": 0.0}, "AB") == pytest.approx(
        {"A": 0.5, "B": 0.5}
    )


@given(
    st.dictionaries(
        st.sampled_from(["A", " A", "B", "C", "The", "", "**"]), st.floats(-9999, 0), min_size=1, max_size=7
    )
)
def test_whatever_is_reported_gives_a_distribution_or_nothing(logprobs: dict[str, float]) -> None:
    found = choice.letter_probabilities(logprobs, "ABC")
    if found is None:
        assert not any(
            value > -1000 and token.strip() in ("A", "B", "C") for token, value in logprobs.items()
        )
    else:
        assert math.fsum(found.values()) == pytest.approx(1)
        assert set(found) == set("ABC")
        assert min(found.values()) >= 0


@pytest.mark.parametrize(
    ("last", "kind", "detail"),
    [
        (answer({"The": -0.1, "It": -2.0}), "unparsable", "'The', 'It'"),
        (answer({}), "unparsable", "without token probabilities"),
        (answer({}, "refusal"), "refused", ""),
        (answer({}, "content_filter"), "filtered", ""),
    ],
)
def test_one_phrasing_without_an_answer_is_no_label(
    five: Grader, last: Completion, kind: str, detail: str
) -> None:
    asked = choice.requests(five, SHOWN, STYLE)
    good = [answer({"A": -0.1, "B": -3.0}) for _ in asked[1:]]
    rejected = choice.read(five, asked, [*good, last])
    assert isinstance(rejected, Rejected)
    assert rejected.kind == kind
    assert detail in rejected.detail
    assert not rejected.complaint


def test_a_facet_with_several_labels_at_once_is_refused(tmp_path: Path) -> None:
    several = grader(tmp_path, "{a: a, b: b}", scale="multilabel")
    with pytest.raises(UsageError, match="cannot label 'mood'") as caught:
        choice.requests(several, SHOWN, STYLE)
    assert "generate" in caught.value.do


def test_more_labels_than_a_provider_reports_tokens_are_refused(tmp_path: Path) -> None:
    many = grader(tmp_path, "{" + ", ".join(f"l{n}: x" for n in range(21)) + "}")
    with pytest.raises(UsageError, match="cannot label"):
        choice.requests(many, SHOWN, STYLE)


def test_another_sample_is_another_purchase(five: Grader) -> None:
    keys = {one.request.key for sample in (0, 1) for one in choice.requests(five, SHOWN, STYLE, sample)}
    assert len(keys) == 2 * choice.PHRASINGS
