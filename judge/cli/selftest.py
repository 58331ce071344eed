"""``judge selftest``: do the statistics of this installation give the published numbers, and do intervals cover?"""

from typing import Annotated

import typer

from judge.cli import options

FAILED = 1


def selftest(
    replicates: Annotated[int, typer.Option(min=20, help="Simulated data sets for each interval.")] = 200,
    json: options.Json = False,
) -> None:
    """Check published tables and, by simulation, coverage. Under a minute; exit 1 where something is off."""
    from judge.cli.sections import show
    from judge.rates.sections import Section
    from judge.stats.selftest import golden, smoke

    checks = [*golden(), *smoke(replicates)]
    failed = [check for check in checks if not check.passed]
    rows = tuple((c.name, c.expected, c.found, "ok" if c.passed else "FAILED") for c in checks)
    note = f"{len(checks) - len(failed)} of {len(checks)} as they should be"
    section = Section("Published numbers and coverage", ("check", "expected", "found", ""), rows, (note,))
    show({"checks": checks, "failed": len(failed)}, [section], markdown=None, as_json=json)
    if failed:
        raise typer.Exit(FAILED)
