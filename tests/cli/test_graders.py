"""``judge graders``: begin a grader, check it, compare versions, look back."""

import json

import pytest

from tests.comparison.samples import COLOURS, colours, labelled, run
from tests.iteration.command import Here

HUMAN = ["red"] * 10 + ["blue"] * 10 + ["none"] * 10


@pytest.fixture
def judge(tmp_path):
    return Here(tmp_path)


def test_a_new_grader_is_one_file_that_is_found_at_once(judge):
    done = judge.run("graders", "new", "kindness")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "prompts/kindness.jinja\n"
    listed = json.loads(judge.run("graders", "list", "--json").stdout)
    assert "kindness" in {row["name"] for row in listed}
    again = judge.run("graders", "new", "kindness")
    assert again.returncode == 2
    assert "already" in again.stderr
    assert judge.run("graders", "new", "Bad Name").returncode == 2


def test_lint_fails_on_errors_only(judge):
    judge.run("graders", "new", "kindness")
    warned = judge.run("graders", "lint", "kindness")
    assert warned.returncode == 0
    assert "prompts/kindness.jinja:4: warning: to be decided" in warned.stdout
    path = judge.folder / "prompts/kindness.jinja"
    path.write_text(path.read_text().replace("      indeterminate:", "      undecided:"))
    failed = judge.run("graders", "lint", "kindness", "--json")
    assert failed.returncode == 2
    errors = [f for f in json.loads(failed.stdout) if f["severity"] == "error"]
    assert {f["code"] for f in errors} == {"undefined-label"}


def test_a_broken_file_does_not_keep_the_others_from_being_listed(judge):
    (judge.folder / "prompts").mkdir()
    (judge.folder / "prompts/broken.jinja").write_text("no header")
    done = judge.run("graders", "list")
    assert done.returncode == 1
    assert "reward_seeking" in done.stdout
    assert "does not load" in done.stdout
    rows = {row["name"]: row for row in json.loads(judge.run("graders", "list", "--json").stdout)}
    assert "no front matter" in rows["broken"]["broken"]
    linted = judge.run("graders", "lint")
    assert linted.returncode == 2
    assert "broken.jinja:1: error" in linted.stdout


def test_diff_of_files_and_of_what_a_run_has_kept(judge):
    rubric = colours(judge.folder / "prompts")
    run(judge.folder / "runs", "a", rubric, {"colour": HUMAN})
    newer = COLOURS.replace("version: 1", "version: 2").replace("red is chosen", "red or crimson is chosen")
    colours(judge.folder / "prompts", newer)
    done = judge.run("graders", "diff", f"colour@{rubric.sha256[:8]}", "colour")
    assert done.returncode == 0, done.stderr
    assert "version: 1, now 2" in done.stdout
    assert "-- `red` (needs evidence): red is chosen" in done.stdout
    assert "+- `red` (needs evidence): red or crimson is chosen" in done.stdout
    same = judge.run("graders", "diff", "colour", "prompts/colour.jinja")
    assert same.stdout == ""
    assert "asked the same" in same.stderr
    assert judge.run("graders", "diff", "colour@ffff", "colour").returncode == 2


def test_a_variant_beside_the_grader_is_a_version_of_it(judge):
    colours(judge.folder / "prompts")
    (judge.folder / "prompts/colour.v2.jinja").write_text(COLOURS + "\nOne more ruling.\n")
    listed = {row["name"] for row in json.loads(judge.run("graders", "list", "--json").stdout)}
    assert {"colour", "colour.v2"} <= listed
    assert "+One more ruling." in judge.run("graders", "diff", "colour", "colour.v2").stdout


def test_history_lists_every_version_with_its_agreement_and_cost(judge):
    labelled(judge.folder / "eval_sets" / "colour", {"colour": HUMAN})
    labelled(judge.folder / "eval_sets" / "colour" / "test", {"colour": HUMAN})
    first = colours(judge.folder / "prompts")
    run(judge.folder / "runs", "a", first, {"colour": ["none"] * 10 + HUMAN[10:]})
    run(judge.folder / "runs", "b", first, {"colour": ["none"] * 10 + HUMAN[10:]}, model="m/two")
    second = colours(judge.folder / "prompts", COLOURS + "More.\n")
    run(judge.folder / "runs" / ".try" / "colour", "c", second, {"colour": HUMAN})
    found = json.loads(judge.run("graders", "history", "colour", "--json").stdout)
    assert {(row["sha256"], row["model"]) for row in found} == {
        (first.sha256, "m/one"),
        (first.sha256, "m/two"),
        (second.sha256, "m/one"),
    }
    kappas = {row["sha256"]: row["kappa"]["value"] for row in found}
    assert kappas[second.sha256] == 1.0
    assert kappas[first.sha256] == pytest.approx(0.5)
    shown = judge.run("graders", "history", "colour")
    assert first.sha256[:12] in shown.stdout
    assert judge.run("graders", "history", "nobody").returncode == 2
    assert not (judge.folder / "eval_sets/colour/looks.jsonl").exists()
