"""A few items of a set in which every label occurs, so that an edit shows its effect on rare labels too."""

import random
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from itertools import chain, zip_longest


def stratified(ids: Iterable[str], labels: Mapping[str, Hashable], size: int, seed: int = 0) -> list[str]:
    """So many ids, one of each label in turn and those without a label last; the same ones every time.

    >>> sorted(stratified(["a", "b", "c", "d"], {"a": "x", "b": "x", "c": "x", "d": "y"}, 2))[-1]
    'd'
    """
    rng = random.Random(seed)  # noqa: S311  (a sample, not a secret)
    groups: dict[Hashable, list[str]] = defaultdict(list)
    unlabelled = []
    for name in ids:
        if name in labels:
            groups[labels[name]].append(name)
        else:
            unlabelled.append(name)
    for group in (*groups.values(), unlabelled):
        rng.shuffle(group)
    rarest_first = sorted(groups.values(), key=len)
    in_turn = [name for name in chain.from_iterable(zip_longest(*rarest_first)) if name is not None]
    return [*in_turn, *unlabelled][:size]
