"""``judge`` within this process: the real entry point, without the second that a new interpreter takes."""

import io
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from judge.cli import main
from tests.cli.command import MODEL, Command
from tests.loopback import Server


class Here(Command):
    """Runs commands in this process; ``start`` still starts one of its own."""

    def __init__(self, folder: Path, server: Server | None = None) -> None:
        super().__init__(folder, server)
        self.asks = ("--model", MODEL, "--base-url", self.url)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        out, err = io.StringIO(), io.StringIO()
        with (
            mock.patch.dict(os.environ, self.env),
            mock.patch.object(sys, "argv", ["judge", *arguments]),
            chdir(self.folder),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            code: object = 0
            try:
                main()
            except SystemExit as end:
                code = end.code
        return subprocess.CompletedProcess(arguments, int(code or 0), out.getvalue(), err.getvalue())  # type: ignore[call-overload]
