"""``judge label``: label every transcript of a dataset with one or more graders."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from judge.cli import options

COMPLETE, FAILURES, BUDGET, WAITING, INTERRUPTED = 0, 3, 4, 5, 130
EXIT = {
    "complete": COMPLETE,
    "budget": BUDGET,
    "interrupted": INTERRUPTED,
    "provider": FAILURES,
    "waiting": WAITING,
    "cancelled": FAILURES,
}


def label(
    source: options.Source,
    grader: options.Graders,
    model: options.Model,
    run: Annotated[str, typer.Option(help="Name of the run. The same name goes on where it was.")],
    format: options.Format = "auto",  # noqa: A002
    where: options.Where = [],  # noqa: B006  (typer copies it)
    limit: options.Limit = None,
    sample: options.Sample = None,
    seed: options.Seed = 0,
    skip_bad: options.SkipBad = False,
    shard: options.Shard = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="`ray`, or ray://auto or ray://HOST:PORT for a cluster: many processes do the work."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="With --engine: how many processes; 2 unless said.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="Write the table to this Parquet file too: a path, or an address that fsspec knows."
        ),
    ] = None,
    repeats: options.Repeats = 1,
    method: options.Method = "generate",
    order: options.Order = "transcript-first",
    settings: options.Settings = [],  # noqa: B006
    base_url: options.BaseUrl = [],  # noqa: B006
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="US dollars that the run may cost, over all its invocations.")
    ] = None,
    in_flight: Annotated[int | None, typer.Option(min=1, help="Requests under way at once, at most.")] = None,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds to retry a request, or wait for a limit.")
    ] = 600.0,
    window_tokens: options.WindowTokens = None,
    batch: Annotated[
        bool,
        typer.Option(
            "--batch", help="Through the provider's batch endpoint: within a day, at half the price."
        ),
    ] = False,
    no_wait: Annotated[
        bool,
        typer.Option("--no-wait", help="With --batch: send and leave; the same command reads the answers."),
    ] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Cancel the run's batches; what they have answered is kept.")
    ] = False,
    reparse: Annotated[
        bool, typer.Option("--reparse", help="Make records anew from stored answers; buys what is missing.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Render and price everything, buy nothing.")
    ] = False,
    json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")] = False,
) -> None:
    """Label every transcript with every grader.

    Interrupt it, kill it, run it again: it goes on where it was and buys nothing twice.
    """
    from judge.cli.terminal import announce
    from judge.labelling.dataset import Dataset
    from judge.labelling.job import Batch, Options
    from judge.labelling.job import label as label_dataset
    from judge.providers.settings import Settings
    from judge.target import Target

    part, targets = options.part(shard), [Target(to)] if to is not None else []
    chosen = Options(
        dataset=Dataset(source, format, options.pairs(where), limit, sample, seed, skip_bad, part),
        graders=tuple(grader),
        model=model,
        run=part.run(run) if part else run,
        runs_dir=runs_dir,
        prompts=prompts,
        method=method,  # type: ignore[arg-type]  # plan() checks
        order=order,  # type: ignore[arg-type]  # likewise
        samples=repeats,
        sampling=options.settings(settings),
        window_tokens=window_tokens,
        in_flight=in_flight,
        patience=patience,
        max_cost=max_cost,
        reparse=reparse,
        batch=Batch(wait=not no_wait, cancel=cancel) if batch or cancel or no_wait else None,
        say=(lambda _: None) if quiet else announce,
        settings=Settings.load(**options.addresses(base_url), max_in_flight=max(in_flight or 0, 512)),
        engine=_engine(engine, workers, shard=part is not None, batch=batch or cancel or no_wait),
    )
    if dry_run:
        return _estimate(chosen, as_json=json)
    from judge.cli.progress import shown

    with shown(quiet=quiet or json) as watch:
        result = label_dataset(chosen, watch)
    for target in targets:
        target.write(result.run.parquet_path)
    _show(result, as_json=json)
    sys.exit(_code(result.manifest.status, result.failures, cancel=cancel))


def _show(result: Any, *, as_json: bool) -> None:
    # Tables and bills are imported when there is something to show: the first request need not wait for them.
    from judge.cli import output

    output.result(result, as_json=as_json)


def _estimate(chosen: Any, *, as_json: bool) -> None:
    from judge.cli import output
    from judge.labelling.dry_run import estimate

    output.estimate(estimate(chosen), as_json=as_json)


def _code(status: str, failures: int, *, cancel: bool) -> int:
    """The exit code. A batch that was cancelled is as it should be with ``--cancel``, and else somebody else's doing."""
    code = COMPLETE if status == "cancelled" and cancel else EXIT[status]
    return FAILURES if code == COMPLETE and failures else code


def _engine(text: str | None, workers: int | None, *, shard: bool, batch: bool) -> Any:
    """The engine that was asked for, or None. Raises UsageError where it does not go with the other flags."""
    from judge.errors import UsageError

    if text is None:
        if workers is not None:
            raise UsageError("--workers needs --engine", do="add --engine ray, or leave --workers out")
        return None
    if shard or batch:
        raise UsageError(
            f"--engine and {'--shard' if shard else '--batch'} do not go together",
            do="an engine cuts the dataset into parts itself: leave --shard out"
            if shard
            else "batches are sent by one process and worked off by the provider: leave --engine out",
        )
    from judge.labelling.distributed.engine import RayEngine

    return RayEngine.parse(text, workers or 2)
