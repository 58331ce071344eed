"""The walk-through of docs/new-construct.md: its files are sound, and its commands lead from nothing to a calibrated report."""

import json
import shutil
from pathlib import Path

import pytest

from judge.eval_sets import EvalSet, check
from judge.grader.file import load
from judge.linting.job import Surroundings, lint
from tests.iteration.command import Here

EXAMPLE = Path(__file__).parents[1] / "docs" / "examples" / "new-construct"


@pytest.fixture
def judge(tmp_path, server):
    shutil.copytree(EXAMPLE, tmp_path / "work")
    return Here(tmp_path / "work", server)


def test_the_set_and_the_rubric_of_the_walk_through_are_sound():
    grader = load(EXAMPLE / "prompts" / "claimed_work.jinja")
    found = EvalSet(EXAMPLE / "eval_sets" / "claimed_work")
    assert list(check(found, dict.fromkeys(grader.facets, grader))) == []
    around = Surroundings(EXAMPLE / "eval_sets", EXAMPLE / "runs")
    assert lint(grader.path, around) == []
    draft = [finding.code for finding in lint(EXAMPLE / "prompts" / "claimed_work.v1.jinja", around)]
    assert draft == ["no-boundary", "no-boundary"]


def test_its_commands_lead_from_nothing_to_a_calibrated_report(judge):
    assert judge.run("graders", "new", "something_else").returncode == 0
    assert judge.run("graders", "lint", "claimed_work").returncode == 0
    assert judge.run("eval-sets", "check", "claimed_work").returncode == 0
    on = ["--on", "claimed_work", *judge.asks]
    tried = judge.run("try", "claimed_work.v1", *on, "-q")
    assert tried.returncode in (0, 3), tried.stderr
    assert "of 22 right" in tried.stdout
    compared = judge.run("compare", "claimed_work.v1", "claimed_work", *on, "--json")
    assert compared.returncode == 0, compared.stderr
    assert json.loads(compared.stdout)["pairings"][0]["facets"][0]["n"] == 22
    sealed = judge.run("compare", "claimed_work.v1", "claimed_work", *on, "--test", "--html", "compare.html")
    assert sealed.returncode == 0, sealed.stderr
    label = ["label", "eval_sets/claimed_work/test", "--grader", "claimed_work", "--run", "settled", "-q"]
    assert judge.run(*label, *judge.asks).returncode in (0, 3)
    report = judge.run("calibrate", "settled", "--on", "claimed_work", "--test", "--html", "report.html")
    assert report.returncode == 0, report.stderr
    assert (judge.folder / "report.html").stat().st_size > 10_000
    assert len((judge.folder / "eval_sets/claimed_work/looks.jsonl").read_text().splitlines()) == 2
