"""``judge calibrate``: is this grader good enough? One run against hand labels, with everything that qualifies the answer."""

from pathlib import Path
from typing import Annotated, Any

import typer

from judge.cli import options

MISSED = 1


def calibrate(
    run: Annotated[str, typer.Argument(help="The run to be measured: its folder or name.")],
    on: Annotated[str, typer.Option(help="Hand labels: SET, SET/test, or one annotator's file.")],
    test: Annotated[
        bool, typer.Option("--test", help="Use the set's sealed test split; the look is written down.")
    ] = False,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML file.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the report as Markdown.")] = None,
    by: Annotated[
        list[str],
        typer.Option(help="Figures for each value of a metadata key, `length`, or a facet. Repeatable."),
    ] = [],  # noqa: B006  (typer copies it)
    gate: Annotated[
        list[str],
        typer.Option(help="'kappa>=0.8', 'recall.LABEL>=0.8', 'FACET: kappa>=0.7'. Repeatable."),
    ] = [],  # noqa: B006
    epsilon: Annotated[
        float,
        typer.Option(min=0, max=1, help="Bonus of the alternative annotator test: .1 crowd to .2 experts."),
    ] = 0.1,
    cluster: options.Cluster = "cluster",
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    json: options.Json = False,
) -> None:
    """Measure a run against hand labels. Exit code 1 where a gate misses, by the worse end of its interval."""
    from rich.console import Console

    from judge.cli import calibration_figures, output
    from judge.cli import sources as reading
    from judge.cli.terminal import announce
    from judge.report import calibration as report
    from judge.report import figures as drawn

    if html is not None:
        drawn.require()
    judged = reading.run(run, runs_dir)
    labels = reading.labels(on, test=test)
    found, transcripts = _calibrated(judged, labels, by, gate, epsilon, cluster, prompts)
    if json:
        output.dump(report.as_data(found))
    else:
        calibration_figures.calibration(found, Console(highlight=False))
    if markdown is not None:
        report.write_markdown(found, markdown)
        announce(f"report  {markdown}")
    if html is not None:
        report.write_html(found, transcripts, html)
        announce(f"report  {html}")
    raise typer.Exit(MISSED if found.missed else 0)


def _calibrated(
    judged: Any,
    labels: Any,
    by: list[str],
    gate: list[str],
    epsilon: float,
    cluster: str,
    prompts: Path | None,
) -> tuple[Any, Any]:
    from judge import looks
    from judge.calibration.calibrate import Wishes, calibrate
    from judge.cli import sources as reading
    from judge.errors import UsageError
    from judge.grader import gates as gating
    from judge.ratings import texts

    try:
        shared = [gating.parse(text) for text in gate]
    except ValueError as error:
        raise UsageError("a gate cannot be read", found=str(error)) from error
    ratings = reading.gather([judged, labels], "calibrate", prompts=prompts, cluster=cluster)
    texts.refuse_mixed(ratings)
    sealed = reading.sealed_sets([labels])
    headers = reading.rubrics(prompts)
    graders = {name: headers.get(name, grader) for name, grader in ratings.graders.items()}
    wishes = Wishes(
        by=by,
        epsilon=epsilon,
        gates={name: [gating.parse(text) for text in grader.gates] for name, grader in graders.items()},
        shared_gates=shared,
        looks=len(looks.looks(sealed[0])) if sealed else None,
    )
    return calibrate(ratings, wishes), ratings.transcripts
