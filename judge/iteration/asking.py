"""A rubric put to a judge on a hand-labelled set: a run like any other, under a name that says what it was.

Such runs live in ``runs/.try/<set>/<grader>-<hash>-<model>-<settings>/`` and share the store of all runs, so what was asked
before, by ``judge label`` too, is not bought again. The same rubric, model and settings go on with the same run.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from judge.errors import UsageError
from judge.eval_sets import EvalSet
from judge.grader import Grader
from judge.grader.prompt import Order
from judge.labelling.dataset import Dataset
from judge.labelling.job import Options, Result, label
from judge.labelling.pipeline import Standing
from judge.providers.settings import Settings
from judge.records import Method
from judge.runs import STORE, Manifest, Run
from judge.store import Store
from judge.transcript import Transcript

FOLDER = ".try"
Display = Callable[[], AbstractContextManager[Callable[[Standing], None]]]
"""Opened around each run; what it yields is given the running pipeline."""


@contextmanager
def unseen() -> Iterator[Callable[[Standing], None]]:
    """No progress display."""
    yield lambda _: None


@dataclass
class Chosen(Dataset):
    """Those transcripts of a source that have one of these ids; all of them where ``ids`` is None."""

    ids: frozenset[str] | None = None

    def read(self) -> Iterator[tuple[int, Transcript]]:
        return (
            (position, transcript)
            for position, transcript in super().read()
            if self.ids is None or transcript.id in self.ids
        )

    def __len__(self) -> int:
        return sum(1 for _ in self.read())


@dataclass
class Purse:
    """A limit on money over several runs, in US dollars. ``limit`` is None where there is none."""

    limit: float | None = None
    spent: float = 0.0

    @property
    def left(self) -> float | None:
        return None if self.limit is None else max(self.limit - self.spent, 0.0)

    def pay(self, amount: float | None) -> None:
        self.spent += amount or 0.0


@dataclass
class Asking:
    """How rubrics are put to judges: the same for every version that is compared.

    Args:
        model: ``provider/name``.
        purse: What may be spent, over everything that is asked with it.
        sampling: Overrides, as ``judge label --set`` takes them.
        in_flight: Requests under way at once, at most.
        display: A progress display for each run.
    """

    model: str
    runs_dir: Path = Path("runs")
    purse: Purse = field(default_factory=Purse)
    method: Method = "generate"
    order: Order = "transcript-first"
    sampling: Mapping[str, Any] = field(default_factory=dict)
    in_flight: int | None = None
    patience: float = 600.0
    settings: Settings = field(default_factory=Settings.load)
    display: Display = unseen

    def folder(self, found: EvalSet) -> Path:
        """Where the runs on a set are; those on its test split are apart."""
        return self.runs_dir / FOLDER / found.name.replace("/", ".")

    def run_of(self, grader: Grader, found: EvalSet) -> Run:
        """The run of this version of the rubric with this model and these settings."""
        settings = [found.name, self.model, self.method, self.order, dict(self.sampling)]
        digest = sha256(orjson.dumps(settings, option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
        model = re.sub(r"[^A-Za-z0-9.-]+", "-", self.model.rpartition("/")[2])[:30].strip("-.")
        return Run(f"{grader.name[:40]}-{grader.sha256[:12]}-{model}-{digest}", self.folder(found))

    def ask(self, grader: Grader, found: EvalSet, ids: Collection[str] | None = None) -> Result:
        """Label the set, or these items of it, buying what was not asked before. Raises what ``labelling.job.label`` does.

        A result whose manifest says ``budget`` stopped at the purse.
        """
        run = self.run_of(grader, found)
        store = self.runs_dir / STORE
        options = Options(
            dataset=Chosen(str(found.transcripts_path), "own", ids=None if ids is None else frozenset(ids)),
            graders=(grader,),
            model=self.model,
            run=run.name,
            runs_dir=run.folder.parent,
            method=self.method,
            order=self.order,
            sampling=self.sampling,
            in_flight=self.in_flight,
            patience=self.patience,
            max_cost=self._limit(run, store),
            settings=self.settings,
            store=store,
        )
        with self.display() as watch:
            result = label(options, watch)
        self.purse.pay(result.manifest.bought.get("cost_usd"))
        return result

    def _limit(self, run: Run, store: Path) -> float | None:
        """A run's limit is over all its invocations, the purse's over what is asked now."""
        if self.purse.left is None:
            return None
        if run.manifest() is None or not store.exists():
            return self.purse.left
        with Store(store) as opened:
            return self.purse.left + opened.spent(run.name)


def dev(found: EvalSet, verb: str) -> EvalSet:
    """The set, unless it is a sealed split. Raises UsageError."""
    if found.sealed:
        raise UsageError(
            f"`judge {verb}` never opens a sealed test split",
            where=str(found.folder),
            do=f"name the set above it, {found.folder.parent}; `judge compare --test` looks at the split, and counts the looks",
        )
    return found


def manifests(folder: Path) -> Iterator[tuple[Run, Manifest]]:
    """The runs of a folder that can be read."""
    for path in sorted(folder.glob("*/run.json")):
        try:
            run = Run(path.parent.name, folder)
            manifest = run.manifest()
        except UsageError:
            continue
        if manifest is not None:
            yield run, manifest


def last_version(now: Run, grader: Grader, folder: Path) -> Run | None:
    """The run of the version of this rubric that was last tried before, with the same model and settings."""
    mine = now.manifest()
    others = [
        (run.manifest_path.stat().st_mtime_ns, run)
        for run, manifest in manifests(folder)
        if mine is not None
        and run.name != now.name
        and manifest.settings == mine.settings
        and grader.name in manifest.graders
        and run.records_path.exists()
    ]
    return max(others, key=lambda other: other[0])[1] if others else None
