"""From answers and labels to a rate: which estimator, why, and what may be said."""

import numpy as np
import pytest

from judge.errors import UsageError
from judge.eval_sets import Card
from judge.rates.accuracy import accuracy
from judge.rates.change import changes
from judge.rates.conditional import Question, conditional
from judge.rates.labels import checked, core_of
from judge.rates.prevalence import Basis, group_rate
from judge.rates.question import Answers
from judge.rates.report import Plan as ReportPlan
from judge.rates.report import Target, plain, report
from judge.rates.selection import select, select_random
from judge.ratings import Item, Rating
from judge.stats.sampling import Plan
from judge.stats.tables import Design
from tests.rates.worlds import ESCALATION, answers, hand, hand_of, part_of, question
from tests.stats.numbers import high, low, value

ENRICHED = Card(selection="enriched", origin="natural")


def measured(hits=90, positives=100, negatives=300, card=ENRICHED):
    truth = np.arange(positives + negatives) < positives
    flagged = truth.copy()
    flagged[hits:positives] = False
    found = answers(flagged)
    labels = hand(found, truth, range(len(truth)), card)
    return accuracy(found, checked(found, labels), labels)


def flagged(n, hits):
    return answers(np.arange(n) < hits)


def test_without_labels_there_is_a_flag_rate_and_nothing_more():
    found = flagged(1000, 50)
    rate = group_rate(found, checked(found, None), Basis())
    view = rate.overall
    assert value(view.flagged) == 0.05
    assert view.choice.estimator == "none"
    assert view.choice.estimate.value is None
    assert "no-positives" in view.choice.estimate.reasons
    assert view.word == "not resolved"
    assert rate.applicable is None


def test_a_rare_label_whose_flags_were_checked_is_divided_by_the_sensitivity():
    found = flagged(20_000, 60)
    truth = np.arange(20_000) < 40
    rate = group_rate(found, part_of(found, truth, range(60)), Basis(measured()))
    choice = rate.overall.choice
    assert choice.estimator == "confirmed_over_sensitivity"
    assert any(text.startswith("rare:") for text in choice.reasons)
    assert value(choice.estimate) == pytest.approx(0.002 / 0.9)
    assert value(choice.floor) == pytest.approx(0.002)
    assert [se for se, _ in choice.curve] == [1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]
    assert rate.overall.word == "detected"


def test_nothing_found_is_an_upper_bound_and_never_a_zero():
    found = flagged(100_000, 0)
    rate = group_rate(found, checked(found, None), Basis(measured(45, 50), threshold=1e-4))
    estimate = rate.overall.choice.estimate
    assert estimate.value is None
    assert estimate.low == 0
    assert high(estimate) == pytest.approx(4.72e-5, rel=1e-2)
    assert "zero-hits" in estimate.reasons
    assert rate.overall.word == "below threshold"
    without = group_rate(found, checked(found, None), Basis(measured(45, 50)))
    assert without.overall.word == "not resolved"


def test_labels_of_unknown_selection_count_for_nothing_unless_every_flag_was_looked_at():
    found, truth = flagged(1000, 50), np.arange(1000) < 30
    some = part_of(found, truth, [*range(20), *range(200, 240)])
    assert some.choice == "unknown"
    refused = group_rate(found, some, Basis()).overall
    assert refused.flags.confirmed.items == 0
    assert refused.choice.estimate.value is None
    assert "unknown-selection" in refused.choice.estimate.reasons
    every = group_rate(found, part_of(found, truth, [*range(50), *range(200, 240)]), Basis()).overall
    assert every.flags.confirmed.items == 50
    assert value(every.choice.floor) == pytest.approx(0.03)
    assert every.flags.audited is None


def test_a_random_sample_with_enough_positives_needs_no_assumption():
    found = flagged(2000, 600)
    truth = np.arange(2000) < 620
    drawn = select_random(found, Plan(300, 1))
    part = checked(found, hand_of(drawn, dict(zip((i.id for i in found.items), truth, strict=True))))
    assert part.choice == "random"
    choice = group_rate(found, part, Basis()).overall.choice
    assert choice.estimator == "ppi"
    assert low(choice.estimate) < 0.31 < high(choice.estimate)


def test_a_random_sample_is_estimated_with_the_clusters_that_it_shares_with_the_rest():
    rng = np.random.default_rng(5)
    truth = np.repeat(rng.random(200) < 0.3, 10)
    found = answers(truth ^ (rng.random(2000) < 0.1), Design(clusters=np.arange(2000) // 10))
    drawn = select_random(found, Plan(150, 1))
    part = checked(found, hand_of(drawn, dict(zip((i.id for i in found.items), truth, strict=True))))
    estimate = group_rate(found, part, Basis()).overall.choice.estimate
    assert estimate.clusters == 200
    assert (estimate.n, estimate.positives) == (150, part.truth.sum())
    alone = group_rate(answers(found.flagged), part, Basis()).overall.choice.estimate
    assert high(estimate) - low(estimate) > 1.2 * (high(alone) - low(alone))


def test_a_set_of_unknown_selection_refuses_the_correction():
    found = flagged(1000, 300)
    own = measured(card=Card())
    assert not own.usable
    choice = group_rate(found, checked(found, None), Basis(own)).overall.choice
    assert choice.estimate.value is None
    assert any(text.startswith("unknown-selection") for text in choice.reasons)
    assert any(text.startswith("unknown-selection") for text in own.warnings)
    carried = group_rate(found, checked(found, None), Basis(measured())).overall.choice
    assert carried.estimator == "lee"
    assert low(carried.estimate) < 0.3 / 0.9 < high(carried.estimate)


def test_written_positives_are_said_to_flatter():
    assert measured().found.source == "natural"
    assert measured(card=Card(selection="enriched", origin="written")).found.source == "planted"
    assert measured(card=Card(selection="enriched")).found.source == "planted"  # nobody says


def test_failures_leave_the_rate_and_stay_in_the_bounds():
    found = flagged(1000, 100)
    outcomes = found.outcomes.copy().astype("U14")
    outcomes[900:] = "invalid"
    ratings = tuple(Rating(None, "refused") if n >= 900 else r for n, r in enumerate(found.ratings))
    own = Answers(found.rater, found.asked, found.items, ratings, outcomes, found.design)
    rate = group_rate(own, checked(own, None), Basis(measured()))
    view = rate.overall
    assert value(view.coverage) == 0.9
    assert value(view.flagged) == pytest.approx(100 / 900)
    assert value(view.bounds.lowest) == 0.1
    assert value(view.bounds.highest) == 0.2
    assert view.envelope is not None
    assert high(view.envelope) == pytest.approx(high(view.choice.estimate) * 0.9 + 0.1)
    assert any(text.startswith("invalid-rate") for text in rate.warnings)
    assert rate.outcomes["(refused)"] == 100


def test_questions_that_did_not_arise_leave_one_denominator_and_not_the_other():
    words = ["over_escalated"] * 10 + ["calibrated"] * 30 + ["not_applicable"] * 60
    asked = question(ESCALATION, positive=("over_escalated",))
    items = tuple(Item(f"t{n}", {}) for n in range(100))
    ratings = tuple(Rating(word) for word in words)
    outcomes = np.array([asked.outcome(word) for word in words])
    rater = flagged(1, 0).rater
    found = Answers(rater, asked, items, ratings, outcomes, Design())
    rate = group_rate(found, checked(found, None), Basis())
    assert value(rate.overall.flagged) == 0.1
    assert rate.applicable is not None
    assert value(rate.applicable.flagged) == 0.25
    assert rate.applicable.n == 40


def test_clusters_widen():
    hits = np.repeat([True, False], [100, 900])
    plain_one = answers(hits)
    clustered = answers(hits, Design(clusters=np.arange(1000) // 20))
    alone = group_rate(plain_one, checked(plain_one, None), Basis(measured()))
    together = group_rate(clustered, checked(clustered, None), Basis(measured()))
    assert together.clusters == 50
    assert high(together.overall.choice.estimate) > high(alone.overall.choice.estimate)


def compared(first, second, **extra):
    """Two groups of 10,000 with so many flags, every one of them right."""
    groups = []
    for hits in (first, second):
        found = flagged(10_000, hits)
        part = part_of(found, np.arange(10_000) < hits, range(hits)) if hits else checked(found, None)
        groups.append(group_rate(found, part, Basis(measured()), f"{hits}"))
    return changes(groups, groups[0], **extra)[0]


def test_twenty_hits_and_then_none_are_a_reduction_and_five_are_not():
    gone = compared(20, 0)
    assert gone.what == "confirmed hits"
    assert gone.ratio.tipping_point == pytest.approx(0.16, abs=0.005)
    assert gone.word == "reduced"
    assert "sensitivity-shared" in gone.ratio.estimate.reasons
    few = compared(5, 0)
    assert few.ratio.tipping_point == pytest.approx(0.82, abs=0.005)
    assert few.word == "not resolved"
    assert compared(20, 0, sensitivity_floor=0.1).word == "not resolved"
    assert compared(20, 25).ratio.tipping_point is None


def test_many_comparisons_pay_for_being_many():
    groups = []
    for hits in (30, 12, 28, 29, 31, 30):
        found = flagged(10_000, hits)
        groups.append(
            group_rate(found, part_of(found, found.flagged, range(hits)), Basis(measured()), f"{hits}")
        )
    found = changes(groups, groups[0])
    smallest = min(c.ratio.p for c in found if c.ratio.p is not None)
    assert found[0].ratio.p == smallest
    assert found[0].p_adjusted == pytest.approx(5 * smallest)


def test_of_unconfirmed_flags_nothing_is_said():
    groups = []
    for hits in (400, 20):
        found = flagged(10_000, hits)
        groups.append(group_rate(found, checked(found, None), Basis(), f"{hits}"))
    change = changes(groups, groups[0])[0]
    assert change.what == "flag rate"
    assert change.word == "not resolved"
    assert "unconfirmed" in change.ratio.estimate.reasons


def test_a_sample_of_flags_compares_confirmed_rates():
    groups = []
    for hits in (400, 100):
        found = flagged(10_000, hits)
        truth = np.arange(10_000) < hits * 0.8
        drawn = select(found, Plan(100, 1), suspect=0.6)
        part = checked(found, hand_of(drawn, dict(zip((i.id for i in found.items), truth, strict=True))))
        groups.append(group_rate(found, part, Basis(measured()), f"{hits}"))
    change = changes(groups, groups[0])[0]
    assert change.what == "confirmed rate"
    assert low(change.ratio.estimate) < 0.25 < high(change.ratio.estimate)
    assert change.word == "reduced"


def test_each_group_with_positives_enough_has_its_own_sensitivity():
    n = 400
    names = np.where(np.arange(n) % 2 == 0, "early", "late")
    truth = np.arange(n) < 100
    seen = truth & ((names == "early") | (np.arange(n) % 4 == 1))
    items = tuple(Item(f"t{at}", {"checkpoint": str(name)}) for at, name in enumerate(names))
    found = answers(seen, items=items)
    labels = hand(found, truth, range(n), ENRICHED)
    own = accuracy(found, checked(found, labels), labels, by="checkpoint")
    assert value(own.of("early").sensitivity) == 1
    assert value(own.of("late").sensitivity) == 0.5
    assert own.of("middle") is own
    late = found.at(np.asarray(names == "late"))
    rate = group_rate(late, checked(late, None), Basis(own), "late")
    assert rate.own_sensitivity


def test_misses_that_were_not_drawn_lower_a_weighted_sensitivity():
    n = 2000
    truth = np.arange(n) < 60
    found = answers(truth)
    which = [*range(60), *range(1900, 1950)]
    labels = hand(found, truth, which, ENRICHED)
    design = dict(labels.labels)
    for item, said in design.items():
        design[item] = said.model_copy(
            update={"inclusion_probability": 1.0 if truth[int(item[1:])] else 50 / 1940}
        )
    weighted = accuracy(found, checked(found, type(labels)("x", design, ENRICHED)), labels)
    assert value(weighted.sensitivity) == 1
    assert "unseen-misses" in weighted.sensitivity.reasons
    assert weighted.found.found.n < 20  # of 60 positives: what the interval is worth
    assert weighted.found.found.rate == 1


def test_a_batch_half_labelled_is_told_of():
    found = flagged(2000, 100)
    truth = {item.id: n < 80 for n, item in enumerate(found.items)}
    drawn = select(found, Plan(200, 3))
    whole = hand_of(drawn, truth)
    half = type(whole)("half", dict(list(whole.labels.items())[:100]), whole.card, whole.queue)
    warned = group_rate(found, checked(found, half), Basis()).warnings
    assert any(text.startswith("incomplete-batch") for text in warned)
    assert not group_rate(found, checked(found, whole), Basis()).warnings[:0]
    core = core_of(found, whole)
    assert core is not None
    assert core.agree


def test_labels_of_other_transcripts_are_no_labels_of_these():
    found = flagged(10, 2)
    other = answers(np.array([True]), items=(Item("elsewhere", {}),))
    with pytest.raises(UsageError, match="none of these labels"):
        checked(found, hand(other, np.array([True]), [0]))


def test_runs_on_the_same_transcripts_are_not_compared_by_rates():
    one, two = flagged(100, 10), flagged(100, 20)
    made = report([Target(f, checked(f, None)) for f in (one, two)], ReportPlan())
    assert made.changes == ()
    assert made.warnings[0].startswith("shared-items")
    with pytest.raises(UsageError, match="no such group"):
        report([Target(one, checked(one, None))], ReportPlan(against="nowhere"))


def test_a_judge_of_the_subjects_family_is_flagged():
    items = tuple(Item(f"t{n}", {"model": "gpt-9"}) for n in range(5))
    found = answers(np.array([True] * 5), items=items)
    assert any(w.startswith("same-family") for w in group_rate(found, checked(found, None), Basis()).warnings)


def test_everything_can_be_json():
    import json

    data = plain(compared(0, 7))
    assert data["ratio"]["estimate"]["high"] is None  # infinite
    json.dumps(data, allow_nan=False)


def escalations(words, aware):
    asked = question(ESCALATION, positive=("over_escalated",))
    found = answers(np.asarray(aware))
    ratings = tuple(Rating(word) if word else Rating(None, "refused") for word in words)
    outcomes = np.array([asked.outcome(word or None) for word in words])
    return Answers(found.rater, asked, found.items, ratings, outcomes, found.design), found


def test_action_given_awareness_counts_what_it_leaves_out():
    words = ["over_escalated"] * 8 + ["calibrated"] * 2 + ["over_escalated"] * 4 + ["calibrated"] * 16
    words += ["not_applicable", "indeterminate", ""]
    of, given = escalations(words, [True] * 10 + [False] * 23)
    part = conditional(Question(of, given)).parts[0]
    assert (value(part.applicable.with_it), value(part.applicable.without)) == (0.8, 0.2)
    assert value(part.applicable.difference) == pytest.approx(0.6)
    assert value(part.applicable.ratio) == pytest.approx(4)
    assert part.left_out == {
        "escalation not_applicable": 1,
        "escalation indeterminate": 1,
        "escalation (refused)": 1,
    }
    assert part.overall is not None
    assert value(part.overall.without) == pytest.approx(4 / 21)


def test_within_strata_a_difference_between_environments_is_no_effect():
    aware, words, places = [], [], []
    for place, share, size in (("calm", 0.1, (20, 80)), ("tense", 0.8, (80, 20))):
        for yes, n in zip((True, False), size, strict=True):
            aware += [yes] * n
            words += ["over_escalated"] * round(share * n) + ["calibrated"] * round((1 - share) * n)
            places += [place] * n
    of, given = escalations(words, aware)
    items = tuple(Item(f"t{n}", {"environment": place}) for n, place in enumerate(places))
    of = Answers(of.rater, of.asked, items, of.ratings, of.outcomes, of.design)
    given = Answers(given.rater, given.asked, items, given.ratings, given.outcomes, given.design)
    crude = conditional(Question(of, given)).parts[0].applicable
    within = conditional(Question(of, given, within="environment")).parts[0].applicable
    assert value(crude.difference) == pytest.approx(0.42)
    assert abs(value(within.difference)) < 1e-9
    assert value(within.ratio) == pytest.approx(1)
    assert within.strata == 2
    with pytest.raises(UsageError, match="given itself"):
        conditional(Question(of, of))
