"""Runs every fault and writes what was seen into docs/reliability.md."""

import multiprocessing
import os
import sys
from pathlib import Path

from tests.faults.matrix import ALL, name, one
from tests.faults.table import TITLES, Row, replace, tables

GUARD = Path(__file__).parents[1] / "guard"


def main() -> None:
    os.environ["PYTHONPATH"] = str(GUARD)  # as in the tests, whose processes inherit it
    found: dict[tuple[str, str], list[Row]] = {place: [] for place in TITLES}
    wrong = []
    with multiprocessing.get_context("spawn").Pool() as pool:
        results = pool.imap(one, range(len(ALL)))
        for (place, case, provider), seen in zip(ALL, results, strict=True):
            sys.stderr.write(f"{name(place, case, provider)}\n")
            if isinstance(seen, Row):
                found[case.way, place].append(seen)
            else:
                wrong.append(seen)
    if wrong:
        sys.exit("\n\n".join(wrong))
    replace(tables(found))


if __name__ == "__main__":
    main()
