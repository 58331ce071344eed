"""The official SDKs' connection, over aiohttp: whole body in, whole answer out.

The SDKs' default transport costs a millisecond of CPU a call, and more with every request that is in flight. This one
costs a third of it. It raises httpx2's exceptions, so that the SDKs raise their own. The SDK still decides address,
headers and authentication. Building all that takes it as long as the sending, and with a key that does not change it comes
out the same every time: so it is kept, and used again for the next body, once two requests of the SDK were alike in it.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2
import yarl
from multidict import CIMultiDict

_TROUBLE = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""What sending and receiving can raise."""


@dataclass(frozen=True, slots=True, repr=False)
class Envelope:
    """All of a request but its body, made ready for aiohttp once. It holds the key, hence shows nothing of itself."""

    method: str
    url: yarl.URL
    headers: CIMultiDict[str]
    timeout: aiohttp.ClientTimeout
    proxy: str | None
    tls: ssl.SSLContext | bool

    def blank(self) -> httpx2.Request:
        """The request without headers and body, to tell of in errors."""
        return httpx2.Request(self.method, str(self.url))


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer as providers read it, for which the SDKs' own object takes as long as the sending."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """One aiohttp session, opened with the first request. Whoever repeats must send to one endpoint alone.

    Args:
        connections: The most connections that are open at once.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | None = None
        self._proxies: dict[tuple[str, str], str | None] = {}
        self._last: Envelope | None = None
        self.repeated: Envelope | None = None
        """What the last two requests had in common, which is everything but their bodies; None where they differed."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            envelope = self._envelope(request)
            self.repeated = envelope if envelope == self._last else None
            self._last = envelope
            response, content = await self._exchange(envelope, await request.aread())
        except _TROUBLE as error:
            raise _as_httpx2(error, request) from error
        return _whole(response, content, request)

    async def repeat(self, envelope: Envelope, body: bytes) -> Answer | httpx2.Response:
        """Send another body in a known envelope. Raises httpx2's exceptions."""
        try:
            response, content = await self._exchange(envelope, body)
        except _TROUBLE as error:
            raise _as_httpx2(error, envelope.blank()) from error
        if response.status == HTTPStatus.OK and "content-encoding" not in response.headers:
            return Answer(response.status, response.headers, content)
        return _whole(response, content, envelope.blank())

    async def _exchange(self, envelope: Envelope, body: bytes) -> tuple[aiohttp.ClientResponse, bytes]:
        session = self._session or self._open()
        async with session.request(
            envelope.method,
            envelope.url,
            data=body,
            headers=envelope.headers,
            allow_redirects=False,
            proxy=envelope.proxy,
            ssl=envelope.tls,
            timeout=envelope.timeout,
        ) as response:
            return response, await response.read()

    def _envelope(self, request: httpx2.Request) -> Envelope:
        timeouts = request.extensions.get("timeout", {})
        headers = CIMultiDict(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
        )
        headers.popall("Content-Length", None)  # aiohttp's to say, of each body
        return Envelope(
            request.method,
            yarl.URL(str(request.url)),
            headers,
            # Read means the whole answer here: a body that drips for ever would never exceed a pause between bytes.
            aiohttp.ClientTimeout(total=timeouts.get("read"), sock_connect=timeouts.get("connect")),
            self._proxy(request.url),
            self._verified() if request.url.scheme == "https" else True,
        )

    async def aclose(self) -> None:
        self.repeated = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # httpx2.Response does it, by the same headers
            # Its own look at the environment would cost two thread switches a request, and would put a .netrc's
            # password in the place of the key.
            trust_env=False,
        )
        return self._session

    def _verified(self) -> ssl.SSLContext:
        """The SDKs' own trust: the operating system's store, SSL_CERT_FILE honoured."""
        if self._tls is None:
            self._tls = httpx2.create_ssl_context()
        return self._tls

    def _proxy(self, url: httpx2.URL) -> str | None:
        """The proxy that the environment names for this host, looked up once."""
        place = (url.scheme, url.host)
        if place not in self._proxies:
            named = getproxies()
            bypass = is_this_machine(url.host) or proxy_bypass(url.host)
            self._proxies[place] = None if bypass else named.get(url.scheme) or named.get("all")
        return self._proxies[place]


def is_this_machine(host: str) -> bool:
    """Whether a host is loopback: what is asked of a model on this machine is no proxy's business."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _whole(response: aiohttp.ClientResponse, content: bytes, request: httpx2.Request) -> httpx2.Response:
    headers = list(response.raw_headers)
    return httpx2.Response(response.status, headers=headers, content=content, request=request)


def _as_httpx2(error: Exception, request: httpx2.Request) -> httpx2.TransportError:
    """The same trouble in httpx2's classes, which the SDKs know."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
        what = error.os_error.strerror or str(
            error.os_error
        )  # the rest of its words is the address and our own TLS
    kind: type[httpx2.TransportError] = httpx2.ReadError
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        kind = httpx2.ConnectTimeout
    elif isinstance(error, asyncio.TimeoutError):
        kind = httpx2.ReadTimeout
    elif isinstance(error, aiohttp.ClientProxyConnectionError):
        kind = httpx2.ProxyError
    elif isinstance(error, aiohttp.ClientConnectorError):
        kind = httpx2.ConnectError
    elif isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        kind = httpx2.UnsupportedProtocol
    elif isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError):
        kind = httpx2.RemoteProtocolError
    return kind(what, request=request)
