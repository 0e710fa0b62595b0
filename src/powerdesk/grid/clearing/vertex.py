"""The optimal vertex of the last interval, kept with the inverse of its basis: the next interval by dual simplex steps.

    minimise c'x  subject to  row_lower <= A x <= row_upper,  lower <= x <= upper

At a vertex as many columns F are free as rows R are active, and with K = A_RF

    x_F = K^-1 (bounds of R - A_RN x_N),   prices y = K^-T c_F,   reduced costs d = c - A_R' y

Prices depend on the sets alone, so while F and R stay an interval costs one product with K^-1. Where a bound breaks,
the column or row that broke it leaves and the cheapest by price over slope takes its place (Lemke 1954; Koberstein
2005, "The dual simplex method", sections 3.3 and 6.2, for tolerances). The slopes of all that broke are found in one
product and worked off together; K^-1 follows by one change of low rank. Rows that are not active take no part in K,
which is what makes this cheaper than a basis of all rows. Nothing here is believed: whoever asks checks the answer from
the data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import blas

from powerdesk.grid.clearing.active_set import Point

if TYPE_CHECKING:
    from powerdesk.grid.clearing.active_set import Problem, Sets
    from powerdesk.grid.types import FloatArray, IntArray
    from powerdesk.solvers.warm import SideArray

MOST_BLOCKS = 60
BLOCK = 12
"""What broke that is priced together; the next block sees what the exchanges of this one broke."""

NEAR = 1e-9
"""Of a bound, over 1 + its size."""

DUAL_SLACK = 1e-9
"""Wrong sign of a price that a ratio test lets pass, over 1 + the largest cost: it buys larger pivots (Harris)."""

LEAST_PIVOT = 1e-7
TRIM = 1e-16
"""Of the largest entry: what is smaller is rounding."""

SPARE = 2 * BLOCK
"""Places kept empty for what a block brings in."""

MOST_EXCHANGES = 32
"""Exchanges after which prices, and what active rows hold, are computed anew; each interval begins with the latter."""

REFINEMENTS = 2
"""Corrections of a product with the inverse before the inverse is made anew."""


@dataclass(eq=False, slots=True)
class _Block:
    """What is basic and broke a bound (k,), a `column` or a `row` (-1 for the other), with slopes on all indices.

    Indices of a block are those of the vertex, then its own parts, which become indices as they leave the basis.
    `slope` (k, index) and `start` (k,) stay as they were found; `slopes`, `value`, `sides` (index,) and `prices` move
    with each exchange. `done` (k,) is the bound to which a part went, 0 while it is basic.
    """

    column: IntArray
    row: IntArray
    low: FloatArray
    high: FloatArray
    start: FloatArray
    slope: FloatArray
    sides: FloatArray
    prices: FloatArray
    ranges: FloatArray
    slopes: FloatArray = field(init=False)
    value: FloatArray = field(init=False)
    weight: FloatArray = field(init=False)
    done: SideArray = field(init=False)
    left: list[int] = field(default_factory=list)
    entered: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        count = self.start.size
        self.slopes = np.concatenate((self.slope, np.zeros((count, count))), axis=1)
        self.weight = np.sqrt(1.0 + np.einsum("ij,ij->i", self.slope, self.slope))
        self.value, self.done = self.start.copy(), np.zeros(count, np.int8)
        none = np.zeros(count)
        self.sides, self.prices = np.concatenate((self.sides, none)), np.concatenate((self.prices, none))
        self.ranges = np.concatenate((self.ranges, none + np.inf))  # its own parts end a block before they pass

    def worst(self) -> tuple[int, float] | None:
        """Return the part that is furthest from its bounds over the length of its slopes, and the way to go."""
        gap = np.maximum(self.low - self.value, 0.0) + np.minimum(self.high - self.value, 0.0)
        gap[(np.abs(gap) <= NEAR * (1.0 + np.abs(self.value))) | (self.done != 0)] = 0.0
        at = int(np.argmax(np.abs(gap) / self.weight))
        return (at, float(gap[at])) if gap[at] != 0.0 else None

    def pass_over(self, passed: IntArray) -> FloatArray:
        """Move indices to their other bounds; return by how much."""
        over: FloatArray = -self.sides[passed] * self.ranges[passed]
        self.sides[passed] *= -1.0
        self.value += self.slopes[:, passed] @ over
        self.start += self.slope[:, passed] @ over
        return over

    def exchange(self, at: int, entering: int, sign: int) -> None:
        """Let a part go to the bound it broke, by moving an index off its own."""
        own = self.slope.shape[1] + at
        gap = (self.low[at] if sign > 0 else self.high[at]) - self.value[at]
        slope = self.slopes[at].copy()
        share, price = self.slopes[:, entering] / slope[entering], self.prices[entering] / slope[entering]
        self.value += share * gap
        self.prices -= price * slope
        self.slopes -= share[:, None] * slope
        self.sides[entering], self.sides[own] = 0.0, -sign
        self.prices[entering], self.prices[own] = 0.0, price
        self.slopes[:, entering], self.slopes[:, own] = 0.0, share
        self.done[at] = -sign
        self.left.append(at)
        self.entered.append(entering)


class Vertex:
    """One vertex, moved from interval to interval. Not safe to share between threads.

    The inverse has empty places, so that an exchange moves nothing: `_free` (place,) names the column of each of its
    lines and `_active` (place,) the row of each of its columns, -1 where there is none and the inverse is 0. Arrays
    over columns and rows end with an element that -1 finds. What is not basic has one index: places of active rows,
    then columns; `_prices` are y and d in that order.
    """

    def __init__(self, problem: Problem, sets: Sets) -> None:
        """Take the sets of a basis: 0 is a free column, or a row that is not active.

        Raises numpy.linalg.LinAlgError when they are not one.
        """
        self._side = np.append(sets.column, np.int8(0))
        self._row_side = np.append(sets.row, np.int8(0))
        self._free, self._active = np.flatnonzero(sets.column == 0), np.flatnonzero(sets.row != 0)
        if self._free.size != self._active.size:
            raise np.linalg.LinAlgError("a basis has as many free columns as active rows")
        self._slack = DUAL_SLACK * (1.0 + float(np.max(np.abs(problem.cost), initial=0.0)))
        self._x = np.zeros(problem.cost.size + 1)
        self._activity = np.zeros(problem.row_lower.size + 1)
        self._bounds: tuple[FloatArray, FloatArray] | None = None
        self._factor(problem)

    def _factor(self, problem: Problem) -> None:
        """Make the inverse anew, and the prices from it."""
        self._free, self._active = self._free[self._free >= 0], self._active[self._active >= 0]
        inside = np.linalg.inv(problem.rows[np.ix_(self._active, self._free)]).astype(np.float64, copy=False)
        self._inverse = _trimmed(inside)
        if not np.isfinite(self._inverse).all():
            raise np.linalg.LinAlgError("a basis that cannot be inverted")
        self._widen()
        self._price(problem)

    def _widen(self) -> None:
        """Add empty places."""
        self._inverse = np.asfortranarray(np.pad(self._inverse, ((0, 2 * SPARE), (0, 2 * SPARE))))
        none = np.full(2 * SPARE, -1)
        self._free, self._active = np.concatenate((self._free, none)), np.concatenate((self._active, none))

    def _price(self, problem: Problem) -> None:
        """Find the prices from the sets, corrected once by what they leave on free columns."""
        held = self._free >= 0
        y = np.where(held, problem.cost[self._free], 0.0) @ self._inverse
        price = np.zeros(self._row_side.size)
        for _ in range(2):
            price[self._active] = y
            price[-1] = 0.0
            reduced = problem.cost - price[:-1] @ problem.rows
            left = np.where(held, reduced[self._free], 0.0)
            if float(np.max(np.abs(left), initial=0.0)) <= 0.1 * self._slack:
                break
            y = y + left @ self._inverse
        self._prices = np.concatenate((price[self._active], reduced))
        self._row_price: FloatArray | None = None
        self._exchanged = 0

    def solve(self, problem: Problem) -> Point | None:
        """Return the optimum for new bounds, or None when the sets do not settle or a bound cannot be kept."""
        joined = problem.row_lower.size + 1 - self._row_side.size
        if joined:
            self._row_side = np.append(self._row_side, np.zeros(joined, np.int8))
            self._row_price = None
            self._activity = np.append(problem.rows @ self._x[:-1], 0.0)
        try:
            return self._followed(problem)
        except np.linalg.LinAlgError:
            return None

    def _followed(self, problem: Problem) -> Point | None:
        if not self._placed(problem):
            return None
        for _ in range(MOST_BLOCKS):
            block = self._broken(problem)
            if block is not None:
                if not self._worked_off(problem, block):
                    return None
            elif self._exchanged > MOST_EXCHANGES:
                self._activity[:-1] = problem.rows @ self._x[:-1]
                if not self._placed(problem):
                    return None
                self._price(problem)  # and look again
            else:
                return Point(np.clip(self._x[:-1], problem.lower, problem.upper), self._row_prices())
        return None

    def _row_prices(self) -> FloatArray:
        """Return the price of each row (n_row,): the same array until a set changes."""
        if self._row_price is None:
            price = np.zeros(self._row_side.size)
            price[self._active] = self._prices[: self._active.size]
            self._row_price = price[:-1]
        return self._row_price

    def _placed(self, problem: Problem) -> bool:
        """Put columns that are not free on their bounds, and the free ones where the active rows hold."""
        if self._bounds is None or self._bounds[0] is not problem.lower or self._bounds[1] is not problem.upper:
            self._bounds = problem.lower, problem.upper
            self._seat(problem)
        if not np.isfinite(self._activity).all():
            return False
        if self._held(problem):
            return True
        self._factor(problem)
        return self._held(problem)

    def _seat(self, problem: Problem) -> None:
        """Put columns that are not free on the bound that their price asks for."""
        side, reduced = self._side[:-1], self._prices[self._active.size :]
        side[side * reduced > self._slack] *= -1
        at_bound = np.where(side < 0, problem.lower, problem.upper)
        self._x[:-1][side != 0] = at_bound[side != 0]
        self._activity[:-1] = problem.rows @ self._x[:-1]

    def _held(self, problem: Problem) -> bool:
        """Move the free columns until the active rows hold; return whether they do."""
        at = self._active
        target = np.where(self._row_side[at] < 0, problem.row_lower[at], problem.row_upper[at])
        target[at < 0] = 0.0
        near = NEAR * (1.0 + np.abs(target))
        for correction in range(REFINEMENTS + 1):
            missing = target - self._activity[at]
            if (np.abs(missing) <= near).all():
                return True
            if correction < REFINEMENTS:
                self._x[self._free] += self._inverse @ missing
                self._activity[:-1] = problem.rows @ self._x[:-1]
        return False

    def _broken(self, problem: Problem) -> _Block | None:
        """Return the worst of what broke a bound, its slopes found in one product; None when nothing did."""
        place, idle = np.flatnonzero(self._free >= 0), np.flatnonzero(self._row_side[:-1] == 0)
        free = self._free[place]
        value = np.concatenate((self._x[free], self._activity[idle]))
        low = np.concatenate((problem.lower[free], problem.row_lower[idle]))
        high = np.concatenate((problem.upper[free], problem.row_upper[idle]))
        beyond = np.maximum(low - value, value - high) - NEAR * (1.0 + np.abs(value))
        out = np.flatnonzero(beyond > 0.0)
        if not out.size:
            return None
        worst = np.sort(out[np.argsort(-beyond[out], kind="stable")[:BLOCK]])  # columns stay before rows
        if min(int((self._free < 0).sum()), int((self._active < 0).sum())) < SPARE:
            self._prices = np.insert(self._prices, self._active.size, np.zeros(2 * SPARE))
            self._widen()
        mine, others = worst[worst < free.size], worst[worst >= free.size] - free.size
        return _Block(
            column=np.concatenate((free[mine], np.full(others.size, -1))),
            row=np.concatenate((np.full(mine.size, -1), idle[others])),
            low=low[worst],
            high=high[worst],
            start=value[worst],
            slope=self._slopes(problem, place[mine], idle[others]),
            sides=self._sides(problem),
            prices=self._prices,
            ranges=self._ranges(problem),
        )

    def _slopes(self, problem: Problem, place: IntArray, row: IntArray) -> FloatArray:
        """Return what the free columns at places, then inactive rows, gain by each of what is not basic (k, index)."""
        over_free = np.where(self._free >= 0, problem.rows[row[:, None], self._free], 0.0)
        through = np.concatenate((self._inverse[place], over_free @ self._inverse))
        spread = np.zeros((len(through), self._row_side.size))
        spread[:, self._active] = through
        slope = -(spread[:, :-1] @ problem.rows)
        slope[place.size :] += problem.rows[row]
        return np.concatenate((through, slope), axis=1)

    def _worked_off(self, problem: Problem, block: _Block) -> bool:
        """Exchange what broke for what gives way cheapest, worst first, until the block keeps its bounds."""
        while (worst := block.worst()) is not None:
            at, gap = worst
            sign = 1 if gap > 0.0 else -1
            chosen = _entering(block, sign * block.slopes[at], abs(gap), self._slack)
            if chosen is None:
                return False
            entering, passed = chosen
            if max(entering, *passed.tolist(), 0) >= self._prices.size:
                break  # what this block took out comes back: the next block sees to it
            if passed.size:
                self._pass(problem, passed, block.pass_over(passed))
            block.exchange(at, entering, sign)
        if block.left:
            self._exchange(problem, block)
        side = self._row_side[:-1]
        idle = np.flatnonzero(side == 0)
        self._activity[:-1] = np.where(side < 0, problem.row_lower, problem.row_upper)
        self._activity[idle] = problem.rows[idle] @ self._x[:-1]
        return bool(block.left)

    def _sides(self, problem: Problem) -> FloatArray:
        """Return the bound at which each index stands, 0 where it cannot leave it."""
        at = self._active
        rows = np.where((at >= 0) & (problem.row_lower[at] < problem.row_upper[at]), self._row_side[at], 0.0)
        return np.concatenate((rows, np.where(problem.lower < problem.upper, self._side[:-1], 0.0)))

    def _ranges(self, problem: Problem) -> FloatArray:
        """Return how far each index may go from one bound to the other."""
        at = self._active
        return np.concatenate((problem.row_upper[at] - problem.row_lower[at], problem.upper - problem.lower))

    def _pass(self, problem: Problem, passed: IntArray, over: FloatArray) -> None:
        """Move indices from one bound to the other, by `over`, and the free columns with them."""
        places = self._active.size
        by_row = passed < places
        self._row_side[self._active[passed[by_row]]] *= -1
        column = passed[~by_row] - places
        self._side[column] *= -1
        self._x[column] += over[~by_row]
        target = np.zeros(places)
        target[passed[by_row]] = over[by_row]
        target -= np.where(self._active >= 0, problem.rows[self._active[:, None], column] @ over[~by_row], 0.0)
        self._x[self._free] += self._inverse @ target

    def _exchange(self, problem: Problem, block: _Block) -> None:
        """Let parts of the block go to the bounds they broke and indices off theirs, all at once.

        With T the slopes of what is basic (rows) on what is not, and P = T[left, entered], the inverse of the new basis
        has the parts T - T[:, entered] P^-1 T[left, :], T[:, entered] P^-1, -P^-1 T[left, :] and P^-1 (the principal
        pivot transform: Tsatsomeros 2000).
        """
        places, left, entered = self._active.size, np.array(block.left), np.array(block.entered)
        inside = np.linalg.inv(block.slope[np.ix_(left, entered)])
        by_row, is_row = entered < places, block.row[left] >= 0
        place, column = entered[by_row], entered[~by_row] - places
        out, row = block.column[left[~is_row]], block.row[left[is_row]]
        over_rows = np.where((self._active >= 0)[:, None], problem.rows[self._active[:, None], column], 0.0)
        gain = np.empty((places, left.size))
        gain[:, by_row] = self._inverse[:, place]
        gain[:, ~by_row] = -(self._inverse @ over_rows)
        bound = np.where(block.done < 0, block.low, block.high)[left]
        moved = inside @ (bound - block.start[left])
        self._x[self._free] += gain @ moved
        self._x[column] += moved[~by_row]
        self._x[out] = bound[~is_row]

        lines, gain = _trimmed(block.slope[left, :places]), _trimmed(gain @ inside)
        self._inverse = blas.dgemm(-1.0, gain, lines, beta=1.0, c=self._inverse, overwrite_c=1)
        gone = np.flatnonzero(np.isin(self._free, out))
        self._row_side[self._active[place]] = 0
        self._free[gone], self._active[place] = -1, -1
        self._inverse[gone], self._inverse[:, place] = 0.0, 0.0
        gain[gone], lines[:, place] = 0.0, 0.0
        into, now = np.flatnonzero(self._free < 0)[: column.size], np.flatnonzero(self._active < 0)[: row.size]
        self._inverse[into], self._inverse[:, now] = -(inside[~by_row] @ lines), gain[:, is_row]
        self._inverse[np.ix_(into, now)] = inside[np.ix_(~by_row, is_row)]
        self._free[into], self._active[now] = column, row
        self._side[column], self._side[out] = 0, block.done[left[~is_row]]
        self._row_side[row] = block.done[left[is_row]]
        fresh = block.prices[self._prices.size :][left]
        self._prices = block.prices[: self._prices.size]
        self._prices[now], self._prices[places + out] = fresh[is_row], fresh[~is_row]
        self._row_price = None
        self._exchanged += left.size


def _entering(block: _Block, slope: FloatArray, gap: float, slack: float) -> tuple[int, IntArray] | None:
    """Return the index that closes a gap at the least price, after those that only pass to their other bound.

    None when all together cannot (the bound flipping ratio test: Maros 2003, section 9.4).
    """
    pull = -block.sides * slope  # above zero: to leave the bound helps
    able = np.flatnonzero(pull > LEAST_PIVOT)
    pull = pull[able]
    price = np.maximum(-block.sides[able] * block.prices[able], 0.0)
    passed: list[int] = []
    while able.size:
        near = np.flatnonzero(price / pull <= np.min((price + slack) / pull))
        best = int(near[np.argmax(pull[near])])
        gap -= pull[best] * block.ranges[able[best]]
        if gap <= 0.0:
            return int(able[best]), np.array(passed, np.int64)
        passed.append(int(able[best]))
        able, pull, price = (np.delete(one, best) for one in (able, pull, price))
    return None


def _trimmed(values: FloatArray) -> FloatArray:
    """Return the values with those of rounding's size 0: products of such are subnormal, 40 times slower to work on."""
    values[np.abs(values) < TRIM * np.max(np.abs(values), initial=0.0)] = 0.0
    return values
