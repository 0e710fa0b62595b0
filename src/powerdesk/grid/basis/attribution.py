"""What a basis is made of: congestion, losses and energy, and congestion by named constraint.

Means by month and block, weighted by duration, over the intervals in which both legs' parts are published:

    basis = congestion + loss + energy,   congestion = sum over constraints + unexplained

`energy` is 0 in a market with one reference; what rounding leaves shows there. A constraint's contribution is its part
at the location less its part at the hub; where grid.price_parts has no row, the part was below its least one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.grid.basis import cells as cell_grid
from powerdesk.grid.basis.panel import BasisError
from powerdesk.grid.basis.surface import INSTANT

if TYPE_CHECKING:
    from powerdesk.grid.basis.cells import Blocks, Cells
    from powerdesk.grid.basis.panel import Difference, Leg, Panel
    from powerdesk.grid.types import FloatArray, IntArray
    from powerdesk.kernel.load_shapes import PeakCalendar

UNEXPLAINED = ""
"""Constraint of the row that holds what no constraint explains."""

PARTS_SCHEMA = pa.schema(
    {
        "interval_start": INSTANT,
        "hour_block": pa.string(),
        "basis_per_mwh": pa.float64(),
        "congestion_per_mwh": pa.float64(),
        "loss_per_mwh": pa.float64(),
        "energy_per_mwh": pa.float64(),
        "observations": pa.int64(),
        "without_parts": pa.int64(),
    }
)
CONSTRAINT_SCHEMA = pa.schema(
    {
        "interval_start": INSTANT,
        "hour_block": pa.string(),
        "constraint": pa.string(),
        "congestion_per_mwh": pa.float64(),
        "bound": pa.int64(),
        "observations": pa.int64(),
    }
)


def parts(
    panel: Panel, *, hub: Leg, location: Leg, zone: str, blocks: Blocks, calendar: PeakCalendar | None = None
) -> pa.Table:
    """Return a row of PARTS_SCHEMA per cell with prices; means are null where no interval has parts.

    `without_parts` counts the intervals priced at both legs whose parts are not published, left out of the means.
    """
    difference, where, place = _placed(panel, hub, location, zone, blocks, calendar)
    known = _known(difference)
    values = {
        "basis_per_mwh": difference.basis,
        "congestion_per_mwh": difference.congestion,
        "loss_per_mwh": difference.loss,
        "energy_per_mwh": difference.basis - difference.congestion - difference.loss,
    }
    n_cell = (where.month_us.size - 1) * len(where.blocks)
    seen, counted = np.bincount(place, minlength=n_cell), np.bincount(place[known], minlength=n_cell)
    held = np.flatnonzero(seen)
    hours = _sums(place[known], difference.hours[known], n_cell)
    means = {
        name: _mean(_sums(place[known], (difference.hours * value)[known], n_cell), hours)[held]
        for name, value in values.items()
    }
    columns = {
        **_labels(where, held),
        **{name: pa.array(mean, from_pandas=True) for name, mean in means.items()},
        "observations": counted[held],
        "without_parts": (seen - counted)[held],
    }
    return pa.table(columns, schema=PARTS_SCHEMA)


def by_constraint(
    panel: Panel,
    price_parts: pa.Table,
    *,
    hub: Leg,
    location: Leg,
    zone: str,
    blocks: Blocks,
    calendar: PeakCalendar | None = None,
) -> pa.Table:
    """Return rows of CONSTRAINT_SCHEMA, dearest first within a cell, UNEXPLAINED last; they add up to congestion.

    `price_parts` are rows of grid.price_parts for the members of both legs, of the panel's run and moment; null parts
    (retractions) count as none. `bound` counts the intervals in which a constraint moves the basis. Raises BasisError
    for two parts of one location, constraint and interval.
    """
    price_parts = price_parts.filter(pc.is_valid(price_parts["congestion_per_mwh"]))
    each = price_parts.group_by(["location", "constraint", "interval_start"]).aggregate([])
    if each.num_rows < price_parts.num_rows:
        raise BasisError(
            found=f"{price_parts.num_rows - each.num_rows} parts told twice",
            allowed="one per location, constraint and interval",
            remedy="read the parts as of one moment, of one market run",
        )
    difference, where, place = _placed(panel, hub, location, zone, blocks, calendar)
    known = _known(difference)
    names, constraint, interval, value = _contributions(price_parts, difference, hub, location)
    kept = known[interval]
    constraint, interval, value = constraint[kept], interval[kept], value[kept]
    n_cell, n_name = (where.month_us.size - 1) * len(where.blocks), len(names)
    key = place[interval] * n_name + constraint
    hours = _sums(place[known], difference.hours[known], n_cell)
    total = _sums(key, difference.hours[interval] * value, n_cell * n_name).reshape(n_cell, n_name)
    bound = np.bincount(key[value != 0.0], minlength=n_cell * n_name).reshape(n_cell, n_name)
    mean = _mean(total, hours[:, None])
    whole = _mean(_sums(place[known], (difference.hours * difference.congestion)[known], n_cell), hours)
    counts = np.bincount(place[known], minlength=n_cell)
    rows = []
    for cell in np.flatnonzero(counts).tolist():
        same = {"at": cell, "observations": int(counts[cell])}
        order = [one for one in np.argsort(-np.abs(mean[cell]), kind="stable").tolist() if bound[cell, one]]
        rows += [
            {**same, "constraint": names[one], "congestion_per_mwh": mean[cell, one], "bound": int(bound[cell, one])}
            for one in order
        ]
        left = float(whole[cell] - mean[cell].sum())
        rows.append({**same, "constraint": UNEXPLAINED, "congestion_per_mwh": left, "bound": 0})
    labels = _labels(where, np.array([row.pop("at") for row in rows], dtype=np.int64))
    columns = {name: [row[name] for row in rows] for name in CONSTRAINT_SCHEMA.names if name not in labels}
    return pa.table({**labels, **columns}, schema=CONSTRAINT_SCHEMA)


def _placed(
    panel: Panel, hub: Leg, location: Leg, zone: str, blocks: Blocks, calendar: PeakCalendar | None
) -> tuple[Difference, Cells, IntArray]:
    difference = panel.common(hub=hub, location=location)
    where = cell_grid.cells(
        start_us=difference.start_us, end_us=difference.end_us, zone=zone, blocks=blocks, calendar=calendar
    )
    return difference, where, where.month * len(where.blocks) + where.block


def _known(difference: Difference) -> np.ndarray:
    return np.asarray(np.isfinite(difference.congestion) & np.isfinite(difference.loss))


def _sums(place: IntArray, values: FloatArray, count: int) -> FloatArray:
    return np.bincount(place, values, count).astype(np.float64)


def _mean(total: FloatArray, hours: FloatArray) -> FloatArray:
    hours = np.broadcast_to(hours, total.shape)
    found: FloatArray = np.divide(total, hours, out=np.full(total.shape, np.nan), where=hours > 0.0)
    return found


def _labels(where: Cells, held: IntArray) -> dict[str, pa.Array]:
    month, block = held // len(where.blocks), held % len(where.blocks)
    return {
        "interval_start": pa.array(where.month_us[month], INSTANT),
        "hour_block": pa.array([where.blocks[one] for one in block.tolist()], pa.string()),
    }


def _contributions(
    price_parts: pa.Table, difference: Difference, hub: Leg, location: Leg
) -> tuple[tuple[str, ...], IntArray, IntArray, FloatArray]:
    """Return constraints' names, and per pair of constraint and interval its index, the interval's, and the value."""
    weight: dict[str, float] = dict(location.weights)
    for one, share in hub.weights:
        weight[one] = weight.get(one, 0.0) - share
    shares = np.array([weight.get(one, 0.0) for one in price_parts["location"].to_pylist()])
    start, end = (price_parts[name].cast(pa.int64()).to_numpy() for name in ("interval_start", "interval_end"))
    at = np.clip(np.searchsorted(difference.start_us, start), 0, difference.start_us.size - 1)
    kept = np.flatnonzero((shares != 0.0) & (difference.start_us[at] == start) & (difference.end_us[at] == end))
    names, constraint = np.unique(np.array(price_parts["constraint"].to_pylist(), dtype=str)[kept], return_inverse=True)
    value = shares[kept] * price_parts["congestion_per_mwh"].to_numpy()[kept]
    pairs, which = np.unique(constraint.ravel() * difference.start_us.size + at[kept], return_inverse=True)
    n_interval = difference.start_us.size
    return tuple(names.tolist()), pairs // n_interval, pairs % n_interval, _sums(which.ravel(), value, pairs.size)
