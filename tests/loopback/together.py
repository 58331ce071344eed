"""Requests that are certain to be under way at once, however slow the machine or fast the client."""

import asyncio
import threading

from tests.loopback.server import Server
from tests.loopback.wire import Call, Reply


def hold_until(count: int, *servers: Server) -> None:
    """No request at these servers is looked at before so many are under way at them together; from then on all are.

    Without it a test would have to hope that the last of them comes while the first is still being answered.
    """
    together = threading.Event()
    for server in servers:
        usual = server.service._reply

        async def held(call: Call, usual: object = usual) -> Reply:
            while not together.is_set():
                if sum(each.counts.in_flight for each in servers) >= count:
                    together.set()
                await asyncio.sleep(0.002)
            return await usual(call)  # type: ignore[operator]

        server.service._reply = held  # type: ignore[method-assign]
