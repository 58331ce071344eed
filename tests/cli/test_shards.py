"""Shards of a run, and runs put together: the real command, as on machines that share nothing but the source."""

import json
import shutil
from pathlib import Path

import pytest

from judge.errors import UsageError
from judge.labelling.shard import Shard
from tests.cli.command import GRADERS, Command, write
from tests.loopback import Fault

COUNT = 20


@pytest.fixture
def judge(tmp_path, server):
    write(tmp_path / "data.jsonl", COUNT)
    return Command(tmp_path, server)


def machine(judge, server, name):
    """Another machine: a folder of its own, with a copy of the source."""
    folder = judge.folder / name
    folder.mkdir()
    shutil.copy(judge.folder / "data.jsonl", folder)
    return Command(folder, server)


def shards(judge, server, of, *extra):
    """Every shard labelled on a machine of its own: the folders of their runs."""
    folders = []
    for number in range(1, of + 1):
        elsewhere = machine(judge, server, f"machine-{number}")
        done = elsewhere.label("--shard", f"{number}/{of}", *extra)
        assert done.returncode == 0, done.stderr
        folders.append(elsewhere.folder / "runs" / f"r.{number}-of-{of}")
    return folders


def records_of(folder):
    return [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]


def test_every_transcript_is_in_one_shard_and_shards_are_alike_in_size():
    parts = [Shard(number, 8) for number in range(1, 9)]
    sizes = dict.fromkeys(parts, 0)
    for n in range(8000):
        (mine,) = (part for part in parts if part.holds(f"transcript-{n}"))
        sizes[mine] += 1
    assert 850 < min(sizes.values()) <= max(sizes.values()) < 1150


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/2", "1/2/3", ""])
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(UsageError, match="not a shard"):
        Shard.parse(text)


def test_a_job_array_that_counts_from_0_is_told_so(judge):
    done = judge.label("--shard", "0/4")
    assert done.returncode == 2 and "counts from 0" in done.stderr
    assert not (judge.folder / "runs").exists()


def test_merged_shards_are_the_run_that_was_not_sharded(judge, server):
    folders = shards(judge, server, 3)
    bought = server.stats()["bought"]
    assert server.stats()["bought_again"] == 0
    merged = judge.run_anew("runs", "merge", *folders, "--into", "all")
    assert merged.returncode == 0, merged.stderr
    assert judge.label().returncode == 0
    assert server.stats()["bought"] == bought, "answers came along with the merge"
    for name in ("records.jsonl", "records.parquet"):
        assert (judge.folder / "runs/all" / name).read_bytes() == (
            judge.folder / "runs/r" / name
        ).read_bytes()
    whole, plain = judge.manifest("all"), judge.manifest()
    for key in ("counts", "usage", "cost_usd", "graders", "sampling"):
        assert whole[key] == plain[key]
    assert whole["dataset"] == plain["dataset"], "down to the fingerprint"
    assert whole["status"] == "complete" and len(whole["merged"]) == 3
    spent = [json.loads((folder / "run.json").read_text())["spending"]["naive_usd"] for folder in folders]
    assert whole["spending"]["naive_usd"] == pytest.approx(sum(spent)) and min(spent) > 0


def test_a_shard_keeps_its_own_store_and_goes_on_where_it_was(judge, server):
    judge.label("--shard", "1/2")
    run = judge.folder / "runs/r.1-of-2"
    assert (run / "store.sqlite").exists() and not (judge.folder / "runs/store.sqlite").exists()
    bought, before = server.stats()["bought"], judge.records("r.1-of-2")
    assert 0 < len(before) < COUNT * len(GRADERS)
    assert judge.label("--shard", "1/2").returncode == 0
    assert server.stats()["bought"] == bought and judge.records("r.1-of-2") == before
    spent = json.loads(judge.run("cost", "--run", "r.1-of-2", "--json").stdout)
    assert spent == judge.manifest("r.1-of-2")["spending"]
    assert judge.run(*judge.arguments(run="r.1-of-2")).returncode == 2, (
        "without --shard it would be another run"
    )


def test_more_shards_than_transcripts_leave_some_empty_and_merge(judge, server):
    folders = shards(judge, server, 5, "--limit", "2")
    merged = judge.run("runs", "merge", *folders, "--into", "all")
    assert merged.returncode == 0, merged.stderr
    assert len(judge.records("all")) == 2 * len(GRADERS)


def test_a_missing_shard_is_reported_and_the_gap_is_filled_alone(judge, server):
    folders = shards(judge, server, 3)
    merged = judge.run("runs", "merge", folders[0], folders[2], "--into", "all")
    assert merged.returncode == 1
    assert "shards 2/3 are missing" in merged.stderr and "have no record" in merged.stderr
    assert judge.manifest("all")["status"] == "incomplete"
    bought = server.stats()["bought"]
    done = judge.run(*judge.arguments(run="all"))
    assert done.returncode == 0, done.stderr
    lacking = records_of(folders[1])
    assert len(judge.records("all")) == COUNT * len(GRADERS)
    asked = {key for record in lacking for key in record["request_keys"]}
    assert server.stats()["bought_again"] == len(asked), "and nothing but these"
    assert server.stats()["bought"] == bought + len(asked)
    again = judge.run("runs", "merge", *folders, "--into", "all")
    assert again.returncode == 0, again.stderr
    assert len(judge.records("all")) == COUNT * len(GRADERS)


def test_an_unfinished_shard_is_reported(judge, server):
    first = machine(judge, server, "first")
    first.label("--shard", "1/2")
    second = machine(judge, server, "second")
    second.label("--shard", "2/2")
    path = second.folder / "runs/r.2-of-2/run.json"
    path.write_text(path.read_text().replace('"complete"', '"interrupted"'))
    folders = [str(first.folder / "runs/r.1-of-2"), str(second.folder / "runs/r.2-of-2")]
    merged = judge.run("runs", "merge", *folders, "--into", "all", "--json")
    assert merged.returncode == 1
    assert json.loads(merged.stdout)["gaps"] == ["r.2-of-2 ended as 'interrupted'"]


def test_what_two_runs_hold_is_reported_and_kept_once(judge, server):
    judge.label("--limit", "12")
    judge.run(*judge.arguments("--limit", "8", run="other"))
    merged = judge.run("runs", "merge", "r", "other", "--into", "all", "--json")
    assert merged.returncode == 0, merged.stderr
    found = json.loads(merged.stdout)
    assert found["duplicates"] == [
        f"other: {8 * len(GRADERS)} records that a run before it has; the first ones stay"
    ]
    assert judge.records("all") == judge.records("r")
    assert found["spending"] == judge.manifest()["spending"]


def test_records_that_contradict_each_other_are_a_conflict(judge, server):
    judge.label("--limit", "3")
    text = (judge.folder / "data.jsonl").read_text().replace("Done with task 1.", "Not done with task 1.")
    (judge.folder / "data.jsonl").write_text(text)
    judge.run(*judge.arguments("--limit", "3", run="other"))
    merged = judge.run("runs", "merge", "r", "other", "--into", "all", "--json")
    assert merged.returncode == 1
    assert json.loads(merged.stdout)["conflicts"] == len(GRADERS)
    assert judge.records("all") == judge.records("r")


def test_a_providers_failure_gives_way_to_a_verdict(judge, server):
    server.script(Fault("400"))
    judge.label("--limit", "2")
    server.script()
    judge.run(*judge.arguments("--limit", "2", run="other"))
    merged = judge.run("runs", "merge", "r", "other", "--into", "all")
    assert merged.returncode == 1, "what differed is said all the same"
    assert {record["status"] for record in judge.records("all")} == {"ok"}


def test_graders_of_different_runs_stand_side_by_side(judge, server):
    for run, graders in (("a", GRADERS[:1]), ("b", GRADERS[1:])):
        judge.run(*judge.arguments("--limit", "3", graders=graders, run=run))
    assert judge.run("runs", "merge", "a", "b", "--into", "all").returncode == 0
    assert [(r["transcript_id"], r["grader"]) for r in judge.records("all")][:3] == [
        ("t0", g) for g in GRADERS
    ]
    partly = judge.run("runs", "merge", "a", "b", "--into", "all", "--json")
    assert json.loads(partly.stdout)["gaps"] == []


def test_runs_of_different_kinds_are_not_mixed(judge):
    judge.label("--limit", "2")
    judge.run(*judge.arguments("--limit", "2", model="openai/gpt-4.1", run="model"))
    judge.run(*judge.arguments("--limit", "2", "--set", "temperature=0.5", run="setting"))
    rubric = (Path(__file__).parents[2] / "prompts" / f"{GRADERS[0]}.jinja").read_text()
    (judge.folder / "prompts").mkdir()
    (judge.folder / "prompts" / f"{GRADERS[0]}.jinja").write_text(rubric + "\nBe careful.\n")
    judge.run(*judge.arguments("--limit", "2", run="rubric"))
    for other, word in (("model", "gpt-4.1"), ("setting", "temperature"), ("rubric", GRADERS[0])):
        done = judge.run("runs", "merge", "r", other, "--into", "all")
        assert done.returncode == 2 and word in done.stderr
        assert not (judge.folder / "runs/all/records.jsonl").exists()


@pytest.mark.parametrize(
    ("names", "word"),
    [(("r", "nobody"), "there is no run"), (("r", "r"), "named twice"), (("r", "all"), "there is no run")],
)
def test_what_cannot_be_merged_is_said(judge, names, word):
    judge.label("--limit", "1")
    done = judge.run("runs", "merge", *names, "--into", "all")
    assert done.returncode == 2 and word in done.stderr


def test_a_run_that_is_no_merge_is_not_written_over(judge):
    judge.label("--limit", "1")
    judge.run(*judge.arguments("--limit", "1", run="other"))
    before = judge.records("other")
    done = judge.run("runs", "merge", "r", "--into", "other")
    assert done.returncode == 2 and "no merge" in done.stderr
    assert judge.records("other") == before
