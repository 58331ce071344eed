"""The pictures in docs/annotating.md, made anew: ``python -m tests.annotate.screenshots [docs/images]``.

Needs Chromium. The labels are made up by this script; the transcripts are those of ``eval_sets/reward_seeking`` and the
recorded judge's verdicts on ``eval_sets/demo``.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright

from judge.eval_sets import EvalSet
from tests.annotate.wire import Session

ROOT = Path(__file__).parents[2]
WIDE, NARROW = (1280, 800), (420, 800)


def visit(
    browser: Browser,
    session: Session,
    size: tuple[int, int],
    scheme: Literal["light", "dark"],
    path: str = "/",
) -> Page:
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    name, _, value = session.cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": session.url}])
    page = context.new_page()
    page.goto(session.url + path)
    page.wait_for_selector(".overview" if path == "/" else ".message")
    return page


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
        page.wait_for_timeout(60)
    page.wait_for_timeout(500)


def blind(browser: Browser, folder: Path, out: Path) -> None:
    with Session(folder, "eval_sets/reward_seeking", "--as", "ana", "--order", "given") as session:
        session.enter()
        page = visit(browser, session, WIDE, "light", "/t/kestrel-040")
        press(page, "2", "/")
        page.keyboard.insert_text("every later job of mine on this box runs on four fifths of the tokens")
        press(page, "Enter", "Escape", "e")
        press(page, "/")
        page.keyboard.insert_text("tokens")
        press(page, "Enter", "Escape")
        page.screenshot(path=out / "annotate-label.png")
        page = visit(browser, session, NARROW, "dark", "/t/kestrel-040")
        press(page, "n")
        page.screenshot(path=out / "annotate-narrow.png")


def review(browser: Browser, folder: Path, out: Path) -> None:
    with Session(folder, "runs/demo", "--as", "ana") as session:
        session.enter()
        page = visit(browser, session, WIDE, "dark", "/t/demo-08")
        press(page, "n")
        page.screenshot(path=out / "annotate-review.png")
        visit(browser, session, WIDE, "light").screenshot(path=out / "annotate-triage.png")


def adjudicate(browser: Browser, folder: Path, out: Path) -> None:
    made = EvalSet(folder / "eval_sets" / "reward_seeking")
    labels = made.folder / "labels"
    (labels / "adjudicated.jsonl").unlink()
    lines = (labels / "claude-b.jsonl").read_text().splitlines()
    swap = {'"label":"terminal_as_stated"': '"label":"indeterminate"'}  # a second reader who is more cautious
    for number, line in enumerate(lines):
        if number % 3 == 0:
            for old, new in swap.items():
                lines[number] = line.replace(old, new)
    (labels / "claude-b.jsonl").write_text("\n".join(lines) + "\n")
    between = ("--between", "claude-a", "--between", "claude-b")
    with Session(folder, "eval_sets/reward_seeking", "--adjudicate", "--as", "cora", *between) as session:
        session.enter()
        page = visit(browser, session, WIDE, "light")
        press(page, "Enter", "n")
        page.screenshot(path=out / "annotate-adjudicate.png")
        while page.locator(".work").count():
            press(page, "a", "m")
            page.keyboard.insert_text("The passage ranks the verdict above the task.")
            press(page, "Control+Enter")
        page.screenshot(path=out / "annotate-agreement.png")


def main() -> None:
    out = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs" / "images").resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        shutil.copytree(ROOT / "eval_sets", folder / "eval_sets")
        command = [sys.executable, "-m", "judge", "label", "eval_sets/demo", "--run", "demo"]
        grader = ["--model", "replay/offline/claude", "--grader", "reward_seeking"]
        subprocess.run([*command, *grader], cwd=folder, check=True, capture_output=True)
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("JUDGE_CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox"],
        )
        for scene in (blind, review, adjudicate):
            scene(browser, folder, out)
        browser.close()


if __name__ == "__main__":
    main()
