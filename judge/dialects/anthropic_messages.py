"""Anthropic messages, API version 2026-10-21: no temperature, no log-probabilities, structured output by schema."""

from collections.abc import Mapping
from typing import Any

from judge.dialects.common import (
    add_extra,
    count,
    error_in_body,
    json_text,
    load,
    parts,
    shorten,
    unreadable,
    wire_model,
)
from judge.errors import ProviderUnavailable, UsageError
from judge.request import Capabilities, Completion, Request, StopReason, Usage

NAME = "anthropic_messages"
PATH = "/v1/messages"

_RESERVED = frozenset({"stream", "max_tokens", "output_config", "temperature", "system"})
_STOPS: dict[str, StopReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
_CACHE = {"type": "ephemeral"}

# The API rejects these; the parser checks what they would have promised.
_UNSUPPORTED = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"}
    | {"pattern", "maxItems", "uniqueItems", "minProperties", "maxProperties", "default"}
)


def encode(request: Request, capabilities: Capabilities, model: str | None = None) -> bytes:
    """The body of one request, at the same time the ``params`` of an entry in a message batch."""
    if request.choices:
        raise UsageError(
            f"{request.model} gives no log-probabilities", do="label by generation, or take another model"
        )
    sampling = request.sampling
    body: dict[str, Any] = {
        "max_tokens": sampling.max_tokens,
        "messages": _messages(request, capabilities),
        "model": wire_model(request, model),
    }
    config: dict[str, Any] = {}
    if sampling.reasoning_effort is not None:
        config["effort"] = sampling.reasoning_effort
    if request.schema is not None and capabilities.json_schema:
        config["format"] = {"type": "json_schema", "schema": supported(request.schema)}
    if config:
        body["output_config"] = config
    if request.system:
        body["system"] = request.system
    if sampling.temperature is not None:
        if not capabilities.temperature:
            raise UsageError(
                f"{request.model} takes no temperature",
                do="leave the temperature to the model: do not set one",
            )
        body["temperature"] = sampling.temperature
    return add_extra(body, request, _RESERVED)


def _messages(request: Request, capabilities: Capabilities) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = [{"type": "text", "text": json_text(part)} for part in parts(request)]
    if capabilities.cache_control and request.cache_group:
        for part, block in zip(content, request.blocks, strict=True):
            if block.breakpoint:
                part["cache_control"] = _CACHE
    messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
    if request.reask:
        # The API refuses an empty assistant turn, and an answer can be empty.
        answer = request.reask.answer if request.reask.answer.strip() else "(no answer)"
        messages.append({"role": "assistant", "content": answer})
        messages.append({"role": "user", "content": request.reask.complaint})
    return messages


def supported(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without the limits that the API does not take; a tuple becomes a list of any of its items.

    >>> supported({"type": "array", "items": {"type": "string", "maxLength": 9}, "minItems": 2})
    {'type': 'array', 'items': {'type': 'string'}}
    """
    kept: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _UNSUPPORTED or (name == "minItems" and value not in (0, 1)):
            continue
        if name == "prefixItems":
            kept["items"] = {"anyOf": [supported(item) for item in value]}
        elif name in ("properties", "$defs"):
            kept[name] = {key: supported(item) for key, item in value.items()}
        elif name in ("anyOf", "oneOf", "allOf"):
            kept["anyOf" if name == "oneOf" else name] = [supported(item) for item in value]
        elif name == "items" and isinstance(value, Mapping):
            kept[name] = supported(value)
        else:
            kept[name] = value
    return kept


def decode(raw: bytes) -> Completion:
    """Read a message. Thinking is left in ``raw``; ``text`` is what the model said."""
    body = load(raw, who="the provider")
    if body.get("type") == "error" or body.get("error"):
        raise error_in_body(body.get("error"), who="the provider")
    content = body.get("content")
    if not isinstance(content, list):
        if "content" in body or isinstance(body.get("usage"), dict):
            return unreadable(raw, body, NAME, _usage(body.get("usage")))
        raise ProviderUnavailable("the provider's answer has neither content nor usage")
    blocks = [block for block in content if isinstance(block, dict) and block.get("type") == "text"]
    stop = _STOPS.get(str(body.get("stop_reason")), "other")
    return Completion(
        raw=raw,
        dialect=NAME,
        text="".join(str(block.get("text") or "") for block in blocks),
        stop=stop,
        usage=_usage(body.get("usage")),
        model=str(body.get("model") or ""),
        detail=_detail(body.get("stop_details")) if stop == "refusal" else "",
    )


def _detail(details: object) -> str:
    """Category first, so that refusals can be counted by it: ``cyber: ...``."""
    if not isinstance(details, dict):
        return ""
    said = (details.get("category"), details.get("explanation"))
    return shorten(": ".join(str(part) for part in said if part))


def _usage(usage: object) -> Usage:
    """Here ``input_tokens`` leaves out what the cache was read for and written with; ours includes both."""
    cached = count(usage, "cache_read_input_tokens")
    written = count(usage, "cache_creation_input_tokens")
    return Usage(
        input=count(usage, "input_tokens") + cached + written,
        cached=cached,
        cache_written=written,
        output=count(usage, "output_tokens"),
        reasoning=count(usage, "output_tokens_details", "thinking_tokens"),
    )
