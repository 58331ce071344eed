"""The examples in the docstrings."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import judge.rates

MODULES = sorted(
    path.stem for path in Path(judge.rates.__file__).parent.glob("*.py") if path.stem != "__init__"
)


@pytest.mark.parametrize("name", MODULES)
def test_every_example_gives_what_it_says(name):
    assert doctest.testmod(import_module(f"judge.rates.{name}")).failed == 0


def test_the_word_that_must_not_be_said_is_not_said():
    for path in Path(judge.rates.__file__).parent.glob("*.py"):
        assert "eliminated" not in path.read_text().lower()
