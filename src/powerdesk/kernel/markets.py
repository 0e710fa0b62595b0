"""The markets as data: code, calendar, currency, rounding tolerance of prices, and runs."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from powerdesk.kernel import calendars
from powerdesk.kernel.money import Currency
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from powerdesk.kernel.calendars import MarketCalendar


class UnknownMarketError(Problem):
    """There is no market of that code, or the market has no such run."""

    slug: ClassVar[str] = "unknown-market"
    title: ClassVar[str] = "No such market or run"


class RunKind(StrEnum):
    """When a run's price is made relative to delivery."""

    DAY_AHEAD = "day-ahead"
    REAL_TIME = "real-time"
    LOOK_AHEAD = "look-ahead"


@dataclass(frozen=True, slots=True)
class MarketRun:
    """One clearing of a market. `minutes` is the length of its intervals."""

    code: str
    title: str
    kind: RunKind
    minutes: int


@dataclass(frozen=True, slots=True)
class Market:
    """A market's facts. `price_tolerance_per_mwh` bounds |total - sum of parts| from the rounding of each."""

    code: str
    title: str
    currency: Currency
    price_tolerance_per_mwh: float
    runs: tuple[MarketRun, ...]

    @property
    def calendar(self) -> MarketCalendar:
        """The market's operating day and hour labels."""
        return calendars.calendar_of(self.code)

    def run(self, code: str) -> MarketRun:
        """Return the run of that code; raises UnknownMarketError."""
        for run in self.runs:
            if run.code == code:
                return run
        raise UnknownMarketError(
            found=f"run {code!r} of {self.code}",
            allowed=", ".join(run.code for run in self.runs),
            remedy="use a run of this market",
        )


_DA = MarketRun("DA", "Day-ahead, hourly", RunKind.DAY_AHEAD, 60)
_RT5 = MarketRun("RT5", "Real-time, five minutes", RunKind.REAL_TIME, 5)
_RT15 = MarketRun("RT15", "Real-time, fifteen minutes", RunKind.REAL_TIME, 15)
_RT60 = MarketRun("RT60", "Real-time, hourly settlement average", RunKind.REAL_TIME, 60)
_FMM = MarketRun("FMM", "Fifteen-minute market", RunKind.LOOK_AHEAD, 15)
_RTC = MarketRun("RTC", "Real-time commitment, fifteen minutes", RunKind.LOOK_AHEAD, 15)

_CENTS = 0.02
"""A total and three parts, each rounded to a cent: 4 x 0.005."""

MARKETS: dict[str, Market] = {
    market.code: market
    for market in (
        Market("CAISO", "California ISO", Currency.USD, _CENTS, (_DA, _FMM, _RT5)),
        Market("NYISO", "New York ISO", Currency.USD, _CENTS, (_DA, _RT5, _RTC)),
        Market("SIM", "Simulated market", Currency.USD, _CENTS, (_DA, _RT5)),
        Market("MISO", "Midcontinent ISO", Currency.USD, _CENTS, (_DA, _RT5, _RT60)),
        Market("PJM", "PJM Interconnection", Currency.USD, _CENTS, (_DA, _RT5, _RT60)),
        Market("ERCOT", "Electric Reliability Council of Texas", Currency.USD, _CENTS, (_DA, _RT5, _RT15)),
        Market("SPP", "Southwest Power Pool", Currency.USD, _CENTS, (_DA, _RT5)),
        Market("ISONE", "ISO New England", Currency.USD, _CENTS, (_DA, _RT5, _RT60)),
        Market("IESO", "Ontario IESO", Currency.CAD, _CENTS, (_DA, _RT5, _RT60)),
        Market("AESO", "Alberta Electric System Operator", Currency.CAD, _CENTS, (_RT60,)),
    )
}


def market_of(code: str) -> Market:
    """Return the market of that code; UnknownMarketError names the nearest known one."""
    try:
        return MARKETS[code]
    except KeyError:
        near = get_close_matches(code.upper(), MARKETS, n=1)
        raise UnknownMarketError(
            found=f"market {code!r}",
            allowed=", ".join(MARKETS),
            remedy=f"did you mean {near[0]}?" if near else "use a known market code",
        ) from None
