"""Any raters on any facet: pairs by the facet's scale, all together, each with itself."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from judge.calibration.agreement import agreement
from judge.errors import UsageError
from judge.stats.agreement import kappa
from judge.stats.alpha import alpha, set_alpha
from judge.stats.resample import Settings
from judge.stats.tables import confusion
from tests.calibration import made

QUICK = Settings(replicates=200)
NOMINAL = ["none", "red", "blue", "indeterminate"] * 20
ORDINAL = ["0", "1", "2", "2", "not_assessable"] * 16
SETS = [("light",), ("light", "dark"), ("none",), ("dark",)] * 20
COLOURS = ["none", "red", "blue", "indeterminate"]
STEPS = ["0", "1", "2", "not_assessable"]


@pytest.fixture
def rubric(tmp_path):
    return made.rubric(tmp_path)


@pytest.fixture
def everything(tmp_path, rubric):
    items = made.transcripts(NOMINAL)
    own = {
        "colour": made.wrong(NOMINAL, 7, COLOURS),
        "strength": made.wrong(ORDINAL, 9, STEPS),
        "shades": [("light",) if n % 8 == 0 else s for n, s in enumerate(reversed(SETS))],
    }
    labels: dict[str, Any] = {"colour": NOMINAL, "strength": ORDINAL, "shades": SETS}
    ana = {**labels, "colour": made.wrong(NOMINAL, 11, COLOURS)}
    found = made.labelled_set(tmp_path / "set", items, {"ana": ana, "bot": labels})
    return made.ratings([made.run(tmp_path / "runs", rubric, items, own), found], rubric)


def of(found, facet, first, second):
    (one,) = [f for f in found.facets if f.about.facet == facet]
    return next(p for p in one.pairs if (p.first, p.second) == (first, second))


def test_a_nominal_pair_has_the_figures_of_its_table(everything):
    found = agreement(everything, settings=QUICK)
    pair = of(found, "colour", "bot", "a")
    own = made.wrong(NOMINAL, 7, COLOURS)
    codes = [[COLOURS.index(a), COLOURS.index(b)] for a, b in zip(NOMINAL, own, strict=True)]
    table = confusion([a for a, _ in codes], [b for _, b in codes], 4)
    assert np.array(pair.matrix).tolist() == table.total.reshape(4, 4).tolist()
    assert pair.with_nulls.coefficients["kappa"].value == pytest.approx(kappa(table).value)
    assert pair.with_nulls.coefficients["kappa"].clusters == 40
    assert pair.with_nulls.coefficients["alpha"].value == pytest.approx(alpha(codes, 4, "nominal").value)
    assert pair.on_scale is not None
    assert pair.on_scale.items == sum(max(row) < 3 for row in codes)
    assert "kappa_quadratic" not in pair.on_scale.coefficients
    red = pair.row("red")
    assert red is not None
    assert (red.support, red.recall.value) == (20, np.mean([b == 1 for a, b in codes if a == 1]))
    assert [row.label for row in pair.labels if row.null] == ["indeterminate"]


def test_an_ordinal_pair_is_weighted_on_the_scale_alone(everything):
    pair = of(agreement(everything, settings=QUICK), "strength", "ana", "a")
    assert pair.on_scale is not None
    inside = pair.on_scale.coefficients
    assert set(inside) == {"agreement", "kappa", "kappa_linear", "kappa_quadratic", "alpha_ordinal", "ac2"}
    own = made.wrong(ORDINAL, 9, STEPS)
    codes = np.array([[STEPS.index(a), STEPS.index(b)] for a, b in zip(ORDINAL, own, strict=True)])
    codes = codes[(codes < 3).all(axis=1)]
    assert inside["kappa_quadratic"].value == pytest.approx(
        kappa(confusion(codes[:, 0], codes[:, 1], 3), "quadratic").value
    )
    assert inside["alpha_ordinal"].value == pytest.approx(alpha(codes, 3, "ordinal").value)


def test_sets_are_compared_as_sets(everything):
    pair = of(agreement(everything, settings=QUICK), "shades", "bot", "a")
    own = [("light",) if n % 8 == 0 else s for n, s in enumerate(reversed(SETS))]
    both = [[frozenset(a), frozenset(b)] for a, b in zip(SETS, own, strict=True)]
    assert pair.with_nulls.coefficients["alpha_jaccard"].value == pytest.approx(
        set_alpha(both, "jaccard").value
    )
    assert pair.with_nulls.coefficients["agreement"].value == np.mean([a == b for a, b in both])
    assert pair.matrix == ()
    assert pair.micro is not None
    dark = pair.row("dark")
    assert dark is not None
    assert dark.support == 40


def test_pairs_come_in_the_order_in_which_they_matter(everything):
    found = agreement(everything, settings=QUICK)
    names = [(p.first, p.second) for p in found.facets[0].pairs]
    assert names == [("ana", "bot"), ("ana", "a"), ("bot", "a")]
    assert found.facets[0].together is not None
    assert found.facets[0].together.raters == ("ana", "bot", "a")
    standing = {r.name: (r.standing, r.family) for r in found.raters}
    assert standing == {"a": ("judge", "claude"), "ana": ("person", ""), "bot": ("model", "claude")}


def test_a_judge_is_compared_with_its_own_repeats(tmp_path, rubric):
    items = made.transcripts(NOMINAL)
    again = {"colour": made.wrong(NOMINAL, 4, COLOURS)}
    ran = made.run(tmp_path, rubric, items, {"colour": NOMINAL}, samples=[again, {"colour": NOMINAL}])
    (facet,) = [f for f in agreement(made.ratings([ran], rubric)).facets if f.repeats]
    (own,) = facet.repeats
    assert own.repeats == 3
    assert own.flips.value == pytest.approx(20 / 80 * 2 / 3)
    assert own.unanimous.value == 0.75
    assert own.alpha.value is not None
    assert own.majority[3] > own.alpha.value


def test_failures_are_counted_and_are_no_label(tmp_path, rubric):
    items = made.transcripts(NOMINAL)
    own = ["!refused" if n < 5 else label for n, label in enumerate(NOMINAL)]
    labels = made.labelled_set(tmp_path / "set", items, {"ana": {"colour": NOMINAL}})
    found = agreement(made.ratings([made.run(tmp_path, rubric, items[:70], {"colour": own}), labels], rubric))
    pair = of(found, "colour", "ana", "a")
    assert pair.items == 65
    assert pair.with_nulls.coefficients["agreement"].value == 1
    outcomes = {o.rater: o for o in found.facets[0].outcomes}
    assert outcomes["a"].counts["(refused)"] == 5
    assert outcomes["a"].counts["(missing)"] == 10
    assert outcomes["a"].invalid.value == pytest.approx(5 / 70)
    assert outcomes["a"].answered.value == pytest.approx(65 / 80)


def test_it_is_json_as_it_is(everything):
    text = json.dumps(asdict(agreement(everything, settings=QUICK)), allow_nan=False)
    assert json.loads(text)["facets"][0]["pairs"][0]["with_nulls"]["coefficients"]["kappa"]["method"]


def test_only_the_facets_that_are_named(everything):
    found = agreement(everything, ["colour.strength"], QUICK)
    assert [f.about.facet for f in found.facets] == ["strength"]
    with pytest.raises(UsageError, match="no facet has two raters") as error:
        agreement(everything, ["depth"])
    assert "colour, strength, shades" in str(error.value)
