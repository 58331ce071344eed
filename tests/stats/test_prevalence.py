"""Prevalence, bounds, and which of them the data can carry."""

import numpy as np
import pytest

from judge.stats.bounds import rate_ratio, upper_bound, word_for_one, word_for_two
from judge.stats.choose import Evidence, choose
from judge.stats.confirmed import (
    Flags,
    Sensitivity,
    ceiling,
    confirmed_over_sensitivity,
    floor,
    sensitivity_curve,
)
from judge.stats.ppi import Labelled
from judge.stats.prevalence import (
    Accuracy,
    Stratum,
    corrected,
    lee,
    rogan_gladen,
    stratified,
    two_phase,
)
from judge.stats.proportion import Counted, counted, design_effect, difference, rate
from judge.stats.tables import Design
from tests.stats.numbers import high, low, value, width

SE = Sensitivity(Counted.of(45, 50))
GOOD = Accuracy(Counted.of(85, 100), Counted.of(285, 300))
RARE = Flags(Counted.of(60, 100_000), Counted.of(12, 60))


def test_rogan_gladen_gives_epirs_examples_and_shows_them_unclipped() -> None:
    assert round(100 * corrected(23 / 150, 0.96, 0.89), 1) == 5.1
    assert round(100 * corrected(6 / 151, 0.964, 0.927), 2) == -3.73
    below = rogan_gladen(Counted.of(6, 151), Accuracy(Counted.of(964, 1000), Counted.of(927, 1000)))
    assert value(below) < 0
    assert "unclipped" in below.reasons
    assert low(below) < value(below) < high(below)


def test_a_weak_judge_is_refused() -> None:
    weak = Accuracy(Counted.of(60, 100), Counted.of(55, 100))
    for of in (lee, rogan_gladen):
        assert of(Counted.of(300, 1000), weak).reasons == ("weak-judge",)
        assert of(Counted.of(300, 1000), Accuracy(Counted.of(5, 5), Counted.of(90, 100))).reasons == (
            "few-positives",
        )
        assert of(Counted.of(300, 1000), Accuracy(Counted.of(0, 0), Counted.of(9, 9))).reasons == (
            "no-positives",
        )
        assert of(Counted.of(300, 1000), Accuracy(Counted.of(50, 50), Counted.of(0, 0))).reasons == (
            "no-negatives",
        )
        assert of(Counted.of(300, 1000), Accuracy(Counted.of(50, 50), Counted.of(9, 9))).reasons == (
            "few-negatives",
        )


def test_confirmed_over_sensitivity_is_floored_bounded_and_strict() -> None:
    found = confirmed_over_sensitivity(RARE, SE)
    strict = confirmed_over_sensitivity(RARE, SE, strict=True)
    assert value(found) == pytest.approx(12 / 100_000 / 0.9)
    assert low(strict) < low(found) < value(found) < high(found) < high(strict)
    assert 1.3 < width(strict) / width(found) < 3
    assert value(floor(RARE)) == pytest.approx(12 / 100_000)
    assert ceiling(RARE).reasons == ("no-audit",)
    assert high(found) == high(confirmed_over_sensitivity(RARE, SE))


def test_a_sample_of_the_flagged_widens_the_interval() -> None:
    part = Flags(Counted.of(600, 100_000), Counted.of(40, 200))
    everything = Flags(Counted.of(600, 100_000), Counted.of(120, 600))
    assert width(floor(part)) > width(floor(everything))
    assert width(confirmed_over_sensitivity(part, SE, strict=True)) > width(
        confirmed_over_sensitivity(part, SE)
    )


def test_planted_and_few_positives_are_said() -> None:
    planted = confirmed_over_sensitivity(RARE, Sensitivity(Counted.of(9, 10), "planted"))
    assert set(planted.reasons) == {"few-positives", "sensitivity-planted"}
    assert confirmed_over_sensitivity(RARE, Sensitivity(Counted.of(0, 0))).reasons == ("no-positives",)


def test_zero_confirmed_gives_a_bound_and_no_value() -> None:
    nothing = Flags(Counted.of(30, 100_000), Counted.of(0, 30))
    found = confirmed_over_sensitivity(nothing, SE)
    assert found.value is None
    assert "zero-hits" in found.reasons
    assert (low(found), f"{high(found):.1e}") == (0, "4.7e-05")
    sampled = confirmed_over_sensitivity(Flags(Counted.of(300, 100_000), Counted.of(0, 30)), SE)
    assert high(sampled) > high(found)
    assert floor(nothing).reasons == ("zero-hits",)
    curve = dict(sensitivity_curve(nothing))
    assert high(curve[0.5]) == pytest.approx(2 * high(curve[1.0]))
    assert curve[0.5].value is None


def test_the_curve_over_sensitivity_divides_the_floor() -> None:
    curve = dict(sensitivity_curve(RARE))
    assert value(curve[0.3]) == pytest.approx(value(floor(RARE)) / 0.3)
    assert high(curve[0.3]) == pytest.approx(high(floor(RARE)) / 0.3)


@pytest.mark.parametrize(("audited", "limit"), [(200, 0.015), (1000, 0.003), (3000, 0.001)])
def test_an_audit_that_finds_nothing_gives_the_ceiling(audited: int, limit: float) -> None:
    flags = Flags(Counted.of(0, 10**9), Counted.of(0, 0), Counted.of(0, audited))
    assert limit < high(ceiling(flags)) < 1.5 * limit  # the rule of three, and the price of Bonferroni


def test_two_phase_gives_bounds_when_the_audit_is_empty() -> None:
    flags = Flags(Counted.of(600, 2000), Counted.of(170, 200), Counted.of(0, 200))
    found = two_phase(flags)
    assert found.value is None
    assert "audit-empty" in found.reasons
    assert low(found) < 0.255 < high(found)
    assert two_phase(Flags(Counted.of(6, 20), Counted.of(1, 6))).reasons == ("no-audit",)
    assert stratified((Stratum(0.1, Counted.of(50, 100)), Stratum(0.9, Counted.of(0, 50)))).value is None
    assert stratified((Stratum(0.1, Counted.of(50, 100)), Stratum(0.9, Counted.of(0, 0)))).reasons == (
        "no-items",
    )


@pytest.mark.parametrize(
    ("found", "se", "bound"), [(45, 50, "4.7e-05"), (40, 50, "5.6e-05"), (10, 10, "5.3e-05")]
)
def test_the_bound_for_zero_hits(found: int, se: int, bound: str) -> None:
    assert f"{high(upper_bound(Counted.of(0, 100_000), Sensitivity(Counted.of(found, se)))):.1e}" == bound


def test_the_bound_needs_a_sensitivity_and_pays_for_clusters() -> None:
    assert upper_bound(Counted.of(0, 1000), Sensitivity(Counted.of(0, 10))).reasons == ("no-positives",)
    clustered = Counted.of(0, 100_000, design_effect([10] * 10_000, 0.1))
    assert high(upper_bound(clustered, SE)) == pytest.approx(1.9 * 4.72e-5, rel=0.01)


def test_the_ratio_and_its_tipping_point() -> None:
    ratio = rate_ratio(Counted.of(20, 10_000), Counted.of(0, 10_000))
    assert ratio.tipping_point == ratio.upper == pytest.approx(0.16, abs=0.005)
    assert value(ratio.estimate) == 0
    assert "sensitivity-shared" in ratio.estimate.reasons
    unequal = rate_ratio(Counted.of(20, 10_000), Counted.of(10, 20_000), own_sensitivity=True)
    assert value(unequal.estimate) == pytest.approx(0.25)
    assert unequal.estimate.warnings == ()
    rising = rate_ratio(Counted.of(0, 10_000), Counted.of(20, 10_000))
    assert rising.estimate.value is None
    assert low(rising.estimate) > 1
    assert high(rising.estimate) == float("inf")
    assert rising.tipping_point is None
    assert rate_ratio(Counted.of(0, 9), Counted.of(0, 9)).estimate.reasons == (
        "zero-hits",
        "sensitivity-shared",
    )


def test_the_words() -> None:
    bound = upper_bound(Counted.of(0, 100_000), SE)
    assert word_for_one(Counted.of(0, 100_000), bound, 1e-4) == "below threshold"
    assert word_for_one(Counted.of(0, 100_000), bound, 1e-5) == "not resolved"
    assert word_for_one(Counted.of(12, 100_000), confirmed_over_sensitivity(RARE, SE), 1e-5) == "detected"
    assert word_for_two(rate_ratio(Counted.of(20, 10_000), Counted.of(0, 10_000))) == "reduced"
    assert word_for_two(rate_ratio(Counted.of(3, 10_000), Counted.of(0, 10_000))) == "not resolved"
    assert word_for_two(rate_ratio(Counted.of(0, 10_000), Counted.of(0, 10_000))) == "not resolved"


def test_the_choice_follows_design_and_counts() -> None:
    specificity = Counted.of(285, 300)
    human = np.arange(300) < 90
    common = Flags(Counted.of(640, 2000), Counted.of(170, 200))
    audited = Flags(Counted.of(640, 2000), Counted.of(170, 200), Counted.of(8, 200))
    unchecked = Flags(Counted.of(640, 2000), Counted.of(0, 0))
    chosen = {
        "confirmed_over_sensitivity": Evidence(RARE, "enriched", SE, specificity),
        "ppi": Evidence(audited, "random", SE, specificity, Labelled(human, human)),
        "two_phase": Evidence(audited, "enriched", SE, specificity, Labelled(human, human)),
        "lee": Evidence(unchecked, "enriched", SE, specificity),
        "none": Evidence(common, "unknown", SE, specificity, Labelled(human, human)),
    }
    for name, evidence in chosen.items():
        found = choose(evidence)
        assert found.estimator == name
        assert found.reasons
        assert (found.estimate.value is None) == (name == "none")
    assert choose(chosen["none"]).estimate.reasons == ("unknown-selection",)
    assert choose(Evidence(common, "enriched", SE)).estimator == "confirmed_over_sensitivity"
    rare_and_random = Evidence(RARE, "random", SE, specificity, Labelled(human, human))
    assert choose(rare_and_random).estimator == "confirmed_over_sensitivity"
    few = choose(Evidence(unchecked, "random", None, None, Labelled(human[80:], human[80:])))
    assert few.estimate.reasons == ("few-positives",)
    assert choose(Evidence(unchecked, "enriched")).estimate.reasons == ("no-positives",)
    assert choose(Evidence(unchecked, "enriched", SE)).estimate.reasons == ("no-negatives",)


def test_a_group_without_any_flag_gets_a_bound() -> None:
    found = choose(Evidence(Flags(Counted.of(0, 50_000), Counted.of(0, 0)), "enriched", SE))
    assert found.estimator == "confirmed_over_sensitivity"
    assert found.estimate.value is None
    assert 0 < high(found.estimate) < 2e-4
    assert len(found.curve) == 8


def test_nothing_judged_is_nothing_estimated() -> None:
    nothing = Flags(Counted.of(0, 0), Counted.of(0, 0))
    found = choose(Evidence(nothing, "enriched", SE, Counted.of(285, 300)))
    assert found.estimator == "none"
    for estimate in (
        found.estimate,
        found.floor,
        confirmed_over_sensitivity(nothing, SE),
        lee(nothing.flagged, GOOD),
    ):
        assert estimate.reasons == ("no-items",)


def test_counts_shrink_with_clusters() -> None:
    hits = np.repeat(np.random.default_rng(0).random(100) < 0.3, 10)
    apart, together = counted(hits), counted(hits, Design(clusters=np.repeat(np.arange(100), 10)))
    assert apart.n == pytest.approx(1000)
    assert together.n < 110
    assert together.items == 1000
    assert together.rate == pytest.approx(apart.rate)
    assert together.flipped().hits == pytest.approx(together.misses)


def test_the_difference_of_two_shares_has_width_without_hits() -> None:
    gap = difference(rate([False] * 50), rate([False] * 60))
    assert value(gap) == 0
    assert low(gap) < 0 < high(gap)
    undefined = difference(rate([]), rate([True, False]))
    assert undefined.value is None
    assert "no-items" in undefined.reasons


def test_an_audit_that_finds_too_many_misses_overrules_the_sensitivity() -> None:
    se = Sensitivity(Counted.of(95, 100))
    flags = Flags(Counted.of(60, 10_000), Counted.of(40, 60), Counted.of(12, 300))
    found = choose(Evidence(flags, "enriched", se))
    assert found.estimator == "two_phase"
    assert found.reasons[0].startswith("audit-contradicts")
    assert low(found.estimate) > 0.02
    never = choose(
        Evidence(Flags(Counted.of(20, 10_000), Counted.of(0, 20), Counted.of(12, 300)), "enriched", se)
    )
    assert never.estimate.value is None
    assert high(never.estimate) > 0.04
    fits = choose(Evidence(Flags(flags.flagged, flags.confirmed, Counted.of(1, 3000)), "enriched", se))
    assert fits.estimator == "confirmed_over_sensitivity"


def test_strata_finer_than_flags_are_weighted_by_their_shares() -> None:
    flags = Flags(Counted.of(1000, 10_000), Counted.of(160, 200), Counted.of(10, 200))
    strata = (
        Stratum(0.1, Counted.of(160, 200)),
        Stratum(0.05, Counted.of(9, 100)),
        Stratum(0.85, Counted.of(1, 100)),
    )
    found = choose(Evidence(flags, "enriched", strata=strata))
    assert found.estimator == "stratified"
    assert value(found.estimate) == pytest.approx(0.1 * 0.8 + 0.05 * 0.09 + 0.85 * 0.01)
    known = stratified(strata)
    drawn = stratified(strata, frame=500)
    assert high(drawn) - low(drawn) > high(known) - low(known)
