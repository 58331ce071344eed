"""axe-core finds nothing serious, in any view, light or dark, wide or narrow."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.annotate.samples import label, make_set, write_labels
from tests.annotate.test_desk import VALUES, make_run
from tests.annotate.wire import Session

SIZES = {"wide": (1440, 900), "narrow": (420, 860)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("axe")
    make_set(made)
    make_run(made, "first", VALUES)
    write_labels(made / "colour", "ana", [label(n, "red" if n < 6 else "none", "ana") for n in range(12)])
    write_labels(made / "colour", "ben", [label(n, "red" if n < 4 else "none", "ben") for n in range(12)])
    return made


def serious(page):
    found = Axe().run(page).response["violations"]
    return [
        (rule["id"], [node["html"][:200] for node in rule["nodes"]][:3])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]


@pytest.fixture(
    scope="module",
    params=[("colour", "--as", "cora"), ("runs/first", "--as", "cora"), ("colour", "--adjudicate")],
    ids=["blind", "review", "adjudication"],
)
def session(folder, request):
    with Session(folder, *request.param) as running:
        yield running.enter()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_no_serious_fault(browser, session, size, scheme):
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    name, _, value = session.cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": session.url}])
    page = context.new_page()
    page.goto(session.url)
    page.wait_for_selector(".overview")
    assert serious(page) == []
    page.keyboard.press("Enter")
    page.wait_for_selector(".message")
    for key in ("2", "j", "j", "s", "s", "e"):
        page.keyboard.press(key)
    expect(page.locator(".evidence li").first).to_be_visible()
    assert serious(page) == []
    page.keyboard.press("r")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert serious(page) == []
    context.close()


def test_axe_would_have_found_one(browser, folder):
    page = browser.new_page()
    page.set_content("<img src='x'><button></button><p style='color:#ccc'>pale</p>")
    assert {rule for rule, _ in serious(page)} >= {"image-alt", "button-name"}
    page.close()
