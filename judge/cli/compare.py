"""``judge compare``: rubrics, or runs, held against the same hand labels."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from judge.cli import options

On = Annotated[str, typer.Option("--on", help="The hand-labelled set: a folder, or a name under eval_sets/.")]
Against = Annotated[str, typer.Option(help="Whose labels count; the adjudicated ones if not given.")]


def compare(
    judges: Annotated[
        list[str],
        typer.Argument(
            metavar="A B...", help="Runs; or, with --model, prompt files. A is what others are held against."
        ),
    ],
    on: On,
    model: Annotated[
        list[str], typer.Option(help="The judge to put prompt files to: openai/NAME, ... Repeat for several.")
    ] = [],  # noqa: B006  (typer copies it)
    against: Against = "",
    grader: Annotated[str | None, typer.Option(help="Which rubric of the runs, if several fit.")] = None,
    test: Annotated[
        bool, typer.Option("--test", help="On the sealed test split. Every look is written down and counted.")
    ] = False,
    cluster: options.Cluster = "cluster",
    html: Annotated[
        Path | None, typer.Option(help="Write the report as one HTML file, flips with their full texts.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the report as Markdown.")] = None,
    flips: Annotated[int, typer.Option(min=0, help="At most so many flips of each kind on the screen.")] = 10,
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="US dollars that this command may spend.")
    ] = None,
    method: options.Method = "generate",
    order: options.Order = "transcript-first",
    settings: options.Settings = [],  # noqa: B006
    base_url: options.BaseUrl = [],  # noqa: B006
    in_flight: Annotated[int | None, typer.Option(min=1, help="Requests under way at once, at most.")] = None,
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")] = False,
) -> None:
    """Tell whether B is better than A on the same transcripts: paired tests, flips both ways, the prompt's diff.

    Two runs are compared without a call. Prompt files are put to each --model first; what was asked before is not bought.
    """
    from judge.cli import sources
    from judge.cli.progress import shown
    from judge.comparison.job import Labels
    from judge.iteration.asking import Asking, Purse
    from judge.providers.settings import Settings

    writer = _Writer(html, markdown, flips, json=json)
    labels = Labels(_labels(on, test=test), against, sources.rubrics(prompts), cluster, grader)
    if not model:
        writer.show(_runs(judges, labels, runs_dir), labels.found)
        return
    asking = Asking(
        model=model[0],
        runs_dir=runs_dir,
        purse=Purse(max_cost),
        method=method,  # type: ignore[arg-type]  # plan() checks
        order=order,  # type: ignore[arg-type]  # likewise
        sampling=options.settings(settings),
        in_flight=in_flight,
        settings=Settings.load(**options.addresses(base_url), max_in_flight=max(in_flight or 0, 512)),
        display=lambda: shown(quiet=quiet or json),
    )
    report = _rubrics(judges, model, labels, asking, prompts)
    writer.show(report, labels.found)


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


def _runs(names: list[str], labels: Any, runs_dir: Path) -> Any:
    from judge.cli import sources
    from judge.comparison.job import compare_runs
    from judge.errors import UsageError

    if len(names) < 2:  # noqa: PLR2004  (a comparison)
        raise UsageError("there is nothing to compare with", found=names[0], expected="two runs or more")
    if files := [name for name in names if name.endswith(".jinja")]:
        raise UsageError(
            "a prompt file is put to a judge before it is compared",
            found=", ".join(files),
            do="name the judge with --model, or name runs",
        )
    runs = [sources.run(name, runs_dir) for name in names]
    return compare_runs([(runs[0], run) for run in runs[1:]], labels)


def _rubrics(names: list[str], models: list[str], labels: Any, asking: Any, prompts: Path | None) -> Any:
    from judge.cli.label import EXIT
    from judge.cli.terminal import announce
    from judge.grader.file import find, load
    from judge.iteration.matrix import Matrix, Stopped, compare_rubrics

    matrix = Matrix(tuple(load(find(name, prompts)) for name in names), tuple(models))
    try:
        made = compare_rubrics(matrix, labels, asking)
    except Stopped as stopped:
        announce(f"judge: {stopped}")
        sys.exit(EXIT[stopped.status])
    spent = f", ${asking.purse.spent:.4f}" if asking.purse.spent else ""
    announce(f"{made.bought} requests bought{spent}, {made.from_store} answers from the store")
    return made.report


class _Writer:
    """Markdown on stdout, or JSON; the whole of it, with all flips, into files where they are named."""

    def __init__(self, html: Path | None, markdown: Path | None, most: int, *, json: bool) -> None:
        if html is not None:
            from judge.report import figures

            figures.require()  # before anything is bought for a page that cannot be drawn
        self.html, self.markdown, self.most, self.json = html, markdown, most, json

    def show(self, report: Any, found: Any) -> None:
        from dataclasses import asdict

        from judge.cli import output
        from judge.cli.terminal import announce, clean
        from judge.comparison import markdown
        from judge.report import comparison, page

        if self.markdown is not None:
            page.write(self.markdown, markdown.render(report))
            announce(f"report  {self.markdown}")
        if self.html is not None:
            comparison.write_html(report, {t.id: t for t in found.transcripts()}, self.html)
            announce(f"report  {self.html}")
        if self.json:
            output.dump(asdict(report))
        elif self.html is None and self.markdown is None:
            print(markdown.render(report, self.most), end="")
        else:
            for pairing in report.pairings:
                second, first = pairing.title
                print(clean(f"{second} against {first}, {pairing.model}: {pairing.primary.verdict.text}"))
