from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest

from judge.providers.limits import anthropic_limits, duration, openai_limits, retry_after


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m2.5s", 62.5),
        ("20ms", 0.02),
        ("6m0s", 360.0),
        ("1h2m3s", 3723.0),
        ("1d", 86400.0),
        ("500µs", 0.0005),
        ("0s", 0.0),
        ("2", 2.0),
        (" 1.5s ", 1.5),
        ("", None),
        ("1x", None),
        ("-1s", None),
        ("s", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert duration(text) == (seconds if seconds is None else pytest.approx(seconds))


def test_waiting_is_read_in_milliseconds_seconds_or_as_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}) == 0.25
    assert retry_after({"retry-after": "9"}) == 9.0
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    monkeypatch.setattr("judge.providers.limits.time", SimpleNamespace(time=now.timestamp))
    at = {"retry-after": format_datetime(now + timedelta(seconds=30), usegmt=True)}
    assert retry_after({**at, "date": format_datetime(now, usegmt=True)}) == pytest.approx(30)
    assert retry_after(at) == pytest.approx(30)
    past = {"retry-after": "Fri, 01 Jan 2021 00:00:00 GMT"}
    assert retry_after(past) == 0.0
    assert retry_after({"retry-after": "tomorrow"}) is None
    assert retry_after({}) is None


def test_openai_headers() -> None:
    limits = openai_limits(
        {
            "x-ratelimit-limit-requests": "10000",
            "x-ratelimit-remaining-requests": "9999",
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-limit-tokens": "2000000",
            "x-ratelimit-remaining-tokens": "1999000",
            "x-ratelimit-reset-tokens": "1m0.03s",
        }
    )
    assert limits is not None
    assert (limits.requests_limit, limits.requests_remaining, limits.requests_reset) == (10000, 9999, 0.006)
    assert (limits.tokens_limit, limits.tokens_remaining, limits.tokens_reset) == (2000000, 1999000, 60.03)
    assert openai_limits({"content-type": "application/json"}) is None


def test_anthropic_headers_are_times_on_the_servers_clock_and_the_scarcest_budget_counts() -> None:
    limits = anthropic_limits(
        {
            "date": "Mon, 23 Nov 2026 12:00:00 GMT",
            "anthropic-ratelimit-requests-limit": "50",
            "anthropic-ratelimit-requests-remaining": "49",
            "anthropic-ratelimit-requests-reset": "2026-11-23T12:00:02Z",
            "anthropic-ratelimit-input-tokens-limit": "30000",
            "anthropic-ratelimit-input-tokens-remaining": "29000",
            "anthropic-ratelimit-input-tokens-reset": "2026-11-23T12:00:03Z",
            "anthropic-ratelimit-output-tokens-limit": "8000",
            "anthropic-ratelimit-output-tokens-remaining": "100",
            "anthropic-ratelimit-output-tokens-reset": "2026-11-23T12:01:00+00:00",
        }
    )
    assert limits is not None
    assert (limits.requests_limit, limits.requests_remaining, limits.requests_reset) == (50, 49, 2.0)
    assert (limits.tokens_limit, limits.tokens_remaining, limits.tokens_reset) == (8000, 100, 60.0)
    assert anthropic_limits({}) is None


def test_headers_that_make_no_sense_are_left_out() -> None:
    limits = openai_limits({"x-ratelimit-limit-requests": "many", "x-ratelimit-reset-requests": "soon"})
    assert limits is not None
    assert (limits.requests_limit, limits.requests_reset) == (None, None)
    odd = anthropic_limits(
        {"anthropic-ratelimit-requests-limit": "5", "anthropic-ratelimit-requests-reset": "?"}
    )
    assert odd is not None
    assert odd.requests_reset is None
