"""The words: how often they are wrong where nothing differs, and that they come where something does."""

import numpy as np
import pytest

from judge.comparison.pairing import Pair
from judge.comparison.verdict import assess, verdicts
from judge.grader.file import load
from judge.ratings import Item, Rating
from judge.stats.tables import Design
from tests.comparison.samples import colours

RIGHT, WRONG = Rating("red"), Rating("blue")


@pytest.fixture(scope="module")
def facet(tmp_path_factory):
    return load(colours(tmp_path_factory.mktemp("prompts")).path).facets["colour"]


def pair(facet, first, second, cluster=None):
    n = len(first)
    clusters = [f"c{k}" for k in (range(n) if cluster is None else cluster)]
    one, two = (tuple(RIGHT if hit else WRONG for hit in hits) for hits in (first, second))
    items = tuple(Item(f"t{k}", {}) for k in range(n))
    return Pair(facet, True, facet.vocabulary, items, (RIGHT,) * n, one, two, Design(clusters=clusters), 0)


def null_pair(facet, rng, clusters, size, shared):
    """Two judges that differ by chance alone: equal chances on each item, and errors that run together in a cluster."""
    n = clusters * size
    cluster = np.repeat(np.arange(clusters), size)
    hard = rng.normal(0, 1, n)
    hits = [
        hard + shared * rng.normal(0, 1, clusters)[cluster] + rng.normal(0, 1, n) > -0.8 for _ in range(2)
    ]
    return pair(facet, hits[0], hits[1], cluster)


def false_better(facet, times, clusters, size, shared, facets):
    """The share of null comparisons, each of so many facets, in which any facet is called better."""
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(times):
        tests = [assess(null_pair(facet, rng, clusters, size, shared)) for _ in range(facets)]
        wrong += any(found.word == "better" for found in verdicts(tests, [clusters * size] * facets))
    return wrong / times


@pytest.mark.parametrize(
    ("clusters", "size", "shared", "facets"), [(60, 1, 0.0, 1), (20, 4, 1.5, 1), (60, 1, 0.0, 5)]
)
def test_a_null_change_is_seldom_called_better(facet, clusters, size, shared, facets):
    assert false_better(facet, 200, clusters, size, shared, facets) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("shared", [0.0, 0.7, 1.5])
@pytest.mark.parametrize(("clusters", "size"), [(46, 1), (200, 1), (12, 4), (20, 4), (60, 3)])
@pytest.mark.parametrize("facets", [1, 4])
def test_of_a_thousand_null_changes_at_most_one_in_twenty_is_called_better(
    facet, clusters, size, shared, facets
):
    assert false_better(facet, 1000, clusters, size, shared, facets) <= 0.05


def test_items_of_one_cluster_are_not_taken_for_independent(facet):
    """Ten items newly right in two clusters say little; in ten clusters they say much."""
    first, second = [False] * 10 + [True] * 10, [True] * 20
    alone = assess(pair(facet, first, second))
    together = assess(pair(facet, first, second, [0] * 5 + [1] * 5 + list(range(2, 12))))
    assert alone.name == "exact McNemar"
    assert alone.p == pytest.approx(2 / 2**10)
    assert together.p == pytest.approx(0.5)
    assert [found.word for found in verdicts([alone, together], [20, 20])] == [
        "better",
        "no difference shown",
    ]


def test_a_real_improvement_is_called_better_and_the_way_back_worse(facet):
    worse, better = [False] * 12 + [True] * 28, [True] * 40
    (up,) = verdicts([assess(pair(facet, worse, better))], [40])
    (down,) = verdicts([assess(pair(facet, better, worse))], [40])
    assert (up.word, down.word) == ("better", "worse")
    assert up.text == "better: 12 of 40 items newly right, 0 newly wrong (p < 0.001, exact McNemar)"


def test_where_nothing_is_shown_the_number_that_would_show_it_is_said(facet):
    first, second = [False] * 7 + [True] * 93, [True] * 7 + [False] * 3 + [True] * 90
    found = assess(pair(facet, first, second))
    assert found.needed == 489  # Connor 1987, as in judge.stats.planning
    (verdict,) = verdicts([found], [100])
    assert verdict.word == "no difference shown"
    assert "about 489 items are needed to show one this size" in verdict.text
    assert assess(pair(facet, first, second), design_effect=2.0).needed == 978
    assert (assess(pair(facet, first, second), tests=4).needed or 0) > 489


def test_the_same_answers_and_as_many_one_way_as_the_other_are_said_in_words(facet):
    (same,) = verdicts([assess(pair(facet, [True] * 5, [True] * 5))], [5])
    assert same.text == "no difference shown: the two are right on the same items"
    (even,) = verdicts([assess(pair(facet, [True, False, True], [False, True, True]))], [3])
    assert even.text.endswith("as many one way as the other")


def test_weights_count(facet):
    made = pair(facet, [False] * 6 + [True] * 6, [True] * 12)
    weighted = Pair(
        facet,
        True,
        made.vocabulary,
        made.items,
        made.human,
        made.first,
        made.second,
        Design(weights=[1.0] * 6 + [9.0] * 6),
        0,
    )
    found = assess(weighted)
    assert found.name == "sign flips of whole clusters"
    assert found.difference == pytest.approx(6 / 60)
