"""What the dialects share: reading JSON from strangers, and the text of a request's blocks."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from judge.errors import JudgeError, ProviderRejected, ProviderUnavailable, UsageError
from judge.request import Completion, Request, Usage

SEPARATOR = "\n\n"
"""Stands before every block but the first, so that a model reads the same text whether blocks are sent apart or joined."""

DETAIL_CHARACTERS = 500
"""Providers echo prompts in their errors; records keep this much."""

_TAG = re.compile(r" \([^()]+\)\Z")
_STATUS = re.compile(r"[1-5][0-9]{2}")


def parts(request: Request) -> list[tuple[str, ...]]:
    """The user message's parts, each in pieces. Joined without anything between them they are the whole message."""
    first, *rest = request.blocks
    return [first.pieces, *((SEPARATOR, *block.pieces) for block in rest)]


def json_text(pieces: Iterable[str]) -> orjson.Fragment:
    """One JSON string of all the pieces. Escaping looks at one character at a time, so it may be done piece by piece."""
    try:
        escaped = [orjson.dumps(piece)[1:-1] for piece in pieces]
    except TypeError as error:
        raise _not_json(error) from error
    return orjson.Fragment(b"".join((b'"', *escaped, b'"')))


def wire_model(request: Request, model: str | None) -> str:
    """The name that the provider knows: ``openai/gpt-x`` is ``gpt-x`` on the wire, ``compatible/m (tag)`` is ``m``."""
    if model is not None:
        return model
    provider, _, name = request.model.partition("/")
    return (_TAG.sub("", name) if provider == "compatible" else name) or request.model


def add_extra(body: dict[str, Any], request: Request, reserved: frozenset[str]) -> bytes:
    """Serialise a body with the sampling's further fields, sorted, so that equal requests are equal bytes."""
    extra = request.sampling.extra
    if clash := sorted(name for name in extra if name in body or name in reserved):
        raise UsageError(
            f"the extra body fields {', '.join(clash)} are set by the request itself",
            expected="fields that the request does not know, such as top_p, seed or service_tier",
            do="use the option of the run that is meant for it",
        )
    body.update((name, extra[name]) for name in sorted(extra))
    try:
        return orjson.dumps(body)
    except TypeError as error:
        raise _not_json(error) from error


def _not_json(error: TypeError) -> UsageError:
    return UsageError(
        "the request cannot be written as JSON",
        found=str(error),
        expected="JSON values in schema and extra fields, and text without lone surrogates",
    )


def load(raw: bytes, *, who: str) -> dict[str, Any]:
    """The answer's JSON object."""
    try:
        body = _json(raw)
    except (ValueError, RecursionError) as error:
        end = raw[-40:].decode(errors="replace")
        raise ProviderUnavailable(
            f"{who} sent a body of {len(raw)} bytes that is cut or not JSON; it ends in {end!r}"
        ) from error
    if not isinstance(body, dict):
        raise ProviderUnavailable(f"{who} sent JSON that is no object but {type(body).__name__}")
    return body


def _json(raw: bytes) -> Any:
    """JSON, read as leniently as servers write it: half a surrogate pair becomes a question mark, NaN becomes null."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        lenient = json.loads(raw, parse_constant=lambda _: None)
        return orjson.loads(json.dumps(lenient, ensure_ascii=False).encode(errors="replace"))


def unreadable(raw: bytes, body: dict[str, Any], dialect: str, usage: Usage) -> Completion:
    """The completion for a whole answer without anything to read in it: what was billed is kept, not bought again."""
    return Completion(raw, dialect, "", "other", usage, str(body.get("model") or ""))


def error_in_body(error: object, *, who: str) -> JudgeError:
    """The exception for an answer with status 200 whose body says that something went wrong, as gateways send them."""
    fields: Mapping[str, Any] = error if isinstance(error, dict) else {"message": str(error)}
    message = shorten(str(fields.get("message") or fields))
    code = fields.get("code") or fields.get("type")
    status = int(code) if code and _STATUS.fullmatch(str(code)) else 0
    what = f"{who} answered with an error: {message}"
    busy = status in (408, 409, 429) or status >= 500  # noqa: PLR2004  (HTTP's numbers)
    if busy or code in ("overloaded_error", "api_error", "rate_limit_error", "timeout_error", "server_error"):
        return ProviderUnavailable(what, status=status)
    return ProviderRejected(what, status=status)


def shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= DETAIL_CHARACTERS else text[: DETAIL_CHARACTERS - 1] + "…"


def count(fields: object, *path: str) -> int:
    """A token count somewhere in the usage; 0 where the provider leaves it out or sends null."""
    for name in path:
        fields = fields.get(name) if isinstance(fields, dict) else None
    return fields if isinstance(fields, int) and fields >= 0 else 0
