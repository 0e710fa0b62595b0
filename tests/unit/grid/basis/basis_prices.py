"""Rows of markets.prices for tests, and the published ones where a checkout has the data beside it."""

from __future__ import annotations

import gzip
from datetime import datetime
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from powerdesk.kernel import local_times

ISO = Path(__file__).resolve().parents[5] / "shared" / "data" / "iso"
INSTANT = pa.timestamp("us", tz="UTC")
HOUR_US = 3_600_000_000
NEW_YORK = "America/New_York"


def table(start_us: np.ndarray, prices: dict[str, np.ndarray], *, minutes: int = 60, **columns: object) -> pa.Table:
    """Return rows of one run: `prices` (n,) by location for intervals that start at `start_us` (n,); NaN is no row."""
    parts = []
    for location, values in prices.items():
        held = np.flatnonzero(np.isfinite(values))
        start = start_us[held]
        parts.append(
            pa.table(
                {
                    "market": pa.array(["NYISO"] * held.size, pa.string()),
                    "market_run": pa.array(["DA"] * held.size, pa.string()),
                    "location": pa.array([location] * held.size, pa.string()),
                    "interval_start": pa.array(start, INSTANT),
                    "interval_end": pa.array(start + minutes * 60_000_000, INSTANT),
                    "price_per_mwh": values[held],
                    "currency": pa.array(["USD"] * held.size, pa.string()),
                    **{name: np.asarray(value[location])[held] for name, value in columns.items()},  # type: ignore[index]  # by location
                }
            )
        )
    return pa.concat_tables(parts)


def hours_from(first: str, count: int, *, zone: str = NEW_YORK) -> np.ndarray:
    """Return starts of `count` hours in UTC, the first at midnight of a local day."""
    begin = np.array([np.datetime64(first, "us")])
    at = local_times.local_to_utc(begin, zone=zone, ambiguity="refuse").astype(np.int64)[0]
    return at + HOUR_US * np.arange(count, dtype=np.int64)


@cache
def nyiso_zones() -> pa.Table:
    """Return the day-ahead prices of eleven zones, January to March 2025, with the day of 23 hours."""
    path = ISO / "nyiso" / "dam_rtm_spread_load_11zones_2025Q1.parquet"
    if not path.is_file():
        pytest.skip(f"{path.name} is not beside the checkout: put the recorded prices into shared/data/iso/nyiso")
    rows = pq.read_table(path)
    local = rows["Time"].to_numpy().astype("datetime64[us]")
    start = local_times.local_to_utc(local, zone=NEW_YORK, ambiguity="refuse").astype(np.int64)
    names = rows["Location"].to_numpy(zero_copy_only=False)
    order = {str(name): np.flatnonzero(names == name) for name in np.unique(names.astype(str))}
    price = rows["LMP_DAM"].to_numpy()
    return pa.concat_tables([table(start[at], {name: price[at]}) for name, at in order.items()])


@cache
def caiso_node() -> pa.Table:
    """Return a node's fifteen-minute prices of 2020 with parts, and its energy part as the price at `REFERENCE`."""
    path = ISO / "caiso" / "node_STANDFD2_rt15_2020.parquet"
    if not path.is_file():
        pytest.skip(f"{path.name} is not beside the checkout: put the recorded prices into shared/data/iso/caiso")
    rows = pq.read_table(path)
    start = rows["interval_start_utc"].cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    nothing = np.zeros(start.size)
    return table(
        start,
        {"NODE": rows["lmp"].to_numpy(), "REFERENCE": rows["energy"].to_numpy()},
        minutes=15,
        congestion_per_mwh={"NODE": rows["congestion"].to_numpy(), "REFERENCE": nothing},
        loss_per_mwh={"NODE": rows["loss"].to_numpy(), "REFERENCE": nothing},
    )


@cache
def pjm_hubs() -> pa.Table:
    """Return the day-ahead prices of twelve hubs with their parts, May to July 2025."""
    path = ISO / "pjm" / "da_hrl_lmps_12hubs_2025-05-01_2025-08-01.csv.gz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not beside the checkout: put the recorded prices into shared/data/iso/pjm")
    with gzip.open(path) as file:
        rows = csv.read_csv(file)
    stamps = rows["datetime_beginning_utc"].to_pylist()
    form = "%m/%d/%Y %I:%M:%S %p"
    start = np.array([datetime.strptime(one, form).isoformat() for one in stamps], "datetime64[us]").astype(np.int64)  # noqa: DTZ007 - UTC by its name
    names = np.array(rows["pnode_name"].to_pylist())
    at = {str(name): np.flatnonzero(names == name) for name in np.unique(names)}

    def by_hub(column: str) -> dict[str, np.ndarray]:
        values = rows[column].to_numpy()
        return {name: values[chosen] for name, chosen in at.items()}

    price, congestion, loss = (by_hub(f"{one}_da") for one in ("total_lmp", "congestion_price", "marginal_loss_price"))
    return pa.concat_tables(
        [
            table(
                start[chosen],
                {name: price[name]},
                congestion_per_mwh={name: congestion[name]},
                loss_per_mwh={name: loss[name]},
            )
            for name, chosen in at.items()
        ]
    )
