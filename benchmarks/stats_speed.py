"""How fast the statistics are. Run: `python -m benchmarks.stats_speed`. Exits with 1 where the budget is broken.

Budget: 10,000 cluster-bootstrap replicates of kappa over 300 clusters and 5 labels in under 0.5 s.
"""

import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.results import Row, keep
from judge.stats.agreement import disagreement_weights, kappa, kappa_of
from judge.stats.alpha import alpha
from judge.stats.ceiling import human_ceiling
from judge.stats.paired import Trio, differences
from judge.stats.per_label import per_label
from judge.stats.resample import Settings, replicates
from judge.stats.tables import Design, confusion

BUDGET_SECONDS = 0.5
RNG = np.random.default_rng(0)
SETTINGS = Settings(replicates=10_000)


def ratings(items: int, raters: int, labels: int) -> np.ndarray:
    truth = RNG.integers(0, labels, items)
    return np.where(
        RNG.random((items, raters)) < 0.7, truth[:, None], RNG.integers(0, labels, (items, raters))
    )


def best_of_three(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> int:
    small, large = ratings(3000, 3, 5), ratings(100_000, 3, 5)
    design = Design(clusters=np.arange(3000) % 300)
    table = confusion(small[:, 0], small[:, 1], 5, design)
    big = confusion(large[:, 0], large[:, 1], 5)
    bare = partial(kappa_of, weights=disagreement_weights(5, "nominal"))
    trio = Trio(small[:, 0], small[:, 1], small[:, 2], 5)
    work: dict[str, Callable[[], object]] = {
        "10,000 replicates of kappa, 300 clusters, 5 labels": lambda: replicates(table, bare, SETTINGS),
        "kappa with its interval, the same": lambda: kappa(table, settings=SETTINGS),
        "kappa with its interval, 100,000 items": lambda: kappa(big, settings=SETTINGS),
        "precision, recall, F1 of 5 labels": lambda: per_label(table, SETTINGS),
        "ordinal alpha, 3 raters, 300 clusters": lambda: alpha(
            small, 5, "ordinal", design=design, settings=SETTINGS
        ),
        "human ceiling, 2 humans, 300 clusters": lambda: human_ceiling(
            small[:, 0], small[:, 1:], 5, design=design, settings=SETTINGS
        ),
        "all paired differences, 300 clusters": lambda: differences(trio, design=design, settings=SETTINGS),
    }
    seconds = {name: best_of_three(run) for name, run in work.items()}
    for name, taken in seconds.items():
        print(f"{taken:8.3f} s  {name}")
    name, taken = next(iter(seconds.items()))
    keep("stats_speed", {"seconds": seconds}, [Row(name, f"{taken:.2f} s", f"at most {BUDGET_SECONDS} s")])
    return int(taken > BUDGET_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
