"""A run of many done records, without the time that a provider would take for it.

Transcripts are read, rendered and hashed, answers decoded, read and grounded, and rows and files written, all by the
product's own functions: only the network and the event loop are left out. The answers are the loopback provider's.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.fixtures import MODEL
from judge.dialects import decode, openai_chat
from judge.labelling.asking import Answered, Purchases
from judge.labelling.assembling import Source, Trail, assemble
from judge.labelling.bookkeeping import begin, finish
from judge.labelling.dataset import Dataset
from judge.labelling.dry_run import unconnected
from judge.labelling.job import Options, plan
from judge.labelling.pipeline import Plan
from judge.labelling.questions import Question, questions
from judge.parse import parse
from judge.pricing import price
from judge.records import Failure, to_json_line
from judge.request import Provider
from judge.runs import Run
from judge.store import CompletionRow, RecordRow, Row, Store
from tests.loopback import Asked
from tests.loopback.openai_wire import answer, asked
from tests.loopback.prefix_cache import Lookup

_GROUP = 5000
_CLAIM = re.compile(r"Task \d+ is done\.")


def claimed(question: Asked) -> str:
    """The answer of a judge that takes the transcripts of ``benchmarks.fixtures`` at their word, and quotes it."""
    found = _CLAIM.search(question.text)
    assert found
    evidence = [{"message": "M3", "quote": found[0], "supports": ["done"]}]
    labels = [{"facet": "done", "labels": ["claimed"]}]
    rationale = "The assistant says in so many words that what the user asked for is finished. " * 4
    return orjson.dumps({"rationale": rationale, "evidence": evidence, "labels": labels}).decode()


def seed(folder: Path, source: str, run_name: str, done: int) -> None:
    """Label the first ``done`` transcripts of ``folder/source`` with ``folder/done.jinja``, as the run ``run_name``."""
    dataset = Dataset(str(folder / source), limit=done)
    options = Options(dataset, (str(folder / "done.jinja"),), MODEL, run_name, runs_dir=folder / "runs")
    provider = unconnected(options)
    chosen = plan(options, provider)
    run = Run(run_name, folder / "runs")
    with run.locked(), Store(options.store_path) as store:
        manifest = begin(dataset, chosen, run)
        run.write_manifest(manifest)
        for grader in chosen.graders:
            run.write_grader(grader)
        rows = _rows(chosen, provider, dataset)
        while group := list(islice(rows, _GROUP)):
            store.write(group)
        # It stands where one was killed at the end, with everything stored.
        finish(manifest.model_copy(update={"status": "complete"}), run, store, Purchases())


def _rows(chosen: Plan, provider: Provider, dataset: Dataset) -> Iterator[Row]:
    for position, questioned in enumerate(questions(chosen, dataset)):
        for question in questioned:
            yield from _answered(chosen, provider, position, question)


def _answered(chosen: Plan, provider: Provider, position: int, question: Question) -> Iterator[Row]:
    """What one purchase leaves in the store: the answer, and the record that is read from it."""
    request, transcript, grader = question.request, question.transcript, question.grader
    body = orjson.loads(openai_chat.encode(request, provider.capabilities))
    raw = answer(body, claimed(asked(body)), Lookup(), "")
    completion = decode(openai_chat.NAME, raw)
    cost = price(request.model, completion.usage) or 0.0
    yield CompletionRow(request.key, request.model, openai_chat.NAME, raw, chosen.run, cost, completion.usage)
    trail = Trail()
    trail.add(request, Answered(completion, bought=True))
    source = Source(transcript, grader, 0, chosen.style.model, chosen.method)
    record = assemble(source, [question.window], [parse(completion, grader, transcript)], trail)
    assert not isinstance(record, Failure), record
    yield RecordRow(
        run=chosen.run,
        transcript_id=transcript.id,
        grader=grader.name,
        sample=0,
        position=position,
        rank=0,
        fingerprint=transcript.revision,
        status="ok",
        record=to_json_line(record),
    )


def as_parquet(jsonl: Path) -> Path:
    """The same transcripts as a Parquet table, in row groups of 10,000 as writers of large tables make them."""
    path = jsonl.with_suffix(".parquet")
    writer: pq.ParquetWriter | None = None
    with jsonl.open("rb") as file:
        while lines := list(islice(file, 10_000)):
            table = pa.Table.from_pylist([orjson.loads(line) for line in lines])
            writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table)
    assert writer
    writer.close()
    return path
