"""A folder, a server and the command: what the user sees, what is in the records, what the server was asked."""

import json
import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import tenacity

from tests.cli.command import Command, write
from tests.cli.direct import Direct
from tests.loopback import Server

GRADER = "over_escalation"
TRANSCRIPTS = 4

_BACKOFF = tenacity.wait_random_exponential(multiplier=0.05, max=0.4)
"""Between two attempts. How long these waits are decides nothing here but how long the tests take."""

_ROUTINE = re.compile(
    r"\d+/[\d?]+  |the run so far: |(records|table|manifest) |why records failed|batch N: "
    r"(sending|the provider has it|(in_progress|validating|finalizing|completed|ended), |\d answers stored, 0 req)"
)
"""Lines of every run, whether something goes wrong in it or not."""

_OWN = (
    (r"127\.0\.0\.1:\d+|\('127\.0\.0\.1', \d+\)", "ADDRESS"),
    (r"(openai/gpt|anthropic/claude)[\w.-]+", "MODEL"),
    (r"(gpt|claude)-[\w.-]+", "NAME"),
    (r"another-model[\w-]*", "another-model"),
    (r"\b(msg)?batch_\d+", "BATCH"),
    (r"\b[0-9a-f]{12,64}\b", "KEY"),
    (r"nowhere\.invalid(:\d+)? \(.*?\)", "nowhere.invalid (the resolver's words)"),
    (r"cannot connect to ADDRESS \(.*?\)", "cannot connect to ADDRESS (the system's words)"),
    (r"\((\w+_error|invalid_api_key|insufficient_quota|requests)\)", "(code)"),
    (r"\$[\d.]+", "$…"),
    (r"\b\d+ bytes.*", "… bytes …"),
    (r"it ends in '.*'", "it ends in '…'"),
    (r"\(char \d+\)|column \d+", "…"),
)
"""What differs between providers, machines and days."""


@dataclass(frozen=True, slots=True)
class Seen:
    code: int
    lines: tuple[str, ...]
    text: str
    """Everything that was printed."""


class Scene(Direct):
    """Four transcripts, one grader, one request for each; one request at a time, so that counts are certain."""

    def __init__(self, folder: Path, server: Server, model: str, way: str, extra: tuple[str, ...]) -> None:
        super().__init__(folder, server)
        self.server, self.model, self.way, self.extra = server, model, way, extra
        self.url = server.anthropic_url if model.startswith("anthropic") else server.openai_url
        self.env |= {"JUDGE_BATCH_POLL": "0.02", "JUDGE_TIMEOUT": "60", "COLUMNS": "400"}
        self.as_process = False
        self.exact = True
        """Whether what is printed is what the table says; where a disk could not be mounted it is not."""
        write(folder / "data.jsonl", TRANSCRIPTS)

    def command(self, *extra: str) -> list[str]:
        more = ("--batch",) if self.way == "batch" else ()
        given = (*more, "--in-flight", "1", "--patience", "60", *self.extra, *extra)
        return self.arguments(*given, model=self.model, graders=[GRADER], url=self.url)

    def judge(self, *extra: str) -> Seen:
        """Run the command once."""
        if self.as_process:
            done = Command.run_anew(self, *self.command(*extra))
        else:
            with (
                mock.patch("judge.labelling.batching.patience.LONGEST_WAIT", 0.2),
                mock.patch("judge.labelling.dispatch._BACKOFF", _BACKOFF),
            ):
                done = self.run(*self.command(*extra))
        return seen(done, self.folder)

    def found(self) -> str:
        """What is in the records, in words."""
        path = self.folder / "runs" / "r" / "records.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        kinds = Counter(_kind(json.loads(line)) for line in lines)
        words = (f"{n} {kind}{'s' * (kind == 'label' and n != 1)}" for kind, n in kinds.items())
        return ", ".join(sorted(words, key=lambda word: "failed" in word)) or "nothing"

    def asked(self) -> str:
        """What the server was asked: how many requests, and for batches in how large ones."""
        if self.way == "live":
            return str(self.server.stats()["requests"])
        sizes = [len(batch.lines) for batch in self.server.desk.batches.values()]
        return " + ".join(map(str, sizes)) or "no batch"


def _kind(record: dict[str, object]) -> str:
    return "label" if record["status"] == "ok" else f"failed ({record['kind']})"


def seen(done: subprocess.CompletedProcess[str], folder: Path) -> Seen:
    """What was printed, without what every run prints, and without what differs from machine to machine."""
    lines: list[str] = []
    for raw in done.stderr.splitlines():
        line = re.sub(r"^batch \d+:", "batch N:", raw.strip().replace(str(folder), "FOLDER"))
        for pattern, word in _OWN:
            line = re.sub(pattern, word, line)
        line = re.sub(
            r"^(complete|stopped.*?|interrupted.*?|not complete.*?)(, \d+ failures?)?\. .*", r"\1\2", line
        )
        if line and not _ROUTINE.match(line) and line not in lines:
            lines.append(line)
    return Seen(done.returncode, tuple(lines), done.stdout + done.stderr)
