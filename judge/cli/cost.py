"""``judge cost``: what labelling would cost by each way of asking, or what a run has cost."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from judge.cli import options

if TYPE_CHECKING:
    from judge.labelling.job import Options


def cost(
    source: Annotated[
        str | None,
        typer.Argument(help="Transcripts to be labelled; leave it out to see what --run has cost."),
    ] = None,
    grader: Annotated[list[str], typer.Option("--grader", "-g", help="As for `judge label`.")] = [],  # noqa: B006
    model: Annotated[str | None, typer.Option(help="As for `judge label`.")] = None,
    run: Annotated[
        str | None, typer.Option(help="A run: what it has bought; with transcripts, whose settings to keep.")
    ] = None,
    format: options.Format = "auto",  # noqa: A002
    where: options.Where = [],  # noqa: B006  (typer copies it)
    limit: options.Limit = None,
    sample: options.Sample = None,
    seed: options.Seed = 0,
    skip_bad: options.SkipBad = False,
    repeats: options.Repeats = 1,
    method: options.Method = "generate",
    order: options.Order = "transcript-first",
    settings: options.Settings = [],  # noqa: B006
    base_url: options.BaseUrl = [],  # noqa: B006
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    window_tokens: options.WindowTokens = None,
    json: options.Json = False,
) -> None:
    """Estimate the bill of labelling, or show that of a run. Sends nothing and needs no key.

    What is answered in the store already costs nothing and is left out. Second questions, to answers that do not stand,
    are not foreseen.
    """
    from judge.errors import UsageError
    from judge.labelling.dataset import Dataset
    from judge.labelling.job import Options
    from judge.providers.settings import Settings

    if source is None:
        _spent(run, runs_dir, as_json=json)
        return
    if model is None:
        raise UsageError("which model is to label?", expected="--model, as for `judge label`")
    asked = Options(
        dataset=Dataset(source, format, options.pairs(where), limit, sample, seed, skip_bad),
        graders=tuple(grader),
        model=model,
        run=run or "cost",
        runs_dir=runs_dir,
        prompts=prompts,
        method=method,  # type: ignore[arg-type]  # plan() checks
        order=order,  # type: ignore[arg-type]  # likewise
        samples=repeats,
        sampling=options.settings(settings),
        window_tokens=window_tokens,
        settings=Settings.load(**options.addresses(base_url)),
    )
    _foreseen(asked, as_json=json)


def _foreseen(asked: "Options", *, as_json: bool) -> None:
    from rich.console import Console

    from judge.cli import bills, output
    from judge.cli.terminal import announce
    from judge.labelling.dry_run import estimate

    found = estimate(asked)
    if as_json:
        counts = {
            name: getattr(found, name) for name in ("model", "transcripts", "requests", "stored", "cut")
        }
        output.dump(counts | bills.forecast_as_data(found.forecast))
        return
    announce(
        f"{found.transcripts} transcripts, {found.requests} requests, {found.stored} of them answered already"
    )
    Console(highlight=False).print(bills.ways(found.forecast))
    for warning in bills.warnings(found.forecast):
        announce(warning)


def _spent(name: str | None, runs_dir: Path, *, as_json: bool) -> None:
    from rich.console import Console

    from judge.cli import bills, output
    from judge.errors import UsageError
    from judge.labelling.bookkeeping import bill_of
    from judge.runs import Run
    from judge.store import Store

    if name is None:
        raise UsageError(
            "cost of what?",
            expected="transcripts with --grader and --model, to estimate; or --run NAME, to see what a run has cost",
        )
    run = Run(name, runs_dir)
    if (manifest := run.manifest()) is None or not run.store_path.exists():
        raise UsageError(f"there is no run {name!r}", where=str(runs_dir), do="see `judge runs list`")
    with Store(run.store_path) as store:
        bill = bill_of(store, manifest)
    if as_json:
        output.dump(bill.as_data())
        return
    Console(highlight=False).print(bills.spent(bill, name))
