"""What people are told while something takes long."""

import time
from pathlib import Path

from judge.cli.terminal import followed


def test_what_is_slow_is_named_on_stderr(capsys):
    paths = [Path("a.jinja"), Path("b.jinja")]
    told, seen = "", []
    deadline = time.monotonic() + 60
    for path in followed(paths, "checking", patience=0.01):
        seen.append(path)
        while f"checking {path.name} ({len(seen)} of 2)" not in told and time.monotonic() < deadline:
            told += capsys.readouterr().err
            time.sleep(0.01)
        time.sleep(0.05)  # long enough to be told again, which would be noise
    told += capsys.readouterr().err
    assert seen == paths
    assert told.splitlines() == ["checking a.jinja (1 of 2)", "checking b.jinja (2 of 2)"]


def test_what_is_quick_is_not(capsys):
    assert list(followed([Path("a.jinja")], "checking", patience=60)) == [Path("a.jinja")]
    assert list(followed([], "checking")) == []
    assert capsys.readouterr() == ("", "")
