"""Quadratic costs as straight pieces: columns of the linear programme that a small programme starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from powerdesk.grid.clearing.programme import Programme
    from powerdesk.grid.types import FloatArray, IntArray

PIECES = 8
"""Per quadratic column: six of equal width, and one on either side for the rest of its range."""


@dataclass(frozen=True, eq=False, slots=True)
class Pieces:
    """Per piece (n_piece,): the column it belongs to, its cost in USD/MWh, bounds, and where in the column it begins.

    A column with a linear cost is one piece; pieces of a column fill in order because their costs rise.
    """

    column: IntArray
    cost: FloatArray
    begin: FloatArray
    lower: FloatArray
    upper: FloatArray
    n_column: int

    @staticmethod
    def of(programme: Programme) -> Pieces:
        """Return pieces over the whole range of each quadratic column."""
        middle = np.zeros(programme.cost.size)
        curved = _curved(programme)
        middle[curved] = 0.5 * (programme.lower[curved] + programme.upper[curved])
        return Pieces._drawn(programme, middle, 1.0)

    def around(self, programme: Programme, x: FloatArray, *, share: float) -> Pieces:
        """Return pieces that are finest round a dispatch (n_column,): within `share` of the range, either side."""
        return Pieces._drawn(programme, x, share)

    @staticmethod
    def _drawn(programme: Programme, x: FloatArray, share: float) -> Pieces:
        curved = _curved(programme)
        low, high = programme.lower[curved], programme.upper[curved]
        half = 0.5 * share * (high - low) * (PIECES - 2) / PIECES
        first, last = np.clip(x[curved] - half, low, high), np.clip(x[curved] + half, low, high)
        steps = np.linspace(0.0, 1.0, PIECES - 1)
        points = np.column_stack((low, first[:, None] + (last - first)[:, None] * steps, high))
        column = np.repeat(np.arange(programme.cost.size), np.where(curved, PIECES, 1))
        of_curved = curved[column]
        cost, begin = programme.cost[column], np.zeros(column.size)
        lower, upper = programme.lower[column], programme.upper[column]
        cost[of_curved] += programme.quadratic[column[of_curved]] * (points[:, :-1] + points[:, 1:]).ravel()
        start = points[:, :-1].copy()
        start[:, 0] = 0.0
        bottom, top = np.zeros_like(start), np.diff(points, axis=1)
        bottom[:, 0], top[:, 0] = points[:, 0], points[:, 1]
        begin[of_curved], lower[of_curved], upper[of_curved] = start.ravel(), bottom.ravel(), top.ravel()
        return Pieces(column, cost, begin, lower, upper, programme.cost.size)

    def bounds(self, lower: FloatArray, upper: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the pieces' bounds when columns are held within `lower` and `upper` (n_column,)."""
        low = np.clip(lower[self.column] - self.begin, self.lower, self.upper)
        high = np.clip(upper[self.column] - self.begin, self.lower, self.upper)
        return low, high

    def spread(self, rows: FloatArray) -> FloatArray:
        """Return rows over columns (k, n_column) as rows over pieces (k, n_piece)."""
        return rows if self.column.size == self.n_column else rows[:, self.column]

    def gather(self, piece: FloatArray) -> FloatArray:
        """Return what the columns take (n_column,) from what the pieces take."""
        if self.column.size == self.n_column:
            return piece
        return np.bincount(self.column, piece, self.n_column).astype(np.float64)


def _curved(programme: Programme) -> np.ndarray:
    return (programme.quadratic > 0.0) & (programme.upper > programme.lower)
