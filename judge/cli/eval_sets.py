"""``judge eval-sets``: what hand-labelled sets there are, and whether they are sound."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from judge.cli import options

app = typer.Typer(help="List and check hand-labelled sets.", no_args_is_help=True)


@app.command("list")
def list_sets(
    folder: Annotated[Path, typer.Argument(help="Where the sets are.")] = Path("eval_sets"),
) -> None:
    """List the sets with their size and who labelled them."""
    from judge.cli.terminal import announce
    from judge.eval_sets import EvalSet

    if not (paths := sorted(folder.glob("*/transcripts.jsonl"))):
        announce(f"no sets in {folder}: a set is a folder with transcripts.jsonl")
    for path in paths:
        found = EvalSet(path.parent)
        size = sum(1 for _ in found.transcripts())
        print(f"{found.name:20} {size:5} transcripts   {', '.join(found.annotators) or 'no labels'}")


@app.command()
def check(
    sets: Annotated[list[str], typer.Argument(help="Names or folders; all under ./eval_sets if none.")] = [],  # noqa: B006
    prompts: options.Prompts = None,
) -> None:
    """Check schema, vocabulary, spans, splits and counts. Exit code 2 if something is wrong."""
    from judge import eval_sets
    from judge.cli.graders import paths
    from judge.cli.terminal import announce
    from judge.grader.file import load

    graders = {facet: grader for grader in map(load, paths(prompts)) for facet in grader.facets}
    names = sets or [str(path.parent) for path in sorted(Path("eval_sets").glob("*/transcripts.jsonl"))]
    wrong = 0
    for name in names:
        found = eval_sets.open_set(name)
        problems = list(eval_sets.check(found, graders))
        print(f"{found.name}: {len(problems)} problems")
        for problem in problems:
            announce(f"  {problem}")
        wrong += len(problems)
        if found.annotators:
            for facet, splits in eval_sets.counts(found, found.annotators[-1]).items():
                for split, labels in sorted(splits.items()):
                    print(
                        f"  {facet} {split}: "
                        + ", ".join(f"{label} {n}" for label, n in sorted(labels.items()))
                    )
    sys.exit(2 if wrong else 0)
