"""Review of a run, queues, triage and adjudication, through the server."""

import json

import pytest

from judge.records import Failure, Verdict
from judge.runs import GraderNote, Manifest, Run
from tests.annotate.samples import ITEMS, SECRET_RATIONALE, answer, label, make_set, read_labels, write_labels
from tests.annotate.wire import Session


def verdict(number, value, run="r", **more):
    found = label(number, value, "x")
    common = {
        "transcript_id": found.transcript_id,
        "grader": "colour",
        "grader_version": 1,
        "grader_sha256": "f" * 64,
        "model": "m",
    }
    if value.startswith("("):
        return Failure(**common, kind=value.strip("()"), detail="it would not")
    return Verdict(
        **common,
        values={"colour": value},
        evidence=found.evidence,
        rationale=SECRET_RATIONALE,
        metadata=ITEMS[number].metadata,
        **more,
    )


def make_run(folder, name, values, source="transcripts.jsonl"):
    """A run's folder as `judge label` leaves it."""
    from hashlib import sha256

    run = Run(name, folder / "runs")
    records = [verdict(number, value) for number, value in enumerate(values)]
    run.write_records(json.dumps(record.model_dump(mode="json")).encode() + b"\n" for record in records)
    digest = sha256()
    for item in ITEMS[: len(values)]:
        digest.update(f"{item.id}\0{item.revision}\0".encode())
    note = GraderNote(version=1, sha256="f" * 64, primary="colour", path="colour.jinja")
    run.write_manifest(
        Manifest(
            run=name, model="m", method="generate", order="transcript-first", schema_style=None, sampling={}, samples=1,
            window_tokens=1000, graders={"colour": note}, versions={}, started="2026-11-26T10:00:00Z", status="complete",
            dataset={"source": source, "fingerprint": digest.hexdigest(), "transcripts": len(values)},
        )
    )  # fmt: skip
    return run


VALUES = ["red", "none", "indeterminate", "(refused)", *["none"] * 8]


@pytest.fixture
def folder(tmp_path):
    make_set(tmp_path)
    make_run(tmp_path, "first", VALUES)
    make_run(tmp_path, "second", ["none", "none", "red", "(refused)", *["none"] * 8])
    return tmp_path


def ids(session):
    return sorted(item["id"] for item in session.enter().get("/api/desk").json["items"])


def test_a_review_shows_the_judge_from_the_beginning_and_says_so_in_the_label(folder):
    with Session(folder, "runs/first", "--as", "ana") as session:
        desk = session.enter().get("/api/desk").json
        assert desk["mode"] == "review" and len(desk["items"]) == 12
        item = next(item for item in desk["items"] if item["id"] == "t00")
        assert item["outcomes"] == ["red"] and item["metadata"]["secret"] == "zebra-metadata-0"
        work = session.get("/api/work/t00").json
        assert (
            work["judges"][0]["labels"] == {"colour": ["red"]}
            and work["judges"][0]["note"] == SECRET_RATIONALE
        )
        assert session.get("/api/work/t03").json["judges"][0]["failure"] == "refused"
        assert session.commit("t00", answer("red")).status == 200
        assert session.commit("t00", answer("none")).status == 200  # a review may change its mind
    lines = read_labels(folder / "runs" / "first", "ana")
    assert [(line["label"], line["blind"]) for line in lines] == [("red", False), ("none", False)]
    path = folder / "runs" / "first" / "labels" / "ana.jsonl"
    assert path.stat().st_mode & 0o077 == 0


def test_a_run_can_be_labelled_blind_and_then_shows_nothing_of_the_judge(folder):
    with Session(folder, "runs/first", "--as", "ana", "--blind") as session:
        session.enter()
        sent = b"".join(session.get(path).body for path in ("/api/desk", "/api/work/t00", "/api/text/t00"))
        assert SECRET_RATIONALE.encode() not in sent and b"zebra" not in sent
        session.commit("t00", answer("none"))
        shown = session.post("/api/seen/t00", {}).json
        assert shown["judges"][0]["labels"] == {"colour": ["red"]}
    assert read_labels(folder / "runs" / "first", "ana")[0]["blind"] is True


def test_who_has_reviewed_a_transcript_is_not_blind_to_it_later(folder):
    with Session(folder, "runs/first", "--as", "ana") as session:
        session.enter().get("/api/work/t00")
    with Session(folder, "runs/first", "--as", "ana", "--blind") as session:
        session.enter()
        session.commit("t00", answer("red"))
        session.commit("t01", answer("none"))
    assert [line["blind"] for line in read_labels(folder / "runs" / "first", "ana")] == [False, True]


def test_a_review_does_not_replace_a_label_that_was_made_blind(folder):
    with Session(folder, "runs/first", "--as", "ana", "--blind") as session:
        session.enter().commit("t00", answer("none"))
    with Session(folder, "runs/first", "--as", "ana") as session:
        assert "made blind, stands" in session.enter().get("/api/work/t00").json["settled"]
        assert session.commit("t00", answer("red")).status == 409
        assert session.commit("t01", answer("none")).status == 200
    lines = read_labels(folder / "runs" / "first", "ana")
    assert [(line["label"], line["blind"]) for line in lines] == [("none", True), ("none", False)]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--label", "red"], ["t00"]),
        (["--outcome", "failed"], ["t03"]),
        (["--outcome", "refused"], ["t03"]),
        (["--where", "split=dev"], ["t02", "t03", "t06", "t07", "t10", "t11"]),
        (["--against", "second"], ["t00", "t02"]),
        (["--against", "runs/second", "--label", "indeterminate"], ["t02"]),
    ],
)
def test_triage(folder, arguments, found):
    with Session(folder, "runs/first", "--as", "ana", *arguments) as session:
        assert ids(session) == found


def test_two_runs_are_shown_side_by_side(folder):
    with Session(folder, "first", "--as", "ana", "--against", "second") as session:
        judges = session.enter().get("/api/work/t00").json["judges"]
    assert [(judge["run"], judge["labels"]["colour"]) for judge in judges] == [
        ("first", ["red"]),
        ("second", ["none"]),
    ]


def test_a_queue_is_followed_and_its_probabilities_stand_in_the_labels(folder):
    lines = [
        {"transcript_id": "t05", "grader": "colour", "stratum": "rare", "inclusion_probability": 0.2},
        {"transcript_id": "t01", "inclusion_probability": 0.5},
    ]
    (folder / "queue.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Session(folder, "colour", "--as", "ana", "--queue", "queue.jsonl") as session:
        assert [item["id"] for item in session.enter().get("/api/desk").json["items"]] == ["t05", "t01"]
        session.commit("t05", answer("none"))
    [line] = read_labels(folder / "colour", "ana")
    assert (line["inclusion_probability"], line["stratum"]) == (0.2, "rare")


def test_the_queue_beside_the_transcripts_is_found(folder):
    lines = "".join(
        json.dumps({"transcript_id": name, "inclusion_probability": 0.5}) + "\n" for name in ("t07", "t02")
    )
    (folder / "colour" / "queue.jsonl").write_text(lines)
    (folder / "part.jsonl").write_text("".join(item.model_dump_json() + "\n" for item in ITEMS))
    (folder / "part.queue.jsonl").write_text(lines)
    for target in (["colour"], ["colour/transcripts.jsonl"], ["part.jsonl", "--grader", "colour"]):
        with Session(folder, *target, "--as", "ana") as session:
            items = session.enter().get("/api/desk").json["items"]
        assert [item["id"] for item in items] == ["t07", "t02"]


def adjudicated(folder):
    return {line["transcript_id"]: line for line in read_labels(folder / "colour", "adjudicated")}


@pytest.fixture
def labelled(folder):
    write_labels(folder / "colour", "ana", [label(n, "red" if n < 6 else "none", "ana") for n in range(12)])
    write_labels(
        folder / "colour",
        "ben",
        [label(n, "red" if n < 4 else "none", "ben", contested=n == 7) for n in range(12)],
    )
    return folder


def test_adjudication_is_of_disagreements_needs_a_reason_and_takes_over_the_rest_at_the_end(labelled):
    before = {
        name: (labelled / "colour" / "labels" / f"{name}.jsonl").read_bytes() for name in ("ana", "ben")
    }
    with Session(labelled, "colour", "--adjudicate", "--as", "cora") as session:
        assert ids(session) == ["t04", "t05"]
        work = session.get("/api/work/t04").json
        sides = [(side["who"], side["labels"]["colour"]) for side in work["others"]]
        assert {who for who, _ in sides} == {"Reader A", "Reader B"} and {label for _, [label] in sides} == {
            "red",
            "none",
        }
        assert work["disputed"] == ["colour"] and all(
            side["who"] not in ("ana", "ben") for side in work["others"]
        )
        refused = session.commit("t04", answer("red", 4))
        assert refused.status == 422 and refused.json["problems"] == [["note", "a reason is required"]]
        assert session.get("/api/desk").json["summary"] is None

        assert session.commit("t04", answer("red", 4, note="It says so.")).status == 200
        assert list(adjudicated(labelled)) == ["t04"]
        assert session.get("/api/desk").json["summary"] is None

        assert session.commit("t05", answer("none", note="Rejected at the end.")).status == 200
        summary = session.get("/api/desk").json["summary"]
    assert summary["annotators"] == ["ana", "ben"]
    [row] = summary["facets"]
    assert (row["n"], row["differ"]) == (12, 2)
    assert row["raw"]["value"] == pytest.approx(10 / 12) and row["raw"]["low"] < 10 / 12 < row["raw"]["high"]
    assert row["kappa"]["value"] == pytest.approx(2 / 3)
    lines = adjudicated(labelled)
    assert sorted(lines) == [item.id for item in ITEMS]
    assert lines["t04"] | {"at": ""} == lines["t04"] | {
        "at": "",
        "label": "red",
        "adjudicator": "cora",
        "blind": False,
        "note": "It says so.",
    }
    assert (
        lines["t00"]["note"] == "the annotators agree"
        and lines["t00"]["evidence"]
        and lines["t07"]["contested"]
    )
    assert before == {
        name: (labelled / "colour" / "labels" / f"{name}.jsonl").read_bytes() for name in ("ana", "ben")
    }


def test_what_was_decided_before_is_not_taken_up_again(labelled):
    write_labels(labelled / "colour", "adjudicated", [label(4, "red", "adjudicated", blind=False)])
    with Session(labelled, "colour", "--adjudicate") as session:
        assert ids(session) == ["t05"]


def test_agreement_waits_until_both_have_labelled_everything(labelled):
    write_labels(labelled / "colour", "ben", [label(n, "red", "ben") for n in range(5)])
    with Session(labelled, "colour", "--adjudicate") as session:
        assert ids(session) == []
        desk = session.get("/api/desk").json
    assert desk["summary"] is None and desk["waiting"] == 7
    assert not (labelled / "colour" / "labels" / "adjudicated.jsonl").exists()


def test_adjudicating_between_two_of_three(labelled):
    write_labels(labelled / "colour", "dan", [label(n, "blue", "dan") for n in range(12)])
    with Session(labelled, "colour", "--adjudicate", "--between", "ana", "--between", "ben") as session:
        assert ids(session) == ["t04", "t05"]
    with Session(labelled, "colour", "--adjudicate") as session:
        assert len(ids(session)) == 12


def test_a_label_file_that_git_put_in_the_place_of_another_is_read_anew(labelled):
    with Session(labelled, "colour", "--as", "ana") as session:
        session.enter()
        path = labelled / "colour" / "labels" / "ana.jsonl"
        path.unlink()
        write_labels(labelled / "colour", "ana", [label(0, "none", "ana")])
        assert session.get("/api/desk").json["progress"]["done"] == 1
        assert session.commit("t01", answer("none")).status == 200
    assert [line["transcript_id"] for line in read_labels(labelled / "colour", "ana")] == ["t00", "t01"]
