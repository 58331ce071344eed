"""Cross-validation by cluster: what shares a scenario is never on both sides, and every label is on each where it can be."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from judge.errors import UsageError
from judge.ratings import Item


def folds(
    items: Sequence[Item], labels: Mapping[str, str], count: int, cluster_key: str, seed: int = 0
) -> list[list[str]]:
    """Item ids in so many parts of about equal size and mix of labels.

    Clusters are dealt out one by one, those with the rarest labels first, each to the part that has least of its labels.
    Raises UsageError where there are fewer clusters than parts.
    """
    clusters: dict[str, list[str]] = defaultdict(list)
    for item in items:
        clusters[str(item.metadata.get(cluster_key) or f"\0{item.id}")].append(item.id)
    if count < 2 or len(clusters) < count:  # noqa: PLR2004  (a part to learn from and one to test on)
        raise UsageError(
            "this set cannot be cut into that many parts",
            found=f"{len(clusters)} clusters, --folds {count}",
            expected="2 or more folds, and a cluster for each",
        )
    support = Counter(labels.values())
    order = list(clusters.values())
    random.Random(seed).shuffle(order)  # noqa: S311  (an order, not a secret)
    order.sort(key=lambda ids: min(support[labels[name]] for name in ids))
    parts: list[list[str]] = [[] for _ in range(count)]
    held: list[Counter[str]] = [Counter() for _ in range(count)]
    for ids in order:
        mine = Counter(labels[name] for name in ids)
        at = min(
            range(count), key=lambda k: (sum(held[k][label] * n for label, n in mine.items()), len(parts[k]))
        )
        parts[at] += ids
        held[at] += mine
    return parts
