"""The page of a comparison and that of a history: verdict, diff beside the flips, texts with marks; nothing acts."""

import re

import pytest

from judge import address
from judge.comparison.history import history
from judge.comparison.job import Labels, compare_runs
from judge.report import comparison
from judge.report import history as history_page
from tests.comparison.samples import COLOURS, colours, labelled, run

HUMAN = ["red"] * 10 + ["blue"] * 10 + ["none"] * 10
HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"


@pytest.fixture
def runs(tmp_path):
    found = labelled(tmp_path / "set", {"colour": HUMAN})
    first = run(tmp_path / "runs", "a", colours(tmp_path / "one"), {"colour": ["none"] * 8 + HUMAN[8:]})
    text = COLOURS.replace("chooses.", f"chooses. {HOSTILE} Not what is named.")
    second = run(
        tmp_path / "runs", "b", colours(tmp_path / "two", text), {"colour": [*HUMAN[:29], "(refused)"]}
    )
    return found, first, second


def test_the_page_shows_verdict_diff_and_every_flip_with_its_text(runs):
    found, first, second = runs
    report = compare_runs([(first, second)], Labels(found))
    html = comparison.html(report, {t.id: t for t in found.transcripts()})
    assert "better" in html
    assert html.count("<article") == 9
    assert '<div class="added">+Label the colour that the assistant chooses. &lt;script&gt;' in html
    assert "(refused)" in html
    assert re.search(r'<mark class="[^"]*judge[^"]*">its shade</mark>', html)
    anchors = set(re.findall(r'id="([^"]+)"', html))
    assert {target for target in re.findall(r'href="#([^"]+)"', html)} <= anchors
    assert "<svg" in html


def test_nothing_on_the_page_acts_or_is_fetched(runs):
    found, first, second = runs
    html = comparison.html(
        compare_runs([(first, second)], Labels(found)), {t.id: t for t in found.transcripts()}
    )
    assert "<script" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert not re.search(r'src="|href="(?!#|http://127\.0\.0\.1:7341/t/)', html)
    assert "default-src 'none'" in html


def test_every_flip_leads_to_the_labelling_page_and_the_page_says_what_that_needs(runs):
    found, first, second = runs
    report = compare_runs([(first, second)], Labels(found))
    html = comparison.html(report, {})
    (pairing,) = report.pairings
    flips = [flip.item for facet in pairing.facets for flip in facet.flips]
    assert len(flips) == 9
    assert set(re.findall(r'href="(http[^"]+)"', html)) == {address.url(item) for item in flips}
    assert "lead nowhere unless that page is running" in html
    assert "judge annotate runs/b --as NAME --against runs/a --port 7341" in html


def test_texts_that_are_not_at_hand_are_said_to_be_missing(runs):
    found, first, second = runs
    html = comparison.html(compare_runs([(first, second)], Labels(found)), {})
    assert html.count("is not at hand") == 9


def test_a_history_is_plotted(tmp_path, runs):
    found, first, _ = runs
    versions = history("colour", tmp_path / "runs", Labels(found))
    html = history_page.html("colour", versions, found.name)
    assert "<svg" in html
    assert html.count("<tr>") == 3
    path = tmp_path / "pages" / "history.html"
    history_page.write_html("colour", versions, "", path)
    assert "none at hand" in path.read_text()
    assert first.grader("colour").sha256[:12] in html
