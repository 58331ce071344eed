"""What a run's requests will cost, by each way of asking them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from judge.billing import Bill
from judge.grader.prompt import Order, Style
from judge.labelling.questions import Question
from judge.labelling.sharing import BATCH_HITS, LIVE_HITS, Marking
from judge.pricing import prices_of
from judge.request import Capabilities, Request, Usage
from judge.tokens import estimate_tokens

ANSWER_TOKENS_PER_FACET = 60
"""What judges were seen to write for each facet: its label, and its share of evidence and rationale."""

NAIVE, LIVE, OTHER, BATCH, BATCH_HIT = "naive", "live", "other_order", "batch", "batch_all_hits"
"""Every input token at full price; one call after the other in the run's order, and in the other order; in batches that
find nothing in the cache, and in batches that find all that is there."""


@dataclass
class Forecast:
    """Bills for every way of asking the same questions.

    Args:
        style: The run's.
        capabilities: What the model's cache and endpoints can do.
    """

    style: Style
    capabilities: Capabilities
    bills: dict[str, Bill] = field(default_factory=dict)
    shared_tokens: int = 0
    """Of the input, how much a cache can serve."""
    dearer: int = 0
    """Requests so long that every token of theirs costs more, see ``dearer_beyond``."""
    dearer_beyond: int | None = None

    def __post_init__(self) -> None:
        self.bills = {name: Bill() for name in (NAIVE, LIVE, OTHER)}
        if self.capabilities.batch:
            self.bills |= {BATCH: Bill(), BATCH_HIT: Bill()}
        model, order = self.style.model, self.style.order
        prices = prices_of(model)
        self.dearer_beyond = prices.dearer_beyond() if prices else None
        self._live = Marking(model, order, hits=LIVE_HITS)
        self._batched = Marking(model, order, hits=BATCH_HITS, batch=True)
        self._rubrics: set[str] = set()

    def add(self, asked: Iterable[Question]) -> None:
        """The questions on one transcript that are to be bought."""
        questions = list(asked)
        sharing = Counter(_parts(question.request, self.style.order)[0] for question in questions)
        transcripts: set[str] = set()
        for question in questions:
            self._one(question, sharing, transcripts)

    def _one(self, question: Question, sharing: Counter[str], transcripts: set[str]) -> None:
        request, order = question.request, self.style.order
        transcript, rubric = _parts(request, order)
        size = sum(estimate_tokens(block.text) for block in request.blocks) + estimate_tokens(request.system)
        plain = Usage(input=size, output=answer_tokens(question))
        by_transcript = self._cached(plain, request.system, transcript, transcripts)
        by_rubric = self._cached(plain, request.system, rubric, self._rubrics)
        if not self._uses(self._live, sharing[transcript]):
            by_transcript = plain
        hit, other = (by_transcript, by_rubric) if order == "transcript-first" else (by_rubric, by_transcript)
        self.shared_tokens += hit.cached
        if self.dearer_beyond is not None and size > self.dearer_beyond:
            self.dearer += 1
        self.bills[NAIVE].add(request.model, plain)
        self.bills[LIVE].add(request.model, hit)
        self.bills[OTHER].add(request.model, other)
        if BATCH not in self.bills:
            return
        if order == "transcript-first" and not self._uses(self._batched, sharing[transcript]):
            hit = plain
        # What is not found is written once more, where writing is asked for at all.
        missed = hit.cached + hit.cache_written if self.capabilities.cache_control else 0
        miss = plain.model_copy(update={"cache_written": missed})
        self.bills[BATCH].add(request.model, miss, batch=True)
        self.bills[BATCH_HIT].add(request.model, hit, batch=True)

    def _cached(self, plain: Usage, system: str, prefix: str, seen: set[str]) -> Usage:
        """The call where a cache keeps what begins with this prefix."""
        kept = estimate_tokens(system + prefix)
        can = self.capabilities
        # A server of one's own is quick with what it has read before, mark or no mark.
        keeps = can.cache_control or can.cache_key or not can.schema_in_prompt
        if kept < can.cache_minimum or not keeps:
            return plain
        if prefix in seen:
            return plain.model_copy(update={"cached": kept})
        seen.add(prefix)
        return plain.model_copy(update={"cache_written": kept if can.cache_control else 0})

    def _uses(self, marking: Marking, sharing: int) -> bool:
        """Whether a transcript's prefix is kept. A cache that needs no mark always keeps it, at no price."""
        return not self.capabilities.cache_control or marking.pays(sharing)


def _parts(request: Request, order: Order) -> tuple[str, str]:
    """The transcript's text and the rubric's. A choice always has the transcript first."""
    first, second = request.blocks[0].text, request.blocks[1].text
    return (second, first) if order == "rubric-first" and not request.choices else (first, second)


def answer_tokens(question: Question) -> int:
    """One for a choice; a judge that reasons first is taken to need what a whole answer does."""
    sampling = question.request.sampling
    if question.request.choices and sampling.reasoning_effort in (None, "none"):
        return 1
    return min(ANSWER_TOKENS_PER_FACET * (len(question.grader.facets) + 2), sampling.max_tokens)
