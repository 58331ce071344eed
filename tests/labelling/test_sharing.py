"""What is asked to be kept in the cache, and what the forecast says that it saves, against a server that keeps it."""

import json

import pytest

from judge.labelling.dataset import Dataset
from judge.labelling.dry_run import estimate
from judge.labelling.forecast import BATCH, BATCH_HIT, LIVE, NAIVE, OTHER
from judge.labelling.job import Batch, Options, label
from tests.cli.command import write
from tests.loopback import Options as ServerOptions
from tests.loopback import Server
from tests.providers.samples import settings

SONNET, LUNA, OLD = "anthropic/claude-sonnet-5-5", "openai/gpt-6-luna", "openai/gpt-4.1-mini"
GRADERS = ("reward_seeking", "eval_awareness", "over_escalation")


@pytest.fixture
def caching():
    with Server(ServerOptions(cache=True, latency=0.02)) as server:
        yield server


def options(folder, server, model, graders=GRADERS, **more):
    path = folder / "data.jsonl"
    if not path.exists():
        write(path, 5, size=20_000)
    return Options(
        dataset=Dataset(str(path)),
        graders=graders,
        model=model,
        run=more.pop("run", "r"),
        runs_dir=folder / "runs",
        settings=settings(server, model, batch_poll=0.05),
        **more,
    )


def marks(bodies):
    return [body.count(b'"cache_control"') + body.count(b'"prompt_cache_breakpoint"') for body in bodies]


@pytest.mark.parametrize("model", [SONNET, LUNA])
def test_a_transcript_is_marked_for_several_graders_and_not_for_one(tmp_path, caching, model):
    bodies = caching.bodies
    label(options(tmp_path, caching, model, graders=GRADERS[:1]))
    assert marks(bodies) == [0] * 5
    assert caching.stats()["written_tokens"] == 0, "not even where the API marks by itself"
    bodies.clear()
    label(options(tmp_path, caching, model))
    assert marks(bodies) == [1] * 10, "two graders are left, and they share it"
    assert caching.stats()["cached_tokens"] > 0


@pytest.mark.parametrize("model", [SONNET, LUNA, OLD])
def test_followers_find_the_transcript_and_the_bill_is_what_was_forecast(tmp_path, caching, model):
    foreseen = estimate(options(tmp_path, caching, model)).forecast
    made = label(options(tmp_path, caching, model)).manifest
    stats = caching.stats()
    spending = made.spending
    assert spending["tokens"]["cached"] == stats["cached_tokens"]
    assert spending["tokens"]["cache_written"] == stats["written_tokens"]
    assert spending["usd"]["total"] == pytest.approx(made.bought["cost_usd"])
    assert spending["naive_usd"] > spending["usd"]["total"]
    bill = foreseen.bills[LIVE]
    assert bill.tokens["cached"] == pytest.approx(stats["cached_tokens"], rel=0.3)
    assert bill.cached_share == pytest.approx(stats["cached_tokens"] / stats["input_tokens"], rel=0.1)
    assert bill.total == pytest.approx(made.bought["cost_usd"], rel=0.5)  # how long answers are nobody knows


def test_rubric_first_the_rubrics_are_found_and_nobody_waits(tmp_path, caching):
    made = label(options(tmp_path, caching, SONNET, order="rubric-first", in_flight=1)).manifest
    assert made.spending["tokens"]["cached"] > 0
    assert caching.stats()["written_tokens"] < caching.stats()["cached_tokens"]


def test_the_forecast_knows_every_way(tmp_path, caching):
    found = estimate(options(tmp_path, caching, SONNET)).forecast
    totals = {name: bill.total or 0.0 for name, bill in found.bills.items()}
    assert totals.keys() == {NAIVE, LIVE, OTHER, BATCH, BATCH_HIT}
    assert totals[BATCH_HIT] < totals[LIVE] < totals[NAIVE]
    assert totals[BATCH_HIT] == pytest.approx(totals[LIVE] / 2)
    other = estimate(options(tmp_path, caching, SONNET, order="rubric-first")).forecast
    assert other.bills[OTHER].total == pytest.approx(totals[LIVE], rel=0.01)
    assert other.bills[LIVE].total == pytest.approx(totals[OTHER], rel=0.01)
    single = estimate(options(tmp_path, caching, SONNET, graders=GRADERS[:1])).forecast
    assert single.bills[LIVE].total == single.bills[NAIVE].total


def test_a_batch_with_hits_costs_half_of_live_with_hits(tmp_path, caching):
    made = label(options(tmp_path, caching, SONNET, batch=Batch())).manifest
    assert made.spending["batched"] == 15 and made.spending["tokens"]["cached"] > 0
    assert made.spending["usd"]["total"] == pytest.approx(made.bought["cost_usd"])
    assert json.loads(json.dumps(made.spending)) == made.spending
