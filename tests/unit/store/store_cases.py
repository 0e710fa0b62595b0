"""A small dataset and batches of it, for the store's tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.kernel.dtypes import Dtype
from powerdesk.store import schema
from powerdesk.store.dataset import Cadence, Column, Dataset, Freshness, Licence, PublicationRule, SumRule

T0 = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _at_end(rows: pa.Table) -> pa.Array:
    return rows.column("interval_end").combine_chunks()


PRICES = Dataset(
    id="test.prices",
    title="Test prices",
    meaning="prices that tests make up",
    grain="market, location, interval",
    columns=(
        Column("market", Dtype.TEXT, "market", key=True),
        Column("location", Dtype.TEXT, "where", key=True),
        Column("interval_start", Dtype.INSTANT, "start", key=True),
        Column("interval_end", Dtype.INSTANT, "end"),
        Column("price_per_mwh", Dtype.FLOAT64, "price", unit="USD/MWh", low=-5000, high=10000),
        Column("energy_per_mwh", Dtype.FLOAT64, "energy part", unit="USD/MWh", nullable=True),
        Column("loss_per_mwh", Dtype.FLOAT64, "loss part", unit="USD/MWh", nullable=True),
        Column("currency", Dtype.TEXT, "currency", allowed=("USD",)),
    ),
    publication=PublicationRule("at-end", "when the interval ends", _at_end),
    product="prices",
    freshness=Freshness(late_after=timedelta(minutes=10), stale_after=timedelta(hours=2)),
    licences=(Licence("test", "AAA", "made up", redistribute=True, derive=True, attribution="nobody"),),
    sum_rule=SumRule("price_per_mwh", ("energy_per_mwh", "loss_per_mwh"), ("energy_per_mwh", "loss_per_mwh")),
    cadence=Cadence(by=("market",), minutes={("AAA",): 60}),
)


def row(hour: int, price: float | None, *, location: str = "AAA:X", **other: Any) -> dict[str, Any]:
    """Return one entry row for the hour-th hour."""
    start = T0 + hour * HOUR
    return {
        "market": location.partition(":")[0],
        "location": location,
        "interval_start": start,
        "interval_end": start + HOUR,
        "price_per_mwh": price,
        "energy_per_mwh": None,
        "loss_per_mwh": None,
        "currency": "USD",
        "published_at": None,
        "stage": "",
        "reason": None,
        **other,
    }


ENTRY = pa.schema([*schema.own_fields(PRICES), *schema.ENTRY_COLUMNS])


def batch(*rows: dict[str, Any]) -> pa.Table:
    """Return rows as an entry table."""
    fields = [pa.field(field.name, field.type) for field in ENTRY]
    return pa.Table.from_pylist(list(rows), schema=pa.schema(fields))


def published(table: pa.Table) -> list[Any]:
    """Return the publication stamps."""
    return pc.cast(table.column("published_at"), schema.INSTANT).to_pylist()
