"""Which family a model belongs to, by its name; and whether judge and subject are of one."""

import re

from judge.rates.question import Answers
from judge.stats.reasons import reason

SUBJECT_KEYS = ("family", "model_family", "model", "subject", "target_model")
_ALIASES = {"o": "gpt", "chatgpt": "gpt", "openai": "gpt", "anthropic": "claude", "codex": "gpt"}


def family(model: str) -> str:
    """The first word of a model's own name, without maker and version; empty where there is none.

    >>> family("openai/gpt-4.1-mini"), family("anthropic/claude-sonnet-4"), family("o3"), family("compatible/Qwen/Qwen3-8B")
    ('gpt', 'claude', 'gpt', 'qwen')
    """
    word = re.match(r"[a-z]+", model.rsplit("/", 1)[-1].lower())
    return _ALIASES.get(word[0], word[0]) if word else ""


def same_family(found: Answers) -> tuple[str, ...]:
    """The warning, where metadata names a subject of the judge's own family."""
    judge = family(found.rater.model)
    subjects = {
        str(item.metadata[key])
        for item in found.items
        if item.metadata
        for key in SUBJECT_KEYS
        if key in item.metadata
    }
    alike = sorted(name for name in subjects if judge and family(name) == judge)
    return (reason("same-family", f"{found.rater.model} and {', '.join(alike[:3])}"),) if alike else ()
