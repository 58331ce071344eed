"""``judge improve``: a better rubric, proposed by a model from the judge's disagreements with people."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from judge.cli import options
from judge.cli.compare import Against, On


def improve(
    rubric: Annotated[str, typer.Argument(help="A prompt file, or a grader's name.")],
    on: On,
    model: options.Model,
    reflect_with: Annotated[
        str, typer.Option(help="The model that proposes: openai/NAME, anthropic/NAME, ...")
    ],
    max_cost: Annotated[
        float | None, typer.Option(min=0, help="US dollars that both models together may cost.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Proposals for each fold.")] = 6,
    folds: Annotated[int, typer.Option(min=2, help="Parts of dev, by cluster; each is held out once.")] = 3,
    min_labels: Annotated[int, typer.Option(min=1, help="Refuse below so many hand labels of a label.")] = 5,
    length_penalty: Annotated[
        float, typer.Option(min=0, help="What doubling the rubric's length costs, in points of the score.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(help="Decides folds and samples.")] = 0,
    against: Against = "",
    settings: options.Settings = [],  # noqa: B006  (typer copies it)
    base_url: options.BaseUrl = [],  # noqa: B006
    reflect_base_url: Annotated[
        str | None,
        typer.Option(help="Where the reflecting model's server listens, if not where the judge's does."),
    ] = None,
    in_flight: Annotated[int | None, typer.Option(min=1, help="Requests under way at once, at most.")] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to retry a request.")] = 600.0,
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    json: options.Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress display.")] = False,
) -> None:
    """Search for a better rubric on the dev split; write it beside the old one, never over it, and compare the two.

    Needs the extra: pip install '.[improve]' in a checkout of judge. The sealed test split is never opened.
    """
    from judge.cli.label import EXIT
    from judge.cli.progress import shown
    from judge.cli.terminal import announce
    from judge.eval_sets import open_set
    from judge.grader.file import find, load
    from judge.iteration.asking import Asking, Purse, dev
    from judge.iteration.improve.job import Search
    from judge.iteration.improve.job import improve as search
    from judge.iteration.matrix import Stopped
    from judge.iteration.trial import Subject
    from judge.providers.settings import Settings

    asking = Asking(
        model=model,
        runs_dir=runs_dir,
        purse=Purse(max_cost),
        sampling=options.settings(settings),
        in_flight=in_flight,
        patience=patience,
        settings=Settings.load(**options.addresses(base_url), max_in_flight=max(in_flight or 0, 512)),
        display=lambda: shown(quiet=quiet or json),
    )
    plan = Search(
        reflect_with, rounds=rounds, count=folds, least=min_labels, length_penalty=length_penalty, seed=seed
    )
    subject = Subject(dev(open_set(on), "improve"), against)
    try:
        reflecting = Settings.load(**options.addresses([reflect_base_url] if reflect_base_url else base_url))
        made = search(load(find(rubric, prompts)), subject, asking, plan, reflecting)
    except Stopped as stopped:
        announce(f"judge: {stopped}")
        sys.exit(EXIT[stopped.status])
    _show(made, json=json)


def _show(made: Any, *, json: bool) -> None:
    from judge.cli import output
    from judge.cli.terminal import announce, clean
    from judge.comparison import markdown

    if json:
        output.dump(asdict(made))
        return
    if made.stopped:
        announce(f"stopped early: {made.stopped}; the same command goes on from the stored answers")
    print(f"# Improving {made.grader} on {made.set}\n")
    print("On items that the search had not seen (cross-validated by cluster), what it finds is:")
    print(f"**{clean(made.cross_validated.text)}**\n")
    print("| fold | candidate | score | tokens | best on items | |\n|---|---|---|---|---|---|")
    for kept in made.front:
        won = "winner" if kept.winner else ""
        print(
            f"| {kept.fold} | {kept.sha256[:12]} | {kept.score:.3f} | {kept.tokens} | {kept.wins} | {won} |"
        )
    print(f"\nCandidates and the Pareto front: {clean(str(made.folder))}")
    if made.file is None:
        print("No proposal scored higher than the rubric as it is; nothing was written.")
    else:
        print(
            f"Written: {clean(str(made.file))}. Read it before you use it; it was chosen by the figures that follow.\n"
        )
        print(markdown.render(made.comparison, 10), end="")
    announce(f"spent ${made.spent_usd:.4f}")
