"""Texts and files with faults in them: what a cut connection, a careless script or a hostile model makes of good ones."""

import random
from collections.abc import Sequence

TOKENS = (
    *("{", "}", "[", "]", '"', "\\", ",", ":", "\n", "\r", "\t", "\0", " "),
    *("NaN", "Infinity", "-Infinity", "1e999", "-0", "9" * 400, "null", "true", "''"),
    *(
        "\\ud800",
        "\\udfff",
        "\\u0000",
        "\ud83d".encode("utf-8", "surrogatepass").decode("latin-1"),
        "\u202e",
        "\u200b",
    ),
    *("```json\n", "```", "<think>", "</think>", "<|im_end|>", "⟦end of transcript 0⟧", "<tool_call>"),
    *(
        '"labels":',
        '"labels": []',
        '"evidence": [',
        '"facet": ',
        '{"rationale": "", "evidence": [], "labels": []}',
    ),
    *("[" * 3000, "{" * 3000, '{"a":' * 3000, '"' * 999, "\\" * 999, "é", "漢", "\U0001f980", "\x1b[31m"),
)


def mutated(rng: random.Random, text: str, others: Sequence[str], rounds: int = 4) -> str:
    """The text after one fault, or sometimes ``rounds``: cut, repeated, swapped, spliced with another, or with tokens put in."""
    for _ in range(rng.choice((1, 1, 1, rounds))):
        text = _FAULTS[rng.randrange(len(_FAULTS))](rng, text, others)
    return text


def mutated_bytes(rng: random.Random, data: bytes, others: Sequence[bytes], rounds: int = 6) -> bytes:
    """The same for bytes, where single bits may flip and nothing needs to be text."""
    out = bytearray(data)
    for _ in range(rng.randint(1, rounds)):
        kind, at = rng.randrange(7), rng.randrange(len(out) + 1)
        end = min(len(out), at + rng.choice((1, 2, 8, 64, 1024)))
        if kind == 0 and out:
            out[at % len(out)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del out[at:end]
        elif kind == 2:
            out[at:at] = out[at:end] * rng.choice((1, 2, 50))
        elif kind == 3:
            out[at:at] = rng.choice(TOKENS).encode("utf-8", "surrogatepass")
        elif kind == 4:
            del out[at:]
        elif kind == 5:
            out[at:end] = rng.randbytes(end - at)
        else:
            other = rng.choice(others)
            cut = rng.randrange(len(other) + 1)
            out[at:end] = other[cut : cut + rng.choice((4, 200, 5000))]
    return bytes(out)


def noise(rng: random.Random, length: int = 400) -> str:
    """Text that nobody meant: tokens and characters at random."""
    return "".join(_piece(rng) for _ in range(rng.randint(0, length // 10)))


def _piece(rng: random.Random) -> str:
    if rng.random() < 0.4:
        return rng.choice(TOKENS)
    return chr(rng.choice((rng.randrange(32, 127), rng.randrange(0xD7FF))))


def _cut(rng: random.Random, text: str, _: Sequence[str]) -> str:
    return text[: rng.randrange(len(text) + 1)]


def _without(rng: random.Random, text: str, _: Sequence[str]) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + text[at + rng.choice((1, 1, 3, 40)) :]


def _with_token(rng: random.Random, text: str, _: Sequence[str]) -> str:
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(TOKENS) + text[at:]


def _repeated(rng: random.Random, text: str, _: Sequence[str]) -> str:
    at, size = rng.randrange(len(text) + 1), rng.choice((1, 10, 100))
    return text[:at] + text[at : at + size] * rng.choice((2, 2, 30)) + text[at + size :]


def _spliced(rng: random.Random, text: str, others: Sequence[str]) -> str:
    other = rng.choice(others)
    return text[: rng.randrange(len(text) + 1)] + other[rng.randrange(len(other) + 1) :]


def _swapped(rng: random.Random, text: str, others: Sequence[str]) -> str:
    """One word for another one of some answer: labels and facets of other rubrics, mostly."""
    words = text.split('"')
    if len(words) < 3:
        return text
    words[rng.randrange(1, len(words), 2)] = rng.choice(rng.choice(others).split('"'))
    return '"'.join(words)


def _wrapped(rng: random.Random, text: str, others: Sequence[str]) -> str:
    other = rng.choice(others)
    return rng.choice(
        (
            f"```json\n{text}\n```",
            f"<think>{other}</think>\n{text}",
            f"{other}\n{text}",
            f'{{"answer": {text}}}',
        )
    )


_FAULTS = (_cut, _without, _with_token, _repeated, _spliced, _swapped, _wrapped)
