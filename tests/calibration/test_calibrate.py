"""One judge against one set: what it scores, what it is compared with, and what forbids to believe it."""

import json
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from judge.calibration.calibrate import Wishes, calibrate
from judge.errors import UsageError
from judge.grader.gates import parse
from judge.report import markdown, sentences
from judge.report.calibration import html
from judge.stats.agreement import kappa
from judge.stats.resample import Settings
from judge.stats.tables import confusion
from tests.calibration import made

QUICK = Settings(replicates=200)
COLOURS = ["none", "red", "blue", "indeterminate"]
TRUTH = [COLOURS[n % 4] for n in range(160)]
JUDGED = made.wrong(TRUTH, 10, COLOURS)


@pytest.fixture
def rubric(tmp_path):
    return made.rubric(tmp_path)


@pytest.fixture
def calibrated(tmp_path, rubric):
    """A function: own labels (and more about run and set) to a calibration."""

    def of(judged=JUDGED, raters=None, wishes=None, facts=None, selection="random", **about):
        items = made.transcripts(TRUTH, **(facts or {}))
        raters = raters or {"adjudicated": {"colour": TRUTH}}
        labels = made.labelled_set(tmp_path / "set", items, raters, selection)
        ran = made.run(tmp_path / "runs", rubric, items, {"colour": judged}, **about)
        return calibrate(made.ratings([ran, labels], rubric), replace(wishes or Wishes(), settings=QUICK))

    return of


def test_the_judge_is_held_against_the_reference(calibrated):
    found = calibrated()
    (facet,) = found.facets
    table = confusion([COLOURS.index(x) for x in TRUTH], [COLOURS.index(x) for x in JUDGED], 4)
    assert facet.judge.first == facet.reference == "adjudicated"
    assert facet.judge.with_nulls.coefficients["kappa"].value == pytest.approx(kappa(table).value)
    assert (facet.items, facet.clusters) == (160, 80)
    assert json.loads(json.dumps(asdict(found), allow_nan=False))["run"] == "a"


def test_failures_and_items_never_judged_stay_visible(calibrated):
    judged = ["!refused" if n < 8 else None if n < 12 else label for n, label in enumerate(TRUTH)]
    (facet,) = calibrated(judged).facets
    assert facet.judge.items == 148
    assert facet.judge.with_nulls.coefficients["agreement"].value == 1
    assert facet.coverage.overall.counts["(refused)"] == 8
    assert facet.coverage.agreement.lowest.value == pytest.approx(148 / 160)
    assert facet.coverage.agreement.highest.value == 1
    red = next(row for row in facet.coverage.labels if row.label == "red")
    assert (red.items, red.counts["(refused)"], red.counts["(missing)"]) == (40, 2, 1)
    assert red.recall.lowest.value == pytest.approx(37 / 40)
    assert [w.partition(":")[0] for w in facet.warnings if "not-judged" in w] == ["not-judged"]
    assert sum(d.judge.label.startswith("(") for d in facet.disagreements) == 12


def test_a_judge_that_reads_beats_graders_that_cannot(calibrated):
    (facet,) = calibrated(facts={"cluster": [f"c{n // 2}" for n in range(160)]}).facets
    kappas = {b.name: b.coefficients["kappa"].value for b in facet.baselines}
    assert set(kappas) == {"constant", "keywords", "bag of words"}
    assert kappas["constant"] == 0
    assert (
        min(kappas["keywords"] or 0, kappas["bag of words"] or 0) > 0.9
    )  # one word tells all in these texts
    by_name = {b.name: b for b in facet.baselines}
    assert by_name["constant"].beaten
    assert not by_name["keywords"].beaten
    assert "no-better" in by_name["keywords"].lead.reasons
    assert any(
        w.startswith("no-better: ") and "keywords" in w and "constant" not in w for w in facet.warnings
    )


def test_annotators_are_the_ceiling_and_say_who_they_are(calibrated):
    raters = {
        "ana": {"colour": made.wrong(TRUTH, 20, COLOURS, 3)},
        "bot": {"colour": made.wrong(TRUTH, 20, COLOURS, 7)},
        "eve": {"colour": made.wrong(TRUTH, 20, COLOURS, 11)},
        "adjudicated": {"colour": TRUTH},
    }
    found = calibrated(raters=raters)
    (facet,) = found.facets
    assert facet.among is not None
    assert facet.among.annotators == ("ana", "bot", "eve")
    (ceiling,) = facet.among.ceilings
    assert ceiling.consensus is not None
    assert ceiling.pairs.human.value > ceiling.pairs.judge.value
    assert ceiling.pairs.difference.high < 0
    assert facet.among.alt_test.winning_rate is not None
    assert len(facet.among.alt_test.duels) == 3
    assert {note.name: note.standing for note in found.raters} == {
        "ana": "person", "bot": "model", "eve": "person", "adjudicated": "adjudicated",
    }  # fmt: skip
    told = {w.partition(":")[0] for w in found.warnings}
    assert {"annotators-are-models", "annotators-same-family"} <= told
    assert "unknown-selection" not in told


def test_a_judge_that_only_knows_the_common_label_is_found_out_by_equal_classes(tmp_path, rubric):
    truth = ["red" if n % 8 == 0 else "none" for n in range(400)]
    raters = {
        who: {"colour": made.wrong(truth, 25, ["none", "red"], at)}
        for at, who in enumerate(("ana", "bot", "eve"), start=3)
    }
    items = made.transcripts(truth, per_cluster=1)
    found = made.labelled_set(tmp_path / "set", items, raters | {"adjudicated": {"colour": truth}})
    lazy = made.run(tmp_path / "runs", rubric, items, {"colour": ["none"] * 400})
    (facet,) = calibrate(made.ratings([lazy, found], rubric), Wishes(epsilon=0.2)).facets
    assert facet.among is not None
    assert facet.among.alt_test.passed
    assert facet.among.alt_test_by_class is not None
    assert facet.among.alt_test_by_class.passed is False
    told = [line for line in sentences.ceiling(facet) if "alternative annotator test" in line]
    assert ["not passed" in line for line in told] == [False, True]
    assert "all labels counting alike" in told[1]


def test_two_annotators_without_adjudication_have_no_reference(calibrated):
    with pytest.raises(UsageError, match="nothing says which of their labels counts"):
        calibrated(raters={"ana": {"colour": TRUTH}, "bot": {"colour": TRUTH}})


def test_one_annotator_is_the_reference_and_no_ceiling(calibrated):
    found = calibrated(raters={"ana": {"colour": TRUTH}})
    (facet,) = found.facets
    assert facet.reference == "ana"
    assert any(w.startswith("one-human") for w in facet.warnings)


@pytest.mark.parametrize(
    ("selection", "code"), [("unknown", "unknown-selection"), ("enriched", "enriched-sample")]
)
def test_how_the_set_was_chosen_is_said(calibrated, selection, code):
    assert any(w.startswith(code) for w in calibrated(selection=selection).warnings)


def test_judge_and_subject_of_one_family_are_flagged(calibrated):
    assert not any(w.startswith("same-family") for w in calibrated().warnings)


def test_a_subject_of_the_judges_family_is_flagged(calibrated):
    found = calibrated(facts={"model": ["claude-opus"] * 80 + ["gpt-5"] * 80})
    assert found.judge.family == "claude"
    assert any(w.startswith("same-family") for w in found.warnings)
    assert found.setting.subjects == ("claude", "gpt")
    (kin,) = found.facets[0].subgroups
    assert (kin.key, [g.name for g in kin.groups]) == ("subject's family", ["claude", "gpt"])


def test_unequal_errors_between_groups_are_found_and_equal_ones_are_not(calibrated):
    group = ["early" if n % 2 else "late" for n in range(160)]
    judged = ["none" if n % 2 and n % 3 and label == "red" else label for n, label in enumerate(TRUTH)]
    (facet,) = calibrated(
        judged, facts={"checkpoint": group}, wishes=Wishes(by=("checkpoint", "length"))
    ).facets
    by_checkpoint, by_length = facet.subgroups
    assert [g.name for g in by_checkpoint.groups] == ["early", "late"]
    assert by_checkpoint.groups[0].recall["red"].value < 0.5
    unequal = {t.what for t in by_checkpoint.tests if t.p_adjusted is not None and t.p_adjusted < 0.05}
    assert "agreement" in unequal
    assert len(by_length.groups) == 3
    assert all(t.p_adjusted is None or t.p_adjusted > 0.05 for t in by_length.tests)


def test_a_group_too_small_to_test_is_left_out_of_the_test(calibrated):
    group = ["tiny" if n < 4 else "early" if n % 2 else "late" for n in range(160)]
    (facet,) = calibrated(facts={"checkpoint": group}, wishes=Wishes(by=("checkpoint",))).facets
    (found,) = facet.subgroups
    assert [g.name for g in found.groups] == ["early", "late", "tiny"]
    first = next(t for t in found.tests if t.what == "agreement")
    assert set(first.equality.rates) == {"early", "late"}
    assert any("tiny" in w for w in first.equality.warnings)


def test_an_unknown_key_lists_the_known_ones(calibrated):
    with pytest.raises(UsageError, match="'checkpont'") as error:
        calibrated(wishes=Wishes(by=("checkpont",)), facts={"checkpoint": ["x"] * 160})
    assert "checkpoint" in str(error.value)


def test_probabilities_are_held_against_being_right(calibrated):
    sure = [{label: 0.9, "other": 0.1} for label in JUDGED]
    (facet,) = calibrated(distributions=sure).facets
    assert facet.confidence is not None
    assert [row.confidence for row in facet.confidence.table] == [0.9]
    assert facet.confidence.table[0].correct.value == pytest.approx(0.9)
    assert facet.confidence.ece.value == pytest.approx(0)


def test_gates_hold_by_the_worse_end_of_the_interval(calibrated):
    gates = [parse(text) for text in ("kappa >= 0.8", "kappa >= 0.9", "recall.red >= 0.5", "invalid <= 0.05")]
    found = calibrated(wishes=Wishes(shared_gates=gates))
    low = found.facets[0].figures["kappa"].low
    assert low is not None
    assert 0.75 < low < 0.85
    results = {g.gate: g for g in found.gates}
    assert results["recall.red >= 0.5"].passed
    assert results["invalid <= 0.05"].passed
    missed = results["kappa >= 0.9"]
    assert not missed.passed
    assert missed.limit == low
    assert missed.short == pytest.approx(0.9 - low)
    assert missed.estimate.value is not None
    assert found.missed


def test_no_gate_on_recall_is_passed_by_refusing(calibrated):
    gates = [parse("recall.red >= 0.8"), parse("agreement >= 0.8")]
    half = ["!refused" if n % 8 < 4 else label for n, label in enumerate(TRUTH)]
    found = calibrated(half, wishes=Wishes(shared_gates=gates))
    assert {g.gate: g.passed for g in found.gates} == {"recall.red >= 0.8": False, "agreement >= 0.8": False}
    assert found.facets[0].judge.with_nulls.coefficients["agreement"].value == 1


def test_a_figure_without_an_interval_clears_no_gate(calibrated):
    alone = ["none"] * 155 + ["red"] * 5
    found = calibrated(
        alone, raters={"adjudicated": {"colour": alone}}, wishes=Wishes(shared_gates=[parse("kappa >= 0.1")])
    )
    (gate,) = found.gates
    assert gate.estimate.value == 1
    assert (gate.passed, gate.limit, gate.short) == (False, None, None)


def test_a_gate_on_nothing_is_refused(calibrated):
    with pytest.raises(UsageError, match="speaks of no facet"):
        calibrated(wishes=Wishes(shared_gates=[parse("depth: kappa >= 0.5")]))


def test_a_gate_on_a_label_that_is_not_there_is_refused(calibrated):
    with pytest.raises(UsageError, match=r"no figure 'recall.green'"):
        calibrated(wishes=Wishes(shared_gates=[parse("recall.green >= 0.5")]))


def test_a_run_on_other_transcripts_is_told_what_to_do(tmp_path, rubric):
    items = made.transcripts(TRUTH)
    labels = made.labelled_set(tmp_path / "set", items[:80], {"adjudicated": {"colour": TRUTH[:80]}})
    ran = made.run(tmp_path / "runs", rubric, items[80:], {"colour": TRUTH[80:]})
    with pytest.raises(UsageError, match="has judged none") as error:
        calibrate(made.ratings([ran, labels], rubric))
    assert "judge label" in str(error.value)


def test_multi_label_and_ordinal_facets_are_calibrated_too(tmp_path, rubric):
    items = made.transcripts(TRUTH)
    steps = [["0", "1", "2", "not_assessable"][n % 4] for n in range(160)]
    sets = [[("light",), ("light", "dark"), ("none",)][n % 3] for n in range(160)]
    own: dict[str, Any] = {
        "colour": TRUTH,
        "strength": made.wrong(steps, 12, ["0", "1", "2"])
        if False
        else [("1" if n % 12 == 0 else s) for n, s in enumerate(steps)],
        "shades": [("dark",) if n % 5 == 0 else s for n, s in enumerate(sets)],
    }
    truth: dict[str, Any] = {"colour": TRUTH, "strength": steps, "shades": sets}
    others = dict.fromkeys(("ana", "bot", "adjudicated"), truth)
    labels = made.labelled_set(tmp_path / "set", items, others)
    found = calibrate(
        made.ratings([made.run(tmp_path / "runs", rubric, items, own), labels], rubric),
        Wishes(settings=QUICK),
    )
    by_facet = {f.about.facet: f for f in found.facets}
    assert list(by_facet) == ["colour", "strength", "shades"]
    assert by_facet["strength"].among is not None
    assert [c.coefficient for c in by_facet["strength"].among.ceilings] == ["kappa", "kappa_quadratic"]
    shades = by_facet["shades"]
    assert {b.name: b.beaten for b in shades.baselines}["constant"]
    assert shades.judge.micro is not None
    assert len(shades.disagreements) == 32


def test_a_judge_that_never_answered_has_no_figures(calibrated):
    found = calibrated(["!refused"] * 160, wishes=Wishes(shared_gates=[parse("kappa >= 0.1")]))
    (facet,) = found.facets
    assert facet.judge.items == 0
    assert facet.judge.with_nulls.coefficients["kappa"].value is None
    assert [w.partition(":")[0] for w in facet.warnings] == ["no-answers", "one-human"]
    assert found.missed
    text = html(found, {})
    assert "there is nothing to compare" in text
    assert "160 refused" in text
    assert "nothing to compare" in markdown.calibration(found)


def carrying(labels, **chances):
    """Give the labels of each facet named here an inclusion probability."""
    (path,) = (labels.folder / "labels").glob("*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["inclusion_probability"] = chances.get(line["facet"], 1.0)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_an_enriched_set_is_weighted_only_where_every_facet_is(tmp_path, rubric):
    steps = [["0", "1", "2"][n % 3] for n in range(160)]
    both: dict[str, Any] = {"colour": TRUTH, "strength": steps}
    items = made.transcripts(TRUTH)
    labels = made.labelled_set(tmp_path / "set", items, {"adjudicated": both}, "enriched")
    ran = made.run(tmp_path / "runs", rubric, items, both)

    def warned() -> bool:
        found = calibrate(made.ratings([ran, labels], rubric), Wishes(settings=QUICK))
        return any(w.startswith("enriched-sample") for w in found.warnings)

    carrying(labels, strength=0.1)
    assert warned()
    carrying(labels, strength=0.1, colour=0.5)
    assert not warned()


def test_a_queue_weights_a_calibration_whose_labels_carry_nothing(tmp_path, rubric):
    items = made.transcripts(TRUTH)
    labels = made.labelled_set(tmp_path / "set", items, {"adjudicated": {"colour": TRUTH}}, "enriched")
    ran = made.run(tmp_path / "runs", rubric, items, {"colour": JUDGED})
    drawn = [
        {"transcript_id": t.id, "grader": rubric.name, "inclusion_probability": 0.1 if n % 10 == 0 else 1.0}
        for n, t in enumerate(items)
    ]

    def agreement() -> tuple[bool, Any]:
        ratings = made.ratings([ran, labels], rubric)
        found = calibrate(ratings, Wishes(settings=QUICK))
        panel = ratings.panel(rubric, rubric.facets["colour"])
        hits = panel.codes[:, 0] == panel.codes[:, 1]
        return found.setting.weighted, float(np.average(hits, weights=np.asarray(panel.design.weights)))

    assert agreement() == (False, pytest.approx(144 / 160))
    (labels.folder / "queue.jsonl").write_text("".join(json.dumps(line) + "\n" for line in drawn))
    assert agreement() == (True, pytest.approx(144 / (144 + 160)))
