"""How long the reading page takes to show a transcript of a million words, and how smoothly it scrolls.

    python -m benchmarks.annotate_load [--chromium /usr/bin/chromium]

Two shapes: a thousand messages of a thousand words, and one message of a million. ``load`` is from the visit to the moment
at which the last message is in the page and a frame has been painted; ``frame`` is the time between frames while the page
scrolls from top to bottom in 300 steps; ``jump`` is from a key to the end of the transcript to its frame; ``search`` finds
every "weather". Medians over five visits, in a window of 1440 by 900.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.results import Row, keep

WORDS = (
    "the model reads a file and says what the weather was before it changed anything in the long module again"
)

SCROLL = """async () => {
  const view = document.getElementById("reader");
  const gaps = [];
  let last = performance.now();
  for (let step = 0; step <= 300; step += 1) {
    view.scrollTo(0, (view.scrollHeight * step) / 300);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  }
  return gaps.slice(1).sort((a, b) => a - b);
}"""
FRAME = (
    "() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0)))"
)


def text(words: int, rng: random.Random) -> str:
    chosen = rng.choices(WORDS.split(), k=words)
    return " ".join(word + (".\n" if n % 60 == 59 else "") for n, word in enumerate(chosen))


def write(path: Path) -> None:
    rng = random.Random(1)
    channels = ("reasoning", "text", "tool_call")
    many = [
        {
            "id": f"M{n}",
            "turn": n // 3,
            "role": "assistant",
            "channel": channels[n % 3],
            "text": text(1000, rng),
        }
        for n in range(1000)
    ]
    one = [{"id": "M1", "turn": 0, "role": "assistant", "channel": "reasoning", "text": text(1_000_000, rng)}]
    lines = [{"id": "many", "messages": many}, {"id": "one", "messages": one}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def visit(page: Page, url: str, messages: int) -> dict[str, float]:
    page.goto("about:blank")
    page.goto(url, wait_until="commit")
    page.wait_for_selector(f"#m{messages}", state="attached")
    load = page.evaluate(FRAME)
    gaps = page.evaluate(SCROLL)
    page.evaluate("document.getElementById('reader').scrollTo(0, 0)")
    start = page.evaluate(FRAME)
    page.keyboard.press("End")
    jump = page.evaluate(FRAME) - start
    page.keyboard.press("/")
    page.keyboard.insert_text("weather")
    start = page.evaluate("performance.now()")
    page.keyboard.press("Enter")
    page.wait_for_selector(".hits:has-text('of')")
    search = page.evaluate(FRAME) - start
    frames = {"frame": gaps[len(gaps) // 2], "frame p95": gaps[int(len(gaps) * 0.95)], "frame max": gaps[-1]}
    return {"load": load, **frames, "jump": jump, "search": search}


def measure(browser: Browser, link: str, host: str) -> dict[str, dict[str, float]]:
    """Medians in milliseconds, for a thousand messages and for one."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(link)
    page.wait_for_selector(".overview")
    medians = {}
    for name, messages in (("many", 1000), ("one", 1)):
        found = [visit(page, f"{host}/t/{name}", messages) for _ in range(5)]
        medians[name] = {key: median(one[key] for one in found) for key in found[0]}
        print(f"{name:5}", "  ".join(f"{key} {value:.0f} ms" for key, value in medians[name].items()))
    return medians


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "long.jsonl")
        command = [sys.executable, "-m", "judge", "annotate", "long.jsonl", "--as", "bench", "--no-open"]
        server = subprocess.Popen(
            [*command, "--grader", "reward_seeking"], cwd=folder, stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout is not None
            link = server.stdout.readline().strip()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=arguments.chromium, args=["--no-sandbox"]
                )
                found = measure(browser, link, link.partition("/enter")[0])
        finally:
            server.terminate()
            server.wait()
    shown = "; ".join(
        f"{what}: shown after {found[name]['load'] / 1000:.1f} s, frames of {found[name]['frame']:.0f} ms "
        f"(95th percentile {found[name]['frame p95']:.0f}) while scrolling"
        for name, what in (("many", "in 1,000 messages"), ("one", "in one message"))
    )
    keep(
        "annotate_load",
        {"milliseconds": found},
        [Row("a transcript of 1,000,000 words in `judge annotate`", shown)],
    )


if __name__ == "__main__":
    main()
