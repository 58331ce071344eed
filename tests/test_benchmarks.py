"""What the benchmarks rest on: the server in C, kept figures, and the page that is made from them."""

import json
import shutil

import anthropic
import openai
import pytest

from benchmarks import results, server, table
from benchmarks.results import Row, keep
from judge.grader.contract import Answer


def test_the_page_says_what_the_kept_figures_say():
    text = table.PAGE.read_text(encoding="utf-8")
    assert table.page(text, table.figures(table.kept())) == text


def test_every_plot_on_the_page_is_there():
    for one in table.kept():
        module, _, curve = one["name"].partition(".")
        if module == "label_cpu" and curve in table.CURVES:
            assert (table.IMAGES / f"performance-{curve}.svg").is_file()


def test_figures_that_are_kept_become_lines_of_the_table(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_RESULTS", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["x", "--rounds", "3", "--prepared", str(tmp_path)])
    keep("stats_speed", {"seconds": 1}, [Row("how | fast", "1 s", "2 s")])
    (kept,) = table.kept(tmp_path)
    told = "python -m benchmarks.stats_speed --rounds 3 --prepared FOLDER"
    assert kept["command"] == told
    assert kept["date"] and kept["commit"] and kept["figures"] == {"seconds": 1}
    assert f"| how \\| fast | 1 s | 2 s | `{told}`" in table.table([kept])


def test_a_page_without_markers_is_refused():
    with pytest.raises(ValueError, match="lacks the markers"):
        table.page("# Performance", "x")


def test_plots_are_drawn_from_cases(tmp_path):
    cases = [
        {
            "case": {"in_flight": flight},
            "medians": {
                "judge label": {"cpu_ms": 1.0, "of_bound": 0.9},
                "parse": {"cpu_ms": 3.0, "of_bound": 0.4},
            },
        }
        for flight in (10, 100)
    ]
    table.draw("concurrency", cases, tmp_path / "a.svg")
    table.draw("concurrency", cases, tmp_path / "b.svg")
    drawn = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert drawn == (tmp_path / "b.svg").read_text(encoding="utf-8")
    assert "plain script, parse" in drawn and "lean sketch" not in drawn


def test_without_a_compiler_it_is_said_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "user_cache_path", lambda _: tmp_path)
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(RuntimeError, match="install one"):
        server.compiled("loopback")


needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="the server is compiled")


@needs_compiler
def test_the_server_answers_both_sdks_and_counts():
    with server.Server() as running:
        chat = openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0)
        answer = chat.chat.completions.create(
            model="gpt-x", messages=[{"role": "user", "content": 'say "model":"other" ' + "x" * 300_000}]
        )
        message = anthropic.Anthropic(
            api_key="k", base_url=running.anthropic_url, max_retries=0
        ).messages.create(model="claude-x", max_tokens=10, messages=[{"role": "user", "content": "x"}])
        stats = running.stats()
        running.reset()
        assert running.stats()["requests"] == 0
    assert answer.model == "gpt-x" and message.model == "claude-x"
    assert answer.usage and answer.usage.prompt_tokens > 75_000
    for text in (answer.choices[0].message.content, message.content[0].text):  # type: ignore[union-attr]
        assert Answer.model_validate_json(text or "") == server.ANSWER
    assert stats["requests"] == stats["bought"] == 2 and stats["in_flight"] == 0


@needs_compiler
def test_the_server_keeps_a_limit_and_announces_it():
    with server.Server(rate=1 / 60) as running:  # no second one within a minute, however slow the machine
        chat = openai.OpenAI(api_key="k", base_url=running.openai_url, max_retries=0)
        raw = chat.chat.completions.with_raw_response
        first = raw.create(model="m", messages=[{"role": "user", "content": "x"}])
        with pytest.raises(openai.RateLimitError) as refused:
            raw.create(model="m", messages=[{"role": "user", "content": "x"}])
        assert running.stats()["statuses"] == {"200": 1, "429": 1, "400": 0}
    assert first.headers["x-ratelimit-limit-requests"] == "1"
    assert 0 < float(refused.value.response.headers["retry-after"]) <= 60


def test_kept_figures_name_no_machine():
    for path in results.PUBLISHED.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert json.loads(text)["machine"]["cores"]
        assert "/home" not in text and "/tmp" not in text and "/root" not in text
