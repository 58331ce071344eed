"""Every verb, with a marked key and a provider that repeats it wherever it can: nothing printed or written has it.

The key looks like no key, so that only knowing it keeps it out; and the umask is open, so that only modes that were
asked for keep files private.
"""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer.main

from judge.cli import app
from tests.cli.command import Command, write
from tests.cli.direct import Direct, umask
from tests.iteration.samples import KNOWS, eval_set, prompt
from tests.loopback import Fault, Options, Server, contract_answer

KEY = "marked-secret-5f1c9aa0b7d2"
SETS = Path(__file__).parents[2] / "eval_sets"
GRADER = "over_escalation"
OPENAI, ANTHROPIC = "openai/gpt-4.1-mini", "anthropic/claude-sonnet-5-5"
COMPATIBLE, REFLECTING = "compatible/mine", "openai/gpt-4.1"
BROKEN = ("cut", "truncate", "reset", "not_json", "empty", "off_schema", "error_in_200", "blocked", "quota")
STATUSES = ("400", "401", "403", "404", "413", "429", "500", "503", "529")


def echoing(asked):
    """A valid answer that has the key in it, as a gateway's answers might."""
    if asked.model == REFLECTING.partition("/")[2]:
        return f"<rubric>\nLabel the colour. Crimson counts as red. The key was {KEY}.\n</rubric>"
    answer = json.loads(contract_answer(asked))
    answer["rationale"] = f"You sent authorization {KEY}."
    return json.dumps(answer)


def leaks(folder):
    """Files under a folder that have the key, in their bytes or, where those are compressed, in what they say."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            text = path.read_bytes()
            if path.suffix == ".parquet":
                text += repr(pq.read_table(path).to_pylist()).encode()
            if KEY.encode() in text or KEY in path.name:
                found.append(str(path.relative_to(folder)))
    return found


def open_to_others(folder):
    return [str(path) for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077]


class Scene(Direct):
    def __init__(self, folder, server):
        super().__init__(folder, server)
        self.server = server
        (folder / "tmp").mkdir()
        names = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "JUDGE_API_KEY")
        self.env |= dict.fromkeys(names, KEY) | {
            "JUDGE_BATCH_POLL": "0.05",
            "JUDGE_TIMEOUT": "2",
            "TMPDIR": str(folder / "tmp"),
        }
        write(folder / "data.jsonl", 3)

    def ask(self, *extra, model=OPENAI, run="r"):
        url = self.server.anthropic_url if model == ANTHROPIC else self.server.openai_url
        more = ("--patience", "0.2", *extra)
        return self.run(*self.arguments(*more, model=model, graders=[GRADER], url=url, run=run))

    def check(self):
        assert KEY not in self.said
        assert leaks(self.folder) == []
        assert open_to_others(self.folder / "runs") == []


@pytest.fixture
def scene(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    with Server(Options(key=KEY), echoing) as server, umask(0):
        yield Scene(tmp_path, server)


@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC, COMPATIBLE])
def test_no_answer_and_no_error_leaves_the_key_anywhere(scene, model):
    assert scene.ask(model=model).returncode == 0
    assert "[key]" in scene.records()[0]["rationale"], "the echo arrived, and was blanked"
    faults = [Fault(kind) for kind in (*BROKEN, "echo_key")]
    faults += [Fault(status, echo=True) for status in STATUSES]
    for number, fault in enumerate(faults):
        scene.server.script(fault)
        done = scene.ask(
            "--limit", "1", "--set", f"max_tokens={1000 + number}", model=model, run=f"f{number}"
        )
        assert done.returncode in (2, 3), (fault, done.stderr)
    assert "The key was [key]" in scene.said
    scene.check()


@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
def test_nor_does_a_batch(scene, model):
    assert scene.ask("--batch", model=model).returncode == 0
    for number, status in enumerate(("400", "429", "500")):
        scene.server.script(Fault(status, echo=True))
        scene.ask(
            "--batch", "--limit", "1", "--set", f"max_tokens={1000 + number}", model=model, run=f"f{number}"
        )
    scene.check()


VERBS = f"""
label data.jsonl -g {GRADER} --model {OPENAI} --run r --base-url URL
label data.jsonl -g {GRADER} --model {OPENAI} --run other --base-url URL --repeats 2
label data.jsonl -g {GRADER} --model {OPENAI} --run dry --base-url URL --dry-run
label data.jsonl -g {GRADER} --model {OPENAI} --run away --base-url http://127.0.0.1:9 --patience 0
show {GRADER} --transcript data.jsonl
cost --run r
cost data.jsonl -g {GRADER} --model {OPENAI}
graders list
graders show {GRADER}
graders lint
transcripts show data.jsonl
transcripts convert data.jsonl converted.jsonl
runs list
runs show r
runs export r --to parquet
runs export r --to jsonl
runs export r --to csv
runs export r --to hf
batch list
batch export data.jsonl -g {GRADER} --model {OPENAI} --out runs/requests.jsonl --set max_tokens=999
batch import answers.jsonl
eval-sets list
eval-sets check eval_sets/{GRADER}
labels export eval_sets/{GRADER} --from adjudicated --out scout.csv
labels import eval_sets/{GRADER} scout.csv --as ada
local show
local pull nobody
attack eval_sets/{GRADER} -g {GRADER} --model {OPENAI} --run planted --limit 1 --per-item 1 --base-url URL
attack eval_sets/{GRADER} -g {GRADER} --model {OPENAI} --run dry --limit 1 --per-item 1 --base-url URL --dry-run
rate r --labels under_escalated --by checkpoint --markdown rate.md
plan --width 0.05 --prevalence 0.1
select r --labels under_escalated --out queue.jsonl --number 2
drift r other --labels under_escalated
selftest --replicates 20
doctor
doctor --json
runs purge other --yes
"""


RUBRIC_VERBS = f"""
label eval_sets/colour -g colour --model {OPENAI} --run on-set --base-url URL
label eval_sets/colour -g colour --model {OPENAI} --run again --base-url URL --set max_tokens=998
label eval_sets/colour/test -g colour --model {OPENAI} --run sealed --base-url URL
label data.jsonl -g colour --model {OPENAI} --run part --base-url URL --shard 1/2
label data.jsonl -g colour --model {OPENAI} --run part --base-url URL --shard 2/2
runs merge part.1-of-2 part.2-of-2 --into whole
agree on-set again eval_sets/colour
calibrate on-set --on eval_sets/colour --by origin --html runs/calibration.html --markdown runs/calibration.md
calibrate sealed --on colour --test --json
compare on-set again --on colour --html runs/comparison.html --markdown runs/comparison.md
compare colour colour.v2 --on colour --model {OPENAI} --base-url URL
compare colour colour.v2 --on colour --test --model {OPENAI} --base-url URL
try colour --on colour --model {OPENAI} --base-url URL
improve colour --on colour --model {OPENAI} --reflect-with {REFLECTING} IMPROVE --base-url URL
graders new another
graders diff colour colour.v2
graders history colour --on colour --html runs/history.html
"""
FAILING = f"""
label data.jsonl -g colour --model {OPENAI} --run failing --base-url URL --set max_tokens=900 --patience 0
try colour --on colour --model {OPENAI} --base-url URL --set max_tokens=901 --patience 0
compare colour colour.v2 --on colour --model {OPENAI} --base-url URL --set max_tokens=902
improve colour --on colour --model {OPENAI} --reflect-with {REFLECTING} IMPROVE --base-url URL --seed 7 --patience 0
attack eval_sets/colour -g colour --model {OPENAI} --run failed --limit 1 --per-item 1 --base-url URL --patience 0
"""
IMPROVE = "--rounds 1 --folds 2 --min-labels 1"


def verbs(command, before=()):
    """Every verb that there is, in words."""
    if not (commands := getattr(command, "commands", None)):
        return {" ".join(before)}
    return {verb for name, inner in commands.items() for verb in verbs(inner, (*before, name))}


def run_all(scene, lines, *more):
    """Each line as a command; ``more``: exit codes beside those of a command that did what it could."""
    for line in lines.strip().splitlines():
        words = line.replace("IMPROVE", IMPROVE).replace("URL", scene.server.openai_url).split()
        done = scene.run(*words)
        allowed = done.returncode in (0, 1, 3, *more) or "away" in line or "nobody" in line
        assert allowed, (line, done.returncode, done.stderr)


def test_every_verb_is_run_below():
    lines = f"\n{VERBS}\n{RUBRIC_VERBS}"
    left_out = {verb for verb in verbs(typer.main.get_command(app)) if f"\n{verb} " not in lines}
    assert left_out - set(lines.splitlines()) == {"annotate"}, "annotate is below, as a process"


def test_no_verb_prints_or_writes_the_key(scene):
    shutil.copytree(SETS / GRADER, scene.folder / "eval_sets" / GRADER)
    (scene.folder / "answers.jsonl").write_text(
        '{"custom_id": "' + "0" * 64 + '", "error": {"message": "no"}}\n'
    )
    run_all(scene, VERBS)
    assert scene.server.stats()["bought"] > 6
    scene.check()


@pytest.fixture
def colours(scene):
    """A rubric, another version of it, and a hand-labelled set with a sealed split."""
    prompt(scene.folder / "prompts")
    prompt(scene.folder / "prompts", KNOWS, "colour.v2")
    eval_set(scene.folder / "eval_sets" / "colour", each=6)
    eval_set(scene.folder / "eval_sets" / "colour" / "test", each=4, prefix="s")
    return scene


def test_nor_do_those_that_measure_and_change_a_rubric(colours):
    run_all(colours, RUBRIC_VERBS)
    proposed = [path.read_text() for path in (colours.folder / "runs").rglob("*.jinja")]
    assert any("The key was [key]." in text for text in proposed), "a proposal repeated it, and was blanked"
    colours.check()


@pytest.mark.parametrize("fault", [Fault("401", echo=True), Fault("400", echo=True), Fault("echo_key")])
def test_nor_do_they_where_every_request_fails(colours, fault):
    colours.server.script(fault)
    run_all(colours, FAILING, 2)
    assert "[key]" in colours.said
    colours.check()


def test_the_labelling_page_does_not_either(scene):
    scene.ask()
    process = Command.start_anew(scene, "annotate", "runs/r", "--as", "ada", "--no-open", "--port", "0")
    assert process.stderr and process.stdout
    first = process.stderr.readline() or process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    scene.said += first + out + err
    scene.check()


@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
def test_the_sdks_own_logs_have_no_key(scene, model):
    scene.env |= {"OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug"}
    url = scene.server.anthropic_url if model == ANTHROPIC else scene.server.openai_url
    scene.server.script(Fault("500", times=1, echo=True))
    command = scene.arguments("--patience", "0.2", model=model, graders=[GRADER], url=url)
    done = Command.start_anew(scene, *command)
    out, err = done.communicate(timeout=300)
    assert "DEBUG" in err, "it did log"
    assert KEY not in out + err


WITH_CORES = """
import os, resource, sys
most = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
os.execv(sys.executable, [sys.executable, "-m", "judge", *sys.argv[1:]])
"""
"""Becomes ``judge`` in a process that leaves a core file at a crash, as far as the machine allows it."""


def cores(folder):
    """Names that core files have where /proc/sys/kernel/core_pattern is a plain one."""
    return [path.name for path in folder.rglob("*core*") if path.is_file()]


@pytest.mark.skipif(sys.platform == "win32", reason="has no core files")
def test_a_crash_in_the_middle_of_a_request_writes_no_core_file(scene):
    scene.server.script(Fault("stall"))
    command = scene.arguments("--patience", "60", graders=[GRADER])
    scene.env |= {"JUDGE_TIMEOUT": "60"}
    with subprocess.Popen(
        [sys.executable, "-c", WITH_CORES, *command],
        cwd=scene.folder,
        env=scene.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        while scene.server.stats()["requests"] == 0 and process.poll() is None:
            time.sleep(0.05)
        limits = Path(f"/proc/{process.pid}/limits")
        if limits.exists():
            (found,) = re.findall(r"Max core file size +(\S+) +(\S+)", limits.read_text())
            assert set(found) <= {"0", "1"}
        process.send_signal(signal.SIGABRT)
    assert process.returncode == -signal.SIGABRT
    assert cores(scene.folder) == []
    scene.check()
