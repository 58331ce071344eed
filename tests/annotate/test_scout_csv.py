"""The shape is Inspect Scout's: id, target or target_<facet>, split; ids that pandas would misread are lists of one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge.annotate import scout_csv
from judge.errors import UsageError
from judge.grader import Facet
from judge.records import Annotation

FACETS = {
    "colour": Facet(
        name="colour",
        scale="nominal",
        question="?",
        labels={"none": "-", "red": "-"},
        nulls={"indeterminate": "-"},
    ),
    "degree": Facet(name="degree", scale="ordinal", question="?", labels={"-1": "-", "0": "-", "+1": "-"}),
    "shades": Facet(
        name="shades", scale="multilabel", question="?", labels={"light": "-", "dark": "-", "none": "-"}
    ),
}


def label(transcript_id, facet, value, split=None):
    return Annotation(transcript_id=transcript_id, facet=facet, label=value, annotator="ana", split=split)


def read(text):
    return scout_csv.read(text, "x.csv", FACETS, "colour")


def test_several_facets_have_a_column_each():
    labels = {
        ("t1", "colour"): label("t1", "colour", "red", "dev"),
        ("t1", "shades"): label("t1", "shades", ("light", "dark"), "dev"),
        ("t2", "shades"): label("t2", "shades", ("none",)),
    }
    text = scout_csv.write(labels, ["colour", "shades"])
    assert text == (
        'id,target_colour,target_shades,split\nt1,red,"[""light"", ""dark""]",dev\nt2,,"[""none""]",\n'
    )
    assert read(text) == {
        ("t1", "colour"): "red",
        ("t1", "shades"): ("light", "dark"),
        ("t2", "shades"): ("none",),
    }


def test_ids_that_would_be_read_as_something_else_are_lists_of_one():
    names = ["007", "1.50", "1e5", "a,b", "[x]", "plain", "12"]
    text = scout_csv.write({(n, "colour"): label(n, "colour", "red") for n in names}, ["colour"])
    assert '"[""007""]",red' in text and "\nplain,red" in text and "\n12,red" in text
    assert [name for name, _ in read(text)] == names


@given(st.text(min_size=1))
def test_every_id_survives_the_way_there_and_back(name):
    text = scout_csv.write({(name, "colour"): label(name, "colour", "red")}, ["colour"])
    assert list(read(text)) == [(name, "colour")]


def test_what_pandas_did_to_a_label_is_undone():
    assert read("id,target_degree\na,1\nb,-1.0\nc,0\n") == {
        ("a", "degree"): "+1",
        ("b", "degree"): "-1",
        ("c", "degree"): "0",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,target\na,red\n", "x.csv:1: not a validation set"),
        ("id,split\na,dev\n", "not a validation set"),
        ("id,target_hue\na,red\n", "'target_hue' that is no facet"),
        ("id,label_deception\na,true\n", "no facet"),
        ("id,target\na,green\n", "x.csv:2: colour has no label 'green'"),
        ('id,target\n"[""a"", ""b""]",red\n', "several transcripts"),
        ("id,target\n,red\n", "without an id"),
    ],
)
def test_what_cannot_be_taken_over_is_said_with_its_line(text, message):
    with pytest.raises(UsageError, match=message):
        read(text)
