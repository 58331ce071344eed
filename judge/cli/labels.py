"""``judge labels``: hand labels to and from Inspect Scout's validation CSV."""

from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options

app = typer.Typer(help="Export and import hand labels.", no_args_is_help=True)
Set = Annotated[str, typer.Argument(help="An evaluation set, or a run's folder with labels.")]
Grader = Annotated[str | None, typer.Option("--grader", "-g", help="Whose facets, if not the set's own.")]


@app.command()
def export(
    target: Set,
    annotator: Annotated[str, typer.Option("--from", help="Whose labels.")] = "adjudicated",
    facet: Annotated[list[str], typer.Option(help="These facets only. Repeatable.")] = [],  # noqa: B006
    out: Annotated[Path | None, typer.Option(help="Write to this file, not to stdout.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Write labels as an Inspect Scout validation set: id, target (or target_FACET), split."""
    from judge.annotate import scout_csv
    from judge.annotate.notebook import labels_in
    from judge.annotate.place import open_place
    from judge.cli.terminal import announce
    from judge.errors import UsageError

    labels = labels_in(open_place(target, transcripts="", runs_dir=runs_dir).labels, annotator)
    there = list(dict.fromkeys(name for _, name in labels))
    if unknown := [name for name in facet if name not in there]:
        raise UsageError(f"{annotator} has no label of {unknown[0]!r}", expected=f"one of {', '.join(there)}")
    text = scout_csv.write(labels, facet or there)
    if out is None:
        print(text, end="")
        return
    if out.exists() and not force:
        raise UsageError("the file is there already", where=str(out), do="name another, or add --force")
    out.write_text(text, encoding="utf-8")
    announce(f"{text.count(chr(10)) - 1} transcripts written to {out}")


@app.command("import")
def import_(
    target: Set,
    file: Annotated[Path, typer.Argument(help="A CSV with id, target or target_FACET, and perhaps split.")],
    annotator: Annotated[str, typer.Option("--as", help="Whose labels these are.")],
    blind: Annotated[
        bool, typer.Option("--blind", help="They were made without sight of others' labels.")
    ] = False,
    grader: Grader = None,
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Append the labels of an Inspect Scout validation set to labels/NAME.jsonl. What is there already is left alone."""
    from judge.annotate.importing import take_over
    from judge.annotate.place import open_place
    from judge.annotate.session import grader_of
    from judge.cli.annotate import check_name
    from judge.cli.terminal import announce

    check_name(annotator)
    place = open_place(target, runs_dir=runs_dir)
    done = take_over(file, place, grader_of(place, grader, prompts), annotator, blind=blind)
    announce(f"{done.added} labels appended to {done.path}, {done.same} were there already")
    if done.without_evidence:
        announce(
            f"{done.without_evidence} positive labels have no evidence, which this format does not carry: "
            f"add it with `judge annotate {target} --as {annotator}`"
        )
