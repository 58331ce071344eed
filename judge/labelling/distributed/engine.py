"""Ray: a cluster on this machine or another, and what can go wrong with one.

Nothing here is imported unless ``--engine ray`` is asked for.
"""

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import tempfile
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from judge.errors import JudgeError, UsageError
from judge.labelling.distributed.desk import Desk
from judge.labelling.distributed.fleet import Fleet, WorkerLost
from judge.labelling.distributed.worker import Outcome, Task, label_shard, place
from judge.labelling.job import Options
from judge.labelling.pipeline import Plan
from judge.request import Capabilities, Provider
from judge.store import Store

CONNECT_SECONDS = 10.0
"""For which an address is tried."""

LEAVE_SECONDS = 10.0
"""For which calls to a desk that was ended may take to notice."""

OBJECT_STORE = 80 * 2**20
"""Bytes of shared memory for a cluster of our own, hardly used: what passes between processes is small."""

MOST_OF_A_CPU = 0.5
"""What a worker asks the cluster for at most: it waits for the network."""


@dataclass(frozen=True)
class RayEngine:
    """``--engine ray[://address]``.

    Args:
        address: ``ray://host:port`` of a cluster's client server, ``auto`` for the cluster that this machine belongs to,
            or empty: what ``RAY_ADDRESS`` says, else a cluster of our own on this machine, for as long as the run lasts.
        workers: In how many parts, and by how many workers at once.
    """

    address: str
    workers: int

    @classmethod
    def parse(cls, text: str, workers: int) -> "RayEngine":
        """Raises UsageError.

        >>> RayEngine.parse("ray", 2), RayEngine.parse("ray://auto", 2), RayEngine.parse("ray://head:10001", 2)
        (RayEngine(address='', workers=2), RayEngine(address='auto', workers=2), RayEngine(address='ray://head:10001', workers=2))
        """
        name, separator, rest = text.partition("://")
        if name != "ray" or (separator and not rest):
            raise UsageError(
                "there is no such engine", found=repr(text), expected="ray, ray://auto or ray://HOST:PORT"
            )
        return cls(rest if rest in ("", "auto") else text, workers)

    def invocation(self, options: Options, plan: Plan, provider: Provider, store: Store) -> Fleet:
        if find_spec("ray") is None:
            raise UsageError("--engine ray needs Ray, which is not installed", do="pip install '.[ray]'")
        if options.model.startswith("local"):
            raise UsageError(
                "an embedded model and --engine do not go together: it has a whole machine for itself",
                found=options.model,
                do="leave --engine out, or serve the model and name its address with compatible/ and --base-url",
            )
        return Fleet(self._connect, self.workers, options, plan, (provider, store))

    def _connect(
        self, ceiling: int, capabilities: Capabilities, limit: float | None, spent: float
    ) -> "RayCluster":
        cluster = RayCluster(self.address, self.workers)
        try:
            cluster.open_desk(ceiling, capabilities, limit, spent)
        except BaseException:
            cluster.close()
            raise
        return cluster


class RayCluster:
    """A connection to a cluster, with a desk on it. Where none is named, one that this process had already is used, and left.

    Args:
        address: As ``RayEngine`` has it.
        workers: How many are to have room.
        cpus: How many a cluster of our own counts; else all of the machine.
    """

    def __init__(self, address: str, workers: int, cpus: int | None = None) -> None:
        self._cleaning = contextlib.ExitStack()
        named, address = bool(address), address or os.environ.get("RAY_ADDRESS", "")
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        if not address:
            _keep_to_this_machine()
        import ray

        self._ray: Any = ray
        if named or not self._ray.is_initialized():
            self._init(address, cpus)
            self._cleaning.callback(self._ray.shutdown)
        there = self._ray.cluster_resources().get("CPU", 0.0)
        # Half of what there is, at the most: reserving all of a small cluster leaves no room for anything, and hangs.
        self._cpus = int(1000 * min(MOST_OF_A_CPU, there / (2 * workers))) / 1000
        self._desk: Any = None
        self._asked: set[asyncio.Future[Any]] = set()

    @property
    def address(self) -> str:
        """Where other processes of this machine join it."""
        return str(self._ray.get_runtime_context().gcs_address)

    def _init(self, address: str, cpus: int | None) -> None:
        given: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address:
            _reach(address)
        else:
            # Paths of sockets may not be long, so not wherever TMPDIR is.
            short = "/tmp" if Path("/tmp").is_dir() else None  # noqa: S108  (a new folder in it, of our own)
            folder = tempfile.TemporaryDirectory(prefix="judge-ray-", dir=short, ignore_cleanup_errors=True)
            self._cleaning.enter_context(folder)
            given |= {
                "num_cpus": cpus,
                "include_dashboard": False,
                "_temp_dir": folder.name,
                "object_store_memory": OBJECT_STORE,
            }
        try:
            self._ray.init(address=address or "local", **given)
        except Exception as error:
            self._cleaning.close()
            what = (
                f"cannot join the Ray cluster at {address}" if address else "cannot start Ray on this machine"
            )
            raise UsageError(
                what,
                found=f"{type(error).__name__}: {error}"[:500],
                do="check that the address is the client server's (port 10001, not 6379), and that Ray and Python have the same version there and here"
                if address
                else "try again when the machine is less busy, or start a cluster with `ray start --head` and say --engine ray://auto",
            ) from error

    def open_desk(self, ceiling: int, capabilities: Capabilities, limit: float | None, spent: float) -> None:
        actor = self._ray.remote(num_cpus=0, max_concurrency=10_000)(Desk)
        self._desk = actor.remote(ceiling, capabilities, limit, spent)

    async def ask(self, what: str, *given: Any) -> Any:
        # Not cancelled with whoever waits: Ray's client would print a traceback for each.
        asked = asyncio.ensure_future(_reply_of(getattr(self._desk, what).remote(*given)))
        self._asked.add(asked)
        asked.add_done_callback(self._answered)
        try:
            return await asyncio.shield(asked)
        except self._ray.exceptions.RayActorError as error:
            raise JudgeError(
                "the process that holds the run's budgets is lost",
                found=str(error).splitlines()[0],
                do="run the same command again: it goes on where it was",
            ) from error

    async def work(self, task: Task, name: str) -> Outcome:
        errors = self._ray.exceptions
        remote = self._ray.remote(num_cpus=self._cpus, max_retries=0, scheduling_strategy="SPREAD")(_work)
        running = remote.remote(task, self._desk, name)
        try:
            outcome: Outcome = await running
        except errors.RayTaskError:
            raise
        except errors.RayError as error:
            raise WorkerLost(type(error).__name__) from error
        except asyncio.CancelledError:
            self._ray.cancel(running, force=True)
            raise
        return outcome

    def _answered(self, asked: asyncio.Future[Any]) -> None:
        self._asked.discard(asked)
        if not asked.cancelled():
            asked.exception()  # looked at: perhaps nobody waits for it any more

    async def leave(self) -> None:
        if self._desk is not None:
            self._ray.kill(self._desk)
        if self._asked:  # they end with the desk
            await asyncio.wait(list(self._asked), timeout=LEAVE_SECONDS)
        self.close()

    def close(self) -> None:
        """Leave the cluster, and end it where it is our own."""
        self._cleaning.close()


async def _reply_of(reference: Any) -> Any:
    return await reference


def _work(task: Task, desk: Any, name: str) -> Outcome:
    """What Ray runs in a worker's process."""
    return label_shard(task, partial(desk.tell.remote, name), partial(desk.listen.remote, name), place())


def _keep_to_this_machine() -> None:
    """A cluster of our own listens on loopback alone, and to those only who know a token that dies with it.

    Ray would else listen on every interface, and leave a token in the home directory.
    """
    os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    if "RAY_AUTH_MODE" not in os.environ:
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}


def _reach(address: str) -> None:
    """Raise UsageError where nobody listens: Ray itself would try for minutes."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if address == "auto" or not parts.hostname or not parts.port:
        return
    try:
        socket.create_connection((parts.hostname, parts.port), CONNECT_SECONDS).close()
    except OSError as error:
        raise UsageError(
            "there is no Ray cluster at this address",
            where=address,
            found=str(error),
            expected="ray://HOST:PORT of a cluster's client server (port 10001, if nobody said otherwise)",
            do="check that the cluster runs and can be reached from here",
        ) from error
