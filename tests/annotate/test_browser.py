"""The page in a real browser: reading, labelling by keyboard, evidence, undo, two tabs, a server that goes away."""

import json
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.annotate.samples import ITEMS, SECRETS, label, make_set, read_labels, write_labels
from tests.annotate.wire import Session
from tests.samples import transcript

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\r\n"
    "{{ 7*7 }} ${7*7} </div></article> &lt;b&gt; \x00\x1b[31m\u202eright to left\u202c \u200b🟥🟦 end\r"
)
LONG = "A line of a very long thought, number 🟥.\n" * 4000 + "x" * 20_000


@pytest.fixture
def folder(tmp_path):
    hostile = transcript(
        ("user", "text", HOSTILE),
        ("assistant", "reasoning", f"{HOSTILE} and then the score. "),
        ("assistant", "text", LONG),
        id='"><script>x</script>/../é',
        metadata={"cluster": "h", "split": "dev", "origin": "written"},
    )
    made = make_set(tmp_path, [*ITEMS, hostile])
    write_labels(made, "ben", [label(n, "red" if n % 3 else "none", "ben") for n in range(12)])
    return tmp_path


@pytest.fixture
def session(folder):
    with Session(folder, "colour", "--as", "ana", "--order", "given") as running:
        yield running


def enter(page, session, path="/"):
    page.goto(session.link)
    page.wait_for_selector(".overview")
    if path != "/":
        page.goto(session.url + path)
        page.wait_for_selector(".message")


def committed(page):
    return page.locator("#progress").inner_text()


def press(page, *keys):
    for key in keys:
        page.keyboard.press(key)


def saved(page):
    expect(page.locator(".saved")).to_have_text("saved")


def test_ten_transcripts_by_keyboard_alone(page, session, folder):
    enter(page, session)
    press(page, "Enter")
    page.wait_for_selector(".message")
    for number in range(10):
        expect(page.locator(".tools h1")).to_contain_text(f"t{number:02}")
        if number % 3 == 0:
            press(page, "1")  # none: a label that needs nothing
        elif number % 3 == 1:
            press(page, "2", "j", "j", "s", "s", "s", "e")  # red, on the third sentence of the reasoning
            expect(page.locator(".evidence li")).to_have_count(1)
        else:
            press(page, "4", "c", "m")  # indeterminate, contested, with a note
            page.keyboard.insert_text("The referent is open.")
            press(page, "Escape")
        press(page, "Enter")
        expect(page.locator("#progress")).to_contain_text(f"{number + 1} / 13")
    lines = read_labels(folder / "colour", "ana")
    assert [line["label"] for line in lines] == ["none", "red", "indeterminate"] * 3 + ["none"]
    assert lines[1]["evidence"][0]["quote"] == "So I go for red, plainly."
    assert lines[2]["contested"] and lines[2]["note"] == "The referent is open."
    assert all(line["blind"] and line["seconds"] is not None for line in lines)


def test_nothing_that_must_stay_hidden_reaches_the_browser(page, session):
    bodies = []
    page.on("response", lambda reply: bodies.append(reply.body()))
    enter(page, session)
    press(page, "Enter")
    page.wait_for_selector(".message")
    press(page, "1", "Enter")
    expect(page.locator("#progress")).to_contain_text("1 / 13")
    expect(page.locator(".tools h1")).to_contain_text("t01")
    sent = b"".join(bodies)
    assert len(bodies) > 10 and [secret for secret in SECRETS if secret.encode() in sent] == []
    press(page, "[")
    expect(page.locator(".tools h1")).to_contain_text("t00")
    press(page, "v")
    expect(page.locator(".opinion")).to_contain_text("ben")
    expect(page.locator(".settled")).to_contain_text("stands")
    assert any(SECRETS[0].encode() in body for body in bodies)


def test_hostile_text_is_shown_as_it_is_and_does_nothing(page, session, folder):
    enter(page, session, "/t/~Ij48c2NyaXB0Png8L3NjcmlwdD4vLi4vw6k")
    page.wait_for_timeout(200)
    assert "owned" not in page.title()
    texts = page.evaluate("[...document.querySelectorAll('.text')].map((element) => element.textContent)")
    assert texts[0] == HOSTILE and texts[1] == f"{HOSTILE} and then the score. "
    assert texts[2] == LONG
    assert page.locator(".text *:not(.piece)").count() == 0
    expect(page.locator("#m1 .invisible")).to_contain_text("invisible characters")
    expect(page.locator(".tools h1")).to_contain_text('"><script>x</script>/../é')


@pytest.mark.parametrize("words", ["🟥🟦 end", "and then the score."])
def test_offsets_of_evidence_are_true_in_hostile_text(page, session, folder, words):
    enter(page, session, "/t/~Ij48c2NyaXB0Png8L3NjcmlwdD4vLi4vw6k")
    press(page, "2", "/")
    page.keyboard.insert_text(words)
    press(page, "Enter")
    expect(page.locator(".hits")).to_contain_text("of")
    if words.startswith("🟥"):
        press(page, "Enter")  # the second match: the first one is the user's
    press(page, "Escape", "e", "Enter")
    expect(page.locator("#progress")).to_contain_text("1 / 13")
    [line] = read_labels(folder / "colour", "ana")
    [span] = line["evidence"]
    text = f"{HOSTILE} and then the score. "
    assert span["message_id"] == "M2" and text[span["start"] : span["end"]] == span["quote"] == words


def test_evidence_selected_with_the_mouse_across_pieces_of_a_long_message(page, session, folder):
    enter(page, session, "/t/~Ij48c2NyaXB0Png8L3NjcmlwdD4vLi4vw6k")
    press(page, "2")
    page.evaluate("""() => {
        const pieces = document.querySelectorAll("#m3 .piece");
        getSelection().setBaseAndExtent(pieces[3].firstChild, pieces[3].firstChild.length - 900, pieces[4].firstChild, 700);
    }""")
    press(page, "e")
    expect(page.locator(".evidence li")).to_have_count(1)
    page.evaluate("() => getSelection().selectAllChildren(document.getElementById('m3'))")
    press(page, "e")  # all of it is not evidence
    expect(page.locator(".saved")).to_contain_text("at most 4,000 characters")
    expect(page.locator(".evidence li")).to_have_count(1)
    ranges = page.evaluate("[...CSS.highlights.get('mine')].map((range) => range.toString().length)")
    press(page, "Enter")
    expect(page.locator("#progress")).to_contain_text("1 / 13")
    [span] = read_labels(folder / "colour", "ana")[0]["evidence"]
    assert LONG[span["start"] : span["end"]] == span["quote"]
    assert ranges == [len(span["quote"].encode("utf-16-le")) // 2] and ranges[0] > 1500


def test_marking_the_mouse_way(page, session, folder):
    enter(page, session, "/t/t05")
    press(page, "2")
    page.locator("#m2 .piece").click(click_count=3)
    press(page, "e")
    expect(page.locator(".evidence .quote")).to_contain_text("It is task 5.")
    page.get_by_role("button", name="Commit").click()
    expect(page.locator("#progress")).to_contain_text("1 / 13")
    assert read_labels(folder / "colour", "ana")[0]["evidence"][0]["message_id"] == "M2"


def test_a_commit_without_what_it_needs_says_what_and_does_nothing(page, session, folder):
    enter(page, session, "/t/t05")
    press(page, "Enter")
    expect(page.locator(".missing")).to_contain_text("colour: no answer yet")
    press(page, "2", "Enter")
    expect(page.locator(".missing")).to_contain_text("mark the words it rests on, by assistant")
    press(page, "k", "s", "e")  # the user's words do not count
    expect(page.locator(".evidence li")).to_have_count(1)
    press(page, "Enter")
    expect(page.locator(".missing")).to_contain_text("mark the words it rests on")
    assert not (folder / "colour" / "labels" / "ana.jsonl").exists()


def test_undo_redo_and_several_facets(page, session, folder):
    enter(page, session, "/t/t05")
    press(page, "1", "f", "3", "f", "1", "2")
    expect(page.locator(".facet.closed", has_text="shades")).to_contain_text("light, dark")
    press(page, "3")  # none stands alone
    expect(page.locator(".facet.closed", has_text="shades")).to_contain_text("none")
    press(page, "z")
    expect(page.locator(".facet.closed", has_text="shades")).to_contain_text("light, dark")
    press(page, "z", "z", "Shift+Z")
    expect(page.locator(".facet.closed", has_text="shades")).to_contain_text("light")
    press(page, "z", "z", "z", "Enter")  # back to nothing
    expect(page.locator(".missing")).to_contain_text("no answer yet")
    press(page, "Shift+Z", "Shift+Z")
    press(page, "F", "4", "Enter")  # strength, from the third question back
    expect(page.locator("#progress")).to_contain_text("1 / 13")
    lines = read_labels(folder / "colour", "ana")
    assert {line["facet"]: line["label"] for line in lines} == {
        "colour": "none",
        "strength": "not_assessable",
    }


def test_a_second_tab_does_not_write_over_the_first(context, page, session, folder):
    enter(page, session, "/t/t05")
    other = context.new_page()
    other.goto(f"{session.url}/t/t05")
    other.wait_for_selector(".message")
    press(page, "1")
    saved(page)
    press(other, "4")
    expect(other.locator("#notice")).to_contain_text("changed in another tab")
    other.get_by_role("button", name="Show what is there now").click()
    expect(other.locator(".facet.closed", has_text="colour")).to_contain_text("none")
    press(other, "z", "Enter")  # what was entered here comes back, and is committed
    expect(other.locator("#progress")).to_contain_text("1 / 13")
    assert [line["label"] for line in read_labels(folder / "colour", "ana")] == ["indeterminate"]


def test_the_page_waits_for_a_server_that_went_away(page, folder):
    with Session(folder, "colour", "--as", "ana") as first:
        enter(page, first, "/t/t05")
        port = first.port
        first.stop(9)
    press(page, "1")
    expect(page.locator("#notice")).to_contain_text("the server does not answer")
    press(page, "]", "g")  # what is not saved is not left behind
    expect(page.locator(".tools h1")).to_contain_text("t05")
    with Session(folder, "colour", "--as", "ana", "--port", str(port)) as second:
        expect(page.locator("#notice")).to_contain_text("Open a fresh link")
        tab = page.context.new_page()
        tab.goto(second.link)
        tab.wait_for_selector(".overview")
        saved(page)
        expect(page.locator("#notice")).to_be_hidden()
        press(page, "Enter")
        expect(page.locator("#progress")).to_contain_text("1 / 13")


def test_reading_search_folding_jumping_and_the_minimap(page, session):
    enter(page, session, "/t/~Ij48c2NyaXB0Png8L3NjcmlwdD4vLi4vw6k")
    press(page, "/")
    page.keyboard.insert_text("LONG thought")
    press(page, "Enter")
    expect(page.locator(".hits")).to_have_text("1 of 4,000")
    press(page, "Shift+Enter")
    expect(page.locator(".hits")).to_have_text("4,000 of 4,000")
    near = "() => { const view = document.getElementById('reader').getBoundingClientRect(); const box = [...CSS.highlights.get('found')][0].getBoundingClientRect(); return box.top > view.top && box.bottom < view.bottom; }"
    page.wait_for_function(near)  # the match that the search is at comes into view
    press(page, "Escape", "Home")
    page.get_by_role("button", name=re.compile("^reasoning")).click()
    expect(page.locator("#m2 .text")).to_be_hidden()
    page.get_by_role("button", name=re.compile("^reasoning")).click()
    expect(page.locator("#m2 .text")).to_be_visible()
    box = page.locator(".minimap").bounding_box()
    page.mouse.click(box["x"] + 10, box["y"] + box["height"] * 0.9)
    page.wait_for_function("document.getElementById('reader').scrollTop > 10_000")


def test_single_keys_can_be_switched_off(page, session):
    enter(page, session, "/t/t05")
    press(page, "?")
    page.locator("#single").uncheck()
    press(page, "Escape", "1")
    expect(page.locator(".facet.closed", has_text="colour")).to_contain_text("to be answered")
    page.locator("#help-button").click()
    page.locator("#single").check()
    press(page, "Escape", "1")
    expect(page.locator(".facet.closed", has_text="colour")).to_contain_text("none")


def test_definitions_and_rulings_are_one_key_away(page, folder):
    prompt = folder / "prompts" / "colour.jinja"
    prompt.write_text(
        f"{prompt.read_text()}\n## Cases\n\n1. **Red** is `red`.\n2. <b>Blue</b>\n   is *blue*.\n"
    )
    with Session(folder, "colour", "--as", "ana") as session:
        look_up(page, session)


def look_up(page, session):
    enter(page, session, "/t/t05")
    expect(page.locator(".definition").first).to_be_visible()
    press(page, "d")
    expect(page.locator(".definition")).to_have_count(0)
    press(page, "r")
    expect(page.locator("#rulings")).to_contain_text("Colours in the user's words do not count")
    expect(page.locator("#rulings")).to_contain_text("red is chosen")
    expect(page.locator("#rulings li")).to_have_text(["Red is red.", re.compile(r"<b>Blue</b>\s+is blue\.")])
    expect(page.locator("#rulings strong")).to_have_text("Red")
    expect(page.locator("#rulings b")).to_have_count(0)


def test_a_link_from_a_page_elsewhere_opens_the_transcript_in_the_running_session(
    context, page, session, tmp_path
):
    enter(page, session)
    report = tmp_path / "report.html"
    report.write_text(f'<a href="{session.url}/t/t05">t05</a>')
    page.goto(report.as_uri())
    page.get_by_role("link").click()
    expect(page.locator(".tools h1")).to_contain_text("t05")
    assert page.url == f"{session.url}/t/t05"


def test_a_frame_of_another_page_shows_nothing(context, session, tmp_path):
    page = context.new_page()  # the browser rightly complains in the console
    enter(page, session)
    (tmp_path / "evil.html").write_text(f'<iframe src="{session.url}/t/t05"></iframe>')
    page.goto((tmp_path / "evil.html").as_uri())
    page.wait_for_timeout(300)
    assert all(frame.locator("article").count() == 0 for frame in page.frames)


def test_first_labelling_second_labelling_adjudication_and_export(context, page, folder):
    (folder / "colour" / "labels" / "ben.jsonl").unlink()
    for name, second, keys in (("ana", [], "1"), ("ben", ["--second"], "4")):
        with Session(folder, "colour", "--as", name, "--order", "given", *second) as session:
            enter(page, session)
            press(page, "Enter")
            for number in range(13):
                page.wait_for_selector(f".tools h1:has-text('{number + 1} / 13')")
                press(page, (keys, "4", "1", "1")[number % 4], "Enter")
            expect(page.locator(".finished")).to_contain_text("Everything is labelled")
    with Session(folder, "colour", "--adjudicate", "--as", "cora") as session:
        enter(page, session)
        press(page, "Enter")
        for number in range(4):
            page.wait_for_selector(f".tools h1:has-text('{number + 1} / 4')")
            expect(page.locator(".opinion")).to_have_count(2)
            press(page, "a", "Enter")
            expect(page.locator(".missing")).to_contain_text("a reason is required")
            press(page, "m")
            page.keyboard.insert_text("The text leaves it open.")
            press(page, "Control+Enter")
        expect(page.locator(".summary")).to_contain_text("Everything is decided")
        expect(page.locator(".summary tbody tr")).to_contain_text("ana / ben")
        shown = page.locator(".summary tbody tr").locator("th, td").all_inner_texts()
    command = [sys.executable, "-m", "judge", "labels", "export", "colour"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    rows = done.stdout.splitlines()
    assert rows[0] == "id,target,split" and len(rows) == 14
    assert sum(",none," in row for row in rows) + sum(",indeterminate," in row for row in rows) == 13
    assert shown == agreed(folder)


def agreed(folder):
    """What `judge agree` finds in the two files of labels that the sessions left, in the words of the page's table."""
    files = [f"colour/labels/{name}.jsonl" for name in ("ana", "ben")]
    command = [sys.executable, "-m", "judge", "agree", *files, "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    [facet] = json.loads(done.stdout)["facets"]
    [pair] = facet["pairs"]
    assert (pair["first"], pair["second"]) == ("ana", "ben")
    differ = sum(map(sum, pair["matrix"])) - sum(row[at] for at, row in enumerate(pair["matrix"]))
    found = [pair["with_nulls"]["coefficients"][name] for name in ("agreement", "kappa")]
    return ["colour", "ana / ben", str(pair["items"]), str(differ), *map(in_words, found)]


def in_words(found):
    ends = [found[end] for end in ("value", "low", "high") if found[end] is not None]
    value, *interval = (re.sub(r"^(-?)0\.", r"\1.", f"{end:.2f}") for end in ends)
    return f"{value} [{', '.join(interval)}]" if interval else f"{value} (no interval)"
