"""Inspect's evaluation logs, ``.eval`` and ``.json``, read by ``inspect_ai`` itself (the extra ``inspect``).

A sample is a transcript. Attachments are put back in their places. Where a log has several epochs, each is a transcript
of its own and its id ends in ``/epoch-2``. ``.eval`` files are read a sample at a time; ``.json`` files whole.
"""

import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from judge.errors import TranscriptError, UsageError
from judge.formats._chat import add_messages
from judge.formats._containers import Sample, Sight
from judge.formats._files import MAX_RECORD, too_large
from judge.formats._flatten import Flat
from judge.formats._record import explain, jsonable, located, merge
from judge.transcript import Transcript

_UNREAD = {"events", "store", "timelines"}


def recognises(sample: Sample) -> Sight:
    if sample.kind == "inspect":
        return Sight(yes=True, saw="an Inspect log")
    return Sight(yes=False, saw="no Inspect log")


def count(source: str) -> int | None:
    """The number of samples, where the log is an archive with a file for each; else None."""
    if not zipfile.is_zipfile(source):
        return None
    with zipfile.ZipFile(source) as archive:
        return sum(name.startswith("samples/") for name in archive.namelist())


def read(source: str) -> Iterator[Transcript | TranscriptError]:
    """The samples of a log, in its order; those of a run that was broken off as far as they were written."""
    try:
        from inspect_ai.log import read_eval_log
    except ImportError as error:
        raise UsageError(
            "reading Inspect logs needs inspect_ai",
            where=source,
            do="pip install '.[inspect]' in a checkout of judge",
        ) from error
    archive = zipfile.is_zipfile(source)
    if archive:
        _refuse_bombs(source)
    try:
        log = read_eval_log(source, header_only=archive, resolve_attachments=not archive)
    except Exception as error:
        raise TranscriptError(
            "the Inspect log cannot be read", where=source, found=_first_line(error)
        ) from error
    run = {
        "task": log.eval.task,
        "model": log.eval.model,
        "eval_id": log.eval.eval_id or None,
        "task_args": log.eval.task_args or None,
        "tags": log.eval.tags or None,
        **(log.eval.metadata or {}),
    }
    several = (log.eval.config.epochs or 1) > 1
    samples = _archived(source) if archive else iter(log.samples or ())
    for sample in samples:
        if isinstance(sample, TranscriptError):
            yield sample
            continue
        where = f"{source}: sample {sample.id} epoch {sample.epoch}"
        try:
            yield _transcript(sample, run, several=several)
        except TranscriptError as error:
            yield located(error, where)
        except ValidationError as error:
            yield TranscriptError("not a transcript", where=where, found=explain(error))


def _refuse_bombs(source: str) -> None:
    """A member that would unpack to more than a record may have. Raises TranscriptError."""
    try:
        with zipfile.ZipFile(source) as archive:
            largest = max(archive.infolist(), key=lambda member: member.file_size, default=None)
    except Exception as error:
        raise TranscriptError(
            "the Inspect log cannot be read", where=source, found=_first_line(error)
        ) from error
    if largest is not None and largest.file_size > MAX_RECORD:
        raise too_large("a part of this log unpacks to too much", f"{source}: {largest.filename}", MAX_RECORD)


def _archived(source: str) -> Iterator[Any]:
    from inspect_ai.log import read_eval_log_sample, read_eval_log_sample_summaries

    try:
        summaries = read_eval_log_sample_summaries(source)
    except Exception as error:
        raise TranscriptError(
            "the Inspect log cannot be read", where=source, found=_first_line(error)
        ) from error
    for summary in summaries:
        try:
            yield read_eval_log_sample(
                source, summary.id, summary.epoch, resolve_attachments="full", exclude_fields=_UNREAD
            )
        except Exception as error:  # noqa: BLE001  (likewise)
            where = f"{source}: sample {summary.id} epoch {summary.epoch}"
            yield TranscriptError("the sample cannot be read", where=where, found=_first_line(error))


def _transcript(sample: Any, run: Mapping[str, Any], *, several: bool) -> Transcript:
    flat = Flat()
    add_messages(flat, [message.model_dump(exclude_none=True) for message in sample.messages])
    facts = {
        **run,
        "epoch": sample.epoch,
        "target": sample.target,
        "scores": {name: score.value for name, score in (sample.scores or {}).items()} or None,
        "error": sample.error.message if sample.error else None,
        "limit": sample.limit.type if sample.limit else None,
        "sample_uuid": sample.uuid,
    }
    return Transcript(
        id=f"{sample.id}/epoch-{sample.epoch}" if several else str(sample.id),
        messages=flat.done(),
        metadata=jsonable(merge(facts, sample.metadata)),
    )


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__
