import asyncio
import gzip

import httpx2
import pytest

from judge.providers.transport import AiohttpTransport
from tests.loopback import Server
from tests.loopback.wire import Call, Reply


def fetch(url: str, transport: AiohttpTransport | None = None) -> httpx2.Response:
    async def once() -> httpx2.Response:
        async with httpx2.AsyncClient(
            transport=transport or AiohttpTransport(4), timeout=60.0, trust_env=False
        ) as client:
            return await client.post(url, content=b"{}")

    return asyncio.run(once())


def test_a_compressed_answer_is_unpacked_once(server: Server) -> None:
    async def zipped(call: Call) -> Reply:
        return Reply(200, gzip.compress(b'{"a": 1}' * 100), {"content-encoding": "gzip"})

    server.service.handle = zipped  # type: ignore[method-assign]  # the server plays another server
    assert fetch(server.url).content == b'{"a": 1}' * 100


def test_an_answer_that_says_it_is_compressed_and_is_not_is_a_transport_error(server: Server) -> None:
    async def lying(call: Call) -> Reply:
        return Reply(200, b"plain", {"content-encoding": "gzip"})

    server.service.handle = lying  # type: ignore[method-assign]
    with pytest.raises(httpx2.DecodingError):
        fetch(server.url)


def test_no_redirect_is_followed_because_the_key_would_go_along(server: Server) -> None:
    async def elsewhere(call: Call) -> Reply:
        return Reply(307, b"", {"location": "http://127.0.0.1:9/other"})

    server.service.handle = elsewhere  # type: ignore[method-assign]
    assert fetch(server.url).status_code == 307


def test_a_name_that_does_not_resolve_is_a_connection_error() -> None:
    with pytest.raises(httpx2.ConnectError):
        fetch("http://nowhere.invalid/")


def test_a_proxy_in_the_environment_is_used_and_exceptions_to_it_are_respected(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    async def proxy(call: Call) -> Reply:
        seen.append(call.path)
        return Reply(200, b"{}")

    server.service.handle = proxy  # type: ignore[method-assign]
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetch("http://model.example/v1/x").status_code == 200
    assert seen == ["http://model.example/v1/x"]
    monkeypatch.setenv("no_proxy", "model.example")
    with pytest.raises(httpx2.ConnectError):  # past the proxy, there is no such host
        fetch("http://model.example/v1/x")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_is_asked_of_this_machine_goes_through_no_proxy(
    server: Server, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetch(f"http://{host}:{server.port}/nothing").status_code == 404  # the server's own word


def test_a_transport_can_be_closed_without_having_been_used() -> None:
    asyncio.run(AiohttpTransport(1).aclose())
