"""The pretended provider: who may ask, what it costs, what is counted, what goes wrong."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from types import ModuleType
from typing import Any

import orjson

from tests.loopback import anthropic_wire, openai_wire
from tests.loopback.answers import AnswerFunction, contract_answer, spoiled
from tests.loopback.batches import Desk
from tests.loopback.buckets import Limits
from tests.loopback.faults import Fault, Script
from tests.loopback.prefix_cache import BYTES_PER_TOKEN, Lookup, PrefixCache
from tests.loopback.wire import Call, Reply

KEY = "sk-loopback-0123456789"
"""The key that is accepted unless ``Options`` says otherwise."""

_SPOILED = frozenset({"not_json", "empty", "length", "off_schema", "ungrounded"})
_DELIVERIES = frozenset({"truncate", "reset", "stall", "dribble"})

_REFUSALS: dict[str, tuple[int, str, tuple[str, ...]]] = {
    "quota": (
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        ("insufficient_quota",),
    ),
    "no_credit": (400, "Your credit balance is too low to access the API. Please go to Plans & Billing.", ()),
    "blocked": (
        400,
        "The response was filtered due to the prompt triggering the content management policy.",
        ("content_filter", "prompt"),
    ),
}
"""Status, message and codes."""


@dataclass(slots=True)
class Options:
    """How the provider behaves.

    Args:
        latency: Seconds before an answer begins.
        key: The accepted key; empty accepts every request, with or without one.
        models: The models that exist; empty means all.
        requests_per_minute: A limit, announced in headers and enforced with 429.
        tokens_per_minute: Likewise, counted as a quarter of the body's bytes.
        burst: How many minutes' worth of the limits may be used at once.
        announce: Whether headers tell of the limits. Refusals name a time to wait either way.
        cache: Whether to pretend a prompt cache.
        seed: Decides which requests are hit by faults with a rate.
    """

    latency: float = 0.0
    key: str = KEY
    models: frozenset[str] = frozenset()
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    burst: float = 1.0
    announce: bool = True
    cache: bool = False
    seed: int = 0


@dataclass(slots=True)
class Counts:
    """``bought`` counts, by body, the answers with status 200 that a provider would bill."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    bought: Counter[str] = field(default_factory=Counter)
    broken: int = 0
    """How many of the bought answers could not be read: cut, truncated, reset or stalled on purpose."""
    in_flight: int = 0
    peak: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    written_tokens: int = 0


class Service:
    def __init__(self, options: Options, answer: AnswerFunction = contract_answer) -> None:
        self.options = options
        self.answer = answer
        self.counts = Counts()
        self.script = Script(options.seed)
        self.bodies: list[bytes] | None = None
        """Set to a list to have every request body kept in it."""
        self.last_headers: dict[str, str] = {}
        self._limits = Limits(options.requests_per_minute, options.tokens_per_minute, options.burst)
        self._cache = PrefixCache()
        self.desk = Desk(self)

    async def handle(self, call: Call) -> Reply:
        if call.method == "GET" and call.path == "/stats":
            return Reply(200, orjson.dumps(self.stats()))
        counts = self.counts
        counts.requests += 1
        counts.in_flight += 1
        counts.peak = max(counts.peak, counts.in_flight)
        self.last_headers = call.headers
        if self.bodies is not None:
            self.bodies.append(call.body)
        try:
            reply = await self._reply(call)
        finally:
            counts.in_flight -= 1
        counts.statuses[reply.status] += 1
        return reply

    def item(self, wire: ModuleType, body: dict[str, Any], raw: bytes) -> tuple[int, dict[str, Any]]:
        """One request of a batch: status and body; status 0 where it expires."""
        try:
            wire.check(body)
        except openai_wire.Bad as bad:
            return 400, orjson.loads(wire.error(400, str(bad), bad.code, bad.param))
        digest = sha256(raw).hexdigest()
        fault = self.script.next(raw, digest)
        if fault and fault.kind == "expired":
            return 0, {}
        if fault and (reply := self._failed(fault, Call("POST", "", {}, raw), wire)):
            return reply.status, orjson.loads(reply.body)
        parts, explicit = wire.prompt(body)
        lookup = self._cache.look(body["model"], parts, explicit=explicit) if self.options.cache else Lookup()
        self._cache.keep(lookup)
        self._count(digest, parts, lookup)
        return 200, orjson.loads(self._answered(wire, body, lookup, fault).body)

    async def _reply(self, call: Call) -> Reply:
        if batches := self.desk.takes(call):
            return self._locked(call, batches) or await self._managed(call, batches)
        wire: ModuleType = anthropic_wire if call.path in anthropic_wire.PATHS else openai_wire
        refused = self._refused(call, wire) or self._unreadable(call, wire) or self._limited(call, wire)
        if refused:
            return refused
        body: dict[str, Any] = orjson.loads(call.body)
        digest = sha256(call.body).hexdigest()
        fault = self.script.next(call.body, digest)
        # Looked up on arrival, left behind when the answer begins: siblings that are sent at once all miss.
        parts, explicit = wire.prompt(body)
        lookup = self._cache.look(body["model"], parts, explicit=explicit) if self.options.cache else Lookup()
        if self.options.latency:
            await asyncio.sleep(self.options.latency)
        if fault and (reply := self._failed(fault, call, wire)):
            return reply
        self._cache.keep(lookup)
        self._count(digest, parts, lookup)
        return self._answered(wire, body, lookup, fault)

    async def _managed(self, call: Call, wire: ModuleType) -> Reply:
        """The answer to a call about batches. What breaks on its way has been done all the same."""
        fault = self.script.at(self.desk.step(call))
        if fault and (reply := self._failed(fault, call, wire)):
            return reply
        return _delivered(await self.desk.reply(call), fault)

    def _refused(self, call: Call, wire: ModuleType) -> Reply | None:
        if call.path not in (*openai_wire.PATHS, *anthropic_wire.PATHS) or call.method != "POST":
            return Reply(404, wire.error(404, f"Invalid URL ({call.method} {call.path})"))
        return self._locked(call, wire)

    def _locked(self, call: Call, wire: ModuleType) -> Reply | None:
        """The refusal of a call with a wrong key."""
        given = call.headers.get("authorization", "").removeprefix("Bearer ") or call.headers.get(
            "x-api-key", ""
        )
        if self.options.key and given != self.options.key:
            masked = f"{given[:6]}{'*' * max(0, len(given) - 10)}{given[-4:]}"
            return Reply(401, wire.error(401, f"Incorrect API key provided: {masked}.", "invalid_api_key"))
        if wire is anthropic_wire and "anthropic-version" not in call.headers:
            return Reply(400, wire.error(400, "anthropic-version: header is required"))
        return None

    def _unreadable(self, call: Call, wire: ModuleType) -> Reply | None:
        try:
            body: dict[str, Any] = orjson.loads(call.body)
            wire.check(body)
        except orjson.JSONDecodeError:
            return Reply(400, wire.error(400, "We could not parse the JSON body of your request."))
        except openai_wire.Bad as bad:
            return Reply(400, wire.error(400, str(bad), bad.code, bad.param))
        if self.options.models and body["model"] not in self.options.models:
            message = f"The model `{body['model']}` does not exist or you do not have access to it."
            return Reply(404, wire.error(404, message, "model_not_found"))
        return None

    def _limited(self, call: Call, wire: ModuleType) -> Reply | None:
        wait = self._limits.take(len(call.body) // BYTES_PER_TOKEN)
        if wait is None:
            return None
        message = f"Rate limit reached. Please try again in {wait:.3f}s."
        headers = {**self._headers(wire), "retry-after": f"{wait:.3f}"}
        return Reply(429, wire.error(429, message, "rate_limit_exceeded"), headers)

    def _headers(self, wire: ModuleType) -> dict[str, str]:
        headers: dict[str, str] = wire.headers(self._limits if self.options.announce else Limits(None, None))
        return headers

    def _failed(self, fault: Fault, call: Call, wire: ModuleType) -> Reply | None:
        """The reply for a fault that is no answer."""
        headers = self._headers(wire)
        if fault.kind.isdecimal():
            status = int(fault.kind)
            if fault.retry_after is not None:
                headers["retry-after"] = f"{fault.retry_after:g}"
            message = f"The server is pretending to have status {status}."
            if fault.echo:
                message += f" The key was {self.options.key}, in {self.last_headers}."
            return Reply(status, wire.error(status, message), headers)
        if fault.kind == "echo_key":
            said = f"bad credentials: Authorization: {call.headers.get('authorization', '')}"
            return Reply(401, wire.error(401, said), headers)
        if fault.kind in _REFUSALS:
            status, message, code = _REFUSALS[fault.kind]
            return Reply(status, wire.error(status, message, *code), headers)
        if fault.kind == "hang_up":
            return Reply(500, b"", delivery="reset")
        if fault.kind == "error_in_200":
            return Reply(200, orjson.dumps({"error": {"message": "Upstream is busy", "code": 502}}), headers)
        return None

    def _answered(self, wire: ModuleType, body: dict[str, Any], lookup: Lookup, fault: Fault | None) -> Reply:
        kind = fault.kind if fault else ""
        text = self.answer(wire.asked(body))
        if kind in _SPOILED:
            text = spoiled(kind, text)
        content: bytes = wire.answer(body, text, lookup, kind)
        self.counts.broken += kind in ("cut", "truncate", "reset", "stall")
        return _delivered(Reply(200, content, self._headers(wire)), fault)

    def _count(self, digest: str, parts: list[tuple[str, bool]], lookup: Lookup) -> None:
        counts = self.counts
        counts.bought[digest] += 1
        counts.input_tokens += sum(len(text.encode()) for text, _ in parts) // BYTES_PER_TOKEN
        counts.cached_tokens += lookup.cached
        counts.written_tokens += lookup.written

    def stats(self) -> dict[str, Any]:
        counts = self.counts
        return {
            "requests": counts.requests,
            "statuses": {str(status): number for status, number in sorted(counts.statuses.items())},
            "bought": counts.bought.total(),
            "bought_distinct": len(counts.bought),
            "bought_again": counts.bought.total() - len(counts.bought),
            "broken": counts.broken,
            "in_flight": counts.in_flight,
            "peak": counts.peak,
            "input_tokens": counts.input_tokens,
            "cached_tokens": counts.cached_tokens,
            "written_tokens": counts.written_tokens,
        }


def _delivered(reply: Reply, fault: Fault | None) -> Reply:
    """An answer as it leaves the house: what a fault does to its bytes and to their way."""
    if fault and fault.kind == "cut":
        reply.body = reply.body[: len(reply.body) * 2 // 3]
    if fault and fault.kind in _DELIVERIES:
        reply.delivery, reply.seconds = fault.kind, fault.seconds
    return reply
