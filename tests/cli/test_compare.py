"""``judge compare`` on runs that are there: no calls, whatever it is asked."""

import json

import pytest

from tests.cli.command import Command
from tests.comparison.samples import colours, labelled, run

HUMAN = ["red"] * 10 + ["blue"] * 10 + ["none"] * 10
BEFORE = ["none"] * 8 + ["red"] * 2 + HUMAN[10:]


@pytest.fixture
def judge(tmp_path):
    rubric = colours(tmp_path / "prompts")
    labelled(tmp_path / "eval_sets" / "colour", {"colour": HUMAN})
    labelled(tmp_path / "eval_sets" / "colour" / "test", {"colour": HUMAN})
    run(tmp_path / "runs", "a", rubric, {"colour": BEFORE})
    run(tmp_path / "runs", "b", rubric, {"colour": HUMAN})
    return Command(tmp_path)


def test_two_runs_are_compared_without_a_call(judge):
    done = judge.run("compare", "runs/a", "b", "--on", "colour")
    assert done.returncode == 0, done.stderr
    assert "better: 8 of 30 items newly right, 0 newly wrong" in done.stdout
    assert "open to tuning" in done.stdout
    assert not (judge.folder / "eval_sets/colour/looks.jsonl").exists()


def test_json_and_a_file(judge):
    done = judge.run_anew(
        "compare", "a", "b", "--on", "eval_sets/colour", "--json", "--markdown", "report.md"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["pairings"][0]["facets"][0]["verdict"]["word"] == "better"
    assert len(found["pairings"][0]["facets"][0]["flips"]) == 8
    assert (judge.folder / "report.md").read_text().startswith("# Comparison on `colour`")


def test_the_sealed_split_is_opened_on_request_only_and_every_look_counts(judge):
    refused = judge.run("compare", "a", "b", "--on", "eval_sets/colour/test")
    assert refused.returncode == 2
    assert "--test" in refused.stderr
    assert not (judge.folder / "eval_sets/colour/looks.jsonl").exists()
    for number in (1, 2):
        done = judge.run("compare", "a", "b", "--on", "colour", "--test")
        assert done.returncode == 0, done.stderr
        assert f"this is look {number} at it" in done.stdout
    looks = (judge.folder / "eval_sets/colour/looks.jsonl").read_text().splitlines()
    assert [json.loads(line)["verb"] for line in looks] == ["compare", "compare"]


def test_a_run_that_nothing_was_served_to_is_named_where_nothing_can_be_compared(judge):
    rubric = colours(judge.folder / "prompts")
    run(judge.folder / "runs", "lost", rubric, {"colour": ["(provider)"] * 30})
    done = judge.run("compare", "a", "lost", "--on", "colour")
    assert done.returncode == 2
    assert "lost, of whose 30 questions 30 were not served" in done.stderr
    assert "recording" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "--on", "colour"], "nothing to compare with"),
        (["a", "nobody", "--on", "colour"], "there is no such run"),
        (["a", "b", "--on", "nowhere"], "no such evaluation set"),
        (["a", "b", "--on", "colour", "--against", "eve"], "has labelled nothing"),
    ],
)
def test_what_cannot_be_compared_is_said(judge, arguments, said):
    done = judge.run("compare", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
