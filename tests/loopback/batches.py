"""Batch endpoints as the two vendors have them: OpenAI's files and batches, Anthropic's message batches.

A batch does its work when it has been looked at ``polls`` times, so that a test decides when it ends. What becomes of a
request in it, faults decide as they do for live calls; ``expired`` is one more of them.
"""

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import HTTP
from types import ModuleType
from typing import Any, Protocol

import orjson

from tests.loopback import anthropic_wire, openai_wire
from tests.loopback.wire import Call, Reply

CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
OPENAI_ENDPOINT = "/v1/chat/completions"


@dataclass
class Rules:
    """How batches behave.

    Args:
        polls: How often a batch is looked at before it ends.
        requests: The most requests that a batch may hold; None is what the vendor's documentation says.
        queue_tokens: The most tokens that may be waiting in all batches together (OpenAI's enqueued limit).
        cancelled_share: How much of a batch is done when it is cancelled.
        results: What is wrong with results: ``unknown`` gives one of them a custom_id that nobody sent, ``twice`` tells
            of one twice, ``missing`` leaves one out, ``none`` leaves all of them out.
    """

    polls: int = 1
    requests: int | None = None
    queue_tokens: int | None = None
    cancelled_share: float = 0.5
    results: str = ""


@dataclass
class Batch:
    id: str
    lines: list[dict[str, Any]]
    created: float
    metadata: dict[str, str] = field(default_factory=dict)
    endpoint: str = ""
    input_file: str = ""
    state: str = "validating"
    polls: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    """custom_id to what became of it, in OpenAI's form."""
    cancelled_at: float | None = None

    @property
    def ended(self) -> bool:
        return self.state in ("completed", "failed", "expired", "cancelled")

    def tokens(self) -> int:
        return sum(len(orjson.dumps(line)) for line in self.lines) // 4


class Items(Protocol):
    """The provider behind the batches: answers one request, or says what went wrong."""

    def item(self, wire: ModuleType, body: dict[str, Any], raw: bytes) -> tuple[int, dict[str, Any]]: ...


Hook = Callable[[str], Awaitable[None]]
"""Told of every step before and after it is done, as ``before create`` and ``after create``; may take its time."""


async def _nothing(_: str) -> None:
    return


class Desk:
    """Keeps the batches of both vendors."""

    def __init__(self, provider: Items) -> None:
        self.rules = Rules()
        self.batches: dict[str, Batch] = {}
        self.files: dict[str, bytes] = {}
        self.hook: Hook = _nothing
        self._provider = provider

    @staticmethod
    def takes(call: Call) -> ModuleType | None:
        """The wire format of a call about batches; None where it is about something else."""
        if call.path.startswith("/v1/messages/batches"):
            return anthropic_wire
        if call.path.startswith(("/v1/batches", "/v1/files")):
            return openai_wire
        return None

    async def reply(self, call: Call) -> Reply:
        wire = self.takes(call)
        assert wire
        step, answer = self._route(call, wire)
        await self.hook(f"before {step}")
        try:
            reply = answer()
        except openai_wire.Bad as bad:
            reply = Reply(400, wire.error(400, str(bad), bad.code, bad.param))
        except KeyError as unknown:
            reply = Reply(404, wire.error(404, f"No such object: {unknown.args[0]}"))
        await self.hook(f"after {step}")
        return reply

    def step(self, call: Call) -> str:
        """What a call is about, in one word."""
        wire = self.takes(call)
        assert wire
        return self._route(call, wire)[0]

    def _route(self, call: Call, wire: ModuleType) -> tuple[str, Callable[[], Reply]]:
        """What a call is about, and what answers it."""
        anthropic = wire is anthropic_wire
        make, describe = (
            (self._create_anthropic, self._anthropic) if anthropic else (self._create_openai, self._openai)
        )
        folder, _, rest = call.path.removeprefix("/v1/messages/" if anthropic else "/v1/").partition("/")
        name, _, what = rest.partition("/")
        steps: dict[tuple[str, str, bool, str], tuple[str, Callable[[], Reply]]] = {
            ("POST", "files", False, ""): ("upload", lambda: self._upload(call)),
            ("GET", "files", True, "content"): ("content", lambda: Reply(200, self.files[name])),
            ("POST", "batches", False, ""): ("create", lambda: _json(describe(make(call)))),
            ("GET", "batches", False, ""): ("list", lambda: self._list(call, describe)),
            ("GET", "batches", True, ""): ("retrieve", lambda: _json(describe(self._looked_at(name)))),
            ("POST", "batches", True, "cancel"): ("cancel", lambda: _json(describe(self.cancel(name)))),
            ("GET", "batches", True, "results"): ("content", lambda: self._results(name)),
        }
        return steps[call.method, folder, bool(name), what]

    def _list(self, call: Call, describe: Callable[[Batch], dict[str, Any]]) -> Reply:
        newest = [
            b
            for b in reversed(self.batches.values())
            if b.id.startswith("msg") == (describe == self._anthropic)
        ]
        for batch in newest:
            self._looked_at(batch.id)
        after = call.query.get("after") or call.query.get("after_id")
        if after:
            ids = [batch.id for batch in newest]
            newest = newest[ids.index(after) + 1 :]
        limit = int(call.query.get("limit", "20"))
        page = newest[:limit]
        ends = (
            {"first_id": page[0].id, "last_id": page[-1].id} if page else {"first_id": None, "last_id": None}
        )
        data = [describe(batch) for batch in page]
        return _json({"object": "list", "data": data, "has_more": len(newest) > limit, **ends})

    # --- OpenAI ---

    def _upload(self, call: Call) -> Reply:
        head = f"Content-Type: {call.headers['content-type']}\r\n\r\n".encode()
        fields: dict[str, bytes] = {}
        for part in BytesParser(policy=HTTP).parsebytes(head + call.body).iter_parts():
            name = part.get_param("name", header="content-disposition")
            fields[str(name)] = part.get_payload(decode=True) or b""  # type: ignore[assignment]
        if fields.get("purpose") != b"batch":
            raise openai_wire.Bad("'purpose' must be 'batch'", "invalid_value", "purpose")
        if len(fields["file"]) > 200_000_000:
            raise openai_wire.Bad("file is too large", "invalid_value", "file")
        name = f"file-{len(self.files)}"
        self.files[name] = fields["file"]
        return _json(
            {
                "id": name,
                "object": "file",
                "bytes": len(fields["file"]),
                "created_at": int(time.time()),
                "filename": "requests.jsonl",
                "purpose": "batch",
                "status": "processed",
            }
        )

    def _create_openai(self, call: Call) -> Batch:
        body = orjson.loads(call.body)
        if body.get("endpoint") != OPENAI_ENDPOINT or body.get("completion_window") != "24h":
            raise openai_wire.Bad("unknown endpoint or window", "invalid_value", "endpoint")
        lines = [orjson.loads(line) for line in self.files[body["input_file_id"]].splitlines()]
        batch = Batch(
            f"batch_{len(self.batches)}", lines, time.time(), body.get("metadata") or {}, body["endpoint"]
        )
        batch.input_file = body["input_file_id"]
        self.batches[batch.id] = batch
        return batch

    def _validate(self, batch: Batch) -> None:
        seen: set[str] = set()
        models = {str(line["body"].get("model")) for line in batch.lines}
        for number, line in enumerate(batch.lines, start=1):
            problem = None
            if not CUSTOM_ID.fullmatch(line["custom_id"]) or line["custom_id"] in seen:
                problem = ("invalid_custom_id", "custom_id is wrong or a duplicate")
            elif line["method"] != "POST" or line["url"] != batch.endpoint:
                problem = ("invalid_url", "url does not match the batch's endpoint")
            elif len(models) > 1:
                problem = ("mismatched_model", "all requests of a batch must have the same model")
            seen.add(line["custom_id"])
            if problem:
                batch.errors.append(
                    {"code": problem[0], "message": problem[1], "line": number, "param": None}
                )
        if len(batch.lines) > (self.rules.requests or 50_000):
            batch.errors.append(
                {"code": "too_many_tasks", "message": "too many requests", "line": None, "param": None}
            )
        waiting = sum(other.tokens() for other in self.batches.values() if not other.ended)
        if self.rules.queue_tokens is not None and waiting > self.rules.queue_tokens:
            message = f"Enqueued token limit reached. Limit: {self.rules.queue_tokens} enqueued tokens."
            batch.errors.append(
                {"code": "token_limit_exceeded", "message": message, "line": None, "param": None}
            )
        batch.state = "failed" if batch.errors else "in_progress"

    def _openai(self, batch: Batch) -> dict[str, Any]:
        done = [r for r in batch.results.values() if r["status"] == 200]
        output, errors = f"file-out-{batch.id}", f"file-err-{batch.id}"
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": batch.endpoint,
            "completion_window": "24h",
            "input_file_id": batch.input_file,
            "status": batch.state,
            "created_at": int(batch.created),
            "metadata": batch.metadata,
            "output_file_id": output if output in self.files else None,
            "error_file_id": errors if errors in self.files else None,
            "errors": {"object": "list", "data": batch.errors} if batch.errors else None,
            "request_counts": {
                "total": len(batch.lines),
                "completed": len(done),
                "failed": len(batch.results) - len(done),
            },
        }

    def _write_files(self, batch: Batch) -> None:
        output: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for custom_id, result in self._told(batch):
            if result["status"] in ("expired", "canceled"):
                code = {"expired": "batch_expired", "canceled": "batch_cancelled"}[result["status"]]
                said = {"code": code, "message": "This request was not executed before its batch ended."}
                errors.append({"custom_id": custom_id, "response": None, "error": said})
                continue
            response = {"status_code": result["status"], "request_id": "r", "body": result["body"]}
            line = {"id": "batch_req", "custom_id": custom_id, "response": response, "error": None}
            (output if result["status"] == 200 else errors).append(line)
        for name, lines in ((f"file-out-{batch.id}", output), (f"file-err-{batch.id}", errors)):
            if lines:
                self.files[name] = b"".join(orjson.dumps(line) + b"\n" for line in lines)

    # --- Anthropic ---

    def _create_anthropic(self, call: Call) -> Batch:
        requests = orjson.loads(call.body)["requests"]
        if not 1 <= len(requests) <= (self.rules.requests or 100_000):
            raise openai_wire.Bad("requests: wrong number of requests")
        ids = [request["custom_id"] for request in requests]
        if len(set(ids)) < len(ids) or not all(map(CUSTOM_ID.fullmatch, ids)):
            raise openai_wire.Bad("requests: custom_id must be unique and match the pattern")
        lines = [{"custom_id": request["custom_id"], "body": request["params"]} for request in requests]
        batch = Batch(f"msgbatch_{len(self.batches)}", lines, time.time(), state="in_progress")
        self.batches[batch.id] = batch
        return batch

    def _anthropic(self, batch: Batch) -> dict[str, Any]:
        counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
        if batch.ended:
            for result in batch.results.values():
                counts[_outcome(result)] += 1
        else:
            counts["processing"] = len(batch.lines)
        return {
            "id": batch.id,
            "type": "message_batch",
            "processing_status": "ended"
            if batch.ended
            else "canceling"
            if batch.cancelled_at
            else "in_progress",
            "request_counts": counts,
            "created_at": _rfc3339(batch.created),
            "expires_at": _rfc3339(batch.created + 86_400),
            "ended_at": _rfc3339(time.time()) if batch.ended else None,
            "archived_at": None,
            "cancel_initiated_at": _rfc3339(batch.cancelled_at) if batch.cancelled_at else None,
            "results_url": f"/v1/messages/batches/{batch.id}/results" if batch.ended else None,
        }

    def _results(self, name: str) -> Reply:
        lines = []
        for custom_id, result in self._told(self.batches[name]):
            kind = _outcome(result)
            told: dict[str, Any] = {"type": kind}
            if kind == "succeeded":
                told["message"] = result["body"]
            elif kind == "errored":
                told["error"] = result["body"]
            lines.append(orjson.dumps({"custom_id": custom_id, "result": told}) + b"\n")
        return Reply(200, b"".join(lines), {"content-type": "application/x-jsonl"})

    # --- both ---

    def _told(self, batch: Batch) -> list[tuple[str, dict[str, Any]]]:
        """The results as they are handed out: in an order that nobody promised, and as wrong as the rules want them."""
        told = list(reversed(batch.results.items()))
        if self.rules.results == "unknown":
            told[0] = ("f" * 64, told[0][1])
        elif self.rules.results == "twice":
            told.append(told[0])
        elif self.rules.results:
            told = told[1:] if self.rules.results == "missing" else []
        return told

    def _looked_at(self, name: str) -> Batch:
        batch = self.batches[name]
        if batch.ended:
            return batch
        if batch.state == "validating":
            self._validate(batch)
        if batch.ended:
            return batch
        batch.polls += 1
        if batch.cancelled_at is not None:
            self._work(batch, int(len(batch.lines) * self.rules.cancelled_share))
        elif batch.polls > self.rules.polls:
            self._work(batch, len(batch.lines))
        return batch

    def _work(self, batch: Batch, count: int) -> None:
        """Answer so many of a batch's requests, and end it."""
        wire = anthropic_wire if batch.id.startswith("msg") else openai_wire
        for line in batch.lines[:count]:
            status, body = self._provider.item(wire, line["body"], orjson.dumps(line["body"]))
            batch.results[line["custom_id"]] = {"status": status or "expired", "body": body}
        for line in batch.lines[count:]:
            batch.results[line["custom_id"]] = {"status": "canceled"}
        expired = any(result["status"] == "expired" for result in batch.results.values())
        batch.state = "cancelled" if batch.cancelled_at else "expired" if expired else "completed"
        if wire is openai_wire:
            self._write_files(batch)

    def cancel(self, name: str) -> Batch:
        batch = self.batches[name]
        if batch.ended:
            raise openai_wire.Bad(f"Cannot cancel a batch with status '{batch.state}'.", "invalid_request")
        batch.cancelled_at = time.time()
        batch.state = "cancelling" if not name.startswith("msg") else batch.state
        return batch


def _outcome(result: dict[str, Any]) -> str:
    status = result["status"]
    if isinstance(status, str):
        return status
    return "succeeded" if status == 200 else "errored"


def _json(body: dict[str, Any]) -> Reply:
    return Reply(200, orjson.dumps(body))


def _rfc3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
