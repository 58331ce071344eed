import json
import time

import datasets
import pytest

from judge.cli import progress
from judge.labelling.dataset import Dataset
from judge.labelling.job import Options, label
from judge.labelling.pipeline import Standing
from tests.cli.command import GRADERS, MODEL, Command, write
from tests.samples import GRADER, transcript


@pytest.fixture
def judge(tmp_path, server):
    write(tmp_path / "data.jsonl", 4)
    return Command(tmp_path, server)


@pytest.fixture
def labelled(judge):
    assert judge.label().returncode == 0
    return judge


def test_show_prints_what_is_sent_byte_for_byte(judge, server):
    server.service.bodies = []
    judge.label("--limit", "1", graders=GRADERS[:1])
    messages = json.loads(server.service.bodies[0])["messages"]
    shown = judge.run_anew(
        "show", GRADERS[0], "--transcript", "data.jsonl", "--model", "openai/gpt-4.1-mini", "--json"
    )
    assert shown.returncode == 0, shown.stderr
    asked = json.loads(shown.stdout)
    assert asked["system"] == messages[0]["content"]
    assert "\n\n".join(asked["user"]) == messages[1]["content"]


def test_show_names_the_transcript_that_is_not_there(judge):
    done = judge.run("show", GRADERS[0], "--transcript", "data.jsonl", "--id", "t99")
    assert done.returncode == 2 and "t99" in done.stderr


def test_graders_are_listed_shown_and_checked(judge):
    assert all(name in judge.run_anew("graders", "list").stdout for name in GRADERS)
    assert "terminal_as_stated" in judge.run("graders", "show", "reward_seeking").stdout
    facets = json.loads(judge.run("graders", "show", "reward_seeking", "--json").stdout)["facets"]
    assert "stated_end" in facets
    assert judge.run("graders", "lint").returncode == 0


def test_a_grader_dropped_into_prompts_is_found_by_name(judge, server):
    (judge.folder / "prompts").mkdir()
    (judge.folder / "prompts" / "colour.jinja").write_text(GRADER)
    assert "colour" in judge.run("graders", "list").stdout
    assert judge.label(graders=["colour", "eval_awareness"]).returncode == 0
    assert {r["grader"] for r in judge.records()} == {"colour", "eval_awareness"}


def test_a_broken_grader_is_found_before_anything_is_bought(judge, server):
    (judge.folder / "bad.jinja").write_text(GRADER.replace("name: colour", "name: bad") + "{{ nobody }}")
    assert judge.run("graders", "lint", "bad.jinja").returncode == 2
    done = judge.label(graders=["./bad.jinja"])
    assert done.returncode == 2 and "nobody" in done.stderr and "bad.jinja:" in done.stderr
    assert server.stats()["requests"] == 0


def test_runs_are_listed_and_counted_by_metadata(labelled):
    assert labelled.run_anew("runs", "list").stdout.startswith("r  complete  12 records")
    done = labelled.run("runs", "show", "r", "--by", "checkpoint", "--json")
    counts = json.loads(done.stdout)["counts"]
    assert set(counts) == {"early", "late"}
    assert all(sum(found.values()) == 2 for graders in counts.values() for found in graders.values())
    assert "checkpoint = early" in labelled.run("runs", "show", "r", "--by", "checkpoint").stdout
    done = labelled.run("runs", "show", "r", "--by", "arm")
    assert done.returncode == 2 and "checkpoint" in done.stderr


def test_where_there_is_nothing_to_list_that_is_said(judge):
    assert "no runs in nowhere" in judge.run("runs", "list", "--runs-dir", "nowhere").stderr
    assert "no sets in nowhere" in judge.run("eval-sets", "list", "nowhere").stderr


def test_an_unknown_run_lists_those_there_are(labelled):
    done = labelled.run("runs", "show", "other")
    assert done.returncode == 2 and "one of r" in done.stderr


def test_runs_are_exported_and_nothing_is_written_over(labelled):
    for form in ("parquet", "jsonl", "csv", "hf"):
        done = labelled.run("runs", "export", "r", "--to", form, "--out", f"out.{form}")
        assert done.returncode == 0, done.stderr
    assert len(datasets.load_from_disk(str(labelled.folder / "out.hf"))) == 12
    again = labelled.run("runs", "export", "r", "--to", "csv", "--out", "out.csv")
    assert again.returncode == 2 and "--force" in again.stderr
    assert labelled.run("runs", "export", "r", "--to", "csv", "--out", "out.csv", "--force").returncode == 0


def test_doctor_tells_of_keys_without_showing_them(judge):
    done = judge.run_anew("doctor", "--json")
    found = json.loads(done.stdout)
    assert found["keys"] == {"OPENAI_API_KEY": "set", "ANTHROPIC_API_KEY": "set", "JUDGE_API_KEY": "not set"}
    assert judge.env["OPENAI_API_KEY"] not in done.stdout + done.stderr
    assert "openai" in found["versions"] and found["prompts"]["bundled"] == 5


def test_batch_files_carry_a_run_out_and_its_answers_back(judge, server):
    """Export; answer each line by sending its body as it is; import; label by replay, without a call."""
    import urllib.request

    where = ["data.jsonl", "--grader", GRADERS[0], "--model", "replay/openai/gpt-4.1-mini"]
    done = judge.run_anew("batch", "export", *where, "--out", "requests.jsonl")
    assert done.returncode == 0 and "4 requests" in done.stderr
    answers = []
    for line in (judge.folder / "requests.jsonl").read_text().splitlines():
        asked = json.loads(line)
        assert (asked["method"], asked["url"]) == ("POST", "/v1/chat/completions")
        headers = {
            "Authorization": f"Bearer {server.service.options.key}",
            "Content-Type": "application/json",
        }
        url = server.openai_url.removesuffix("/v1") + asked["url"]
        call = urllib.request.Request(url, json.dumps(asked["body"]).encode(), headers)
        with urllib.request.urlopen(call) as response:
            body = json.load(response)
        answers.append({"custom_id": asked["custom_id"], "response": {"status_code": 200, "body": body}})
    failed = {
        "custom_id": "0" * 64,
        "response": {"status_code": 500, "body": None},
        "error": {"message": "x"},
    }
    lines = [json.dumps(answer) for answer in [*answers, failed]]
    (judge.folder / "answers.jsonl").write_text("\n".join(lines) + "\n")
    done = judge.run("batch", "import", "answers.jsonl")
    assert done.returncode == 3 and "4 answers stored, 1 lines without one" in done.stderr
    asked_before = server.stats()["requests"]
    done = judge.label(model="replay/openai/gpt-4.1-mini", graders=GRADERS[:1])
    assert done.returncode == 0, done.stderr
    assert server.stats()["requests"] == asked_before
    assert len(judge.records()) == 4
    again = judge.run("batch", "export", *where, "--out", "rest.jsonl")
    assert "0 requests" in again.stderr


def test_replay_without_a_recording_is_a_failure_that_says_so(judge):
    done = judge.label(model="replay/openai/gpt-4.1-mini", graders=GRADERS[:1])
    assert done.returncode == 3
    assert {(r["kind"]) for r in judge.records()} == {"provider"} and "recorded" in judge.records()[0][
        "detail"
    ]


def test_a_file_that_is_no_answer_file_is_named_by_line(judge):
    (judge.folder / "x.jsonl").write_text('{"custom_id": "abc", "response": {}}\n')
    done = judge.run("batch", "import", "x.jsonl")
    assert done.returncode == 2 and "x.jsonl:1" in done.stderr


def test_hostile_text_does_not_drive_the_terminal(judge):
    line = {"id": "a", "messages": [{"role": "user", "text": "\x1b[31mred\x1b]0;title\x07 [bold]x[/bold]"}]}
    (judge.folder / "h.jsonl").write_text(json.dumps(line) + "\n")
    for done in (
        judge.run_anew("transcripts", "show", "h.jsonl"),
        judge.run("show", GRADERS[0], "--transcript", "h.jsonl"),
    ):
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout and "\x07" not in done.stdout
        assert "[bold]x[/bold]" in done.stdout


SHOW = ("show", GRADERS[0], "--transcript", "data.jsonl", "--json")


def shown(judge, *extra):
    done = judge.run(*SHOW, *extra)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("model", "extra"),
    [
        ("openai/gpt-4.1-mini", ("--set", "max_tokens=900", "--set", "top_p=0.5", "--order", "rubric-first")),
        ("openai/gpt-4.1-mini", ("--repeats", "2", "--window-tokens", "1000")),
        ("openai/o4-mini", ()),
        ("anthropic/claude-sonnet-5-5", ()),
        ("compatible/some-model", ()),
    ],
)
def test_show_prints_the_requests_of_a_run_under_their_keys(judge, server, model, extra):
    write(judge.folder / "data.jsonl", 1, 6000)
    judge.env["JUDGE_API_KEY"] = server.service.options.key
    url = server.anthropic_url if model.startswith("anthropic/") else server.openai_url
    done = judge.run(*judge.arguments(*extra, model=model, graders=GRADERS[:1], url=url))
    assert done.returncode == 0, done.stderr
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "JUDGE_API_KEY"):
        judge.env.pop(name)
    asked = [request["key"] for request in shown(judge, "--model", model, *extra)]
    assert (len(asked) > 1) == ("--window-tokens" in extra)
    assert set(asked) <= set(judge.records()[0]["request_keys"])


def test_show_prints_every_window_and_says_which(judge):
    write(judge.folder / "data.jsonl", 1, 6000)
    done = judge.run(*SHOW[:-1], "--window-tokens", "1000")
    count = done.stdout.count("⟦end of transcript")
    assert count > 1
    assert all(f"window {index} of {count}" in done.stderr for index in range(1, count + 1))


def test_show_prints_the_choices_of_the_method_logprob(judge):
    requests = shown(judge, "--method", "logprob", "--model", "local/smollm2-135m")
    assert len(requests) > 1 and len({request["key"] for request in requests}) == len(requests)
    assert all(request["choices"][:2] == ["A", "B"] and request["schema"] is None for request in requests)
    done = judge.run(*SHOW, "--method", "logprob", "--model", "anthropic/claude-sonnet-5-5")
    assert done.returncode == 2 and "no token probabilities" in done.stderr


def test_a_dry_run_counts_and_prices_the_requests_of_its_method(judge):
    (judge.folder / "judge.toml").write_text('[models."openai/gpt-4.1-mini"]\nlogprobs = true\n')
    generated = json.loads(judge.label("--dry-run", "--json").stdout)
    chosen = json.loads(judge.label("--dry-run", "--json", "--method", "logprob").stdout)
    assert generated["requests"] == 12 and generated["first_request"]["choices"] == []
    assert chosen["requests"] > 12 and chosen["first_request"]["choices"]
    assert chosen["output_tokens"] == chosen["requests"]  # one letter each
    assert generated["output_tokens"] > 100 * generated["requests"]


def test_a_dry_run_of_a_run_that_is_done_finds_every_answer(labelled):
    found = json.loads(labelled.label("--dry-run", "--json").stdout)
    assert (found["requests"], found["stored"], found["input_tokens"]) == (12, 12, 0)


@pytest.mark.parametrize(
    "extra",
    [
        ("--order", "rubric-first", "--window-tokens", "1000"),
        ("--sample", "3", "--seed", "5", "--repeats", "2", "--set", "max_tokens=900"),
        ("--skip-bad", "--format", "own", "--where", "checkpoint=late"),
    ],
)
def test_label_with_the_settings_of_an_export_asks_nothing_else(judge, extra):
    """The keys that are exported are those that a run asks for first: with them answered, nothing is left to export."""
    write(judge.folder / "data.jsonl", 6, 3000)
    if "--skip-bad" in extra:
        with (judge.folder / "data.jsonl").open("a") as file:
            file.write('{"id": "broken", "messages": [{"role": "alien", "text": "x"}]}\n')
    model = ["--model", "openai/gpt-4.1-mini", "--base-url", judge.url]
    export = ["batch", "export", "data.jsonl", "--grader", GRADERS[0], *model, *extra]
    done = judge.run(*export, "--out", "requests.jsonl")
    assert done.returncode == 0, done.stderr
    assert ("data.jsonl:7" in done.stderr) == ("--skip-bad" in extra)
    lines = (judge.folder / "requests.jsonl").read_text().splitlines()
    exported = {json.loads(line)["custom_id"] for line in lines}
    done = judge.label(*extra, graders=GRADERS[:1])
    assert done.returncode == 0, done.stderr
    bought = {key for record in judge.records() for key in record["request_keys"]}
    assert exported and exported <= bought
    assert (
        not [key for key in judge.run(*export, "--out", "rest.jsonl").stderr.split() if key == "left"]
        or extra
    )
    assert (judge.folder / "rest.jsonl").read_text() == ""


def test_an_export_for_a_compatible_server_takes_its_address(judge):
    export = ["batch", "export", "data.jsonl", "--grader", GRADERS[0], "--model", "compatible/m"]
    done = judge.run(*export, "--out", "requests.jsonl", "--base-url", judge.url)
    assert done.returncode == 0 and "4 requests" in done.stderr


HOSTILE = "[/red] \x1b[31m\x9b31m\u202e[bold]x"


def drives(text: str) -> bool:
    return any(character in text for character in "\x1b\x9b\u202e")


def test_hostile_metadata_does_not_break_or_drive_the_tables(judge):
    item = transcript(("user", "text", "Go."), ("assistant", "text", "Gone."), metadata={"arm": HOSTILE})
    (judge.folder / "data.jsonl").write_text(item.model_dump_json() + "\n")
    assert judge.label(graders=GRADERS[:1]).returncode == 0
    for extra in ((), ("--json",)):
        done = judge.run("runs", "show", "r", "--by", "arm", *extra)
        assert done.returncode == 0, done.stderr
        assert not drives(done.stdout) and "[/red]" in done.stdout and "[bold]x" in done.stdout
    assert json.loads(done.stdout)["counts"].keys() == {HOSTILE}


def test_hostile_words_in_skipped_records_do_not_drive_the_terminal(judge):
    with (judge.folder / "data.jsonl").open("a") as file:
        bad = {"id": HOSTILE, "messages": [{"role": HOSTILE, "channel": "text", "text": "x"}]}
        file.write(json.dumps(bad, ensure_ascii=False) + "\n")
        file.write('{"id": "b", "messages": [\x1b[31m\x9b]}\n')
    for extra in ((), ("--dry-run",), ("--json",)):
        done = judge.label("--skip-bad", *extra, graders=GRADERS[:1])
        assert done.returncode == 0, done.stderr
        assert not drives(done.stdout + done.stderr)
    done = judge.run("label", "data.jsonl", "--grader", GRADERS[0], "--model", HOSTILE, "--run", "r")
    assert done.returncode == 2 and not drives(done.stdout + done.stderr)


def test_hostile_words_in_a_note_do_not_drive_the_terminal(judge, capsys):
    options = Options(
        dataset=Dataset(str(judge.folder / "data.jsonl")),
        graders=GRADERS[:1],
        model="replay/openai/gpt-4.1-mini",
        run="r",
        runs_dir=judge.folder / "runs",
    )
    with progress.shown(quiet=False) as follow:

        def watch(labelling: Standing) -> None:
            # As if said later than now: a note is shown for some seconds, in which a slow run may not end.
            labelling.progress.note, labelling.progress.noted_at = HOSTILE, time.monotonic() + 3600
            follow(labelling)

        label(options, watch)
    told = capsys.readouterr().err
    assert "[/red] \\x1b[31m" in told and not drives(told)


def test_cost_foresees_a_bill_and_shows_what_a_run_has_cost(labelled):
    graders = [part for grader in GRADERS[:2] for part in ("--grader", grader)]
    done = labelled.run("cost", "data.jsonl", *graders, "--model", MODEL, "--json", "--runs-dir", "elsewhere")
    found = json.loads(done.stdout)
    assert found["requests"] > 0 and found["ways"]["naive"]["usd"]["total"] > 0
    assert found["ways"]["batch"]["usd"]["total"] == pytest.approx(found["ways"]["naive"]["usd"]["total"] / 2)
    shown = labelled.run("cost", "--run", "r", "--json")
    assert json.loads(shown.stdout) == labelled.manifest()["spending"]
    assert "naive order" in labelled.run_anew("cost", "--run", "r").stdout
    assert "no run" in labelled.run("cost", "--run", "nobody").stderr
    assert labelled.run("cost").returncode == 2
