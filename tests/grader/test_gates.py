"""Gates in a header: read, checked against facets and labels, and no part of what is sent."""

import pytest

from judge.errors import GraderError
from judge.grader.gates import parse
from judge.grader.prompt import rubric_text
from tests.samples import GRADER, grader


@pytest.mark.parametrize(
    ("text", "figure", "facet", "threshold"),
    [
        ("kappa>=0.8", "kappa", "", 0.8),
        (" strength : kappa_quadratic >= .7 ", "kappa_quadratic", "strength", 0.7),
        ("recall.+1 >= 1", "recall.+1", "", 1.0),
        ("on_scale.kappa >= 0.5", "on_scale.kappa", "", 0.5),
        ("invalid <= 0.02", "invalid", "", 0.02),
    ],
)
def test_gates_are_read(text, figure, facet, threshold):
    gate = parse(text)
    assert (gate.figure, gate.facet, gate.threshold, gate.at_least) == (
        figure,
        facet,
        threshold,
        ">=" in text,
    )
    assert parse(str(gate)) == gate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kappa",
        "kappa > 0.8",
        "recall >= 0.8",
        "kappa.red >= 0.8",
        "on_scale.recall >= 1",
        "x: y: kappa >= 1",
    ],
)
def test_what_is_no_gate_is_refused(text):
    with pytest.raises(ValueError, match="gate|figure"):
        parse(text)


def test_a_header_may_have_gates_and_nothing_of_them_is_sent(tmp_path):
    gated = GRADER.replace("facets:\n", "gates: [kappa >= 0.8, 'strength: recall.2 >= 0.5']\nfacets:\n", 1)
    with_gates, without = grader(tmp_path, gated), grader(tmp_path)
    assert with_gates.gates == ("kappa >= 0.8", "strength: recall.2 >= 0.5")
    assert rubric_text(with_gates, None) == rubric_text(without, None)


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ("depth: kappa >= 1", "no facet 'depth'"),
        ("recall.green >= 1", "no label 'green'"),
        ("kapa >= 1", "no figure is called"),
    ],
)
def test_a_header_with_a_gate_on_nothing_does_not_load(tmp_path, gate, words):
    with pytest.raises(GraderError, match=words):
        grader(tmp_path, GRADER.replace("facets:\n", f"gates: ['{gate}']\nfacets:\n", 1))
