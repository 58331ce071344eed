"""``judge rate``: how common a label is, with the judge's measured errors carried in."""

from pathlib import Path
from typing import Annotated, Any

import typer

from judge.cli import options


def rate(
    runs: Annotated[list[str], typer.Argument(help="Runs; several are compared with each other.")],
    by: options.By = None,
    facet: options.Facet = None,
    labels: options.Labels = None,
    calibrated_on: Annotated[
        str | None, typer.Option(help="A hand-labelled set that shows how often this judge is right.")
    ] = None,
    calibration_run: Annotated[
        str | None, typer.Option(help="The run with the judge's answers on that set; else it is looked for.")
    ] = None,
    confirmed: Annotated[
        str | None, typer.Option(help="Hand labels of transcripts of this very run: a set, or a file.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="The group that others are compared with; else the first.")
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(min=0, max=1, help="`below threshold` is said below this; set it before you look."),
    ] = 0.0,
    sensitivity_floor: Annotated[
        float, typer.Option(min=0, max=1, help="How far sensitivity may fall and `reduced` still be said.")
    ] = 0.5,
    of: Annotated[
        str | None, typer.Option("--of", help="GRADER.FACET=LABELS whose rate is taken given --given.")
    ] = None,
    given: Annotated[
        str | None, typer.Option(help="GRADER.FACET=LABELS: with these labels, against without.")
    ] = None,
    within: Annotated[
        str | None, typer.Option(help="Compare only transcripts that share this metadata key.")
    ] = None,
    cluster: options.Cluster = "cluster",
    level: options.Level = 0.95,
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML file.")] = None,
    markdown: options.Markdown = None,
    json: options.Json = False,
) -> None:
    """Rates of a label, corrected for the judge's errors, for each run or group.

    Without labels there is a flag rate and no more. --calibrated-on brings sensitivity and specificity from a
    hand-labelled set; --confirmed brings what people saw in transcripts of this run (see `judge select`). With --of and
    --given: the rate of one label given another.
    """
    from judge.cli import rate_job
    from judge.cli.sections import show
    from judge.errors import UsageError
    from judge.rates import conditional, text
    from judge.rates.report import Plan
    from judge.report import figures
    from judge.stats.resample import Settings

    if html is not None:
        figures.require()
    request = rate_job.Request(
        runs,
        facet or "",
        options.names(labels),
        calibrated_on,
        calibration_run,
        confirmed,
        cluster,
        prompts,
        runs_dir,
    )
    settings = Settings(level=level)
    if of is None and given is None and within is None:
        plan = Plan(by, against, threshold, sensitivity_floor, settings)
        made = rate_job.rates(request, plan)
        show(made, text.sections(made), markdown=markdown, as_json=json)
        _page(made, html)
        return
    if of is None or given is None:
        raise UsageError("--of, --given and --within go together", do="--of F=LABEL --given F=LABEL")
    if calibrated_on or confirmed or threshold or against or facet or labels:
        raise UsageError("--of and --given compare answers as they are", do="leave out the options on labels")
    found = rate_job.conditional_rates(request, of, given, by=by, within=within, settings=settings)
    show(found, conditional.sections(found), markdown=markdown, as_json=json)
    _page(found, html)


def _page(found: Any, path: Path | None) -> None:
    if path is None:
        return
    from judge.cli.terminal import announce
    from judge.report import rates

    rates.write_html(found, path)
    announce(f"report  {path}")
