"""What SIM publishes of its grid: the network, its constraints and shift factors, shadow prices, and the truth.

Shift factors are relative to SIM:SYSTEM, the reference of the parts of prices, so congestion is the sum over binding
constraints of sign x shadow price x shift factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from powerdesk.grid import datasets as grid_datasets
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel
from powerdesk.kernel.intervals import format_instant
from powerdesk.simulation import datasets, dispatch, places, ratings, technology

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from powerdesk.simulation.dispatch import Cleared
    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]

LEAST_FACTOR = 5e-6
"""Shift factors are published to five digits; smaller ones are left out, which says that they are zero."""

LARGE_FACTORS, LEAST_OF_LARGE = 100_000, 5e-3
"""With more factors than that in a set, smaller ones are left out: 2 000 lines have 2.7 million in each set."""


def network_tables(world: World, *, seed: int, start: datetime, lines_out: tuple[int, ...]) -> dict[str, pa.Table]:
    """Return buses, branches, generators, constraints and shift factors as they hold from `start`."""
    grid, units = world.network, world.units
    ids = [f"{places.MARKET}:{name}" for name in world.buses]
    ends = [ids[at] for at in grid.branches.from_bus], [ids[at] for at in grid.branches.to_bus]
    rating = ratings.rating_mw(world, seed=seed, at_s=int(start.timestamp()), issued_at_s=None)
    across, up = _scaled(world.longitude), _scaled(world.latitude)
    fuels = [technology.TRAITS[one].fuel for one in units.technology]
    found = {
        "buses": {"element": world.buses, "location": ids, "x": across, "y": up, "base_kv": grid.buses.base_kv},
        "branches": {
            "element": world.lines,
            "from_bus": ends[0],
            "to_bus": ends[1],
            "rating_mw": grid.branches.rating_mw,
            "reactance_pu": grid.branches.reactance_pu.round(7),
            "resistance_pu": grid.branches.resistance_pu.round(7),
        },
        "generators": {
            "element": units.names,
            "location": [ids[at] for at in units.bus],
            "capacity_mw": units.capacity_mw,
            "fuel": fuels,
        },
        "constraints": {"constraint": world.lines, "limit_mw": rating, "from_bus": ends[0], "to_bus": ends[1]},
        "shift_factors": _shift_factors(world, lines_out),
    }
    since = format_instant(start)
    return {name: _since(pa.table(columns), since) for name, columns in found.items()}


def _since(rows: pa.Table, since: str) -> pa.Table:
    return rows.append_column("interval_start", pa.repeat(since, rows.num_rows))


def _scaled(degrees: FloatArray) -> FloatArray:
    """Return places between 0 and 1 with a margin."""
    span = float(degrees.max() - degrees.min()) or 1.0
    scaled: FloatArray = (0.04 + 0.92 * (degrees - degrees.min()) / span).round(4)
    return scaled


def _shift_factors(world: World, lines_out: tuple[int, ...]) -> dict[str, pa.Array | list[str] | FloatArray]:
    """Return the factors of every priced place of the world on every line in service."""
    whole = dispatch.without(world.network, lines_out)
    sensitivities = Sensitivities(whole, model=BranchModel.MATPOWER)
    factors = sensitivities.ptdf(np.arange(len(world.lines)), weights=world.system_weights)
    found = places.places(world, size=places.natural_count(world))
    by_place = np.concatenate((factors @ found.weights.T, factors[:, found.point_bus]), axis=1).round(5) + 0.0
    line, place = np.nonzero(np.abs(by_place) >= (LEAST_FACTOR if by_place.size <= LARGE_FACTORS else LEAST_OF_LARGE))
    names, ids = pa.array(world.lines), pa.array(found.ids)
    return {
        "constraint": names.take(pa.array(line)),
        "location": ids.take(pa.array(place)),
        "shift_factor": by_place[line, place],
    }


@dataclass(frozen=True, slots=True)
class _Fact:
    kind: str
    element: str
    value: float
    unit: str


def shadow_prices(cleared: Iterable[Cleared], *, first: Iterable[Cleared] = ()) -> pa.Table:
    """Return a row per line that binds; lines that bound only in the `first` clearings of the intervals get a 0."""
    rows = []
    earlier = {one.interval: one for one in first}
    for one in cleared:
        binding = {(limit.line, limit.direction): limit.shadow_price_usd_per_mwh for limit in one.binding}
        position = {limit.line: limit.position for limit in one.binding}
        before = earlier[one.interval].binding if one.interval in earlier else ()
        for limit in before:
            if limit.line not in position:
                binding[limit.line, limit.direction] = 0.0
                position[limit.line] = limit.position
        for (line, direction), price in sorted(binding.items()):
            at = position[line]
            rating = direction * float(one.standing.rating_mw[at])
            rows.append((line, one, direction, price, float(one.flows_mw[at]), rating))
    return pa.table(
        {
            "constraint": pa.array([row[0] for row in rows], pa.string()),
            **_spans([row[1] for row in rows]),
            "direction": pa.array(
                [grid_datasets.FROM_TO if row[2] > 0 else grid_datasets.TO_FROM for row in rows], pa.string()
            ),
            "shadow_price": pa.array([round(row[3], 4) for row in rows], pa.float64()),
            "flow_mw": pa.array([round(row[4], 3) for row in rows], pa.float64()),
            "limit_mw": pa.array([round(row[5], 3) for row in rows], pa.float64()),
        }
    )


def flows(world: World, cleared: Sequence[Cleared]) -> pa.Table:
    """Return the flow on every line in every interval, beside the rating in force; a line that is out carries none."""
    each = [one for one in cleared for _ in world.lines]
    return pa.table(
        {
            "branch": pa.array(list(world.lines) * len(cleared), pa.string()),
            **_spans(each),
            "flow_mw": np.concatenate([one.flows_mw.round(3) + 0.0 for one in cleared]),
            "limit_mw": np.concatenate([one.standing.rating_mw.round(3) for one in cleared]),
        }
    )


def truth(world: World, cleared: Sequence[Cleared], *, with_commitment: bool) -> pa.Table:
    """Return what set the prices of the intervals, what was out, and with `with_commitment` what was committed."""
    rows = [(one, fact) for one in cleared for fact in _facts(world, one, with_commitment)]
    facts = [fact for _, fact in rows]
    return pa.table(
        {
            "kind": [one.kind for one in facts],
            "element": [one.element for one in facts],
            **_spans([one for one, _ in rows]),
            "value": [round(one.value, 4) + 0.0 for one in facts],
            "unit": [one.unit for one in facts],
        }
    )


def _facts(world: World, one: Cleared, with_commitment: bool) -> Iterator[_Fact]:  # noqa: FBT001 - private
    units, standing, made = world.units, one.standing, one.dispatch_mw
    for at in one.marginal:
        yield _Fact(datasets.MARGINAL_UNIT, units.names[at], float(made[at]), datasets.MW)
    for limit in one.binding:
        yield _Fact(datasets.CONSTRAINT, limit.line, limit.shadow_price_usd_per_mwh, datasets.USD_PER_MWH)
    if with_commitment:
        for at in np.flatnonzero(standing.running & ~standing.units_out).tolist():
            yield _Fact(datasets.COMMITMENT, units.names[at], float(made[at]), datasets.MW)
    for at in np.flatnonzero(standing.units_out).tolist():
        yield _Fact(datasets.OUTAGE, units.names[at], float(units.capacity_mw[at]), datasets.MW)
    for at in standing.lines_out:
        yield _Fact(datasets.OUTAGE, world.lines[at], float(standing.rating_mw[at]), datasets.MW)
    for name, price in zip(dispatch.PRODUCTS, one.reserve_prices.tolist(), strict=True):
        yield _Fact(datasets.RESERVE_PRICE, name, price, datasets.USD_PER_MWH)


def _spans(cleared: Sequence[Cleared]) -> dict[str, pa.Array]:
    """Return the intervals as text."""
    return {
        "interval_start": pa.array([format_instant(one.interval.start) for one in cleared], pa.string()),
        "interval_end": pa.array([format_instant(one.interval.end) for one in cleared], pa.string()),
    }
