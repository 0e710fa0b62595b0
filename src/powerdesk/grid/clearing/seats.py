"""Seats of the columns at a bound that are priced, with the active rows' entries over them, kept beside the inverse.

The entries stand together in memory, so that a product with them reads no more than it needs; seats and places of rows
are emptied and filled as columns and rows come and go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray


class Seats:
    """`column` (seat,) is who sits there, -1 nobody; `across` (place, seat) the rows over them, 0 where one lacks."""

    def __init__(self, rows: FloatArray, *, active: IntArray, column: IntArray) -> None:
        """Seat columns; `rows` (m, n) are all rows, `active` (place,) those of the basis."""
        self.column = column
        self.across = entries(rows, active, column)

    @property
    def count(self) -> int:
        """How many sit."""
        return int((self.column >= 0).sum())

    def widen(self, *, places: int = 0, seats: int = 0) -> None:
        """Add empty places and seats at the end."""
        self.column = np.concatenate((self.column, np.full(seats, -1)))
        self.across = np.pad(self.across, ((0, places), (0, seats)))

    def empty(self, *, place: IntArray, seat: IntArray) -> None:
        """Clear places of rows and seats of columns that go."""
        self.column[seat] = -1
        self.across[:, seat], self.across[place] = 0.0, 0.0

    def take_rows(self, rows: FloatArray, row: IntArray, place: IntArray) -> None:
        """Take rows at places."""
        self.across[place] = entries(rows, row, self.column)

    def sit(self, rows: FloatArray, active: IntArray, column: IntArray) -> IntArray:
        """Give columns the first empty seats, and return these."""
        taken = np.flatnonzero(self.column < 0)[: column.size]
        self.column[taken] = column
        self.across[:, taken] = entries(rows, active, column)
        return taken


def entries(rows: FloatArray, row: IntArray, column: IntArray) -> FloatArray:
    """Return entries of `rows` (m, n) at rows (k,) and columns (c,): (k, c), 0 where either is -1."""
    found = rows[row[:, None], column]
    found[row < 0] = 0.0
    found[:, column < 0] = 0.0
    return found
