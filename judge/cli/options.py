"""Options that several verbs share, word for word, and how their values are read."""

from pathlib import Path
from typing import Annotated, Any

import typer

Source = Annotated[
    str, typer.Argument(help="A file of transcripts, an evaluation set's folder, or hf:owner/name.")
]
Raters = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...", help="Runs, sets (SET, SET/test), or one annotator: SET/labels/NAME.jsonl."
    ),
]
Cluster = Annotated[str, typer.Option(help="Metadata key of what transcripts share; resampled together.")]
Graders = Annotated[
    list[str], typer.Option("--grader", "-g", help="A grader's name or file. Repeat for several.")
]
Model = Annotated[
    str, typer.Option(help="openai/NAME, anthropic/NAME, compatible/NAME, local/NAME, replay/MODEL.")
]
Format = Annotated[str, typer.Option(help="Format of the file; `auto` says what it found.")]
Where = Annotated[
    list[str], typer.Option(help="KEY=VALUE: only transcripts whose metadata says so. Repeatable.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many transcripts, from the beginning.")]
Sample = Annotated[int | None, typer.Option(min=1, help="So many transcripts at random.")]
Seed = Annotated[int, typer.Option(help="Which ones `--sample` takes.")]
SkipBad = Annotated[bool, typer.Option("--skip-bad", help="Leave out and list records that cannot be read.")]
Shard = Annotated[
    str | None,
    typer.Option(help="i/n: only this part of the transcripts, as a run RUN.i-of-n with its own store."),
]
Repeats = Annotated[int, typer.Option(min=1, help="Ask every question so often, for self-consistency.")]
Method = Annotated[str, typer.Option(help="`generate`, or `logprob` for probabilities without evidence.")]
Order = Annotated[str, typer.Option(help="transcript-first, or rubric-first.")]
Settings = Annotated[
    list[str],
    typer.Option("--set", help="KEY=VALUE for the model: max_tokens, temperature, reasoning_effort, ..."),
]
BaseUrl = Annotated[
    list[str],
    typer.Option(
        help="Where the server listens; also sends openai/ and anthropic/, and their key, there. "
        "Repeat for several that serve the same model."
    ),
]
WindowTokens = Annotated[int | None, typer.Option(min=200, help="Cut transcripts longer than this.")]
Prompts = Annotated[Path | None, typer.Option(help="Folder of prompt files, before ./prompts.")]
RunsDir = Annotated[Path, typer.Option(envvar="JUDGE_RUNS", help="Where runs are kept.")]
By = Annotated[str | None, typer.Option(help="Apart for each value of this metadata key.")]
Facet = Annotated[
    str | None, typer.Option(help="FACET, GRADER.FACET, or GRADER.FACET=LABEL,LABEL; else the primary one.")
]
Labels = Annotated[
    str | None, typer.Option(help="Labels that count, with commas; else those that need evidence.")
]
Level = Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")]
Markdown = Annotated[Path | None, typer.Option(help="Write the report to this file too.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]


def names(text: str | None) -> tuple[str, ...]:
    """The words between commas; none for None."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def part(shard: str | None) -> Any:
    """The part of a dataset that ``i/n`` means. Raises UsageError."""
    from judge.labelling.shard import Shard

    return Shard.parse(shard) if shard is not None else None


def addresses(base_url: list[str]) -> dict[str, Any]:
    """What ``Settings.load`` wants of one or several ``--base-url``."""
    return {"base_url": next(iter(base_url), None), "replicas": tuple(base_url[1:])}


def pairs(texts: list[str]) -> dict[str, str]:
    """``KEY=VALUE`` texts as a mapping. Raises UsageError."""
    from judge.errors import UsageError

    found = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise UsageError("not a setting", found=repr(text), expected="KEY=VALUE")
        found[key] = value
    return found


def settings(texts: list[str]) -> dict[str, Any]:
    """``KEY=VALUE`` texts whose values are numbers, true, false, null or JSON where they look like it, else text."""
    return {key: _value(text) for key, text in pairs(texts).items()}


def _value(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text
