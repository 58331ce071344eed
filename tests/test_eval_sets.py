import json
from pathlib import Path

import pytest

from judge import eval_sets, looks
from judge.errors import UsageError
from judge.records import Annotation, Evidence
from tests.samples import grader, transcript

SPAN = Evidence(message_id="M1", quote="I choose red", start=0, end=12, role="assistant", channel="text")


def make(folder, *annotations, splits=("dev", "test")):
    items = [
        transcript(
            ("assistant", "text", "I choose red."),
            id=f"t{n}",
            metadata={"cluster": f"c{n}", "split": split, "origin": "written"},
        )
        for n, split in enumerate(splits)
    ]
    (folder / "labels").mkdir(parents=True)
    (folder / "transcripts.jsonl").write_text("".join(t.model_dump_json() + "\n" for t in items))
    for annotation in annotations:
        with (folder / "labels" / f"{annotation.annotator}.jsonl").open("a") as file:
            file.write(annotation.model_dump_json() + "\n")
    return eval_sets.open_set(folder)


def label(value="red", number=0, evidence=(SPAN,), annotator="ana", facet="colour"):
    return Annotation(
        transcript_id=f"t{number}", facet=facet, label=value, annotator=annotator, evidence=evidence
    )


@pytest.fixture
def graders(tmp_path_factory):
    loaded = grader(tmp_path_factory.mktemp("prompts"))
    return dict.fromkeys(loaded.facets, loaded)


def problems(found, graders):
    return list(eval_sets.check(found, graders))


def test_a_sound_set_has_no_problems(tmp_path, graders):
    found = make(tmp_path, label(), label("none", 1, ()))
    assert problems(found, graders) == []
    assert eval_sets.counts(found, "ana") == {"colour": {"dev": {"red": 1}, "test": {"none": 1}}}


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (label("green"), "no label 'green'"),
        (label(evidence=()), "without a deciding span"),
        (label(evidence=(SPAN.model_copy(update={"quote": "I chose red"}),)), "is not at M1"),
        (label(evidence=(SPAN.model_copy(update={"message_id": "M9"}),)), "is not at M9"),
        (label(number=7), "no such transcript"),
        (label(facet="hue"), "no grader has such a facet"),
        (label(("red",)), "single label"),
        (label("light", facet="shades", evidence=()), "list of labels"),
    ],
)
def test_what_is_wrong_with_a_label_is_said(tmp_path, graders, annotation, says):
    assert any(says in problem for problem in problems(make(tmp_path, annotation), graders))


def test_a_cluster_in_both_splits_leaks(tmp_path, graders):
    found = make(tmp_path, label())
    lines = [json.loads(line) for line in found.transcripts_path.read_text().splitlines()]
    for line in lines:
        line["metadata"]["cluster"] = "same"
    found.transcripts_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert any("leaks" in problem for problem in problems(found, graders))


def test_an_adjudication_that_is_incomplete_is_said(tmp_path, graders):
    found = make(tmp_path, label(annotator="adjudicated"))
    assert problems(found, graders) == ["t1: colour is not adjudicated"]


def test_the_last_line_for_a_transcript_counts(tmp_path):
    found = make(tmp_path, label("none", evidence=()), label("red"))
    assert found.labels("ana")["t0", "colour"].label == "red"


def test_a_line_that_is_no_label_is_named(tmp_path):
    found = make(tmp_path, label())
    with (tmp_path / "labels" / "ana.jsonl").open("a") as file:
        file.write('{"transcript_id": "t1"}\n')
    with pytest.raises(UsageError, match=r"ana.jsonl:2"):
        found.labels("ana")


def test_what_is_not_there_is_said(tmp_path):
    with pytest.raises(UsageError, match="no such evaluation set"):
        eval_sets.open_set(tmp_path)
    with pytest.raises(UsageError, match="labelled nothing"):
        make(tmp_path).labels("ben")


@pytest.mark.parametrize(
    "path", sorted(Path("eval_sets").glob("*/transcripts.jsonl")), ids=lambda p: p.parent.name
)
def test_the_sets_of_this_project_are_sound(path):
    from judge.grader.file import bundled_folder, discover, load

    loaded = [load(prompt) for prompt in discover(bundled_folder())]
    found = eval_sets.EvalSet(path.parent)
    if found.annotators:  # the demo has none
        assert problems(found, {facet: g for g in loaded for facet in g.facets}) == []
    assert (path.parent / "README.md").is_file()


def sealed_set(tmp_path):
    found = make(tmp_path, splits=("dev",))
    inner = tmp_path / "test"
    inner.mkdir()
    line = json.loads(found.transcripts_path.read_text())
    line |= {"id": "sealed", "metadata": {"cluster": "other", "split": "test", "origin": "written"}}
    (inner / "transcripts.jsonl").write_text(json.dumps(line) + "\n")
    return found


def test_the_sealed_split_is_a_set_of_its_own_and_is_checked_with_the_whole(tmp_path, graders):
    found = sealed_set(tmp_path)
    (tmp_path / "README.md").write_text("---\nselection: random\n---\n")
    assert found.test is not None
    assert found.test.sealed
    assert found.test.name == f"{tmp_path.name}/test"
    assert found.test.card.selection == "random"
    (tmp_path / "labels").mkdir(exist_ok=True)
    (tmp_path / "labels" / "ana.jsonl").touch()
    assert list(eval_sets.check(found, graders)) == []
    inner = found.test.transcripts_path
    inner.write_text(inner.read_text().replace('"split": "test"', '"split": "dev"').replace("other", "c0"))
    (problem,) = eval_sets.check(found, graders)
    assert "split is 'dev', and it lies in" in problem


def test_an_unreadable_card_is_named(tmp_path):
    found = make(tmp_path)
    (tmp_path / "README.md").write_text("---\nselection: by feel\n---\n")
    with pytest.raises(UsageError, match="front matter"):
        _ = found.card
    (tmp_path / "README.md").write_text("no front matter\n")
    assert eval_sets.EvalSet(tmp_path).card.selection == "unknown"


def test_looks_at_the_sealed_split_are_written_beside_the_set(tmp_path):
    found = sealed_set(tmp_path)
    assert found.test is not None
    looks.record(found.test, "compare", ("runs/a",))
    looks.record(found, "calibrate", ("runs/b",))
    assert [look.what for look in looks.looks(found.test)] == [("runs/a",), ("runs/b",)]
    assert (tmp_path / "looks.jsonl").is_file()
    (tmp_path / "looks.jsonl").write_text("{}\n")
    with pytest.raises(UsageError, match=r"looks.jsonl:1"):
        looks.looks(found)


def test_a_look_that_cannot_be_written_down_is_refused(tmp_path):
    found = sealed_set(tmp_path)
    (tmp_path / "looks.jsonl").mkdir()
    with pytest.raises(UsageError, match="written down"):
        looks.record(found, "compare", ())


def test_a_link_to_the_sealed_split_is_as_sealed_as_the_split(tmp_path):
    whole = sealed_set(tmp_path / "set")
    (whole.folder / "README.md").write_text("---\nselection: random\n---\n")
    (tmp_path / "mine").symlink_to(whole.folder / "test", target_is_directory=True)
    linked = eval_sets.EvalSet(tmp_path / "mine")
    assert linked.sealed
    assert linked.name == "set/test"
    assert linked.card.selection == "random"
    looks.record(linked, "calibrate", ("runs/a",))
    assert whole.test is not None
    assert [look.what for look in looks.looks(whole.test)] == [("runs/a",)]
    assert not eval_sets.EvalSet(tmp_path / "set").sealed


def test_a_split_in_another_sets_folder_by_a_link_counts_where_it_lies(tmp_path):
    whole = sealed_set(tmp_path / "set")
    other = make(tmp_path / "other", splits=("dev",))
    (other.folder / "test").symlink_to(whole.folder / "test", target_is_directory=True)
    assert other.test is not None
    looks.record(other.test, "calibrate", ("runs/a",))
    assert (whole.folder / "looks.jsonl").is_file()
    assert not (other.folder / "looks.jsonl").exists()


def test_a_test_folder_that_is_a_link_to_elsewhere_stays_sealed(tmp_path):
    whole = sealed_set(tmp_path / "set")
    (whole.folder / "test").rename(tmp_path / "vault")
    (whole.folder / "test").symlink_to(tmp_path / "vault", target_is_directory=True)
    assert whole.test is not None
    assert whole.test.sealed
    assert looks.path_of(whole.test).parent.samefile(whole.folder)


def test_a_split_is_sealed_from_within_its_folder_too(tmp_path, monkeypatch):
    whole = sealed_set(tmp_path / "set")
    monkeypatch.chdir(whole.folder / "test")
    here = eval_sets.EvalSet(Path())
    assert here.sealed
    assert here.name == "set/test"
    assert looks.path_of(here) == whole.folder / "looks.jsonl"


@pytest.mark.parametrize("linked", ["labels", "labels/ana.jsonl"])
def test_a_set_whose_labels_are_links_into_a_sealed_split_is_sealed(tmp_path, linked):
    make(tmp_path / "closed", label())
    make(tmp_path / "closed" / "test", label())
    mirror = make(tmp_path / "mirror")
    assert not mirror.sealed
    link = tmp_path / "mirror" / linked
    if linked == "labels":
        link.rmdir()
    link.symlink_to(tmp_path / "closed" / "test" / linked)
    assert mirror.sealed
    assert mirror.name == "closed/test"
    looks.record(mirror, "agree", ("run r",))
    assert [look.verb for look in looks.looks(eval_sets.EvalSet(tmp_path / "closed" / "test"))] == ["agree"]


def test_links_between_open_sets_seal_nothing(tmp_path):
    make(tmp_path / "open", label())
    mirror = make(tmp_path / "mirror")
    (tmp_path / "mirror" / "labels" / "ana.jsonl").symlink_to(tmp_path / "open" / "labels" / "ana.jsonl")
    assert not mirror.sealed
