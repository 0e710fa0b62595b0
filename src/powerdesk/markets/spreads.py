"""Day-ahead less real time, hour by hour: what virtual trades and re-dispatch earn."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.kernel.dtypes import Dtype
from powerdesk.markets import datasets
from powerdesk.store.dataset import Cadence, Column, Dataset, Freshness, PublicationRule
from powerdesk.store.lineage import Calculation, Schedule
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

HOUR = timedelta(hours=1)
HOUR_US = HOUR // timedelta(microseconds=1)
DAY_AHEAD, REAL_TIME = "day_ahead", "real_time"
_KEY = ("market", "location", "interval_start")


def _price(name: str, meaning: str) -> Column:
    return Column(name, Dtype.FLOAT64, meaning, unit="currency/MWh", low=-200_000, high=200_000)


DART_SPREADS = Dataset(
    id="markets.dart_spreads",
    title="Day-ahead less real-time price",
    meaning=(
        "Day-ahead price less the mean of the hour's five-minute real-time prices, each weighted by its duration. "
        "Only hours whose real-time prices cover them wholly, once."
    ),
    grain="one row per market, location and hour",
    columns=(
        *(datasets.PRICES.column(name) for name in (*_KEY, "interval_end")),
        _price("dart_per_mwh", "day-ahead less real time; positive where the day-ahead market paid more"),
        _price("day_ahead_per_mwh", "day-ahead price of the hour"),
        _price("real_time_per_mwh", "mean real-time price of the hour"),
        datasets.PRICES.column("currency"),
    ),
    publication=PublicationRule(
        name="markets.newest-input",
        meaning="When the last of the prices it is made of was published.",
        instants=datasets.no_rule,
    ),
    product="prices",
    freshness=Freshness(late_after=timedelta(hours=2), stale_after=timedelta(hours=6)),
    licences=datasets.LICENCES,
    cadence=Cadence(by=("market",), minutes={("CAISO",): 60, ("NYISO",): 60, ("SIM",): 60}),
    inputs=(datasets.PRICES.id,),
)


def dart_spreads(inputs: Mapping[str, pa.Table], parameters: Mapping[str, str], seed: int | None) -> pa.Table:
    """Return rows of markets.dart_spreads in key order, each with the stamp of its newest input; O(n log n).

    `day_ahead` and `real_time` hold market, location, interval_start, interval_end, price_per_mwh, currency and
    published_at. NaN and null do not occur in them but for retractions, whose hours are left out.
    """
    del parameters, seed
    hourly = _hourly(inputs[REAL_TIME].filter(pc.is_valid(inputs[REAL_TIME]["price_per_mwh"])))
    day_ahead = inputs[DAY_AHEAD].filter(pc.is_valid(inputs[DAY_AHEAD]["price_per_mwh"]))
    both = day_ahead.join(hourly, keys=[*_KEY, "currency"], right_keys=[*_KEY, "currency"], join_type="inner")
    both = both.sort_by([(name, "ascending") for name in _KEY])
    ahead, real = both["published_at"], both["real_time_published_at"]
    return pa.table(
        {
            **{name: both[name] for name in (*_KEY, "interval_end")},
            "dart_per_mwh": pc.subtract(both["price_per_mwh"], both["real_time_per_mwh"]),
            "day_ahead_per_mwh": both["price_per_mwh"],
            "real_time_per_mwh": both["real_time_per_mwh"],
            "currency": both["currency"],
            "published_at": pc.if_else(pc.greater(ahead, real), ahead, real),
        }
    )


def _hourly(prices: pa.Table) -> pa.Table:
    """Return the mean price of every hour that the intervals cover exactly, with the newest stamp among them."""
    duration_us = pc.subtract(prices["interval_end"].cast(pa.int64()), prices["interval_start"].cast(pa.int64()))
    weighed = pa.table(
        {
            **{name: prices[name] for name in ("market", "location", "currency")},
            "interval_start": pc.floor_temporal(prices["interval_start"], unit="hour"),
            "duration_us": duration_us,
            "weighted": pc.multiply(prices["price_per_mwh"], duration_us.cast(pa.float64())),
            "published_at": prices["published_at"],
        }
    )
    # One thread: a sum of floats depends on its order, and the same inputs must give the same bytes.
    summed = weighed.group_by([*_KEY, "currency"], use_threads=False).aggregate(
        [("duration_us", "sum"), ("weighted", "sum"), ("published_at", "max")]
    )
    whole = summed.filter(pc.equal(summed["duration_us_sum"], HOUR_US))
    mean = pc.divide(whole["weighted_sum"], float(HOUR_US))
    named = whole.select([*_KEY, "currency"]).append_column("real_time_per_mwh", mean)
    return named.append_column("real_time_published_at", whole["published_at_max"])


def reads(market: str, start: datetime, end: datetime) -> dict[str, Request]:
    """Return the two reads for whole hours of a market."""
    columns = ("interval_end", "price_per_mwh", "currency", "published_at")
    return {
        name: Request(
            dataset=datasets.PRICES.id,
            within={"market": (market,), "market_run": (run,)},
            start=start,
            end=end,
            columns=columns,
        )
        for name, run in ((DAY_AHEAD, datasets.DAY_AHEAD_RUN), (REAL_TIME, "RT5"))
    }


CALCULATION = Calculation(
    name=DART_SPREADS.id,
    version=1,
    dataset=DART_SPREADS.id,
    compute=dart_spreads,
    schedule=Schedule(window=HOUR, reads=reads),
)
