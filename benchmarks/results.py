"""Kept figures: what a benchmark found, when, with which code, on what kind of machine.

``keep`` writes ``benchmarks/results/NAME.json``; ``benchmarks.table`` makes the table and the plots of docs/performance.md from
these files and from nothing else. With BENCH_RESULTS set, they go to that folder: trying a benchmark out at a small size
must not replace what was published.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PUBLISHED = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Row:
    """A line of the table in docs/performance.md: what was measured, what it came to, and the goal where there is one."""

    what: str
    found: str
    goal: str = ""


def keep(name: str, figures: Mapping[str, Any], rows: Sequence[Row] = ()) -> Path:
    """Write a benchmark's figures and the lines of the table that say them. Returns the file's path.

    Args:
        name: Of the benchmark's module; or ``module.part`` where it is run in parts.
        figures: Whatever JSON can hold.
        rows: In words, for the table.
    """
    folder = Path(os.environ.get("BENCH_RESULTS") or PUBLISHED)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    kept = {
        "name": name,
        "command": " ".join(["python -m", f"benchmarks.{name.partition('.')[0]}", *map(_said, sys.argv[1:])]),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit(),
        "machine": machine(),
        "rows": [asdict(row) for row in rows],
        "figures": figures,
    }
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _said(argument: str) -> str:
    """An argument as it is kept: where something lies on this machine is nobody's business."""
    return "FOLDER" if Path(argument).is_absolute() else argument


def machine() -> dict[str, str | int]:
    """What kind of machine this is, and how busy it was; nothing that names it."""
    return {
        "cores": os.cpu_count() or 0,
        "cpu": _cpu(),
        "python": platform.python_version(),
        "system": platform.system(),
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "",
    }


def _cpu() -> str:
    """The model's name as Linux has it, else the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """The commit that is checked out, marked where files differ from it; empty outside of a repository."""
    here = Path(__file__).parent

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "../judge", "../prompts")
    return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
