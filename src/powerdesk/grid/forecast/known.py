"""Forecasts given from outside (load, wind, sun) with when each was known, read as of an instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.grid.recovery.types import PanelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from powerdesk.grid.types import FloatArray, IntArray

_NOT_VALUES = ("interval_start", "known_at")
USUAL = 0.9
"""Share of what was issued in which a location must be told to count in a total: else none would be complete."""


@dataclass(frozen=True, eq=False, slots=True)
class Features:
    """Values (n, f) of named features for intervals start_us (n,), known from known_us (n,); sorted by both."""

    names: tuple[str, ...]
    start_us: IntArray
    known_us: IntArray
    values: FloatArray

    def as_of(self, *, start_us: IntArray, origin_us: IntArray) -> FloatArray:
        """Return the last values (m, f) for intervals (m,) known at origins (m,), NaN where none was."""
        starts, place = np.unique(self.start_us, return_inverse=True)
        knowns, rank = np.unique(self.known_us, return_inverse=True)
        out = np.full((start_us.size, len(self.names)), np.nan)
        if not starts.size:
            return out
        key = place.ravel() * np.int64(knowns.size) + rank.ravel()
        at = np.searchsorted(starts, start_us).clip(max=starts.size - 1)
        newest = np.searchsorted(knowns, origin_us, side="right") - 1
        row = np.searchsorted(key, at * np.int64(knowns.size) + newest, side="right") - 1
        row = row.clip(min=0)
        found = (starts[at] == start_us) & (newest >= 0) & (self.start_us[row] == start_us)
        found &= self.known_us[row] <= origin_us
        out[found] = self.values[row[found]]
        return out


NONE = Features((), np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 0)))


def of_table(table: pa.Table) -> Features:
    """Return the features of a table of interval_start, known_at and one column of numbers per feature.

    Several rows of an interval are its vintages. Null and NaN are unknown. Raises PanelError for infinite values and
    for two rows of one interval known at once.
    """
    start, known = (
        np.asarray(table[name].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy(), dtype=np.int64)
        for name in _NOT_VALUES
    )
    names = tuple(name for name in table.column_names if name not in _NOT_VALUES)
    values = np.empty((table.num_rows, len(names)))
    for at, name in enumerate(names):
        values[:, at] = table[name].cast(pa.float64()).to_numpy()
    order = np.lexsort((known, start))
    start, known = start[order], known[order]
    twice = (np.diff(start) == 0) & (np.diff(known) == 0)
    if np.isinf(values).any() or twice.any():
        raise PanelError(
            found=f"{np.isinf(values).sum()} infinite values, {twice.sum()} vintages told twice",
            allowed="numbers, one row per interval and instant from which it was known",
            remedy="read the forecasts with their stamps of publication, each once",
        )
    return Features(names, start, known, values[order])


def totals(forecasts: Mapping[str, pa.Table]) -> Features:
    """Return a feature per name: its sum over the usual locations, as it was known at each instant of an issue.

    Tables have source, location, interval_start, published_at and power_mw, all revisions; null is unknown. Of those
    published at once the last row counts, of several sources the one with most rows. A total is unknown while one of
    its locations is. Raises PanelError for infinite values.
    """
    parts = {name: _by_location(rows) for name, rows in forecasts.items() if rows.num_rows}
    told = [np.column_stack((one.start_us, one.known_us)) for found in parts.values() for one in found]
    if not told:
        return NONE
    start, known = np.unique(np.concatenate(told), axis=0).T
    columns = [_total(found, start, known) for found in parts.values()]
    return Features(tuple(parts), start, known, np.column_stack(columns))


def _by_location(rows: pa.Table) -> tuple[Features, ...]:
    """Return the forecasts of each location by the source with most rows."""
    sources = rows.group_by("source").aggregate([("source", "count")]).sort_by([("source_count", "descending")])
    kept = rows.filter(pc.equal(rows["source"], sources["source"][0])).rename_columns({"published_at": "known_at"})
    keys = ["location", *_NOT_VALUES]
    last = (
        kept.select([*keys, "power_mw"])
        .group_by(keys, use_threads=False)
        .aggregate([("power_mw", "last", pc.ScalarAggregateOptions(skip_nulls=False))])
    )
    return tuple(
        of_table(last.filter(pc.equal(last["location"], one)).drop_columns("location"))
        for one in pc.unique(last["location"])
    )


def _total(parts: tuple[Features, ...], start_us: IntArray, known_us: IntArray) -> FloatArray:
    """Return the sum (n,) over locations that are usually told, NaN where one of them is not known."""
    values = np.column_stack([one.as_of(start_us=start_us, origin_us=known_us)[:, 0] for one in parts])
    told = np.count_nonzero(~np.isnan(values), axis=0)
    found: FloatArray = values[:, told >= USUAL * told.max()].sum(axis=1)
    return found
