"""The datasets of the markets: prices, load, forecasts and generation, as declared facts."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.kernel import calendars, local_times
from powerdesk.kernel.dtypes import Dtype
from powerdesk.store.dataset import Cadence, Column, Dataset, Freshness, Licence, PublicationRule, SumRule

if TYPE_CHECKING:
    from collections.abc import Mapping

CAISO_OASIS, CAISO_OUTLOOK, MISO_REPORTS, NYISO_MIS, NYISO_OASIS, SIMULATED = (
    "caiso-oasis",
    "caiso-outlook",
    "miso-reports",
    "nyiso-mis",
    "nyiso-oasis",
    "sim",
)
SOURCES = (CAISO_OASIS, MISO_REPORTS, NYISO_MIS, SIMULATED, CAISO_OUTLOOK, NYISO_OASIS)
DAY_AHEAD_RUN = "DA"
DAY_AHEAD_POSTED: Mapping[str, time] = {"CAISO": time(13), "NYISO": time(11), "SIM": time(13)}
"""Local time on the day before at which day-ahead results are public."""
AT_INTERVAL_START = frozenset({("CAISO", "RT5")})
"""CAISO publishes the five-minute dispatch before its interval begins; other real-time runs are known at its end."""
ADVISORY_RUNS = frozenset({"FMM", "HASP", "RTC", "RUC"})
"""Runs that clear ahead of delivery at times this rule does not know: receipt counts, unless the file has a stamp."""
_INSTANT = pa.timestamp("us", tz="UTC")
_ONE_DAY = timedelta(days=1)


def price_instants(rows: pa.Table) -> pa.Array:
    """Return when prices were knowable, timestamp[us, UTC] (n,), null for runs and markets without a rule.

    Works per distinct (market, run, interval): O(n) with few distinct intervals.
    """
    names = ("market", "market_run", "interval_start", "interval_end")
    codes, distinct = _distinct(rows, names)
    answers = [_price_instant(*values) for values in zip(*(distinct[name] for name in names), strict=True)]
    return pa.array(answers, _INSTANT).take(pa.array(codes))


def _price_instant(market: str, run: str, start: datetime, end: datetime) -> datetime | None:
    posted = DAY_AHEAD_POSTED.get(market)
    if posted is None or run in ADVISORY_RUNS:
        return None
    if run == DAY_AHEAD_RUN:
        zone = local_times.zone_of(calendars.calendar_of(market).zone)
        day_before = start.astimezone(zone).date() - _ONE_DAY
        return datetime.combine(day_before, posted, zone)
    return start if (market, run) in AT_INTERVAL_START else end


def _distinct(rows: pa.Table, names: tuple[str, ...]) -> tuple[np.ndarray, dict[str, list[object]]]:
    """Return a code (n,) per row and the distinct combinations behind the codes."""
    key = np.zeros(rows.num_rows, dtype=np.int64)
    for name in names:
        column = rows.column(name)
        encoded = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if not pa.types.is_dictionary(encoded.type):
            encoded = pc.dictionary_encode(encoded)
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        key = key * max(len(encoded.dictionary), 1) + encoded.indices.to_numpy(zero_copy_only=False)
    _, first, codes = np.unique(key, return_index=True, return_inverse=True)
    chosen = rows.select(list(names)).take(pa.array(first))
    return codes, {name: chosen.column(name).to_pylist() for name in names}


def at_interval_end(rows: pa.Table) -> pa.Array:
    """Return interval_end: a measurement is knowable when its interval is over."""
    return rows.column("interval_end").combine_chunks()


def no_rule(rows: pa.Table) -> pa.Array:
    """Return nulls: without the source's own stamp, receipt counts."""
    return pa.nulls(rows.num_rows, _INSTANT)


_CAISO_TERMS = "public market data of the California ISO under its site's terms; no open licence is stated"
_MISO_TERMS = "public market reports of the Midcontinent ISO, read without a key; no open licence is known to us"
_NYISO_TERMS = "public market information of the New York ISO; its legal notice grants no licence"


def _licence(source: str, market: str, name: str, attribution: str) -> Licence:
    """Return the class of public ISO data: own use and derived numbers, no passing on of the raw rows."""
    return Licence(
        source=source,
        market=market,
        name=name,
        redistribute=False,
        derive=True,
        attribution=attribution,
        strictness=1,
    )


LICENCES = (
    _licence(CAISO_OASIS, "CAISO", _CAISO_TERMS, "Source: California ISO OASIS; subject to change without notice"),
    _licence(CAISO_OUTLOOK, "CAISO", _CAISO_TERMS, "Source: California ISO outlook; subject to change without notice"),
    _licence(MISO_REPORTS, "MISO", _MISO_TERMS, "Source: MISO market reports"),
    _licence(NYISO_MIS, "NYISO", _NYISO_TERMS, "Source: New York ISO, market information system"),
    _licence(NYISO_OASIS, "NYISO", _NYISO_TERMS, "Source: New York ISO OASIS"),
    Licence(
        source=SIMULATED,
        market="SIM",
        name="made by this software",
        redistribute=True,
        derive=True,
        attribution="Simulated market, no real data",
    ),
)

_MARKET = Column("market", Dtype.TEXT, "market that published the row", key=True)
_LOCATION = Column("location", Dtype.TEXT, "location id MARKET:NAME", key=True)
_START = Column("interval_start", Dtype.INSTANT, "start of the delivery interval, inclusive", key=True)
_END = Column("interval_end", Dtype.INSTANT, "end of the delivery interval, exclusive")
_FUEL = Column("fuel", Dtype.TEXT, "the market's own fuel category, in lower case with underscores", key=True)
_FORECAST_RUN = Column(
    "forecast_run", Dtype.TEXT, "which of the market's forecasts: 7DA, 2DA, DAM, RTD, RTPD, ISOLF, ...", key=True
)


def _part(name: str, meaning: str, *, nullable: bool = True) -> Column:
    return Column(
        f"{name}_per_mwh", Dtype.FLOAT64, meaning, unit="currency/MWh", nullable=nullable, low=-100_000, high=100_000
    )


def _power(name: str, meaning: str) -> Column:
    return Column(name, Dtype.FLOAT64, meaning, unit="MW", low=-1_000_000, high=1_000_000)


PRICES = Dataset(
    id="markets.prices",
    title="Locational marginal prices",
    meaning="Price of energy at a location in one delivery interval of one market run, with its parts as published.",
    grain="one row per market, market run, location and delivery interval",
    columns=(
        _MARKET,
        Column("market_run", Dtype.TEXT, "DA, RT5, RT15, FMM, HASP, RTC, RUC: which clearing", key=True),
        _LOCATION,
        _START,
        _END,
        _part("price", "locational marginal price", nullable=False),
        _part("energy", "energy part, the same at every location of an interval"),
        _part("congestion", "congestion part; positive raises the price (NYISO publishes the opposite sign)"),
        _part("loss", "part for marginal losses"),
        _part("ghg", "greenhouse-gas part, CAISO only"),
        Column("currency", Dtype.TEXT, "currency of the price columns", allowed=("USD",)),
    ),
    publication=PublicationRule(
        name="markets.price-publication",
        meaning=(
            "Day-ahead: 13:00 local on the day before for CAISO and SIM, 11:00 local for NYISO. CAISO five-minute: the "
            "start of the interval; other real-time runs: its end. Advisory runs (FMM, HASP, RTC, RUC) and MISO, "
            "which has no connector yet: receipt."
        ),
        instants=price_instants,
    ),
    product="prices",
    freshness=Freshness(late_after=timedelta(minutes=15), stale_after=timedelta(hours=1)),
    licences=LICENCES,
    sources=SOURCES,
    sum_rule=SumRule(
        total="price_per_mwh",
        parts=("energy_per_mwh", "congestion_per_mwh", "loss_per_mwh", "ghg_per_mwh"),
        required=("energy_per_mwh", "congestion_per_mwh", "loss_per_mwh"),
        # CAISO rounds five published numbers; NYISO's energy part is derived, so its parts add exactly;
        # SIM computes its parts and prints them to 1e-6.
        tolerance={"CAISO": 0.02, "NYISO": 1e-6, "SIM": 1e-5},
    ),
    cadence=Cadence(
        by=("market", "market_run"),
        minutes={
            ("CAISO", "DA"): 60,
            ("CAISO", "FMM"): 15,
            ("CAISO", "RT5"): 5,
            ("MISO", "DA"): 60,
            ("MISO", "RT5"): 5,
            ("NYISO", "DA"): 60,
            ("NYISO", "RT5"): 5,
            ("NYISO", "RTC"): 15,
            ("SIM", "DA"): 60,
            ("SIM", "RT5"): 5,
        },
    ),
)

LOAD = Dataset(
    id="markets.load",
    title="Actual load",
    meaning="Measured or telemetered demand of an area, averaged over or sampled in the interval.",
    grain="one row per market, location and interval",
    columns=(_MARKET, _LOCATION, _START, _END, _power("load_mw", "demand of the area")),
    publication=PublicationRule(
        name="markets.measurement", meaning="The end of the interval.", instants=at_interval_end
    ),
    product="load",
    cadence=Cadence(by=("market",), minutes={("CAISO",): 60, ("NYISO",): 5, ("SIM",): 5}),
    freshness=Freshness(late_after=timedelta(minutes=20), stale_after=timedelta(hours=2)),
    licences=LICENCES,
    sources=SOURCES,
)

LOAD_FORECAST = Dataset(
    id="markets.load_forecast",
    title="Load forecasts",
    meaning="The market's own forecast of demand; each issue is a new belief about the same interval.",
    grain="one row per market, location, forecast run and interval",
    columns=(_MARKET, _LOCATION, _FORECAST_RUN, _START, _END, _power("load_mw", "forecast demand of the area")),
    publication=PublicationRule(
        name="markets.issue-stamp",
        meaning="The source's issue stamp where the payload has one, otherwise receipt.",
        instants=no_rule,
    ),
    product="load",
    freshness=Freshness(late_after=timedelta(hours=26), stale_after=timedelta(hours=50)),
    licences=LICENCES,
    sources=SOURCES,
)

GENERATION = Dataset(
    id="markets.generation",
    title="Generation by fuel",
    meaning="Power generated by fuel category in an area; negative where the category consumes, as batteries do.",
    grain="one row per market, location, fuel and interval",
    columns=(_MARKET, _LOCATION, _FUEL, _START, _END, _power("power_mw", "generation, + injects into the grid")),
    publication=PublicationRule(
        name="markets.measurement", meaning="The end of the interval.", instants=at_interval_end
    ),
    product="generation",
    cadence=Cadence(by=("market",), minutes={("CAISO",): 5, ("NYISO",): 5, ("SIM",): 5}),
    freshness=Freshness(late_after=timedelta(minutes=20), stale_after=timedelta(hours=2)),
    licences=LICENCES,
    sources=SOURCES,
)

RENEWABLES_FORECAST = Dataset(
    id="markets.renewables_forecast",
    title="Wind and solar forecasts",
    meaning="The market's own forecast of wind and solar generation; each issue is a new belief.",
    grain="one row per market, location, fuel, forecast run and interval",
    columns=(_MARKET, _LOCATION, _FUEL, _FORECAST_RUN, _START, _END, _power("power_mw", "forecast generation")),
    publication=PublicationRule(
        name="markets.issue-stamp",
        meaning="The source's issue stamp where the payload has one, otherwise receipt.",
        instants=no_rule,
    ),
    product="generation",
    freshness=Freshness(late_after=timedelta(hours=26), stale_after=timedelta(hours=50)),
    licences=LICENCES,
    sources=SOURCES,
)

DATASETS: tuple[Dataset, ...] = (PRICES, LOAD, LOAD_FORECAST, GENERATION, RENEWABLES_FORECAST)
