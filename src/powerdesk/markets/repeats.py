"""Rows of one file that speak of the same key: said twice alike is a duplicate, said differently is a conflict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Resolved:
    """`keep` and `conflicts` are row numbers (ascending); `duplicates` counts rows dropped because said before."""

    keep: NDArray[np.int64]
    duplicates: int
    conflicts: NDArray[np.int64]


def key_of(*codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one integer (n,) per row that is equal where all codes (each n, >= 0) are equal."""
    key = np.zeros(codes[0].shape, dtype=np.int64)
    for code in codes:
        width = int(code.max()) + 1 if code.size else 1
        key = key * width + code
    return key


def resolve(key: NDArray[np.int64], values: NDArray[np.float64]) -> Resolved:
    """Return which of the rows with `values` (n, k) to keep: never "the first" of two that differ. NaN equals NaN.

    O(n log n).
    """
    rows = np.arange(key.size, dtype=np.int64)
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    again = np.r_[False, sorted_key[1:] == sorted_key[:-1]]
    if not again.any():
        return Resolved(rows, 0, rows[:0])
    sorted_values = values[order]
    first = np.maximum.accumulate(np.where(again, 0, rows))
    leader = sorted_values[first]
    differs = ((sorted_values != leader) & ~(np.isnan(sorted_values) & np.isnan(leader))).any(axis=1)
    group = np.cumsum(~again) - 1
    torn = np.bincount(group, weights=differs, minlength=int(group[-1]) + 1)[group] > 0
    keep = np.sort(order[~again & ~torn])
    return Resolved(keep, int((again & ~torn).sum()), np.sort(order[torn]))
