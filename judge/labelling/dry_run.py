"""What a run would do and cost, without buying anything.

Everything is rendered, so a rubric that fails on the millionth transcript fails here. Tokens are estimated from lengths,
not counted: see ``judge.tokens`` for how far off that is.
"""

from dataclasses import dataclass, field

from judge.labelling.job import STORE, Options, plan
from judge.labelling.questions import Question, questions
from judge.pricing import price
from judge.providers import connect, split
from judge.request import Provider, Request, Usage
from judge.runs import Run
from judge.store import Store
from judge.tokens import estimate_tokens

ANSWER_TOKENS_PER_FACET = 60
"""What judges were seen to write for each facet: its label, and its share of evidence and rationale."""


@dataclass
class DryRun:
    """Counts and prices. Prices are None where the model's are unknown; the first request is None if there is none."""

    model: str
    transcripts: int = 0
    requests: int = 0
    stored: int = 0
    """Of the requests, how many are answered already."""
    cut: int = 0
    """Transcripts that do not fit the model's context and are cut into windows."""
    input_tokens: int = 0
    shared_tokens: int = 0
    """Of the input, how much a provider's cache can serve: what later graders of a transcript share with the first."""
    output_tokens: int = 0
    cost: float | None = 0.0
    """Without any caching."""
    cost_cached: float | None = 0.0
    """With the cache serving everything that it can."""
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
    result = DryRun(chosen.style.model)
    path = options.runs_dir / STORE
    store = Store(path) if path.exists() else None
    try:
        for asked in questions(chosen, options.dataset):
            result.transcripts += 1
            result.cut += any(question.window.count > 1 for question in asked)
            prefixes: set[str] = set()
            for question in asked:
                _add(result, question, store, prefixes)
    finally:
        if store:
            store.close()
    result.skipped = [str(error) for error in options.dataset.skipped]
    return result


def _add(result: DryRun, question: Question, store: Store | None, asked: set[str]) -> None:
    request = question.request
    result.first = result.first or request
    result.requests += 1
    if store and store.completion(request.key):
        result.stored += 1
        return
    prefix = request.system + request.blocks[0].text
    size = sum(estimate_tokens(block.text) for block in request.blocks) + estimate_tokens(request.system)
    shared = estimate_tokens(prefix) if prefix in asked else 0
    asked.add(prefix)
    output = _answer_tokens(question)
    result.input_tokens += size
    result.shared_tokens += shared
    result.output_tokens += output
    plain = price(request.model, Usage(input=size, output=output))
    written = estimate_tokens(prefix) - shared
    cached = price(request.model, Usage(input=size, cached=shared, cache_written=written, output=output))
    result.cost = None if plain is None or result.cost is None else result.cost + plain
    result.cost_cached = None if cached is None or result.cost_cached is None else result.cost_cached + cached


def _answer_tokens(question: Question) -> int:
    """One for a choice; a judge that reasons first is taken to need what a whole answer does."""
    sampling = question.request.sampling
    if question.request.choices and sampling.reasoning_effort in (None, "none"):
        return 1
    return min(ANSWER_TOKENS_PER_FACET * (len(question.grader.facets) + 2), sampling.max_tokens)
