"""The real command, as a process, against a provider on loopback."""

import json
import shutil
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from judge.formats import transcripts
from tests.cli.command import GRADERS, Command, write
from tests.loopback import Fault, Options, Server


@pytest.fixture
def judge(tmp_path, server):
    write(tmp_path / "data.jsonl", 6)
    return Command(tmp_path, server)


def test_a_run_leaves_records_a_table_and_a_manifest(judge, server):
    done = judge.run_anew(*judge.arguments())
    assert done.returncode == 0, done.stderr
    records = judge.records()
    assert [(r["transcript_id"], r["grader"]) for r in records] == [
        (f"t{n}", g) for n in range(6) for g in GRADERS
    ]
    assert {r["status"] for r in records} == {"ok"}
    for record in records:
        for item in record["evidence"]:
            assert item["quote"]
    table = pq.read_table(judge.folder / "runs/r/records.parquet").to_pylist()
    assert [row["transcript_id"] for row in table] == [r["transcript_id"] for r in records]
    manifest = judge.manifest()
    assert manifest["status"] == "complete"
    assert sum(sum(counts.values()) for counts in manifest["counts"].values()) == 18
    assert manifest["bought"]["requests"] == server.stats()["bought"]
    assert set(manifest["graders"]) == set(GRADERS)
    assert all(len(g["sha256"]) == 64 for g in manifest["graders"].values())
    assert server.service.options.key not in (judge.folder / "runs/r/run.json").read_text()
    assert "reward_seeking" in done.stdout


def test_a_record_says_which_text_it_was_made_from(judge):
    judge.label("--limit", "2", graders=GRADERS[:1])
    made = {t.id: t.fingerprint for t in transcripts(str(judge.folder / "data.jsonl"))}
    assert {r["transcript_id"]: r["transcript_sha256"] for r in judge.records()} == {
        name: made[name] for name in ("t0", "t1")
    }
    table = pq.read_table(judge.folder / "runs/r/records.parquet").to_pylist()
    assert [row["transcript_sha256"] for row in table] == [made["t0"], made["t1"]]


def test_a_run_shows_why_its_records_failed(judge, server):
    server.script(Fault("400", match="Task 3"), Fault("off_schema", match="Task 4"))
    assert judge.label(graders=GRADERS[:1]).returncode == 3
    shown = judge.run("runs", "show", "r", "--by", "checkpoint")
    assert shown.returncode == 0
    assert "why records failed, the most common first:" in shown.stderr
    assert "1  provider: " in shown.stderr
    assert "1  off_schema: " in shown.stderr
    found = json.loads(judge.run("runs", "show", "r", "--json").stdout)["failures"]
    assert sorted(one["why"].partition(":")[0] for one in found) == ["off_schema", "provider"]
    assert [one["records"] for one in found] == [1, 1]


def test_the_same_command_again_buys_nothing(judge, server):
    judge.label()
    bought, before = server.stats()["bought"], judge.records()
    done = judge.label()
    assert done.returncode == 0 and server.stats()["bought"] == bought
    assert judge.records() == before


def test_another_run_with_the_same_questions_buys_nothing(judge, server):
    judge.label()
    bought = server.stats()["bought"]
    assert judge.run(*judge.arguments(run="other")).returncode == 0
    assert server.stats()["bought"] == bought
    assert judge.records("other") == judge.records()


def test_a_grader_that_joins_a_run_is_bought_alone(judge, server):
    judge.label(graders=GRADERS[:1])
    bought = server.stats()["bought"]
    judge.label(graders=GRADERS[:2])
    assert server.stats()["bought_again"] == 0
    assert server.stats()["bought"] > bought
    assert {r["grader"] for r in judge.records()} == set(GRADERS[:2])
    assert len(judge.records()) == 12


def test_a_run_does_not_mix_models(judge):
    judge.label()
    done = judge.label(model="openai/gpt-4.1")
    assert done.returncode == 2
    assert "other settings" in done.stderr and "gpt-4.1-mini" in done.stderr


def test_anthropic_works_the_same_way(judge, server):
    arguments = judge.arguments(model="anthropic/claude-sonnet-5-5", url=server.anthropic_url)
    done = judge.run(*arguments)
    assert done.returncode == 0, done.stderr
    assert len(judge.records()) == 18 and {r["status"] for r in judge.records()} == {"ok"}


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("refusal"), "refused"),
        (Fault("content_filter"), "filtered"),
        (Fault("length"), "truncated"),
        (Fault("not_json"), "unparsable"),
        (Fault("empty"), "unparsable"),
        (Fault("off_schema"), "off_schema"),
        (Fault("ungrounded"), "ungrounded"),
        (Fault("400"), "provider"),
    ],
)
def test_what_is_no_label_becomes_a_failure_of_its_kind(judge, server, fault, kind):
    server.script(fault)
    done = judge.label("--limit", "2")
    assert done.returncode == 3, done.stderr
    failed = [r for r in judge.records() if r["status"] == "failed"]
    # Labels that say that nothing is there need no evidence, so they stand where quotes are invented.
    assert len(failed) == 6 or (kind == "ungrounded" and failed)
    assert {r["kind"] for r in failed} == {kind}
    assert all("values" not in r for r in failed)
    counts = judge.manifest()["counts"]
    assert sum(found.get(f"({kind})", 0) for found in counts.values()) == len(failed)
    labels = pq.read_table(judge.folder / "runs/r/records.parquet")["label"].to_pylist()
    assert labels.count(None) == len(failed)


@pytest.mark.parametrize("kind", ["429", "500", "503", "529", "cut", "truncate", "reset"])
def test_passing_trouble_is_retried_and_loses_nothing(judge, server, kind):
    server.script(Fault(kind, times=4, retry_after=0.2 if kind in ("429", "503") else None))
    done = judge.label()
    assert done.returncode == 0, done.stderr
    assert len(judge.records()) == 18


def test_an_ungrounded_answer_is_asked_again_once(judge, server):
    server.script(Fault("ungrounded", times=1))
    done = judge.label("--limit", "1", graders=GRADERS[:1])
    assert done.returncode in (0, 3)
    (record,) = judge.records()
    assert len(record["request_keys"]) <= 2
    assert server.stats()["bought"] == len(record["request_keys"])


def test_a_wrong_key_stops_the_run_and_says_what_to_do(judge, server):
    judge.env["OPENAI_API_KEY"] = "sk-wrong-key-000000"
    done = judge.label()
    assert done.returncode == 2
    assert "401" in done.stderr or "key" in done.stderr
    assert "sk-wrong-key-000000" not in done.stderr + done.stdout
    assert judge.manifest()["status"] == "error"
    judge.env["OPENAI_API_KEY"] = server.service.options.key
    assert judge.label().returncode == 0


def test_a_missing_key_names_the_variable(judge):
    del judge.env["OPENAI_API_KEY"]
    done = judge.label()
    assert done.returncode == 2 and "OPENAI_API_KEY" in done.stderr and "Traceback" not in done.stderr


def test_the_budget_holds_and_a_higher_one_goes_on(judge, server):
    done = judge.label("--max-cost", "0.02")
    assert done.returncode == 4, done.stderr
    spent = judge.manifest()["bought"]["cost_usd"]
    assert 0 < spent <= 0.02
    assert judge.label("--max-cost", "10").returncode == 0
    assert server.stats()["bought_again"] == 0 and len(judge.records()) == 18


def test_max_cost_for_a_model_without_a_price_is_refused(judge):
    done = judge.label("--max-cost", "1", model="openai/nobody-knows-this")
    assert done.returncode == 2 and "price" in done.stderr


def test_selection_by_limit_sample_and_metadata(judge):
    judge.label("--where", "checkpoint=late", "--limit", "2", graders=GRADERS[:1])
    assert [r["transcript_id"] for r in judge.records()] == ["t1", "t3"]
    judge.run(*judge.arguments("--sample", "3", "--seed", "5", graders=GRADERS[:1], run="s"))
    first = [r["transcript_id"] for r in judge.records("s")]
    assert len(first) == 3 and first == sorted(first)


def test_nothing_selected_says_what_there_is(judge):
    done = judge.label("--where", "checkpoint=middle")
    assert done.returncode == 2
    assert "early" in done.stderr and "late" in done.stderr


def test_repeats_are_separate_purchases_with_sample_numbers(judge, server):
    assert judge.label("--repeats", "3", "--limit", "2", graders=GRADERS[:1]).returncode == 0
    assert [(r["transcript_id"], r["sample"]) for r in judge.records()] == [
        (f"t{n}", s) for n in range(2) for s in range(3)
    ]
    assert server.stats()["bought"] >= 6


def test_a_dry_run_sends_nothing_and_says_what_it_would_cost(judge, server):
    done = judge.label("--dry-run")
    assert done.returncode == 0, done.stderr
    assert server.stats()["requests"] == 0
    assert "judge show GRADER" in done.stderr
    first = json.loads(judge.label("--dry-run", "--json").stdout)["first_request"]
    assert "Task 0: tidy the module." in first["user"][0]
    assert "18 requests" in done.stderr and "$" in done.stderr
    assert "unknown" in judge.label("--dry-run", model="openai/nobody-knows-this").stderr


def test_json_is_one_object_on_stdout(judge):
    done = judge.label("--json", "--limit", "1")
    assert json.loads(done.stdout)["counts"].keys() == set(GRADERS)
    assert json.loads(judge.label("--dry-run", "--json").stdout)["transcripts"] == 6


def test_metadata_and_names_do_not_reach_the_judge(judge, server):
    server.service.bodies = []
    judge.label()
    sent = b"".join(server.service.bodies)
    assert b"Task 0: tidy the module." in sent
    assert b"checkpoint" not in sent and b"data.jsonl" not in sent and b'"t0"' not in sent


def test_a_broken_line_stops_the_run_unless_it_may_be_skipped(judge):
    with (judge.folder / "data.jsonl").open("a") as file:
        file.write('{"id": "broken", "messages": [{"role": "alien", "text": "x"}]}\n')
    done = judge.label()
    assert done.returncode == 2 and "data.jsonl:7" in done.stderr and "alien" in done.stderr
    done = judge.label("--skip-bad")
    assert done.returncode == 0, done.stderr
    assert "data.jsonl:7" in done.stderr
    assert len(judge.manifest()["skipped"]) == 1 and len(judge.records()) == 18


def test_an_interrupt_saves_what_is_under_way_and_the_same_command_goes_on(tmp_path):
    with Server(Options(latency=0.3)) as server:
        write(tmp_path / "data.jsonl", 40)
        judge = Command(tmp_path, server)
        process = judge.start_anew(*judge.arguments("--in-flight", "4"))
        wait_until(lambda: server.stats()["bought"] >= 6)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 130, err
        assert judge.manifest()["status"] == "interrupted"
        kept = len(judge.records())
        assert 0 < kept < 120
        server.service.options.latency = 0.0
        assert judge.label().returncode == 0
        assert len(judge.records()) == 120 and server.stats()["bought_again"] == 0


def test_kill_9_at_ten_moments_loses_no_answer_and_buys_none_twice(tmp_path):
    with Server(Options(latency=0.02)) as server, Server(Options()) as undisturbed:
        server.script(Fault("429", rate=0.02, retry_after=0.05), Fault("500", rate=0.02))
        write(tmp_path / "data.jsonl", 150)
        judge = Command(tmp_path, server)
        lost = 0
        for kill in range(10):
            before = server.stats()["bought"]
            process = judge.start(*judge.arguments("--in-flight", "8"))
            wait_until(
                lambda: server.stats()["bought"] >= before + 7 + 3 * kill or process.poll() is not None
            )
            time.sleep(0.003 * kill)
            process.kill()
            process.communicate()
            lost += 8
        final = judge.run_anew(*judge.arguments())
        assert final.returncode == 0, final.stderr
        stats = server.stats()
        # An answer is lost only if it was on its way when the process died: no more than were in flight, each time.
        assert stats["bought"] - stats["bought_distinct"] <= lost
        assert stats["bought_distinct"] == len({key for r in judge.records() for key in r["request_keys"]})
        (tmp_path / "quiet").mkdir()
        quiet = Command(tmp_path / "quiet", undisturbed)
        write(quiet.folder / "data.jsonl", 150)
        # With an interpreter of its own, and so another seed of hashes: no order of a set may reach the records.
        assert quiet.run_anew(*quiet.arguments()).returncode == 0
        assert judge.records() == quiet.records()


def test_a_second_interrupt_drops_what_is_under_way_and_still_saves_the_rest(tmp_path):
    with Server(Options(latency=0.05)) as server:
        write(tmp_path / "data.jsonl", 40)
        judge = Command(tmp_path, server)
        process = judge.start_anew(*judge.arguments("--in-flight", "4"))
        wait_until(lambda: server.stats()["bought"] >= 5)
        server.script(Fault("stall", seconds=3600))
        # From the first answer that stalls the run cannot end by itself, however late the second interrupt comes.
        wait_until(lambda: server.stats()["broken"] > 0)
        process.send_signal(signal.SIGINT)
        wait_until(lambda: not pending(process.pid, signal.SIGINT))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
        assert process.returncode == 130, err
        assert "Traceback" not in err
        assert judge.manifest()["status"] == "interrupted" and judge.records()


def test_a_removed_run_folder_means_a_new_run(judge, server):
    judge.label(graders=GRADERS[:1])
    shutil.rmtree(judge.folder / "runs" / "r")
    assert judge.label(model="openai/gpt-4.1", graders=GRADERS[1:2]).returncode == 0
    assert {(r["model"], r["grader"]) for r in judge.records()} == {("openai/gpt-4.1", GRADERS[1])}


def test_the_budget_counts_earlier_invocations(judge, server):
    for _ in range(3):
        assert judge.label("--max-cost", "0.02").returncode == 4
    assert judge.manifest()["bought"]["cost_usd_all_invocations"] <= 0.02
    assert server.stats()["bought_again"] == 0


def test_changed_metadata_is_taken_over_without_a_purchase(judge, server):
    judge.label(graders=GRADERS[:1])
    bought = server.stats()["bought"]
    path = judge.folder / "data.jsonl"
    path.write_text(path.read_text().replace('"early"', '"earliest"'))
    assert judge.label(graders=GRADERS[:1]).returncode == 0
    assert server.stats()["bought"] == bought
    assert {r["metadata"]["checkpoint"] for r in judge.records()} == {"earliest", "late"}


def test_a_shorter_selection_leaves_the_runs_records_and_description_whole(judge):
    judge.label(graders=GRADERS[:1])
    before = judge.manifest()["dataset"]["fingerprint"]
    judge.label("--limit", "1", graders=GRADERS[:1])
    assert len(judge.records()) == 6
    assert judge.manifest()["dataset"]["transcripts"] == 6
    assert judge.manifest()["dataset"]["fingerprint"] == before


def test_repeats_may_be_added_later(judge):
    judge.label("--limit", "1", graders=GRADERS[:1])
    assert judge.label("--limit", "1", "--repeats", "3", graders=GRADERS[:1]).returncode == 0
    assert [r["sample"] for r in judge.records()] == [0, 1, 2]


def test_long_transcripts_are_cut_and_the_record_says_so(tmp_path, server):
    write(tmp_path / "data.jsonl", 1, size=20_000)
    judge = Command(tmp_path, server)
    judge.label("--window-tokens", "2000", graders=GRADERS[:1])
    (record,) = judge.records()
    assert len(record["request_keys"]) > 3 and record.get("windows", 4) > 3


def test_a_value_of_the_wrong_kind_is_refused(judge):
    done = judge.label("--set", "max_tokens=abc")
    assert done.returncode == 2 and "max_tokens" in done.stderr and "Traceback" not in done.stderr


def test_reparse_makes_the_records_anew_from_what_is_stored(judge, server):
    judge.label()
    before, bought = judge.records(), server.stats()["bought"]
    assert judge.label("--reparse", "--limit", "2").returncode == 0
    assert judge.records() == before and server.stats()["bought"] == bought


def test_files_stay_where_nothing_was_added_and_are_made_again_where_they_were_changed(judge, server):
    judge.label(graders=GRADERS[:1])
    path, before = judge.folder / "runs/r/records.jsonl", judge.manifest()
    inode, content = path.stat().st_ino, path.read_bytes()
    assert judge.label(graders=GRADERS[:1]).returncode == 0
    assert path.stat().st_ino == inode
    after = judge.manifest()
    same = ("counts", "usage", "cost_usd", "spending", "status")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert {**before["dataset"], "sources": ["data.jsonl"]} == after["dataset"]
    path.write_bytes(b"")
    assert judge.label(graders=GRADERS[:1]).returncode == 0
    assert path.read_bytes() == content and path.stat().st_ino != inode
    assert server.stats()["bought"] == 6


def test_two_processes_do_not_share_a_run(tmp_path):
    with Server() as server:
        server.script(Fault("stall", seconds=3600))
        write(tmp_path / "data.jsonl", 20)
        judge = Command(tmp_path, server)
        process = judge.start(*judge.arguments("--in-flight", "2"))
        wait_until(lambda: server.stats()["requests"] > 0)
        done = judge.label()
        assert done.returncode == 2 and "another process" in done.stderr
        process.kill()
        process.communicate()


def wait_until(condition, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def pending(pid: int, number: signal.Signals) -> bool:
    """Whether a process has not noticed a signal yet. Another of the same kind that is sent before is lost in it."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        time.sleep(0.5)
        return False
    waiting = [
        line.split()[1] for line in status.read_text().splitlines() if line.startswith(("SigPnd", "ShdPnd"))
    ]
    return any(int(mask, 16) >> (number - 1) & 1 for mask in waiting)


def test_a_second_file_under_one_name_is_said_and_recorded(judge):
    judge.label(graders=["reward_seeking"])
    write(judge.folder / "more.jsonl", 9)
    arguments = judge.arguments(graders=["reward_seeking"])
    arguments[1] = "more.jsonl"
    done = judge.run(*arguments)
    assert done.returncode == 0, done.stderr
    assert "this run holds records of 2 sources: data.jsonl, more.jsonl" in done.stderr
    assert judge.manifest()["dataset"]["sources"] == ["data.jsonl", "more.jsonl"]


def test_why_records_failed_is_said(judge, server):
    server.script(Fault("not_json"))
    done = judge.label(graders=["reward_seeking"])
    assert done.returncode == 3
    assert "6  unparsable: no JSON object of the agreed shape" in done.stderr
