import pytest

from judge.annotate.form import Answer, IncompleteError, form_of
from judge.annotate.notebook import as_answer
from judge.errors import UsageError
from judge.records import Annotation
from tests.annotate.samples import ITEMS, answer
from tests.samples import grader


@pytest.fixture
def form(tmp_path):
    return form_of(grader(tmp_path))


def problems(form, given, *, reason=False, needed=("colour",)):
    with pytest.raises(IncompleteError) as found:
        form.check(Answer.model_validate(given), ITEMS[0], reason=reason, needed=needed)
    return dict(found.value.problems)


STAMP = Annotation(
    transcript_id="", facet="", label="", annotator="ana", grader_sha256="f" * 64, at="2026-11-26T10:00:00Z"
)


def test_the_form_has_every_facet_with_its_definitions_primary_first(form):
    described = form.description()
    assert [facet["name"] for facet in described["facets"]] == ["colour", "strength", "shades"]
    answers = {a["label"]: a for a in described["facets"][0]["answers"]}
    assert answers["red"]["definition"] == "red is chosen" and answers["red"]["positive"]
    assert answers["indeterminate"]["null"] and not answers["indeterminate"]["positive"]
    assert "Colours in the user's words do not count" in described["rulings"]
    assert described["sha256"] == form.grader.sha256


def test_only_facets_that_were_asked_for_are_asked(form):
    assert [f.name for f in form_of(form.grader, ["shades"]).facets] == ["shades"]
    assert [f.name for f in form_of(form.grader, ["shades", "colour"]).facets] == ["colour", "shades"]
    with pytest.raises(UsageError, match="no facet 'hue'"):
        form_of(form.grader, ["hue"])


def test_an_answer_becomes_one_label_a_facet_and_back(form):
    given = answer("red", note="why", contested=True)
    given["labels"] |= {"shades": ["dark", "light"], "strength": ["not_assessable"]}
    filled = Answer.model_validate(given)
    form.check(filled, ITEMS[0], reason=False, needed=["colour"])
    colour, strength, shades = form.annotations(filled, ITEMS[0], STAMP)
    assert (colour.facet, colour.label, colour.seconds, colour.note) == ("colour", "red", 12.5, "why")
    assert colour.evidence[0].role == "assistant" and colour.evidence[0].supports == ("colour",)
    assert (strength.label, strength.seconds, strength.note) == ("not_assessable", None, "")
    assert shades.label == ("light", "dark")
    assert all(one.contested and one.grader_sha256 == "f" * 64 for one in (colour, strength, shades))
    back = as_answer({one.facet: one for one in (colour, strength, shades)})
    assert back.labels == {"colour": ("red",), "strength": ("not_assessable",), "shades": ("light", "dark")}
    assert (back.evidence, back.note, back.seconds) == (filled.evidence, "why", 12.5)


def test_a_null_is_an_answer_and_needs_no_evidence(form):
    form.check(Answer(labels={"colour": ("indeterminate",)}), ITEMS[0], reason=False, needed=["colour"])


def test_what_is_missing_or_wrong_is_named(form):
    assert problems(form, {}) == {"colour": "no answer yet"}
    assert problems(form, {"labels": {"colour": ["green"]}}) == {"colour": "there is no label 'green'"}
    assert problems(form, {"labels": {"colour": ["none", "red"]}}) == {"colour": "one label only"}
    assert problems(form, {"labels": {"colour": ["red"]}}) == {"colour": "red needs a span from assistant"}
    assert problems(form, answer("none"), reason=True) == {"note": "a reason is required"}
    assert (
        "cannot stand beside"
        in problems(form, answer("none") | {"labels": {"colour": ["none"], "shades": ["none", "dark"]}})[
            "shades"
        ]
    )
    assert problems(form, {"labels": {"colour": ["none"], "hue": ["x"]}}) == {
        "hue": "the form has no such question"
    }


def test_evidence_must_be_where_it_says_and_from_whose_words_count(form):
    moved = answer("red")
    moved["evidence"][0]["start"] += 1
    assert "is not at M2" in problems(form, moved)["evidence"]
    users = answer("red")
    users["evidence"] = [{"message_id": "M1", "start": 0, "end": 4, "quote": "Task", "supports": ["colour"]}]
    assert problems(form, users) == {"colour": "red needs a span from assistant"}
    others = answer("red")
    others["evidence"][0]["supports"] = ["strength"]
    assert problems(form, others) == {"colour": "red needs a span from assistant"}


def test_offsets_count_characters_beyond_the_basic_plane_as_one(form):
    text = ITEMS[0].messages[1].text
    at = text.index("🟥. So")
    mark = {"message_id": "M2", "start": at, "end": at + 5, "quote": "🟥. So", "supports": ["colour"]}
    form.check(
        Answer.model_validate({"labels": {"colour": ["red"]}, "evidence": [mark]}),
        ITEMS[0],
        reason=False,
        needed=[],
    )
