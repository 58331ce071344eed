"""The official SDKs' connection, over aiohttp: whole body in, whole answer out.

The SDKs' default transport costs a millisecond of CPU a call, and more with every request that is in flight. This one
costs a third of it. It raises httpx2's exceptions, so that the SDKs raise their own. The SDK still decides address,
headers, authentication, and what an error is.
"""

import asyncio
import ssl
from ipaddress import ip_address
from typing import Any
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx2


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """One aiohttp session, opened with the first request.

    Args:
        connections: The most connections that are open at once.
    """

    def __init__(self, connections: int) -> None:
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None
        self._tls: ssl.SSLContext | None = None
        self._proxies: dict[tuple[str, str], str | None] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        session = self._session or self._open()
        timeouts = request.extensions.get("timeout", {})
        try:
            async with session.request(
                request.method,
                str(request.url),
                data=await request.aread(),
                headers=[
                    (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
                ],
                allow_redirects=False,
                proxy=self._proxy(request.url),
                ssl=self._verified() if request.url.scheme == "https" else True,
                # Read means the whole answer here: a body that drips for ever would never exceed a pause between bytes.
                timeout=aiohttp.ClientTimeout(
                    total=timeouts.get("read"), sock_connect=timeouts.get("connect")
                ),
            ) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _as_httpx2(error, request) from error
        return httpx2.Response(
            response.status, headers=list(response.raw_headers), content=content, request=request
        )

    async def aclose(self) -> None:
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


class WholeBodyClient(httpx2.AsyncClient):
    """The client that an SDK builds and sends its requests with, short of what these never have.

    httpx2 copies its own headers, parses the address three times and asks for cookies, hooks and redirects with every
    request, which takes as long as the sending. A request that is more than address, headers and bytes goes that way.
    """

    def __init__(self, transport: AiohttpTransport, timeout: httpx2.Timeout) -> None:
        super().__init__(transport=transport, timeout=timeout, trust_env=False)
        self._whole = transport
        self._usual = dict(self.headers.items())
        self._addresses: dict[str, httpx2.URL] = {}

    def build_request(
        self, method: str, url: httpx2.URL | str, *, headers: Any = None, content: Any = None, **more: Any
    ) -> httpx2.Request:
        timeout = more.pop("timeout", None)
        given = dict(headers) if isinstance(headers, list) else {}
        plain = isinstance(content, bytes) and isinstance(timeout, httpx2.Timeout) and not any(more.values())
        if not plain or not given or len(given) < len(headers):
            timed = {} if timeout is None else {"timeout": timeout}
            return super().build_request(method, url, headers=headers, content=content, **timed, **more)
        name = str(url)
        if name not in self._addresses:
            self._addresses[name] = httpx2.URL(name)
        return httpx2.Request(
            method,
            self._addresses[name],
            headers=self._usual | given,
            stream=httpx2.ByteStream(content),  # length and host are the transport's to say
            extensions={"timeout": timeout.as_dict()},
        )

    async def send(self, request: httpx2.Request, **how: Any) -> httpx2.Response:
        if any(how.values()) or self.is_closed:  # a streamed answer, or authentication in several steps
            return await super().send(request, **how)
        return await self._whole.handle_async_request(request)


def is_this_machine(host: str) -> bool:
    """Whether a host is loopback: what is asked of a model on this machine is no proxy's business."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


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
