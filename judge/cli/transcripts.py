"""``judge transcripts show`` and ``judge transcripts convert``: what was read from a file, for eyes and for programs.

A transcript is hostile text: nothing of it reaches a terminal as markup or as a control sequence.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from judge.errors import TranscriptError, UsageError

app = typer.Typer(name="transcripts", help="Show and convert transcripts.", no_args_is_help=True)

_STYLES = {"system": "magenta", "user": "blue", "assistant": "green", "tool": "yellow"}

Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE",
        help="A file, an evaluation set's folder, a saved dataset, or hf:owner/name[:split].",
    ),
]
Format = Annotated[
    str, typer.Option("--format", help="How to read FILE: auto, or a name in docs/formats.md.")
]


@app.command()
def show(
    source: Source,
    format: Format = "auto",  # noqa: A002  (the flag's name)
    id: Annotated[str, typer.Option("--id", help="Only the transcript with this id.")] = "",  # noqa: A002
    limit: Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 for all.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Own JSON Lines on stdout.")] = False,
) -> None:
    """Print what was read: every message with its id, turn, role and channel."""
    from judge.formats import transcripts
    from judge.labelling.dataset import transcripts_in

    source = transcripts_in(source)
    shown = 0
    for transcript in transcripts(source, _chosen(source, format)):
        if id and transcript.id != id:
            continue
        if limit and shown == limit:
            typer.echo("there are more: --limit 0 shows all, --id one of them", err=True)
            break
        shown += 1
        if as_json:
            typer.echo(_ascii_json(transcript))
        else:
            _print(transcript)
        if id:
            break
    if id and not shown:
        raise UsageError(f"there is no transcript with the id {id!r}", where=source)


@app.command()
def convert(
    source: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT.jsonl", help="Where to write own JSON Lines.")],
    format: Format = "auto",  # noqa: A002
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad records out, and list them.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.jsonl if it is there.")] = False,
) -> None:
    """Write any supported file as own JSON Lines. Nothing is written unless all of it is."""
    from judge.cli.terminal import clean
    from judge.formats import transcripts
    from judge.labelling.dataset import transcripts_in

    source = transcripts_in(source)
    if out.exists() and not force:
        raise UsageError("the file is there already", where=str(out), do="name another, or add --force")
    if not out.parent.is_dir():
        raise UsageError("there is no such folder", where=str(out.parent))
    skipped: list[TranscriptError] = []
    read = transcripts(source, _chosen(source, format), skipped=skipped if skip_bad else None)
    written = _write(out, read)
    typer.echo(f"{written} transcripts written to {out}", err=True)
    if skipped:
        typer.echo(f"{len(skipped)} records left out:", err=True)
        for problem in skipped:
            typer.echo(clean(str(problem)), err=True)


def _chosen(source: str, name: str) -> str:
    """The format to read with. Where it had to be found out, says on stderr which it is and why."""
    from judge.cli.terminal import clean
    from judge.formats import detect

    if name != "auto":
        return name
    found = detect(source)
    typer.echo(clean(f"reading as {found.name} ({found.reason})"), err=True)
    return found.name


# Transcripts are Any below: their class would bring pydantic along, and slow the start of every command.


def _ascii_json(transcript: Any) -> str:
    """One line of own JSON in which no character beyond ASCII is left for a terminal to interpret."""
    import json

    return json.dumps(transcript.model_dump(mode="json", exclude_defaults=True))


def _print(transcript: Any) -> None:
    from rich.console import Console
    from rich.text import Text

    from judge.cli.terminal import clean

    console = Console(highlight=False, soft_wrap=True)
    console.print(Text(clean(transcript.id), style="bold"))
    for key, value in transcript.metadata.items():
        console.print(Text(clean(f"  {key}: {value}").replace("\n", "\\n"), style="dim"))
    for message in transcript.messages:
        tool = f" {message.tool}" if message.tool else ""
        head = clean(f"[{message.id}] turn {message.turn}, {message.role} {message.channel}{tool}")
        console.print(Text("\n" + head, style=_STYLES[message.role]))
        if message.text:
            console.print(Text(clean(message.text)))
    console.print()


def _write(out: Path, transcripts: Iterable[Any]) -> int:
    """Write all of them beside ``out``, then put the file in its place. Returns how many there were."""
    partial = out.with_name(out.name + ".partial")
    count = 0
    try:
        with partial.open("wb") as file:
            for transcript in transcripts:
                file.write(transcript.model_dump_json(exclude_defaults=True).encode() + b"\n")
                count += 1
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return count
