"""The history of a grader in a terminal."""

import pytest

from judge.cli import histories
from judge.comparison.history import Version
from judge.estimate import Estimate


def test_every_column_is_there_where_the_terminal_has_80(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    kappa = Estimate(0.957, 0.83, 1.0, n=57)
    row = Version("x", 2, "18f34a5bc976ffff", "openai/model", "2026-11-26", "", (), 57, 3, 0.01234, kappa)
    histories.show([row])
    said = capsys.readouterr().out
    for cell in ("2026-11-26", "18f34a5bc976", "openai/model", "57", "3", "0.96", "[0.83, 1.00]", "0.01234"):
        assert cell in said
    assert max(map(len, said.splitlines())) <= 80
