"""The provider as a process of its own, for benchmarks of CPU and for tests of commands."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_ROOT = Path(__file__).resolve().parents[2]


class Spawned:
    """A loopback provider that prints its port and runs until it is closed, whatever language it is written in."""

    def __init__(self, command: Sequence[str | Path]) -> None:
        # It ends when its standard input does, so that it cannot outlive a benchmark that was killed.
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line.strip().isdecimal():
            raise RuntimeError(f"{command} did not print its port but {line!r}")
        self.port = int(line)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        return self.url

    def stats(self) -> dict[str, Any]:
        """The server's counters."""
        with urllib.request.urlopen(f"{self.url}/stats", timeout=60) as response:
            found: dict[str, Any] = json.load(response)
        return found

    def close(self) -> None:
        if self._process.stdin and self._process.stdout:
            self._process.stdin.close()
            self._process.wait(timeout=60)
            self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Process(Spawned):
    """Runs ``python -m tests.loopback`` with these flags until it is closed."""

    def __init__(self, *flags: str) -> None:
        super().__init__([sys.executable, "-m", "tests.loopback", *flags])
