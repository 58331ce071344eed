"""``judge try`` against a judge on loopback that knows only what the rubric says."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.iteration.command import Here
from tests.iteration.samples import KNOWS, RUBRIC, eval_set, literal_judge, prompt
from tests.iteration.sealed import untouched
from tests.loopback import Fault, Server


@pytest.fixture
def server():
    with Server(answer=literal_judge) as running:
        yield running


@pytest.fixture
def judge(tmp_path, server):
    prompt(tmp_path / "prompts")
    eval_set(tmp_path / "eval_sets" / "colour")
    eval_set(tmp_path / "eval_sets" / "colour" / "test", prefix="s")
    return Here(tmp_path, server)


def tried(judge, *extra, rubric="prompts/colour.jinja"):
    done = judge.run("try", rubric, "--on", "colour", *judge.asks, "--json", *extra)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_edit_shows_what_flipped_and_what_it_cost(judge, server):
    first = tried(judge)
    assert first["last"] is None
    assert first["facets"][0]["right"] == 20
    assert {flip["human"] for flip in first["facets"][0]["wrong"]} == {"red", "blue"}
    assert first["paid"]["requests"] == 30 == server.stats()["bought"]
    prompt(judge.folder / "prompts", KNOWS)
    second = tried(judge)
    facet = second["facets"][0]
    assert (facet["right_before"], facet["right"]) == (20, 25)
    assert {
        (f["direction"], f["first"]["value"], f["second"]["value"], f["human"]) for f in facet["flips"]
    } == {("gained", "none", "red", "red")}
    assert {quote for flip in facet["flips"] for quote in flip["second"]["quotes"]} == {"I take crimson"}
    assert {row["label"]: (row["before"], row["after"], row["support"]) for row in facet["labels"]} == {
        "none": (10, 10, 10),
        "red": (5, 10, 10),
        "blue": (5, 5, 10),
    }
    assert second["paid"]["cost_usd"] > 0
    assert any("+Crimson counts as red." in line for line in second["diff"]["text"])


def test_what_renders_to_the_same_request_is_not_bought(judge, server):
    tried(judge)
    bought = server.stats()["bought"]
    for edited in (
        RUBRIC.replace("description: which", "description: just which"),  # a header that judges do not see
        RUBRIC.replace("---\nLabel", "---\n{# a note to ourselves #}\nLabel"),
        RUBRIC,
    ):
        prompt(judge.folder / "prompts", edited)
        again = tried(judge)
        assert again["paid"]["requests"] == 0
        assert again["facets"][0]["flips"] == []
        assert again["diff"] is None or again["diff"]["text"] == []
    assert server.stats()["bought"] == bought


def test_the_last_version_is_the_one_tried_last(judge):
    one = tried(judge)
    prompt(judge.folder / "prompts", KNOWS)
    two = tried(judge)
    prompt(judge.folder / "prompts", KNOWS + "Navy counts as blue.\n")
    three = tried(judge)
    assert Path(two["run"]).name == three["last"]
    assert Path(one["run"]).name == two["last"]
    prompt(judge.folder / "prompts", RUBRIC)
    back = tried(judge)
    assert back["last"] == Path(three["run"]).name
    assert back["facets"][0]["right_before"] == 30
    assert {flip["direction"] for flip in back["facets"][0]["flips"]} == {"lost"}


def test_a_sample_holds_every_label_and_the_whole_split_goes_on_from_it(judge, server):
    sampled = tried(judge, "--sample", "6")
    assert server.stats()["bought"] == 6
    assert {row["label"]: row["support"] for row in sampled["facets"][0]["labels"]} == {
        "none": 2,
        "red": 2,
        "blue": 2,
    }
    tried(judge)
    assert server.stats()["bought"] == 30


def test_labels_of_judge_label_are_not_bought_again(judge, server):
    judge.run("label", "eval_sets/colour", "--grader", "colour", "--run", "r", *judge.asks)
    bought = server.stats()["bought"]
    assert tried(judge)["paid"]["from_store"] == 30
    assert server.stats()["bought"] == bought


def test_two_models_do_not_mix(judge):
    tried(judge)
    done = judge.run(
        "try", "colour", "--on", "colour", "--model", "openai/gpt-4.1", "--base-url", judge.url, "--json"
    )
    assert json.loads(done.stdout)["last"] is None


def test_a_set_that_nobody_has_labelled_shows_flips_all_the_same(judge):
    shutil.rmtree(judge.folder / "eval_sets/colour/labels")
    assert tried(judge)["facets"][0]["n"] == 0
    prompt(judge.folder / "prompts", KNOWS)
    facet = tried(judge)["facets"][0]
    assert len(facet["flips"]) == 5
    assert {flip["direction"] for flip in facet["flips"]} == {"other"}


def test_failures_are_shown_as_failures(judge, server):
    tried(judge)
    prompt(judge.folder / "prompts", KNOWS)
    server.script(Fault("refusal"))
    done = judge.run("try", "colour", "--on", "colour", *judge.asks)
    assert "(refused)" in done.stdout
    assert "30 failed" in done.stdout


def test_money_is_limited(judge, server):
    done = judge.run("try", "colour", "--on", "colour", *judge.asks, "--max-cost", "0.012")
    assert done.returncode == 4, done.stderr
    assert "stopped by --max-cost" in done.stderr
    assert 0 < server.stats()["bought"] < 30


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["colour", "--on", "eval_sets/colour/test"], "never opens a sealed test split"),
        (["nothing", "--on", "colour"], "there is no grader"),
        (["colour", "--on", "colour", "--facet", "size"], "has no facet"),
        (["colour", "--on", "colour", "--against", "eve"], "has labelled nothing"),
    ],
)
def test_what_cannot_be_tried_is_said(judge, arguments, said):
    done = judge.run("try", *arguments, *judge.asks)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_of_the_sealed_split_is_opened(judge):
    with untouched(judge.folder / "eval_sets/colour/test"):
        assert tried(judge)["facets"][0]["right"] == 20
    with (
        pytest.raises(AssertionError, match="the sealed split was opened"),  # the wire is live
        untouched(judge.folder / "eval_sets/colour/test"),
    ):
        (judge.folder / "eval_sets/colour/test/transcripts.jsonl").read_text()


def test_a_split_that_cannot_be_read_disturbs_nobody(judge):
    test = judge.folder / "eval_sets/colour/test"
    shutil.rmtree(test)
    test.symlink_to(test)  # whoever opens anything below it gets an error, also root
    assert tried(judge)["facets"][0]["right"] == 20
    test.unlink()
    test.mkdir()
    test.chmod(0)
    assert tried(judge)["facets"][0]["right"] == 20


class Watching:
    """``judge try --watch`` with its output at hand."""

    def __init__(self, judge: Here, *extra: str, anew: bool = False) -> None:
        self.out = (judge.folder / "out").open("w+")
        self.err = (judge.folder / "err").open("w+")
        command = ["try", "prompts/colour.jinja", "--on", "colour", *judge.asks]
        reading, writing = os.pipe()
        self.stdin = os.fdopen(writing, "w")
        with os.fdopen(reading) as stdin:
            streams = {0: stdin, 1: self.out, 2: self.err}
            arguments = [*command, "--watch", "-q", *extra]
            self.process = (judge.start_anew if anew else judge.start)(*arguments, streams=streams)
        self.folder = judge.folder

    def waits(self, times: int) -> str:
        """Until it has begun to wait for a save so many times; what it has printed so far."""
        return self._until("err", lambda text: text.count("watching;") >= times)

    def says(self, words: str) -> str:
        return self._until("out", lambda text: words in text)

    def _until(self, file: str, met: Callable[[str], bool]) -> str:
        deadline = time.monotonic() + 120
        while not met((self.folder / file).read_text()):
            assert time.monotonic() < deadline, (self.folder / "err").read_text()
            assert self.process.poll() is None, (self.folder / "err").read_text()
            time.sleep(0.05)
        return (self.folder / "out").read_text()

    def press(self, line: str) -> None:
        self.stdin.write(line + "\n")
        self.stdin.flush()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.stdin.close()
        self.out.close()
        self.err.close()


@pytest.fixture
def watching(judge):
    made = []

    def start(*extra, anew=False):
        made.append(Watching(judge, *extra, anew=anew))
        return made[-1]

    yield start
    for one in made:
        one.close()


def _write(path, text):
    path.write_text(text)


def _truncate_and_write(path, text):
    with path.open("w") as file:
        file.flush()
        time.sleep(0.02)
        file.write(text)


def _rename_over(path, text):
    draft = path.with_name(".colour.jinja.swp")
    draft.write_text(text)
    draft.replace(path)


def _move_away_and_write(path, text):
    path.rename(path.with_name("colour.jinja~"))
    time.sleep(0.05)
    path.write_text(text)


@pytest.mark.parametrize("save", [_write, _truncate_and_write, _rename_over, _move_away_and_write])
def test_watch_tries_every_save_on_a_sample_and_the_whole_split_on_request(judge, server, watching, save):
    path = judge.folder / "prompts/colour.jinja"
    session = watching("--sample", "6", anew=save is _write)
    assert "a sample of 6 items" in session.waits(1)
    assert server.stats()["bought"] == 6
    save(path, KNOWS)
    session.says("against colour")
    assert server.stats()["bought"] == 12
    session.press("")
    session.says("all 30 items")
    assert server.stats()["bought"] == 36
    session.press("q")
    assert session.process.wait(timeout=120) == 0


def test_watch_survives_a_broken_file_and_a_save_without_a_change(judge, server, watching):
    path = judge.folder / "prompts/colour.jinja"
    session = watching("--sample", "6")
    session.waits(1)
    # In one step, so that no half of a save is seen and counts as another one.
    _rename_over(path, RUBRIC)  # the same bytes
    _rename_over(path, RUBRIC.replace("chooses", "{{ choses }}"))
    session.waits(2)
    assert "refers to 'choses'" in (judge.folder / "err").read_text()
    assert server.stats()["bought"] == 6
    _rename_over(path, KNOWS)
    session.waits(3)
    assert server.stats()["bought"] == 12
    session.process.send_signal(2)
    assert session.process.wait(timeout=120) == 0
    assert "Traceback" not in (judge.folder / "err").read_text()


def test_watch_sees_an_edit_of_an_included_part(judge, server, watching):
    part = judge.folder / "prompts/_part.jinja"
    part.write_text("Nothing more.\n")
    prompt(judge.folder / "prompts", RUBRIC + '{% include "_part.jinja" %}\n')
    session = watching("--sample", "6")
    session.waits(1)
    _rename_over(part, "Crimson counts as red.\n")
    assert "flips" in session.waits(2)
