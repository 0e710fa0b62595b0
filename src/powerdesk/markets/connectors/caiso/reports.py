"""What is asked of OASIS and how: one GET per operating day for hubs and load points, in GMT. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from powerdesk.kernel import calendars
from powerdesk.markets import locations
from powerdesk.markets.types import Coverage, Report, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKET = "CAISO"
BASE_URL = "https://oasis.caiso.com"
PATH = "/oasisapi/SingleZip"
SECONDS_PER_REQUEST = 5.0
RETENTION = timedelta(days=39 * 30)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_PRICED = tuple(location.id for location in (*locations.CAISO_HUBS, *locations.CAISO_DLAPS))
_NODES = ",".join(location.name for location in (*locations.CAISO_HUBS, *locations.CAISO_DLAPS))
_HUB_FUELS = tuple(f"{hub.id}/{fuel}" for hub in locations.CAISO_FORECAST_HUBS for fuel in ("solar", "wind"))


def _report(  # noqa: PLR0913 - a row of the table below
    name: str,
    title: str,
    dataset: str,
    run: str,
    *,
    step: int,
    cadence: int,
    window: timedelta,
    series: tuple[str, ...],
    ahead: bool = False,
) -> Report:
    return Report(
        name, title, dataset, run, timedelta(minutes=step), timedelta(minutes=cadence), window, series, ahead=ahead
    )


_PRICES = "markets.prices"
REPORTS: tuple[Report, ...] = (
    _report("da-prices", "Day-ahead LMP", _PRICES, "DA", step=60, cadence=30, window=_DAY, series=_PRICED, ahead=True),
    _report("fmm-prices", "15-minute LMP", _PRICES, "FMM", step=15, cadence=15, window=_HOUR, series=_PRICED),
    _report("rt5-prices", "5-minute LMP", _PRICES, "RT5", step=5, cadence=5, window=_HOUR, series=_PRICED),
    _report("load", "Demand", "markets.load", "", step=60, cadence=60, window=_DAY, series=(locations.CAISO_LOAD.id,)),
    _report(
        "load-forecast",
        "Day-ahead demand forecast",
        "markets.load_forecast",
        "DAM",
        step=60,
        cadence=360,
        window=_DAY,
        series=(locations.CAISO_LOAD.id,),
        ahead=True,
    ),
    _report(
        "renewables-forecast",
        "Day-ahead wind and solar forecast",
        "markets.renewables_forecast",
        "DAM",
        step=60,
        cadence=360,
        window=_DAY,
        series=_HUB_FUELS,
        ahead=True,
    ),
)
_QUERIES: dict[str, tuple[tuple[str, str], ...]] = {
    "da-prices": (("queryname", "PRC_LMP"), ("version", "12"), ("market_run_id", "DAM"), ("node", _NODES)),
    "fmm-prices": (("queryname", "PRC_RTPD_LMP"), ("version", "3"), ("market_run_id", "RTPD"), ("node", _NODES)),
    "rt5-prices": (("queryname", "PRC_INTVL_LMP"), ("version", "3"), ("market_run_id", "RTM"), ("node", _NODES)),
    "load": (("queryname", "SLD_FCST"), ("version", "1"), ("market_run_id", "ACTUAL")),
    "load-forecast": (("queryname", "SLD_FCST"), ("version", "1"), ("market_run_id", "DAM")),
    "renewables-forecast": (("queryname", "SLD_REN_FCST"), ("version", "1"), ("market_run_id", "DAM")),
}


def requests(report: Report, *, base_url: str, start: datetime, end: datetime, now: datetime) -> tuple[Request, ...]:
    """Return the GETs that cover [start, end), cut at operating days: one for each day or part of a day.

    `now` is not needed here (OASIS serves all of its history the same way); every connector has this signature.
    """
    del now
    return tuple(
        Request(
            feed="caiso",
            report=report.id,
            url=base_url.rstrip("/") + PATH,
            params=(
                *_QUERIES[report.id],
                ("startdatetime", _gmt(first)),
                ("enddatetime", _gmt(last)),
                ("resultformat", "6"),
            ),
            coverage=(Coverage(report.dataset, MARKET, report.market_run, report.series, first, last, report.step),),
        )
        for first, last in _days(start, end)
    )


def _days(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    calendar = calendars.calendar_of(MARKET)
    while start < end:
        day = calendar.operating_day(start)
        stop = min(calendar.day_interval(day).end, end)
        yield start, stop
        start = stop


def _gmt(instant: datetime) -> str:
    return f"{instant:%Y%m%dT%H:%M}-0000"
