"""OpenAI chat completions, as spoken by OpenAI, vLLM, llama.cpp, Ollama, OpenRouter and many others.

The user message is one string, which every such server takes. Only where the model knows explicit cache breakpoints is
it a list of parts, because a breakpoint needs a part to stand on.
"""

import re
from hashlib import sha256
from itertools import chain
from typing import Any

import orjson

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

NAME = "openai_chat"
PATH = "/chat/completions"
BATCH_ENDPOINT = "/v1/chat/completions"

TOP_LOGPROBS = 20
"""The most that the API gives."""

_CACHE_KEY_CHARACTERS = 64
_RESERVED = frozenset(
    {"stream", "n", "max_tokens", "max_completion_tokens", "temperature", "reasoning_effort"}
)
_STOPS: dict[str, StopReason] = {"stop": "stop", "length": "length", "content_filter": "content_filter"}

# How a blocked prompt is answered: with status 400 and one of these codes, instead of a completion.
FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "invalid_prompt"})

# Servers without a reasoning parser leave an open model's reasoning in front of its answer.
_THOUGHT = re.compile(r"\s*<think>.*?(?:</think>\s*|\Z)", re.DOTALL)


def encode(request: Request, capabilities: Capabilities, model: str | None = None) -> bytes:
    """The body of one request, at the same time the ``body`` of a line in a batch file."""
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": wire_model(request, model),
        "messages": _messages(request, capabilities),
        capabilities.token_field: _max_tokens(request),
    }
    if sampling.temperature is not None:
        if not capabilities.temperature:
            raise UsageError(
                f"{request.model} takes no temperature",
                do="leave the temperature to the model: do not set one",
            )
        body["temperature"] = sampling.temperature
    if sampling.reasoning_effort is not None:
        body["reasoning_effort"] = sampling.reasoning_effort
    if request.schema is not None and capabilities.json_schema:
        schema = {"name": "answer", "schema": dict(request.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.choices:
        if not capabilities.logprobs:
            raise UsageError(
                f"{request.model} gives no log-probabilities",
                do="label by generation, or take a model that has them (see judge/providers/capabilities.toml)",
            )
        body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    body |= _cache_fields(request, capabilities)
    return add_extra(body, request, _RESERVED)


def _messages(request: Request, capabilities: Capabilities) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": request.system}] if request.system else []
    messages.append({"role": "user", "content": _content(request, capabilities)})
    if request.reask:
        messages.append({"role": "assistant", "content": request.reask.answer})
        messages.append({"role": "user", "content": request.reask.complaint})
    return messages


def _content(request: Request, capabilities: Capabilities) -> orjson.Fragment | list[dict[str, Any]]:
    if not _marked(request, capabilities):
        return json_text(chain.from_iterable(parts(request)))
    content: list[dict[str, Any]] = [{"type": "text", "text": json_text(part)} for part in parts(request)]
    for part, block in zip(content, request.blocks, strict=True):
        if block.breakpoint:
            part["prompt_cache_breakpoint"] = {"mode": "explicit"}
    return content


def _marked(request: Request, capabilities: Capabilities) -> bool:
    shared = capabilities.cache_control and request.cache_group
    return bool(shared) and any(block.breakpoint for block in request.blocks)


def _cache_fields(request: Request, capabilities: Capabilities) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if capabilities.cache_control:
        # Without this the API also writes the whole prompt, rubric included, at 1.25 times the price of reading it,
        # and nobody ever asks for that prefix again.
        fields["prompt_cache_options"] = {"mode": "explicit"}
    if capabilities.cache_key and request.cache_group:
        key = request.cache_group
        if len(key) > _CACHE_KEY_CHARACTERS:
            key = sha256(key.encode()).hexdigest()[:_CACHE_KEY_CHARACTERS]
        fields["prompt_cache_key"] = key
    return fields


def _max_tokens(request: Request) -> int:
    """One token is enough for a choice, unless the model reasons first: reasoning counts as output."""
    if request.choices and request.sampling.reasoning_effort in (None, "none"):
        return 1
    return request.sampling.max_tokens


def decode(raw: bytes) -> Completion:
    """Read a chat completion, or the error body of a prompt that the content filter blocked."""
    body = load(raw, who="the provider")
    if error := body.get("error"):
        if completion := _blocked(raw, body):
            return completion
        raise error_in_body(error, who="the provider")
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        if "choices" in body or isinstance(body.get("usage"), dict):
            return unreadable(raw, body, NAME, _usage(body.get("usage")))
        raise ProviderUnavailable("the provider's answer has neither choices nor usage")
    choice = choices[0]
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    refusal = message.get("refusal")
    stop = _STOPS.get(str(choice.get("finish_reason")), "other")
    text = _text(message.get("content"))
    return Completion(
        raw=raw,
        dialect=NAME,
        text=text,
        stop="refusal" if refusal else stop,
        usage=_usage(body.get("usage")),
        model=str(body.get("model") or ""),
        detail=shorten(str(refusal)) if refusal else "",
        logprobs=_logprobs(choice),
    )


def blocked(raw: bytes) -> Completion | None:
    """The completion that an error's body amounts to where it says that the content filter blocked the prompt."""
    try:
        body = load(raw, who="the provider")
    except ProviderUnavailable:
        return None
    return _blocked(raw, body)


def _blocked(raw: bytes, body: dict[str, Any]) -> Completion | None:
    error = body.get("error")
    if not isinstance(error, dict) or error.get("code") not in FILTER_CODES:
        return None
    detail = shorten(str(error.get("message") or error.get("code")))
    model = str(body.get("model") or "")
    return Completion(raw, NAME, "", "content_filter", _usage(body.get("usage")), model, detail)


def _text(content: object) -> str:
    if isinstance(content, list):  # a few servers answer in parts
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    text = content if isinstance(content, str) else ""
    return _THOUGHT.sub("", text, count=1) if text.lstrip().startswith("<think>") else text


def _usage(usage: object) -> Usage:
    prompt, answer = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    return Usage(
        input=prompt,
        cached=count(usage, "prompt_tokens_details", "cached_tokens"),
        cache_written=count(usage, "prompt_tokens_details", "cache_write_tokens"),
        output=answer,
        reasoning=count(usage, "completion_tokens_details", "reasoning_tokens"),
    )


def _logprobs(choice: dict[str, Any]) -> dict[str, float]:
    """The most likely first answer tokens, as the server spells them (a leading blank is part of a token)."""
    logprobs = choice.get("logprobs")
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not isinstance(tokens, list) or not tokens or not isinstance(tokens[0], dict):
        return {}
    found: dict[str, float] = {}
    top = tokens[0].get("top_logprobs")
    for entry in (*(top if isinstance(top, list) else ()), tokens[0]):
        if not isinstance(entry, dict):
            continue
        token, value = entry.get("token"), entry.get("logprob")
        if isinstance(token, str) and isinstance(value, int | float):
            found.setdefault(token, float(value))
    return found
