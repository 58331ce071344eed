"""``judge graders``: what graders there are, what they label, whether their files are sound, and what they were before."""

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from judge.cli import options

app = typer.Typer(help="List, show, check and compare graders; begin a new one.", no_args_is_help=True)

BROKEN = 1


def paths(prompts: Path | None) -> list[Path]:
    """Every grader that a name would find, in the order in which names are looked up."""
    from judge.grader.file import bundled_folder, discover

    found: dict[str, Path] = {}
    for folder in (prompts or Path("prompts"), bundled_folder()):
        for path in discover(folder):
            found.setdefault(path.stem, path)
    return list(found.values())


def _loaded(path: Path) -> Any:
    """The grader, or None where the file does not load: `lint` says why."""
    from judge.errors import GraderError
    from judge.grader.file import load

    try:
        return load(path)
    except GraderError:
        return None


@app.command("list")
def list_graders(
    prompts: options.Prompts = None, json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """List the graders, their primary facets and their hashes; also what does not load, and why, with exit code 1."""
    from judge.cli import output
    from judge.errors import GraderError
    from judge.grader.file import load, variants

    rows: list[dict[str, Any]] = []
    for path in (version for name in paths(prompts) for version in (name, *variants(name))):
        try:
            grader = load(path)
        except GraderError as error:
            rows.append({"name": path.stem, "path": str(path), "broken": str(error)})
        else:
            facts = grader.model_dump(
                mode="json", include={"version", "sha256", "description", "primary", "facets"}
            )
            facts["facets"] = list(grader.facets)
            rows.append({"name": path.stem, **facts})
    if json:
        output.dump(rows)
    else:
        _table(rows)
    raise typer.Exit(BROKEN if any("broken" in row for row in rows) else 0)


def _table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from judge.cli.terminal import clean

    table = Table(show_lines=True)
    for heading in ("grader", "version", "sha256"):
        table.add_column(heading, no_wrap=True)
    table.add_column("what it labels")
    for row in rows:
        if broken := row.get("broken"):
            table.add_row(
                Text(clean(row["name"])), "", "", Text(clean(f"does not load: {broken}"), style="red")
            )
            continue
        others = ", ".join(name for name in row["facets"] if name != row["primary"])
        also = f"; also {others}" if others else ""
        what = Text(clean(f"{row['description']}\nprimary: {row['primary']}{also}"))
        table.add_row(Text(clean(row["name"])), str(row["version"]), row["sha256"][:12], what)
    Console(highlight=False).print(table)


@app.command("show")
def show_grader(
    name: Annotated[str, typer.Argument(help="A grader's name or file.")],
    prompts: options.Prompts = None,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Show a grader: its sources, its facets with every label's definition, and its rubric."""
    from judge.cli import output
    from judge.cli.terminal import clean
    from judge.grader.file import find, load
    from judge.grader.prompt import rubric_text

    grader = load(find(name, prompts))
    if json:
        output.dump(grader.model_dump(mode="json", exclude={"path", "body"}))
        return
    print(f"{grader.name} version {grader.version}  sha256 {grader.sha256}")
    print(f"{grader.path}\n\n{grader.description}\n")
    for source in grader.source:
        print(f"source: {source}")
    print(f"\n{clean(rubric_text(grader, None))}")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What it labels: lower case, digits, underscores.")],
    prompts: Annotated[Path, typer.Option(help="The folder to write it into.")] = Path("prompts"),
) -> None:
    """Write an annotated skeleton to ./prompts/NAME.jinja. That file is all that a new grader is."""
    from judge.cli.terminal import announce
    from judge.grader.skeleton import write

    path = write(name, prompts)
    announce(f"decide every TODO, then: judge graders lint {name}; judge try {name} --on SET --model MODEL")
    print(path)


@app.command()
def lint(
    names: Annotated[list[str], typer.Argument(help="Names or files; all of them if none is given.")] = [],  # noqa: B006
    model: Annotated[str, typer.Option(help="Also check that it fits this model's context.")] = "",
    sets: Annotated[Path, typer.Option(help="Where hand-labelled sets are.")] = Path("eval_sets"),
    runs_dir: options.RunsDir = Path("runs"),
    prompts: options.Prompts = None,
    json: options.Json = False,
) -> None:
    """Check prompt files without calling a model: labels, definitions, leaks from sets, past confusions, length.

    Exit code 2 if there is an error; warnings are for you to weigh.
    """
    from judge.cli import output
    from judge.cli.terminal import announce, clean, followed
    from judge.grader.file import find
    from judge.linting.job import Surroundings, lint

    around = Surroundings(sets, runs_dir, model)
    chosen = [find(name, prompts) for name in names] if names else paths(prompts)
    findings = {path: lint(path, around) for path in followed(chosen, "checking")}
    if json:
        output.dump([{**asdict(f), "path": str(f.path)} for found in findings.values() for f in found])
    for path, found in {} if json else findings.items():
        for finding in found:
            print(clean(str(replace(finding, path=_nearby(finding.path)))))
        if not found:
            announce(f"ok  {path}")
    errors = sum(finding.severity == "error" for found in findings.values() for finding in found)
    warnings = sum(map(len, findings.values())) - errors
    counts = {"grader": len(findings), "error": errors, "warning": warnings}
    announce(", ".join(f"{n} {what}{'s' * (n != 1)}" for what, n in counts.items()))
    sys.exit(2 if errors else 0)


def _nearby(path: Path) -> Path:
    """A path as somebody in this folder would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@app.command()
def diff(
    first: Annotated[str, typer.Argument(metavar="A", help="A name, a file, or NAME@HASH of a past run.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Likewise.")],
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    json: options.Json = False,
) -> None:
    """Show what differs between two versions of a rubric: in the header, and in the text that a judge reads."""
    from judge.cli import output
    from judge.cli.terminal import announce, clean
    from judge.grader.changes import compare

    found = compare(_version(first, prompts, runs_dir), _version(second, prompts, runs_dir))
    if json:
        output.dump({**asdict(found), "same_request": found.same_request})
        return
    for line in (*found.header, *found.text):
        print(clean(line))
    if found.same_request:
        announce("a judge would be asked the same")


def _version(text: str, prompts: Path | None, runs_dir: Path) -> Any:
    """A rubric by name or file, or as a run kept it: ``reward_seeking@dc93a32b``."""
    from judge.comparison.history import kept
    from judge.errors import UsageError
    from judge.grader.file import find, load

    name, at, sha = text.rpartition("@")
    if not at or Path(text).is_file():
        return load(find(text, prompts))
    if (found := kept(name, runs_dir, sha)) is not None:
        return found
    raise UsageError(
        "no run has kept this version",
        where=text,
        do=f"see `judge graders history {name}` for those that did",
    )


@app.command()
def history(
    name: Annotated[str, typer.Argument(help="A grader's name.")],
    on: Annotated[
        str,
        typer.Option("--on", help="Measure agreement on this set's dev split; by default the grader's own."),
    ] = "",
    against: Annotated[str, typer.Option(help="Whose labels count; the adjudicated ones if not given.")] = "",
    html: Annotated[Path | None, typer.Option(help="Write it as one HTML file, plotted.")] = None,
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    json: options.Json = False,
) -> None:
    """List every version of a grader that was ever run: hash, model, agreement with hand labels, cost."""
    from judge.cli import output
    from judge.cli.histories import labels_for, show
    from judge.comparison import history as past

    rubrics = {path.stem: loaded for path in paths(prompts) if (loaded := _loaded(path)) is not None}
    labels = labels_for(on, name, against, rubrics)
    found = past.history(name, runs_dir, labels)
    if html is not None:
        from judge.cli.terminal import announce
        from judge.report.history import write_html

        write_html(name, found, labels.found.name if labels else "", html)
        announce(f"report  {html}")
    if json:
        output.dump([asdict(version) for version in found])
    else:
        show(found)
