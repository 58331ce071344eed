"""Graders that cannot read: what they learn from the labelled set, and what they must not."""

import numpy as np
import pytest

from judge.calibration import rules
from judge.stats.agreement import kappa
from judge.stats.tables import confusion

LABELS = np.arange(120) % 3
CLUSTERS = [f"c{n // 4}" for n in range(120)]


def texts(informative: bool, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    telling = ["crimson", "azure", "olive"]
    return [
        " ".join([*(f"w{k}" for k in rng.integers(0, 300, 25)), telling[label] if informative else "same"])
        for label in LABELS
    ]


def by_keywords(found, labels, folds):
    return rules.by_keywords(rules.words_of(found, folds), labels, int(labels.max()) + 1)


def by_bag(found, labels, folds):
    targets = np.eye(int(labels.max()) + 1)[labels]
    return rules.by_bag_of_words(rules.words_of(found, folds), targets).argmax(axis=1)


both = pytest.mark.parametrize("rule", [by_keywords, by_bag])


@both
def test_a_word_that_tells_is_found(rule):
    answers = rule(texts(informative=True), LABELS, rules.folds_of(CLUSTERS))
    found = kappa(confusion(LABELS, answers, 3)).value
    assert found is not None
    assert found > 0.7


@both
def test_where_nothing_tells_it_is_chance(rule):
    answers = rule(texts(informative=False), LABELS, rules.folds_of(CLUSTERS))
    found = kappa(confusion(LABELS, answers, 3)).value
    assert found is None or abs(found) < 0.25


@both
def test_no_rule_sees_the_cluster_that_it_answers_on(rule):
    """Each cluster has a word of its own and one label: whoever trains on it is right, whoever does not cannot be."""
    labels = np.repeat([0, 1], 40)
    clusters = [f"c{n // 10}" for n in range(80)]
    found = [f"only{c}" for c in clusters]
    assert np.mean(rule(found, labels, np.arange(80) % 10) == labels) == 1
    assert np.mean(rule(found, labels, rules.folds_of(clusters)) == labels) < 0.7


def test_a_large_set_is_learnt_from_in_part(monkeypatch):
    monkeypatch.setattr(rules, "MOST_TEXTS", 80)
    folds = rules.folds_of(CLUSTERS)
    assert rules.words_of(texts(informative=True), folds).answers.shape == (120, 80)
    answers = by_bag(texts(informative=True), LABELS, folds)
    assert np.mean(answers == LABELS) > 0.6


def test_folds_keep_clusters_whole_and_are_of_about_equal_size():
    folds = rules.folds_of([f"c{n // 7}" for n in range(210)])
    assert all(len(set(folds[7 * c : 7 * c + 7])) == 1 for c in range(30))
    assert np.bincount(folds).tolist() == [21] * 10
    assert set(rules.folds_of(["one"] * 5)) == {0}


def test_pairs_of_words_count_once_and_only_if_two_texts_have_them():
    found = rules.bags(["red door red door", "red door", "blue door"])
    assert found.shape == (3, 3 + 1)  # red, door, blue; "red door"
    assert found.toarray().max() == 1


@both
def test_one_fold_and_empty_texts_answer_with_the_most_common_label(rule):
    labels = np.array([0, 0, 0, 1])
    assert rule([""] * 4, labels, np.zeros(4, int)).tolist() == [0] * 4
    assert rule([""] * 4, labels, np.arange(4)).tolist() == [0] * 4
