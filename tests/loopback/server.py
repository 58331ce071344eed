"""The provider in a thread of this process."""

import asyncio
import threading
from types import TracebackType
from typing import Any, Self

from tests.loopback.answers import AnswerFunction, contract_answer
from tests.loopback.batches import Desk
from tests.loopback.faults import Fault
from tests.loopback.service import Counts, Options, Service
from tests.loopback.wire import Connection


class Server:
    """Listens from construction to ``close``, on a port of its own."""

    def __init__(self, options: Options | None = None, answer: AnswerFunction = contract_answer) -> None:
        self.service = Service(options or Options(), answer)
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loopback", daemon=True)
        self._thread.start()
        self._listening.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        connections: set[Connection] = set()
        server = await self._loop.create_server(
            lambda: Connection(self.service.handle, connections), "127.0.0.1", 0, backlog=4096
        )
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()
        for connection in list(connections):
            connection.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_url(self) -> str:
        """What an OpenAI client wants as base URL."""
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        """What an Anthropic client wants as base URL."""
        return self.url

    @property
    def key(self) -> str:
        return self.service.options.key

    @property
    def desk(self) -> Desk:
        """The batches."""
        return self.service.desk

    @property
    def counts(self) -> Counts:
        return self.service.counts

    @property
    def bodies(self) -> list[bytes]:
        """The request bodies received since this was first asked for."""
        if self.service.bodies is None:
            self.service.bodies = []
        return self.service.bodies

    def script(self, *faults: Fault) -> None:
        """Put these faults in force, instead of those before."""
        self.service.script.faults = list(faults)

    def stats(self) -> dict[str, Any]:
        return self.service.stats()
