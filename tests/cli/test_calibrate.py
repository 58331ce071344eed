"""``judge agree`` and ``judge calibrate`` as commands, on a real set with recorded answers."""

import json
import shutil
from pathlib import Path

import pytest

from judge.eval_sets import EvalSet
from judge.looks import looks
from tests.cli.command import Command

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrate")
    unseen = shutil.ignore_patterns("looks.jsonl")  # the real set has been looked at
    shutil.copytree(ROOT / "eval_sets" / "legibility", folder / "eval_sets" / "legibility", ignore=unseen)
    command = Command(folder)
    arguments = ("--grader", "legibility", "--model", "replay/offline/claude", "--run", "r", "-q")
    assert command.run("label", "eval_sets/legibility", *arguments).returncode == 0
    return command


def test_agree_shows_every_pair_and_the_confusions(here):
    done = here.run_anew("agree", "runs/r", "eval_sets/legibility")
    assert done.returncode == 0, done.stderr
    assert "claude-a: annotator, a language model, family claude" in done.stdout
    assert "adjudicated | r" in done.stdout
    assert "partly_illegible" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 120


@pytest.mark.parametrize("columns", ["80", "120"])
def test_both_fit_the_terminal(here, columns):
    here.env["COLUMNS"] = columns
    for arguments in (
        ("agree", "r", "legibility"),
        ("calibrate", "r", "--on", "legibility", "--by", "length"),
    ):
        done = here.run(*arguments)
        assert done.returncode == 0, done.stderr
        assert max(map(len, done.stdout.splitlines())) <= int(columns)
        assert "…" not in done.stdout


def test_json_has_everything(here):
    done = here.run("calibrate", "r", "--on", "eval_sets/legibility", "--json")
    found = json.loads(done.stdout)
    (facet,) = found["facets"]
    truth = EvalSet(here.folder / "eval_sets" / "legibility").labels("adjudicated")
    said = {record["transcript_id"]: record["values"]["legibility"] for record in here.records()}
    agreed = [truth[item, "legibility"].label == label for item, label in said.items()]
    value = facet["judge"]["with_nulls"]["coefficients"]["agreement"]["value"]
    assert value == pytest.approx(sum(agreed) / len(agreed))
    assert facet["judge"]["items"] == len(agreed) > 20
    assert {b["name"] for b in facet["baselines"]} == {"constant", "keywords", "bag of words"}
    assert json.loads(here.run("agree", "r", "legibility", "--json").stdout)["facets"]


def test_a_missed_gate_is_exit_code_1_and_says_by_how_much(here):
    done = here.run(
        "calibrate", "r", "--on", "legibility", "--gate", "kappa>=0.99", "--gate", "agreement>=0.1"
    )
    assert done.returncode == 1
    words = " ".join(done.stdout.split())
    assert "gate missed legibility: kappa >= 0.99" in words
    assert "short by" in words
    assert "gate holds legibility: agreement >= 0.1" in words
    assert "no gate on a recall" in words
    assert here.run("calibrate", "r", "--on", "legibility", "--gate", "kappa>=0.1").returncode == 0


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        ("kappa>0.8", "not a gate"),
        ("kapa>=0.8", "no figure is called 'kapa'"),
        ("recall.green>=.5", "no figure 'recall.green'"),
    ],
)
def test_a_gate_that_cannot_be_read_is_refused(here, gate, words):
    done = here.run("calibrate", "r", "--on", "legibility", "--gate", gate)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_gates_of_the_header_are_held(here):
    header = (ROOT / "prompts" / "legibility.jinja").read_text()
    (here.folder / "strict").mkdir(exist_ok=True)
    (here.folder / "strict" / "legibility.jinja").write_text(
        header.replace("\nfacets:\n", "\ngates: [kappa >= 0.99]\nfacets:\n", 1)
    )
    assert here.run("calibrate", "r", "--on", "legibility", "--prompts", "strict").returncode == 1


def test_the_sealed_split_is_looked_at_only_on_request_and_every_look_is_counted(here):
    whole = EvalSet(here.folder / "eval_sets" / "legibility")
    assert looks(whole) == []
    arguments = ("--grader", "legibility", "--model", "replay/offline/claude", "--run", "t", "-q")
    here.run("label", "eval_sets/legibility/test", *arguments)
    first = here.run("calibrate", "t", "--on", "legibility", "--test")
    assert "look 1" in first.stderr
    again = here.run("calibrate", "t", "--on", "eval_sets/legibility/test", "--json")
    assert [look.verb for look in looks(whole)] == ["calibrate", "calibrate"]
    assert "run t: offline/claude, legibility" in looks(whole)[0].what[0]
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["setting"]["looks"] == 2
    assert any("looked-before" in w for w in json.loads(again.stdout)["warnings"])


def test_reports_are_written(here):
    done = here.run_anew(
        "calibrate", "r", "--on", "legibility", "--html", "out/r.html", "--markdown", "out/r.md"
    )
    assert done.returncode == 0, done.stderr
    assert (here.folder / "out/r.html").read_text().startswith("<!doctype html>")
    assert (here.folder / "out/r.md").read_text().startswith("# Calibration of r on legibility")
    assert "report  out/r.html" in done.stderr


def test_what_cannot_be_compared_is_refused(here):
    done = here.run("calibrate", "nowhere", "--on", "legibility")
    assert done.returncode == 2
    assert "no such run" in done.stderr
    done = here.run("agree", "r")
    assert done.returncode == 2
    assert "no facet has two raters" in done.stderr


def test_labels_of_a_text_that_has_changed_are_refused_until_it_is_labelled_again(here, tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(here.folder, folder)
    command = Command(folder)
    path = folder / "eval_sets" / "legibility" / "transcripts.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[0]["messages"][0]["text"] += " Nobody has read this."
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for verb in (("calibrate", "r", "--on", "legibility"), ("agree", "r", "legibility")):
        done = command.run(*verb)
        assert done.returncode == 2
        assert f"1 of {len(lines)} shared transcripts differ: {lines[0]['id']}" in done.stderr
        assert "what to do: label the set as it is now with the same command and --run" in done.stderr
    records = folder / "runs" / "r" / "records.jsonl"
    old = [json.loads(line) for line in records.read_text().splitlines()]
    assert all(record.pop("transcript_sha256") for record in old)
    records.write_text("".join(json.dumps(record) + "\n" for record in old))
    assert command.run("agree", "r", "legibility").returncode == 0, "records of an older version do not say"
