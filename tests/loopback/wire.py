"""HTTP/1.1 on an asyncio protocol: a fifth of the CPU of a web framework, and able to misbehave byte by byte."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Reply:
    """``delivery`` is ``whole`` or one of the faults truncate, reset, stall and dribble, which takes ``seconds``."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    delivery: str = "whole"
    seconds: float = 0.0


Handler = Callable[[Call], Awaitable[Reply]]

_DRIBBLES = 20
_DRIP = 0.1
"""A body comes in at least so many pieces, and the next one within so many seconds: slow, and never silent for long."""


class Connection(asyncio.Protocol):
    """One client connection. Requests on it are answered one after the other."""

    def __init__(self, handler: Handler, open_connections: set["Connection"]) -> None:
        self._handler = handler
        self._open = open_connections
        self._buffer = bytearray()
        self._head: tuple[str, str, dict[str, str]] | None = None
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        self._transport = None  # a running handler goes on: a provider, too, finishes what it has begun

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._task is None:
            self._next()

    def _next(self) -> None:
        """Start on the next request if all of it is here."""
        self._task = None
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = _parse(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
        method, target, headers = self._head
        if headers.get("transfer-encoding") == "chunked":
            body, used = _chunked(self._buffer)
            if body is None:
                return
        else:
            used = int(headers.get("content-length", "0"))
            if len(self._buffer) < used:
                return
            body = bytes(self._buffer[:used])
        del self._buffer[:used]
        self._head = None
        path, _, query = target.partition("?")
        call = Call(method, path, headers, body, dict(parse_qsl(query)))
        self._task = asyncio.get_running_loop().create_task(self._answer(call))

    async def _answer(self, call: Call) -> None:
        try:
            reply = await self._handler(call)
        except BaseException:  # whatever it is, the client must not wait for an answer that will not come
            self.abort()
            raise
        if self._transport is None:
            return
        head = [f"HTTP/1.1 {reply.status} {_phrase(reply.status)}", "content-type: application/json"]
        # As HTTP wants it: resets are times on this clock, which need not be the client's.
        head.append(f"date: {formatdate(usegmt=True)}")
        head += [f"content-length: {len(reply.body)}", *(f"{k}: {v}" for k, v in reply.headers.items())]
        start = ("\r\n".join(head) + "\r\n\r\n").encode()
        if reply.delivery == "reset":
            self._transport.abort()
        elif reply.delivery == "truncate":
            self._transport.write(start + reply.body[: len(reply.body) // 2])
            self._transport.close()
        elif reply.delivery in ("stall", "dribble"):
            await self._slowly(start, reply)
        else:
            self._transport.write(start + reply.body)
        if self._transport is not None:
            self._next()

    async def _slowly(self, start: bytes, reply: Reply) -> None:
        steps = 1 if reply.delivery == "stall" else max(_DRIBBLES, round(reply.seconds / _DRIP))
        size = -(-len(reply.body) // steps)
        pieces = [start, *(reply.body[at : at + size] for at in range(0, len(reply.body), size))]
        for piece in pieces:
            if self._transport is None:
                return
            self._transport.write(piece)
            await asyncio.sleep(reply.seconds / steps)


def _parse(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return method, path, headers


def _chunked(data: bytearray) -> tuple[bytes | None, int]:
    """The body of a chunked message and how many bytes it takes; None while it is not all here."""
    body, at = bytearray(), 0
    while (end := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:end].split(b";")[0], 16)
        at = end + 2
        if len(data) < at + size + 2:
            break
        body += data[at : at + size]
        at += size + 2
        if size == 0:
            return bytes(body), at
    return None, 0


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Overloaded"
