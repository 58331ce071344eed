"""What every test gets: no network beyond loopback, no keys of the person who runs them, and a provider to talk to."""

import os
import runpy
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.loopback import Server

_GUARD = Path(__file__).parent / "guard"

# Processes that tests start inherit the path, and with it the guard.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_GUARD), os.environ.get("PYTHONPATH", "")]))
runpy.run_path(str(_GUARD / "sitecustomize.py"))

# Property tests take the same examples in every run, here as in CI, and no example is timed: how long one takes says more
# of the machine than of the code (the first text of a process makes Hypothesis read all of Unicode). Whoever changes a
# parser looks for new examples with ``pytest --hypothesis-profile=search``.
_UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", _UNTIMED)
settings.register_profile("suite", _UNTIMED, derandomize=True, database=None)
settings.load_profile("suite")

_NAMES = ("OPENAI_", "ANTHROPIC_", "JUDGE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _no_keys_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith(_NAMES):
            monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[Server]:
    """A provider on loopback; see ``tests.loopback``."""
    with Server() as running:
        yield running
