"""The exact optimum of a small separable quadratic programme, from a guess of which bounds and rows are active.

    minimise sum_j c_j x_j + q_j x_j^2   subject to row_lower <= A x <= row_upper, lower <= x <= upper

Given the guess, optimality is a linear system in the prices of active rows; its answer corrects the guess,
until nothing changes. Hintermueller, Ito, Kunisch (2002), "The primal-dual active set strategy as a semismooth Newton
method".
Cost per step O(rows^2 columns). It may cycle or meet a singular system: then there is no answer, and the caller goes on
with another method.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.grid.types import FloatArray

MOST_STEPS = 40
MOST_CENTERS = 15
BEND = 1e-5
"""USD/MW^2h given to linear offers round the last point: 1 GW moves their price by 0.02 USD/MWh while it settles."""

RIDGE = 1e-12
REFINEMENTS = 3
"""Steps that take the ridge off the row prices again."""

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
    """Return the sets that a dispatch and its row prices suggest: at a bound when the price outweighs the distance."""
    reduced = problem.cost + 2.0 * problem.quadratic * x - problem.rows.T @ price
    return Sets(
        _side(x, reduced, problem.lower, problem.upper),
        _side(problem.rows @ x, price, problem.row_lower, problem.row_upper),
    )


def _side(value: FloatArray, price: FloatArray, lower: FloatArray, upper: FloatArray) -> NDArray[np.int8]:
    near = 1e-9 * (1.0 + np.abs(value))
    low = value - lower <= np.maximum(price, near)
    high = upper - value <= np.maximum(-price, near)
    return np.where(low, -1, np.where(high, 1, 0)).astype(np.int8)


def solve(problem: Problem, start: FloatArray, sets: Sets) -> tuple[Point, Sets] | None:
    """Return the optimum and its sets from a dispatch `start` (n,), or None when the sets do not settle.

    Linear columns get a slight bend round the last point (Rockafellar 1976, the proximal point method): equal offers
    then leave no singular system, and the bend has gone when the point no longer moves.
    """
    straight = problem.quadratic <= 0.0
    scale = TOLERANCE * (1.0 + float(np.max(np.abs(problem.cost), initial=0.0)))
    center = np.clip(start, problem.lower, problem.upper)
    bent = replace(problem, quadratic=np.where(straight, BEND, problem.quadratic))
    for _ in range(MOST_CENTERS):
        bent = replace(bent, cost=np.where(straight, problem.cost - 2.0 * BEND * center, problem.cost))
        settled = _settled(bent, sets, scale)
        if settled is None:
            return None
        point, sets = settled
        moved = np.abs(point.x - center)[straight & (sets.column == 0)]
        if 2.0 * BEND * float(np.max(moved, initial=0.0)) <= scale:
            return point, sets
        center = point.x
    return None


def _settled(problem: Problem, sets: Sets, scale: float) -> tuple[Point, Sets] | None:
    """Return the point of a strictly convex programme and its sets, or None after MOST_STEPS."""
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
    free = np.flatnonzero(sets.column == 0)
    x = np.where(sets.column < 0, problem.lower, np.where(sets.column > 0, problem.upper, 0.0))
    rows = problem.rows[active]
    target = np.where(sets.row[active] < 0, problem.row_lower[active], problem.row_upper[active]) - rows @ x
    held = rows[:, free]
    bend = 1.0 / (2.0 * problem.quadratic[free])
    bent = held * bend
    matrix = bent @ held.T
    right = target + bent @ problem.cost[free]
    firm = matrix + np.diag(RIDGE * np.diag(matrix))
    try:
        factor = np.linalg.inv(firm)
    except np.linalg.LinAlgError:
        return None
    if not np.isfinite(factor).all():  # an active row that no free column can serve
        return None
    price = factor @ right
    for _ in range(REFINEMENTS):
        price = price + factor @ (right - matrix @ price)
    if not np.isfinite(price).all():
        return None
    x[free] = bend * (held.T @ price - problem.cost[free])
    prices = np.zeros(problem.row_lower.size)
    prices[active] = price
    return Point(x, prices)


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
