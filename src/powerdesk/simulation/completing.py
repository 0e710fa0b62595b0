"""Tables of SIM's files in the columns of their datasets: what a file leaves to its first line and to its kind."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa

from powerdesk.grid import datasets as grid_datasets
from powerdesk.kernel.dtypes import Dtype
from powerdesk.simulation import datasets
from powerdesk.simulation.types import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from powerdesk.store.dataset import Dataset

MARKET = "SIM"
CURRENCY = "USD"
INSTANT = pa.timestamp("us", tz="UTC")
REFERENCE = "SIM:SYSTEM"
RUN_OF: Mapping[Kind, str] = MappingProxyType(
    {
        Kind.REAL_TIME_PRICES: "RT5",
        Kind.CORRECTED_PRICES: "RT5",
        Kind.DAY_AHEAD_PRICES: "DA",
        Kind.REAL_TIME_CONSTRAINTS: "RT5",
        Kind.CORRECTED_CONSTRAINTS: "RT5",
        Kind.TRUTH: "RT5",
        Kind.DAY_AHEAD_CONSTRAINTS: "DA",
        Kind.DAY_AHEAD_FORECASTS: "DAM",
        Kind.HOURLY_FORECASTS: "HOURLY",
    }
)
"""Price run, or forecast run, of each kind of file that has one."""

ELEMENTS: Mapping[str, str] = MappingProxyType(
    {"buses": grid_datasets.BUS, "branches": grid_datasets.BRANCH, "generators": grid_datasets.GENERATOR}
)
DECLARED: Mapping[str, Dataset] = MappingProxyType(
    {
        "shadow_prices": grid_datasets.SHADOW_PRICES,
        "flows": grid_datasets.FLOWS,
        "truth": datasets.TRUTH,
        "constraints": grid_datasets.CONSTRAINTS,
        "shift_factors": grid_datasets.SHIFT_FACTORS,
        **dict.fromkeys(ELEMENTS, grid_datasets.NETWORKS),
    }
)
NULLS_OF = {Dtype.TEXT: pa.string(), Dtype.FLOAT64: pa.float64()}
_PARTS = ("price", "energy", "congestion", "loss")


@dataclass(frozen=True, slots=True)
class Head:
    """The facts of a file's first line."""

    kind: Kind
    published_at: datetime
    stage: str


def completed(rows: pa.Table, table_name: str, head: Head) -> pa.Table:
    """Return the rows in the columns of their dataset, with `published_at` and `stage`."""
    count = rows.num_rows
    said = {
        "published_at": pa.repeat(pa.scalar(head.published_at, INSTANT), count),
        "stage": pa.repeat(head.stage, count),
    }
    if table_name in DECLARED:
        return pa.table(_of_grid(rows, table_name, head) | said)
    found = {"market": pa.repeat(MARKET, count)}
    span = {name: rows[name] for name in ("interval_start", "interval_end")}
    if table_name == "prices":
        parts = {f"{part}_per_mwh": rows[part] for part in _PARTS}
        found |= {"market_run": pa.repeat(RUN_OF[head.kind], count), "location": rows["location"], **span, **parts}
        found |= {"ghg_per_mwh": pa.nulls(count, pa.float64()), "currency": pa.repeat(CURRENCY, count)}
        return pa.table(found | said)
    found["location"] = rows["location"]
    if "fuel" in rows.column_names:
        found["fuel"] = rows["fuel"]
    if head.kind in RUN_OF:
        found["forecast_run"] = pa.repeat(RUN_OF[head.kind], count)
    quantity = rows.column_names[-1]
    return pa.table(found | span | {quantity: rows[quantity]} | said)


def _of_grid(rows: pa.Table, table_name: str, head: Head) -> dict[str, pa.Array]:
    """Return the columns that the dataset declares, null where the table has none of the name."""
    count = rows.num_rows
    given = {name: rows[name] for name in rows.column_names}
    given["market"] = pa.repeat(MARKET, count)
    given["currency"] = pa.repeat(CURRENCY, count)
    if head.kind in RUN_OF:
        given["market_run"] = pa.repeat(RUN_OF[head.kind], count)
    if table_name in ELEMENTS:
        given |= {"network": pa.repeat(MARKET, count), "kind": pa.repeat(ELEMENTS[table_name], count)}
    elif table_name == "constraints":
        given |= {"monitored": rows["constraint"], "direction": pa.repeat(grid_datasets.BOTH, count)}
    elif table_name == "shift_factors":
        given["reference"] = pa.repeat(REFERENCE, count)
    elif table_name == "shadow_prices":
        given["shadow_price_per_mwh"] = rows["shadow_price"]
    columns = DECLARED[table_name].columns
    return {one.name: given[one.name] if one.name in given else pa.nulls(count, NULLS_OF[one.dtype]) for one in columns}
