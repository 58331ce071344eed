"""Mutated completions through ``parse``, and mutated files through every reader, by the million.

    python -m benchmarks.fuzz completions 1000000
    python -m benchmarks.fuzz files 100000
    python -m benchmarks.fuzz atheris 200000          (coverage-guided; needs `pip install atheris`)

Each process takes a stream of its own, fixed by its seed; what goes wrong is raised with the input and the seed. Prints the
outcomes, the slowest single input in seconds of CPU, and how much memory grew after the first tenth.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.results import Row, keep
from tests.fuzzing import completions, files


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def stream(kind: str, seed: int, count: int) -> dict[str, Any]:
    """One process's share; MiB of memory at its peak, after the first tenth and at the end."""
    with tempfile.TemporaryDirectory() as folder:
        fuzz: Any = completions.Fuzz(seed) if kind == "completions" else files.Fuzz(seed, Path(folder))
        try:
            fuzz.run(count // 10)
            early = _resident()
            tally = fuzz.run(count - count // 10)
        except BaseException:
            print(f"seed {seed}", file=sys.stderr)
            raise
    return {"outcomes": tally.outcomes, "slowest": tally.slowest, "early": early, "late": _resident()}


def guided(count: int) -> None:
    """Let atheris choose the completions by what they reach in ``judge.parse``."""
    import atheris

    with atheris.instrument_imports(include=["judge.parse", "judge.grounding"]):
        from judge.parse import parse
    fuzz = completions.Fuzz(0)
    corpus = Path(tempfile.mkdtemp())
    for number, text in enumerate(fuzz.seeds):
        (corpus / str(number)).write_text(text)

    def one(data: bytes) -> None:
        grader = fuzz.graders[len(data) % len(fuzz.graders)]
        text = data.decode("utf-8", "ignore")
        completions.check(
            parse(completions.completion(text), grader, completions.SEEN), text, grader, completions.SEEN
        )

    atheris.Setup([sys.argv[0], f"-runs={count}", "-max_len=8000", str(corpus)], one)
    atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("kind", choices=("completions", "files", "atheris"))
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.kind == "atheris":
        guided(args.count)
        return
    processes = os.cpu_count() or 1
    share = -(-args.count // processes)
    outcomes: Counter[str] = Counter()
    with ProcessPoolExecutor(processes) as pool:
        seeds = range(args.seed, args.seed + processes)
        results = list(pool.map(stream, [args.kind] * processes, seeds, [share] * processes))
    for result in results:
        outcomes.update(result["outcomes"])
    found = {
        "kind": args.kind,
        "inputs": sum(outcomes.values()),
        "outcomes": dict(outcomes.most_common()),
        "slowest_seconds": max(result["slowest"] for result in results),
        "peak_mib_after_a_tenth": [result["early"] for result in results],
        "peak_mib_at_the_end": [result["late"] for result in results],
    }
    print(json.dumps(found, indent=1))
    slowest = found["slowest_seconds"]
    seconds = slowest[0] if isinstance(slowest, tuple) else slowest  # of files, with what kind it was
    said = f"nothing raised but our own errors; the slowest took {seconds:.2f} s of CPU"
    keep(f"fuzz.{args.kind}", found, [Row(f"{found['inputs']:,} mutated {args.kind} read", said)])


if __name__ == "__main__":
    main()
