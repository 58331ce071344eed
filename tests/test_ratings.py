"""Runs and hand labels lined up as arrays."""

import json

import numpy as np
import pytest

from judge.errors import UsageError
from judge.eval_sets import EvalSet
from judge.grader.file import bundled_folder, discover, load
from judge.ratings import ABSENT
from judge.ratings.gather import gather
from judge.records import Annotation, Evidence, Failure, Verdict, to_json_line
from judge.runs import Run
from judge.stats.tables import MISSING
from judge.transcript import Message, Transcript

GRADERS = {grader.name: grader for grader in map(load, discover(bundled_folder()))}
AWARE = GRADERS["eval_awareness"]


@pytest.fixture
def labelled(tmp_path):
    folder = tmp_path / "aware"
    (folder / "labels").mkdir(parents=True)
    (folder / "README.md").write_text(
        "---\ngrader: eval_awareness\nselection: random\nannotators:\n  bot: {kind: model, family: owl}\n---\n# Card\n"
    )
    transcripts = [
        Transcript(
            id=f"t{n}",
            messages=(Message(id="M1", turn=0, role="assistant", channel="text", text="Is this a test?"),),
            metadata={"cluster": f"c{n // 2}", "split": "dev", "origin": "written"},
        )
        for n in range(4)
    ]
    (folder / "transcripts.jsonl").write_text("".join(t.model_dump_json() + "\n" for t in transcripts))
    for who, labels in {
        "bot": ["absent", "tentative", "settled", "indeterminate"],
        "eve": ["absent", "tentative", "dismissed"],
        "adjudicated": ["absent", "tentative", "settled", "indeterminate"],
    }.items():
        lines = [
            Annotation(
                transcript_id=f"t{n}",
                facet="alignment_eval_awareness",
                label=label,
                annotator=who,
                inclusion_probability=0.5 if n == 0 else 1.0,
                stratum="rare" if n == 0 else "other",
            ).model_dump_json()
            for n, label in enumerate(labels)
        ]
        (folder / "labels" / f"{who}.jsonl").write_text("\n".join(lines) + "\n")
    return EvalSet(folder)


def run_of(folder, name, records, grader=AWARE):
    run = Run(name, folder)
    run.write_grader(grader)
    run.write_records(map(to_json_line, records))
    return run


def verdict(item, label, facet="alignment_eval_awareness", sample=0, **facets):
    return Verdict(
        transcript_id=item,
        grader="eval_awareness",
        grader_version=1,
        grader_sha256=AWARE.sha256,
        model="m",
        sample=sample,
        values={facet: label, **facets},
        evidence=(
            Evidence(
                message_id="M1",
                quote="Is",
                start=0,
                end=2,
                role="assistant",
                channel="text",
                supports=(facet,),
            ),
        ),
        rationale="because",
        metadata={"checkpoint": "late"},
    )


def failure(item, kind="refused"):
    return Failure(
        transcript_id=item,
        grader="eval_awareness",
        grader_version=1,
        grader_sha256=AWARE.sha256,
        model="m",
        kind=kind,
        detail="no",
    )


def test_judge_and_annotators_stand_side_by_side_with_their_design(tmp_path, labelled):
    run = run_of(
        tmp_path / "runs",
        "a",
        [verdict("t0", "absent"), verdict("t1", "settled"), failure("t2"), verdict("t9", "absent")],
    )
    found = gather([run, labelled], GRADERS)
    assert [(r.name, r.kind) for r in found.raters] == [
        ("a", "judge"),
        ("bot", "annotator"),
        ("eve", "annotator"),
        ("adjudicated", "reference"),
    ]
    assert found.reference is not None
    assert found.reference.name == "adjudicated"
    assert found.raters[1].model == "owl"
    panel = found.panel(AWARE, AWARE.facets[AWARE.primary])
    assert [item.id for item in panel.items] == ["t0", "t1", "t2", "t9", "t3"]
    word = dict(enumerate(AWARE.facets[AWARE.primary].vocabulary)) | {MISSING: None}
    assert [[word[code] for code in row] for row in panel.codes] == [
        ["absent", "absent", "absent", "absent"],
        ["settled", "tentative", "tentative", "tentative"],
        [None, "settled", "dismissed", "settled"],
        ["absent", None, None, None],
        [None, "indeterminate", None, "indeterminate"],
    ]
    assert [row[0].status for row in panel.ratings] == ["ok", "ok", "refused", "ok", "missing"]
    assert panel.ratings[0][0].evidence[0].quote == "Is"
    assert panel.ratings[4][0] is ABSENT
    assert np.asarray(panel.design.weights).tolist() == [2, 1, 1, 1, 1]
    clusters = np.asarray(panel.design.clusters).tolist()
    assert clusters[0] == clusters[1] != clusters[2]
    assert np.asarray(panel.design.strata).tolist() == ["rare", "other", "other", "", "other"]
    assert panel.items[0].metadata["checkpoint"] == "late"
    assert panel.items[0].metadata["cluster"] == "c0"


def test_a_panel_can_be_narrowed_to_raters_and_to_items(labelled):
    found = gather([labelled], GRADERS)
    bot, eve, _ = found.raters
    panel = found.panel(AWARE, AWARE.facets[AWARE.primary]).of(eve, bot)
    assert panel.raters == (eve, bot)
    assert panel.codes.shape == (4, 2)
    rated = panel.at(np.all(panel.codes != MISSING, axis=1))
    assert [item.id for item in rated.items] == ["t0", "t1", "t2"]
    assert len(np.asarray(rated.design.weights)) == len(rated) == 3


def test_repeats_stand_apart(tmp_path):
    run = run_of(tmp_path, "a", [verdict("t0", "absent"), verdict("t0", "settled", sample=1)])
    found = gather([run], GRADERS)
    (rater,) = found.judges
    assert rater.samples == 2
    facet = AWARE.facets[AWARE.primary]
    assert found.panel(AWARE, facet).ratings[0][0].value == "absent"
    assert found.panel(AWARE, facet, sample=1).ratings[0][0].value == "settled"


def test_a_run_is_read_by_the_rubric_that_it_used(tmp_path):
    changed = AWARE.model_copy(update={"version": 7, "description": "as it was"})
    run = run_of(tmp_path, "old", [verdict("t0", "absent")], changed)
    found = gather([run], GRADERS)
    assert found.graders["eval_awareness"].version == 7
    kept = Run("old", tmp_path).grader("eval_awareness")
    assert kept is not None
    assert kept.templates == AWARE.templates


def test_one_file_of_labels_is_one_rater(labelled):
    found = gather([labelled.folder / "labels" / "eve.jsonl"], GRADERS)
    assert [rater.name for rater in found.raters] == ["eve"]
    assert found.reference is not None
    assert found.reference.name == "eve"


def test_a_facet_that_two_graders_have_goes_by_the_card(labelled):
    path = labelled.folder / "labels" / "eve.jsonl"
    line = Annotation(transcript_id="t0", facet="role_in_decision", label="not_linked", annotator="eve")
    path.write_text(line.model_dump_json() + "\n")
    assert ("eval_awareness", "role_in_decision") in gather([path], GRADERS).raters[0].ratings
    (labelled.folder / "README.md").unlink()
    with pytest.raises(UsageError, match="several graders have"):
        gather([labelled.folder / "labels" / "eve.jsonl"], GRADERS)


def test_raters_of_one_name_and_labels_of_no_vocabulary_are_refused(tmp_path, labelled):
    with pytest.raises(UsageError, match="same name"):
        gather([labelled, labelled], GRADERS)
    run = run_of(tmp_path / "runs", "a", [verdict("t0", "sideways")])
    found = gather([run], GRADERS)
    with pytest.raises(UsageError, match="sideways"):
        found.panel(AWARE, AWARE.facets[AWARE.primary])


def test_the_label_files_in_the_repository_are_read_whole():
    labelled = EvalSet(bundled_folder().parent / "eval_sets" / "reward_seeking")
    found = gather([labelled], GRADERS)
    panel = found.panel(GRADERS["reward_seeking"], GRADERS["reward_seeking"].facets["reward_seeking"])
    assert panel.codes.shape == (sum(1 for _ in labelled.transcripts()), 3)
    assert (panel.codes != MISSING).all()


def test_only_the_questions_that_are_asked_for_are_read(tmp_path):
    run = run_of(tmp_path, "a", [verdict("t0", "absent", role_in_decision="not_linked"), failure("t1")])
    key = ("eval_awareness", "role_in_decision")
    found = gather([run], GRADERS, only={key})
    assert set(found.judges[0].ratings) == {key}
    assert found.judges[0].rating(key, "t0").value == "not_linked"
    assert set(found.items) == {"t0", "t1"}
    assert not gather([run], GRADERS, only={("over_escalation", "escalation")}).items


def facets_of(labelled, who, facet, labels, **about):
    """Append labels of one more facet, t0 and on, to an annotator's file."""
    with (labelled.folder / "labels" / f"{who}.jsonl").open("a") as file:
        for n, label in enumerate(labels):
            line = Annotation(transcript_id=f"t{n}", facet=facet, label=label, annotator=who, **about)
            file.write(line.model_dump_json() + "\n")


def weights(found, facet):
    return np.asarray(found.panel(AWARE, AWARE.facets[facet]).design.weights).tolist()


def test_how_one_facet_was_drawn_changes_nothing_for_another(labelled):
    facets_of(
        labelled, "eve", "role_in_decision", ["not_linked"] * 4, inclusion_probability=0.1, stratum="second"
    )
    found = gather([labelled], GRADERS)
    assert weights(found, AWARE.primary) == [2, 1, 1, 1]
    assert weights(found, "role_in_decision") == [10, 10, 10, 10]
    panel = found.panel(AWARE, AWARE.facets[AWARE.primary])
    assert [item.stratum for item in panel.items] == ["rare", "other", "other", "other"]
    secondary = found.panel(AWARE, AWARE.facets["role_in_decision"])
    assert {(item.probability, item.stratum) for item in secondary.items} == {(0.1, "second")}
    assert [item.probability for item in found.items.values()] == [0.5, 1, 1, 1]  # the primary facet's
    assert found.item("t0", ("metagaming", "metagaming")).probability == 1  # nobody was asked


@pytest.mark.parametrize("about", [{"inclusion_probability": 0.25}, {"inclusion_probability": 0.5}])
def test_annotators_who_give_two_chances_for_one_facet_are_refused(labelled, about):
    facets_of(labelled, "bot", "role_in_decision", ["not_linked"], inclusion_probability=0.5, stratum="s")
    facets_of(labelled, "eve", "role_in_decision", ["not_linked"], **about)
    if about["inclusion_probability"] == 0.5:  # a label without a stratum contradicts nobody
        found = gather([labelled], GRADERS)
        assert found.item("t0", (AWARE.name, "role_in_decision")).stratum == "s"
        return
    with pytest.raises(UsageError, match=r"'t0' was drawn in two ways for role_in_decision") as refused:
        gather([labelled], GRADERS)
    assert "bot.jsonl and " in str(refused.value)
    assert "probability 0.5, stratum 's', and probability 0.25" in str(refused.value)


def queue(labelled, *lines):
    (labelled.folder / "queue.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_the_queue_of_a_set_counts_over_what_its_labels_carry(labelled):
    facets_of(labelled, "eve", "role_in_decision", ["not_linked"] * 2)
    drawn = {"transcript_id": "t1", "inclusion_probability": 0.25, "stratum": "s01", "core": False}
    queue(
        labelled,
        drawn | {"grader": "eval_awareness"},
        drawn | {"grader": "metagaming", "inclusion_probability": 0.01},
        {"transcript_id": "t2", "inclusion_probability": 0.2},
    )
    found = gather([labelled], GRADERS)
    assert weights(found, AWARE.primary) == [2, 4, 5, 1]
    assert weights(found, "role_in_decision") == [1, 4]
    assert found.item("t1", (AWARE.name, AWARE.primary)).stratum == "s01"
    one = gather([labelled.folder / "labels" / "eve.jsonl"], GRADERS)
    assert weights(one, AWARE.primary) == [2, 4, 5]


def test_a_queue_settles_what_annotators_contradict_each_other_in(labelled):
    facets_of(labelled, "bot", "role_in_decision", ["not_linked"], inclusion_probability=0.5)
    facets_of(labelled, "eve", "role_in_decision", ["not_linked"])
    queue(labelled, {"transcript_id": "t0", "inclusion_probability": 0.125})
    assert weights(gather([labelled], GRADERS), "role_in_decision") == [8]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"transcript_id": "t0", "inclusion_probability": 0}, "not a line of a queue"),
        ({"transcript_id": "t1", "inclusion_probability": 0.5}, "'t1' was drawn in two ways"),
    ],
)
def test_a_queue_that_cannot_be_meant_is_refused_with_its_line(labelled, line, told):
    queue(labelled, {"transcript_id": "t1"}, line)
    with pytest.raises(UsageError, match=told) as refused:
        gather([labelled], GRADERS)
    assert "queue.jsonl:2" in str(refused.value)


MANY = next(
    (grader, facet) for grader in GRADERS.values() for facet in grader.facets.values() if facet.multilabel
)


@pytest.mark.parametrize(
    ("label", "told"), [(("{known}", "sideways"), "no such label"), ("{known}", "takes a list of labels")]
)
def test_every_member_of_a_set_of_labels_is_held_against_the_vocabulary(labelled, label, told):
    grader, facet = MANY
    known = next(iter(facet.labels))
    value = known if isinstance(label, str) else tuple(part.format(known=known) for part in label)
    (labelled.folder / "README.md").write_text(f"---\ngrader: {grader.name}\n---\n")
    for path in (labelled.folder / "labels").glob("*.jsonl"):
        path.unlink()
    facets_of(labelled, "eve", facet.name, [(known,), value])
    found = gather([labelled], GRADERS)
    with pytest.raises(UsageError, match=told) as refused:
        found.panel(grader, facet)
    assert "eve.jsonl, t1" in str(refused.value)


def test_a_run_with_two_texts_of_one_rubric_is_refused(tmp_path):
    other = verdict("t1", "absent").model_copy(update={"grader_sha256": "f" * 64})
    run = run_of(tmp_path, "a", [verdict("t0", "absent"), other])
    with pytest.raises(UsageError, match="two texts of eval_awareness") as refused:
        gather([run], GRADERS)
    assert AWARE.sha256 in str(refused.value)
    assert "f" * 64 in str(refused.value)


@pytest.mark.parametrize("again", [verdict("t0", "settled"), failure("t0")])
def test_a_run_with_two_records_of_one_sample_is_refused(tmp_path, again):
    run = run_of(tmp_path, "a", [verdict("t0", "absent"), verdict("t0", "absent", sample=1), again])
    with pytest.raises(UsageError, match="two records of 't0', sample 0") as refused:
        gather([run], GRADERS)
    assert "lines 1 and 3" in str(refused.value)
