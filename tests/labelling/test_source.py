"""The file behind a run is found by its content."""

import json

import pytest

from judge.errors import UsageError
from judge.labelling.source import source_of
from judge.runs import Run
from tests.cli.command import write
from tests.cli.direct import Direct
from tests.loopback import Server


@pytest.fixture
def labelled(tmp_path, monkeypatch):
    write(tmp_path / "data.jsonl", 4)
    with Server() as server:
        judge = Direct(tmp_path, server)
        assert judge.label("--limit", "3", graders=["over_escalation"]).returncode == 0
    monkeypatch.chdir(tmp_path)
    return judge


def test_it_is_found_in_a_folder_below_and_among_files_of_its_name(labelled):
    folder = labelled.folder
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "data.jsonl").rename(folder / "a" / "b" / "data.jsonl")
    write(folder / "data.jsonl", 3, size=600)
    run = Run("r", folder / "runs")
    assert source_of(run, "--from") == "a/b/data.jsonl"
    done = labelled.run("select", "r", "--out", "queue.jsonl", "-n", "2", "--labels", "over_escalated")
    assert done.returncode == 0, done.stderr
    (folder / "a" / "b" / "data.jsonl").unlink()
    with pytest.raises(UsageError, match="other contents: data.jsonl") as raised:
        source_of(run, "--from")
    assert "say where they are: --from FILE" in str(raised.value)


def test_records_that_do_not_say_what_they_were_made_from_are_known_by_the_manifest(labelled):
    path = labelled.folder / "runs" / "r" / "records.jsonl"
    old = [json.loads(line) | {"transcript_sha256": ""} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(record) + "\n" for record in old))
    run = Run("r", labelled.folder / "runs")
    assert source_of(run, "--from") == "data.jsonl"
    write(labelled.folder / "data.jsonl", 4, size=600)
    with pytest.raises(UsageError, match="cannot find"):
        source_of(run, "--from")
