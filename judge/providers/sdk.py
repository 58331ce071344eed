"""What the providers share that are reached through an official SDK.

The SDK keeps what it is good at: authentication, address, headers. Bodies are ours, sent as bytes through its public
``post``: that spares it the walk through the body. Where two requests in a row were alike in everything else, those that
follow are sent without it (see ``transport``). Its retries are off: a retry must be paced with all that is in flight.
"""

import re
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Mapping
from types import ModuleType
from typing import Any, TypeVar

import httpx2
import orjson
from pydantic import SecretStr

from judge.dialects import Dialect
from judge.dialects.common import shorten
from judge.errors import (
    ProviderError,
    ProviderMisconfigured,
    ProviderRejected,
    ProviderUnavailable,
)
from judge.providers.limits import retry_after
from judge.providers.scrub import blank, scrub
from judge.providers.settings import Settings
from judge.providers.transport import AiohttpTransport, Answer
from judge.request import Capabilities, Completion, RateLimits, Request

T = TypeVar("T")

_BUSY = frozenset({408, 409, 425, 429})
_NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_error"})
_NO_CREDIT = re.compile(r"credit balance is too low", re.IGNORECASE)
"""How Anthropic says it, with status 400."""

_FLAGGED = re.compile(
    r"moderat|\bflagged\b|content[ _-]?(policy|filter)|guardrail|prompt[ _-]injection", re.IGNORECASE
)
"""How a 403 says that it is about this text: gateways moderate what they pass on, and answer so."""

_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)
"""There was no connection, so nothing was asked and nothing billed."""


class SdkProvider(ABC):
    """One model behind one SDK client.

    Args:
        model: The name that goes into request keys and records.
        wire_model: The name that the provider knows.
        capabilities: What the model can be asked for.
        key: The key, only to keep it out of messages; None where the server needs none.
        settings: The connection's; for the plain way there is no transport of ours.
    """

    sdk: ModuleType
    dialect: Dialect

    def __init__(
        self,
        model: str,
        wire_model: str,
        capabilities: Capabilities,
        key: SecretStr | None,
        settings: Settings,
    ) -> None:
        self.model = model
        self.wire_model = wire_model
        self.capabilities = capabilities
        self.rate_limits = RateLimits()
        self._answered = False
        self._secrets = [key] if key else []
        self._settings = settings
        self._transport = None if settings.plain_sdk else AiohttpTransport(settings.max_in_flight)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.model!r})"

    @abstractmethod
    async def _post(self, body: bytes) -> httpx2.Response:
        """Send a body and return the answer, or raise one of the SDK's exceptions."""

    @abstractmethod
    def _limits(self, headers: Mapping[str, str]) -> RateLimits | None:
        """What the headers say of the limits, or None."""

    @abstractmethod
    async def close(self) -> None: ...

    def _answer_in_error(self, status: int, raw: bytes) -> Completion | None:  # noqa: ARG002
        """The completion that an error's body amounts to, for providers that refuse by status code."""
        return None

    async def complete(self, request: Request) -> Completion:
        """Send once, no retries. Raises one of the three ``ProviderError`` classes."""
        body = self.dialect.encode(request, self.capabilities, self.wire_model)
        answered: Answer | httpx2.Response | ProviderError
        try:
            answered = await self._send(body)
        except self.sdk.APIStatusError as error:
            answered = error.response
        except self.sdk.APIError as error:
            answered = self._lost(error)
        # Raised out here, so that no exception that holds the request, and with it the key, hangs on to this one.
        if isinstance(answered, ProviderError):
            raise answered
        self._note_limits(answered.headers)
        raw = self.blank(answered.content)
        if httpx2.codes.is_success(answered.status_code):
            completion = self._decode(raw)
        elif (blocked := self._answer_in_error(answered.status_code, raw)) is not None:
            completion = blocked
        else:
            raise self.problem(answered)
        self._answered = True
        return completion

    async def _send(self, body: bytes) -> Answer | httpx2.Response:
        """As the SDK sends it, or as it sent those before. Raises the SDK's exceptions."""
        if self._transport is None or (envelope := self._transport.repeated) is None:
            return await self._post(body)
        try:
            return await self._transport.repeat(envelope, body)
        except httpx2.TimeoutException as error:
            raise self.sdk.APITimeoutError(request=envelope.blank()) from error
        except httpx2.RequestError as error:
            raise self.sdk.APIConnectionError(request=envelope.blank()) from error

    async def call(self, made: Awaitable[T], *, text: bool = False) -> T:
        """Await another of the SDK's calls. Raises one of the three ``ProviderError`` classes in the place of the SDK's.

        ``text`` says that a text is what is wanted: the SDKs hand one out where an answer does not say that it is JSON.
        """
        problem: ProviderError
        try:
            answered = await made
            if text or not isinstance(answered, str):
                return answered
            problem = ProviderUnavailable(self.clean(f"an answer that is not JSON ({answered[:80]!r})"))
        except self.sdk.APIStatusError as error:
            problem = self.problem(error.response)
        except self.sdk.APIError as error:
            problem = self._lost(error)
        except httpx2.TransportError as error:
            problem = self._broken(error)
        except ValueError as error:  # the SDKs let the reader of JSON raise what it likes
            problem = ProviderUnavailable(self.clean(f"an answer that is cut or not JSON ({error})"))
        raise problem

    async def next_line(self, lines: AsyncIterator[str]) -> str | None:
        """The next line of an answer that is read as it comes, None at its end. Raises ProviderUnavailable."""
        try:
            return await anext(lines, None)
        except httpx2.TransportError as error:  # the SDKs no longer translate
            problem = self._broken(error)
        raise problem

    def _broken(self, error: httpx2.TransportError) -> ProviderUnavailable:
        """A connection that failed while an answer came."""
        if isinstance(error, httpx2.TimeoutException):
            return ProviderUnavailable(f"no answer in time ({type(error).__name__})")
        return ProviderUnavailable(self.clean(f"the connection failed ({error or type(error).__name__})"))

    def _lost(self, error: Exception) -> ProviderError:
        """A call without an answer."""
        reached = not isinstance(error.__cause__, _NOT_SENT)
        if isinstance(error, self.sdk.APITimeoutError):
            why = error.__cause__ if str(error.__cause__ or "") else error
            return ProviderUnavailable(self.clean(f"no answer in time ({why})"), reached=reached)
        if not isinstance(error, self.sdk.APIConnectionError):
            return ProviderUnavailable(self.clean(f"an answer that the SDK cannot read ({error})"))
        what = self.clean(f"the connection failed ({error.__cause__ or error})")
        if not reached and isinstance(error, self.sdk.APIConnectionError):
            url, why = error.request.url, str(error.__cause__) or "no handshake"
            what = self.clean(f"cannot connect to {url.host}{f':{url.port}' if url.port else ''} ({why})")
        do = _tls_remedy(error)
        return ProviderMisconfigured(what, do=do) if do else ProviderUnavailable(what, reached=reached)

    def _decode(self, raw: bytes) -> Completion:
        try:
            return self.dialect.decode(raw)
        except ProviderUnavailable as error:
            raise ProviderUnavailable(self.clean(str(error)), status=error.status) from None
        except ProviderRejected as error:
            raise ProviderRejected(self.clean(str(error)), status=error.status) from None

    def _note_limits(self, headers: Mapping[str, str]) -> None:
        """Nothing is kept from the response before: a pause worked out from it would be renewed at every success."""
        # An SDK's headers search a list for every name that is asked for, and a dozen names are.
        known = {name.lower(): value for name, value in headers.items()}
        self.rate_limits = self._limits(known) or RateLimits()

    def blank(self, raw: bytes) -> bytes:
        """What the provider sent, without our key: it is stored verbatim otherwise."""
        return blank(raw, self._secrets)

    def clean(self, text: str) -> str:
        """The provider's words for people: shortened, and without keys."""
        return shorten(scrub(text, self._secrets))

    def problem(self, response: Answer | httpx2.Response) -> ProviderError:
        """Which of our errors an HTTP status is, with the provider's words, shortened and without keys."""
        status = response.status_code
        message, codes = _said(response.content)
        what = self.clean(f"{self.model}: HTTP {status}: {message}")
        no_credit = status == 400 and _NO_CREDIT.search(message)  # noqa: PLR2004
        if codes & _NO_MONEY or status == 402 or no_credit:  # noqa: PLR2004  (payment required)
            return ProviderMisconfigured(
                what, status=status, do="check the account's credit and its spending limit"
            )
        if status in _BUSY or status >= 500:  # noqa: PLR2004  (server errors)
            return ProviderUnavailable(what, status=status, retry_after=retry_after(response.headers))
        if status == 403 and (self._answered or _FLAGGED.search(" ".join((message, *codes)))):  # noqa: PLR2004
            # A key that has served before may still be used; it is this text that is refused.
            return ProviderRejected(what, status=status)
        if do := self._remedy(status):
            return ProviderMisconfigured(what, status=status, do=do)
        return ProviderRejected(what, status=status)

    def _remedy(self, status: int) -> str:
        """What a person can do about a status that every request will get; empty where only this request is at fault."""
        if status == 401:  # noqa: PLR2004
            return "check the key: is it complete, not revoked, and this provider's?"
        if status == 403:  # noqa: PLR2004
            return "check that the key's project may use this model, from this address and in this region"
        if status == 404:  # noqa: PLR2004
            # Also in the middle of a run: no text makes a model vanish, so every request after this one would fail too.
            return f"check the model's name ({self.wire_model!r}) and the base URL"
        if 300 <= status < 400:  # noqa: PLR2004
            return "the server wants to redirect; give the address it redirects to as base URL"
        return ""


def _tls_remedy(error: BaseException | None) -> str:
    """What a person can do about a connection that TLS refused for good; empty where another try may help."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                "check the address and this machine's clock; where an authority of your own signs the server's "
                "certificate, name its file in SSL_CERT_FILE"
            )
        if isinstance(error, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(error):
            return "the server speaks no TLS there; check the port, or begin the address with http://"
        error = error.__cause__ or error.__context__
    return ""


def _said(raw: bytes) -> tuple[str, set[str]]:
    """The message in an error's body and its codes, whichever of the known shapes it has."""
    try:
        body: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw[:2000].decode(errors="replace") or "(empty body)", set()
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error), set()
    codes = {str(error[name]) for name in ("code", "type") if error.get(name)}
    message = error.get("message") or error.get("detail") or str(body)
    label = error.get("code") or error.get("type")
    return (f"{message} ({label})" if label else str(message)), codes
