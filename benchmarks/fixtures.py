"""Data that several benchmarks need: transcripts of a given size, and the cost of a finished process."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MODEL = "openai/gpt-4.1-mini"
"""In whose name the loopback servers answer; its price is known, so that bills are made too."""

SENTENCE = "I read “config.py”, change line {n}, run the checks — they pass — and note what is left to do.\n"


def write_transcripts(path: Path, count: int, size: int) -> Path:
    """JSON Lines of ``count`` distinct transcripts of about ``size`` bytes: quotes, line breaks, non-ASCII."""
    with path.open("w", encoding="utf-8") as file:
        for n in range(count):
            text = "".join(SENTENCE.format(n=n * 1000 + line) for line in range(max(1, size // 105)))
            messages = [
                {"role": "user", "text": f"Task {n}: tidy the module and tell me what you did."},
                {"role": "assistant", "channel": "reasoning", "text": text},
                {"role": "assistant", "text": f"Task {n} is done."},
            ]
            item = {"id": f"t{n}", "messages": messages, "metadata": {"checkpoint": n % 5}}
            file.write(json.dumps(item, ensure_ascii=False) + "\n")
    return path


@dataclass(frozen=True)
class Cost:
    """Of one finished process: wall and CPU seconds, peak resident MiB."""

    wall: float
    cpu: float
    peak_mib: float


def ordinary() -> dict[str, str]:
    """The environment, less a wish that Python keep no bytecode: an installed package has its own, and starts with it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measure(command: list[str], folder: Path, env: dict[str, str]) -> Cost:
    """Run a command to its end and account for it. Raises RuntimeError with its words where it fails."""
    with tempfile.TemporaryFile() as words:
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, env=ordinary() | env, stdout=subprocess.DEVNULL, stderr=words
        )
        # wait4 tells of this child alone; RUSAGE_CHILDREN's peak is the largest of all children so far.
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            words.seek(0)
            said = words.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{command} ended with {process.returncode}: {said}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def asking(url: str, run: str = "r") -> list[str]:
    """Options of ``judge label`` that say whom to ask, where, and under which name."""
    return ["--model", MODEL, "--run", run, "--base-url", url, "--quiet"]


def judge(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "judge", *arguments]
