"""``judge label --batch``, as a process, against batch endpoints on loopback. What it makes of every answer: test_batching."""

import asyncio
import json
import signal
import threading
import time

import pytest

from tests.cli.command import Command, write

OPENAI, ANTHROPIC = "openai/gpt-4.1-mini", "anthropic/claude-sonnet-5-5"
GRADER = "over_escalation"


class Batches(Command):
    """One model and one grader on four transcripts."""

    def __init__(self, folder, server, model=OPENAI):
        super().__init__(folder, server)
        self.model = model
        self.url = server.openai_url if model.startswith("openai") else server.anthropic_url
        self.env["JUDGE_BATCH_POLL"] = "0.1"
        write(folder / "data.jsonl", 4)

    def ask(self, *extra):
        return self.arguments(*extra, model=self.model, graders=[GRADER])

    def __call__(self, *extra):
        return self.run(*self.ask(*extra))


@pytest.fixture
def judge(tmp_path, server):
    return Batches(tmp_path, server)


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_exit_codes_say_how_it_stands(judge, server):
    server.desk.rules.polls = 1_000_000
    sent = judge("--batch", "--no-wait")
    assert sent.returncode == 5 and "batches are under way" in sent.stderr
    assert judge.manifest()["status"] == "waiting"
    shown = judge.run("batch", "list")
    assert shown.returncode == 0 and "batch_0" in shown.stdout and "sent" in shown.stdout
    (batch,) = json.loads(judge.run("batch", "list", "--json").stdout)
    assert (batch["run"], batch["requests"], batch["state"], batch["waiting"]) == ("r", 4, "sent", 4)
    arguments = ("--grader", GRADER, "--model", OPENAI, "--out", "x")
    assert judge.run("batch", "export", "data.jsonl", *arguments).returncode == 0
    assert (judge.folder / "x").read_bytes() == b"", "what is under way is not exported either"
    cancelled = judge("--cancel")
    assert cancelled.returncode == 0 and "cancelled" in cancelled.stderr
    assert judge("--batch", "--max-cost", "0").returncode == 4
    server.desk.rules.polls = 0
    done = judge("--batch", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "complete"


def test_a_batch_that_somebody_else_cancels_is_not_sent_again(judge, server):
    server.desk.rules.polls = 1_000_000
    process = judge.start(*judge.ask("--batch"))
    wait_for(lambda: server.desk.batches)
    server.desk.cancel("batch_0")
    _, err = process.communicate(timeout=300)
    assert process.returncode == 3 and "was cancelled" in err
    assert len(server.desk.batches) == 1 and len(judge.records()) == 2


def test_ctrl_c_leaves_the_batches_under_way(judge, server):
    server.desk.rules.polls = 1_000_000
    process = judge.start_anew(*judge.ask("--batch"))
    wait_for(lambda: any(batch.polls for batch in server.desk.batches.values()))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130 and "go on at the provider" in err
    server.desk.rules.polls = 0
    assert judge("--batch").returncode == 0
    assert len(server.desk.batches) == 1 and server.stats()["bought_again"] == 0


STEPS = ("before create", "after create", "after retrieve", "after content")


@pytest.mark.parametrize(
    ("model", "step"),
    [(OPENAI, "after upload"), *((model, step) for model in (OPENAI, ANTHROPIC) for step in STEPS)],
)
def test_killed_at_any_step_it_goes_on_and_buys_nothing_twice(tmp_path, server, model, step):
    judge = Batches(tmp_path, server, model)
    reached, over = threading.Event(), threading.Event()

    async def hold(now):
        if now == step and not over.is_set():
            reached.set()
            await asyncio.to_thread(over.wait)

    server.desk.hook = hold
    process = judge.start(*judge.ask("--batch"))
    assert reached.wait(120)
    process.kill()
    process.communicate()
    over.set()
    again = judge("--batch")
    assert again.returncode == 0, again.stderr
    assert len(judge.records()) == 4 and judge.manifest()["status"] == "complete"
    # What the provider has is found again, be it known by name or not.
    assert len(server.desk.batches) == 1, again.stderr
    assert (server.stats()["bought"], server.stats()["bought_again"]) == (4, 0)
