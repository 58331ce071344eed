import pytest

from judge.billing import Bill
from judge.pricing import marking_pays, price, prices_of
from judge.request import Usage

SONNET = "anthropic/claude-sonnet-5-5"  # 2 in, 0.1 read, 2.5 written, 10 out, in USD per million


def test_classes_add_up_to_the_price_of_each_call():
    bill = Bill()
    usage = Usage(input=10_000, cached=6_000, cache_written=3_000, output=500)
    bill.add(SONNET, usage)
    bill.add(SONNET, usage, batch=True)
    assert bill.usd is not None and bill.total is not None and bill.naive_usd is not None
    assert bill.tokens == {"input": 2_000, "cached": 12_000, "cache_written": 6_000, "output": 1_000}
    assert bill.usd["cache_written"] == pytest.approx(3_000 * 2.5e-6 * 1.5)
    assert bill.total == pytest.approx((price(SONNET, usage) or 0) * 1.5)
    assert bill.naive_usd == pytest.approx(2 * (10_000 * 2e-6 + 500 * 10e-6))
    assert bill.cached_share == pytest.approx(0.6)
    assert (bill.requests, bill.batched) == (2, 1)


def test_an_unknown_price_leaves_tokens_and_no_money():
    bill = Bill()
    bill.add(SONNET, Usage(input=10))
    bill.add("openai/nobody-knows-this", Usage(input=10))
    assert bill.total is None and bill.naive_usd is None and bill.tokens["input"] == 20
    assert bill.as_data()["usd"] is None


def test_a_call_beyond_a_tier_is_billed_by_itself():
    haiku = "anthropic/claude-haiku-5-5"
    bill = Bill()
    for size in (60_000, 110_000):
        bill.add(haiku, Usage(input=size))
    prices = prices_of(haiku)
    assert prices and prices.dearer_beyond() == 100_000
    assert bill.total == pytest.approx(60_000 * 0.1e-6 + 110_000 * 0.5e-6)


@pytest.mark.parametrize(
    ("model", "sharing", "hits", "pays"),
    [
        (SONNET, 1, 1.0, False),  # nobody reads it again
        (SONNET, 2, 1.0, True),
        (SONNET, 5, 0.0, False),
        (SONNET, 3, 0.5, True),
        (SONNET, 2, 0.3, False),  # (1 - .15) * 1.25 + .15 * .05 = 1.07
        ("openai/gpt-4.1", 2, 1.0, True),
        ("openai/gpt-4.1", 1, 1.0, True),  # writing costs nothing
        ("openai/gpt-4", 3, 1.0, True),  # and where reading is no cheaper, it does no harm
        ("compatible/unknown", 1, 1.0, False),
        ("compatible/unknown", 2, 1.0, True),
    ],
)
def test_a_prefix_is_marked_only_where_the_expected_bill_falls(model, sharing, hits, pays):
    assert marking_pays(model, sharing, hits) is pays
