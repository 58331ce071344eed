"""Which family a model is of, read from its name: models of one family share mistakes and tastes."""

import re

_FAMILIES = {
    "claude": r"claude|anthropic",
    "gpt": r"gpt|openai|chatgpt|davinci|(?<![a-z])o[134](?![a-z0-9])|codex",
    "gemini": r"gemini|gemma|palm|google",
    "llama": r"llama|vicuna|alpaca",
    "qwen": r"qwen|qwq",
    "mistral": r"mi[sx]tral|magistral|ministral|codestral",
    "deepseek": r"deepseek",
    "grok": r"grok|xai",
    "phi": r"(?<![a-z])phi-?\d",
    "command": r"command-?[ar]|cohere|(?<![a-z])aya",
    "olmo": r"olmo|tulu",
    "kimi": r"kimi|moonshot",
    "glm": r"(?<![a-z])glm|zhipu|z-ai",
    "smollm": r"smollm",
    "nova": r"amazon|(?<![a-z])nova",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _FAMILIES.items()}


def family(model: str) -> str:
    """The family that a model's name tells of, or the empty string where it tells of none.

    The model's own name counts before whoever serves it, and of two families the one named first (a distilled model keeps
    its teacher's name in front).

    >>> family("anthropic/claude-sonnet-5"), family("compatible/meta-llama/Llama-4"), family("openai/gpt-5"), family("ours")
    ('claude', 'llama', 'gpt', '')
    """
    for text in (model.lower().rpartition("/")[2], model.lower()):
        found = {name: match.start() for name, p in _PATTERNS.items() if (match := p.search(text))}
        if found:
            return min(found, key=lambda name: found[name])
    return ""
