"""What is asked of NYISO's MIS: a CSV per operating day for recent days, a zip per month before that. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from powerdesk.kernel import calendars
from powerdesk.markets import locations
from powerdesk.markets.types import Coverage, Report, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKET = "NYISO"
BASE_URL = "http://mis.nyiso.com"
SECONDS_PER_REQUEST = 1.0
DAILY_FILES_KEPT = timedelta(days=10)
_DAY = timedelta(days=1)
_ZONES = tuple(location.id for location in locations.NYISO_ZONES)
_PRICED = (*_ZONES, *(location.id for location in locations.NYISO_PROXIES))
_FORECAST = (*_ZONES, locations.NYISO_SYSTEM.id)
_FUELS = ("dual_fuel", "hydro", "natural_gas", "nuclear", "other_fossil_fuels", "other_renewables", "wind")
_MIX = tuple(f"{locations.NYISO_SYSTEM.id}/{fuel}" for fuel in _FUELS)
_FORECAST_DAYS = 6

REPORTS: tuple[Report, ...] = (
    Report(
        "da-prices",
        "Day-ahead zonal LBMP",
        "markets.prices",
        "DA",
        timedelta(hours=1),
        timedelta(minutes=30),
        _DAY,
        _PRICED,
        ahead=True,
    ),
    Report(
        "rt5-prices",
        "Real-time zonal LBMP",
        "markets.prices",
        "RT5",
        timedelta(minutes=5),
        timedelta(minutes=5),
        timedelta(hours=1),
        _PRICED,
    ),
    Report(
        "load",
        "Actual load",
        "markets.load",
        "",
        timedelta(minutes=5),
        timedelta(minutes=5),
        timedelta(hours=1),
        _ZONES,
    ),
    Report(
        "load-forecast",
        "Zonal load forecast",
        "markets.load_forecast",
        "ISOLF",
        timedelta(hours=1),
        timedelta(hours=6),
        _DAY,
        _FORECAST,
    ),
    Report(
        "fuel-mix",
        "Real-time fuel mix",
        "markets.generation",
        "",
        timedelta(minutes=5),
        timedelta(minutes=5),
        timedelta(hours=1),
        _MIX,
    ),
)
_FILES: dict[str, tuple[str, str]] = {
    "da-prices": ("damlbmp", "damlbmp_zone"),
    "rt5-prices": ("realtime", "realtime_zone"),
    "load": ("pal", "pal"),
    "load-forecast": ("isolf", "isolf"),
    "fuel-mix": ("rtfuelmix", "rtfuelmix"),
}


def requests(report: Report, *, base_url: str, start: datetime, end: datetime, now: datetime) -> tuple[Request, ...]:
    """Return the GETs that cover [start, end): a file per operating day, or a zip per month for days no longer kept."""
    oldest_daily = calendars.calendar_of(MARKET).operating_day(now - DAILY_FILES_KEPT)
    result: list[Request] = []
    months: dict[date, list[Coverage]] = {}
    for day, first, last in _days(start, end):
        coverage = _coverage(report, day, first, last)
        if day >= oldest_daily:
            result.append(_request(report, base_url, f"{day:%Y%m%d}{_FILES[report.id][1]}.csv", (coverage,)))
        else:
            months.setdefault(day.replace(day=1), []).append(coverage)
    zips = [
        _request(report, base_url, f"{month:%Y%m%d}{_FILES[report.id][1]}_csv.zip", tuple(coverages))
        for month, coverages in months.items()
    ]
    return (*zips, *result)


def _coverage(report: Report, day: date, first: datetime, last: datetime) -> Coverage:
    if report.id == "load-forecast":  # the file of a day holds that day and the five after it
        calendar = calendars.calendar_of(MARKET)
        first = calendar.day_interval(day).start
        last = calendar.day_interval(day + (_FORECAST_DAYS - 1) * _DAY).end
    return Coverage(report.dataset, MARKET, report.market_run, report.series, first, last, report.step)


def _request(report: Report, base_url: str, name: str, coverage: tuple[Coverage, ...]) -> Request:
    url = f"{base_url.rstrip('/')}/public/csv/{_FILES[report.id][0]}/{name}"
    return Request(feed="nyiso", report=report.id, url=url, name=name, coverage=coverage)


def _days(start: datetime, end: datetime) -> Iterator[tuple[date, datetime, datetime]]:
    calendar = calendars.calendar_of(MARKET)
    while start < end:
        day = calendar.operating_day(start)
        stop = min(calendar.day_interval(day).end, end)
        yield day, start, stop
        start = stop
