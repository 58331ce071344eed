"""Published numbers, and numbers of other programs, reproduced."""

from typing import Any

import numpy as np
import pytest

from judge.stats.agreement import Weights, gwet, kappa
from judge.stats.alpha import Level, SetDistance, alpha, set_alpha
from judge.stats.distributions import clopper_pearson
from judge.stats.latent import dawid_skene
from judge.stats.multiplicity import Method, adjust
from judge.stats.paired import mcnemar
from judge.stats.per_label import macro_f1, per_label
from judge.stats.ratings import Chance, many_rater
from judge.stats.repeats import order_swap
from judge.stats.resample import Settings
from judge.stats.tables import Design, confusion, from_table
from tests.stats.numbers import high, low, value

QUICK = Settings(replicates=200)
Golden = dict[str, Any]


def test_pandalm_humans_agree_as_published(golden: Golden) -> None:
    for pair in golden["published"]["pandalm"]["pairs"].values():
        found = kappa(from_table(pair["counts"]), settings=QUICK)
        assert round(value(found), 2) == pytest.approx(pair["published_kappa"], abs=0.0101)
        assert low(found) < value(found) < high(found)
        assert found.n == 999


def test_pandalm_pattern_counts_give_the_pairwise_tables_and_the_majority(golden: Golden) -> None:
    pandalm = golden["published"]["pandalm"]
    patterns = [
        [int(c) for c in p]
        for p, times in pandalm["three_rater_pattern_counts"].items()
        for _ in range(times)
    ]
    ratings = np.array(patterns)
    for (i, j), name in (((0, 1), "annotator1-annotator2"), ((1, 2), "annotator2-annotator3")):
        counted = confusion(ratings[:, i], ratings[:, j], 3).total.reshape(3, 3)
        assert counted.tolist() == pandalm["pairs"][name]["counts"]
    votes = np.stack([(ratings == k).sum(axis=1) for k in range(3)], axis=1)
    assert (votes.max(axis=1) >= 2).all()
    majority = np.bincount(votes.argmax(axis=1), minlength=3)
    assert majority.tolist() == list(pandalm["published_majority_counts"].values())


@pytest.mark.parametrize(
    ("judge", "accuracy", "precision", "recall", "f1"),
    [("gpt-3.5-turbo", 71.07, 58.79, 57.36, 57.55), ("pandalm-7b", 66.77, 57.38, 57.50, 57.43)],
)
def test_pandalm_judges_score_as_published(
    golden: Golden, judge: str, accuracy: float, precision: float, recall: float, f1: float
) -> None:
    table = from_table(golden["published"]["pandalm"][f"majority-vs-{judge}"]["counts"])
    scores = per_label(table)
    cells = table.total.reshape(3, 3)
    assert round(100 * np.trace(cells) / cells.sum(), 2) == accuracy
    assert round(100 * np.mean([value(s.precision) for s in scores]), 2) == precision
    assert round(100 * np.mean([value(s.recall) for s in scores]), 2) == recall
    assert round(100 * value(macro_f1(table, QUICK)), 2) == f1


def test_llmbar_kappas_are_reproduced_only_if_an_unparsed_answer_becomes_label_2(golden: Golden) -> None:
    moved = 0
    for cell in golden["published"]["llmbar"]["cells"].values():
        counts = np.array(cell["counts_1_2_unparsed"])
        as_published = np.array(
            [
                [counts[0, 0], counts[0, 1:].sum()],
                [counts[1:, 0].sum(), counts[1:, 1:].sum()],
            ]
        )
        assert kappa(from_table(as_published), settings=QUICK).value == pytest.approx(
            cell["published_kappa"], abs=1e-12
        )
        first, second = (
            np.where(x == 2, -1, x).repeat(counts.reshape(-1)) for x in np.nonzero(np.ones((3, 3)))
        )
        ours = order_swap(first, second, 2, settings=QUICK)
        assert ours.kappa.n == counts[:2, :2].sum()
        moved += abs(value(ours.kappa) - cell["published_kappa"]) > 1e-9
    assert moved == sum(
        np.array(c["counts_1_2_unparsed"])[2].sum() + np.array(c["counts_1_2_unparsed"])[:, 2].sum() > 0
        for c in golden["published"]["llmbar"]["cells"].values()
    )


def test_gwets_raw4raters_example(golden: Golden) -> None:
    example = golden["published"]["raw4raters"]
    ratings = np.array([[-1 if r is None else r - 1 for r in row] for row in example["ratings"]])
    values = example["values"]
    ac1 = many_rater(ratings, 5, chance="gwet")
    assert ac1.value == pytest.approx(values["ac1"], abs=5e-6)
    assert many_rater(ratings, 5, chance="fleiss").value == pytest.approx(values["fleiss"], abs=5e-6)
    assert many_rater(ratings, 5, chance="uniform").value == pytest.approx(
        values["brennan_prediger"], abs=5e-6
    )
    assert alpha(ratings, 5, "nominal").value == pytest.approx(values["alpha_nominal"], abs=5e-6)
    # Twelve items, of which ratings worth eight lie outside the most common label: R prints .46 to 1, we print none.
    assert ac1.low is None
    assert "few-minority" in ac1.reasons
    thrice = many_rater(np.tile(ratings, (3, 1)), 5, chance="gwet")
    assert 0.3 < low(thrice) < 0.66
    assert 0.85 < high(thrice) < 1


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_krippendorff_2011(golden: Golden, level: Level) -> None:
    ratings = golden["published"]["raw4raters"]["ratings"]
    codes = [[-1 if r is None else r - 1 for r in row] for row in ratings]
    assert round(value(alpha(codes, 5, level)), 3) == golden["published"]["krippendorff_2011"]["alpha"][level]


def test_ordinal_alpha_is_krippendorffs_metric_and_not_gwets_weights(golden: Golden) -> None:
    ratings = [
        [-1 if r is None else r - 1 for r in row] for row in golden["published"]["raw4raters"]["ratings"]
    ]
    assert round(value(alpha(ratings, 5, "ordinal")), 4) == 0.8154


def test_feinstein_and_cicchetti_paradox() -> None:
    table = from_table([[118, 5], [2, 0]])
    assert round(value(kappa(table)), 3) == -0.023
    assert round(value(gwet(table)), 3) == 0.941
    recall = per_label(table)[1].recall
    assert recall.value == 0
    assert high(recall) > 0.5


@pytest.mark.parametrize("weights", ["nominal", "linear", "quadratic"])
def test_kappa_equals_scikit_learn(golden: Golden, weights: Weights) -> None:
    data = golden["oracle"]["two_raters"]
    plain = confusion(data["first"], data["second"], 4)
    weighted = confusion(data["first"], data["second"], 4, Design(weights=data["weights"]))
    assert kappa(plain, weights, QUICK).value == pytest.approx(data["kappa"][weights])
    assert kappa(weighted, weights, QUICK).value == pytest.approx(data["kappa_weighted_items"][weights])


def test_scores_per_label_equal_scikit_learn(golden: Golden) -> None:
    data = golden["oracle"]["two_raters"]
    scores = per_label(confusion(data["first"], data["second"], 4))
    for name in ("precision", "recall", "f1"):
        assert [getattr(s, name).value for s in scores] == pytest.approx(data[name])
    weighted = per_label(confusion(data["first"], data["second"], 4, Design(weights=data["weights"])))
    assert [s.recall.value for s in weighted] == pytest.approx(data["recall_weighted_items"])


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
def test_alpha_equals_the_krippendorff_package(golden: Golden, level: Level) -> None:
    data = golden["oracle"]["many_raters"]
    assert alpha(data["ratings"], 4, level, settings=QUICK).value == pytest.approx(data["alpha"][level])


@pytest.mark.parametrize("weights", ["nominal", "linear", "quadratic"])
@pytest.mark.parametrize(("chance", "oracle"), [("gwet", "gwet"), ("fleiss", "fleiss"), ("uniform", "bp")])
def test_many_rater_coefficients_equal_irrcac(
    golden: Golden, weights: Weights, chance: Chance, oracle: str
) -> None:
    data = golden["oracle"]["many_raters"]
    key = f"{oracle}_{'identity' if weights == 'nominal' else weights}"
    found = many_rater(data["ratings"], 4, chance=chance, weights=weights, settings=QUICK)
    assert found.value == pytest.approx(data[key], abs=1e-9)


@pytest.mark.parametrize("kind", ["jaccard", "masi"])
def test_set_alpha_equals_nltk_where_nltk_is_defined(golden: Golden, kind: SetDistance) -> None:
    data = golden["oracle"]["sets"]
    ratings = [[frozenset(labels) for labels in item] for item in data["ratings"]]
    assert set_alpha(ratings, kind, settings=QUICK).value == pytest.approx(data[kind])


def test_fleiss_kappa_of_complete_data_equals_the_published_value(golden: Golden) -> None:
    counts = golden["oracle"]["fleiss_wikipedia"]["counts"]
    ratings = [[label for label, times in enumerate(row) for _ in range(times)] for row in counts]
    found = many_rater(ratings, 5, chance="fleiss")
    assert found.value == pytest.approx(golden["oracle"]["fleiss_wikipedia"]["statsmodels"])
    assert round(value(found), 3) == golden["oracle"]["fleiss_wikipedia"]["published"]


def test_fleiss_1971(golden: Golden) -> None:
    table = golden["published"]["fleiss_1971"]
    ratings = [[label for label, times in enumerate(row) for _ in range(times)] for row in table["counts"]]
    shares = np.bincount(np.array(ratings).reshape(-1)) / 180
    assert shares.round(3).tolist() == table["shares"]
    assert round(value(many_rater(ratings, 5, chance="fleiss", settings=QUICK)), 3) == table["kappa"]


def test_mcnemar_equals_statsmodels(golden: Golden) -> None:
    for case in golden["oracle"]["tests"]["mcnemar"]:
        assert mcnemar(case["b"], case["c"]).p_exact == pytest.approx(case["exact"])


def test_clopper_pearson_equals_statsmodels(golden: Golden) -> None:
    for case in golden["oracle"]["tests"]["clopper_pearson"]:
        assert clopper_pearson(case["hits"], case["n"]) == pytest.approx(tuple(case["interval"]), abs=1e-12)


@pytest.mark.parametrize("method", ["holm", "bh", "by"])
def test_adjusted_p_values_equal_statsmodels(golden: Golden, method: Method) -> None:
    tests = golden["oracle"]["tests"]
    assert adjust(tests["p_values"], method) == pytest.approx(tests["adjusted"][method])


def test_dawid_and_skenes_anaesthetists(golden: Golden) -> None:
    table = golden["published"]["dawid_skene_1979"]
    found = dawid_skene(np.array(table["ratings"]) - 1, 4, ["a", "a", "a", "b", "c", "d", "e"])
    assert found.priors.round(2).tolist() == table["priors"]
    assert np.allclose(found.errors.sum(axis=2), 1)
    assert not found.warnings
