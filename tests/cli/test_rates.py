"""`judge rate`, `plan`, `select`, `drift` and `selftest` as a user runs them: files in, words out."""

import json

import pytest
from typer.testing import CliRunner

from judge.cli import app
from judge.errors import UsageError
from tests.cli.command import Command
from tests.rates.worlds import AWARE, FIELD, GRADERS, World, write_run

LABELS = ("--facet", "eval_awareness", "--labels", "tentative,settled")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A production run over two checkpoints, and a hand-labelled set that the same judge labelled."""
    folder = tmp_path_factory.mktemp("rates")
    world = World(folder, {"early": 0.08, "late": 0.02}, sensitivity=0.9, specificity=0.98)
    world.run("prod", 2000, seed=1)
    shown = World(folder, {"early": 0.5, "late": 0.5}, sensitivity=0.9, specificity=0.98, truth=world.truth)
    shown.run("on-set", 300, seed=2, prefix="s")
    kept = folder / "eval_sets" / "aware"
    kept.mkdir(parents=True)
    (folder / "on-set.jsonl").rename(kept / "transcripts.jsonl")
    shown.annotate(kept, "adjudicated", card="grader: eval_awareness\nselection: enriched\norigin: natural\n")
    return world


@pytest.fixture
def command(place):
    return Command(place.folder)


def output(done, code=0):
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_a_run_and_a_set_make_a_corrected_rate(place, command):
    done = command.run("rate", "prod", "--by", "checkpoint", *LABELS, "--calibrated-on", "aware", "--json")
    found = output(done)
    assert "taken from run on-set" in done.stderr
    early, late = found["groups"]
    assert (early["group"], late["group"]) == ("early", "late")
    for group, truth in ((early, 0.08), (late, 0.02)):
        estimate = group["overall"]["choice"]["estimate"]
        assert group["overall"]["choice"]["estimator"] == "lee"
        assert estimate["low"] <= truth <= estimate["high"]
        assert group["overall"]["n"] == 1000
        assert 0 < group["outcomes"]["(refused)"] < 60
    (own,) = found["accuracy"]
    assert own["run"] == "on-set"
    assert own["sensitivity"]["value"] > 0.8
    assert own["found"]["source"] == "natural"
    assert found["changes"][0]["word"] in ("reduced", "not resolved")
    for which in ("early", "late"):
        assert which in own["groups"]  # 75 positives each


def test_select_label_rate_closes_the_circle(place, command):
    drawn = command.run_anew(
        "select", "prod", "-n", "300", *LABELS, "--by", "checkpoint", "--out", "eval_sets/new"
    )
    assert drawn.returncode == 0, drawn.stderr
    assert "tentative" not in drawn.stdout + drawn.stderr
    folder = place.folder / "eval_sets" / "new"
    place.annotate(folder)
    assert command.run_anew("eval-sets", "check", "eval_sets/new").stdout.startswith("new: ")
    done = command.run(
        "rate", "prod", "--by", "checkpoint", *LABELS, "--confirmed", "eval_sets/new", "--json"
    )
    found = output(done)
    assert "300 of 300 labels" in done.stderr
    for group, truth in zip(found["groups"], (0.08, 0.02), strict=True):
        choice = group["overall"]["choice"]
        assert choice["estimate"]["low"] <= truth <= choice["estimate"]["high"]
        assert choice["floor"]["value"] > 0
        assert choice["ceiling"]["high"] > truth
        assert group["overall"]["word"] == "detected"
    assert found["core"]["prod"]["agree"] is True
    again = command.run("select", "prod", *LABELS, "--out", "eval_sets/new")
    assert again.returncode == 2
    assert "there already" in again.stderr


def test_the_report_is_tables_and_markdown(place, command):
    done = command.run_anew("rate", "prod", "--by", "checkpoint", *LABELS, "--markdown", "report.md")
    assert done.returncode == 0, done.stderr
    assert "corrected prevalence" in done.stdout
    assert "none: no-positives" in done.stdout
    assert "not resolved" in done.stdout
    assert "eliminated" not in done.stdout.lower()
    text = (place.folder / "report.md").read_text()
    assert text.startswith("# eval\\_awareness.alignment\\_eval\\_awareness = tentative or settled")
    assert "| early | 1000 |" in text


def test_action_by_awareness(command):
    done = command.run(
        "rate", "prod", "--of", "over_escalation.escalation=over_escalated",
        "--given", "eval_awareness=tentative,settled", "--within", "environment", "--json",
    )  # fmt: skip
    found = output(done)
    (part,) = found["parts"]
    assert part["applicable"]["difference"]["value"] > 0.1
    assert part["applicable"]["strata"] == 7
    assert part["left_out"]["escalation not_applicable"] > 200
    assert found["warnings"][0].startswith("association")
    table = command.run(
        "rate",
        "prod",
        "--of",
        "over_escalation.escalation=over_escalated",
        "--given",
        "eval_awareness=settled",
    )
    assert "no effect of one thing" in " ".join(table.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("rate", "prod"), "several graders"),
        (("rate", "nowhere", *LABELS), "no such run"),
        (("rate", "prod", *LABELS, "--by", "stage"), "no record has 'stage'"),
        (("rate", "prod", *LABELS, "--against", "middle", "--by", "checkpoint"), "no such group"),
        (("rate", "prod", *LABELS, "--confirmed", "aware"), "none of these labels"),
        (("rate", "prod", *LABELS, "--confirmed", "on-set"), "no such evaluation set"),
        (("rate", "prod", *LABELS, "--calibrated-on", "aware", "--calibration-run", "prod"), "none of these labels"),
        (("rate", "prod", "--of", "escalation=over_escalated"), "go together"),
        (("rate", "prod", *LABELS, "--of", "escalation=calibrated", "--given", "eval_awareness"), "leave out"),
        (("rate", "prod", "--facet", "over_escalation"), "nothing says which labels"),
        (("select", "prod", *LABELS, "--out", "x.jsonl", "--from", "eval_sets/aware"), "are not in this source"),
        (("select", "on-set", *LABELS, "--out", "x.jsonl"), "say where they are: --from FILE"),
        (("drift", "prod", "on-set", *LABELS, "--on", "aware"), "share no transcript"),
        (("drift", "on-set", "runs/on-set", *LABELS), "the same run twice"),
        (("plan", "--found", "many"), "HITS/N"),
        (("plan", "--prevalence", "0"), "no such plan"),
    ],
)  # fmt: skip
def test_what_cannot_work_says_why(place, monkeypatch, arguments, words):
    monkeypatch.chdir(place.folder)
    with pytest.raises(UsageError) as raised:  # which the command turns into words and exit code 2
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert words in str(raised.value)


def test_a_set_that_this_judge_never_labelled_is_asked_for(place, command):
    write_run(place.folder / "runs", "other", [], "openai/else", "prod.jsonl")
    records = [
        json.loads(line) for line in (place.folder / "runs/prod/records.jsonl").read_text().splitlines()[:40]
    ]
    (place.folder / "runs/other/records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    done = command.run("rate", "other", *LABELS, "--calibrated-on", "aware")
    assert done.returncode == 2
    assert "no run holds this judge's answers" in done.stderr
    assert "judge label SET --grader eval_awareness --model openai/else" in done.stderr
    named = command.run(
        "rate", "other", *LABELS, "--calibrated-on", "aware", "--calibration-run", "on-set", "--json"
    )
    assert any(w.startswith("other-judge") for w in output(named)["accuracy"][0]["warnings"])


def test_drift_of_a_judge_that_misses_more(place, command):
    worse = World(
        place.folder, {"early": 0.5, "late": 0.5}, sensitivity=0.6, specificity=0.98, truth=place.truth
    )
    worse.run("on-set-new", 300, seed=3, prefix="s")
    found = output(command.run("drift", "on-set", "on-set-new", *LABELS, "--on", "aware", "--json"))
    accuracy = found["judge"]["anchored"]["accuracy"]
    assert accuracy["recall"][1]["high"] < 0
    assert accuracy["correct_by_label"][1]["p_exact"] < 0.01
    assert found["inputs"] is None
    inputs = command.run_anew("drift", "on-set", "prod", *LABELS)
    assert "What was answered and read" in inputs.stdout
    assert "flagged" in inputs.stdout


def test_drift_beyond_the_noise_fails_its_gate(place, command):
    steady = World(
        place.folder,
        {"early": 0.5, "late": 0.5},
        sensitivity=1.0,
        specificity=1.0,
        truth=place.truth,
        failures=0,
    )
    steady.run("steady", 200, prefix="s")
    turned = World(
        place.folder,
        {"early": 0.5, "late": 0.5},
        sensitivity=0.0,
        specificity=1.0,
        truth=place.truth,
        failures=0,
    )
    turned.run("turned", 200, prefix="s", samples=3)
    gated = command.run("drift", "steady", "turned", *LABELS, "--gate")
    assert gated.returncode == 1
    assert "gate missed: more answers changed than repeats flip" in gated.stderr
    assert command.run("drift", "turned", "steady", *LABELS, "--gate").returncode == 1
    assert command.run("drift", "steady", "turned", *LABELS).returncode == 0


def test_a_look_at_a_sealed_split_is_written_down(place, command):
    sealed = place.folder / "eval_sets" / "aware" / "test"
    sealed.mkdir()
    lines = (place.folder / "eval_sets/aware/transcripts.jsonl").read_text().splitlines(keepends=True)
    (sealed / "transcripts.jsonl").write_text("".join(lines[:150]))
    place.annotate(sealed, "adjudicated")
    done = command.run("rate", "prod", *LABELS, "--calibrated-on", "eval_sets/aware/test")
    assert done.returncode == 0, done.stderr
    assert "look 1" in done.stderr
    looks = (place.folder / "eval_sets/aware/looks.jsonl").read_text()
    assert '"verb":"rate"' in looks
    dev = command.run("rate", "prod", *LABELS, "--calibrated-on", "aware", "--json")
    assert any(w.startswith("dev-split") for w in output(dev)["accuracy"][0]["warnings"])


def looks_at(place, name):
    path = place.folder / "eval_sets" / name / "looks.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize(
    ("inside", "option", "named"),
    [
        (".", "--confirmed", "closed/test"),
        (".", "--confirmed", "eval_sets/closed/test"),
        (".", "--confirmed", "eval_sets/closed/test/labels/adjudicated.jsonl"),
        (".", "--calibrated-on", "closed/test"),
        (".", "--calibrated-on", "eval_sets/closed/test/labels/adjudicated.jsonl"),
        (".", "--confirmed", "link.jsonl"),
        ("eval_sets/closed/test", "--confirmed", "."),
        ("eval_sets/closed/test", "--calibrated-on", "labels/adjudicated.jsonl"),
        ("eval_sets/closed/test/labels", "--confirmed", "adjudicated.jsonl"),
    ],
)
def test_no_way_to_sealed_labels_goes_without_a_look(place, monkeypatch, inside, option, named):
    folder = place.folder / "eval_sets" / "closed"
    if not folder.exists():
        (folder / "test").mkdir(parents=True)
        lines = (place.folder / "eval_sets/aware/transcripts.jsonl").read_text().splitlines(keepends=True)
        (folder / "transcripts.jsonl").write_text("".join(lines[150:]))
        (folder / "test" / "transcripts.jsonl").write_text("".join(lines[:150]))
        place.annotate(folder / "test", "adjudicated")
        (place.folder / "link.jsonl").symlink_to(folder / "test" / "labels" / "adjudicated.jsonl")
    before = len(looks_at(place, "closed"))
    monkeypatch.chdir(place.folder / inside)
    runs = ("--runs-dir", str(place.folder / "runs"), "--calibration-run", "on-set")
    done = CliRunner().invoke(app, ("rate", "on-set", *LABELS, option, named, *runs), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert f"this is look {before + 1} at its labels" in done.stderr
    own = looks_at(place, "closed")
    assert len(own) == before + 1
    assert own[-1]["verb"] == "rate"
    assert any(what.startswith("run on-set: openai/gpt-x, eval_awareness ") for what in own[-1]["what"])


def test_one_command_is_one_look_in_however_many_ways_it_names_a_split(place, command):
    folder = place.folder / "eval_sets" / "twice" / "test"
    folder.mkdir(parents=True)
    for part in (folder.parent, folder):
        (part / "transcripts.jsonl").write_text(
            (place.folder / "eval_sets/aware/transcripts.jsonl").read_text()
        )
    place.annotate(folder, "adjudicated")
    sealed = ("--confirmed", "twice/test", "--calibrated-on", "eval_sets/twice/test/labels/adjudicated.jsonl")
    done = command.run("rate", "on-set", *LABELS, *sealed, "--calibration-run", "on-set")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is sealed: this is look") == 1
    (look,) = looks_at(place, "twice")
    assert sum(what.startswith("run on-set: ") for what in look["what"]) == 1
    assert any(what.endswith("adjudicated.jsonl") for what in look["what"])


def test_a_look_that_cannot_be_written_opens_nothing(place, monkeypatch):
    from judge.rates import labels as reading

    monkeypatch.chdir(place.folder)
    folder = place.folder / "eval_sets" / "unwritable"
    (folder / "test").mkdir(parents=True)
    for part in (folder, folder / "test"):
        (part / "transcripts.jsonl").write_text(
            (place.folder / "eval_sets/aware/transcripts.jsonl").read_text()
        )
    place.annotate(folder / "test", "adjudicated")
    (folder / "looks.jsonl").mkdir()  # whoever runs this, nothing can be appended here
    monkeypatch.setattr(reading, "read_labels", lambda path: pytest.fail(f"{path} was read"))
    with pytest.raises(UsageError, match="has to be written down"):
        CliRunner().invoke(
            app, ("rate", "on-set", *LABELS, "--confirmed", "unwritable/test"), catch_exceptions=False
        )


def test_an_anchor_set_may_have_the_name_of_a_run(place, command):
    renewed = World(place.folder, {"early": 0.5, "late": 0.5}, truth=place.truth)
    renewed.run("renewed", 300, seed=5, prefix="s")
    write_run(place.folder / "runs", "aware", [], "openai/gpt-x", "")
    found = output(command.run("drift", "on-set", "renewed", *LABELS, "--on", "aware", "--json"))
    assert found["judge"]["anchored"] is not None


def test_a_judge_that_stopped_answering_misses_its_gate(place, command):
    silent = World(place.folder, {"early": 0.5, "late": 0.5}, truth=place.truth, failures=1)
    silent.run("silent", 300, seed=6, prefix="s")
    done = command.run("drift", "on-set", "silent", *LABELS, "--gate")
    assert done.returncode == 1
    assert "no answer, before / now" in done.stdout
    assert "/ 300" in done.stdout
    assert "gate missed: cannot be told: neither run has repeats" in done.stderr
    told = output(command.run("drift", "on-set", "silent", *LABELS, "--json"))
    assert told["judge"]["unanswered"][1] == 300
    assert told["judge"]["answering"]["p_exact"] < 1e-6


def test_hostile_names_of_groups_are_words(place, command):
    evil = World(place.folder, {"\x1b[31mred|x\n<b>": 0.3, "plain": 0.1})
    evil.run("evil", 100, prefix="e")
    done = command.run("rate", "evil", "--by", "checkpoint", *LABELS, "--markdown", "evil.md")
    assert done.returncode == 0, done.stderr
    assert "\x1b[31mred" not in done.stdout
    assert "<b>" not in (place.folder / "evil.md").read_text().replace("\\<b\\>", "")


def test_plan_prints_a_table_and_json(command):
    assert "labelled positives" in command.run_anew("plan").stdout
    found = output(command.run("plan", "--prevalence", "0.02", "--json"))
    assert found["assumed"]["prevalence"] == 0.02
    assert found["answers"][0]["number"] == 44


def test_the_selftest_passes_and_notices_a_wrong_number(command, monkeypatch):
    done = command.run_anew("selftest", "--replicates", "40")
    assert done.returncode == 0, done.stdout
    assert "as they should be" in done.stdout
    from judge.stats import selftest

    tables = json.loads(json.dumps(selftest.golden_tables()))
    tables["published"]["krippendorff_2011"]["alpha"]["nominal"] = 0.7
    monkeypatch.setattr(selftest, "golden_tables", lambda: tables)
    assert [check.name for check in selftest.golden() if not check.passed] == [
        "Krippendorff 2011, nominal alpha"
    ]


def test_the_world_of_these_tests_is_made_of_real_graders():
    assert AWARE.primary == FIELD
    assert set(GRADERS) == {"eval_awareness", "over_escalation"}


def fresh(place, name):
    """A world of its own beside the shared one, so that what it changes is nobody else's."""
    folder = place.folder / name
    folder.mkdir()
    return World(folder, {"early": 0.3, "late": 0.3}), Command(folder)


def as_set(world, run, name, card):
    """The transcripts of a run as a hand-labelled set."""
    kept = world.folder / "eval_sets" / name
    kept.mkdir(parents=True)
    (world.folder / f"{run}.jsonl").rename(kept / "transcripts.jsonl")
    world.annotate(kept, "adjudicated", card=card)


def test_labels_of_another_text_under_the_same_ids_are_refused(place):
    world, command = fresh(place, "other-texts")
    world.run("prod", 60, seed=4)
    changed = World(world.folder, world.prevalence, truth=world.truth, text="Another text")
    changed.run("second", 60, seed=5)
    as_set(changed, "second", "aware", "grader: eval_awareness\nselection: random\n")
    for option in (("--confirmed", "aware"), ("--calibrated-on", "aware", "--calibration-run", "prod")):
        done = command.run("rate", "prod", *LABELS, *option)
        assert done.returncode == 2
        assert "60 of 60 shared transcripts differ: t0, t1, t2, t3, t4 ..." in done.stderr
    assert command.run("rate", "second", *LABELS, "--confirmed", "aware").returncode == 0
    assert command.run("drift", "prod", "second", *LABELS, "--on", "aware").returncode == 2


def test_runs_that_call_different_transcripts_by_one_id_share_none(place):
    world, command = fresh(place, "weeks")
    world.run("first", 200, seed=4)
    World(world.folder, {"final": 0.3}, truth=world.truth, text="Next week").run("second", 200, seed=5)
    found = output(command.run("rate", "first", "second", "--by", "checkpoint", *LABELS, "--json"))
    assert {group["group"] for group in found["groups"]} == {"first/early", "first/late", "second/final"}
    assert not any(w.startswith("shared-items") for w in found["warnings"])
    drift = output(command.run("drift", "first", "second", *LABELS, "--json"))
    assert drift["judge"] is None
    assert "checkpoint = final" in {share["name"] for share in drift["inputs"]["shares"]}


def test_items_of_a_labelled_set_among_those_of_a_run_are_told_of(place):
    world, command = fresh(place, "strangers")
    world.run("set", 100, seed=4, prefix="s")
    world.run("week", 100, seed=5)
    records = [world.folder / "runs" / name / "records.jsonl" for name in ("week", "set")]
    write_run(world.folder / "runs", "mixed", [], world.model, "week.jsonl")
    mixed = world.folder / "runs" / "mixed" / "records.jsonl"
    mixed.write_text("".join(path.read_text() for path in records))
    as_set(world, "set", "aware", "grader: eval_awareness\nselection: enriched\n")
    calibrated = ("--calibrated-on", "aware", "--calibration-run", "set", "--json")
    told = output(command.run("rate", "mixed", *LABELS, *calibrated))["warnings"]
    assert any(w.startswith("labelled-set-inside") and "100 of 200 in mixed: aware 100" in w for w in told)
    told = output(command.run("rate", "week", *LABELS, *calibrated))["warnings"]
    assert not any(w.startswith("labelled-set-inside") for w in told)
    lines = mixed.read_text().splitlines()
    facts = {"split": "dev", "origin": "written"}
    made = [json.loads(line) for line in lines]
    made = [{**r, "metadata": r["metadata"] | facts} if r["transcript_id"][0] == "s" else r for r in made]
    mixed.write_text("".join(json.dumps(r) + "\n" for r in made))
    told = output(command.run("rate", "mixed", *LABELS, "--json"))["warnings"]
    assert any("100 of 200 in mixed: written 100" in w for w in told), "without any set at hand"
