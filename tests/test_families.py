"""Which family a model is of, as far as its name tells."""

import doctest

import pytest

from judge import visible
from judge.grader import gates
from judge.ratings import families
from judge.ratings.families import family


@pytest.mark.parametrize("module", [families, gates, visible])
def test_the_examples_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai/o3-mini", "gpt"),
        ("openai/gpt-oss-120b", "gpt"),
        ("compatible/deepseek-r1-distill-llama-70b", "deepseek"),
        ("compatible/mixtral-8x22b", "mistral"),
        ("local/smollm2-135m", "smollm"),
        ("local:/models/Phi-4.gguf", "phi"),
        ("offline/claude", "claude"),
        ("checkpoint-4000", ""),
        ("foo3", ""),
        ("", ""),
    ],
)
def test_families(name, expected):
    assert family(name) == expected
