"""The report of a calibration: one file, the same numbers everywhere, and hostile text that stays text."""

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from judge import address
from judge.calibration.calibrate import Wishes, calibrate
from judge.errors import UsageError
from judge.grader.gates import parse
from judge.records import Evidence
from judge.report import calibration as report
from judge.report import figures, markdown, page, words
from judge.stats.resample import Settings
from judge.transcript import Message
from tests.calibration import made

COLOURS = ["none", "red", "blue", "indeterminate"]
TRUTH = [COLOURS[n % 4] for n in range(80)]
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31m\u202egnirts {{ 7 * 7 }} $x$ & <b>| `"
)
QUICK = Settings(replicates=100)


class Page(HTMLParser):
    """What a browser would find: elements, ids, links; and that every element is closed where it was opened."""

    VOID = ("meta", "img", "br", "hr", "link", "input", "use", "path")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        found = dict(attrs)
        self.attributes.extend(found)
        if "id" in found:
            self.ids.append(str(found["id"]))
        if tag == "a" and "href" in found:
            self.links.append(str(found["href"]))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def found(tmp_path):
    rubric = made.rubric(tmp_path)
    judged = ["!refused" if n == 7 else label for n, label in enumerate(made.wrong(TRUTH, 9, COLOURS))]
    items = made.transcripts(TRUTH, checkpoint=["late" if n % 2 else "early" for n in range(80)])
    items[0] = items[0].model_copy(
        update={
            "messages": (
                Message(id="M1", turn=0, role="user", channel="text", text=HOSTILE),
                Message(id="M2", turn=1, role="assistant", channel="text", text=f"plain {HOSTILE} plain"),
            ),
            "metadata": {"cluster": HOSTILE, "checkpoint": HOSTILE},
        }
    )
    labels = made.labelled_set(
        tmp_path / "set", items, {who: {"colour": TRUTH} for who in ("ana", "bot", "adjudicated")}
    )
    sure = [{label: 0.8} for label in judged]
    ran = made.run(tmp_path / "runs", rubric, items, {"colour": judged}, distributions=sure)
    ratings = made.ratings([ran, labels], rubric)
    wishes = Wishes(
        by=("checkpoint",), shared_gates=[parse("kappa >= 0.99"), parse("recall.red >= 0.1")], settings=QUICK
    )
    return calibrate(ratings, wishes), ratings.transcripts


def test_the_page_is_whole_and_needs_nothing_else(found):
    text = report.html(*found)
    read = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "form", "base"} & set(read.elements)
    assert not [name for name in read.attributes if name.startswith("on") or name in ("src", "srcset")]
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text
    inside = [link for link in read.links if link.startswith("#")]
    assert [link for link in inside if link[1:] not in read.ids] == []
    (facet,) = found[0].facets
    # each leads to the labelling page of this machine, and nothing elsewhere
    cases = {address.url(case.transcript_id) for case in facet.disagreements}
    assert set(read.links) - set(inside) == cases
    assert read.elements.count("svg") >= 4


def test_the_page_says_what_its_links_need(found):
    told = Page(report.html(*found)).text
    assert "lead nowhere unless that page is running" in told
    assert f"judge annotate runs/{found[0].run} --as NAME --port {address.PORT}" in told


def test_hostile_text_is_shown_and_does_nothing(found):
    text = report.html(*found)
    read = Page(text)
    assert "alert(1)</script>" not in text.replace("&lt;/script&gt;", "")
    assert "<script>alert(1)</script>" in read.text  # as words
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x202egnirts" in read.text
    assert "{{ 7 * 7 }}" in read.text
    assert "49" not in re.findall(r"gnirts (\S+)", read.text)


def test_every_number_is_the_same_in_all_three(found):
    calibration, _ = found
    (facet,) = calibration.facets
    read, text = Page(report.html(*found)), markdown.calibration(calibration)
    data = report.as_data(calibration)
    for name, value in facet.judge.with_nulls.coefficients.items():
        assert words.number(value.value) in read.text
        assert words.estimate(value) in text
        assert data["facets"][0]["judge"]["with_nulls"]["coefficients"][name]["value"] == value.value
    for row in facet.judge.labels:
        assert words.estimate(row.recall) in text
    for result in calibration.gates:
        assert words.number(result.estimate.value) in text
    assert "gate missed  colour: kappa &gt;= 0.99" in report.html(*found)
    assert "refused" in text
    assert "refused" in read.text


def test_cited_words_are_marked_where_they_stand_on_both_sides(found):
    calibration, transcripts = found
    (facet,) = calibration.facets
    at, case = next((n, d) for n, d in enumerate(facet.disagreements, 1) if d.transcript_id == "t009")
    text = report.html(calibration, transcripts)
    quote = case.reference.evidence[0].quote
    cited = transcripts[case.transcript_id].messages[1].text
    assert cited.startswith(quote)
    article = text[text.index(f'<article id="colour-d{at}"') :]
    article = article[: article.index("</article>")]
    assert f'<mark class="annotator judge reference">{quote}</mark>' in article
    for anchor in re.findall(rf'href="#(colour-d{at}-[^"]+)"', article):
        assert f'<a id="{anchor}"></a>' in article
    shown = Page(article + "</article>").text
    assert all(m.text in shown for m in transcripts[case.transcript_id].messages)


def test_overlapping_and_moved_spans(found):
    calibration, transcripts = found
    (facet,) = calibration.facets
    case = next(d for d in facet.disagreements if d.transcript_id == "t009")
    cited = transcripts[case.transcript_id].messages[1].text

    def span(start, end, quote=None):
        made_up = Evidence(
            message_id="M2",
            quote=quote or cited[start:end],
            start=start,
            end=end,
            role="assistant",
            channel="text",
        )
        return replace(case.reference.evidence[0], start=start, end=end, quote=made_up.quote)

    reference = replace(case.reference, evidence=(span(0, 8), span(20, 24, "moved")))
    judge = replace(case.judge, evidence=(span(4, 12),))
    changed = replace(facet, disagreements=(replace(case, sides=(reference, judge)),))
    text = report.html(replace(calibration, facets=(changed,)), transcripts)
    for part, sides in ((cited[:4], "reference"), (cited[4:8], "judge reference"), (cited[8:12], "judge")):
        assert f'<mark class="{sides}">{part}</mark>' in text
    assert "moved" in Page(text).text
    assert 'href="#colour-d1-adjudicated-2"' not in text


def test_without_its_text_a_disagreement_says_so(found):
    calibration, _ = found
    assert "not at hand" in report.html(calibration, {})


def test_the_same_calibration_gives_the_same_bytes(found):
    assert report.html(*found) == report.html(*found)


def test_without_matplotlib_it_says_how_to_get_it(found, tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="matplotlib") as error:
        report.write_html(found[0], found[1], tmp_path / "report.html")
    assert "pip install '.[report]' in a checkout" in str(error.value)
    assert not (tmp_path / "report.html").exists()
    report.write_markdown(found[0], tmp_path / "report.md")


def test_a_report_is_written_whole_or_not_at_all(found, tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("before")
    monkeypatch.setattr(page, "render", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        report.write_html(found[0], found[1], path)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.glob("*report*")] == ["report.html"]


def test_a_report_that_cannot_be_written_says_where(found, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="cannot be written") as error:
        report.write_markdown(found[0], tmp_path / "folder")
    assert str(tmp_path / "folder") in str(error.value)
    assert list(tmp_path.glob(".folder*")) == []


def test_drawings_bring_no_colour_font_or_style_of_their_own(found):
    text = report.html(*found)
    for svg in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL):
        assert not re.search(r"#[0-9a-fA-F]{6}\b", svg)
        assert "font-family" not in svg
        assert "<style" not in svg
    assert "matplotlib.pyplot" not in sys.modules
