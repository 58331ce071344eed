"""``judge select``: which transcripts of a run to label next."""

from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options


def select(
    run: Annotated[str, typer.Argument(help="The run whose judge is to be checked.")],
    out: Annotated[Path, typer.Option(help="A file NAME.jsonl, or a folder for a new hand-labelled set.")],
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="How many transcripts.")] = 100,
    source: Annotated[
        str | None,
        typer.Option("--from", help="The transcripts that the run labelled; looked for here if not given."),
    ] = None,
    facet: options.Facet = None,
    labels: options.Labels = None,
    by: options.By = None,
    second: Annotated[
        str | None, typer.Option(help="Another run: where the two disagree, more is taken.")
    ] = None,
    random: Annotated[
        bool, typer.Option("--random", help="A simple random sample, whatever the judge said.")
    ] = False,
    flagged: Annotated[
        float, typer.Option(min=0, max=0.95, help="Least share of the batch that is flagged or disputed.")
    ] = 0.5,
    core: Annotated[float, typer.Option(min=0, max=1, help="Share drawn as if at random.")] = 0.2,
    uniform: Annotated[
        float, typer.Option(min=0.01, max=1, help="Least chance of each, as a share of the uniform one.")
    ] = 0.15,
    seed: Annotated[int, typer.Option(help="Which ones are drawn.")] = 0,
    origin: Annotated[str, typer.Option(help="natural, elicited, planted or written.")] = "natural",
    cluster: options.Cluster = "cluster",
    format: options.Format = "auto",  # noqa: A002
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    json: options.Json = False,
) -> None:
    """Draw transcripts to label, more from where the judge's answer is in doubt, each with its recorded chance.

    Writes the transcripts without any answer of the judge, a queue with each one's inclusion probability, and the strata
    in a file that whoever labels should not open.
    """
    from judge import formats
    from judge.cli import rate_job, sources
    from judge.cli.sections import show
    from judge.labelling.source import source_of
    from judge.rates import batch_files
    from judge.rates.question import answers, asked
    from judge.rates.selection import sections, select_random
    from judge.rates.selection import select as draw
    from judge.stats.sampling import Plan

    places = batch_files.places(out)
    wanted = [sources.run(name, runs_dir) for name in (run, second) if name]
    asking = (facet or "", options.names(labels))
    ratings = rate_job.read(wanted, [asking], prompts, cluster)
    judge = ratings.judges[0]
    question = asked(asking[0], rate_job.graders_of(judge, ratings), asking[1])
    found = answers(ratings, judge, question)
    other = answers(ratings, ratings.judges[1], question) if second else None
    plan = Plan(number, seed, uniform, core)
    made = select_random(found, plan) if random else draw(found, plan, by, other, flagged)
    where = rate_job.file_of(source) if source else source_of(wanted[0], "--from")
    read = formats.transcripts(where, format)
    provenance = batch_files.Provenance(
        question.grader.name, question.facet.name, judge.name, judge.model, seed, cluster, origin
    )
    batch_files.write(places, made, batch_files.collect(made, read, where), provenance)
    show(made, sections(made, places.told()), markdown=None, as_json=json)
