"""Runs on disk against labels on disk."""

from typing import Any

import numpy as np
import pytest

from judge import looks
from judge.comparison import markdown
from judge.comparison.job import Labels, compare_runs
from judge.comparison.pairing import pairs, side
from judge.errors import UsageError
from judge.ratings.gather import gather
from judge.records import Annotation
from tests.comparison.samples import COLOURS, colours, labelled, run

HUMAN = ["red"] * 10 + ["blue"] * 10 + ["none"] * 10
BEFORE = ["none"] * 8 + ["red"] * 2 + HUMAN[10:]


@pytest.fixture
def rubric(tmp_path):
    return colours(tmp_path / "prompts")


def compared(found, *runs, **options):
    return compare_runs([(runs[0], other) for other in runs[1:]], Labels(found, **options))


def test_a_better_rubric_is_called_better_with_its_flips_and_quotes(tmp_path, rubric):
    found = labelled(tmp_path / "set", {"colour": HUMAN})
    a = run(tmp_path / "runs", "a", rubric, {"colour": BEFORE})
    b = run(tmp_path / "runs", "b", rubric, {"colour": HUMAN})
    facet = compared(found, a, b).pairings[0].primary
    assert facet.verdict.word == "better"
    assert facet.right == (22, 30)
    assert {flip.item for flip in facet.flips} == {f"t{k}" for k in range(8)}
    assert {(f.direction, f.first.value, f.second.value, f.human, f.quote) for f in facet.flips} == {
        ("gained", "none", "red", "red", "its shade")
    }
    red = next(label for label in facet.labels if label.label == "red")
    assert red.recall.difference.value == pytest.approx(0.8)
    assert (red.correct.only_second, red.correct.only_first) == (8, 0)
    assert facet.positives.only_second == 8
    assert facet.negatives.only_second == 0
    assert facet.kappa.difference.value > 0


def test_failures_are_not_right_and_are_not_labels(tmp_path, rubric):
    """A rubric on which the judge breaks down where it used to be wrong is not better for it."""
    found = labelled(tmp_path / "set", {"colour": HUMAN})
    a = run(tmp_path / "runs", "a", rubric, {"colour": BEFORE})
    b = run(tmp_path / "runs", "b", rubric, {"colour": ["(refused)"] * 12 + HUMAN[12:]})
    facet = compared(found, a, b).pairings[0].primary
    assert facet.failed == (0, 12)
    assert facet.right == (22, 18)
    assert facet.agreement.second.value == pytest.approx(18 / 30)
    assert facet.verdict.word == "no difference shown"
    assert all(label.label in {"red", "blue", "none"} for label in facet.labels)
    assert "(refused)" in markdown.render(compared(found, a, b))


def test_only_items_that_both_were_asked_about_are_paired(tmp_path, rubric):
    found = labelled(tmp_path / "set", {"colour": HUMAN})
    a = run(tmp_path / "runs", "a", rubric, {"colour": HUMAN})
    b = run(tmp_path / "runs", "b", rubric, {"colour": HUMAN[:25]})
    facet = compared(found, a, b).pairings[0].primary
    assert (facet.n, facet.unpaired) == (25, 5)


def test_every_labelled_facet_is_tested_in_one_family(tmp_path, rubric):
    depth = ["deep"] * 15 + ["pale"] * 15
    shades = [("light", "dark")] * 15 + [("none",)] * 15
    found = labelled(tmp_path / "set", {"colour": HUMAN, "depth": depth, "shades": shades})
    a = run(
        tmp_path / "runs",
        "a",
        rubric,
        {"colour": HUMAN, "depth": ["plain"] * 30, "shades": [("light",)] * 30},
    )
    b = run(
        tmp_path / "runs",
        "b",
        rubric,
        {"colour": HUMAN, "depth": depth, "shades": [("dark", "light")] * 15 + [("none",)] * 15},
    )
    report = compared(found, a, b)
    assert report.tests == 3
    by_name = {facet.facet: facet for facet in report.pairings[0].facets}
    assert by_name["depth"].verdict.word == "better"
    assert by_name["depth"].verdict.tests == 3
    assert by_name["shades"].verdict.word == "better"  # a set is a set, in whatever order
    assert by_name["shades"].right == (0, 30)
    assert by_name["colour"].verdict.word == "no difference shown"
    assert {label.label: label.support for label in by_name["shades"].labels} == {
        "light": 15,
        "dark": 15,
        "none": 15,
    }
    assert "kappa on the scale" in markdown.render(report)


def test_rubrics_of_other_names_are_lined_up_by_their_facets(tmp_path, rubric):
    newer = COLOURS.replace("name: colour\n", "name: hue\n").replace("chooses.", "chooses, not the user's.")
    (tmp_path / "prompts" / "hue.jinja").write_text(newer)
    from judge.grader.file import load

    other = load(tmp_path / "prompts" / "hue.jinja")
    found = labelled(tmp_path / "set", {"colour": HUMAN})
    a = run(tmp_path / "runs", "a", rubric, {"colour": BEFORE})
    b = run(tmp_path / "runs", "b", other, {"colour": HUMAN})
    report = compared(found, a, b)
    assert report.pairings[0].primary.verdict.word == "better"
    text = markdown.render(report)
    assert "+Label the colour that the assistant chooses, not the user's." in text
    assert "-Label the colour that the assistant chooses." in text


def test_several_models_stand_in_one_table(tmp_path, rubric):
    found = labelled(tmp_path / "set", {"colour": HUMAN})
    runs = [
        run(tmp_path / "runs", name, rubric, {"colour": HUMAN}, model=f"m/{name}") for name in ("a", "b", "c")
    ]
    report = compared(found, *runs)
    assert [row.model for row in report.standings] == ["m/a", "m/b", "m/c"]
    assert [row.cost_per_transcript for row in report.standings] == [pytest.approx(0.01)] * 3
    assert "model: m/a, then m/b" in markdown.render(report)


def test_every_look_at_a_sealed_split_is_written_down_first_and_counted(tmp_path, rubric):
    whole = labelled(tmp_path / "set", {"colour": HUMAN})
    labelled(tmp_path / "set" / "test", {"colour": HUMAN})
    a = run(tmp_path / "runs", "a", rubric, {"colour": BEFORE})
    b = run(tmp_path / "runs", "b", rubric, {"colour": HUMAN})
    first = compared(whole.test, a, b)
    assert len(first.looks) == 1
    assert not any("tuned-on-test" in warning for warning in first.warnings)
    second = compared(whole.test, a, b)
    assert len(second.looks) == 2
    assert any(warning.startswith("tuned-on-test") for warning in second.warnings)
    assert "this is look 2" in markdown.render(second)
    assert looks.looks(whole)[0].what == (
        f"run a: m/one, colour {rubric.sha256[:12]}",
        f"run b: m/one, colour {rubric.sha256[:12]}",
    )
    (tmp_path / "set" / "test" / "labels" / "adjudicated.jsonl").unlink()
    with pytest.raises(UsageError):
        compared(whole.test, a, b)
    assert len(looks.looks(whole)) == 3  # a look that then fails is a look all the same


def test_labels_of_nobody_and_of_several_are_refused_with_a_way_out(tmp_path, rubric):
    found = labelled(tmp_path / "set", {"colour": HUMAN}, annotator="ana")
    labelled(tmp_path / "set", {"colour": BEFORE}, annotator="bob")
    a = run(tmp_path / "runs", "a", rubric, {"colour": HUMAN})
    b = run(tmp_path / "runs", "b", rubric, {"colour": BEFORE})
    with pytest.raises(UsageError, match="several annotators"):
        compared(found, a, b)
    assert compared(found, a, b, annotator="ana").pairings[0].primary.verdict.word == "worse"
    assert compared(found, a, b, annotator="bob").pairings[0].primary.verdict.word == "better"
    with pytest.raises(UsageError, match="has labelled nothing"):
        compared(found, a, b, annotator="eve")


def test_hostile_text_stays_text(tmp_path, rubric):
    text = markdown.code("x` <script>alert(1)</script> | \x1b[31m\n# heading")
    assert text == "`` x` <script>alert(1)</script> \\| \\x1b[31m # heading ``"


@pytest.mark.parametrize(
    ("facet", "labels"),
    [("colour", ["mauve", *HUMAN[1:]]), ("shades", [("light", "mauve")] + [("none",)] * 29)],
)
def test_hand_labels_that_no_rubric_declares_are_refused(tmp_path, rubric, facet, labels):
    said: dict[str, Any] = {"colour": HUMAN, "shades": [("none",)] * 30}
    found = labelled(tmp_path / "set", said | {facet: labels})
    a, b = (run(tmp_path / "runs", name, rubric, said) for name in ("a", "b"))
    with pytest.raises(UsageError, match="no such label") as refused:
        compared(found, a, b)
    assert "mauve" in str(refused.value)
    assert "adjudicated.jsonl, t0" in str(refused.value)


def test_labels_of_a_judge_that_its_own_rubric_has_not_are_refused(tmp_path, rubric):
    found = labelled(tmp_path / "set", {"colour": HUMAN})
    a = run(tmp_path / "runs", "a", rubric, {"colour": ["mauve", *HUMAN[1:]]})
    b = run(tmp_path / "runs", "b", rubric, {"colour": HUMAN})
    with pytest.raises(UsageError, match="no such label"):
        compared(found, a, b)


def test_hand_labels_that_one_of_the_rubrics_declares_are_compared(tmp_path, rubric):
    newer = COLOURS.replace("blue: blue is chosen}", "blue: blue is chosen, mauve: mauve is chosen}")
    b_rubric = colours(tmp_path / "newer", newer)
    human = ["mauve", *HUMAN[1:]]
    found = labelled(tmp_path / "set", {"colour": human})
    a = run(tmp_path / "runs", "a", rubric, {"colour": HUMAN})
    b = run(tmp_path / "runs", "b", b_rubric, {"colour": human})
    for order in ((a, b), (b, a)):
        assert compared(found, *order).pairings[0].primary.n == 30
    ratings = gather([a, found], {b_rubric.name: b_rubric})  # the old version alone, with the new one at hand
    assert ratings.reference is not None
    old = side(ratings.judges[0], ratings.reference)
    (pair,) = pairs(ratings, old, old, ratings.reference)
    assert "mauve" in pair.vocabulary


def test_a_comparison_is_weighted_by_the_chances_of_its_own_facet(tmp_path, rubric):
    found = labelled(tmp_path / "set", {"colour": HUMAN, "depth": ["pale"] * 30})
    path = found.folder / "labels" / "adjudicated.jsonl"
    lines = [Annotation.model_validate_json(line) for line in path.read_text().splitlines()]
    chance = {"colour": 0.5, "depth": 0.1}
    path.write_text(
        "".join(
            line.model_copy(update={"inclusion_probability": chance[line.facet]}).model_dump_json() + "\n"
            for line in lines
        )
    )
    said = {"colour": HUMAN, "depth": ["pale"] * 30}
    a, b = (run(tmp_path / "runs", name, rubric, said) for name in ("a", "b"))
    ratings = gather([a, b, found], {rubric.name: rubric})
    assert ratings.reference is not None
    first, second = (side(rater, ratings.reference) for rater in ratings.judges)
    both = pairs(ratings, first, second, ratings.reference)
    assert {pair.facet.name: set(np.asarray(pair.design.weights).tolist()) for pair in both} == {
        "colour": {2},
        "depth": {10},
    }
