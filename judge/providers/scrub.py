"""Keeps keys out of whatever is shown, logged or stored: providers echo them in their errors."""

import re
from collections.abc import Iterable

from pydantic import SecretStr

HIDDEN = "[key]"

# What keys and the headers that carry them look like, for those that are not ours to know: a gateway's own, a part of
# one with asterisks in the middle.
_LOOKS_SECRET = (
    re.compile(
        r"(?i)\b(authorization|x-api-key|api-key)\b(['\"]?\s*[:=]\s*['\"]?)(?:(?:bearer|basic)\s+)?[^\s'\",}]+"
    ),
    re.compile(r"(?i)\b(bearer|basic)(\s+)[A-Za-z0-9._~+/=*-]{8,}"),
    re.compile(r"()()\bsk-[A-Za-z0-9_*-]{6,}"),
)
_SHORTEST_KEY = 4
"""A key of one letter would blank every word that has it."""


def scrub(text: str, secrets: Iterable[SecretStr] = ()) -> str:
    """The text without these secrets and without anything that looks like a key.

    >>> scrub("Incorrect API key provided: sk-abc***wxyz.", [SecretStr("other")])
    'Incorrect API key provided: [key].'
    """
    for secret in secrets:
        value = secret.get_secret_value()
        if len(value) >= _SHORTEST_KEY:
            text = text.replace(value, HIDDEN)
    for pattern in _LOOKS_SECRET:
        text = pattern.sub(rf"\1\2{HIDDEN}", text)
    return text


def blank(raw: bytes, secrets: Iterable[SecretStr]) -> bytes:
    """An answer without these secrets: what a server echoes in it would be stored with it.

    >>> blank(b'{"you": "other"}', [SecretStr("other")])
    b'{"you": "[key]"}'
    """
    for secret in secrets:
        value = secret.get_secret_value().encode()
        if len(value) >= _SHORTEST_KEY:
            raw = raw.replace(value, HIDDEN.encode())
    return raw
