"""Graders that cannot read: the most common label, keywords, and a bag of words. What does not beat them has not read either.

Each is derived from the labelled set alone, for any grader and without a list made by hand, and cross-validated by whole
clusters, so that no rule has seen a transcript of the scenario that it answers on. They see the words of those roles whose
words may be evidence for the facet. A multi-label facet is one yes/no question for each label.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, sparse  # type: ignore[import-untyped]  # scipy ships no types

from judge.grader import Facet
from judge.stats.tables import FloatArray, IntArray, codes_of
from judge.transcript import Role, Transcript

FOLDS = 10
WORDS_OF_A_LABEL = 10
RIDGE = 0.1
MOST_TEXTS = 1500
"""From so many texts the bag of words learns at most; the cost grows with the cube."""

_WORD = re.compile(r"[^\W\d_](?:[\w'’-]*\w)?")

Bags = Any  # a sparse array, for which scipy ships no types
"""Which term occurs in which text: (n_texts, n_terms), ones."""


@dataclass(frozen=True, eq=False)
class Words:
    """Texts as bags, in folds of whole clusters, and what a bag of words makes of each text.

    ``bags``: (n_texts, n_terms). ``folds``: (n_texts,). ``learnt``: (m,), the texts to learn from. ``answers``: (n_texts,
    m), from what those hold to the answer on each text, 0 for those of its own fold.
    """

    bags: Bags
    folds: IntArray
    learnt: IntArray
    answers: FloatArray


class Texts:
    """The words that may be evidence for a facet, counted once for all facets that look at the same roles and items."""

    def __init__(self, transcripts: Mapping[str, Transcript]) -> None:
        self._transcripts = transcripts
        self._known: dict[tuple[tuple[Role, ...], tuple[str, ...]], Words] = {}

    def words(self, ids: Sequence[str], clusters: Sequence[str], facet: Facet) -> Words | None:
        """The words of these transcripts, in this order; None where the text of one is not at hand."""
        if not set(ids) <= set(self._transcripts):
            return None
        key = (facet.evidence_from, tuple(ids))
        if key not in self._known:
            texts = [_text(self._transcripts[name], facet) for name in ids]
            self._known[key] = words_of(texts, folds_of(clusters))
        return self._known[key]


def _text(transcript: Transcript, facet: Facet) -> str:
    return "\n".join(m.text for m in transcript.messages if m.role in facet.evidence_from)


def words_of(texts: Sequence[str], folds: IntArray) -> Words:
    """Count the words of some texts, and learn from at most ``MOST_TEXTS`` of them, evenly spread, for each fold.

    Ridge regression in the dual: K_ot (K_tt + r I)^-1, K cosines of tf-idf, t to learn from, o to be answered. It does not
    depend on the labels, so that one serves all facets. Source: Hastie, Tibshirani & Friedman 2009, sections 3.4.1, 18.3.5.
    """
    counts = bags(texts)
    learnt = np.unique(np.linspace(0, len(texts) - 1, min(len(texts), MOST_TEXTS)).astype(np.int64))
    scaled = _tf_idf(counts)
    alike = np.asarray((scaled @ scaled[learnt].T).toarray())
    answers = np.zeros_like(alike)
    for fold in np.unique(folds):
        own, use = folds == fold, folds[learnt] != fold
        if use.any():
            factor = linalg.cho_factor(alike[learnt[use]][:, use] + RIDGE * np.eye(int(use.sum())))
            answers[np.ix_(own, use)] = linalg.cho_solve(factor, alike[np.ix_(own, use)].T).T
    return Words(counts, folds, learnt, answers)


def bags(texts: Sequence[str]) -> Bags:
    """Which words, and which pairs of neighbours that two texts or more have, occur in each text: (n_texts, n_terms) ones."""
    place: dict[str, int] = {}
    found = [
        np.array([place.setdefault(w, len(place)) for w in _WORD.findall(text.lower())], dtype=np.int64)
        for text in texts
    ]
    words = _occurrences([np.unique(text) for text in found], at_least=1)
    pairs = _occurrences([np.unique(text[:-1] * len(place) + text[1:]) for text in found], at_least=2)
    return sparse.hstack([words, pairs], format="csr")


def _occurrences(terms: Sequence[IntArray], at_least: int) -> Bags:
    """Ones for the terms of each text, as far as so many texts have them: (n_texts, n_terms)."""
    row = np.repeat(np.arange(len(terms)), [len(own) for own in terms])
    every = np.concatenate(terms) if terms else np.zeros(0, dtype=np.int64)
    _, column, times = np.unique(every, return_inverse=True, return_counts=True)
    shared = times >= at_least
    kept = shared[column]
    column = (np.cumsum(shared) - 1)[column[kept]]
    return sparse.csr_array(
        (np.ones(len(column)), (row[kept], column)), shape=(len(terms), int(shared.sum()))
    )


def _tf_idf(counts: Bags) -> Bags:
    """Rows weighted by the logarithm of how rare a term is, and brought to length 1."""
    idf = np.log((1 + counts.shape[0]) / (1 + np.asarray(counts.sum(axis=0)).reshape(-1))) + 1
    weighted = sparse.csr_array(counts.multiply(idf))
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).reshape(-1))
    return sparse.csr_array(sparse.diags_array(1 / np.where(length > 0, length, 1)) @ weighted)


def folds_of(clusters: Sequence[str]) -> IntArray:
    """The fold of each item, whole clusters together, at most ten of about equal size: (n_items,)."""
    cluster = codes_of(list(clusters))
    sizes = np.bincount(cluster)
    fold_of, load = np.zeros(len(sizes), dtype=np.int64), np.zeros(min(FOLDS, len(sizes)))
    for at in np.argsort(-sizes, kind="stable"):  # the largest first, each into the emptiest fold
        fold_of[at] = load.argmin()
        load[fold_of[at]] += sizes[at]
    return np.asarray(fold_of[cluster])


def by_bag_of_words(words: Words, targets: FloatArray) -> FloatArray:
    """Ridge regression of each target on the words, each text answered by a rule that was made from the other folds.

    ``targets``: (n_texts, k) of 0 and 1; returns as many answers, somewhere about them.
    """
    answers = np.tile(targets.mean(axis=0), (len(targets), 1))
    for fold in np.unique(words.folds):
        own, use = words.folds == fold, words.folds[words.learnt] != fold
        if use.any():
            truth = targets[words.learnt[use]]
            mean = truth.mean(axis=0)
            answers[own] = words.answers[np.ix_(own, use)] @ (truth - mean) + mean
    return answers


def by_keywords(words: Words, labels: IntArray, size: int) -> IntArray:
    """The label whose ten most telling terms weigh most in a text, the terms chosen in the other folds: (n_texts,) codes.

    A term tells of a label by the z score of its log odds there against the other labels, half a text added to every count,
    and weighs as much. Where none occurs the answer is the most common label. Source: Monroe, Colaresi & Quinn 2008,
    doi:10.1093/pan/mpn018.
    """
    answers = np.full(len(labels), int(np.bincount(labels, minlength=size).argmax()), dtype=np.int64)
    for fold in np.unique(words.folds):
        own = words.folds == fold
        if own.all():
            continue
        texts, held = _presence(words.bags[~own], labels[~own], size)
        votes = np.asarray(words.bags[own] @ _telling_most(texts, held).T)
        answers[own] = np.where(votes.max(axis=1) > 0, votes.argmax(axis=1), int(texts.argmax()))
    return answers


def _presence(counts: Bags, labels: IntArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Texts of each label, (size,), and how many of them hold each term, (size, n_terms)."""
    member = sparse.csr_array(
        (np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(size, len(labels))
    )
    return np.bincount(labels, minlength=size).astype(np.float64), np.asarray((member @ counts).toarray())


def _telling(texts: FloatArray, held: FloatArray) -> FloatArray:
    """Z score of each term's log odds in the texts of a label against all others, (size, n_terms)."""
    inside, outside = held + 0.5, held.sum(axis=0) - held + 0.5
    without, beyond = texts[:, None] + 1 - inside, (texts.sum() - texts)[:, None] + 1 - outside
    odds = np.log(inside * beyond / (without * outside))
    return np.asarray(odds / np.sqrt(1 / inside + 1 / without + 1 / outside + 1 / beyond))


def _telling_most(texts: FloatArray, held: FloatArray) -> FloatArray:
    """The scores of the ten most telling terms of each label that occur with it, 0 elsewhere: (size, n_terms)."""
    score = _telling(texts, held)
    weights = np.zeros_like(score)
    for label in np.flatnonzero(texts):
        top = np.argsort(-score[label], kind="stable")[:WORDS_OF_A_LABEL]
        weights[label, top] = np.where(held[label, top] > 0, np.maximum(score[label, top], 0), 0)
    return weights
