"""Requests out and answers in, as files: so that any model can be the judge, wherever it runs.

Both are the JSON Lines of OpenAI's Batch endpoint, which vLLM's ``run-batch`` reads and writes too:

    {"custom_id": KEY, "method": "POST", "url": "/v1/chat/completions", "body": {...}}
    {"custom_id": KEY, "response": {"status_code": 200, "body": {...}}, "error": null}

``custom_id`` is the request's key, so an answer finds its place in the store by itself, in whatever order it comes.
``judge.labelling.recordings`` reads the answers.
"""

from collections.abc import Iterator
from itertools import chain

import orjson

from judge.dialects import decode, openai_chat
from judge.errors import UsageError
from judge.labelling.dry_run import questions, unconnected
from judge.labelling.job import Options, plan
from judge.labelling.pipeline import Plan
from judge.parse import parse
from judge.request import Capabilities, Reask, Request
from judge.store import Store

URL = "/v1/chat/completions"


def pending(options: Options, store: Store) -> Iterator[bytes]:
    """Lines for all requests of a run that the store cannot answer yet.

    A stored answer that does not stand yields the re-ask in its place, as a live run would send it; so exporting,
    answering and importing once more completes a run.
    """
    if options.method != "generate":
        raise UsageError("only --method generate can be exported", found=options.method)
    provider = unconnected(options)
    chosen = plan(options, provider)
    written: set[str] = set()
    for request in _missing(options, chosen, store):
        if request.key not in written:
            written.add(request.key)
            yield line(request, provider.capabilities)


def line(request: Request, capabilities: Capabilities) -> bytes:
    """One line of a file of requests."""
    body = orjson.Fragment(openai_chat.encode(request, capabilities))
    fields = {"custom_id": request.key, "method": "POST", "url": URL, "body": body}
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def _missing(options: Options, chosen: Plan, store: Store) -> Iterator[Request]:
    for question in chain.from_iterable(questions(chosen, options.dataset)):
        request = question.request
        stored = store.completion(request.key)
        if stored is None:
            yield request
            continue
        first = decode(*stored)
        result = parse(first, question.grader, question.transcript, grounding=chosen.style.defences.grounding)
        again = request.asked_again(Reask(first.text, result.complaint))
        if result.complaint and store.completion(again.key) is None:
            yield again
