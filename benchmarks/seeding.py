"""A run of many done records, without the time that a provider would take for it.

Transcripts are read and hashed, and rows and files written, by the product's own functions. So are the rows themselves
made, out of the loopback provider's answers, but only ten for each length of number: the transcripts of
``benchmarks.fixtures`` differ in a number, which is filled into the rows of the others. What comes out is held against
what the product makes, nine times for each length.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import islice
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.fixtures import MODEL
from judge.dialects import decode, openai_chat
from judge.formats import Sketch
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
from judge.transcript import Transcript
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
    """Rows of all transcripts. Of most they are filled into what the product made of one with a number as long."""
    molds: dict[int, _Mold] = {}
    for position, item in dataset.sketches():
        number = int(item.id.removeprefix("t"))
        size = (
            len(str(number)) if number else 0
        )  # with 0 the lines of a text are numbered from 0, and are shorter
        if size not in molds or number % 10 ** max(1, size - 1) == 1:  # nine of each length
            transcript = item if isinstance(item, Transcript) else item.transcript()
            bought, record = _product(chosen, provider, position, transcript)
            mold = molds.setdefault(size, _Mold(number, transcript, bought, record))
            mold.check(bought, record, mold.filled(position, number, transcript))
        yield from molds[size].filled(position, number, item)


def _product(
    chosen: Plan, provider: Provider, position: int, transcript: Transcript
) -> tuple[CompletionRow, RecordRow]:
    ((question,),) = questions(chosen, [(position, transcript)])
    bought, record = _answered(chosen, provider, position, question)
    assert isinstance(bought, CompletionRow)
    assert isinstance(record, RecordRow)
    return bought, record


class _Mold:
    """Rows that the product made, to be filled with what differs between transcripts whose numbers are equally long.

    Keys of requests are made up: the real one needs the request, and nothing looks for it where its record is there.
    """

    def __init__(self, number: int, transcript: Transcript, bought: CompletionRow, record: RecordRow) -> None:
        self._bought = bought
        self._record = record
        self._gaps = self._fillings(number, transcript, bought.key)

    def _fillings(self, number: int, item: Sketch | Transcript, key: str) -> list[bytes]:
        checkpoint = item.metadata["checkpoint"]
        facts = (f'"t{number}"', f"Task {number} is", f'"checkpoint":{checkpoint}', item.fingerprint, key)
        return [fact.encode() for fact in facts]

    def filled(
        self, position: int, number: int, item: Sketch | Transcript
    ) -> tuple[CompletionRow, RecordRow]:
        """The rows of another transcript."""
        key = sha256(f"{self._bought.key} {number}".encode()).hexdigest()
        body, record = self._bought.body, self._record.record
        for gap, filling in zip(self._gaps, self._fillings(number, item, key), strict=True):
            body, record = body.replace(gap, filling), record.replace(gap, filling)
        return (
            replace(self._bought, key=key, body=body),
            replace(
                self._record,
                transcript_id=item.id,
                position=position,
                fingerprint=item.revision,
                record=record,
            ),
        )

    def check(
        self, bought: CompletionRow, record: RecordRow, filled: tuple[CompletionRow, RecordRow]
    ) -> None:
        """Raise AssertionError where filled rows are not, but for the key and the time, what the product makes."""
        key = filled[0].key
        expected = replace(record, record=record.record.replace(bought.key.encode(), key.encode()))
        bodies = [orjson.loads(row.body) | {"created": 0} for row in (bought, filled[0])]
        assert filled[1] == expected
        assert bodies[0] == bodies[1]
        assert filled[0] == replace(bought, key=key, body=filled[0].body)


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
