"""How values are printed for people."""

from __future__ import annotations

import pytest

from powerdesk.app.cli import printing
from powerdesk.app.cli.root import Output


@pytest.mark.parametrize(
    ("value", "name", "shown"),
    [
        (None, "", "·"),
        (0.0, "", "0.00"),
        (1234.5, "price", "1,234.50"),
        (0.005, "", "0.01"),
        (0.0021, "unexplained_per_mwh", "0.002"),
        (-0.00004, "", "-0.00004"),
        (1e-5, "factor_tick", "0.00001"),
        (7.2e-16, "kkt_residual", "7e-16"),
        (0.016349, "shift_factor", "0.01635"),
        (1e-6, "outage_factor", "0.000001"),
        (float("nan"), "", "nan"),
        ({"price_tick": 0.01, "factor_tick": 1e-5}, "convention", "price_tick 0.01, factor_tick 0.00001"),
        ([0.001, 2.0], "", "0.001, 2.00"),
    ],
)
def test_text__never_shows_a_number_as_a_zero_that_it_is_not(value: object, name: str, shown: str) -> None:
    assert printing.text(value, name=name) == shown


def test_csv__holds_no_text_that_a_spreadsheet_would_run(capsys: pytest.CaptureFixture[str]) -> None:
    printing.records([{"location": "=cmd()", "price": -1.5}, {"location": None, "price": 2}], output=Output.CSV)
    printing.one({"name": "@sum", "change": -3.0}, output=Output.CSV)
    assert capsys.readouterr().out.splitlines() == [
        "location,price",
        "'=cmd(),-1.5",
        ",2",
        "name,change",
        "'@sum,-3.00",
    ]
