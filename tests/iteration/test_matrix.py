"""``judge compare`` on prompt files, against a judge on loopback that knows only what the rubric says."""

import json

import pytest

from tests.cli.command import MODEL
from tests.iteration.command import Here
from tests.iteration.samples import KNOWS, RUBRIC, eval_set, literal_judge, prompt
from tests.loopback import Asked, Fault, Server

OTHER = "openai/gpt-4.1"


def moody_judge(asked: Asked) -> str:
    """One model is helped by the ruling, another one reads it as licence to see red everywhere."""
    if asked.model == "gpt-4.1" and "crimson counts as red" in asked.text.lower():
        answer = json.loads(literal_judge(asked))
        said = asked.text.partition("I take ")[2].split(".")[0]
        answer["labels"][0]["labels"] = ["red"]
        answer["evidence"] = [{"message": "M2", "quote": f"I take {said}", "supports": ["colour"]}]
        return json.dumps(answer)
    return literal_judge(asked)


@pytest.fixture
def server():
    with Server(answer=moody_judge) as running:
        yield running


@pytest.fixture
def judge(tmp_path, server):
    prompt(tmp_path / "prompts")
    prompt(tmp_path / "prompts", KNOWS, "colour.v2")
    eval_set(tmp_path / "eval_sets" / "colour", each=16)
    eval_set(tmp_path / "eval_sets" / "colour" / "test", each=16, prefix="s")
    return Here(tmp_path, server)


def compared(judge, *arguments, code=0):
    done = judge.run("compare", *arguments, "--on", "colour", *judge.asks, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def test_a_known_improvement_is_better_and_is_bought_once(judge, server):
    report = compared(judge, "colour", "prompts/colour.v2.jinja")
    facet = report["pairings"][0]["facets"][0]
    assert facet["verdict"]["word"] == "better"
    assert (facet["test"]["only_second"], facet["test"]["only_first"]) == (8, 0)
    assert server.stats()["bought"] == 96
    again = compared(judge, "colour", "prompts/colour.v2.jinja")
    assert again["pairings"][0]["facets"][0]["verdict"] == facet["verdict"]
    assert server.stats()["bought"] == 96
    back = compared(judge, "colour.v2", "colour")
    assert back["pairings"][0]["facets"][0]["verdict"]["word"] == "worse"
    assert server.stats()["bought"] == 96


def test_a_null_change_is_no_difference_shown(judge):
    prompt(judge.folder / "prompts", RUBRIC + "Be careful.\n", "colour.v3")
    facet = compared(judge, "colour", "colour.v3")["pairings"][0]["facets"][0]
    assert facet["verdict"]["word"] == "no difference shown"
    assert facet["flips"] == []


def test_what_try_has_bought_is_not_bought_again(judge, server):
    judge.run("try", "colour", "--on", "colour", *judge.asks, "-q")
    bought = server.stats()["bought"]
    compared(judge, "colour", "colour.v2")
    assert server.stats()["bought"] == bought + 48


def test_a_rubric_that_helps_one_model_and_breaks_another_is_seen(judge):
    report = compared(judge, "colour", "colour.v2", "--model", OTHER)
    words = {pairing["model"]: pairing["facets"][0]["verdict"]["word"] for pairing in report["pairings"]}
    assert words == {MODEL: "better", OTHER: "worse"}
    assert report["tests"] == 2
    assert sorted((row["model"], row["rubric"].split()[0]) for row in report["standings"]) == [
        (OTHER, "colour"),
        (OTHER, "colour.v2"),
        (MODEL, "colour"),
        (MODEL, "colour.v2"),
    ]
    assert all(row["cost_per_transcript"] > 0 for row in report["standings"])


def test_a_look_at_the_sealed_split_is_written_down_before_anything_is_sent(judge, server):
    server.script(Fault("401"))
    failed = judge.run("compare", "colour", "colour.v2", "--on", "colour", *judge.asks, "--test")
    assert failed.returncode == 2
    (line,) = (judge.folder / "eval_sets/colour/looks.jsonl").read_text().splitlines()
    assert json.loads(line)["what"][0].endswith(f"(colour.jinja), {MODEL}")
    server.script()
    report = compared(judge, "colour", "colour.v2", "--test")
    assert report["sealed"]
    assert len(report["looks"]) == 2
    assert report["pairings"][0]["facets"][0]["verdict"]["word"] == "better"


def test_without_the_flag_the_sealed_split_stays_shut(judge):
    from tests.iteration.sealed import untouched

    # The command asks whether there is a sealed split only when it is to be opened.
    with untouched(judge.folder / "eval_sets/colour/test"):
        compared(judge, "colour", "colour.v2")
        runs = sorted(str(path) for path in (judge.folder / "runs/.try/colour").iterdir())
        done = judge.run("compare", *runs, "--on", "colour")
        assert done.returncode == 0, done.stderr


def test_money_is_limited_over_all_of_it_and_nothing_half_is_compared(judge, server):
    done = judge.run("compare", "colour", "colour.v2", "--on", "colour", *judge.asks, "--max-cost", "0.035")
    assert done.returncode == 4
    assert "did not come to its end" in done.stderr
    assert done.stdout == ""
    assert 48 < server.stats()["bought"] < 96
    assert judge.run("compare", "colour", "colour.v2", "--on", "colour", *judge.asks).returncode == 0
    assert server.stats()["bought"] == 96


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["colour", "colour"], "two rubrics or more, that differ"),
        (["colour"], "two rubrics or more"),
        (["colour", "nothing"], "there is no grader"),
        (["colour", "legibility"], "none of the facets that are labelled"),
        (["colour", "colour.v2", "--model", MODEL], "a model was named twice"),
    ],
)
def test_what_cannot_be_compared_is_said(judge, arguments, said):
    assert said in compared(judge, *arguments, code=2)


def test_prompt_files_without_a_judge_are_refused_with_a_way_out(judge):
    done = judge.run("compare", "prompts/colour.jinja", "prompts/colour.v2.jinja", "--on", "colour")
    assert done.returncode == 2
    assert "--model" in done.stderr
