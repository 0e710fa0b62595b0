"""The inverse of a basis, with empty places so that an exchange moves nothing, and changes of low rank that wait.

`free` (place,) names the column of each of its lines and `active` (place,) the row of each of its columns, -1 where
there is none and the inverse is 0. Changes wait in two narrow factors until they are MOST_WAITING: reading through them
costs little, writing each into the whole would double what an exchange moves through memory (the product form of the
inverse, in blocks: Dantzig and Orchard-Hays 1954).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import blas

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray

TRIM = 1e-16
"""Of the largest entry: what is smaller is rounding."""

MOST_WAITING = 64


class KeptInverse:
    """Lines are places of free columns, columns places of active rows."""

    def __init__(self, matrix: FloatArray, *, active: IntArray, free: IntArray) -> None:
        """Invert `matrix` (active, free); raises numpy.linalg.LinAlgError."""
        if free.size != active.size:
            raise np.linalg.LinAlgError("a basis has as many free columns as active rows")
        self.free, self.active = free, active
        self._whole = np.asfortranarray(trimmed(np.linalg.inv(matrix).astype(np.float64, copy=False)))
        if not np.isfinite(self._whole).all():
            raise np.linalg.LinAlgError("a basis that cannot be inverted")
        self._forget()

    def _forget(self) -> None:
        """Begin with no change waiting."""
        self._waiting = 0
        self._gain = np.zeros((self.free.size, MOST_WAITING), order="F")
        self._line = np.zeros((MOST_WAITING, self.active.size))

    def settle(self) -> None:
        """Write the changes that wait into the whole."""
        gain, line = self._parts
        if self._waiting:
            changed = blas.dgemm(-1.0, gain, line, beta=1.0, c=self._whole, overwrite_c=1)
            self._whole = trimmed(changed)
            self._waiting = 0

    def widen(self, count: int) -> None:
        """Add empty places at the end."""
        self.settle()
        none = np.full(count, -1)
        self.free, self.active = np.concatenate((self.free, none)), np.concatenate((self.active, none))
        self._whole = np.asfortranarray(np.pad(self._whole, ((0, count), (0, count))))
        self._forget()

    @property
    def _parts(self) -> tuple[FloatArray, FloatArray]:
        return self._gain[:, : self._waiting], self._line[: self._waiting]

    @property
    def room(self) -> int:
        """How many columns and rows may come in."""
        return min(int((self.free < 0).sum()), int((self.active < 0).sum()))

    def lines(self, place: IntArray) -> FloatArray:
        """Return lines (k, place)."""
        gain, line = self._parts
        found: FloatArray = self._whole[place] - gain[place] @ line
        return found

    def columns(self, place: IntArray) -> FloatArray:
        """Return columns (place, k)."""
        gain, line = self._parts
        found: FloatArray = self._whole[:, place] - gain @ line[:, place]
        return found

    def times(self, right: FloatArray) -> FloatArray:
        """Return the inverse times a vector (place,) or vectors (place, k)."""
        gain, line = self._parts
        found: FloatArray = self._whole @ right - gain @ (line @ right)
        return found

    def after(self, left: FloatArray) -> FloatArray:
        """Return vectors (place,) or (k, place) times the inverse."""
        gain, line = self._parts
        found: FloatArray = left @ self._whole - (left @ gain) @ line
        return found

    def take(self, gain: FloatArray, lines: FloatArray) -> None:
        """Subtract gain (place, k) times lines (k, place)."""
        count = len(lines)
        if self._waiting + count > MOST_WAITING:
            self.settle()
        at = slice(self._waiting, self._waiting + count)
        self._gain[:, at], self._line[at] = gain, lines
        self._waiting += count

    def empty(self, *, free: IntArray, active: IntArray) -> None:
        """Clear the places of columns and rows that go."""
        self._whole[free], self._whole[:, active] = 0.0, 0.0
        self._gain[free], self._line[:, active] = 0.0, 0.0
        self.free[free], self.active[active] = -1, -1

    def fill(
        self, column: IntArray, row: IntArray, *, lines: FloatArray, gain: FloatArray, corner: FloatArray
    ) -> tuple[IntArray, IntArray]:
        """Give columns and rows that come the first empty places, and return these.

        `lines` (column, place) and `gain` (place, row) are their parts of the inverse, `corner` (column, row) where
        both come.
        """
        into, now = np.flatnonzero(self.free < 0)[: column.size], np.flatnonzero(self.active < 0)[: row.size]
        self._whole[into], self._whole[:, now] = lines, gain
        self._whole[np.ix_(into, now)] = corner
        self.free[into], self.active[now] = column, row
        return into, now


def trimmed(values: FloatArray) -> FloatArray:
    """Return the values with those of rounding's size 0: products of such are subnormal, 40 times slower to work on."""
    values[np.abs(values) < TRIM * np.max(np.abs(values), initial=0.0)] = 0.0
    return values
