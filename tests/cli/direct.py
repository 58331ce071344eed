"""``judge`` within this process: the same ``main``, the same words and exit codes, without a second's start each time."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from unittest import mock

from judge.cli import main
from tests.cli.command import Command


class Direct(Command):
    """A ``Command`` whose ``run`` starts no process. ``said`` keeps everything that was ever printed."""

    said = ""

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.folder),
            mock.patch.dict(os.environ, self.env, clear=True),
            mock.patch.object(sys, "argv", ["judge", *arguments]),
            mock.patch.object(sys, "stdin", io.StringIO()),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = _left_with(main)
        self.said += out.getvalue() + err.getvalue()
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def _left_with(entry: Callable[[], None]) -> int:
    try:
        entry()
    except SystemExit as left:
        return int(left.code or 0)
    return 0


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
