"""The optimal vertex of the last interval, kept with the inverse of its basis: the next interval by dual simplex steps.

    minimise c'x  subject to  row_lower <= A x <= row_upper,  lower <= x <= upper

At a vertex as many columns F are free as rows R are active, and with K = A_RF

    x_F = K^-1 (bounds of R - A_RN x_N),   prices y = K^-T c_F,   reduced costs d = c - A_R' y

Prices depend on the sets alone, so while F and R stay an interval costs one product with K^-1. Where a bound breaks,
the column or row that broke it leaves and the cheapest by price over slope takes its place (Lemke 1954). The slopes of
all that broke are found in one product and worked off together; K^-1 follows by one change of low rank. Rows that are
not active take no part in K, nor do rows over one column, which makes this cheaper than a basis of all rows. Nothing
here is believed: what the rows hold is asked of the caller before an answer is given, and whoever asks checks that
answer from the data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from powerdesk.grid.clearing.active_set import Point
from powerdesk.grid.clearing.bound_rows import BoundRows
from powerdesk.grid.clearing.exchanges import NEAR, Block, entering
from powerdesk.grid.clearing.inverse import KeptInverse, trimmed
from powerdesk.grid.clearing.seats import Seats, entries

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.clearing.active_set import Problem, Sets
    from powerdesk.grid.types import FloatArray, IntArray

MOST_BLOCKS = 60
BLOCK = 12
"""What broke that is priced together; the next block sees what the exchanges of this one broke."""

DUAL_SLACK = 1e-9
"""Wrong sign of a price that a ratio test lets pass, over 1 + the largest cost: it buys larger pivots (Harris)."""

SPARE = 2 * BLOCK
"""Places made when fewer are empty than a block may fill."""

LEAST_BOUND_ROWS = 32
"""Rows over one column from which on they are taken for bounds: with fewer the basis is small anyway."""

SEATED = 0.3
"""Share of the columns at a bound that are priced: those of the least reduced cost. Of the columns that come in, 19 in
20 are among the first 0.23 (case8387_pegase, 2026-11-21)."""

LEAST_SEATED = 128
MOST_EXCHANGES = 64
"""Exchanges after which seats are given anew."""

ROUNDING = 1e-13
"""Of what a column stands at, over 1 + its size: a bound that moved less has not moved."""

HELD = 1e-7
"""MW by which active rows may miss their bounds: flows of short lines are rounded to 3e-8 MW."""

CORRECTIONS = 3
"""Products that find prices: the last of them only where a second correction was needed."""

REFINEMENTS = 2
"""Corrections of what active rows hold before the inverse is made anew."""


class Products(Protocol):
    """Products with the rows A, faster and more exact than by A itself where it follows from a sparse network."""

    def held(self, x: FloatArray) -> FloatArray:
        """Return what the rows hold (n_row,) at a dispatch (n,): A x, with all else that their bounds are about."""
        ...

    def pressed(self, price: FloatArray) -> FloatArray:
        """Return A' price (n,) for prices of rows (n_row,)."""
        ...


class Vertex:
    """One vertex, moved from interval to interval. Not safe to share between threads.

    What is not basic has one index: places of active rows in the inverse, then seats of columns at a bound; `_prices`
    are y and d in that order. Columns whose reduced cost is far from 0 have no seat: they rarely come in. `_reduced`
    (n,), found anew after exchanges, tells of those that should have. Arrays over columns and rows end with an element
    that -1 finds.
    """

    def __init__(self, problem: Problem, sets: Sets) -> None:
        """Take the sets of a basis: 0 is a free column, or a row that is not active.

        Raises numpy.linalg.LinAlgError when they are not one.
        """
        self._bound_rows = BoundRows.among(problem.rows, least=LEAST_BOUND_ROWS)
        sets = self._bound_rows.sets(sets)
        self._side = np.append(sets.column, np.int8(0))
        self._row_side = np.append(sets.row, np.int8(0))
        self._is_row = np.ones(sets.row.size, dtype=bool)
        self._is_row[self._bound_rows.row] = False
        self._slack = DUAL_SLACK * (1.0 + float(np.max(np.abs(problem.cost), initial=0.0)))
        self._x = np.zeros(problem.cost.size + 1)
        self._activity = np.zeros(problem.row_lower.size + 1)
        self._known = self._x.copy(), self._activity.copy()
        self._row_price: FloatArray | None = None
        self._bounds: tuple[FloatArray, FloatArray] | None = None
        self._factor(problem, np.flatnonzero(sets.column == 0), np.flatnonzero(sets.row != 0))

    def _factor(self, problem: Problem, free: IntArray, active: IntArray) -> None:
        """Make the inverse anew, and the prices from it."""
        self._inverse = KeptInverse(problem.rows[np.ix_(active, free)], active=active, free=free)
        self._prices = np.zeros(active.size)
        self._seats = Seats(problem.rows, active=active, column=np.empty(0, np.int64))
        self._find_idle()
        self._price(problem, lambda price: price @ problem.rows)
        self._give_seats(problem, SEATED)

    def _give_seats(self, problem: Problem, share: float) -> None:
        """Seat a share of the columns at a bound, those of the least reduced cost or without another bound."""
        column = np.flatnonzero(self._side[:-1] != 0)
        boxed = np.isfinite(problem.lower[column]) & np.isfinite(problem.upper[column])
        order = np.argsort(np.where(boxed, np.abs(self._reduced[column]), -1.0), kind="stable")
        count = max(LEAST_SEATED, int(share * column.size), int((~boxed).sum()))
        seated, active = np.sort(column[order[:count]]), self._inverse.active
        self._seats = Seats(problem.rows, active=active, column=seated)
        self._prices = np.concatenate((self._prices[: active.size], self._reduced[seated]))
        self._exchanged = 0
        self._make_room()

    def _make_room(self, seats: int = BLOCK) -> None:
        """Add empty places and seats where a block, or so many seats, may want more than there are."""
        places = self._inverse.active.size
        if self._inverse.room < BLOCK:
            self._inverse.widen(SPARE)
            self._prices = np.insert(self._prices, places, np.zeros(SPARE))
            self._seats.widen(places=SPARE)
        if (short := seats - (self._seats.column.size - self._seats.count)) > 0:
            self._seats.widen(seats=short + SPARE)
            self._prices = np.concatenate((self._prices, np.zeros(short + SPARE)))

    def _price(self, problem: Problem, pressed: Callable[[FloatArray], FloatArray]) -> None:
        """Find the reduced costs of all columns, and correct the prices by what they leave on free ones."""
        free, active = self._inverse.free, self._inverse.active
        y = self._prices[: active.size]
        for _ in range(CORRECTIONS):
            price = np.zeros(self._row_side.size)
            price[active] = y
            self._reduced = problem.cost - pressed(price[:-1])
            left = np.where(free >= 0, self._reduced[free], 0.0)
            if float(np.max(np.abs(left), initial=0.0)) <= 0.1 * self._slack:
                break
            y = y + self._inverse.after(left)
        column = self._seats.column
        taken = np.where(column >= 0, self._reduced[column], 0.0)
        self._prices = np.concatenate((y, taken))
        self._is_priced, self._row_price = True, None

    def solve(self, problem: Problem, products: Products) -> Point | None:
        """Return the optimum for new bounds, or None when the sets do not settle or a bound cannot be kept."""
        self._join(problem)
        self._ask(products)
        limits = self._bound_rows.limits(problem, self._x, self._activity)
        narrow = self._bound_rows.narrowed(problem, *limits)
        if narrow is None:
            return None
        try:
            x = self._followed(narrow, products)
        except np.linalg.LinAlgError:
            return None
        return None if x is None else Point(x.copy(), self._row_prices(problem, *limits))

    def _join(self, problem: Problem) -> None:
        """Take in the rows that joined since."""
        first = self._row_side.size - 1
        fresh = problem.rows[first:]
        if not len(fresh):
            return
        joined = BoundRows.among(fresh, first=first, least=1 if self._bound_rows.row.size else LEAST_BOUND_ROWS)
        self._bound_rows = self._bound_rows.joined(joined)
        self._is_row = np.append(self._is_row, np.ones(len(fresh), dtype=bool))
        self._is_row[joined.row] = False
        self._row_side = np.append(self._row_side, np.zeros(len(fresh), np.int8))
        self._activity = np.append(self._activity, np.zeros(len(fresh)))
        self._row_price = None
        self._find_idle()

    def _row_prices(self, problem: Problem, low: FloatArray, high: FloatArray) -> FloatArray:
        """Return the price of each row (n_row,): the same array while it holds the same."""
        if self._row_price is not None and not self._bound_rows.row.size:
            return self._row_price
        price = np.zeros(self._row_side.size)
        price[self._inverse.active] = self._prices[: self._inverse.active.size]
        if self._bound_rows.row.size:
            prices = self._bound_rows.prices(problem, low, high, self._side[:-1], self._reduced)
            price[self._bound_rows.row] = prices
        if self._row_price is None or not np.array_equal(self._row_price, price[:-1]):
            self._row_price = price[:-1]
        return self._row_price

    def _place(self, problem: Problem, products: Products) -> None:
        """Put columns that are not free on the bound that their price asks for, and free ones where active rows hold.

        Columns that changed sides get a seat.
        """
        side, x = self._side[:-1], self._x[:-1]
        wrong = np.flatnonzero(side * self._reduced > self._slack)
        if wrong.size:
            side[wrong] *= -1
            self._sit(problem, np.setdiff1d(wrong, self._seats.column))
        moved = np.where(side < 0, problem.lower, problem.upper) - x
        off = np.flatnonzero((side != 0) & ~(np.abs(moved) <= ROUNDING * (1.0 + np.abs(x))))
        if not np.isfinite(moved[off]).all():
            raise np.linalg.LinAlgError("a column stands at a bound that it does not have")
        x[off] += moved[off]
        if 8 * off.size > x.size:
            self._ask(products)
        elif off.size:
            self._activity[:-1] += problem.rows[:, off] @ moved[off]
        self._hold(problem)

    def _followed(self, problem: Problem, products: Products) -> FloatArray | None:
        """Return the dispatch (n,) at which nothing breaks a bound any more, or None."""
        corrections = 0
        self._begin(problem, products)
        for _ in range(MOST_BLOCKS):
            if (block := self._broken(problem)) is not None:
                if not (self._worked_off(problem, block) or self._all_seated(problem, products)):
                    return None
                continue
            if not self._is_priced:
                self._price(problem, products.pressed)
                if (self._side[:-1] * self._reduced > self._slack).any():
                    self._place(problem, products)  # and look again
                    continue
            if self._is_held(problem, products):
                if self._exchanged > MOST_EXCHANGES:
                    self._give_seats(problem, SEATED)
                return self._x[:-1]
            if corrections > REFINEMENTS:
                return None
            if corrections == REFINEMENTS:
                free, active = self._inverse.free, self._inverse.active
                self._factor(problem, free[free >= 0], active[active >= 0])
            self._hold(problem)
            corrections += 1
        return None

    def _begin(self, problem: Problem, products: Products) -> None:
        """Put columns where bounds that are other arrays than last time ask for."""
        if self._bounds is not None and self._bounds[0] is problem.lower and self._bounds[1] is problem.upper:
            self._hold(problem)
        else:
            self._place(problem, products)
            self._bounds = problem.lower, problem.upper

    def _all_seated(self, problem: Problem, products: Products) -> bool:
        """Give all columns at a bound a seat; return False where they have one already."""
        if int((self._side[:-1] != 0).sum()) == self._seats.count:
            return False
        self._price(problem, products.pressed)
        self._give_seats(problem, 1.0)
        self._place(problem, products)
        return True

    def _ask(self, products: Products) -> None:
        """Ask what the rows hold."""
        self._activity[:-1] = products.held(self._x[:-1])
        self._known = self._x.copy(), self._activity.copy()

    def _is_held(self, problem: Problem, products: Products) -> bool:
        """Ask what the rows hold; return whether the active ones stand at their bounds."""
        np.clip(self._x[:-1], problem.lower, problem.upper, out=self._x[:-1])
        self._ask(products)
        missing = self._activity[self._inverse.active] - self._targets(problem)
        return float(np.max(np.abs(missing), initial=0.0)) <= HELD

    def _targets(self, problem: Problem) -> FloatArray:
        """Return the bounds of active rows by place, 0 where there is none."""
        active = self._inverse.active
        target = np.where(self._row_side[active] < 0, problem.row_lower[active], problem.row_upper[active])
        target[active < 0] = 0.0
        return target

    def _hold(self, problem: Problem) -> None:
        """Move the free columns until the active rows stand at their bounds."""
        missing = self._targets(problem) - self._activity[self._inverse.active]
        self._x[self._inverse.free] += self._inverse.times(missing)
        self._note(problem)

    def _note(self, problem: Problem) -> None:
        """Note what the rows hold now that the active ones stand at their bounds."""
        idle, (x, activity) = self._idle, self._known
        self._activity[self._inverse.active] = self._targets(problem)
        self._activity[idle] = activity[idle] + problem.rows[idle] @ (self._x - x)[:-1]

    def _find_idle(self) -> None:
        """Note which rows are neither active nor bounds of a column."""
        self._idle = np.flatnonzero((self._row_side[:-1] == 0) & self._is_row)

    def _broken(self, problem: Problem) -> Block | None:
        """Return the worst of what broke a bound, its slopes found in one product; None when nothing did."""
        free, idle = self._inverse.free, self._idle
        value = np.concatenate((self._x[free], self._activity[idle]))
        low = np.concatenate((problem.lower[free], problem.row_lower[idle]))
        high = np.concatenate((problem.upper[free], problem.row_upper[idle]))
        beyond = np.maximum(low - value, value - high) - NEAR * (1.0 + np.abs(value))
        beyond[: free.size][free < 0] = -1.0
        out = np.flatnonzero(beyond > 0.0)
        if not out.size:
            return None
        worst = np.sort(out[np.argsort(-beyond[out], kind="stable")[:BLOCK]])  # columns stay before rows
        mine, others = worst[worst < free.size], worst[worst >= free.size] - free.size
        self._make_room()
        return Block(
            place=np.concatenate((mine, np.full(others.size, -1))),
            row=np.concatenate((np.full(mine.size, -1), idle[others])),
            low=low[worst],
            high=high[worst],
            start=value[worst],
            slope=self._slopes(problem, mine, idle[others]),
            sides=self._sides(problem),
            prices=self._prices,
            ranges=self._ranges(problem),
        )

    def _slopes(self, problem: Problem, place: IntArray, row: IntArray) -> FloatArray:
        """Return what the free columns at places, then inactive rows, gain by each of what is not basic (k, index)."""
        over_free = entries(problem.rows, row, self._inverse.free)
        through = np.concatenate((self._inverse.lines(place), self._inverse.after(over_free)))
        slope = -(through @ self._seats.across)
        slope[place.size :] += entries(problem.rows, row, self._seats.column)
        return np.concatenate((through, slope), axis=1)

    def _sides(self, problem: Problem) -> FloatArray:
        """Return the bound at which each index stands, 0 where it cannot leave it."""
        at, column = self._inverse.active, self._seats.column
        rows = np.where(problem.row_lower[at] < problem.row_upper[at], self._row_side[at], 0.0)
        return np.concatenate((rows, np.where(problem.lower[column] < problem.upper[column], self._side[column], 0.0)))

    def _ranges(self, problem: Problem) -> FloatArray:
        """Return how far each index may go from one bound to the other."""
        at, column = self._inverse.active, self._seats.column
        rows = problem.row_upper[at] - problem.row_lower[at]
        return np.concatenate((rows, problem.upper[column] - problem.lower[column]))

    def _worked_off(self, problem: Problem, block: Block) -> bool:
        """Exchange what broke for what gives way cheapest, worst first, until the block keeps its bounds."""
        needed: list[FloatArray] = []
        while (worst := block.worst()) is not None:
            at, gap = worst
            sign = 1 if gap > 0.0 else -1
            chosen = entering(block, sign * block.slopes[at], abs(gap), self._slack)
            if chosen is None:
                break  # what this block took out may help the next
            index, passed = chosen
            if max(index, *passed.tolist(), 0) >= self._prices.size:
                break  # and may come back there
            if passed.size:
                needed.append(self._passed_over(passed, block.pass_over(passed)))
            block.exchange(at, index, sign)
        if block.left:
            self._exchange(problem, block, needed)
            self._note(problem)
        return bool(block.left)

    def _passed_over(self, passed: IntArray, over: FloatArray) -> FloatArray:
        """Move indices from one bound to the other, by `over`; return what active rows then need (place,)."""
        places = self._inverse.active.size
        by_row = passed < places
        seat = passed[~by_row] - places
        self._row_side[self._inverse.active[passed[by_row]]] *= -1
        self._side[self._seats.column[seat]] *= -1
        self._x[self._seats.column[seat]] += over[~by_row]
        needed: FloatArray = -(self._seats.across[:, seat] @ over[~by_row])
        needed[passed[by_row]] += over[by_row]
        return needed

    def _exchange(self, problem: Problem, block: Block, needed: list[FloatArray]) -> None:
        """Let parts of the block go to the bounds they broke and indices off theirs, all at once.

        With T the slopes of what is basic (rows) on what is not, and P = T[left, entered], the inverse of the new basis
        has the parts T - T[:, entered] P^-1 T[left, :], T[:, entered] P^-1, -P^-1 T[left, :] and P^-1 (the principal
        pivot transform: Tsatsomeros 2000).
        """
        kept, places = self._inverse, self._inverse.active.size
        left, entered = np.array(block.left), np.array(block.entered)
        inside = np.linalg.inv(block.slope[np.ix_(left, entered)])
        by_row, is_row = entered < places, block.row[left] >= 0
        place, seat = entered[by_row], entered[~by_row] - places
        gone, row = block.place[left[~is_row]], block.row[left[is_row]]
        column, out = self._seats.column[seat], kept.free[gone]
        through = kept.times(np.column_stack((-self._seats.across[:, seat], *needed)))
        gain = np.empty((places, left.size))
        gain[:, by_row], gain[:, ~by_row] = kept.columns(place), through[:, : seat.size]
        bound = np.where(block.done < 0, block.low, block.high)[left]
        moved = inside @ (bound - block.start[left])
        self._x[kept.free] += through[:, seat.size :].sum(axis=1) + gain @ moved
        self._x[column] += moved[~by_row]
        self._x[out] = bound[~is_row]

        lines, gain = trimmed(block.slope[left, :places]), trimmed(gain @ inside)
        kept.take(gain, lines)
        self._row_side[kept.active[place]] = 0
        kept.empty(free=gone, active=place)
        gain[gone], lines[:, place] = 0.0, 0.0
        corner = inside[np.ix_(~by_row, is_row)]
        _, now = kept.fill(column, row, lines=-(inside[~by_row] @ lines), gain=gain[:, is_row], corner=corner)
        self._side[column], self._side[out] = 0, block.done[left[~is_row]]
        self._row_side[row] = block.done[left[is_row]]
        fresh = block.prices[self._prices.size :][left]
        self._prices = block.prices[: self._prices.size]
        self._prices[now] = fresh[is_row]
        self._seats.empty(place=place, seat=seat)
        self._seats.take_rows(problem.rows, row, now)
        self._reduced[out] = fresh[~is_row]
        self._sit(problem, out)
        self._exchanged += left.size
        self._is_priced = False
        self._find_idle()

    def _sit(self, problem: Problem, column: IntArray) -> None:
        """Give columns that stand at a bound the first empty seats."""
        if not column.size:
            return
        self._make_room(seats=column.size)
        active = self._inverse.active
        self._prices[active.size + self._seats.sit(problem.rows, active, column)] = self._reduced[column]
