"""``judge compare``: rubrics, or runs, held against the same hand labels."""

from pathlib import Path
from typing import Annotated, Any

import typer

from judge.cli import options

On = Annotated[str, typer.Option("--on", help="The hand-labelled set: a folder, or a name under eval_sets/.")]
Against = Annotated[str, typer.Option(help="Whose labels count; the adjudicated ones if not given.")]


def compare(
    judges: Annotated[
        list[str], typer.Argument(metavar="A B...", help="Runs. The first is what others are held against.")
    ],
    on: On,
    against: Against = "",
    grader: Annotated[str | None, typer.Option(help="Which rubric of the runs, if several fit.")] = None,
    test: Annotated[
        bool, typer.Option("--test", help="On the sealed test split. Every look is written down and counted.")
    ] = False,
    cluster: options.Cluster = "cluster",
    out: Annotated[Path | None, typer.Option(help="Write the report to this .md file.")] = None,
    flips: Annotated[int, typer.Option(min=0, help="At most so many flips of each kind on the screen.")] = 10,
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    json: options.Json = False,
) -> None:
    """Tell whether B is better than A on the same transcripts: paired tests, flips both ways, the prompt's diff."""
    from judge.cli import sources
    from judge.comparison.job import Labels, compare_runs
    from judge.errors import UsageError

    if len(judges) < 2:  # noqa: PLR2004  (a comparison)
        raise UsageError("there is nothing to compare with", found=judges[0], expected="two runs or more")
    labels = Labels(_labels(on, test=test), against, sources.rubrics(prompts), cluster, grader)
    runs = [sources.run(name, runs_dir) for name in judges]
    report = compare_runs([(runs[0], run) for run in runs[1:]], labels)
    show(report, out=out, most=flips, as_json=json)


def _labels(on: str, *, test: bool) -> Any:
    from judge.cli import sources
    from judge.errors import UsageError

    found = sources.labelled_set(on, test=test)
    if found.sealed and not test:
        raise UsageError(
            "this is a sealed test split",
            where=str(found.folder),
            do="add --test: the look will be written down and counted",
        )
    return found


def show(report: Any, *, out: Path | None, most: int | None, as_json: bool) -> None:
    """Markdown on stdout, or JSON; the whole of it, with all flips, into a file where one is named."""
    from dataclasses import asdict

    from judge.cli import output
    from judge.cli.terminal import announce
    from judge.comparison import markdown
    from judge.errors import UsageError
    from judge.runs import replacing

    if out is not None:
        if out.suffix != ".md":
            raise UsageError("no such form of report", where=str(out), expected="a name that ends in .md")
        with replacing(out) as file:
            file.write(markdown.render(report).encode())
        announce(f"report {out}")
    if as_json:
        output.dump(asdict(report))
    elif out is None:
        print(markdown.render(report, most), end="")
    else:
        for pairing in report.pairings:
            print(f"{pairing.second} against {pairing.first}: {pairing.primary.verdict.text}")
