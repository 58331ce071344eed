"""``judge annotate`` as a process, and a client that sends exactly the bytes that a test wants sent."""

import http.client
import json
import os
import signal
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.cli.forked import Forked


class Reply:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Session:
    """A running server. ``link`` is what it printed; ``enter`` uses it up."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        port = [] if "--port" in arguments else ["--port", "0"]  # the usual one is for people
        given = ("annotate", *arguments, "--no-open", *port)
        self.process = Forked(given, folder, os.environ | {"NO_COLOR": "1"})
        assert self.process.stdout is not None and self.process.stderr is not None
        self.link = self.process.stdout.readline().strip()
        if not self.link:
            raise AssertionError(self.process.communicate(timeout=120)[1])
        parts = urlsplit(self.link)
        self.port = parts.port or 0
        self.host = parts.netloc
        self.url = f"http://{self.host}"
        self.cookie = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, how: int = signal.SIGINT) -> tuple[int | None, str]:
        if self.process.poll() is None:
            self.process.send_signal(how)
        _, err = self.process.communicate(timeout=120)
        return self.process.returncode, err

    def enter(self) -> "Session":
        reply = self.send("GET", self.link.removeprefix(self.url), cookie=None)
        assert reply.status == 200, reply.body
        self.cookie = reply.headers["set-cookie"].partition(";")[0]
        return self

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        cookie: str | None = "",
    ) -> Reply:
        """Nothing is added to what is given but the host, the cookie and the length."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        given = {"Host": self.host} | (headers or {})
        if cookie is not None and (cookie or self.cookie):
            given["Cookie"] = cookie or self.cookie
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        if body is not None and "Content-Length" not in given and "Transfer-Encoding" not in given:
            given["Content-Length"] = str(len(body))
        for name, value in given.items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            if body is not None:
                connection.send(body)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the server refused before it had read all
        try:
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        return self.send("GET", path, headers={"Sec-Fetch-Site": "same-origin"})

    def post(self, path: str, data: Any, **headers: str) -> Reply:
        ours = {
            "Origin": self.url,
            "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/json",
        }
        return self.send("POST", path, headers=ours | headers, body=json.dumps(data).encode())

    def commit(self, name: str, answer: dict[str, Any], base: int | None = None) -> Reply:
        if base is None:
            base = self.get(f"/api/work/{name}").json["revision"]
        return self.post(f"/api/commit/{name}", {"answer": answer, "base": base})
