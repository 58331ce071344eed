"""A run's manifest: written when it begins, held against what was there before, completed when it ends."""

import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from judge.billing import Bill
from judge.errors import StoreError, UsageError
from judge.labelling.asking import Purchases
from judge.labelling.dataset import Dataset
from judge.labelling.pipeline import Plan
from judge.pricing import price
from judge.request import Usage
from judge.runs import GraderNote, Manifest, Run, replacing, writing_a_run
from judge.store import Store

_PACKAGES = ("judge", "openai", "anthropic", "xllamacpp", "genai-prices", "pydantic", "jinja2")


def begin(dataset: Dataset, plan: Plan, run: Run) -> Manifest:
    """The manifest of this invocation, on top of an earlier one's. Raises UsageError where they do not go together."""
    sampling = plan.style.sampling
    manifest = Manifest(
        run=run.name,
        model=plan.style.model,
        method=plan.method,
        order=plan.style.order,
        schema_style=plan.style.schema,
        sampling={
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "reasoning_effort": sampling.reasoning_effort,
            **sampling.extra,
        },
        defences=asdict(plan.style.defences),
        samples=plan.samples,
        window_tokens=plan.window_tokens,
        graders={
            g.name: GraderNote(version=g.version, sha256=g.sha256, primary=g.primary, path=g.path.name)
            for g in plan.graders
        },
        dataset={
            "source": Path(dataset.source).name,
            "where": dataset.where,
            "limit": dataset.limit,
            "sample": dataset.sample,
            "seed": dataset.seed,
            **({"shard": str(dataset.shard)} if dataset.shard else {}),
        },
        versions=versions(),
        started=_now(),
    )
    before = run.manifest()
    return _continued(before, manifest) if before else manifest


def _continued(before: Manifest, now: Manifest) -> Manifest:
    changed = before.differences(now)
    if (shard := before.dataset.get("shard")) != now.dataset.get("shard"):
        changed.append(f"shard: {shard} here, {now.dataset.get('shard')} there")
    if changed:
        raise UsageError(
            f"run {now.run!r} was made with other settings, and one run holds labels of one kind only",
            found="; ".join(changed),
            do="choose another name with --run (what both ask alike is still bought only once)",
        )
    sources = [*before.dataset.get("sources", [before.dataset.get("source")]), now.dataset["source"]]
    return now.model_copy(
        update={
            "graders": before.graders | now.graders,
            "started": before.started,
            "dataset": now.dataset | {"sources": list(dict.fromkeys(filter(None, sources)))},
            "merged": before.merged,
        }
    )


def finish(
    manifest: Manifest, run: Run, store: Store, bought: Purchases, before: Manifest | None = None
) -> Manifest:
    """Write the run's records, table and manifest from what the store holds; returns the manifest.

    Args:
        manifest: With the status in which the invocation ended.
        run: Whose files they are.
        store: Where all of it is.
        bought: What this invocation bought.
        before: An earlier invocation's, whose files are on disk as they were written. Where nothing was added to the
            store since, they stay, and what they add up to is taken over.
    """
    priced = price(manifest.model, Usage()) is not None
    finished = manifest.model_copy(
        update={
            "ended": _now(),
            "bought": {
                "requests": bought.sent,
                "from_store": bought.from_store,
                "usage": bought.usage.model_dump(),
                "cost_usd": bought.cost if priced else None,
                "cost_usd_all_invocations": store.spent(run.name) if priced else None,
            },
            "models_echoed": dict(bought.models),
        }
    )
    if before is not None and not store.written and "fingerprint" in before.dataset:
        ours = ("counts", "usage", "cost_usd", "spending")
        kept = {name: before.dataset[name] for name in ("fingerprint", "transcripts")}
        update = {name: getattr(before, name) for name in ours} | {"dataset": finished.dataset | kept}
        finished = finished.model_copy(update=update)
        run.write_manifest(finished)
        return finished
    try:
        return write_files(finished, run, store)
    except StoreError:
        if manifest.status != "error":
            raise
        return (
            finished  # what stopped the run is on its way to the user, and is worth more than what followed
        )


def write_files(manifest: Manifest, run: Run, store: Store) -> Manifest:
    """Records and table of a run from the store, and the manifest with what they add up to; returns it."""
    # Arrow takes a while to load, and no request waits for this.
    from judge.export import row, write_rows

    primaries = {name: note.primary for name, note in manifest.graders.items()}
    totals = _Totals(primaries)

    def passing(file: BinaryIO) -> Iterator[dict[str, Any]]:
        """Rows for the table, of lines that are written and counted on the way."""
        for line in store.records(run.name):
            file.write(line)
            record = orjson.loads(line)
            made = row(record, primaries)
            totals.count(record, made)
            yield made

    with writing_a_run(), replacing(run.records_path) as file:
        write_rows(passing(file), run.parquet_path)
    fingerprint, transcripts = sha256(), 0
    for transcripts, (transcript_id, revision) in enumerate(store.transcripts(run.name), start=1):  # noqa: B007
        fingerprint.update(f"{transcript_id}\0{revision}\0".encode())
    dataset = manifest.dataset | {"fingerprint": fingerprint.hexdigest(), "transcripts": transcripts}
    finished = manifest.model_copy(
        update={
            "counts": {grader: dict(found) for grader, found in totals.counts.items()},
            "usage": totals.usage,
            "cost_usd": totals.cost,
            "spending": bill_of(store, manifest).as_data(),
            "dataset": dataset,
        }
    )
    run.write_manifest(finished)
    return finished


def bill_of(store: Store, manifest: Manifest) -> Bill:
    """What a run bought over all its invocations, and what the runs did that were merged into it within one store."""
    bill = Bill()
    for run in (manifest.run, *(part["run"] for part in manifest.merged if part["same_store"])):
        for model, way, usage, _ in store.purchases(run):
            bill.add(model, usage, batch=way == "batch")
    return bill


class _Totals:
    """Adds records up while they pass by on their way into the table.

    They come from the store as they were written there, and are not held against their types once more: that takes
    longer than all the rest.
    """

    def __init__(self, graders: Iterable[str]) -> None:
        self.counts: dict[str, dict[str, int]] = {name: defaultdict(int) for name in graders}
        self.tokens: Counter[str] = Counter()
        self.cost: float | None = 0.0

    @property
    def usage(self) -> Usage:
        return Usage(**self.tokens)

    def count(self, record: dict[str, Any], made: dict[str, Any]) -> None:
        """A record, as it stands in the store, and its row in the table."""
        self.counts[record["grader"]][
            made["label"] if made["failure"] is None else f"({made['failure']})"
        ] += 1
        for name, count in record["usage"].items():
            self.tokens[name] += count
        cost = record["cost_usd"]
        self.cost = None if self.cost is None or cost is None else self.cost + cost


def versions() -> dict[str, str]:
    """Of Python, of this package, and of what decides requests, answers and prices."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
