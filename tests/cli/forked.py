"""Processes of ``judge`` that need not import it again: a fork server has done so once, and each command is a fork of it.

A command is still a process of its own, with its own folder, environment, standard streams, signals and exit code. What it
shares with the others is what importing leaves behind: the seed of hashes, and settings that libraries read while they are
imported. Where these matter, or the start itself, ``Command.start_anew`` starts an interpreter instead.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

PRELOAD = (
    "judge.cli",
    "judge.annotate.serve",
    "judge.annotate.session",
    "judge.attacks",
    "judge.calibration",
    "judge.comparison",
    "judge.iteration",
    "judge.labelling.job",
    "judge.linting",
    "judge.rates",
    "judge.report",
    "judge.stats.selftest",
    "aiohttp",
    "anthropic",
    "genai_prices.data",
    "genai_prices.data_units",
    "genai_prices.decompose",
    "genai_prices.validation",
    "openai",
    "pandas",
    "pyarrow.compute",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "rich._emoji_codes",
    "rich.emoji",
    "rich.jupyter",
    "rich.live",
    "rich.progress_bar",
    "rich.table",
    "scipy.stats",
    "typer._adapters",
)
"""What takes long to import. A name that is gone makes commands slower, and changes nothing else."""


class Forked:
    """As much of ``subprocess.Popen`` as tests use."""

    def __init__(
        self,
        arguments: Sequence[str | os.PathLike[str]],
        folder: Path,
        env: Mapping[str, str],
        streams: Mapping[int, IO[str]] | None = None,
    ) -> None:
        theirs = {fd: stream.fileno() for fd, stream in (streams or {}).items()}
        ours, passed = {}, []
        if 0 not in theirs:
            theirs[0] = os.open(os.devnull, os.O_RDONLY)
            passed.append(theirs[0])
        for fd in {1, 2} - theirs.keys():
            ours[fd], theirs[fd] = os.pipe()
            passed.append(theirs[fd])
        self._process = _server().Process(
            target=_judge,
            args=(
                [os.fspath(one) for one in arguments],
                str(folder),
                dict(env),
                [_End(theirs[fd]) for fd in range(3)],
            ),
        )
        self._process.start()
        for fd in passed:
            os.close(fd)
        self.stdout, self.stderr = (os.fdopen(ours[fd]) if fd in ours else None for fd in (1, 2))

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("judge", timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        with ThreadPoolExecutor(2) as readers:
            read = [readers.submit(_drained, stream) for stream in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()  # else the readers would never end
                raise
            out, err = (found.result() for found in read)
        return out, err


def _drained(stream: IO[str] | None) -> str:
    if stream is None or stream.closed:
        return ""
    with stream:
        return stream.read()


class _End:
    """A descriptor that goes along to the process."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __reduce__(self) -> tuple[Any, ...]:
        return _detached, (DupFd(self.fd),)


def _detached(duplicate: Any) -> int:
    fd: int = duplicate.detach()
    return fd


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOAD))
    return context


def _judge(arguments: list[str], folder: str, env: dict[str, str], ends: list[int]) -> None:
    """In the child: what the interpreter would have set up, and the entry point."""
    from judge.cli import main

    for fd, end in enumerate(ends):
        os.dup2(end, fd)
        os.close(end)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["judge", *arguments]
    main()
