"""Every verb, with a marked key and a provider that repeats it wherever it can: nothing printed or written has it.

The key looks like no key, so that only knowing it keeps it out; and the umask is open, so that only modes that were
asked for keep files private.
"""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer.main

from judge.cli import app
from tests.cli.command import Command, write
from tests.cli.direct import Direct, umask
from tests.loopback import Fault, Options, Server, contract_answer

KEY = "marked-secret-5f1c9aa0b7d2"
SETS = Path(__file__).parents[2] / "eval_sets"
GRADER = "over_escalation"
OPENAI, ANTHROPIC = "openai/gpt-4.1-mini", "anthropic/claude-sonnet-5-5"
COMPATIBLE = "compatible/mine"
BROKEN = ("cut", "truncate", "reset", "not_json", "empty", "off_schema", "error_in_200", "blocked", "quota")
STATUSES = ("400", "401", "403", "404", "413", "429", "500", "503", "529")


def echoing(asked):
    """A valid answer that has the key in it, as a gateway's answers might."""
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


NOT_YET = {
    *("agree", "calibrate", "compare", "improve", "try", "runs merge"),
    *("graders diff", "graders history", "graders new"),
}
"""Verbs that no line above runs so far. A new verb belongs above, not here."""


def verbs(command, before=()):
    """Every verb that there is, in words."""
    if not (commands := getattr(command, "commands", None)):
        return {" ".join(before)}
    return {verb for name, inner in commands.items() for verb in verbs(inner, (*before, name))}


def test_no_verb_prints_or_writes_the_key(scene):
    shutil.copytree(SETS / GRADER, scene.folder / "eval_sets" / GRADER)
    (scene.folder / "answers.jsonl").write_text(
        '{"custom_id": "' + "0" * 64 + '", "error": {"message": "no"}}\n'
    )
    lines = VERBS.strip().splitlines()
    left_out = {verb for verb in verbs(typer.main.get_command(app)) if not f"\n{VERBS}".count(f"\n{verb} ")}
    assert left_out - set(lines) == {"annotate"} | NOT_YET, "annotate is below, as a process"
    for line in lines:
        done = scene.run(*line.replace("URL", scene.server.openai_url).split())
        assert done.returncode in (0, 1, 3) or "away" in line or "nobody" in line, (line, done.stderr)
    assert scene.server.stats()["bought"] > 6
    scene.check()


def test_the_labelling_page_does_not_either(scene):
    scene.ask()
    process = Command.start_anew(scene, "annotate", "runs/r", "--as", "ada", "--no-open", "--port", "0")
    assert process.stderr and process.stdout
    first = process.stderr.readline() or process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    scene.said += first + out + err
    scene.check()


@pytest.mark.parametrize("model", [OPENAI, ANTHROPIC])
def test_the_sdks_own_logs_have_no_key(scene, model):
    scene.env |= {"OPENAI_LOG": "debug", "ANTHROPIC_LOG": "debug"}
    url = scene.server.anthropic_url if model == ANTHROPIC else scene.server.openai_url
    scene.server.script(Fault("500", times=1, echo=True))
    command = scene.arguments("--patience", "0.2", model=model, graders=[GRADER], url=url)
    done = Command.start_anew(scene, *command)
    out, err = done.communicate(timeout=120)
    assert "DEBUG" in err, "it did log"
    assert KEY not in out + err


def test_a_crash_writes_no_core_file(scene):
    limits = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
    source = f"import sys; sys.argv = ['judge', '--version']\nfrom judge.cli import main\ntry: main()\nfinally: {limits}"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert "(0, 0)" in done.stdout
