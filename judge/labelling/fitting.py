"""What of a plan follows from the model: settings that it takes, and how much of a transcript goes into one request."""

from collections.abc import Mapping
from typing import Any

from judge.errors import UsageError
from judge.grader import Grader
from judge.request import Capabilities, Sampling
from judge.runs import Manifest
from judge.tokens import estimate_tokens

OVERHEAD_TOKENS = 500
"""Kept free in the context beside rubric and answer: system text, chat template, and estimates that are a little off."""


def sampling_for(
    model: str, capabilities: Capabilities, given: Mapping[str, Any], samples: int, before: Manifest | None
) -> Sampling:
    """The user's settings over defaults: temperature 0 where the model takes one and each question is asked once."""
    left = dict(given)
    for name, kinds in (("max_tokens", int), ("temperature", int | float), ("reasoning_effort", str)):
        if name in left and (isinstance(left[name], bool) or not isinstance(left[name], kinds)):
            raise UsageError(f"--set {name}=... has the wrong kind of value", found=repr(left[name]))
    temperature = 0.0 if capabilities.temperature and samples == 1 else None
    if before is not None:
        temperature = before.sampling.get("temperature")
    chosen = Sampling(
        max_tokens=left.pop("max_tokens", capabilities.max_output_tokens),
        temperature=left.pop("temperature", temperature),
        reasoning_effort=left.pop("reasoning_effort", None),
        extra=left,
    )
    if chosen.temperature is not None and not capabilities.temperature:
        raise UsageError(f"{model} takes no temperature", do="leave --set temperature=... out")
    return chosen


def window_tokens(
    graders: tuple[Grader, ...], capabilities: Capabilities, sampling: Sampling, model: str
) -> int:
    """What the context leaves for the transcript: not the rubric, the answer, nor a second answer after a re-ask."""
    from judge.grader.prompt import rubric_text, system_text

    longest = max(estimate_tokens(rubric_text(g, None)) + estimate_tokens(system_text(g)) for g in graders)
    left = capabilities.context_tokens - longest - 2 * sampling.max_tokens - OVERHEAD_TOKENS
    if left < OVERHEAD_TOKENS:
        raise UsageError(
            f"the context of {model} is too small for these rubrics",
            found=f"{capabilities.context_tokens} tokens of context, about {longest} of rubric, 2 x {sampling.max_tokens} of answer",
            do="use a model with a longer context, or lower --set max_tokens=N",
        )
    return left
