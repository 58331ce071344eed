"""The HTTP clients that are handed to the official SDKs, and where these may send a key."""

from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2

from judge.errors import UsageError
from judge.providers.settings import Settings
from judge.providers.transport import AiohttpTransport, is_this_machine

_CONNECT_SECONDS = 15.0


def vendor_address(settings: Settings, own: str, model: str) -> str:
    """Where a vendor's key is sent: to the vendor, or to ``--base-url`` over a connection that nobody can read.

    Always given to the SDK, which would else look for an address in the environment.
    """
    if settings.base_url is None:
        return own
    url = httpx2.URL(settings.base_url)
    if url.scheme != "https" and not is_this_machine(url.host):
        raise UsageError(
            f"the key for {model} would travel unencrypted",
            found=f"http:// to {url.host}",
            expected="https://, or a server on this machine",
            do="for a server of your own use compatible/NAME, which is sent JUDGE_API_KEY and no other key",
        )
    return settings.base_url


def http_client(settings: Settings, sdk: Any, transport: AiohttpTransport | None) -> httpx2.AsyncClient:
    """The client to hand to an SDK: with our transport, or with the SDK's where there is none."""
    if transport is None:
        return streaming_client(settings, sdk)
    # A cookie would tie all of a run to the one backend that set it.
    none = CookieJar(DefaultCookiePolicy(allowed_domains=()))
    return httpx2.AsyncClient(transport=transport, timeout=timeouts(settings), trust_env=False, cookies=none)


def streaming_client(settings: Settings, sdk: Any) -> httpx2.AsyncClient:
    """The SDK's own transport: slower for each call, but a body of 200 MB passes through it without being held."""
    # The SDKs follow redirects, and not every header that carries a key is left behind then.
    client: httpx2.AsyncClient = sdk.DefaultAsyncHttpxClient(
        timeout=timeouts(settings), follow_redirects=False
    )
    return client


def timeouts(settings: Settings) -> httpx2.Timeout:
    return httpx2.Timeout(settings.timeout, connect=min(_CONNECT_SECONDS, settings.timeout))
