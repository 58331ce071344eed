"""``judge runs``: what was labelled, what came out, the records in other forms, and their end."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options

app = typer.Typer(help="List, show, merge, export and purge runs.", no_args_is_help=True)
GAPS = 1
MOST_REASONS = 5
Name = Annotated[str, typer.Argument(help="A run's name.")]


@app.command("list")
def list_runs(
    runs_dir: options.RunsDir = Path("runs"), json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """List the runs, oldest first."""
    from judge.cli import output
    from judge.cli.terminal import announce
    from judge.runs import Run

    found = [Run(path.parent.name, runs_dir).manifest() for path in sorted(runs_dir.glob("*/run.json"))]
    manifests = sorted((m for m in found if m), key=lambda m: m.started)
    if json:
        output.dump([m.model_dump(mode="json") for m in manifests])
        return
    if not manifests:
        announce(f"no runs in {runs_dir}; `judge label` makes one")
    widths = [max(map(len, column)) for column in zip(*map(output.summary, manifests), strict=True)]
    for manifest in manifests:
        cells = (cell.ljust(width) for cell, width in zip(output.summary(manifest), widths, strict=True))
        print("  ".join(cells).rstrip())


@app.command("show")
def show_run(
    name: Name,
    by: Annotated[str | None, typer.Option(help="Count apart for each value of this metadata key.")] = None,
    runs_dir: options.RunsDir = Path("runs"),
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Count every label and every outcome, for each grader and, with --by, for each value of a metadata key.

    Then, on stderr, why records failed: the most common words of the provider or of ours, with how often.
    """
    from rich.console import Console

    from judge.cli import output
    from judge.cli.terminal import announce
    from judge.errors import UsageError
    from judge.records import Failure
    from judge.runs import Run, outcome
    from judge.transcript import lookup

    run = Run(name, runs_dir)
    counts: dict[str, dict[str, Counter[str]]] = {}
    keys: set[str] = set()
    why: Counter[str] = Counter()
    manifest = run.manifest()
    for record in run.records():
        assert manifest is not None  # written before the records are
        keys.update(record.metadata)
        group = "" if by is None else (lookup(record.metadata, by) or "(none)")
        if isinstance(record, Failure):
            why[output.why(record)] += 1
        what = outcome(record, manifest.graders[record.grader].primary)
        counts.setdefault(group, {}).setdefault(record.grader, Counter())[what] += 1
    if by is not None and set(counts) == {"(none)"}:
        raise UsageError(
            f"no record has {by!r} in its metadata", expected=f"one of {', '.join(sorted(keys))}"
        )
    if json:
        reasons = [{"why": reason, "records": n} for reason, n in why.most_common(MOST_REASONS)]
        groups = counts if by else counts.get("", {})
        output.dump({"run": name, "by": by, "counts": groups, "failures": reasons})
        return
    for group, found in sorted(counts.items()):
        Console(highlight=False).print(output.outcomes(found, f"{by} = {group}" if by else f"run {name}"))
    if why:
        announce(output.reasons(why.most_common(MOST_REASONS)))


@app.command()
def export(
    name: Name,
    to: Annotated[str, typer.Option(help="parquet, jsonl, csv or hf (a dataset saved to disk).")],
    out: Annotated[Path | None, typer.Option(help="Where to; by default into the run's folder.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Write a run's records in another form."""
    from judge import export as exporting
    from judge.cli.terminal import announce
    from judge.errors import UsageError
    from judge.runs import Run

    run = Run(name, runs_dir)
    manifest = run.manifest()
    records = run.records()
    primaries = {grader: note.primary for grader, note in manifest.graders.items()} if manifest else {}
    path = out or run.folder / ("export.hf" if to == "hf" else f"export.{to}")
    if to not in ("parquet", "jsonl", "csv", "hf"):
        raise UsageError("no such form", found=to, expected="parquet, jsonl, csv or hf")
    if path.exists() and not force:
        raise UsageError(
            "this would write over a file", where=str(path), do="add --force, or name another with --out"
        )
    if to == "jsonl":
        total = exporting.write_jsonl(records, path)
    else:
        total = getattr(exporting, f"write_{to}")(records, primaries, path)
    announce(f"{total} records")
    print(path)


@app.command()
def merge(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN...", help="Names of runs, or paths of runs' folders.")
    ],
    into: Annotated[str, typer.Option(help="Name of the run that comes out.")],
    runs_dir: options.RunsDir = Path("runs"),
    json: options.Json = False,
) -> None:
    """Put several runs together, such as the shards of one: reports what is there twice and what is missing.

    Exit code 1 where something is missing or contradicts itself. `judge label` with --run INTO fills what is missing.
    """
    from rich.console import Console

    from judge.cli import output
    from judge.cli.terminal import announce
    from judge.labelling.merging import merge as merge_runs

    made = merge_runs(runs, into, runs_dir)
    manifest = made.manifest
    if json:
        found = {"gaps": made.gaps, "duplicates": made.duplicates, "conflicts": made.conflicts}
        output.dump({**manifest.model_dump(mode="json"), **found})
    else:
        Console(highlight=False).print(
            output.outcomes(manifest.counts, f"run {into}, judge {manifest.model}")
        )
        for kind, lines in (("twice", made.duplicates), ("missing", made.gaps)):
            for line in lines:
                announce(f"{kind}: {line}")
        announce(f"{manifest.status}, {manifest.dataset['transcripts']} transcripts of {len(runs)} runs")
        print(made.run.folder)
    raise typer.Exit(GAPS if made.gaps or made.conflicts else 0)


@app.command()
def purge(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even where batches are under way: their answers are given up.")
    ] = False,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Remove a run for good: its folder, hand labels in it included, its records, and answers that no other run uses.

    The store is written anew, so that none of it is left in free pages or in the log. Exports elsewhere, backups, and
    what the provider keeps are beyond it.
    """
    from judge.cli.terminal import announce
    from judge.errors import UsageError
    from judge.labelling import purging
    from judge.runs import Run

    run = Run(name, runs_dir)
    found = purging.find(run, force=force)
    announce(found.summary)
    if not (yes or _confirmed()):
        raise UsageError("nothing was removed", found="no confirmation", do="answer y, or add --yes")
    purging.purge(run, found)
    announce(f"run {name} is gone")


def _confirmed() -> bool:
    try:
        return typer.confirm("Remove all of this for good?", err=True)
    except typer.Abort:
        return False
