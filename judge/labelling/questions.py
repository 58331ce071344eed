"""The questions of a run, rendered outside of the pipeline: for estimates, for files and for batches."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product

from judge.grader import Grader
from judge.grader.prompt import Renderer
from judge.grader.windows import Window
from judge.labelling import choice
from judge.labelling.journal import read_kept
from judge.labelling.pipeline import Plan
from judge.parse import parse
from judge.request import Reask, Request
from judge.store import Store
from judge.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Question:
    """A request of a run, and what it asks about."""

    request: Request
    transcript: Transcript
    grader: Grader
    window: Window


def questions(chosen: Plan, dataset: Iterable[tuple[int, Transcript]]) -> Iterator[list[Question]]:
    """Every request that a run begins with, those of one transcript together. Re-asks depend on answers, and are not here."""
    renderer = Renderer(chosen.graders, chosen.style, chosen.window_tokens)
    for _, transcript in dataset:
        shown = renderer.cut(transcript)
        asked: list[Question] = []
        for grader, sample in product(chosen.graders, range(chosen.samples)):
            for window, text in shown[grader.view.channels]:
                if chosen.method == "generate":
                    requests = [renderer.request(grader, transcript, text, sample)]
                else:
                    requests = [c.request for c in choice.requests(grader, text, chosen.style, sample)]
                asked += (Question(request, transcript, grader, window) for request in requests)
        yield asked


def missing(asked: Iterable[Question], store: Store, plan: Plan) -> Iterator[Request]:
    """The requests to be sent next: of questions that the store cannot answer and that no batch is to answer.

    A stored answer that does not stand yields the re-ask in its place, as a live run would send it; so asking for what
    is missing until nothing is completes a run.
    """
    for question in asked:
        request = question.request
        stored = store.completion(request.key)
        if stored is not None:
            if plan.method != "generate":
                continue  # a letter is not asked for again
            first = read_kept(store, request.key, *stored)
            result = parse(
                first, question.grader, question.transcript, grounding=plan.style.defences.grounding
            )
            if not result.complaint:
                continue
            request = request.asked_again(Reask(first.text, result.complaint))
            if store.completion(request.key) is not None:
                continue
        if store.batches.holder(request.key) is None:
            yield request
