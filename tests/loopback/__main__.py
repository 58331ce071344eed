"""``python -m tests.loopback --port 0 --latency 0.1 --fault 429=0.03 --fault cut=0.02``: prints its port, then serves.

It ends with its standard input (``< /dev/tty``, or a pipe that is held open), or on an interrupt.
"""

import argparse
import asyncio
import contextlib
import sys

from tests.loopback.answers import Asked, contract_answer
from tests.loopback.faults import KINDS, Fault
from tests.loopback.service import KEY, Options, Service
from tests.loopback.wire import Connection

_FIXED = '{"rationale":"' + "Nothing in it bears on the question. " * 12 + '","evidence":[],"labels":[]}'


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.loopback", description="A model provider on loopback."
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before an answer begins")
    parser.add_argument("--key", default=KEY, help=f"the accepted key; empty accepts all (default {KEY})")
    parser.add_argument("--requests-per-minute", type=float)
    parser.add_argument("--tokens-per-minute", type=float)
    parser.add_argument(
        "--burst", type=float, default=1.0, help="minutes' worth of the limits usable at once"
    )
    parser.add_argument("--silent", action="store_true", help="no headers about the limits")
    parser.add_argument("--cache", action="store_true", help="pretend a prompt cache")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="KIND=RATE",
        help=f"a status or one of {', '.join(KINDS)}, and the share of requests that it hits",
    )
    parser.add_argument("--retry-after", type=float, help="seconds to send with faults that are a status")
    parser.add_argument("--fixed-answer", action="store_true", help="550 bytes that cost nothing to make")
    return parser.parse_args()


def _fixed(_: Asked) -> str:
    return _FIXED


async def _serve(arguments: argparse.Namespace) -> None:
    options = Options(
        latency=arguments.latency,
        key=arguments.key,
        requests_per_minute=arguments.requests_per_minute,
        tokens_per_minute=arguments.tokens_per_minute,
        burst=arguments.burst,
        announce=not arguments.silent,
        cache=arguments.cache,
        seed=arguments.seed,
    )
    service = Service(options, _fixed if arguments.fixed_answer else contract_answer)
    for text in arguments.fault:
        kind, _, rate = text.partition("=")
        service.script.faults.append(Fault(kind, rate=float(rate or 1), retry_after=arguments.retry_after))
    loop = asyncio.get_running_loop()
    connections: set[Connection] = set()
    server = await loop.create_server(
        lambda: Connection(service.handle, connections), "127.0.0.1", arguments.port, backlog=4096
    )
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(_arguments()))
