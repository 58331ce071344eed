"""Every case, and what one run of it shows."""

import tempfile
from pathlib import Path

from tests.faults import batches, live, machine
from tests.faults.cases import LABELS, MODELS, Case
from tests.faults.scene import Scene
from tests.faults.table import Row, row
from tests.loopback import Server

PLACES = {"provider": (*live.CASES, *batches.CASES), "machine": machine.CASES}
ALL = [
    (place, case, provider)
    for place, cases in PLACES.items()
    for case in cases
    for provider in case.providers
]


def name(place: str, case: Case, provider: str) -> str:
    return f"{case.way}, {provider}: {case.fault}"


def observe(case: Case, provider: str, folder: Path) -> tuple[Row, bool]:
    """Run the command with the fault and without; returns the row, and whether its words are those of the table.

    Raises AssertionError where something was lost, bought twice or counted as a label, or the user was told nonsense.
    """
    with Server() as server:
        scene = Scene(folder, server, MODELS[provider], case.way, case.extra)
        with case.wound(scene):
            seen = scene.judge()
            records, asked = scene.found(), scene.asked()
        again = scene.judge()
        bought = server.stats()["bought_again"]
    told = f"\n{seen.text}\nand then\n{again.text}"
    assert "Traceback" not in seen.text + again.text, told
    if scene.exact:
        assert (seen.code, records) == (case.code, case.records), told
        assert bought == case.again, told
        assert case.says in seen.text, told
    assert (again.code, scene.found()) == (0 if case.after == LABELS else 3, case.after), told
    assert seen.code == case.code and bought <= case.again, told
    return row(case, provider, seen, asked), scene.exact


def one(number: int) -> Row | str:
    """What the case at a place of ``ALL`` shows, or in words what is wrong with it."""
    place, case, provider = ALL[number]
    with tempfile.TemporaryDirectory() as folder:
        try:
            seen, exact = observe(case, provider, Path(folder))
        except AssertionError as error:
            return f"{name(place, case, provider)}\n{error}"
    return (
        seen if exact else "no disk could be mounted here: run this as root, or leave it to somebody who can"
    )
