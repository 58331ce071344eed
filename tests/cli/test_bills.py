"""Bills in a terminal."""

import pytest
from rich.console import Console

from judge.cli import bills
from judge.grader.prompt import Style
from judge.labelling.forecast import Forecast
from judge.request import Capabilities


def test_the_ways_of_asking_stand_on_one_line_each_where_the_terminal_has_80_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    forecast = Forecast(Style("openai/nobody-knows"), Capabilities(batch=True))
    for bill in forecast.bills.values():
        bill.tokens.update(input=9_999_999, cached=999_999, cache_written=999_999, output=999_999)
    Console(width=80, highlight=False).print(bills.ways(forecast))
    lines = capsys.readouterr().out.splitlines()
    assert len(forecast.bills) == 5
    for name in forecast.bills:
        assert sum(bills.WAYS[name] in line and "9,999,999" in line for line in lines) == 1
