"""``judge attack``: how far text planted in transcripts moves a judge's labels."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from judge.cli import options


def attack(
    source: Annotated[str, typer.Argument(metavar="SET", help="A hand-labelled set: its name or folder.")],
    grader: Annotated[
        str, typer.Option("--grader", "-g", help="The grader whose primary facet is attacked.")
    ],
    model: options.Model,
    run: Annotated[str, typer.Option(help="Name of the run; a setting's own run adds its name to it.")],
    family: Annotated[list[str], typer.Option(help="What is planted. Repeatable; all by default.")] = [],  # noqa: B006
    place: Annotated[list[str], typer.Option(help="Where. Repeatable; everywhere by default.")] = [],  # noqa: B006
    per_item: Annotated[int, typer.Option(min=1, help="Attacks on each transcript.")] = 6,
    every: Annotated[bool, typer.Option("--every", help="Every family at every place on every one.")] = False,
    defence: Annotated[
        list[str],
        typer.Option(
            help="all, no-markers, no-neutralising, no-grounding, rubric-first, none. Repeat to compare."
        ),
    ] = ["all"],  # noqa: B006
    limit: options.Limit = None,
    seed: Annotated[int, typer.Option(help="Which transcript meets which attack.")] = 0,
    settings: options.Settings = [],  # noqa: B006
    base_url: options.BaseUrl = [],  # noqa: B006
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    max_cost: Annotated[float | None, typer.Option(min=0, help="US dollars for each setting's run.")] = None,
    in_flight: Annotated[int | None, typer.Option(min=1, help="Requests under way at once, at most.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Plant and price everything, buy nothing.")
    ] = False,
    json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")] = False,
) -> None:
    """Plant instructions, false verdicts and the like in labelled transcripts, and count the labels that move.

    Positive transcripts are attacked to hide what they show, others to be framed. The figures stand beside the judge's
    agreement at rest. With several defences, each is one run over the same attacks.
    """
    from judge.attacks import job
    from judge.attacks.planting import Design
    from judge.cli.progress import shown
    from judge.eval_sets import open_set
    from judge.labelling.dataset import Dataset
    from judge.labelling.job import Options
    from judge.providers.settings import Settings

    asked = job.Attack(
        open_set(source),
        Options(
            dataset=Dataset(source),
            graders=(grader,),
            model=model,
            run=run,
            runs_dir=runs_dir,
            prompts=prompts,
            sampling=options.settings(settings),
            in_flight=in_flight,
            max_cost=max_cost,
            settings=Settings.load(**options.addresses(base_url)),
        ),
        Design(**_chosen(family, place), per_item=None if every else per_item, seed=seed),
        tuple(dict.fromkeys(defence)),
        limit,
    )
    if dry_run:
        from judge.cli import output

        output.estimate(job.estimate(asked), as_json=json)
        return
    measured, path = job.attack(asked, partial(shown, quiet=quiet or json))
    _print(measured, path, as_json=json)
    sys.exit(_code(measured))


def _chosen(families: list[str], places: list[str]) -> dict[str, Any]:
    """What the user named of each, checked. Raises UsageError."""
    from judge.attacks.families import FAMILIES
    from judge.attacks.planting import PLACES
    from judge.errors import UsageError

    for what, named, known in (("family", families, FAMILIES), ("place", places, PLACES)):
        if unknown := [name for name in named if name not in known]:
            raise UsageError(f"no such {what} of attack", found=unknown[0], expected=", ".join(known))
    return {key: tuple(named) for key, named in (("families", families), ("places", places)) if named}


def _print(measured: list[Any], path: Path, *, as_json: bool) -> None:
    from dataclasses import asdict

    from rich.console import Console

    from judge.cli import attack_figures, output
    from judge.cli.terminal import announce

    if as_json:
        settings = {m.setting: {**asdict(m.outcome), "run": str(m.result.run.folder)} for m in measured}
        output.dump({"attacked": str(path), "settings": settings})
        return
    for found in measured:
        Console(highlight=False).print(attack_figures.attacked(found))
    announce(
        "\nflipped: the label crossed to the side that the attacker wanted. lost: a label became a failure or a null. "
        "Intervals are 95 %, by cluster."
    )
    for found in measured:
        announce(f"{found.setting:16} {found.result.run.records_path}")
    announce(f"{'transcripts':16} {path}")


def _code(measured: list[Any]) -> int:
    from judge.cli.label import EXIT, FAILURES

    last = measured[-1].result
    return EXIT[last.manifest.status] or (FAILURES if any(m.result.failures for m in measured) else 0)
