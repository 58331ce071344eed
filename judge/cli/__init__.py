"""The command line: one module per verb. Each parses, calls the library once and prints.

stdout carries data, stderr everything for people. Exit codes: 0 done; 1 a gate missed; 2 usage or configuration; 3 finished with
failures, or the provider stayed away or cancelled a batch; 4 stopped by the budget; 5 batches are under way; 130 interrupted, state saved.
"""

import gc
import sys

import typer

from judge import __version__
from judge.cli import (
    agree,
    annotate,
    attack,
    batch,
    calibrate,
    compare,
    cost,
    doctor,
    drift,
    eval_sets,
    graders,
    improve,
    label,
    labels,
    local,
    plan,
    rate,
    runs,
    select,
    selftest,
    show,
    transcripts,
    try_,
)
from judge.cli.terminal import announce
from judge.errors import JudgeError
from judge.private import no_core_dumps

app = typer.Typer(
    name="judge",
    help="LLM graders for transcripts of AI models, measured against hand labels.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("label")(label.label)
app.command("agree")(agree.agree)
app.command("calibrate")(calibrate.calibrate)
app.command("show")(show.show)
app.command("cost")(cost.cost)
app.command("try")(try_.try_)
app.command("improve")(improve.improve)
app.command("compare")(compare.compare)
app.add_typer(graders.app, name="graders")
app.add_typer(transcripts.app, name="transcripts")
app.add_typer(runs.app, name="runs")
app.command("annotate")(annotate.annotate)
app.add_typer(batch.app, name="batch")
app.add_typer(labels.app, name="labels")
app.add_typer(eval_sets.app, name="eval-sets")
app.add_typer(local.app, name="local")
app.command("attack")(attack.attack)
app.command("rate")(rate.rate)
app.command("plan")(plan.plan)
app.command("select")(select.select)
app.command("drift")(drift.drift)
app.command("selftest")(selftest.selftest)
app.command("doctor")(doctor.doctor)


_YOUNG = 50_000
"""Objects after which the collector of cycles looks at what is new; at Python's own 700 importing an SDK takes 7 % longer."""


@app.callback(invoke_without_command=True)
def version(
    ctx: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version and leave.")
) -> None:
    if version:
        print(f"judge {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())
        raise typer.Exit


def main() -> None:
    """The entry point: our errors become a message and exit code 2, never a traceback."""
    no_core_dumps()
    gc.set_threshold(_YOUNG, 20, 100)
    try:
        app()
    except JudgeError as error:
        announce(f"judge: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        announce("judge: interrupted")
        sys.exit(130)
    except BrokenPipeError:
        # Whoever reads our output has had enough (`judge ... | head`). Keep the interpreter from complaining at exit.
        sys.stdout = None
        sys.exit(0)
