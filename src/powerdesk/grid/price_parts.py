"""Congestion by constraint: shadow prices times the shift factors in force, for every location."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.grid import datasets
from powerdesk.store import lasting
from powerdesk.store.lineage import Calculation, Schedule
from powerdesk.store.types import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]

HOUR = timedelta(hours=1)
JUST_AFTER = timedelta(microseconds=1)
SHADOW_PRICES, IN_FORCE, CHANGED, FORMER = "shadow_prices", "shift_factors_in_force", "shift_factors_changed", "former"
GONE = "no longer follows from its inputs"
PRICED = ("interval_end", "direction", "shadow_price_per_mwh", "currency", "published_at")
"""Columns of grid.shadow_prices, beside its key, that contributions are made of."""
FACTORS = ("shift_factor", "published_at")
_BY, _SINCE = datasets.SHIFT_FACTORS.lasting_by, datasets.SHIFT_FACTORS.time_column
_BOUND = datasets.SHADOW_PRICES.key
_KEY = datasets.PRICE_PARTS.key
_STAMP = "published_at"


def price_parts(inputs: Mapping[str, pa.Table], parameters: Mapping[str, str], seed: int | None) -> pa.Table:
    """Return rows of grid.price_parts in key order, each with the stamp of its newest input.

    `shadow_prices` has a row per constraint that bound, `shift_factors_in_force` and `_changed` the factors that hold
    then, `former` the parts known so far: those that follow no longer are retracted, and no part is dated before the
    one that it replaces. O(n log n) in the contributions.
    """
    del parameters, seed
    factors = pa.concat_tables([inputs[IN_FORCE].select(inputs[CHANGED].column_names), inputs[CHANGED]])
    shadows, holds, sets = _with_sets(inputs[SHADOW_PRICES], factors)
    every = _contributions(shadows, holds, factors, sets)
    parts = every.filter(pc.greater_equal(pc.abs(every["congestion_per_mwh"]), datasets.LEAST_PART_PER_MWH))
    gone = _gone(inputs[FORMER], parts, shadows)
    whole = _after(inputs[FORMER], pa.concat_tables([parts, gone.select(parts.column_names)]))
    return whole.sort_by([(name, "ascending") for name in _KEY])


def contributions(*, shadow_prices: pa.Table, shift_factors: pa.Table) -> pa.Table:
    """Return every contribution, however small, with the columns of grid.price_parts, `published_at` and `reason`.

    `shift_factors` holds whole sets, those that hold at the intervals of the shadow prices among them. What was
    retracted has no contribution, and a constraint without factors in force has none either.
    """
    shadows, holds, sets = _with_sets(shadow_prices, shift_factors)
    return _contributions(shadows, holds, shift_factors, sets)


def _with_sets(shadows: pa.Table, factors: pa.Table) -> tuple[pa.Table, IntArray, pa.Table]:
    """Return shadow prices stamped as late as their factors, the position of the set that holds for each, the sets."""
    sets = lasting.starts(factors, by=_BY, time=_SINCE)
    holds = lasting.holding(sets, shadows, by=_BY, time=_SINCE)
    of_set = np.zeros(sets.num_rows + 1, dtype=np.int64)  # position -1 is the last: no set
    np.maximum.at(of_set, lasting.numbered(factors, sets, by=_BY, time=_SINCE), lasting.micros(factors, _STAMP))
    newest = np.maximum(lasting.micros(shadows, _STAMP), of_set[holds])
    stamp = pa.chunked_array([pa.array(newest).cast(shadows.schema.field(_STAMP).type)])
    return shadows.set_column(shadows.schema.get_field_index(_STAMP), _STAMP, stamp), holds, sets


def _contributions(shadows: pa.Table, holds: IntArray, factors: pa.Table, sets: pa.Table) -> pa.Table:
    """Return a row per shadow price and location of the set that holds."""
    known = factors.filter(pc.is_valid(factors["shift_factor"]))
    of_row = lasting.numbered(known, sets, by=_BY, time=_SINCE)
    in_order = np.argsort(of_row, kind="stable")
    count = np.bincount(of_row, minlength=sets.num_rows + 1)
    first = np.cumsum(count) - count
    priced = np.flatnonzero(_mask(pc.is_valid(shadows["shadow_price_per_mwh"])))
    repeats = count[holds[priced]]
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    shadow = shadows.take(pa.array(np.repeat(priced, repeats)))
    factor = known.take(pa.array(in_order[np.repeat(first[holds[priced]], repeats) + within]))
    sign = pc.if_else(
        pc.equal(shadow["direction"], datasets.FROM_TO),
        datasets.SIGN[datasets.FROM_TO],
        datasets.SIGN[datasets.TO_FROM],
    )
    value = pc.multiply(pc.multiply(sign, shadow["shadow_price_per_mwh"]), factor["shift_factor"])
    return pa.table(
        {
            **{name: (factor if name == "location" else shadow)[name] for name in (*_KEY, "interval_end")},
            "shift_factor": factor["shift_factor"],
            "direction": shadow["direction"],
            "shadow_price_per_mwh": shadow["shadow_price_per_mwh"],
            "congestion_per_mwh": value,
            "currency": shadow["currency"],
            _STAMP: shadow[_STAMP],
            "reason": pa.nulls(shadow.num_rows, pa.string()),
        }
    )


def _gone(former: pa.Table, parts: pa.Table, shadows: pa.Table) -> pa.Table:
    """Return retractions of the parts that were known and follow no longer, dated by the input that took them away."""
    known = former.filter(pc.is_valid(former["congestion_per_mwh"]))
    lost = known.join(parts.select(list(_KEY)), keys=list(_KEY), join_type="left anti")
    dated = shadows.select([*_BOUND, _STAMP]).rename_columns([*_BOUND, "newest"])
    lost = lost.join(dated, keys=list(_BOUND), join_type="left outer")
    fields = {field.name: field.type for field in parts.schema}
    kept = {name: lost[name] for name in (*_KEY, "interval_end")}
    given = {**kept, _STAMP: pc.coalesce(lost["newest"], lost[_STAMP]), "reason": pa.repeat(GONE, lost.num_rows)}
    return pa.table({name: given.get(name, pa.nulls(lost.num_rows, kind)) for name, kind in fields.items()})


def _after(former: pa.Table, rows: pa.Table) -> pa.Table:
    """Return the rows dated no earlier than what was known of their cells, which would otherwise stay in force."""
    dated = former.select([*_KEY, _STAMP]).rename_columns([*_KEY, "known_at"])
    both = rows.join(dated, keys=list(_KEY), join_type="left outer")
    known_at = pc.coalesce(both["known_at"], both[_STAMP])
    stamp = pc.if_else(pc.greater(known_at, both[_STAMP]), known_at, both[_STAMP])
    return both.set_column(both.schema.get_field_index(_STAMP), _STAMP, stamp).select(rows.column_names)


def _mask(values: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(), dtype=bool)


def reads(market: str, start: datetime, end: datetime) -> dict[str, Request]:
    """Return the reads for whole hours of a market."""
    within = {"market": (market,)}
    factors = Request(datasets.SHIFT_FACTORS.id, within=within, columns=FACTORS)
    return {
        SHADOW_PRICES: Request(datasets.SHADOW_PRICES.id, within=within, start=start, end=end, columns=PRICED),
        IN_FORCE: replace(factors, end=start + JUST_AFTER, newest=True),
        CHANGED: replace(factors, start=start + JUST_AFTER, end=end),
        FORMER: Request(
            datasets.PRICE_PARTS.id,
            within=within,
            start=start,
            end=end,
            columns=("interval_end", "congestion_per_mwh", "published_at"),
        ),
    }


CALCULATION = Calculation(
    name=datasets.PRICE_PARTS.id,
    version=1,
    dataset=datasets.PRICE_PARTS.id,
    compute=price_parts,
    schedule=Schedule(window=HOUR, reads=reads),
)
