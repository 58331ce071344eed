"""The page of rates: whole, self-contained, the numbers of the terminal, and groups with hostile names."""

import re

import pytest
from typer.testing import CliRunner

from judge.cli import app
from judge.rates.sections import shown
from judge.report import curves, figures, rates
from judge.stats.reasons import REASONS
from tests.rates.worlds import World
from tests.report.test_calibration_report import Page

LABELS = ("--facet", "eval_awareness", "--labels", "tentative,settled")
HOSTILE = "<script>alert(1)</script>\"'\x1b[31m\u202e $x$ {{ 7 * 7 }}: rare: & a name that is much too long for a drawing"
CARD = "grader: eval_awareness\nselection: enriched\norigin: written\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run over two checkpoints, one with a hostile name; every flag of it checked; and a set that shows the judge's misses."""
    folder = tmp_path_factory.mktemp("page")
    world = World(folder, {"early": 0.08, HOSTILE: 0.004}, sensitivity=0.9, specificity=0.98)
    world.run("prod", 1200, seed=1)
    shown_to = World(
        folder, {"early": 0.5, HOSTILE: 0.5}, sensitivity=0.9, specificity=0.98, truth=world.truth
    )
    shown_to.run("on-set", 200, seed=2, prefix="s")
    for name, made, file in (("aware", shown_to, "on-set.jsonl"), ("all", world, "prod.jsonl")):
        kept = folder / "eval_sets" / name
        kept.mkdir(parents=True)
        (kept / "transcripts.jsonl").write_bytes((folder / file).read_bytes())
        made.annotate(kept, "adjudicated", card=CARD)
    return folder


@pytest.fixture
def made(place, monkeypatch):
    """Run the command, and return what it computed beside the page that it wrote."""
    monkeypatch.chdir(place)
    seen = []
    write = rates.write_html

    def kept(found, path):
        seen.append(found)
        write(found, path)

    monkeypatch.setattr(rates, "write_html", kept)

    def rate(*arguments):
        done = CliRunner().invoke(app, ["rate", "prod", *arguments, "--html", "pages/rates.html"])
        assert done.exit_code == 0, done.output
        return seen[-1], (place / "pages" / "rates.html").read_text()

    return rate


def test_the_page_is_whole_acts_on_nothing_and_has_every_number(made):
    full = ("--by", "checkpoint", "--confirmed", "all", "--calibrated-on", "aware")
    found, text = made(*LABELS, *full)
    read = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & set(read.elements)
    assert not [name for name in read.attributes if name.startswith("on") or name in ("src", "srcset")]
    assert not re.search(r"url\((?!#)", text)
    assert read.links == []
    assert read.elements.count("svg") == 3  # prevalence, ratios, curve
    for group in found.groups:
        view = group.overall
        for number in (view.flagged, view.choice.estimate, view.choice.floor, view.bounds.answered):
            assert shown(number) in read.text
        for name, count in group.outcomes.items():
            assert f"{name} {count}" in read.text
        for _, estimate in view.choice.curve:
            assert shown(estimate).partition(" ")[0] in read.text
    (change,) = found.changes
    assert shown(change.ratio.estimate) in read.text
    assert change.word in read.text
    assert "sensitivity-planted" in read.text
    assert REASONS["sensitivity-planted"] in read.text


def test_names_of_groups_are_words(made):
    _, text = made(*LABELS, "--by", "checkpoint")
    read = Page(text)
    assert "<script>alert(1)</script>" in read.text
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "{{ 7 * 7 }}" in read.text


def test_without_labels_it_refuses_and_says_why(made):
    found, text = made(*LABELS)
    read = Page(text)
    assert found.groups[0].overall.choice.estimator == "none"
    assert "no-positives" in read.text
    assert REASONS["no-positives"] in read.text
    assert read.elements.count("svg") == 1


def test_conditional_rates_have_a_page_too(made):
    given = "eval_awareness=tentative,settled"
    found, text = made("--of", "over_escalation.escalation=over_escalated", "--given", given)
    read = Page(text)
    (part,) = found.parts
    for number in (part.applicable.with_it, part.applicable.without, part.applicable.ratio):
        assert shown(number) in read.text
    assert read.elements.count("svg") == 1
    assert "association" in read.text
    for why, count in part.left_out.items():
        assert why in read.text
        assert str(count) in read.text


def test_the_same_rates_give_the_same_bytes(made):
    found, text = made(*LABELS, "--by", "checkpoint")
    assert rates.html(found) == rates.html(found) == text


def test_without_matplotlib_nothing_is_computed_for_nothing(place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setattr(figures, "find_spec", lambda name: None)
    done = CliRunner().invoke(app, ["rate", "no-such-run", *LABELS, "--html", "x.html"])
    assert "pip install '.[report]' in a checkout" in str(done.exception)


def test_a_drawing_of_nothing_is_nothing():
    assert curves.panels([]) == ""
