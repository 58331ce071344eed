"""``judge annotate``: label and review in the browser."""

from pathlib import Path
from typing import Annotated, Any

import typer

from judge.cli import options


def annotate(
    target: Annotated[
        str, typer.Argument(help="An evaluation set, a run's folder, or a file of transcripts.")
    ],
    annotator: Annotated[
        str, typer.Option("--as", help="Who labels. Labels go to a file of that name.")
    ] = "",
    second: Annotated[
        bool,
        typer.Option(
            "--second", help="A second, independent labelling: only what somebody else has labelled."
        ),
    ] = False,
    adjudicate: Annotated[
        bool, typer.Option("--adjudicate", help="Decide disagreements, both sides shown.")
    ] = False,
    blind: Annotated[
        bool, typer.Option("--blind", help="Label a run's transcripts without seeing what the judge said.")
    ] = False,
    grader: Annotated[
        str | None,
        typer.Option("--grader", "-g", help="With which grader's form, if not the set's or run's own."),
    ] = None,
    facet: Annotated[list[str], typer.Option(help="Ask for this facet only. Repeatable.")] = [],  # noqa: B006
    queue: Annotated[
        Path | None, typer.Option(help="JSONL with transcript_id a line, such as `judge select` writes.")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(help="`shuffled`, by a hash of your name, or `given`, as a queue is by default."),
    ] = None,
    where: options.Where = [],  # noqa: B006
    label: Annotated[str | None, typer.Option(help="Review what the judge gave this primary label.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="Review what ended so: ok, failed, or a kind of failure.")
    ] = None,
    legibility: Annotated[
        str | None, typer.Option(help="Review what the run's legibility grader called so.")
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Another run: review what the two disagree on, both verdicts shown.")
    ] = None,
    between: Annotated[
        list[str], typer.Option(help="Adjudicate between these annotators only. Repeatable.")
    ] = [],  # noqa: B006
    transcripts: Annotated[
        str | None, typer.Option(help="Where a run's transcripts are, if they are not found.")
    ] = None,
    format: options.Format = "auto",  # noqa: A002
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Listen here, 0 for any; by default 7341 or a free one."),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the browser.")] = True,
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
) -> None:
    """Label, review and adjudicate in the browser. Labelling is blind; a run is reviewed with its verdicts in view.

    Labels are appended to labels/NAME.jsonl in the set's or run's folder as they are committed. Stop with Ctrl-C, and go on
    with the same command.
    """
    _require_extra()
    from judge.annotate.queue import Triage
    from judge.annotate.serve import listen
    from judge.annotate.session import Options, furnish

    _check(annotator, order, second=second, adjudicate=adjudicate, blind=blind)
    desk = furnish(
        Options(
            target=target,
            annotator=annotator,
            mode="adjudicate" if adjudicate else "blind" if blind else None,
            second=second,
            grader=grader,
            facets=tuple(facet),
            queue=queue,
            order=order,  # type: ignore[arg-type]  # checked above
            triage=Triage(label, outcome, legibility, disagreement=against is not None),
            where=options.pairs(where),
            against=against,
            between=tuple(between),
            transcripts=transcripts,
            format=format,
            prompts=prompts,
            runs_dir=runs_dir,
        )
    )
    _run(desk, listen(port), open_browser=open_browser)


def check_name(annotator: str) -> None:
    """Raise UsageError for a name that no label file can have."""
    import re

    from judge.errors import UsageError

    if not re.fullmatch(r"[\w-][\w.-]{0,63}", annotator):
        raise UsageError(
            "not a name for an annotator",
            found=repr(annotator),
            expected="letters, digits, dots, hyphens, underscores; no dot at the beginning",
        )


def _check(annotator: str, order: str | None, *, second: bool, adjudicate: bool, blind: bool) -> None:
    from judge.errors import UsageError

    if annotator:
        check_name(annotator)
    if order not in (None, "shuffled", "given"):
        raise UsageError("no such order", found=order, expected="shuffled or given")
    if adjudicate and (second or blind):
        raise UsageError("adjudication shows both sides: it is neither blind nor a second labelling")


# The desk is Any below: its class would bring pydantic along, and slow the start of every command.


def _run(desk: Any, listener: Any, *, open_browser: bool) -> None:
    """Serve, and say before and after what happens."""
    import webbrowser

    from judge.annotate.serve import links_on_request, serve
    from judge.cli.terminal import announce

    def opened(link: Any) -> None:
        first = link()
        announce(_greeting(desk))
        print(first, flush=True)
        links_on_request(link, announce)
        if open_browser and webbrowser.open(first):
            announce("the browser was opened with this link; it works once. Press Enter for another.")
        else:
            announce("open this link; it works once. Press Enter for another.")

    serve(desk, listener, opened)
    progress = desk.progress()
    announce(f"\n{progress['done']} of {progress['total']} done, in {desk.notebook.path}")


def _greeting(desk: Any) -> str:
    how = {
        "blind": f"blind labelling by {desk.notebook.annotator}: what judges and others said is kept from the page",
        "review": f"review by {desk.notebook.annotator}: the judge's verdicts are shown, and labels say so",
        "adjudicate": "adjudication: both sides are shown, and a reason is asked for",
    }[desk.mode]
    if desk.m.tickets:
        how += "\nthe transcripts are those of a queue, with the probabilities that they were drawn with"
    if desk.m.place.sealed:
        how += "\nthis is a sealed test split: whoever tunes rubrics should not read it"
    form = desk.m.form
    return f"{desk.m.place.name}: {len(desk.m.queue)} transcripts, form of {form.grader.name} v{form.grader.version}\n{how}"


def _require_extra() -> None:
    from importlib.util import find_spec

    from judge.errors import UsageError

    if missing := [name for name in ("starlette", "uvicorn") if find_spec(name) is None]:
        raise UsageError(
            f"the labelling page needs {' and '.join(missing)}",
            do="pip install '.[annotate]' in a checkout of judge",
        )
