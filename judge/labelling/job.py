"""``judge label`` as a library call: choose graders, model and data, run the pipeline, write the run's files."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, get_args

from judge.errors import JudgeError, UsageError
from judge.grader import Grader
from judge.grader import file as grader_file
from judge.grader.contract import SchemaStyle
from judge.grader.prompt import ALL_DEFENCES, Defences, Order, Style
from judge.labelling import choice
from judge.labelling.bookkeeping import begin, finish
from judge.labelling.dataset import Dataset
from judge.labelling.fitting import sampling_for, window_tokens
from judge.labelling.pipeline import End, Labelling, Means, Plan, Standing
from judge.labelling.recordings import load_recordings
from judge.pricing import price
from judge.providers import connect
from judge.providers.settings import Settings
from judge.records import Method
from judge.request import Provider, Usage
from judge.runs import STORE, Manifest, Run
from judge.store import Store

if TYPE_CHECKING:
    from judge.labelling.batching.run import BatchRun


@dataclass(frozen=True)
class Batch:
    """How the batch endpoint is to be used: ``wait`` for the answers or leave, ``cancel`` what is under way."""

    wait: bool = True
    cancel: bool = False


class Invocation(Standing, Protocol):
    """What makes a run's records: within this process, or with others."""

    async def run(self, dataset: Dataset) -> End: ...


class Engine(Protocol):
    """Where the work is done, if not in this process."""

    def invocation(self, options: "Options", plan: Plan, provider: Provider, store: Store) -> Invocation: ...


@dataclass
class Options:
    """What the user asked for, before anything was checked.

    Args:
        dataset: Which transcripts.
        graders: Names, paths of prompt files, or graders that are loaded already.
        model: ``provider/name``.
        run: Name of the run; its files go to ``<runs_dir>/<run>/``. A shard is a run with a store of its own.
        samples: How often each question is asked.
        sampling: Overrides of ``Sampling``: ``max_tokens``, ``temperature``, ``reasoning_effort``, or any body field.
        window_tokens: Overrides how many tokens of transcript one request may hold.
        in_flight: Overrides how many requests may be under way at once.
        reparse: Read stored completions anew instead of keeping the run's records.
        defences: Which defences against hostile transcripts are on.
        batch: Through the provider's batch endpoint, instead of by live calls.
        say: Told in a line of what happens to batches.
        store: Where answers are kept, if not beside the runs.
        engine: Has other processes do the work, on this machine or others. The run's store stays here.
    """

    dataset: Dataset
    graders: tuple[str | Grader, ...]
    model: str
    run: str
    runs_dir: Path = Path("runs")
    prompts: Path | None = None
    method: Method = "generate"
    order: Order = "transcript-first"
    samples: int = 1
    sampling: Mapping[str, Any] = field(default_factory=dict)
    window_tokens: int | None = None
    in_flight: int | None = None
    patience: float = 600.0
    max_cost: float | None = None
    reparse: bool = False
    defences: Defences = ALL_DEFENCES
    batch: Batch | None = None
    settings: Settings = field(default_factory=Settings.load)
    say: Callable[[str], None] = lambda _: None
    store: Path | None = None
    engine: Engine | None = None

    @property
    def store_path(self) -> Path:
        """A shard's own, so that shards can be on machines that share nothing; else the one beside the runs."""
        own = self.runs_dir / self.run / STORE
        return self.store or (own if self.dataset.shard or own.exists() else self.runs_dir / STORE)


@dataclass(frozen=True)
class Result:
    """How an invocation ended, and where its files are."""

    manifest: Manifest
    run: Run
    seconds: float
    failures: int


def plan(options: Options, provider: Provider, before: Manifest | None = None) -> Plan:
    """Check the options against the graders and the model. Raises UsageError or GraderError; buys nothing.

    Where the user left something open, a run that goes on keeps what it had ``before``.
    """
    for name, choices in (("method", get_args(Method)), ("order", get_args(Order))):
        if (found := getattr(options, name)) not in choices:
            raise UsageError(f"there is no such {name}", found=str(found), expected=" or ".join(choices))
    graders = load_graders(options.graders, options.prompts)
    capabilities = provider.capabilities
    if options.samples < 1:
        raise UsageError("--repeats must be 1 or more", found=str(options.samples))
    if options.method == "logprob" and not capabilities.logprobs:
        raise UsageError(
            f"{options.model} gives no token probabilities",
            expected="a model whose capabilities say logprobs = true, such as local/smollm2-135m",
            do="use --method generate, or set logprobs = true for it in judge.toml",
        )
    if options.max_cost is not None and price(provider.model, Usage()) is None:
        raise UsageError(
            f"--max-cost cannot be kept: the price of {provider.model} is unknown",
            do=f'set input_per_million and output_per_million under [models."{provider.model}"] in judge.toml',
        )
    if options.method == "logprob":
        for grader in graders:
            choice.check(grader)
    sampling = sampling_for(options.model, capabilities, options.sampling, options.samples, before)
    schema: SchemaStyle | None = None
    if capabilities.json_schema:
        schema = "common" if capabilities.schema_in_prompt else "own"
    return Plan(
        run=options.run,
        graders=graders,
        style=Style(provider.model, sampling, options.order, schema, options.defences),
        method=options.method,
        samples=options.samples,
        window_tokens=options.window_tokens or window_tokens(graders, capabilities, sampling, options.model),
        in_flight=options.in_flight or capabilities.in_flight,
        patience=options.patience,
        max_cost=options.max_cost,
        reparse=options.reparse,
    )


def load_graders(names: tuple[str | Grader, ...], folder: Path | None) -> tuple[Grader, ...]:
    """The graders by name or path, each once. Raises GraderError, or UsageError where two share a name."""
    if not names:
        known = ", ".join(path.stem for path in grader_file.discover(grader_file.bundled_folder()))
        raise UsageError(
            "no grader was named",
            expected=f"--grader with one of {known}, or a path; several times for several",
        )
    graders = tuple(
        name if isinstance(name, Grader) else grader_file.load(grader_file.find(name, folder))
        for name in names
    )
    if len({grader.name for grader in graders}) < len(graders):
        raise UsageError("two of the graders have the same name", found=", ".join(g.name for g in graders))
    return graders


def label(options: Options, watch: Callable[[Standing], None] = lambda _: None) -> Result:
    """Label a dataset and write the run's files, whatever way the run ends.

    Args:
        options: What to do.
        watch: Given the running pipeline before it starts, for a progress display.

    Raises UsageError, GraderError, TranscriptError, StoreError, ProviderMisconfigured.
    """
    run = Run(options.run, options.runs_dir)
    begun = time.monotonic()
    with run.locked(), Store(options.store_path) as store:
        store.check_writable()
        if options.model.startswith("replay/"):
            load_recordings(options.dataset.source, store)
        if run.manifest() is None:  # new, or its folder was removed: its old records mean nothing any more
            store.forget_run(run.name)
        manifest = asyncio.run(_label(options, run, store, watch))
    failures = sum(n for found in manifest.counts.values() for what, n in found.items() if what[0] == "(")
    return Result(manifest, run, time.monotonic() - begun, failures)


async def _label(options: Options, run: Run, store: Store, watch: Callable[[Standing], None]) -> Manifest:
    provider = connect(options.model, options.settings)
    try:
        before = run.manifest()
        chosen = plan(options, provider, before)
        batches = _batches(options, chosen, provider, run, store)
        before = before if run.is_written(before) else None
        manifest = begin(options.dataset, chosen, run)
        run.write_manifest(manifest)
        for grader in chosen.graders:
            run.write_grader(grader)
        labelling: Invocation = (
            options.engine.invocation(options, chosen, provider, store)
            if options.engine
            else Labelling(chosen, provider, Means.own(chosen, provider, store))
        )
        if batches and options.batch:  # then only they ask, and what may be spent is their business
            from judge.labelling.batching.answers import AnswersOnly

            answers = AnswersOnly(provider, batches.watch.setbacks.rejected)
            unlimited = replace(chosen, max_cost=None)
            labelling = Labelling(unlimited, answers, Means.own(unlimited, answers, store))
        status = "error"
        try:
            status = await _work(options, batches, labelling, watch)
        finally:
            skipped = tuple(map(str, options.dataset.skipped))
            census = manifest.dataset | options.dataset.census
            noted = {"skipped": skipped, "status": status, "because": labelling.because, "dataset": census}
            manifest = manifest.model_copy(update=noted)
            manifest = finish(manifest, run, store, labelling.purchases, before)
    finally:
        await provider.close()
    return manifest


def _batches(options: Options, chosen: Plan, provider: Provider, run: Run, store: Store) -> "BatchRun | None":
    """The run's batches, where some are wanted or under way. Raises UsageError where a model has no such endpoint."""
    if not options.batch and not store.batches.unfinished(run.name):
        return None
    # Only here: most runs have no batches, and their first request need not wait for these modules.
    from judge.labelling.batching.run import BatchRun, Manner
    from judge.providers.batches import batch_endpoint

    wait = options.batch is not None and options.batch.wait
    manner = Manner(run.folder, options.say, wait, options.settings.batch_poll)
    return BatchRun(chosen, batch_endpoint(provider), store, manner)


async def _work(
    options: Options, batches: "BatchRun | None", labelling: Invocation, watch: Callable[[Standing], None]
) -> End:
    """What batches bring first; then everything else, or with ``batch`` only the records."""
    end: End = "complete"
    if batches:
        try:
            if options.batch is None:
                end = await batches.catch_up()
            else:
                end = await (batches.cancel() if options.batch.cancel else batches.run(options.dataset))
        finally:
            await batches.endpoint.close()
            labelling.purchases.add(batches.watch.purchases)
            labelling.because = batches.because
        if end == "interrupted":
            return end
    watch(labelling)
    _count(options.dataset, labelling)
    ended = await labelling.run(options.dataset)
    if batches and options.batch:
        # What was bought a moment ago and read from the store now is no saving.
        labelling.purchases.from_store = max(0, labelling.purchases.from_store - labelling.purchases.sent)
        return ended if end in ("complete", "waiting") else end
    return ended


def _count(dataset: Dataset, labelling: Invocation) -> None:
    """Find out beside the work how much there is: counting a filtered source takes a pass over it.

    On a copy, because a dataset lists what it skipped; what is wrong with the source, the work itself will say.
    """
    records_each = len(labelling.plan.graders) * labelling.plan.samples

    def count() -> None:
        labelling.begun.wait()  # until then the reader has better things to do
        with contextlib.suppress(JudgeError):
            labelling.progress.total = len(replace(dataset, skipped=[])) * records_each

    threading.Thread(target=count, daemon=True, name="judge-count").start()
