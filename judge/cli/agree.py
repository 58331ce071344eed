"""``judge agree``: how far raters agree, judges and annotators in any mix, and a judge with itself."""

from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options


def agree(
    sources: options.Raters,
    facet: Annotated[
        list[str], typer.Option("--facet", help="Only this facet (FACET or GRADER.FACET). Repeatable.")
    ] = [],  # noqa: B006  (typer copies it)
    details: Annotated[
        bool, typer.Option("--details", help="Confusion matrix and scores per label for every pair.")
    ] = False,
    cluster: options.Cluster = "cluster",
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    json: options.Json = False,
) -> None:
    """Measure agreement between any raters: runs, annotators, whole sets, and runs with --repeats with themselves."""
    from dataclasses import asdict

    from rich.console import Console

    from judge.calibration.agreement import agreement
    from judge.cli import figures, output
    from judge.cli import sources as reading
    from judge.ratings import texts

    named = [reading.find(text, runs_dir) for text in sources]
    ratings = reading.gather(named, "agree", prompts=prompts, cluster=cluster)
    texts.refuse_mixed(ratings)
    found = agreement(ratings, facet)
    if json:
        output.dump(asdict(found))
        return
    figures.agreement(found, Console(highlight=False), details=details)
