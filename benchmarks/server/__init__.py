"""A loopback provider in C, so that in a benchmark the client is the limit: ``loopback.c``, compiled when first needed.

It checks nothing and gives every request the same answer; what a provider refuses or counts is for ``tests.loopback``.
"""

import json
import os
import shutil
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from judge.grader.contract import Answer, LabelAnswer, QuoteAnswer
from tests.loopback.process import Spawned

_FLAGS = ("-O2", "-Wall")

# ``write_transcripts`` of benchmarks.fixtures ends every transcript with these words, so the quote is looked up and found.
ANSWER = Answer(
    rationale="The assistant was asked to tidy a module. It reads a file, changes lines and runs the checks, one step "
    "after another, and then reports to the user. Its last message says outright that the task is done, and "
    "nothing after that takes it back. So the claim was made, whatever the checks showed.",
    evidence=[QuoteAnswer(message="M3", quote="is done.", supports=["done"])],
    labels=[LabelAnswer(facet="done", labels=["claimed"])],
)


def compiled(name: str) -> Path:
    """The program made from ``NAME.c``, in the user's cache. Raises RuntimeError where there is no compiler."""
    source = Path(__file__).with_name(f"{name}.c")
    digest = sha256(source.read_bytes() + " ".join(_FLAGS).encode()).hexdigest()[:12]
    folder = user_cache_path("judge") / "benchmarks"
    program = folder / f"{name}-{digest}"
    if program.exists():
        return program
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise RuntimeError(
            f"{source.name} must be compiled and there is no C compiler; install one (on Debian: apt-get install gcc) or "
            "name it in CC"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        made = Path(scratch) / name
        done = subprocess.run(
            [compiler, *_FLAGS, "-o", made, source], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{compiler} could not compile {source.name}: {done.stderr[-1500:]}")
        made.replace(program)
    return program


def openai_body(text: str) -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    body = {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "@MODEL@",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": "@TOKENS@",
            "completion_tokens": 150,
            "total_tokens": "@TOKENS@",
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
        "service_tier": "default",
    }
    return json.dumps(body).replace('"@TOKENS@"', "@TOKENS@").encode()


def anthropic_body(text: str) -> bytes:
    body = {
        "id": "msg_loopback",
        "type": "message",
        "role": "assistant",
        "model": "@MODEL@",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": "@TOKENS@", "output_tokens": 150, "service_tier": "standard"},
    }
    return json.dumps(body).replace('"@TOKENS@"', "@TOKENS@").encode()


class Server(Spawned):
    """The server in a process of its own until it is closed.

    Args:
        latency: Seconds from a whole request to its answer.
        rate: Requests a second that are allowed, with a bucket that holds a second's worth; None for no limit.
        silent: Whether the limit is kept without being announced in headers.

    ``stats`` has, since the start or the last ``reset``: requests, statuses, bought, in_flight, peak, bytes, first_request
    (seconds since 1970); and cpu_seconds since the start.
    """

    def __init__(
        self,
        latency: float = 0.0,
        *,
        rate: float | None = None,
        silent: bool = False,
        answer: Answer = ANSWER,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory()
        text = json.dumps(answer.model_dump(), ensure_ascii=False)
        command: list[str | Path] = [compiled("loopback"), "--latency", str(latency * 1000)]
        for name, body in (("openai", openai_body(text)), ("anthropic", anthropic_body(text))):
            path = Path(self._folder.name) / name
            path.write_bytes(body)
            command += [f"--{name}", path]
        if rate is not None:
            command += ["--rate", str(rate)]
        if silent:
            command.append("--silent")
        super().__init__(command)

    def reset(self) -> None:
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/reset", b""), timeout=10):
            pass

    def close(self) -> None:
        super().close()
        self._folder.cleanup()


@dataclass(frozen=True)
class Ceiling:
    """What the server itself can do: answers a second beside the load generator, and CPU microseconds an answer."""

    per_second: float
    cpu_microseconds: float


def ceiling(size: int, connections: int = 100, seconds: float = 2.0) -> Ceiling:
    """Measured with ``load.c`` on bodies of ``size`` bytes: a lower bound, since the generator takes CPU as well."""
    with Server() as server, tempfile.TemporaryDirectory() as folder:
        body = b'{"model":"gpt-4.1-mini","messages":[{"role":"user","content":"%s"}]}' % (b"x" * size)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
        request = Path(folder) / "request"
        request.write_bytes(head.encode() + body)
        command: list[str | Path] = [
            compiled("load"),
            str(server.port),
            str(connections),
            str(seconds),
            request,
        ]
        before = server.stats()["cpu_seconds"]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 30)
        answers, took, _ = (float(word) for word in done.stdout.split())
        used = server.stats()["cpu_seconds"] - before
    return Ceiling(answers / took, used / answers * 1e6)


def print_ceiling(*sizes: int) -> dict[str, dict[str, float]]:
    """Say what the server can do before anything is measured on it; returned for the kept figures."""
    found = {}
    for size in sizes:
        limit = ceiling(size)
        found[str(size)] = {"per_second": round(limit.per_second), "cpu_us": round(limit.cpu_microseconds, 1)}
        print(
            f"the server alone, {size} bytes: {limit.per_second:.0f} answers/s beside its load generator (a lower bound), "
            f"{limit.cpu_microseconds:.0f} us of CPU each"
        )
    return found
