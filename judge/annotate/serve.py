"""Run the page on a loopback port until somebody stops it."""

import os
import socket
import sys
import threading
from collections.abc import Callable

import uvicorn

from judge import address
from judge.annotate.app import application
from judge.annotate.desk import Desk
from judge.annotate.guard import Keys
from judge.errors import UsageError


def listen(port: int | None) -> socket.socket:
    """A socket on 127.0.0.1: on the port asked for, else on the usual one, else on any that is free."""
    wanted = [port] if port is not None else [address.PORT, 0]
    for number in wanted:
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(("127.0.0.1", number))
        except OSError as error:
            found.close()
            if number == wanted[-1]:
                raise UsageError(
                    "cannot listen there", where=f"127.0.0.1:{number}", found=error.strerror or str(error)
                ) from error
        else:
            found.listen(128)
            return found
    raise AssertionError(wanted)


def serve(desk: Desk, listener: socket.socket, opened: Callable[[Callable[[], str]], None]) -> None:
    """Serve until interrupted.

    Args:
        desk: What is shown and taken.
        listener: From ``listen``.
        opened: Called once the server answers, with a function that makes a fresh link.
    """
    port = listener.getsockname()[1]
    keys = Keys(port)

    def link() -> str:
        return f"http://127.0.0.1:{port}/enter?key={keys.link()}"

    config = uvicorn.Config(
        application(desk, keys),
        log_level="error",
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
    )
    server = _Server(config, lambda: opened(link))
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:  # how a session ends
        pass
    finally:
        listener.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, opened: Callable[[], None]) -> None:
        super().__init__(config)
        self._opened = opened

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._opened()


def links_on_request(link: Callable[[], str], say: Callable[[str], None]) -> None:
    """Where there is a terminal, print a fresh link whenever somebody presses Enter: each works only once."""
    if not sys.stdin.isatty():
        return

    def answer() -> None:
        # Not sys.stdin itself: a thread that waits in its buffer keeps the interpreter from ending in order.
        while os.read(sys.stdin.fileno(), 1024):
            say(f"another link, which works once: {link()}")

    threading.Thread(target=answer, daemon=True).start()
