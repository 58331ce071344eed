"""Why a number is missing, or weaker than it looks: one code and one sentence for each reason.

A warning of an ``Estimate`` is ``code: words``. Programs match the code, people read the words. This table is the only
place where the codes are defined; ``docs/statistics.md`` lists them, and a test holds the two together.
"""

REASONS: dict[str, str] = {
    "no-items": "there is nothing to count",
    "one-label-only": "all raters used one and the same label, so chance agreement is 1 and the coefficient is 0/0",
    "no-pairs": "no item has two ratings",
    "no-such-label": "the label never occurs, so the denominator is 0",
    "no-disagreement": "no disagreement was seen; the interval comes from an exact bound on the agreement instead",
    "at-the-limit": "the estimate lies on the edge of its range; the interval comes from an exact binomial bound",
    "few-clusters": "fewer than 10 clusters: the interval is rough",
    "one-cluster": "one cluster has no replication: nothing can be said about the spread",
    "few-minority": "fewer than 10 items (20 where raters are pooled) lie outside the most common label: no interval that covers can be given",
    "few-disagreements": "fewer than 5 disagreements carry the spread: the interval is rough",
    "no-spread": "resampling shows no spread, or the coefficient is undefined without one of the clusters: no interval",
    "undefined-replicates": "the coefficient is undefined in some resamples, which were left out",
    "strata-cross-clusters": "strata cut through clusters, so the resampling ignores them; the interval is wider than needed",
    "collapsed-strata": "strata with a single cluster were merged for the interval",
    "unknown-selection": "how the labelled items were chosen is not known: the numbers describe this sample only",
    "unequal-weights": "weights differ so much that fewer than half of the items count effectively",
    "unseen-misses": "the weights make one disagreement that was not drawn count like many items: the interval was widened for it",
    "not-blind": "some human labels were given in sight of the judge's answer",
    "one-human": "one annotator only: there is no ceiling to compare with",
    "few-annotators": "fewer than 3 annotators: the alternative annotator test does not apply",
    "few-items": "fewer than 30 items for an annotator: the test is refused there",
    "few-positives": "too few positives: the estimate would not cover at its stated level",
    "few-negatives": "too few negatives were labelled",
    "no-positives": "no positive was labelled, so sensitivity is unknown",
    "no-negatives": "no negative was labelled, so specificity is unknown",
    "weak-judge": "the lower limit of sensitivity + specificity - 1 is at most 0.1: dividing by it is meaningless",
    "zero-hits": "nothing was confirmed: there is an upper bound and no estimate",
    "no-audit": "no unflagged item was checked: the ceiling rests on the sensitivity alone",
    "audit-empty": "the audit of unflagged items found nothing: floor and ceiling are given instead of an estimate",
    "audit-clear": "the audit of unflagged items found nothing, so the misses are taken from the sensitivity",
    "audit-contradicts": "the audit found more misses than the sensitivity from elsewhere allows: it does not hold here, and is not used",
    "unclipped": "the estimate lies outside [0, 1] and is shown as it is",
    "sensitivity-planted": "sensitivity comes from planted or written positives only, which are usually easier than natural ones",
    "sensitivity-assumed": "sensitivity was assumed, not measured",
    "sensitivity-shared": "one sensitivity serves both groups: a lower one in the second would look like a reduction",
    "rare": "below 1 %: the confirmed rate over sensitivity is used, because estimates that subtract false positives fail there",
    "random-sample": "the labelled items are a random sample of the target: no assumption about the judge is needed",
    "stratified-sample": "unflagged items were audited with hits found: the strata are weighted together",
    "transported": "sensitivity and specificity are carried over from another sample and must hold here",
    "few-discordant": "fewer than 10 discordant pairs: only a large difference could show",
    "no-discordant": "the two never differ in correctness: nothing to test",
    "invalid-rate": "the upper limit of the share of invalid answers is above 2 %",
    "anchor-small": "the anchor set has fewer than 100 items or lacks a class: drift of this size cannot be seen",
    "noise-floor": "the judge differs from itself as much as from its former version",
    "few-repeats": "fewer than 3 repeats for an item: consistency is rough",
    "binned": "more than 20 distinct confidences: they were grouped into ten of equal size",
    "sparse-groups": "a group has fewer than 10 items of the class: a difference could hide there",
    "no-overlap": "no stratum holds both groups: they cannot be compared within strata",
    "not-converged": "the iteration stopped before it settled",
    "tuned-on-test": "the rubric was changed after these items had been looked at: the comparison flatters it",
    "same-family": "judge and subject are of one model family: self-preference is possible",
    "annotators-same-family": "judge and annotators are of one model family: they may make the same mistakes, which flatters the agreement",
    "annotators-are-models": "the labels come from language models, not from people: this is agreement between models",
    "enriched-sample": "the set was enriched and its labels carry no inclusion probabilities: recall carries over, while agreement, kappa and precision are those of this mix",
    "no-better": "the judge is not clearly better than a baseline that cannot read",
    "no-answers": "the judge gave no label to any of the labelled items: there is nothing to compare",
    "not-judged": "some labelled items were never given to the judge: they are in no figure",
    "looked-before": "the sealed labels have been looked at before: the more looks, the less a good figure means",
    "anchor-stale": "the anchor set was not judged again since the judge, prompt or parser changed",
    "dev-split": "the labels are those that rubrics are tuned on, which flatters the judge: a sealed test split would not",
    "other-judge": "the accuracy was measured on another judge, rubric or settings than the one that labelled here",
    "incomplete-batch": "the labels do not stand for as many transcripts as there are: label the rest of the batch first",
    "core-differs": "the random core and the whole batch tell different rates: do not use the adaptive part",
    "labelled-set-inside": "transcripts of hand-labelled sets are counted with the run's own: take the rate of a run without them",
    "unconfirmed": "nobody looked at the flagged transcripts: false alarms are in this number",
    "shared-items": "the groups hold the same transcripts: two judges on one set are compared pairwise, not by rates",
    "association": "the same judge gave both labels: an association of labels is no effect of one thing on the other",
}

FOR_CALLERS = frozenset(
    {
        "not-blind",
        "tuned-on-test",
        "same-family",
        "anchor-stale",
        "annotators-same-family",
        "annotators-are-models",
        "dev-split",
        "other-judge",
        "incomplete-batch",
        "core-differs",
        "labelled-set-inside",
        "unconfirmed",
        "shared-items",
        "association",
        "enriched-sample",
        "no-better",
        "no-answers",
        "not-judged",
        "looked-before",
    }
)
"""Reasons that arrays of labels cannot show: whoever knows where the labels came from attaches them."""


def reason(code: str, detail: str = "") -> str:
    """``code: words``, with the particulars in brackets.

    >>> reason("few-clusters", "7")
    'few-clusters: fewer than 10 clusters: the interval is rough (7)'
    """
    return f"{code}: {REASONS[code]}" + (f" ({detail})" if detail else "")


def merge(*groups: tuple[str, ...]) -> tuple[str, ...]:
    """All warnings once each, in the order in which they first appear."""
    return tuple(dict.fromkeys(warning for group in groups for warning in group))
