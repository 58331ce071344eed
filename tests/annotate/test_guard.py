"""Every way in that must be shut, tried against the running server; and the one that is open."""

from pathlib import Path

import pytest

from judge.annotate import guard
from tests.annotate.samples import answer, make_set
from tests.annotate.wire import Session


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    make_set(folder)
    with Session(folder, "colour", "--as", "ana") as running:
        yield running.enter()


@pytest.fixture
def body():
    return {"answer": answer("none"), "base": 0}


VISIT = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def test_the_server_listens_on_loopback_only(session):
    with Path(f"/proc/{session.process.pid}/net/tcp").open() as table:
        rows = [line.split() for line in table][1:]
    listening = {row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{session.port:04X}")}
    assert listening == {f"0100007F:{session.port:04X}"}


def test_a_link_works_once(session):
    again = session.send("GET", session.link.removeprefix(session.url), cookie=None)
    assert again.status == 403 and "set-cookie" not in again.headers and b"has been used" in again.body


@pytest.mark.parametrize("key", ["", "x", "%00", "a" * 5000, "é"])
def test_a_guessed_link_does_not_work(session, key):
    reply = session.send("GET", f"/enter?key={key.encode('ascii', 'ignore').decode()}", cookie=None)
    assert reply.status == 403 and "set-cookie" not in reply.headers


def test_the_cookie_is_strict_and_out_of_scripts_reach(tmp_path):
    make_set(tmp_path)
    with Session(tmp_path, "colour", "--as", "ana") as fresh:
        cookie = fresh.send("GET", fresh.link.removeprefix(fresh.url), cookie=None).headers["set-cookie"]
    assert "SameSite=strict" in cookie and "HttpOnly" in cookie and "Path=/" in cookie
    assert cookie.startswith(f"judge_{fresh.port}=")


@pytest.mark.parametrize(
    "path", ["/", "/t/t00", "/api/desk", "/api/text/t00", "/api/work/t00", "/static/app.js"]
)
@pytest.mark.parametrize("cookie", [None, "judge_1=x", "judge_{port}=guess", "judge_{port}="])
def test_nothing_is_served_without_a_session(session, path, cookie):
    given = cookie.format(port=session.port) if cookie else None
    reply = session.send("GET", path, cookie=given)
    assert reply.status == 403 and b"No session" in reply.body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil:{port}", ""]
)
def test_another_host_is_refused(session, host):
    reply = session.send("GET", "/api/desk", headers={"Host": host.format(port=session.port)})
    assert reply.status in (400, 421)
    assert b"colour" not in reply.body


def test_localhost_is_our_name_too(session):
    assert session.send("GET", "/api/desk", headers={"Host": f"localhost:{session.port}"}).status == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1:1", "null", "http://localhost:{port}"]
)
def test_another_origin_is_refused(session, body, origin):
    given = origin.format(port=session.port)
    assert session.post("/api/commit/t00", body, Origin=given).status == 403
    assert session.send("GET", "/api/desk", headers={"Origin": given}).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_caused_is_refused(session, body, site):
    assert session.post("/api/commit/t00", body, **{"Sec-Fetch-Site": site}).status == 403
    assert session.send("GET", "/api/text/t00", headers={"Sec-Fetch-Site": site}).status == 403
    embedded = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    assert session.send("GET", "/t/t00", headers=embedded).status == 403


def test_a_post_without_origin_or_as_a_form_is_refused(session, body):
    assert (
        session.send(
            "POST", "/api/commit/t00", headers={"Content-Type": "application/json"}, body=b"{}"
        ).status
        == 403
    )
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert session.post("/api/commit/t00", body, **{"Content-Type": kind}).status == 403


def test_a_link_in_a_report_reaches_its_transcript_although_the_browser_kept_the_cookie_back(session):
    first = session.send("GET", "/t/t00", headers=VISIT | {"Sec-Fetch-Site": "cross-site"}, cookie=None)
    assert first.status == 200 and b"/t/t00?again=1" in first.body and b"app.js" not in first.body
    again = session.send("GET", "/t/t00?again=1", headers=VISIT | {"Sec-Fetch-Site": "same-origin"})
    assert again.status == 200 and b"app.js" in again.body
    stranger = session.send(
        "GET", "/t/t00?again=1", headers=VISIT | {"Sec-Fetch-Site": "same-origin"}, cookie=None
    )
    assert stranger.status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/static/../guard.py",
        "/static/%2e%2e/guard.py",
        "/static/..%2fguard.py",
        "/static/....//guard.py",
        "/static//etc/passwd",
        "/static/%00app.js",
        "/static/page.html",
        "/api/text/..%2f..%2fcolour",
        "/api/text/%2e%2e",
        "/api/text/~Li4vLi4vZXRjL3Bhc3N3ZA",
        "/api/text/~!!!",
        "/../../etc/passwd",
        "/etc/passwd",
    ],
)
def test_path_tricks_lead_nowhere(session, path):
    reply = session.get(path)
    assert reply.status in (400, 404)
    assert b"root:" not in reply.body and b"ASGI" not in reply.body


def test_oversized_bodies_are_refused_unread(session, body):
    big = b"x" * (guard.MAX_BODY + 1)
    ours = {"Origin": session.url, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    assert session.send("POST", "/api/commit/t00", headers=ours, body=big).status == 413
    lying = ours | {"Transfer-Encoding": "chunked"}
    assert session.send("POST", "/api/commit/t00", headers=lying, body=b"0\r\n\r\n").status == 411
    assert session.get("/api/desk").json["progress"]["done"] == 0


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(session, method):
    assert session.send(method, "/api/commit/t00", headers={"Origin": session.url}).status == 405


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"answer": {}, "base": -1}',
        b'{"answer": {"seconds": 1e999}, "base": 0}',
        b'{"answer": {"labels": {"colour": "red"}}, "base": 0}',
        b'{"answer": {"evil": 1}, "base": 0}',
        b'{"answer": {"note": "\\ud800"}, "base": 0}',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_answer_is_refused_in_words(session, data):
    ours = {"Origin": session.url, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    reply = session.send("POST", "/api/commit/t00", headers=ours, body=data)
    assert reply.status == 400 and reply.json["problem"]


@pytest.mark.parametrize("path", ["/", "/t/t00", "/api/desk", "/static/app.js", "/nowhere"])
def test_every_answer_has_a_strict_policy(session, path):
    headers = session.get(path).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert policy["script-src"].startswith("'nonce-") and " " not in policy["script-src"]
    assert policy["require-trusted-types-for"] == "'script'" and policy["trusted-types"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers and "server" not in headers


def test_a_nonce_is_used_once(session):
    pages = [session.get("/") for _ in range(2)]
    nonces = [
        page.headers["content-security-policy"].partition("nonce-")[2].partition("'")[0] for page in pages
    ]
    assert nonces[0] != nonces[1]
    assert all(nonce in page.body.decode() for nonce, page in zip(nonces, pages, strict=True))


def test_two_servers_in_one_browser_do_not_log_each_other_out(session, tmp_path):
    make_set(tmp_path)
    with Session(tmp_path, "colour", "--as", "ben") as other:
        other.enter()
        both = f"{session.cookie}; {other.cookie}"
        assert session.send("GET", "/api/desk", cookie=both).json["annotator"] == "ana"
        assert other.send("GET", "/api/desk", cookie=both).json["annotator"] == "ben"
