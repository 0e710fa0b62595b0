"""The table of markets is complete and consistent with the calendars."""

from __future__ import annotations

import pytest

from powerdesk.kernel.calendars import CALENDARS
from powerdesk.kernel.locations import MARKET_CODE
from powerdesk.kernel.markets import MARKETS, UnknownMarketError, market_of
from powerdesk.kernel.money import Currency


def test_markets__each_has_a_calendar_and_the_other_way_round() -> None:
    assert set(MARKETS) == set(CALENDARS)
    for code, market in MARKETS.items():
        assert market.calendar.market == market.code == code
        assert MARKET_CODE.fullmatch(code)


@pytest.mark.parametrize(
    ("market", "runs"),
    [
        ("CAISO", {"DA": 60, "FMM": 15, "RT5": 5}),
        ("NYISO", {"DA": 60, "RT5": 5, "RTC": 15}),
        ("SIM", {"DA": 60, "RT5": 5}),
        ("ERCOT", {"DA": 60, "RT5": 5, "RT15": 15}),
    ],
)
def test_market__allows_its_runs_only(market: str, runs: dict[str, int]) -> None:
    found = market_of(market)
    assert {run.code: run.minutes for run in found.runs} == runs
    assert found.run("DA").minutes == 60
    with pytest.raises(UnknownMarketError, match="DA"):
        found.run("HASP")


def test_markets__currency_and_tolerance() -> None:
    assert market_of("IESO").currency is market_of("AESO").currency is Currency.CAD
    assert market_of("CAISO").currency is Currency.USD
    assert all(0 < market.price_tolerance_per_mwh <= 0.02 for market in MARKETS.values())


@pytest.mark.parametrize(("code", "hint"), [("nyiso", "did you mean NYISO"), ("XYZ", "known market code")])
def test_market_of__refuses_with_a_hint(code: str, hint: str) -> None:
    with pytest.raises(UnknownMarketError, match=hint):
        market_of(code)
