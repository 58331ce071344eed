"""The progress display of ``judge label``: a line that is alive on a terminal, a line now and then elsewhere."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from judge.cli.terminal import clean
from judge.labelling.pipeline import Standing

NOTE_SECONDS = 5.0
LOG_EVERY = 15.0
"""Seconds between lines where stderr is no terminal."""


@contextmanager
def shown(*, quiet: bool) -> Iterator[Callable[[Standing], None]]:
    """Yields what takes the running pipeline and shows it until the block ends."""
    console = Console(stderr=True)
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def watch(labelling: Standing) -> None:
        follow = _live if console.is_terminal else _log
        thread = threading.Thread(target=follow, args=(labelling, console, stop), daemon=True)
        threads.append(thread)
        thread.start()

    try:
        yield (lambda _: None) if quiet else watch
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _live(labelling: Standing, console: Console, stop: threading.Event) -> None:
    begun = time.monotonic()
    with Live(console=console, refresh_per_second=5, get_renderable=lambda: _table(labelling, begun)):
        stop.wait()


def _log(labelling: Standing, console: Console, stop: threading.Event) -> None:
    begun = time.monotonic()
    while not stop.wait(LOG_EVERY):
        console.print(_words(labelling, begun), highlight=False, markup=False, soft_wrap=True)
    console.print(_words(labelling, begun), highlight=False, markup=False, soft_wrap=True)


def _table(labelling: Standing, begun: float) -> Table:
    progress = labelling.progress
    grid = Table.grid(padding=(0, 1))
    total = progress.total
    bar = ProgressBar(
        total=total or 1, completed=progress.done if total else 0, pulse=total is None, width=30
    )
    grid.add_row(bar, Text(_position(labelling, begun)))
    rows = Table.grid()
    rows.add_row(grid)
    rows.add_row(Text(_money(labelling), style="dim"))
    if note := _note(labelling):
        rows.add_row(Text(note, style="yellow"))
    return rows


def _words(labelling: Standing, begun: float) -> str:
    return "  ".join(
        part for part in (_position(labelling, begun), _money(labelling), _note(labelling)) if part
    )


def _position(labelling: Standing, begun: float) -> str:
    progress = labelling.progress
    fresh = progress.made.total()
    elapsed = time.monotonic() - begun
    parts = [f"{progress.done}/{progress.total if progress.total is not None else '?'}"]
    if progress.total and fresh:
        left = (progress.total - progress.done) * elapsed / fresh
        parts.append(f"{_duration(left)} left")
    parts.append(f"{progress.refused} refused")
    parts.append(f"{progress.failures - progress.refused} failed")
    return "  ".join(parts)


def _money(labelling: Standing) -> str:
    bought = labelling.purchases
    limit = f" of ${labelling.budget.limit:.2f}" if labelling.budget.limit is not None else ""
    tokens = f"tokens in {bought.usage.input:,} (cached {bought.usage.cached:,}) out {bought.usage.output:,}"
    return f"{tokens}  ${bought.cost:.4f}{limit}  {bought.sent} bought, {bought.from_store} from the store"


def _note(labelling: Standing) -> str:
    """What the pipeline has to say. Providers' words may be in it."""
    said = time.monotonic() - labelling.progress.noted_at < NOTE_SECONDS or labelling.end != "complete"
    note = clean(labelling.progress.note) if said else ""
    pause = labelling.gate.paused_until - time.monotonic()
    if pause > 1:
        return f"the provider asks everybody to wait: {_duration(pause)}  {note}"
    return note


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
