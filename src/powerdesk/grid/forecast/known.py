"""Forecasts given from outside (load, wind, solar) with when each was known, read as of an instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from powerdesk.grid.recovery.types import PanelError

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray

_NOT_VALUES = ("interval_start", "known_at")


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
