"""Each check finds what it is for, at its line, and leaves a sound rubric alone."""

import pytest

from judge.grader import skeleton
from judge.grader.file import bundled_folder, discover, load
from judge.linting.job import Surroundings, lint
from tests.comparison.samples import labelled, run

SOUND = """\
---
name: colour
version: 1
description: which colour the assistant chooses
primary: colour
facets:
  colour:
    scale: nominal
    question: Which colour is chosen?
    labels:
      none: no colour is chosen
      red: red is chosen, not only named
      blue: blue is chosen, not only named
    nulls:
      indeterminate: a colour is chosen, and it cannot be told which
      not_assessable: the assistant's words are missing
    positive: [red, blue]
---
Label the colour that the assistant chooses. `none` also where a colour is only named.
"""


def found(tmp_path, text=SOUND, **around):
    (tmp_path / "prompts").mkdir(exist_ok=True)
    path = tmp_path / "prompts" / "colour.jinja"
    path.write_text(text)
    surroundings = {"sets": tmp_path / "eval_sets", "runs_dir": tmp_path / "runs"} | around
    return [(f.code, f.severity, f.line, f.path.name) for f in lint(path, Surroundings(**surroundings))]


def test_a_sound_rubric_has_no_finding(tmp_path):
    assert found(tmp_path) == []


@pytest.mark.parametrize("path", discover(bundled_folder()), ids=lambda path: path.stem)
def test_the_bundled_rubrics_have_no_error(tmp_path, path):
    around = Surroundings(bundled_folder().parent / "eval_sets", tmp_path)
    assert [f for f in lint(path, around) if f.severity == "error"] == []


@pytest.mark.parametrize(
    ("before", "after", "finding"),
    [
        ("`none` also", "`indeterminate` or `not_applicable` also", ("undefined-label", "error", 19)),
        ("`none` also", "`nonne` also", ("undefined-name", "warning", 19)),
        ("red is chosen, not only named", "''", ("no-definition", "error", 12)),
        ("red is chosen, not only named", "it is red, not blue", None),
        ("red is chosen, not only named", "red, only", ("thin-definition", "warning", 12)),
        ("red is chosen, not only named", "red is chosen by it", ("no-boundary", "warning", 12)),
        ("      not_assessable: the assistant's words are missing\n", "", ("null-missing", "warning", 14)),
        ("Label the", "Find its true motive. Label the", ("infers-cause", "warning", 19)),
        (
            "Label the",
            "It chose red because it really wants praise. Label the",
            ("infers-cause", "warning", 19),
        ),
        ("Label the", "Never infer the motive from a choice. Label the", None),
        ("Which colour is chosen?", "Which colour does it secretly want?", ("infers-cause", "warning", 9)),
        ("Which colour is chosen?", "Which colour is its real goal?", ("infers-cause", "warning", 9)),
        ("Label the", "{{ nobody }} Label the", ("broken", "error", 19)),
        ("scale: nominal", "scale: nominall", ("broken", "error", 1)),
        ("Label the", "TODO say more.\nLabel the", ("todo", "warning", 19)),
    ],
)
def test_each_check_finds_its_fault_at_its_line(tmp_path, before, after, finding):
    assert before in SOUND
    codes = [
        (code, severity, line) for code, severity, line, _ in found(tmp_path, SOUND.replace(before, after))
    ]
    assert codes == ([finding] if finding else [])


def test_a_secondary_facet_without_a_way_out_is_told_of(tmp_path):
    more = "  tone:\n    scale: nominal\n    question: Which?\n    labels: {warm: a warm one only, cold: a cold one only}\n---\nLabel"
    assert [code for code, *_ in found(tmp_path, SOUND.replace("---\nLabel", more))] == ["null-missing"]


def test_a_shared_part_that_names_a_null_of_another_facet_is_an_error(tmp_path):
    """The part speaks of the primary facet; that another one declares the label does not help."""
    text = SOUND.replace(
        "      indeterminate: a colour is chosen, and it cannot be told which\n", ""
    ).replace("scale: nominal", "scale: nominal\n    roll_up: highest")
    text = text.replace(
        "---\nLabel",
        "  tone:\n    scale: nominal\n    question: Which?\n    labels: {none: no tone at all, cold: a cold one}\n"
        '    nulls: {indeterminate: it is open}\n---\n{% include "_nulls.jinja" %}\n\nLabel',
    )
    errors = [(code, name) for code, severity, _, name in found(tmp_path, text) if severity == "error"]
    assert errors == [("undefined-label", "_nulls.jinja")]


def test_an_example_from_an_evaluation_set_is_an_error_also_from_the_sealed_split(tmp_path):
    labelled(tmp_path / "eval_sets" / "colour", {"colour": ["red"] * 3})
    sealed = labelled(tmp_path / "eval_sets" / "colour" / "test", {"colour": ["red"] * 3})
    said = "Well, seven is an odd number of walls to have painted by noon"
    sealed.transcripts_path.write_text(
        sealed.transcripts_path.read_text().replace("I choose it for its shade. 1", said)
    )
    whole = SOUND + "\nFor example: seven is an odd number of walls to have, which is `none`.\n"
    assert found(tmp_path, whole) == [("leak", "error", 21, "colour.jinja")]
    quoted = SOUND + "\nFor example “I choose it for its shade” is `none`.\n"
    assert {code for code, *_ in found(tmp_path, quoted)} == {"leak"}
    assert found(tmp_path, SOUND + "\nFor example “I choose it for the fun of it”.\n") == []
    assert not (tmp_path / "eval_sets/colour/looks.jsonl").exists()  # no label was read


def test_a_sealed_split_that_cannot_be_read_is_told_of(tmp_path):
    whole = labelled(tmp_path / "eval_sets" / "colour", {"colour": ["red"] * 3})
    (whole.folder / "test").mkdir()
    (whole.folder / "test" / "transcripts.jsonl").write_text("not json\n")
    assert found(tmp_path) == [("leak-unchecked", "warning", 1, "colour.jinja")]


def test_labels_that_past_runs_confuse_are_told_of(tmp_path):
    assert found(tmp_path) == []
    rubric = load(tmp_path / "prompts" / "colour.jinja")
    human = ["red"] * 8 + ["blue"] * 8 + ["none"] * 8
    labelled(tmp_path / "eval_sets" / "colour", {"colour": human})
    run(tmp_path / "runs", "a", rubric, {"colour": ["blue"] * 3 + ["none"] + human[4:]})
    run(tmp_path / "runs" / ".try" / "colour", "b", rubric, {"colour": ["red"] * 8 + ["red"] + human[9:]})
    assert found(tmp_path) == [("confused-labels", "warning", 12, "colour.jinja")]
    run(tmp_path / "runs", "a", rubric, {"colour": human})
    assert found(tmp_path) == []


def test_a_changed_meaning_needs_a_new_version(tmp_path):
    assert found(tmp_path) == []
    run(tmp_path / "runs", "a", load(tmp_path / "prompts" / "colour.jinja"), {"colour": ["red"]})
    other = SOUND.replace("      blue: blue", "      green: green is chosen, nothing else\n      blue: blue")
    assert found(tmp_path, other) == [("meaning-changed", "error", 7, "colour.jinja")]
    assert found(tmp_path, other.replace("version: 1", "version: 2")) == []
    sharper = SOUND.replace("red is chosen, not only named", "red, crimson or ruby is chosen, not only named")
    assert found(tmp_path, sharper) == [("meaning-changed", "warning", 12, "colour.jinja")]
    assert found(tmp_path, SOUND + "\nOne more ruling: `red` where both stand.\n") == []


def test_length_is_held_against_the_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "judge.toml").write_text(
        '[models."compatible/tiny"]\ncontext_tokens = 4096\nmax_output_tokens = 1000\n'
    )
    long = SOUND + "\n" + "So a colour that is named in passing, however often, is `none`. " * 50
    assert found(tmp_path, SOUND, model="compatible/tiny") == []
    assert found(tmp_path, long, model="compatible/tiny") == [("long", "warning", 1, "colour.jinja")]
    assert found(tmp_path, long * 3, model="compatible/tiny") == [("too-long", "error", 1, "colour.jinja")]
    assert found(tmp_path, long, model="openai/gpt-4.1-mini") == []


def test_the_skeleton_loads_and_only_its_todos_are_told_of(tmp_path):
    path = skeleton.write("kindness", tmp_path / "prompts")
    grader = load(path)
    assert grader.name == grader.primary == "kindness"
    assert {f.code for f in lint(path, Surroundings(tmp_path, tmp_path))} == {"todo"}
