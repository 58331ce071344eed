"""The fault matrix: each case holds by itself, and docs/reliability.md says what it shows.

After a change that alters what is printed: ``python -m tests.faults`` writes the table anew, and its diff is the review.
"""

import pytest

from tests.faults import table
from tests.faults.matrix import ALL, name, observe


@pytest.mark.parametrize(("place", "case", "provider"), ALL, ids=[name(*one) for one in ALL])
def test_nothing_is_lost_bought_twice_or_counted_as_a_label(place, case, provider, tmp_path):
    seen, exact = observe(case, provider, tmp_path)
    if exact:
        lines = {table.line(seen), table.line(table.both(seen))}
        assert lines & set(part(case.way, place)), f"the table says otherwise:\n{table.line(seen)}"


def test_the_table_has_a_row_for_every_case_and_no_other():
    for way, place in table.TITLES:
        faults = [case.fault for where, case, _ in ALL if (case.way, where) == (way, place)]
        rows = [line.split(" | ")[0].removeprefix("| ") for line in part(way, place)]
        assert list(dict.fromkeys(rows)) == list(dict.fromkeys(faults))


def part(way, place):
    """The rows under one heading."""
    text = table.committed().split(f"## {table.TITLES[way, place]}\n")[1].split("\n## ")[0]
    return [line for line in text.splitlines() if line.startswith("| ")][1:]
