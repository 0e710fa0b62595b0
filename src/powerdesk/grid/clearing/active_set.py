"""The exact optimum of a small separable quadratic programme, from a guess of which bounds and rows are active.

    minimise sum_j c_j x_j + q_j x_j^2   subject to row_lower <= A x <= row_upper, lower <= x <= upper

Given the guess, optimality is a linear system in row prices and free linear columns; its answer corrects the guess,
until nothing changes. Hintermueller, Ito, Kunisch (2002), "The primal-dual active set strategy as a semismooth Newton
method".
Cost per step O(rows^2 columns). It may cycle or meet a singular system: then there is no answer, and the caller goes on
with another method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.grid.types import FloatArray

MOST_STEPS = 40
TOLERANCE = 1e-9
"""Of a bound (over 1 + its size) or of a price (over 1 + the largest cost)."""


@dataclass(frozen=True, eq=False, slots=True)
class Problem:
    """Arrays of the programme: `rows` (m, n); an equality is a row whose bounds agree."""

    cost: FloatArray
    quadratic: FloatArray
    lower: FloatArray
    upper: FloatArray
    rows: FloatArray
    row_lower: FloatArray
    row_upper: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Point:
    """A dispatch `x` (n,) and row prices (m,); signs as in `solvers.linear`."""

    x: FloatArray
    price: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Sets:
    """Where columns and rows stand: -1 at the lower bound, +1 at the upper, 0 between."""

    column: NDArray[np.int8]
    row: NDArray[np.int8]

    def grown(self, n_row: int) -> Sets:
        """Return the sets with rows that joined later taken for inactive."""
        return Sets(self.column, np.concatenate((self.row, np.zeros(n_row - self.row.size, np.int8))))


def sets_of(x: FloatArray, price: FloatArray, problem: Problem) -> Sets:
    """Return the sets that a dispatch and its row prices suggest."""
    near = TOLERANCE * (1.0 + np.abs(x))
    column = np.where(x <= problem.lower + near, -1, np.where(x >= problem.upper - near, 1, 0))
    row = np.where(price > 0.0, -1, np.where(price < 0.0, 1, 0))
    return Sets(column.astype(np.int8), row.astype(np.int8))


def solve(problem: Problem, sets: Sets) -> tuple[Point, Sets] | None:
    """Return the optimum and its sets, or None when the sets do not settle within MOST_STEPS."""
    scale = TOLERANCE * (1.0 + float(np.max(np.abs(problem.cost), initial=0.0)))
    for _ in range(MOST_STEPS):
        point = _point(problem, sets)
        if point is None:
            return None
        after = _corrected(problem, sets, point, scale)
        if np.array_equal(after.column, sets.column) and np.array_equal(after.row, sets.row):
            return point, sets
        sets = after
    return None


def _point(problem: Problem, sets: Sets) -> Point | None:
    """Return the point at which the active rows hold and the free columns have no reduced cost."""
    equal = problem.row_lower == problem.row_upper
    active = np.flatnonzero(equal | (sets.row != 0))
    free = sets.column == 0
    curved = np.flatnonzero(free & (problem.quadratic > 0.0))
    straight = np.flatnonzero(free & (problem.quadratic <= 0.0))
    x = np.where(sets.column < 0, problem.lower, np.where(sets.column > 0, problem.upper, 0.0))
    rows = problem.rows[active]
    target = np.where(sets.row[active] < 0, problem.row_lower[active], problem.row_upper[active]) - rows @ x
    bend = 1.0 / (2.0 * problem.quadratic[curved])
    bent = rows[:, curved] * bend
    n_row, n_straight = active.size, straight.size
    matrix = np.zeros((n_row + n_straight, n_row + n_straight))
    matrix[:n_row, :n_row] = bent @ rows[:, curved].T
    matrix[:n_row, n_row:] = rows[:, straight]
    matrix[n_row:, :n_row] = rows[:, straight].T
    right = np.concatenate((target + bent @ problem.cost[curved], problem.cost[straight]))
    try:
        solved = np.linalg.solve(matrix, right)
        solved += np.linalg.solve(matrix, right - matrix @ solved)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(solved).all():
        return None
    price = np.zeros(problem.row_lower.size)
    price[active] = solved[:n_row]
    x[straight] = solved[n_row:]
    x[curved] = bend * (rows[:, curved].T @ solved[:n_row] - problem.cost[curved])
    return Point(x, price)


def _corrected(problem: Problem, sets: Sets, point: Point, scale: float) -> Sets:
    """Return the sets after the point: what broke a bound joins, what presses the wrong way leaves."""
    x, price = point.x, point.price
    near = TOLERANCE * (1.0 + np.abs(x))
    reduced = problem.cost + 2.0 * problem.quadratic * x - problem.rows.T @ price
    column = sets.column.copy()
    fixed = problem.lower == problem.upper
    column[(column < 0) & (reduced < -scale) & ~fixed] = 0
    column[(column > 0) & (reduced > scale) & ~fixed] = 0
    free = sets.column == 0
    column[free & (x < problem.lower - near)] = -1
    column[free & (x > problem.upper + near)] = 1
    activity = problem.rows @ x
    loose = TOLERANCE * 1e2 * (1.0 + np.abs(activity))
    row = sets.row.copy()
    row[(row < 0) & (price < -scale)] = 0
    row[(row > 0) & (price > scale)] = 0
    idle = sets.row == 0
    row[idle & (activity < problem.row_lower - loose)] = -1
    row[idle & (activity > problem.row_upper + loose)] = 1
    row[problem.row_lower == problem.row_upper] = 0
    return Sets(column, row)
