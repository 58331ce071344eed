"""The rates that are printed hold the truth as often as they say, from a drawn run to the interval. Minutes of Monte Carlo."""

import pytest

from judge.stats.simulation import World
from tests.rates.coverage import CELLS, DROPS, Cell, Drop, all_flags, cell_study, drop_study
from tests.stats.test_coverage import short_of


@pytest.mark.slow
@pytest.mark.parametrize("cell", CELLS, ids=[f"{cell.name}: {cell.world.name}" for cell in CELLS])
def test_rates_cover(cell: Cell) -> None:
    results = cell_study(cell)
    assert [(r.name, r.coverage) for r in results if short_of(r)] == []


@pytest.mark.slow
@pytest.mark.parametrize("drop", DROPS, ids=[f"{drop.ratio:g}: {drop.first.name}" for drop in DROPS])
def test_ratios_cover_and_nothing_is_called_reduced_that_is_not(drop: Drop) -> None:
    results, reduced = drop_study(drop)
    assert [(r.name, r.coverage) for r in results if short_of(r)] == []
    if drop.ratio == 1:
        assert reduced <= 0.02


def test_a_few_data_sets_of_the_smallest_world() -> None:
    found = cell_study(Cell("every flag", World(400, 1, 0.3, 0.95, 0), all_flags, 20))
    assert next(r for r in found if r.name == "any").coverage >= 0.7
