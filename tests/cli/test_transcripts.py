import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from judge.cli.transcripts import app
from judge.errors import JudgeError, TranscriptError, UsageError
from judge.formats import transcripts
from tests.formats.reading import FIXTURES, assistant, said, user, write

CHAT = str(FIXTURES / "openai_chat.jsonl")


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if isinstance(result.exception, JudgeError):
        raise result.exception
    return result


def test_show_prints_messages_with_ids_turns_roles_and_channels() -> None:
    result = run("show", CHAT)
    assert result.exit_code == 0
    assert "[M4] turn 2, assistant tool_call bash\nbash\ncommand: ls\npwd\ntimeout: 5\n" in result.stdout
    assert "checkpoint: 1200" in result.stdout
    assert "job-2" not in result.stdout


def test_show_says_on_stderr_what_it_took_the_file_for_and_why() -> None:
    result = run("show", CHAT)
    assert result.stderr == (
        "reading as openai_chat (jsonl: messages with role and content)\n"
        "there are more: --limit 0 shows all, --id one of them\n"
    )
    assert run("show", CHAT, "--format", "openai_chat", "--limit", "0").stderr == ""


def test_show_finds_one_by_its_id() -> None:
    result = run("show", CHAT, "--id", "job-2")
    assert result.stdout.startswith("job-2\n")
    assert "Is 7 prime?" in result.stdout
    with pytest.raises(UsageError, match="there is no transcript with the id 'job-3'"):
        run("show", CHAT, "--id", "job-3")


def test_the_folder_of_an_evaluation_set_is_read_as_label_reads_it(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    write(tmp_path / "set" / "transcripts.jsonl", said([user("hello")], id="t1"))
    assert "hello" in run("show", tmp_path / "set").stdout
    assert run("convert", tmp_path / "set", tmp_path / "x.jsonl").exit_code == 0
    assert [t.id for t in transcripts(str(tmp_path / "x.jsonl"))] == ["t1"]


def test_show_json_is_own_json_lines(tmp_path: Path) -> None:
    result = run("show", CHAT, "--json", "--limit", "0")
    (tmp_path / "x.jsonl").write_text(result.stdout)
    assert list(transcripts(str(tmp_path / "x.jsonl"))) == list(transcripts(CHAT))


def test_hostile_text_reaches_the_terminal_neither_as_markup_nor_as_control(tmp_path: Path) -> None:
    hostile = "[bold red]x[/] [link=http://a]y[/link] \x1b[2J\x1b]0;t\x07 \x9b31m \u202e \r gone"
    record = said(
        [user(hostile), assistant(tool_calls=[{"function": {"name": "\x1b[1m", "arguments": ""}}])],
        id=hostile,
    )
    source = write(tmp_path / "x.jsonl", {**record, "note": hostile})
    for flags in ([], ["--json"]):
        result = run("show", source, *flags)
        assert result.exit_code == 0
        assert not set(result.stdout + result.stderr) & set("\x1b\x07\x9b\u202e\r")
        assert "[bold red]x[/] [link=http://a]y[/link]" in result.stdout


def test_convert_writes_own_json_lines(tmp_path: Path) -> None:
    out = tmp_path / "own.jsonl"
    result = run("convert", CHAT, out)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"2 transcripts written to {out}" in result.stderr
    assert list(transcripts(str(out), "own")) == list(transcripts(CHAT))
    first = json.loads(out.read_text().splitlines()[0])
    assert set(first) == {"id", "messages", "metadata"}
    assert [path.name for path in tmp_path.iterdir()] == ["own.jsonl"]


def test_convert_does_not_overwrite_unless_forced(tmp_path: Path) -> None:
    out = tmp_path / "own.jsonl"
    out.write_text("precious")
    with pytest.raises(UsageError, match="the file is there already"):
        run("convert", CHAT, out)
    assert out.read_text() == "precious"
    run("convert", CHAT, out, "--force")
    assert len(list(transcripts(str(out)))) == 2


def test_convert_leaves_nothing_behind_when_a_record_is_bad(tmp_path: Path) -> None:
    source = write(tmp_path / "x.jsonl", said([user("a")], id="1"), said([], id="2"))
    with pytest.raises(TranscriptError, match="there is no message"):
        run("convert", source, tmp_path / "own.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]


def test_convert_skip_bad_counts_and_lists_what_it_left_out(tmp_path: Path) -> None:
    records = [
        said([user("a")], id="1"),
        said([], id="2"),
        said([{"role": "\x1b", "content": "x"}]),
        said([user("a")], id="1"),
    ]
    source = write(tmp_path / "x.jsonl", *records)
    result = run("convert", source, tmp_path / "own.jsonl", "--skip-bad")
    assert result.exit_code == 0
    assert "1 transcripts written" in result.stderr
    assert "3 records left out:" in result.stderr
    assert f"{source}:2: there is no message" in result.stderr
    assert f"{source}:3, message 1: unknown role" in result.stderr
    assert "the same id" in result.stderr
    assert "\x1b" not in result.stderr
    assert len((tmp_path / "own.jsonl").read_text().splitlines()) == 1


def test_convert_into_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such folder"):
        run("convert", CHAT, tmp_path / "no" / "own.jsonl")
