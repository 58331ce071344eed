"""``judge improve`` with a judge and a reflecting model on loopback: the one knows what the rubric says, the other reads."""

import json
import re
import shutil

import pytest

from judge.grader.file import load
from tests.cli.command import MODEL
from tests.iteration.command import Here
from tests.iteration.samples import RUBRIC, eval_set, literal_judge, prompt
from tests.iteration.sealed import untouched
from tests.loopback import Asked, Server

REFLECTING = "openai/gpt-4.1"
CASE = re.compile(r"I take (\w+)\.\n.*?Hand label: `(\w+)`", re.DOTALL)


def reading_model(asked: Asked) -> str:
    """Reads the items on which the judge differed, and says in the rubric what each unknown word counts as."""
    if asked.model == MODEL.partition("/")[2]:
        return literal_judge(asked)
    body = asked.text.partition("<rubric>\n")[2].partition("\n</rubric>")[0]
    rules = [
        f"{word.capitalize()} counts as {label}."
        for item in asked.text.split("## Item ")[1:]
        if "the judge differs" in item.splitlines()[0]
        for word, label in CASE.findall(item)
    ]
    new = [rule for rule in dict.fromkeys(rules) if rule not in body]
    return f"It does not know some words.\n<rubric>\n{body}\n{' '.join(new)}\n</rubric>"


class Useless:
    """Proposes nothing that helps: no rubric, a broken one, another header, a transcript, a label that is not there, a flood."""

    texts = (
        "I would rather not.",
        "<rubric>\n{{ nobody }}\n</rubric>",
        "<rubric>\n---\nname: other\n---\nLabel.\n</rubric>",
        "<rubric>\nLabel the colour. For wall 1 of t I take crimson is red.\n</rubric>",
        "<rubric>\nLabel the colour, or `not_applicable`.\n</rubric>",
        "<rubric>\n" + "Label the colour that is chosen. " * 400 + "\n</rubric>",
    )

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, asked: Asked) -> str:
        if asked.model != "gpt-4.1":
            return literal_judge(asked)
        self.calls += 1
        return self.texts[self.calls % len(self.texts)]


HEADED = RUBRIC.replace("description: which", "# a comment of ours\ndescription: which")


def furnished(folder):
    prompt(folder / "prompts", HEADED)
    eval_set(folder / "eval_sets" / "colour", each=12)
    eval_set(folder / "eval_sets" / "colour" / "test", each=12, prefix="s")
    return folder


@pytest.fixture
def folder(tmp_path):
    return furnished(tmp_path)


@pytest.fixture
def server():
    with Server(answer=reading_model) as running:
        yield running


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """One improvement, for all who look at what it left: its folder, what it said, and the answers it bought."""
    folder = furnished(tmp_path_factory.mktemp("improved"))
    with Server(answer=reading_model) as running:
        made = improved(Here(folder, running), "--rounds", "4")
        yield folder, made, running


@pytest.fixture
def after(once, tmp_path):
    """A copy of that folder, to go on in."""
    return shutil.copytree(once[0], tmp_path / "after")


def improved(judge, *extra, code=0):
    done = judge.run(
        "improve", "colour", "--on", "colour", *judge.asks, "--reflect-with", REFLECTING, "--json", *extra
    )
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def test_a_better_rubric_is_found_written_beside_the_old_one_and_compared(once):
    folder, made, _ = once
    assert made["cross_validated"]["word"] == "better"
    assert made["file"] == str(folder / "prompts/colour.v2.jinja")
    assert (folder / "prompts/colour.jinja").read_text() == HEADED
    proposal = load(folder / "prompts/colour.v2.jinja")
    assert proposal.facets == load(folder / "prompts/colour.jinja").facets
    assert "counts as" in (folder / "prompts/colour.v2.jinja").read_text()
    assert made["comparison"]["pairings"][0]["facets"][0]["verdict"]["word"] == "better"
    assert any(kept["winner"] for kept in made["front"])
    front = json.loads((folder / made["folder"] / "front.json").read_text())
    assert [load(folder / kept["file"]).sha256 for kept in front] == [kept["sha256"] for kept in front]
    assert made["spent_usd"] > 0


def test_the_header_stays_word_for_word(once):
    header = HEADED.partition("Label the")[0]
    assert "# a comment of ours" in header
    assert (once[0] / "prompts/colour.v2.jinja").read_text().startswith(header)


def test_the_same_command_again_asks_nothing_and_takes_the_next_name(once, after):
    _, first, server = once
    bought = server.stats()["bought"]
    second = improved(Here(after, server), "--rounds", "4")
    assert bought and server.stats()["bought"] == bought
    assert second["cross_validated"] == first["cross_validated"]
    assert second["file"].endswith("colour.v3.jinja")
    assert second["spent_usd"] == 0


def test_recorded_answers_do_as_well(once, after):
    (after / "prompts/colour.v2.jinja").unlink()
    done = Here(after).run(
        *["improve", "colour", "--on", "colour", "--rounds", "4", "--json"],
        *["--model", f"replay/{MODEL}", "--reflect-with", f"replay/{REFLECTING}"],
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["cross_validated"] == once[1]["cross_validated"]


def test_nothing_of_the_sealed_split_is_opened(folder, server):
    with untouched(folder / "eval_sets/colour/test"):
        assert improved(Here(folder, server), "--rounds", "1")["file"]
    test = folder / "eval_sets/colour/test"
    shutil.rmtree(test)
    test.symlink_to(test)
    assert improved(Here(folder, server), "--rounds", "1")["file"]


def test_proposals_that_are_no_rubrics_are_told_of_and_never_written(folder):
    with Server(answer=Useless()) as server:
        bodies = server.bodies
        made = improved(Here(folder, server), "--rounds", "8")
    assert made["file"] is None
    assert made["cross_validated"]["word"] == "no difference shown"
    assert not (folder / "prompts/colour.v2.jinja").exists()
    said = b"\n".join(body for body in bodies if b"You revise a rubric" in body).decode()
    for words in (
        "there was no text between",
        "does not load",
        "the header is not yours",
        "repeats words of a transcript",
        "tells the judge of `not_applicable`",
        "times as long",
    ):
        assert words in said


def test_money_is_limited_over_both_models(once, folder, server):
    judge = Here(folder, server)
    limit = once[1]["spent_usd"] * 0.6
    made = improved(judge, "--rounds", "4", "--max-cost", str(limit))
    assert made["spent_usd"] <= limit
    assert made["stopped"]
    shutil.rmtree(folder / "runs")
    assert "does not even pay" in improved(judge, "--max-cost", "0.001", code=2)


def test_another_provider_reflects(folder, server):
    judge = Here(folder, server)
    done = judge.run(
        *["improve", "colour", "--on", "colour", *judge.asks, "--rounds", "1", "--json"],
        *["--reflect-with", "anthropic/claude-sonnet-5-5", "--reflect-base-url", server.anthropic_url],
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["file"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--min-labels", "13"], "too few hand labels"),
        (["--folds", "40"], "cannot be cut into that many parts"),
    ],
)
def test_a_set_that_is_too_small_is_refused_before_anything_is_bought(folder, server, arguments, said):
    assert said in improved(Here(folder, server), *arguments, code=2)
    assert server.stats()["bought"] == 0


def test_an_unknown_price_and_a_sealed_set_are_refused(folder, server):
    judge = Here(folder, server)
    arguments = ["improve", "colour", "--on", "colour", *judge.asks, "--max-cost", "1"]
    done = judge.run(*arguments, "--reflect-with", "compatible/unheard-of")
    assert done.returncode == 2
    assert "price of compatible/unheard-of is unknown" in done.stderr
    sealed = judge.run(
        "improve", "colour", "--on", "eval_sets/colour/test", *judge.asks, "--reflect-with", REFLECTING
    )
    assert sealed.returncode == 2
    assert "never opens a sealed test split" in sealed.stderr
