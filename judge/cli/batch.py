"""``judge batch``: what is under way at a provider; requests out and answers in as files, so that any model can judge."""

from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options

app = typer.Typer(
    help="Batches under way at a provider; requests and answers as files.", no_args_is_help=True
)


@app.command()
def export(
    source: options.Source,
    grader: options.Graders,
    model: options.Model,
    out: Annotated[Path, typer.Option(help="The file of requests to write.")],
    format: options.Format = "auto",  # noqa: A002
    where: options.Where = [],  # noqa: B006  (typer copies it)
    limit: options.Limit = None,
    sample: options.Sample = None,
    seed: options.Seed = 0,
    skip_bad: options.SkipBad = False,
    repeats: options.Repeats = 1,
    order: options.Order = "transcript-first",
    settings: options.Settings = [],  # noqa: B006
    base_url: options.BaseUrl = [],  # noqa: B006
    window_tokens: options.WindowTokens = None,
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Write every request that is not answered yet, as lines of OpenAI's Batch format (vLLM's run-batch reads it too).

    `judge label` with the same settings finds the answers to exactly these requests, once they are imported. Exporting
    again after an import writes the second questions that a live run would ask.
    """
    from judge.cli.terminal import announce
    from judge.labelling.batch import pending
    from judge.labelling.dataset import Dataset
    from judge.labelling.job import Options
    from judge.providers.settings import Settings
    from judge.runs import replacing
    from judge.store import Store

    chosen = Options(
        dataset=Dataset(source, format, options.pairs(where), limit, sample, seed, skip_bad),
        graders=tuple(grader),
        model=model,
        run="export",
        runs_dir=runs_dir,
        prompts=prompts,
        order=order,  # type: ignore[arg-type]  # plan() checks
        samples=repeats,
        sampling=options.settings(settings),
        window_tokens=window_tokens,
        settings=Settings.load(**options.addresses(base_url)),
    )
    total = 0
    with Store(chosen.store_path) as store, replacing(out) as file:
        for total, line in enumerate(pending(chosen, store), start=1):  # noqa: B007
            file.write(line)
    announce(f"{total} requests to be answered")
    for error in chosen.dataset.skipped:
        announce(f"left out: {error}")
    print(out)


@app.command("import")
def import_answers(
    files: Annotated[list[Path], typer.Argument(help="Files of answers.")],
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Put answers into the store; `judge label` with the same settings then reads them instead of buying."""
    from judge.cli.terminal import announce
    from judge.labelling.recordings import read_answers
    from judge.runs import STORE
    from judge.store import Store

    failed = 0
    with Store(runs_dir / STORE) as store:
        for path in files:
            result = read_answers(path, store)
            announce(f"{path}: {result.stored} answers stored, {len(result.failed)} lines without one")
            for line in result.failed[:10]:
                announce(f"  {line}")
            failed += len(result.failed)
    raise typer.Exit(3 if failed else 0)


@app.command("list")
def list_batches(
    all_: Annotated[bool, typer.Option("--all", help="Also those that are done.")] = False,
    runs_dir: options.RunsDir = Path("runs"),
    json: options.Json = False,
) -> None:
    """List the batches that are under way, as the store knows them. Asks no provider.

    `judge label --batch` with the options of the run that sent them waits for them; `--cancel` ends them.
    """
    from dataclasses import asdict

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from judge.cli import output
    from judge.cli.terminal import announce, clean
    from judge.runs import STORE
    from judge.store import Store

    found = []
    for path in filter(Path.exists, (runs_dir / STORE, *sorted(runs_dir.glob(f"*/{STORE}")))):
        with Store(path) as store:
            rows = [batch for batch in store.batches.all() if all_ or batch.state != "done"]
            found += [{**asdict(batch), "waiting": store.batches.claimed(batch.number)} for batch in rows]
    if json:
        output.dump(found)
        return
    if not found:
        announce("no batch is under way")
        return
    columns = ("number", "run", "model", "state", "remote_id", "requests", "answered", "waiting", "created")
    table = Table()
    for name in columns:
        table.add_column("provider's name" if name == "remote_id" else name)
    for row in found:
        table.add_row(*(Text(clean(str(row[name]))) for name in columns))
    Console(highlight=False).print(table)
