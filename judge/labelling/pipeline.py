"""Label a dataset: transcripts times graders times samples, to records.

Read ``Labelling.run`` first, then ``_transcript``: the whole of scheduling is there. Transcripts come from a lazy
iterator and as many are under way as requests may be in flight. Of each, the first request that must be bought goes
ahead and the others follow when it is answered, because only then does the provider hold the transcript in its cache.
(Rubric first, transcripts share nothing, and nobody waits.)
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from judge.errors import ProviderRejected
from judge.grader import Grader
from judge.grader.prompt import Renderer, Style
from judge.grader.windows import Window
from judge.labelling import choice
from judge.labelling.asking import Asker, Purchases
from judge.labelling.assembling import Source, Trail, assemble, better
from judge.labelling.budget import Budget, BudgetSpent
from judge.labelling.dispatch import Closed, Dispatcher, Gate, GiveUp
from judge.labelling.feed import Feed, Item
from judge.labelling.interrupts import interrupts
from judge.labelling.journal import GroupCommit, Journal, NotYet
from judge.labelling.progress import Progress
from judge.labelling.sharing import LIVE_HITS, Marking
from judge.parse import Reading, Rejected, parse
from judge.records import Failure, Method, to_json_line
from judge.request import Block, Provider, Reask
from judge.store import Finished, RecordRow, Store
from judge.transcript import Transcript

End = Literal["complete", "budget", "interrupted", "provider", "waiting", "cancelled"]


@dataclass(frozen=True)
class Plan:
    """Everything that decides a run's records, and how fast they may be made.

    Args:
        run: The run's name in the store.
        graders: In the order in which they are asked and reported.
        method: ``generate`` for labels with evidence, ``logprob`` for label probabilities without.
        style: Layout, model and sampling of every request.
        samples: How often every question is asked.
        window_tokens: How many tokens of transcript one request may hold.
        in_flight: How many requests may be under way at once.
        patience: Seconds for which a request is retried.
        max_cost: In US dollars over all invocations of the run, or None.
        reparse: Make records anew that are there already; their answers come from the store where they can.
    """

    run: str
    graders: tuple[Grader, ...]
    style: Style
    method: Method = "generate"
    samples: int = 1
    window_tokens: int = 100_000
    in_flight: int = 32
    patience: float = 600.0
    max_cost: float | None = None
    reparse: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One record to be made: a transcript, a grader, a sample."""

    position: int
    transcript: Transcript
    revision: str
    rank: int
    grader: Grader
    sample: int
    windows: tuple[tuple[Window, Block], ...]
    sharing: int
    """How many jobs on this transcript, this one included, begin their requests with the same text."""


class Standing(Protocol):
    """What a progress display reads of an invocation while it runs."""

    plan: Plan
    progress: Progress
    purchases: Purchases
    gate: Gate
    budget: Budget
    begun: threading.Event
    end: End
    because: str


@dataclass(frozen=True)
class Means:
    """What decides whether something may be sent and where it is kept: an invocation's own, or shared with others."""

    gate: Gate
    budget: Budget
    journal: GroupCommit

    @classmethod
    def own(cls, plan: Plan, provider: Provider, store: Store) -> "Means":
        """Of a run within one process, with its store on this machine."""
        gate = Gate.for_model(plan.in_flight, provider.capabilities)
        return cls(gate, Budget(plan.max_cost, spent(store, plan)), Journal(store))


class Labelling:
    """One invocation of a run."""

    def __init__(self, plan: Plan, provider: Provider, means: Means) -> None:
        self.plan = plan
        self.provider = provider
        self.progress = Progress()
        self.purchases = Purchases()
        self.gate = means.gate
        self.budget = means.budget
        self.end: End = "complete"
        self.begun = threading.Event()
        """Set when the first transcript is taken up, or found to be done."""
        self.because = ""
        """In words, where it ended early."""
        self._error: BaseException | None = None
        self._marking = Marking(plan.style.model, plan.style.order, hits=LIVE_HITS)
        self._renderer = Renderer(plan.graders, plan.style, plan.window_tokens)
        self._feed: Feed | None = None
        self._journal = means.journal
        self._asker: Asker

    async def run(self, dataset: Iterable[Item]) -> End:
        """Make every record that is missing. Returns how it ended; raises what made it impossible to go on.

        Whatever way it ends, answers that were under way are waited for and kept.
        """
        dispatcher = Dispatcher(self.provider, self.gate, self.plan.patience, self._note)
        try:
            with interrupts(self._interrupt):
                async with self._journal, Feed(self._lacking(dataset)) as feed:
                    self._feed = feed
                    self._asker = Asker(self._journal, dispatcher, self.budget, self.purchases, self.plan.run)
                    await asyncio.gather(*(self._work(feed) for _ in range(self.plan.in_flight)))
                    await self._journal.flush()
        except asyncio.CancelledError:
            if self.end != "interrupted":
                raise
        if self._error is not None:
            raise self._error
        if self.end == "complete" and self.progress.waiting:
            self.end = "waiting"
        return self.end

    def stop(self, end: End, note: str = "") -> None:
        """Send nothing more; let what is under way arrive."""
        if self.end == "complete":
            self.end, self.because = end, "" if end == "interrupted" else note
            self._note(note)
        self._close()

    def _close(self) -> None:
        self.gate.close()
        if self._feed is not None:
            self._feed.end()

    def _lacking(self, dataset: Iterable[Item]) -> Iterable[Item | None]:
        if self.plan.reparse:
            return dataset
        wanted = [(g.name, sample) for g in self.plan.graders for sample in range(self.plan.samples)]
        return self._journal.lacking(dataset, self.plan.run, wanted, self._keep)

    def _keep(self, statuses: Iterable[str]) -> None:
        self.progress.kept.update(statuses)
        self.begun.set()

    def _interrupt(self) -> None:
        self.stop("interrupted", "interrupted: waiting for answers that are under way (again to drop them)")

    def _note(self, note: str) -> None:
        self.progress.note, self.progress.noted_at = note, time.monotonic()

    async def _work(self, feed: Feed) -> None:
        try:
            while (item := await feed.next()) is not None:
                self.begun.set()
                if self.end != "complete" or self._error is not None:
                    return
                await self._transcript(*item)
                # Where everything comes from the store, nothing else here gives way to the writer or to Ctrl-C.
                await asyncio.sleep(0)
                await self._journal.room()
        except Closed:
            pass
        except BudgetSpent as spent:
            self.stop("budget", str(spent))
        except GiveUp as away:
            self.stop("provider", str(away))
        except Exception as error:  # noqa: BLE001  (the boundary: neighbours finish what is paid, then it is raised)
            self._error = self._error or error
            self._close()

    async def _transcript(self, position: int, transcript: Transcript) -> None:
        revision = transcript.revision
        kept: Finished = {}
        if not self.plan.reparse:
            kept = await self._journal.finished(self.plan.run, transcript.id, revision)
        followers = list(self._jobs(position, transcript, revision, kept))
        while followers and self.plan.style.order == "transcript-first":
            leader = followers.pop(0)
            if await self._label(leader, first=False):
                break
        if not followers:
            return
        # Every follower runs to its end even where one of them fails: what the others bought must not be lost.
        results = await asyncio.gather(
            *(self._label(job, first=True) for job in followers), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def _jobs(self, position: int, transcript: Transcript, revision: str, kept: Finished) -> Iterator[Job]:
        wanted = [(rank, g, s) for rank, g in enumerate(self.plan.graders) for s in range(self.plan.samples)]
        missing = [(rank, g, s) for rank, g, s in wanted if (g.name, s) not in kept]
        shown = self._renderer.cut(transcript) if missing else {}
        sharing = Counter(grader.view.channels for _, grader, _ in missing)
        for rank, grader, sample in missing:
            view = grader.view.channels
            yield Job(position, transcript, revision, rank, grader, sample, shown[view], sharing[view])

    async def _label(self, job: Job, *, first: bool) -> bool:
        """Make one record. Returns whether anything was bought for it."""
        trail = Trail(prices=self._asker.prices)
        read = self._generated if self.plan.method == "generate" else self._chosen
        readings: list[Reading | Rejected] = []
        for _, shown in job.windows:
            try:
                readings.append(await read(job, shown, trail, first=first or bool(readings)))
            except ProviderRejected as error:
                readings.append(Rejected("provider", str(error)))
            except NotYet:
                self.progress.waiting += 1
                return trail.bought
        source = Source(job.transcript, job.grader, job.sample, self.plan.style.model, self.plan.method)
        record = assemble(source, [window for window, _ in job.windows], readings, trail)
        status = record.kind if isinstance(record, Failure) else "ok"
        # A window that the provider failed may be answered next time, also where the verdict stands without it.
        again = any(isinstance(r, Rejected) and r.kind == "provider" for r in readings)
        self._journal.append(
            RecordRow(
                run=self.plan.run,
                transcript_id=job.transcript.id,
                grader=job.grader.name,
                sample=job.sample,
                position=job.position,
                rank=job.rank,
                fingerprint=job.revision,
                status="provider" if again else status,
                record=to_json_line(record),
            )
        )
        self.progress.made[status] += 1
        return trail.bought

    async def _generated(self, job: Job, shown: Block, trail: Trail, *, first: bool) -> Reading | Rejected:
        """Ask for all facets with evidence; once more where the first answer does not stand and that may help."""
        request = self._renderer.request(job.grader, job.transcript, shown, job.sample)
        request = self._marking.sent(request, job.sharing)
        completion = trail.add(request, await self._asker.ask(request, first=first))
        grounding = self.plan.style.defences.grounding
        result = parse(completion, job.grader, job.transcript, grounding=grounding)
        if not result.complaint:
            return result
        again = request.asked_again(Reask(completion.text, result.complaint))
        try:
            second = trail.add(again, await self._asker.ask(again, first=True))
        except ProviderRejected:
            return result  # the second question cannot be asked (context full, not recorded); the first answer remains
        return better(result, parse(second, job.grader, job.transcript, grounding=grounding))

    async def _chosen(self, job: Job, shown: Block, trail: Trail, *, first: bool) -> Reading | Rejected:
        """Ask for one letter, in several ways, and average the probabilities."""
        choices = choice.requests(job.grader, shown, self.plan.style, job.sample)
        completions = []
        for number, asked in enumerate(choices):
            answered = await self._asker.ask(asked.request, first=first or number > 0)
            completions.append(trail.add(asked.request, answered))
        return choice.read(job.grader, choices, completions)


def spent(store: Store, plan: Plan) -> float:
    """What the run has spent and what its batches that are under way can still cost, in USD; 0 without a limit."""
    return store.spent(plan.run) + store.batches.reserved(plan.run) if plan.max_cost is not None else 0.0
