"""``judge runs purge``: a run out of its folder and out of the store, so that no byte of it is left in either."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from judge.errors import UsageError
from judge.runs import STORE, Run
from judge.store import Store
from judge.store.purge import Holding, holding
from judge.store.purge import purge as purge_store


@dataclass(frozen=True)
class Found:
    """What there is of a run."""

    folder: Path | None
    """None where it was removed by hand."""
    labels: tuple[str, ...]
    """Files of labels by hand that lie in the folder."""
    store: Path | None
    holding: Holding

    @property
    def summary(self) -> str:
        """What a purge takes, in a line for each place."""
        lines = [f"folder: {self.folder}"] if self.folder else []
        if self.labels:
            lines.append(f"hand labels in it, which nothing can make again: {', '.join(self.labels)}")
        held = self.holding
        lines.append(
            f"store: {held.records} records, {held.completions} answers that no other run uses, {held.batches} batches"
            + (f", {held.under_way} of them under way" if held.under_way else "")
        )
        return "\n".join(lines)


def find(run: Run, *, force: bool = False) -> Found:
    """Raises UsageError where there is nothing of that name, or, without ``force``, where its batches are under way."""
    store = run.folder.parent / STORE
    held = Holding(0, 0, 0, 0)
    if store.exists():
        with Store(store):  # brings an older one to this format
            pass
        held = holding(store, run.name)
    folder = run.folder if run.folder.is_dir() else None
    if folder is None and not held:
        known = sorted(path.parent.name for path in run.folder.parent.glob("*/run.json"))
        raise UsageError(
            f"there is no run {run.name!r}",
            where=str(run.folder.parent),
            expected=f"one of {', '.join(known) or '(no runs here)'}",
            do="check the name and --runs-dir",
        )
    if held.under_way and not force:
        raise UsageError(
            "batches of this run are under way at the provider",
            found=f"{held.under_way}",
            do="wait for them or cancel them with `judge label ... --cancel`; --force gives their answers up",
        )
    labels = sorted(path.name for path in run.folder.glob("labels/*.jsonl"))
    return Found(folder, tuple(labels), store if store.exists() else None, held)


def purge(run: Run, found: Found) -> None:
    """Remove what was found. Raises UsageError where another process writes the run; StoreError.

    The store comes first: whoever is interrupted still sees the folder, and purges again.
    """
    with run.locked():
        if found.store:
            purge_store(found.store, run.name)
        shutil.rmtree(run.folder)
