"""``judge`` as a process, in a folder of its own, against a provider on loopback.

A process is a fork of one that has imported ``judge`` already, which saves most of what a command costs; see ``forked``.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from tests.cli.forked import Forked
from tests.loopback import Server
from tests.samples import transcript

GRADERS = ("reward_seeking", "eval_awareness", "over_escalation")
MODEL = "openai/gpt-4.1-mini"


def write(path: Path, count: int, size: int = 400) -> Path:
    """So many transcripts, each with its number in it."""
    with path.open("w", encoding="utf-8") as file:
        for n in range(count):
            filler = f"Step {n}: I read the file, change line {n * 7}, and run the checks. " * (size // 60)
            item = transcript(
                ("user", "text", f"Task {n}: tidy the module."),
                ("assistant", "reasoning", filler),
                ("assistant", "text", f"Done with task {n}."),
                id=f"t{n}",
                metadata={"checkpoint": "late" if n % 2 else "early", "n": n},
            )
            file.write(item.model_dump_json() + "\n")
    return path


class Command:
    def __init__(self, folder: Path, server: Server | None = None) -> None:
        self.folder = folder
        self.url = server.openai_url if server else "http://127.0.0.1:9"
        key = server.service.options.key if server else "sk-nobody"
        keys = {"OPENAI_API_KEY": key, "ANTHROPIC_API_KEY": key}
        self.env = os.environ | keys | {"NO_COLOR": "1", "COLUMNS": "120"}

    def start(self, *arguments: str, streams: Mapping[int, IO[str]] | None = None) -> Forked:
        """``streams``: files for the descriptors 0, 1 and 2, instead of nothing and two pipes."""
        return Forked(arguments, self.folder, self.env, streams)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode or 0, out, err)

    def start_anew(
        self, *arguments: str, streams: Mapping[int, IO[str]] | None = None
    ) -> subprocess.Popen[str]:
        """The same with an interpreter of its own, as a shell would."""
        command = [sys.executable, "-m", "judge", *arguments]
        usual: dict[int, int | IO[str]] = {0: subprocess.DEVNULL, 1: subprocess.PIPE, 2: subprocess.PIPE}
        ends = usual | dict(streams or {})
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.env,
            text=True,
            stdin=ends[0],
            stdout=ends[1],
            stderr=ends[2],
        )

    def run_anew(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start_anew(*arguments)
        out, err = process.communicate(timeout=300)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def label(
        self, *extra: str, model: str = MODEL, graders: Sequence[str] = GRADERS
    ) -> subprocess.CompletedProcess[str]:
        return self.run(*self.arguments(*extra, model=model, graders=graders))

    def arguments(
        self, *extra: str, model: str = MODEL, graders: Sequence[str] = GRADERS, url: str = "", run: str = "r"
    ) -> list[str]:
        chosen = [part for grader in graders for part in ("--grader", grader)]
        place = ["--run", run, "--base-url", url or self.url]
        return ["label", "data.jsonl", *chosen, "--model", model, *place, *extra]

    def records(self, run: str = "r") -> list[dict[str, Any]]:
        lines = (self.folder / "runs" / run / "records.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def manifest(self, run: str = "r") -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "runs" / run / "run.json").read_text())
        return found
