"""``judge show``: exactly what a grader would send for a transcript."""

from typing import Annotated

import typer

from judge.cli import options


def show(
    grader: Annotated[str, typer.Argument(help="A grader's name or file.")],
    transcript: Annotated[str, typer.Option(help="A file of transcripts.")],
    id: Annotated[str | None, typer.Option(help="Which of them; the first if not given.")] = None,  # noqa: A002
    model: options.Model = "openai/any",
    format: options.Format = "auto",  # noqa: A002
    repeats: options.Repeats = 1,
    method: options.Method = "generate",
    order: options.Order = "transcript-first",
    settings: options.Settings = [],  # noqa: B006  (typer copies it)
    base_url: options.BaseUrl = [],  # noqa: B006
    window_tokens: options.WindowTokens = None,
    prompts: options.Prompts = None,
    json: Annotated[
        bool, typer.Option("--json", help="As JSON, one line a request, schema included.")
    ] = False,
) -> None:
    """Print exactly what `judge label` with this grader alone would send. Needs no key and sends nothing.

    A transcript that is too long for the model is cut into windows, and every window is a request.
    """
    from dataclasses import replace

    from judge.cli import output
    from judge.errors import UsageError
    from judge.labelling.dataset import Dataset
    from judge.labelling.dry_run import unconnected
    from judge.labelling.job import Options, plan
    from judge.labelling.questions import questions
    from judge.providers.settings import Settings

    asked = Options(
        dataset=Dataset(transcript, format),
        graders=(grader,),
        model=model,
        run="show",
        prompts=prompts,
        method=method,  # type: ignore[arg-type]  # plan() checks
        order=order,  # type: ignore[arg-type]  # likewise
        samples=repeats,
        sampling=options.settings(settings),
        window_tokens=window_tokens,
        settings=Settings.load(**options.addresses(base_url)),
    )
    chosen = plan(asked, unconnected(asked))
    found = next((item for item in asked.dataset if id in (None, item[1].id)), None)
    if found is None:
        raise UsageError(
            f"no transcript has the id {id!r}", where=transcript, do="see `judge transcripts show`"
        )
    for question in next(questions(replace(chosen, samples=1), [found])):
        if json:
            output.dump(output.request_as_data(question.request), indent=None)
        else:
            output.show_request(question.request, question.window)
