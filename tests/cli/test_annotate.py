"""``judge annotate`` and ``judge labels`` from the command line: what they refuse, in words that help, and what they write."""

import json
import socket

import pytest

from judge.cli import main
from tests.annotate.samples import ITEMS, answer, label, make_set, read_labels, write_labels
from tests.annotate.test_desk import VALUES, make_run
from tests.annotate.wire import Session
from tests.cli.command import Command


@pytest.fixture
def judge(tmp_path):
    make_set(tmp_path)
    make_run(tmp_path, "first", VALUES)
    return Command(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--as", "ana"], ["nowhere", "an evaluation set", "judge runs list"]),
        (["colour"], ["--as NAME"]),
        (["colour", "--as", "../x"], ["not a name for an annotator", "'../x'"]),
        (["colour", "--as", ".x"], ["not a name for an annotator"]),
        (["colour", "--as", "adjudicated"], ["--adjudicate"]),
        (["colour", "--as", "ana", "--second"], ["no first labelling yet"]),
        (["colour", "--adjudicate"], ["takes two labellings", "--second"]),
        (["colour", "--adjudicate", "--blind"], ["neither blind"]),
        (["colour", "--as", "ana", "--label", "red"], ["only a run"]),
        (["first", "--as", "ana", "--blind", "--label", "red"], ["tells the annotator what the judge said"]),
        (["first", "--as", "ana", "--label", "green"], ["no transcript is left"]),
        (["first", "--as", "ana", "--against", "third"], ["third"]),
        (
            ["first", "--as", "ana", "--grader", "legibility"],
            ["not made with the grader 'legibility'", "colour"],
        ),
        (["first", "--as", "ana", "--transcripts", "none.jsonl"], ["none.jsonl"]),
        (["colour", "--as", "ana", "--facet", "hue"], ["no facet 'hue'", "shades"]),
        (["colour", "--as", "ana", "--order", "best"], ["shuffled or given"]),
        (["colour", "--as", "ana", "--queue", "q.jsonl"], ["cannot read the queue"]),
        (["colour", "--as", "ana", "--where", "split=none"], ["no transcript matches --where"]),
        (["colour", "--as", "ana", "--grader", "hue"], ["no grader 'hue'"]),
        (["plain.jsonl", "--as", "ana"], ["with which grader's form?", "--grader NAME"]),
    ],
)
def test_what_cannot_work_is_refused_in_words(judge, arguments, words, monkeypatch, capsys):
    (judge.folder / "plain.jsonl").write_text(ITEMS[0].model_dump_json() + "\n")
    monkeypatch.chdir(judge.folder)
    monkeypatch.setattr("sys.argv", ["judge", "annotate", *arguments, "--no-open"])
    with pytest.raises(SystemExit) as ended:  # in this process: twenty more would take a minute to start
        main()
    printed = capsys.readouterr()
    assert ended.value.code == 2
    assert all(word in printed.err for word in words), printed.err
    assert printed.out == ""


def test_a_run_whose_transcripts_changed_says_what_it_looked_at(judge):
    path = judge.folder / "colour" / "transcripts.jsonl"
    path.write_text(path.read_text().replace("plainly", "clearly"))
    done = judge.run("annotate", "first", "--as", "ana", "--no-open")
    assert done.returncode == 2
    assert "other contents: colour/transcripts.jsonl" in done.stderr and "--transcripts" in done.stderr


def test_a_broken_label_file_is_named_with_its_line(judge):
    path = write_labels(judge.folder / "colour", "ana", [label(0, "red", "ana")])
    with path.open("a") as file:
        file.write("<<<<<<< HEAD\n")
    done = judge.run("annotate", "colour", "--as", "ana", "--no-open")
    assert done.returncode == 2 and f"{path.relative_to(judge.folder)}:2" in done.stderr
    assert "git diff" in done.stderr


def test_a_port_that_is_taken_is_an_error_only_if_it_was_asked_for(judge):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = judge.run("annotate", "colour", "--as", "ana", "--no-open", "--port", str(port))
        assert done.returncode == 2 and f"127.0.0.1:{port}" in done.stderr
    with (
        Session(judge.folder, "colour", "--as", "ana") as one,
        Session(judge.folder, "colour", "--as", "b") as two,
    ):
        assert one.port != two.port


def test_a_plain_file_keeps_its_labels_beside_it(judge):
    (judge.folder / "plain.jsonl").write_text(ITEMS[0].model_dump_json() + "\n")
    with Session(
        judge.folder, "plain.jsonl", "--as", "ana", "--grader", "colour", "--facet", "colour"
    ) as session:
        assert session.enter().commit("t00", answer("red")).status == 200
    [line] = (judge.folder / "plain.labels" / "ana.jsonl").read_text().splitlines()
    assert json.loads(line)["label"] == "red"


def test_the_sealed_split_is_a_set_of_its_own_and_says_what_it_is(judge):
    sealed = judge.folder / "colour" / "test"
    sealed.mkdir()
    (sealed / "transcripts.jsonl").write_text(ITEMS[0].model_dump_json() + "\n")
    with Session(judge.folder, "colour/test", "--as", "ana") as session:
        desk = session.enter().get("/api/desk").json
        assert desk["place"] == "colour/test" and desk["form"]["grader"] == "colour"
        _, err = session.stop()
    assert "sealed test split" in err


def test_labels_go_to_scout_and_come_back(judge):
    folder = judge.folder / "colour"
    write_labels(folder, "ana", [label(n, "red" if n % 2 else "none", "ana", split="dev") for n in range(4)])
    done = judge.run("labels", "export", "colour", "--from", "ana")
    assert done.stdout.splitlines()[:3] == ["id,target,split", "t00,none,dev", "t01,red,dev"]
    (judge.folder / "scout.csv").write_text(done.stdout)
    done = judge.run("labels", "import", "colour", "scout.csv", "--as", "scout")
    assert (
        done.returncode == 0
        and "4 labels appended" in done.stderr
        and "2 positive labels have no evidence" in done.stderr
    )
    lines = read_labels(folder, "scout")
    assert [line["label"] for line in lines] == ["none", "red", "none", "red"]
    assert lines[0]["blind"] is False and lines[2]["split"] == "dev"
    done = judge.run("labels", "import", "colour", "scout.csv", "--as", "scout")
    assert "0 labels appended" in done.stderr and len(read_labels(folder, "scout")) == 4


def test_an_export_does_not_write_over_a_file(judge):
    write_labels(judge.folder / "colour", "ana", [label(0, "none", "ana")])
    (judge.folder / "out.csv").write_text("mine")
    done = judge.run("labels", "export", "colour", "--from", "ana", "--out", "out.csv")
    assert done.returncode == 2 and (judge.folder / "out.csv").read_text() == "mine"
    assert (
        judge.run("labels", "export", "colour", "--from", "ana", "--out", "out.csv", "--force").returncode
        == 0
    )
    done = judge.run("labels", "export", "colour", "--from", "nobody")
    assert done.returncode == 2 and "one of ana" in done.stderr


def test_an_import_of_what_does_not_fit_writes_nothing(judge):
    (judge.folder / "bad.csv").write_text("id,target\nt00,red\nt99,red\n")
    done = judge.run("labels", "import", "colour", "bad.csv", "--as", "x")
    assert done.returncode == 2 and "t99" in done.stderr
    (judge.folder / "bad.csv").write_text("id,target\nt00,red\nt01,green\n")
    done = judge.run("labels", "import", "colour", "bad.csv", "--as", "x")
    assert done.returncode == 2 and "bad.csv:3" in done.stderr
    assert not (judge.folder / "colour" / "labels" / "x.jsonl").exists()
