"""Requests out and answers in, as files: so that any model can be the judge, wherever it runs.

Both are the JSON Lines of OpenAI's Batch endpoint, which vLLM's ``run-batch`` reads and writes too:

    {"custom_id": KEY, "method": "POST", "url": "/v1/chat/completions", "body": {...}}
    {"custom_id": KEY, "response": {"status_code": 200, "body": {...}}, "error": null}

``custom_id`` is the request's key, so an answer finds its place in the store by itself, in whatever order it comes.
``judge.labelling.recordings`` reads the answers.
"""

from collections.abc import Iterator

import orjson

from judge.dialects import openai_chat
from judge.errors import UsageError
from judge.labelling.dry_run import unconnected
from judge.labelling.job import Options, plan
from judge.labelling.questions import missing, questions
from judge.request import Capabilities, Request
from judge.store import Store

URL = "/v1/chat/completions"


def pending(options: Options, store: Store) -> Iterator[bytes]:
    """Lines for all requests of a run that the store cannot answer yet.

    A stored answer that does not stand yields the re-ask in its place, as a live run would send it; so exporting,
    answering and importing once more completes a run. What is in a provider's batch that is under way is left out.
    """
    if options.method != "generate":
        raise UsageError("only --method generate can be exported", found=options.method)
    provider = unconnected(options)
    chosen = plan(options, provider)
    written: set[str] = set()
    for asked in questions(chosen, options.dataset):
        for request in missing(asked, store, chosen):
            if request.key not in written:
                written.add(request.key)
                yield line(request, provider.capabilities)


def line(request: Request, capabilities: Capabilities) -> bytes:
    """One line of a file of requests."""
    body = orjson.Fragment(openai_chat.encode(request, capabilities))
    fields = {"custom_id": request.key, "method": "POST", "url": URL, "body": body}
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)
