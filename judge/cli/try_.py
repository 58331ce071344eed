"""``judge try``: what did the last edit of a rubric move, on the dev split?"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from judge.cli import options
from judge.cli.compare import Against, On

WATCHED = 12
"""Items that every save is tried on, unless --sample says otherwise."""


def try_(
    rubric: Annotated[str, typer.Argument(help="A prompt file, or a grader's name.")],
    on: On,
    model: options.Model,
    watch: Annotated[
        bool, typer.Option("--watch", help="Try again on every save; Enter tries the whole split, q ends.")
    ] = False,
    sample: Annotated[
        int | None, typer.Option(min=1, help="So many items, every label among them; with --watch 12.")
    ] = None,
    seed: options.Seed = 0,
    facet: Annotated[list[str], typer.Option(help="Show this facet too. Repeatable.")] = [],  # noqa: B006
    against: Against = "",
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="US dollars that this command may spend.")
    ] = None,
    method: options.Method = "generate",
    order: options.Order = "transcript-first",
    settings: options.Settings = [],  # noqa: B006  (typer copies it)
    base_url: options.BaseUrl = [],  # noqa: B006
    in_flight: Annotated[int | None, typer.Option(min=1, help="Requests under way at once, at most.")] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to retry a request.")] = 600.0,
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")] = False,
) -> None:
    """Label the dev split with an edited rubric and show what flipped since the last version that was tried.

    Only what changed is bought: where the rubric renders to the same request, the stored answer is used. The sealed test
    split is never opened.
    """
    from judge.cli.label import EXIT
    from judge.cli.progress import shown
    from judge.eval_sets import open_set
    from judge.grader.file import find, load
    from judge.iteration.asking import Asking, Purse, dev
    from judge.iteration.trial import Subject
    from judge.providers.settings import Settings

    subject = Subject(dev(open_set(on), "try"), against, tuple(facet))
    asking = Asking(
        model=model,
        runs_dir=runs_dir,
        purse=Purse(max_cost),
        method=method,  # type: ignore[arg-type]  # plan() checks
        order=order,  # type: ignore[arg-type]  # likewise
        sampling=options.settings(settings),
        in_flight=in_flight,
        patience=patience,
        settings=Settings.load(**options.addresses(base_url), max_in_flight=max(in_flight or 0, 512)),
        display=lambda: shown(quiet=quiet or json),
    )
    path = find(rubric, prompts)
    once = _Once(path, subject, asking, seed, json=json)
    if watch:
        sys.exit(_follow(once, sample or WATCHED))
    status = once.attempt(load(path), sample)
    sys.exit(EXIT[status])


class _Once:
    """One try, shown."""

    def __init__(self, path: Path, subject: Any, asking: Any, seed: int, *, json: bool) -> None:
        self.path, self.subject, self.asking, self.seed = path, subject, asking, seed
        self.json = json

    def attempt(self, grader: Any, size: int | None) -> str:
        """Try on so many items, or on all; returns how it ended."""
        from dataclasses import asdict

        from judge.cli import output, trials
        from judge.iteration.trial import attempt, sample

        ids = None if size is None else sample(grader, self.subject, size, self.seed)
        trial = attempt(grader, self.subject, self.asking, ids)
        if self.json:
            output.dump(asdict(trial), indent=None)
        else:
            trials.show(trial)
        return trial.status


def _follow(once: _Once, size: int) -> int:
    """Try on a sample now and on every save, on the whole split when asked. Returns the exit code."""
    from judge.cli.label import EXIT, INTERRUPTED
    from judge.cli.terminal import announce
    from judge.errors import JudgeError
    from judge.grader.file import load
    from judge.iteration.watching import events, keyboard

    lines = keyboard(sys.stdin)
    files = [once.path.resolve()]

    def tried(size: int | None) -> str:
        try:
            grader = load(once.path)
            files[1:] = [p for name in grader.templates if (p := files[0].parent / name) != files[0]]
            return once.attempt(grader, size)
        except JudgeError as error:  # the next save may mend it
            announce(f"judge: {error}")
            return "complete"

    status = "interrupted"
    try:
        status = tried(size)
        announce("watching; Enter tries the whole split, q ends")
        for event in events(lambda: files, lines):
            if event == "quit":
                return EXIT[status]
            status = tried(None if event == "whole" else size)
            if status in ("interrupted", "budget"):
                return EXIT[status]
            announce("watching; Enter tries the whole split, q ends")
    except KeyboardInterrupt:
        announce("judge: no longer watching")
    return INTERRUPTED if status == "interrupted" else 0
