"""What runs, sets and files of labels are called."""

import pytest

from judge import looks
from judge.cli import sources
from judge.errors import UsageError
from judge.eval_sets import EvalSet
from judge.runs import Run
from tests.samples import transcript

CARD = "---\ngrader: legibility\nselection: random\n---\n"
LABEL = '{"transcript_id":"%s","facet":"legibility","label":"clean","annotator":"%s"}\n'


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for part, item in (("eval_sets/x", "t1"), ("eval_sets/x/test", "t2")):
        (tmp_path / part / "labels").mkdir(parents=True)
        line = transcript(("assistant", "reasoning", "well"), id=item).model_dump_json()
        (tmp_path / part / "transcripts.jsonl").write_text(line + "\n")
        for who in ("ana", "bo"):
            (tmp_path / part / f"labels/{who}.jsonl").write_text(LABEL % (item, who))
    (tmp_path / "eval_sets/x/README.md").write_text(CARD)
    for name in ("a", "x"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "records.jsonl").write_text("")
    return tmp_path


@pytest.mark.parametrize("text", ["a", "runs/a", "runs/a/", "./runs/a", "runs/a/records.jsonl"])
def test_a_run_has_many_names(here, text):
    found = sources.find(text)
    assert isinstance(found, Run)
    assert found.name == "a"
    assert list(found.records()) == []


@pytest.mark.parametrize(
    ("text", "name"), [("eval_sets/x", "x"), ("eval_sets/x/", "x"), ("x/test", "x/test")]
)
def test_a_set_and_its_sealed_part(here, text, name):
    found = sources.find(text)
    assert isinstance(found, EvalSet)
    assert found.name == name


def test_inside_a_runs_folder_a_dot_names_it(here, monkeypatch):
    monkeypatch.chdir(here / "runs" / "a")
    found = sources.find(".")
    assert isinstance(found, Run)
    assert found.name == "a"


def test_one_annotator_is_a_file(here):
    path = sources.find("eval_sets/x/labels/ana.jsonl")
    assert [r.name for r in sources.gather([path], "agree").raters] == ["ana"]


def test_what_is_ambiguous_or_nothing_is_refused(here):
    with pytest.raises(UsageError, match="run and of a set"):
        sources.find("x")
    with pytest.raises(UsageError, match="no such run") as error:
        sources.find("nowhere")
    assert "runs: (none in runs/); sets: x" in str(error.value)
    with pytest.raises(UsageError, match="no annotator"):
        sources.find("eval_sets/x/README.md")
    with pytest.raises(UsageError, match="a run was expected"):
        sources.run("eval_sets/x")
    assert sources.run("x").folder == here.joinpath("runs/x").relative_to(here)


def test_the_sealed_part_is_written_down_before_it_is_read(here, capsys):
    test = sources.labelled_set("x", test=True)
    (here / "eval_sets/x/test/labels/bo.jsonl").write_text("nonsense\n")
    with pytest.raises(UsageError, match="not a label"):
        sources.gather([sources.find("a"), test], "calibrate")
    (look,) = looks.looks(test)
    assert look.verb == "calibrate"
    assert look.what == ("run a", "eval_sets/x/test")
    assert "look 1" in capsys.readouterr().err
    sources.gather([sources.find("eval_sets/x")], "agree")
    assert len(looks.looks(test)) == 1


def test_a_set_without_test_split_or_labels_says_so(here):
    with pytest.raises(UsageError, match="no sealed"):
        (here / "eval_sets/y").mkdir()
        (here / "eval_sets/y/transcripts.jsonl").write_text("")
        sources.labelled_set("y", test=True)
    with pytest.raises(UsageError, match="nobody has labelled"):
        sources.labelled_set("y")


def test_a_broken_prompt_that_nobody_needs_is_told_of_and_left_out(here, capsys):
    (here / "prompts").mkdir()
    (here / "prompts/broken.jinja").write_text("no header")
    assert "legibility" in sources.rubrics()
    assert "broken.jinja" in capsys.readouterr().err
