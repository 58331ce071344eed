"""Connections over TLS that no second try will make."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from judge.errors import ProviderMisconfigured, ProviderUnavailable
from judge.providers import connect
from judge.providers.settings import Settings
from judge.request import Completion
from tests.loopback import KEY, Options
from tests.loopback.service import Service
from tests.loopback.wire import Connection
from tests.providers.samples import request

PEM = Path(__file__).with_name("loopback.pem")
both_ways = pytest.mark.parametrize("plain", [False, True])


@asynccontextmanager
async def serving(certificate: Path | None) -> AsyncIterator[int]:
    """The port of a provider that speaks TLS; without a certificate, of a web server that does not."""
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        service = Service(Options())
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Connection(service.handle, set()), "127.0.0.1", 0, ssl=context
        )
    else:
        server = await asyncio.start_server(_bewildered, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _bewildered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    await writer.drain()
    writer.close()


def ask(plain: bool, certificate: Path | None = PEM) -> Completion:
    async def once() -> Completion:
        async with serving(certificate) as port:
            url = f"https://localhost:{port}/v1"
            chosen = Settings.load(base_url=url, judge_api_key=KEY, timeout=60.0, plain_sdk=plain)
            provider = connect("compatible/m", chosen)
            try:
                return await provider.complete(request("compatible/m"))
            finally:
                await provider.close()

    return asyncio.run(once())


@both_ways
def test_a_certificate_that_nobody_trusts_is_a_matter_of_set_up_and_the_advice_helps(
    plain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProviderMisconfigured, match="SSL_CERT_FILE") as caught:
        ask(plain)
    assert "certificate" in caught.value.what.lower()
    assert KEY not in str(caught.value.__context__)
    monkeypatch.setenv("SSL_CERT_FILE", str(PEM))
    assert ask(plain).stop == "stop"


@both_ways
def test_a_server_that_speaks_no_tls_is_a_matter_of_set_up(plain: bool) -> None:
    with pytest.raises(ProviderMisconfigured, match="begin the address with http://"):
        ask(plain, certificate=None)


@both_ways
def test_a_handshake_that_breaks_is_worth_another_try(plain: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.close()

    monkeypatch.setitem(globals(), "_bewildered", hang_up)
    with pytest.raises(ProviderUnavailable, match="cannot connect"):
        ask(plain, certificate=None)
