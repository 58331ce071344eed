"""The rules of blindness, on the wire: every byte that the server sends is read."""

import pytest

from tests.annotate.samples import ITEMS, SECRETS, answer, label, make_set, read_labels, write_labels
from tests.annotate.wire import Session


@pytest.fixture
def folder(tmp_path):
    made = make_set(tmp_path)
    write_labels(made, "ben", [label(n, "red" if n % 3 else "none", "ben") for n in range(12)])
    return tmp_path


@pytest.fixture
def ana(folder):
    with Session(folder, "colour", "--as", "ana") as session:
        yield session.enter()


def everything(session, name):
    """All that the page could ask for about a transcript, and the page itself."""
    paths = ("/", f"/t/{name}", "/api/desk", f"/api/text/{name}", f"/api/work/{name}", "/static/app.js")
    return [session.get(path) for path in paths]


def leaked(session, name):
    found = b"".join(reply.body + str(reply.headers).encode() for reply in everything(session, name))
    return [secret for secret in (*SECRETS, "ben") if secret.encode() in found]


def test_nothing_of_others_or_of_metadata_is_sent_before_the_commit(ana):
    for item in ITEMS:
        assert leaked(ana, item.id) == []
        assert set(ana.get(f"/api/work/{item.id}").json) == {
            "answer", "draft", "committed", "revision", "needed", "settled", "open",
        }  # fmt: skip


def test_asking_for_others_before_the_commit_is_refused(ana):
    reply = ana.post("/api/seen/t00", {})
    assert reply.status == 409 and "Commit your own label first" in reply.json["problem"]
    assert leaked(ana, "t00") == []


def test_a_commit_alone_shows_nothing_yet_and_others_come_on_request(ana, folder):
    assert ana.commit("t00", answer("red")).status == 200
    assert leaked(ana, "t00") == []
    shown = ana.post("/api/seen/t00", {}).json
    assert shown["others"][0]["who"] == "ben" and shown["others"][0]["labels"] == {"colour": ["none"]}
    assert shown["metadata"]["secret"].startswith("zebra-metadata")
    assert leaked(ana, "t01") == []
    [line] = read_labels(folder / "colour", "ana")
    assert line["blind"] is True and line["at"] and len(line["grader_sha256"]) == 64
    assert line["split"] == "test" and line["seconds"] == 12.5


def test_what_others_committed_in_the_meantime_is_shown_too(ana, folder):
    ana.commit("t00", answer("red"))
    write_labels(folder / "colour", "ben", [label(0, "indeterminate", "ben")])
    assert ana.post("/api/seen/t00", {}).json["others"][0]["labels"] == {"colour": ["indeterminate"]}


def test_a_label_stands_once_its_author_has_seen_the_others(ana, folder):
    ana.commit("t00", answer("red"))
    revision = ana.post("/api/seen/t00", {}).json["revision"]
    reply = ana.commit("t00", answer("none"), revision)
    assert reply.status == 409 and "made blind, stands" in reply.json["problem"]
    assert len(read_labels(folder / "colour", "ana")) == 1


def test_before_that_it_can_be_changed_and_both_lines_stay(ana, folder):
    ana.commit("t00", answer("red"))
    assert ana.commit("t00", answer("none")).status == 200
    assert [line["label"] for line in read_labels(folder / "colour", "ana")] == ["red", "none"]
    assert all(line["blind"] for line in read_labels(folder / "colour", "ana"))


def test_what_was_seen_is_remembered_by_the_next_session(folder):
    with Session(folder, "colour", "--as", "ana") as first:
        first.enter().commit("t00", answer("red"))
        first.post("/api/seen/t00", {})
    with Session(folder, "colour", "--as", "ana") as second:
        assert second.enter().get("/api/work/t00").json["settled"]


def test_a_guest_reads_the_text_and_sees_nobodys_labels(ana):
    ana.commit("t00", answer("red"))
    link = ana.post("/api/link/t00", {}).json["link"]
    door = ana.send("GET", link.removeprefix(ana.url), cookie=None)
    guest = door.headers["set-cookie"].partition(";")[0]
    assert "/t/t00" in door.body.decode()

    def get(path):
        return ana.send("GET", path, cookie=guest)

    assert get("/api/text/t00").json["messages"][1]["text"] == ITEMS[0].messages[1].text
    assert get("/api/work/t00").json == {}
    desk = get("/api/desk").json
    assert all(item["label"] is None and item["state"] == "open" for item in desk["items"])
    ours = {"Origin": ana.url, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    reply = ana.send("POST", "/api/commit/t01", cookie=guest, headers=ours, body=b"{}")
    assert reply.status == 403
    assert ana.send("POST", "/api/link/t01", cookie=guest, headers=ours, body=b"{}").status == 403


def test_a_second_labelling_is_of_what_was_labelled_and_just_as_blind(folder):
    write_labels(folder / "colour", "ben", [label(n, "red", "ben") for n in range(5)])
    with Session(folder, "colour", "--as", "cora", "--second") as session:
        items = session.enter().get("/api/desk").json["items"]
        assert sorted(item["id"] for item in items) == [f"t{n:02}" for n in range(5)]
        assert leaked(session, "t00") == []


def test_context_and_metadata_that_the_rubric_shows_to_judges_are_shown(folder):
    prompt = folder / "prompts" / "colour.jinja"
    view = "primary: colour\nview: {context: [arm], metadata: [origin]}"
    body = prompt.read_text().replace("primary: colour", view, 1)
    prompt.write_text(body + "\n{{ context.arm }} {{ metadata.origin }}\n")
    with Session(folder, "colour", "--as", "ana") as session:
        text = session.enter().get("/api/text/t00").json
        assert text["context"] == {"arm": "zebra-context"} and text["metadata"] == {"origin": "written"}
