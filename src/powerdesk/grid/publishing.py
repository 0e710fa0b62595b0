"""From a network and its clearings to rows of the grid's datasets, as a market would publish them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.grid import datasets
from powerdesk.grid.clearing.rows import NO_OUTAGE
from powerdesk.store import schema

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from powerdesk.grid.clearing.result import Constraint
    from powerdesk.grid.types import FloatArray, Network
    from powerdesk.kernel.intervals import DeliveryInterval
    from powerdesk.store.dataset import Dataset

UPPER = 1
"""Direction of a clearing's constraint whose upper limit binds."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What a market calls things: its code, the location id of each bus (n_bus,) and its currency."""

    market: str
    locations: tuple[str, ...]
    currency: str = "USD"


def naming(network: Network, *, market: str) -> Naming:
    """Return names made of the buses' numbers."""
    return Naming(market, tuple(f"{market}:{number}" for number in network.buses.number.tolist()))


def networks(
    network: Network, *, names: Naming, since: datetime, layout: FloatArray, fuels: Sequence[str | None] | None = None
) -> pa.Table:
    """Return rows of grid.networks: the live buses at `layout` (n_bus, 2), branches in service and generators."""
    buses, branches, generators = network.buses, network.branches, network.generators
    at = np.flatnonzero(network.live)
    places = pa.array(names.locations)
    head = {"market": names.market, "network": network.name, "interval_start": since}
    bus_rows = _table(
        datasets.NETWORKS,
        {**head, "kind": datasets.BUS},
        {
            "element": pa.array(buses.number[at]).cast(pa.string()),
            "location": places.take(pa.array(at)),
            "x": pa.array(layout[at, 0]),
            "y": pa.array(layout[at, 1]),
            "base_kv": pa.array(buses.base_kv[at]),
        },
    )
    on = network.live_branches
    branch_rows = _table(
        datasets.NETWORKS,
        {**head, "kind": datasets.BRANCH},
        {
            "element": pa.array(branches.name).take(pa.array(on)),
            "from_bus": places.take(pa.array(branches.from_bus[on])),
            "to_bus": places.take(pa.array(branches.to_bus[on])),
            "rating_mw": _finite(branches.rating_mw[on]),
            "reactance_pu": pa.array(branches.reactance_pu[on]),
            "resistance_pu": pa.array(branches.resistance_pu[on]),
        },
    )
    made = network.live_generators
    generator_rows = _table(
        datasets.NETWORKS,
        {**head, "kind": datasets.GENERATOR},
        {
            "element": pa.array(generators.name).take(pa.array(made)),
            "location": places.take(pa.array(generators.bus[made])),
            "capacity_mw": _finite(generators.max_mw[made].clip(min=0.0)),
            "fuel": pa.array([None if fuels is None else fuels[one] for one in made.tolist()], pa.string()),
        },
    )
    return pa.concat_tables([bus_rows, branch_rows, generator_rows])


def constraints(network: Network, found: Sequence[Constraint], *, names: Naming, since: datetime) -> pa.Table:
    """Return rows of grid.constraints for the constraints that a clearing found, each once and limited both ways."""
    once = {one.name: one for one in found}
    branches = network.branches
    return _table(
        datasets.CONSTRAINTS,
        {"market": names.market, "interval_start": since, "direction": datasets.BOTH},
        {
            "constraint": pa.array(list(once), pa.string()),
            "monitored": pa.array([branches.name[one.branch] for one in once.values()], pa.string()),
            "contingency": pa.array(
                [None if one.outage == NO_OUTAGE else branches.name[one.outage] for one in once.values()], pa.string()
            ),
            "limit_mw": pa.array([abs(one.limit_mw) for one in once.values()], pa.float64()),
            "from_bus": pa.array(
                [names.locations[branches.from_bus[one.branch]] for one in once.values()], pa.string()
            ),
            "to_bus": pa.array([names.locations[branches.to_bus[one.branch]] for one in once.values()], pa.string()),
        },
    )


def shadow_prices(
    found: Sequence[Constraint], *, names: Naming, market_run: str, interval: DeliveryInterval
) -> pa.Table:
    """Return rows of grid.shadow_prices for one interval."""
    directions = [datasets.FROM_TO if one.direction == UPPER else datasets.TO_FROM for one in found]
    return _table(
        datasets.SHADOW_PRICES,
        {
            "market": names.market,
            "market_run": market_run,
            "interval_start": interval.start,
            "interval_end": interval.end,
            "currency": names.currency,
        },
        {
            "constraint": pa.array([one.name for one in found], pa.string()),
            "direction": pa.array(directions, pa.string()),
            "shadow_price_per_mwh": pa.array([one.shadow_price_usd_per_mwh for one in found], pa.float64()),
            "flow_mw": pa.array([one.flow_mw for one in found], pa.float64()),
            "limit_mw": pa.array([one.limit_mw for one in found], pa.float64()),
        },
    )


def shift_factors(
    found: Sequence[str], factors: FloatArray, *, names: Naming, since: datetime, reference: str
) -> pa.Table:
    """Return rows of grid.shift_factors from `factors` (n_constraint, n_location) in the order of `names.locations`.

    With losses the factors must be those of the weights at which losses are withdrawn: relative to any other reference
    they move with every dispatch (see `grid.prices`), and would not explain the intervals after.
    """
    count = len(names.locations)
    return _table(
        datasets.SHIFT_FACTORS,
        {"market": names.market, "interval_start": since, "reference": reference},
        {
            "constraint": pa.array(found, pa.string()).take(pa.array(np.repeat(np.arange(len(found)), count))),
            "location": pa.array(list(names.locations) * len(found), pa.string()),
            "shift_factor": pa.array(np.ascontiguousarray(factors).ravel(), pa.float64()),
        },
    )


def _table(declared: Dataset, same: dict[str, object], columns: dict[str, pa.Array]) -> pa.Table:
    """Return a table of a declaration's columns: one value for all rows, one for each, or null."""
    count = len(next(iter(columns.values())))
    fields = schema.own_fields(declared)
    arrays = [
        columns[field.name].cast(field.type)
        if field.name in columns
        else pa.repeat(pa.scalar(same.get(field.name), field.type), count)
        for field in fields
    ]
    return pa.table(arrays, schema=pa.schema(fields))


def _finite(values: FloatArray) -> pa.Array:
    """Return values with null where there is no limit."""
    return pc.if_else(pa.array(np.isfinite(values)), pa.array(values), pa.scalar(None, pa.float64()))
