"""What a run would do and cost, without buying anything.

Everything is rendered, so a rubric that fails on the millionth transcript fails here. Tokens are estimated from lengths,
not counted: see ``judge.tokens`` for how far off that is.
"""

from contextlib import nullcontext
from dataclasses import dataclass, field

from judge.labelling.forecast import Forecast
from judge.labelling.job import Options, plan
from judge.labelling.questions import questions
from judge.providers import connect, split
from judge.request import Provider, Request
from judge.runs import Run
from judge.store import Store


@dataclass
class DryRun:
    """Counts and bills. The first request is None if there is none."""

    model: str
    forecast: Forecast
    """What the requests cost, by each way of asking."""
    transcripts: int = 0
    requests: int = 0
    stored: int = 0
    """Of the requests, how many are answered already."""
    cut: int = 0
    """Transcripts that do not fit the model's context and are cut into windows."""
    first: Request | None = None
    skipped: list[str] = field(default_factory=list)


def unconnected(options: Options) -> Provider:
    """The model's name and capabilities, for a plan that nobody will carry out: no key is needed, nothing is opened.

    Only a model file of one's own is loaded, as it alone says how long its context is.
    """
    provider, _ = split(options.model)
    bare = provider == "replay" or options.model.startswith("local:")
    return connect(options.model if bare else f"replay/{options.model}", options.settings)


def estimate(options: Options) -> DryRun:
    """Render every request of a run and add up. Needs no key. Raises what ``label`` would raise before its first call."""
    provider = unconnected(options)
    chosen = plan(options, provider, Run(options.run, options.runs_dir).manifest())
    forecast = Forecast(chosen.style, provider.capabilities)
    result = DryRun(chosen.style.model, forecast)
    path = options.store_path
    with Store(path) if path.exists() else nullcontext() as store:
        for asked in questions(chosen, options.dataset):
            result.transcripts += 1
            result.cut += any(question.window.count > 1 for question in asked)
            result.first = result.first or next((question.request for question in asked), None)
            new = [q for q in asked if store is None or store.completion(q.request.key) is None]
            result.requests += len(asked)
            result.stored += len(asked) - len(new)
            forecast.add(new)
    result.skipped = [str(error) for error in options.dataset.skipped]
    return result
