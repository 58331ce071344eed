"""Who may speak to the server, and with how many bytes. Everything is refused that is not said to be allowed.

The server listens on loopback, but every page in the browser and every program on the machine can reach that. So: the Host
must be ours (no DNS rebinding); a request that another site caused, also one on another port of this machine, is refused by
its Origin and Sec-Fetch-Site; nothing is served without a session's cookie, which is SameSite=Strict and comes from a link
that works once; what changes something must come from our own page as JSON; a body has a limit. A content policy forbids
every script, style and connection that is not ours, and every way to turn text into markup.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 1_000_000
MAX_LINKS = 100

Role = Literal["annotator", "guest"]

_FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


@dataclass
class Keys:
    """One-time links and the sessions that they opened. Gone when the server stops."""

    port: int
    links: dict[str, Role] = field(default_factory=dict)
    sessions: dict[str, Role] = field(default_factory=dict)

    @property
    def cookie(self) -> str:
        """Cookies do not tell ports apart, so the name does: two servers must not log each other out."""
        return f"judge_{self.port}"

    def link(self, role: Role = "annotator") -> str:
        """A key that opens one session."""
        while len(self.links) >= MAX_LINKS:
            self.links.pop(next(iter(self.links)))
        key = secrets.token_urlsafe(32)
        self.links[key] = role
        return key

    def redeem(self, key: str) -> str | None:
        """The new session's secret, or None where the key is unknown or used up."""
        found = next(
            (known for known in self.links if hmac.compare_digest(known.encode(), key.encode())), None
        )
        if found is None:
            return None
        session = secrets.token_urlsafe(32)
        self.sessions[session] = self.links.pop(found)
        return session

    def role(self, session: str) -> Role | None:
        return next(
            (
                role
                for known, role in self.sessions.items()
                if hmac.compare_digest(known.encode(), session.encode())
            ),
            None,
        )


def content_policy(nonce: str) -> str:
    """What the page may load: our own modules and styles with this answer's nonce, and answers of this server."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            f"style-src 'nonce-{nonce}'",
            "connect-src 'self'",
            "img-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app = app
        self.keys = keys
        self.hosts = {f"127.0.0.1:{keys.port}", f"localhost:{keys.port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        nonce = secrets.token_urlsafe(16)
        session = self.keys.role(request.cookies.get(self.keys.cookie, ""))
        request.state.nonce, request.state.role = nonce, session
        answer = self._refusal(request) or self._without_session(request, session)
        bounded = _Bounded(receive)
        sending = _with_headers(send, nonce)
        if answer is not None:
            await answer(scope, receive, sending)
            return
        try:
            await self.app(scope, bounded, sending)
        except _TooLargeError:
            await _no(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This is larger than anything the page sends.")(
                scope, receive, sending
            )

    def _refusal(self, request: Request) -> Response | None:
        """What no session could make good."""
        headers = request.headers
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        ours = f"http://{headers.get('host')}"
        if len(headers.getlist("host")) != 1 or headers["host"] not in self.hosts:
            return _no(HTTPStatus.MISDIRECTED_REQUEST, "This server answers to its own address only.")
        if request.method not in ("GET", "HEAD", "POST"):
            return _no(HTTPStatus.METHOD_NOT_ALLOWED, "Not allowed.")
        elsewhere = site not in (None, "same-origin", "none") and not _is_visit(request)
        if elsewhere or origin not in (None, ours):
            return _no(HTTPStatus.FORBIDDEN, "This came from another site.")
        return _not_a_change_of_ours(headers, ours) if request.method == "POST" else None

    def _without_session(self, request: Request, session: Role | None) -> Response | None:
        """Nothing but the door is open to those without a session; a guest may look and touch nothing."""
        if request.url.path == "/enter" and request.method == "GET":
            return None
        if session is None:
            if _is_visit(request) and "again" not in request.query_params:
                return None  # a link on another page: the browser kept the cookie back; the app sends it round once
            return _no(
                HTTPStatus.FORBIDDEN,
                "No session. Open the link that `judge annotate` printed; it works once.",
            )
        if session == "guest" and request.method == "POST":
            return _no(HTTPStatus.FORBIDDEN, "A guest can read, and nothing else.")
        return None


def _not_a_change_of_ours(headers: Headers, ours: str) -> Response | None:
    """Why a POST is refused, if it is."""
    if (
        headers.get("origin") != ours
        or headers.get("content-type", "").partition(";")[0] != "application/json"
    ):
        return _no(HTTPStatus.FORBIDDEN, "Only the page itself can change something.")
    length = headers.get("content-length", "")
    if not length.isdecimal():
        return _no(HTTPStatus.LENGTH_REQUIRED, "A body must say its length.")
    if int(length) > MAX_BODY:
        return _no(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This is larger than anything the page sends.")
    return None


def _is_visit(request: Request) -> bool:
    """Whether somebody opens a page of ours as a page: an address bar, a bookmark, a link in a report."""
    kind = (request.headers.get("sec-fetch-mode"), request.headers.get("sec-fetch-dest"))
    path = request.url.path
    return (
        request.method == "GET"
        and kind == ("navigate", "document")
        and (path in ("/", "/enter") or path.startswith("/t/"))
    )


def _no(status: HTTPStatus, text: str) -> Response:
    return PlainTextResponse(text + "\n", status_code=status, headers={"cache-control": "no-store"})


class _TooLargeError(Exception):
    """More bytes came than the head announced, or than anybody may send."""


class _Bounded:
    """Counts the body while it comes in."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.size = 0

    async def __call__(self) -> Message:
        message = await self.receive()
        self.size += len(message.get("body", b""))
        if self.size > MAX_BODY:
            raise _TooLargeError
        return message


def _with_headers(send: Send, nonce: str) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _FIXED.items():
                headers[name] = value
            headers["content-security-policy"] = content_policy(nonce)
            if "cache-control" not in Headers(scope=message):
                headers["cache-control"] = "no-store"
        await send(message)

    return sending
