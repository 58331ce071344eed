"""What the verbs print: tables for people, JSON for programs. Text from transcripts and models is never markup."""

import json as jsonlib
import re
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from judge.cli import bills
from judge.cli.terminal import clean
from judge.grader.windows import Window
from judge.labelling.dry_run import DryRun
from judge.labelling.job import Result
from judge.records import Failure
from judge.request import Request
from judge.runs import Manifest, Run

BELOW_USE = (
    "This model is far too small to judge: its labels are at the level of chance. It is here so that the pipeline can be "
    "tried without a key. Measure any judge against hand labels before you believe it."
)


def dump(data: Any, indent: int | None = 1) -> None:
    """JSON on stdout. Control and format characters are escaped, also those that JSON itself would let pass."""
    text = jsonlib.dumps(data, indent=indent, ensure_ascii=False, default=str)
    print("".join(c if c == "\n" or c.isprintable() else jsonlib.dumps(c)[1:-1] for c in text))


def outcomes(counts: Mapping[str, Mapping[str, int]], title: str) -> Table:
    """Outcomes of each grader: labels first, then failures, in brackets."""
    table = Table(title=Text(clean(title)), title_justify="left")
    for heading in ("grader", "outcome"):
        table.add_column(heading)
    table.add_column("records", justify="right")
    table.add_column("share", justify="right")
    for grader, found in counts.items():
        total = sum(found.values())
        for number, (what, n) in enumerate(
            sorted(found.items(), key=lambda item: (item[0].startswith("("), -item[1]))
        ):
            style = "yellow" if what.startswith("(") else ""
            name = Text(clean(grader) if number == 0 else "")
            table.add_row(name, Text(clean(what), style=style), str(n), f"{n / total:.0%}")
        table.add_section()
    return table


def result(made: Result, *, as_json: bool) -> None:
    """How a run ended. With ``--json`` one object on stdout; else a table there and the rest on stderr."""
    manifest, run = made.manifest, made.run
    files = {"records": run.records_path, "table": run.parquet_path, "manifest": run.manifest_path}
    if as_json:
        dump({**manifest.model_dump(mode="json"), "files": {name: str(path) for name, path in files.items()}})
        return
    people = Console(stderr=True, highlight=False)
    Console(highlight=False).print(outcomes(manifest.counts, f"run {run.name}, judge {manifest.model}"))
    people.print(_ending(made))
    if manifest.because:
        people.print(Text(clean(f"the reason: {manifest.because}")))
    if line := bills.spending(manifest.spending):
        people.print(line)
    if len(sources := manifest.dataset.get("sources", [])) > 1:
        people.print(Text(clean(f"this run holds records of {len(sources)} sources: {', '.join(sources)}")))
    if made.failures:
        _explain(made, people)
    _warn(manifest, people)
    if manifest.model.startswith("local/smollm2"):
        people.print(Text(BELOW_USE, style="yellow"))
    for name, path in files.items():
        people.print(Text(clean(f"{name:9} {path}")))


def _explain(made: Result, people: Console) -> None:
    """Why records failed, and what the same command would do: answers stand, and what was not served is asked again."""
    people.print(Text(reasons(failures(made.run))))
    people.print(_what_next(made.manifest))


def _warn(manifest: Manifest, people: Console) -> None:
    if others := _other_models(manifest):
        people.print(Text(clean(others), style="yellow"))
    if manifest.skipped:
        people.print(f"{len(manifest.skipped)} records of the source could not be read and were left out:")
        for error in manifest.skipped[:5]:
            people.print(Text(clean(f"  {error}")))


def _what_next(manifest: Manifest) -> str:
    again = sum(found.get("(provider)", 0) for found in manifest.counts.values())
    if again == 0:
        return "these are answers, and kept: the same command does not ask again"
    return f"the same command asks again for the {again} that the provider did not serve; other failures are answers, and kept"


def _other_models(manifest: Manifest) -> str:
    """A warning where answers were bought that name another model than the one that was asked."""
    asked = manifest.model.partition("/")[2].partition(" ")[0].lower()
    # Dated snapshots, and gateways that put a vendor in front, have the name within theirs.
    others = {name: n for name, n in manifest.models_echoed.items() if name and asked not in name.lower()}
    if not others or manifest.model.startswith(("local", "replay/")):
        return ""
    named = ", ".join(f"{name!r} ({n})" for name, n in others.items())
    return (
        f"other models answered than the one that was asked ({asked!r}): {named}. Their labels stand in the records under "
        "the name that was asked; do not use them unless this is the same model by another name"
    )


_KEY = re.compile(r"\b[0-9a-f]{12,64}\b")
"""A request's key, which differs between failures of one kind."""


def failures(run: Run, most: int = 5) -> list[tuple[str, int]]:
    """The most common reasons why records of a run failed, and how many did."""
    return Counter(why(record) for record in run.records() if isinstance(record, Failure)).most_common(most)


def why(record: Failure) -> str:
    """The kind of a failure, and what was said of it, without what is its own."""
    return f"{record.kind}: {textwrap.shorten(_KEY.sub('…', record.detail), 300, placeholder=' …')}"


def reasons(found: Sequence[tuple[str, int]]) -> str:
    return clean(
        "why records failed, the most common first:\n" + "\n".join(f"  {n:5}  {r}" for r, n in found)
    )


def _ending(made: Result) -> str:
    manifest = made.manifest
    bought = manifest.bought
    cost = "price unknown" if bought["cost_usd"] is None else f"${bought['cost_usd']:.4f}"
    spent = f"{bought['requests']} requests bought ({cost})" if bought["requests"] else "nothing bought"
    paid = f"{spent}, {bought['from_store']} answers from the store, {made.seconds:.0f} s"
    words = {
        "complete": "complete",
        "budget": "stopped by --max-cost; a higher one goes on from here",
        "interrupted": "interrupted; the same command goes on from here",
        "provider": "stopped: the provider stays away; the same command goes on from here",
        "waiting": "not complete: batches are under way; `judge label --batch` with the same options waits for them",
        "cancelled": "not complete: batches were cancelled; the same command begins again with what is missing",
    }
    failed = f", {made.failures} failure{'s' * (made.failures != 1)}" if made.failures else ""
    return f"{words[manifest.status]}{failed}. {paid}"


def estimate(found: DryRun, *, as_json: bool) -> None:
    """What a run would do and cost. With ``--json`` the first request is in it too."""
    if as_json:
        data = {key: value for key, value in vars(found).items() if key not in ("first", "forecast")}
        first = request_as_data(found.first) if found.first else None
        dump({**data, **bills.forecast_as_data(found.forecast), "first_request": first})
        return
    people = Console(stderr=True, highlight=False)
    people.print(
        f"{found.transcripts} transcripts, {found.requests} requests, {found.stored} of them answered already"
    )
    if found.cut:
        people.print(f"{found.cut} transcripts are cut into windows to fit the model")
    people.print(bills.ways(found.forecast))
    for warning in bills.warnings(found.forecast):
        people.print(Text(clean(warning)))
    people.print("nothing was sent. `judge show GRADER --transcript FILE` shows a request in full")


def request_as_data(request: Request) -> dict[str, Any]:
    return {
        "key": request.key,
        "model": request.model,
        "system": request.system,
        "user": [block.text for block in request.blocks],
        "schema": request.schema,
        "sampling": asdict(request.sampling),
        "choices": request.choices,
        "sample": request.sample,
    }


def show_request(request: Request, window: Window | None = None) -> None:
    """Exactly the text that would be sent, on stdout; what it is, on stderr."""
    people = Console(stderr=True, highlight=False)
    part = f" (window {window.index} of {window.count})" if window and window.count > 1 else ""
    people.rule(Text(clean(f"request {request.key[:12]} to {request.model}{part}: system")))
    print(clean(request.system), flush=True)  # both may go into one pipe, and the heads are written at once
    for number, block in enumerate(request.blocks, start=1):
        people.rule(f"user, part {number}{' (cache up to here)' if block.breakpoint else ''}")
        print(clean(block.text), flush=True)
    people.rule("end")


def summary(manifest: Manifest) -> tuple[str, ...]:
    """A run in a line of cells: its name, how it ended, how many records, who judged, by which graders."""
    total = sum(sum(found.values()) for found in manifest.counts.values())
    cells = (manifest.run, manifest.status, f"{total} records", manifest.model, ", ".join(manifest.graders))
    return tuple(map(clean, cells))
