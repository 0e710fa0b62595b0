"""Rows over a single column: they are bounds of that column, so no basis needs to carry them.

The limit of a line that leads to one generator is such a row. At 8 387 buses they are a quarter of the active ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.clearing.exchanges import NEAR

if TYPE_CHECKING:
    from powerdesk.grid.clearing.active_set import Problem, Sets
    from powerdesk.grid.types import FloatArray, IntArray
    from powerdesk.solvers.warm import SideArray

LEAST_FACTOR = 0.01
"""A row that moves less per unit of its column stays a row: its bounds would be widened with their rounding."""


@dataclass(frozen=True, eq=False)
class BoundRows:
    """Per such row (k,): its number, its column, its factor there."""

    row: IntArray
    column: IntArray
    factor: FloatArray

    @staticmethod
    def among(rows: FloatArray, *, first: int = 0, least: int = 1) -> BoundRows:
        """Find them among rows (m, n), numbered from `first`; none where there are fewer than `least`."""
        held = rows != 0.0
        row = np.flatnonzero(held.sum(axis=1) == 1)
        column = np.argmax(held[row], axis=1)
        factor = rows[row, column]
        kept = np.abs(factor) >= LEAST_FACTOR
        if int(kept.sum()) < least:
            kept[:] = False
        return BoundRows(first + row[kept], column[kept], factor[kept])

    def joined(self, other: BoundRows) -> BoundRows:
        """Return these and others."""
        return BoundRows(
            np.concatenate((self.row, other.row)),
            np.concatenate((self.column, other.column)),
            np.concatenate((self.factor, other.factor)),
        )

    def sets(self, sets: Sets) -> Sets:
        """Return the sets of a basis that carries no such row: where one was active its column is at a bound."""
        column, row = sets.column.copy(), sets.row.copy()
        side = (row[self.row] * np.sign(self.factor)).astype(np.int8)
        active = side != 0
        column[self.column[active]] = side[active]
        row[self.row] = 0
        return replace(sets, column=column, row=row)

    def limits(self, problem: Problem, x: FloatArray, activity: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what each row allows its column (k,), when the rows hold `activity` (m,) at `x` (n,)."""
        if not self.row.size:
            return self.factor, self.factor
        at = x[self.column]
        one = at + (problem.row_lower[self.row] - activity[self.row]) / self.factor
        other = at + (problem.row_upper[self.row] - activity[self.row]) / self.factor
        return np.minimum(one, other), np.maximum(one, other)

    def narrowed(self, problem: Problem, low: FloatArray, high: FloatArray) -> Problem | None:
        """Return the problem with bounds of columns that keep these rows' limits (k,) too; None when they cross."""
        if not self.row.size:
            return problem
        lower, upper = problem.lower.copy(), problem.upper.copy()
        if self.alone:
            lower[self.column] = np.maximum(lower[self.column], low)
            upper[self.column] = np.minimum(upper[self.column], high)
        else:
            np.maximum.at(lower, self.column, low)
            np.minimum.at(upper, self.column, high)
        if (lower > upper + NEAR * (1.0 + np.abs(upper))).any():
            return None
        return replace(problem, lower=lower, upper=np.maximum(lower, upper))

    def prices(
        self, problem: Problem, low: FloatArray, high: FloatArray, side: SideArray, reduced: FloatArray
    ) -> FloatArray:
        """Return the prices of these rows (k,) from their limits, columns' sides (n,) and reduced costs (n,).

        The reduced cost of a column at a bound belongs to the tightest row, the first of several; to none of them where
        the column's own bound is as tight.
        """
        at, below = self.column, side[self.column] < 0
        limit = np.where(below, low, -high)
        own = np.where(below, problem.lower[at], -problem.upper[at])
        tight = np.flatnonzero((side[at] != 0) & (limit > own))
        if not self.alone:
            tight = tight[np.lexsort((-limit[tight], at[tight]))]
            tight = tight[np.unique(at[tight], return_index=True)[1]]
        price = np.zeros(self.row.size)
        price[tight] = reduced[at[tight]] / self.factor[tight]
        return price

    @cached_property
    def alone(self) -> bool:
        """Whether no column has two such rows."""
        return np.unique(self.column).size == self.column.size
