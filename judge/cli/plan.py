"""``judge plan``: how many labels, transcripts or pairs a question needs."""

from typing import Annotated

import typer

from judge.cli import options


def plan(
    width: Annotated[float, typer.Option(help="Half width wanted for a share.")] = 0.1,
    prevalence: Annotated[float, typer.Option(help="Expected share of transcripts with the label.")] = 0.05,
    sensitivity: Annotated[float, typer.Option(help="Expected of the judge.")] = 0.9,
    specificity: Annotated[float, typer.Option(help="Expected of the judge.")] = 0.95,
    bound: Annotated[float, typer.Option(help="Upper bound wanted where nothing is found.")] = 1e-3,
    found: Annotated[
        str, typer.Option(help="HITS/N: known positives that the judge found, for that bound.")
    ] = "45/50",
    design_effect: Annotated[
        float, typer.Option(help="How many clustered transcripts are worth one independent one.")
    ] = 1.0,
    discordant: Annotated[
        float, typer.Option(help="Share of labels that exactly one of two judges gets right.")
    ] = 0.1,
    split: Annotated[float, typer.Option(help="Share of these that the better one gets right.")] = 0.7,
    level: options.Level = 0.95,
    markdown: options.Markdown = None,
    json: options.Json = False,
) -> None:
    """How many labels to pay for, and how many transcripts to judge, before you do."""
    from judge.cli.sections import show
    from judge.rates import plan as planning

    assumed = planning.Assumed(
        width,
        prevalence,
        sensitivity,
        specificity,
        bound,
        _hits(found),
        design_effect,
        discordant,
        split,
        level,
    )
    answers = planning.plan(assumed)
    show(
        {"assumed": assumed, "answers": answers},
        planning.sections(answers, assumed),
        markdown=markdown,
        as_json=json,
    )


def _hits(text: str) -> tuple[int, int]:
    from judge.errors import UsageError

    hits, slash, n = text.partition("/")
    if slash and hits.isdecimal() and n.isdecimal() and 0 < int(hits) <= int(n):
        return int(hits), int(n)
    raise UsageError("not a count of found positives", found=repr(text), expected="HITS/N, such as 45/50")
