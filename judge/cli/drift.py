"""``judge drift``: has the judge changed since it was measured, or what it reads?"""

from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options

MISSED = 1


def drift(
    old: Annotated[str, typer.Argument(help="The stored run: the judge as it was.")],
    new: Annotated[str, typer.Argument(help="The new run.")],
    on: Annotated[
        str | None, typer.Option(help="The anchor set with hand labels that both runs labelled.")
    ] = None,
    facet: options.Facet = None,
    labels: options.Labels = None,
    old_from: Annotated[
        str | None, typer.Option(help="The old run's transcripts, for their lengths.")
    ] = None,
    new_from: Annotated[
        str | None, typer.Option(help="The new run's transcripts, for their lengths.")
    ] = None,
    fail_above_noise: Annotated[
        bool, typer.Option("--gate", help="Exit 1 unless no more answers changed than repeats flip.")
    ] = False,
    cluster: options.Cluster = "cluster",
    level: options.Level = 0.95,
    prompts: options.Prompts = None,
    runs_dir: options.RunsDir = Path("runs"),
    markdown: options.Markdown = None,
    json: options.Json = False,
) -> None:
    """Compare two runs: on shared transcripts the judge, on others what was read.

    With --on, sensitivity and specificity before and now on the labelled transcripts, with McNemar's exact test. Without
    shared transcripts only the inputs are compared. A failure is an answer that changed. --gate fails also where it
    cannot be told whether more changed than noise.
    """
    from judge.cli import rate_job, sources
    from judge.cli.sections import show
    from judge.cli.terminal import announce
    from judge.errors import UsageError
    from judge.rates import drift as drifting
    from judge.rates.inputs import inputs
    from judge.rates.labels import hand_labels
    from judge.stats.resample import Settings

    settings = Settings(level=level)
    runs = [sources.run(name, runs_dir) for name in (old, new)]
    if runs[0].folder.resolve() == runs[1].folder.resolve():
        raise UsageError(
            "this is the same run twice",
            found=f"{old} and {new}",
            do="label the anchor set again under another name, and compare the two runs",
        )
    anchors = [rate_job.hand_labelled(on)] if on else []
    asking = (facet or "", options.names(labels))
    before, after = rate_job.two_answers(runs, anchors, asking, prompts, cluster)
    question = after.asked
    ids = drifting.shared(before, after)
    if on and not ids:
        raise UsageError(
            "the runs share no transcript", found=f"{old} and {new}", do="label the anchor set again"
        )
    hand = hand_labels(anchors[0], question) if anchors else None
    judged = drifting.judge_drift(before, after, hand, settings) if ids else None
    sizes = rate_job.transcripts_of(old_from, new_from)
    everything = inputs(before, after, sizes, settings) if not on else None
    report = drifting.Report(str(question), before.rater.name, after.rater.name, judged, everything)
    show(report, drifting.sections(report), markdown=markdown, as_json=json)
    if fail_above_noise and report.gate:
        announce(f"gate missed: {report.gate}")
        raise typer.Exit(MISSED)
