"""Runs by batch, in this process, with the real SDKs against batch endpoints on loopback."""

import asyncio

import pytest

from judge.errors import ProviderMisconfigured, UsageError
from judge.labelling.batching.collecting import collect
from judge.labelling.batching.packing import Packer
from judge.labelling.dataset import Dataset
from judge.labelling.job import Batch, Options, label
from judge.providers.batches import Limits, Sent, Undecided, batch_endpoint
from judge.request import Block, Request
from judge.store import CompletionRow, Store
from tests.cli.command import write
from tests.loopback import Fault
from tests.providers.samples import connected, settings

OPENAI, ANTHROPIC = "openai/gpt-4.1-mini", "anthropic/claude-sonnet-5-5"
GRADERS = ("reward_seeking", "over_escalation")
SEND, WAIT, CANCEL, LIVE = Batch(wait=False), Batch(), Batch(cancel=True), None
NEVER = 1_000_000
"""Looks after which a batch ends."""

both = pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])


class Job:
    """Two graders on four transcripts, in a folder of its own."""

    def __init__(self, folder, server, model=OPENAI):
        folder.mkdir(exist_ok=True)
        self.folder, self.server, self.model = folder, server, model
        self.said: list[str] = []
        write(folder / "data.jsonl", 4)

    def __call__(self, batch, run="r", limit=None, **options):
        """Label; returns the status in the manifest."""
        connection = options.pop("settings", settings(self.server, self.model, batch_poll=0.05))
        asked = Options(
            dataset=Dataset(str(self.folder / "data.jsonl"), limit=limit),
            graders=GRADERS,
            model=self.model,
            run=run,
            runs_dir=self.folder / "runs",
            batch=batch,
            settings=connection,
            say=self.said.append,
            **options,
        )
        self.result = label(asked)
        return self.result.manifest.status

    @property
    def records(self):
        return list(self.result.run.records())

    @property
    def bytes(self):
        return self.result.run.records_path.read_bytes()

    @property
    def words(self):
        return "\n".join(self.said)

    @property
    def sizes(self):
        return [len(batch.lines) for batch in self.server.desk.batches.values()]

    @property
    def bought(self):
        stats = self.server.stats()
        return stats["bought"], stats["bought_again"]


@pytest.fixture
def job(tmp_path, server):
    return Job(tmp_path, server)


@both
def test_records_are_those_of_live_calls_and_cost_half(tmp_path, server, model):
    live, batch = Job(tmp_path / "live", server, model), Job(tmp_path / "batch", server, model)
    assert (live(LIVE), batch(WAIT)) == ("complete", "complete")
    assert batch.bytes == live.bytes
    assert len(batch.records) == 8
    mine, theirs = batch.result.manifest.bought, live.result.manifest.bought
    assert mine["requests"] == theirs["requests"] == 8
    assert mine["from_store"] == 0
    assert mine["usage"] == theirs["usage"]
    assert mine["cost_usd"] == pytest.approx(theirs["cost_usd"] / 2)


@both
def test_a_run_begun_live_is_finished_by_batch(tmp_path, server, model):
    job = Job(tmp_path, server, model)
    assert job(LIVE, limit=2) == "complete"
    assert job(WAIT) == "complete"
    assert job.sizes == [4] and len(job.records) == 8 and job.bought == (8, 0)


@both
def test_a_run_begun_by_batch_is_finished_live(tmp_path, server, model):
    job = Job(tmp_path, server, model)
    server.desk.rules.polls = NEVER
    assert job(SEND, limit=2) == "waiting"
    assert job(LIVE) == "waiting", "what is in the batch is not bought, the rest is"
    assert job.bought == (4, 0) and len(job.records) == 4
    server.desk.rules.polls = 0
    assert job(LIVE) == "complete", "a live run reads what has ended"
    assert job.bought == (8, 0)
    assert [r.transcript_id for r in job.records] == [f"t{n}" for n in range(4) for _ in GRADERS]


def test_no_other_run_buys_what_a_batch_has(job, server):
    server.desk.rules.polls = NEVER
    assert job(SEND) == "waiting"
    assert job(LIVE, run="other") == "waiting"
    assert job(SEND, run="third") in ("complete", "waiting") and len(job.records) == 0
    assert job.bought == (0, 0) and job.sizes == [8]
    server.desk.rules.polls = 0
    assert job(WAIT) == "complete"
    mine = job.bytes
    assert job(LIVE, run="other") == "complete"
    assert job.bytes == mine and job.bought == (8, 0)


@both
def test_what_expires_is_sent_again_and_what_is_refused_for_good_is_a_failure(tmp_path, server, model):
    job = Job(tmp_path, server, model)
    bad, refused = Fault("400", match="Task 3: tidy"), Fault("refusal", match="Task 2: tidy")
    server.script(Fault("expired", times=2), Fault("500", times=1), bad, refused)
    assert job(WAIT) == "complete"
    kinds = {r.transcript_id: getattr(r, "kind", r.status) for r in job.records}
    assert kinds == {"t0": "ok", "t1": "ok", "t2": "refused", "t3": "provider"}
    assert job.sizes == [8, 3], "three were not reached, and go out once more; the rejected ones do not"
    assert job.bought[1] == 0
    server.script()
    assert job(WAIT) == "complete"
    assert {r.kind for r in job.records if r.status == "failed"} == {"refused"}, "that was an answer"


def test_a_filtered_prompt_is_an_answer(job, server):
    server.script(Fault("blocked", match="Task 3: tidy"))
    assert job(WAIT) == "complete" and job.sizes == [8]
    assert [r.kind for r in job.records if r.status == "failed"] == ["filtered"] * 2


def test_what_never_gets_its_turn_is_given_up_in_the_end(job, server):
    server.script(Fault("expired", match="Task 3: tidy"))
    assert job(WAIT) == "complete" and job.sizes == [8, 2, 2]
    failed = [r for r in job.records if r.status == "failed"]
    assert [r.kind for r in failed] == ["provider"] * 2 and "sent 3 times" in failed[0].detail


def test_an_answer_that_does_not_stand_is_asked_for_again_in_a_second_batch(job, server):
    server.script(Fault("off_schema", times=3))
    assert job(WAIT) == "complete" and job.sizes == [8, 3]
    assert sorted(len(r.request_keys) for r in job.records) == [1, 1, 1, 1, 1, 2, 2, 2]


def test_without_waiting_each_call_takes_the_run_one_step_further(job, server):
    server.script(Fault("off_schema", times=3))
    server.desk.rules.polls = 0
    steps = []
    while (status := job(SEND)) == "waiting":
        steps.append((job.sizes, len(job.records)))
    assert status == "complete"
    assert steps == [([8], 0), ([8, 3], 5)], "no record is made while its second question is under way"
    assert len(job.records) == 8


@both
def test_cancelling_keeps_what_was_answered_and_frees_the_rest(tmp_path, server, model):
    job = Job(tmp_path, server, model)
    server.desk.rules.polls = NEVER
    job(SEND)
    assert job(CANCEL) == "cancelled"
    assert job.bought == (4, 0) and len(job.records) == 4
    assert job(LIVE) == "complete" and job.bought == (8, 0)


def test_cancelling_what_is_not_there_is_no_error(job, server):
    assert job(CANCEL) == "cancelled" and not server.desk.batches
    assert job(WAIT) == "complete"


def test_a_full_queue_is_waited_for(job, server):
    server.desk.rules.queue_tokens = 15_000  # four requests of about 3,700 tokens
    assert job(WAIT) == "complete"
    assert "Enqueued token limit" in job.words
    assert max(len(b.lines) for b in server.desk.batches.values() if b.state == "completed") <= 4
    assert job.bought == (8, 0)


def test_one_request_that_is_more_than_the_queue_holds_is_an_error_and_no_endless_loop(job, server):
    server.desk.rules.queue_tokens = 10
    with pytest.raises(ProviderMisconfigured, match="one request is more"):
        job(WAIT)


def test_a_batch_that_the_provider_takes_nothing_of_stops_the_run_and_says_why(job, server):
    server.desk.rules.requests = 2
    with pytest.raises(ProviderMisconfigured, match=r"too many requests \(too_many_tasks\)"):
        job(WAIT)
    server.desk.rules.requests = None
    assert job(WAIT) == "complete" and job.bought == (8, 0)


@both
def test_a_wrong_key_leaves_nothing_behind(tmp_path, server, model):
    job = Job(tmp_path, server, model)
    wrong = settings(server, model, openai_api_key="sk-wrong-0000000", anthropic_api_key="sk-wrong-0000000")
    with pytest.raises(ProviderMisconfigured) as caught:
        job(WAIT, settings=wrong)
    assert "check the key" in str(caught.value) and "sk-wrong" not in str(caught.value)
    assert job(WAIT) == "complete"


def test_an_unknown_model_stops_the_run_though_each_request_says_so_alone(tmp_path, server):
    job = Job(tmp_path, server, ANTHROPIC)
    server.script(Fault("404"))
    with pytest.raises(ProviderMisconfigured, match="check the model's name"):
        job(WAIT)


def test_a_batch_that_the_provider_does_not_know_can_be_given_up(job, server):
    server.desk.rules.polls = NEVER
    job(SEND)
    server.desk.batches.clear()
    with pytest.raises(ProviderMisconfigured) as caught:
        job(WAIT)
    assert "knows no batch batch_0" in str(caught.value) and "--cancel" in str(caught.value)
    assert job(CANCEL) == "cancelled"
    server.desk.rules.polls = 0
    assert job(WAIT) == "complete" and job.bought == (8, 0)


@both
def test_a_batch_whose_results_are_gone_can_be_given_up(tmp_path, server, model):
    job = Job(tmp_path, server, model)
    server.script(Fault("404", step="content"))
    with pytest.raises(ProviderMisconfigured) as caught:
        job(WAIT)
    assert "has no results of batch" in str(caught.value) and "--cancel" in str(caught.value)
    assert job(CANCEL) == "cancelled" and "requests are free again" in job.words
    server.script()
    assert job(WAIT) == "complete" and len(job.records) == 8


@pytest.mark.parametrize("step", ["create", "retrieve", "content"])
@both
def test_a_connection_that_breaks_at_any_step_makes_nothing_twice(tmp_path, server, model, step):
    job = Job(tmp_path, server, model)
    broken: list[str] = []

    async def lose(now):
        if now == f"after {step}" and not broken:
            broken.append(now)
            raise ConnectionError  # the server drops the connection without a word

    server.desk.hook = lose
    assert job(WAIT) == "complete" and broken
    assert job.sizes == [8] and job.bought == (8, 0)
    assert (step != "create") or "found at the provider" in job.words


def test_a_provider_that_stays_away_ends_the_run_and_the_next_one_goes_on(job, server):
    async def away(now):
        raise ConnectionError

    async def back(now):
        return

    server.desk.hook = away
    assert job(WAIT, patience=0.2) == "provider"
    server.desk.hook = back
    assert job(WAIT) == "complete" and job.sizes == [8]


def test_requests_that_a_killed_process_had_set_aside_are_free(job, server):
    with Store(job.folder / "runs" / "store.sqlite") as store:
        assert job(SEND) == "waiting"
    with Store(job.folder / "runs" / "store.sqlite") as store:
        number = store.batches.begin("r", OPENAI)
        store.batches.claim(number, ["f" * 64])
    assert job(WAIT) == "complete"
    with Store(job.folder / "runs" / "store.sqlite") as store:
        assert store.batches.holder("f" * 64) is None


def test_results_that_a_killed_process_had_half_read_are_read_again(job, server):
    server.desk.rules.polls = 0
    assert job(SEND) == "waiting"

    async def half():
        async with connected(server, OPENAI) as provider:
            endpoint = batch_endpoint(provider)
            with Store(job.folder / "runs" / "store.sqlite") as store:
                (batch,) = store.batches.unfinished("r")
                await endpoint.look(batch.remote_id)
                found = await collect(
                    endpoint, store, batch
                )  # stored, and killed before the batch was closed
                assert found.purchases.sent == 8 and store.batches.claimed(batch.number) == 0
            await endpoint.close()

    asyncio.run(half())
    assert job(WAIT) == "complete" and job.sizes == [8] and len(job.records) == 8
    assert job.result.manifest.bought["cost_usd_all_invocations"] > 0


def test_the_budget_holds_over_batches(job, server):
    assert job(WAIT, max_cost=0.0) == "budget" and not server.desk.batches
    assert job(WAIT, max_cost=0.02) in ("complete", "budget")
    assert job.sizes[0] < 8
    assert 0 < job.result.manifest.bought["cost_usd_all_invocations"] <= 0.02
    assert job(WAIT, max_cost=5.0) == "complete" and job.bought == (8, 0)


def test_a_live_run_reckons_with_what_its_batches_may_cost(job, server):
    server.desk.rules.polls = NEVER
    assert job(SEND, limit=3, max_cost=1.0) == "waiting"
    with Store(job.folder / "runs" / "store.sqlite") as store:
        reserved = store.batches.reserved("r")
    assert reserved > 0
    assert job(LIVE, max_cost=reserved) == "budget" and job.bought == (0, 0)


def test_a_model_without_a_batch_endpoint_is_said_to_have_none(tmp_path, server):
    with pytest.raises(UsageError, match="has no batch endpoint"):
        Job(tmp_path, server, "compatible/m")(WAIT)


def test_a_compatible_server_with_openais_endpoint_can_be_used(tmp_path, server, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "judge.toml").write_text('[models."compatible/m"]\nbatch = true\n')
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    job = Job(tmp_path, server, "compatible/m")
    assert job(WAIT) == "complete" and job.bought == (8, 0)
    assert "org-secret" not in str(server.service.last_headers), (
        "OpenAI's account is no other server's business"
    )


def test_probabilities_come_by_batch_too(job):
    assert job(WAIT, method="logprob") == "complete"
    assert all(r.distribution for r in job.records) and job.bought[0] == 24


# --- packing ---


def wanted(count, size=1000):
    for n in range(count):
        blocks = (Block(f"{n} " + "x" * size, breakpoint=True), Block("rubric"))
        yield Request(OPENAI, "system", blocks, cache_group="g")


def pack(tmp_path, server, requests, limits, affordable=lambda _: True, known=()):
    async def main():
        packed = []
        async with connected(server, OPENAI) as provider:
            endpoint = batch_endpoint(provider)
            with Store(tmp_path / "s.sqlite") as store:
                store.write(CompletionRow(key, OPENAI, "openai_chat", b"{}") for key in known)
                packer = Packer(requests, endpoint, store, tmp_path, "r", affordable)
                while (one := await packer.next(limits)) is not None:
                    packed.append((one.requests, one.size, one.lines.read()))
                    one.lines.close()
                    store.batches.sending(one.number, requests=one.requests, reserved=one.reserved, now=0)
            await endpoint.close()
            return packed, packer

    return asyncio.run(main())


def test_batches_are_cut_by_count_and_by_bytes(tmp_path, server):
    packed, _ = pack(tmp_path, server, wanted(10), Limits(4, 10**9))
    assert [requests for requests, _, _ in packed] == [4, 4, 2]
    packed, _ = pack(tmp_path / "b", server, wanted(10), Limits(1000, 5000))
    assert all(size == len(lines) <= 5000 for _, size, lines in packed)
    assert sum(requests for requests, _, _ in packed) == 10 and len(packed) > 2


def test_no_request_is_in_two_batches_nor_in_one_where_it_is_answered(tmp_path, server):
    twice = [item for item in wanted(300) for _ in range(2)]
    known = [twice[0].key]
    packed, _ = pack(tmp_path, server, iter([*twice, *twice]), Limits(170, 10**9), known=known)
    lines = b"".join(text for _, _, text in packed).splitlines()
    assert len(lines) == len(set(lines)) == 299 == sum(requests for requests, _, _ in packed)


def test_a_request_that_fits_into_no_batch_is_left_out_with_a_reason(tmp_path, server, monkeypatch):
    from judge.providers.batches.openai import OpenAIBatches

    monkeypatch.setattr(OpenAIBatches, "limits", Limits(10, 3000))
    mixed = [*wanted(2), *wanted(3, size=4000), *wanted(5)]
    packed, packer = pack(tmp_path, server, iter(mixed), Limits(10, 3000))
    assert sum(requests for requests, _, _ in packed) == 5
    assert len(packer.too_large) == 3 and "a batch takes 3,000" in next(iter(packer.too_large.values()))


def test_no_batch_is_larger_than_the_money_allows(tmp_path, server):
    def affordable(most):
        return most < 0.02

    packed, packer = pack(tmp_path, server, wanted(10), Limits(1000, 10**9), affordable)
    assert len(packed) > 1 and sum(requests for requests, _, _ in packed) == 10 and not packer.spent
    none, packer = pack(tmp_path / "b", server, wanted(10), Limits(1000, 10**9), lambda _: False)
    assert none == [] and packer.spent


# --- finding a batch again ---


class Ours:
    def __init__(self, keys=(), known=()):
        self.keys, self.accounted = set(keys), set(known)

    def known(self, remote_ids):
        return self.accounted & remote_ids

    def holds(self, key):
        return key in self.keys


def line_file(tmp_path, endpoint, name):
    path = tmp_path / name
    request = Request(endpoint.model, "system", (Block(f"hello {name}"),))
    path.write_bytes(endpoint.line(request))
    return path, request.key


@both
def test_among_batches_that_look_alike_ours_is_found(tmp_path, server, model):
    import time

    async def main():
        async with connected(server, model) as provider:
            endpoint = batch_endpoint(provider)
            sent, keys = [], []
            for name in "abc":
                path, key = line_file(tmp_path, endpoint, name)
                with path.open("rb") as lines:
                    sent.append((await endpoint.create(lines, Sent(name, 1, time.time())), name))
                keys.append(key)
            now = time.time()
            if model == ANTHROPIC:  # the results tell, so not before they are there
                server.desk.rules.polls = NEVER
                with pytest.raises(Undecided, match=sent[1][0]):
                    await endpoint.find(Sent("b", 1, now), Ours([keys[1]]))
                server.desk.rules.polls = 0
            assert await endpoint.find(Sent("b", 1, now), Ours([keys[1]])) == sent[1][0]
            assert await endpoint.find(Sent("z", 1, now), Ours(["0" * 64])) is None
            await endpoint.close()

    asyncio.run(main())


def test_the_list_is_searched_over_its_pages(tmp_path, server):
    import time

    async def main():
        async with connected(server, OPENAI) as provider:
            endpoint = batch_endpoint(provider)
            path, _ = line_file(tmp_path, endpoint, "a")
            for n in range(120):
                with path.open("rb") as lines:
                    await endpoint.create(lines, Sent(f"token {n}", 1, time.time()))
            assert await endpoint.find(Sent("token 0", 1, time.time()), Ours()) == "batch_0"
            await endpoint.close()

    asyncio.run(main())
