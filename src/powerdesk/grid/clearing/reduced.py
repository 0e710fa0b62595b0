"""The small programme behind the shift-factor engine: columns, balances, and the flow rows met so far.

Linear programmes are solved by HiGHS. Quadratic costs enter it as segments, and an active-set step from there finds the
exact optimum; where that step does not settle, Clarabel solves the same small programme.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from powerdesk.grid.clearing import active_set, kkt
from powerdesk.solvers import conic
from powerdesk.solvers.warm import Method, Verdict, WarmProgram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.grid.clearing.programme import Programme
    from powerdesk.grid.clearing.rows import FlowRows
    from powerdesk.grid.types import FloatArray

CLARABEL = "clarabel"
ACTIVE_SET = "active-set"

SEGMENTS = 8
"""Straight pieces of a quadratic cost in the linear programme that starts the active-set step."""


@dataclass(frozen=True, eq=False, slots=True)
class Optimum:
    """What a rung gave: verdict and words; when optimal, all flows and the candidate for the check."""

    verdict: Verdict
    words: str
    flows_mw: FloatArray
    candidate: kkt.Candidate


def failed(words: str, verdict: Verdict = Verdict.FAILED) -> Optimum:
    """Return the outcome of a rung without an answer."""
    none = np.empty(0)
    return Optimum(verdict, words, none, kkt.Candidate(*(none for _ in range(9))))


class ReducedProgramme:
    """The rows and columns that engines see, for the interval set last."""

    def __init__(self, programme: Programme, rows: FlowRows) -> None:
        self.programme = programme
        self.rows = rows
        self._pieces = Pieces.of(programme)
        islands = programme.sensitivities.islands
        live = np.flatnonzero(islands.of_bus >= 0)
        self._islands = sparse.csr_array(
            (np.ones(live.size), (islands.of_bus[live], live)), shape=(islands.count, islands.of_bus.size)
        )
        self._to_columns = sparse.csr_array(programme.placement.T)
        self.balance_rows = np.asarray((self._islands @ programme.placement).toarray())
        self.flow_rows = np.empty((0, programme.cost.size))
        lower, upper = self._pieces.bounds(programme.lower, programme.upper)
        self._lp = WarmProgram(cost=self._pieces.cost, lower=lower, upper=upper)
        none = np.zeros(islands.count)
        self._lp.add_dense_rows(lower=none, upper=none, matrix=self._pieces.spread(self.balance_rows))
        self.is_quadratic = bool(programme.quadratic.any())
        self._bounded = (programme.lower, programme.upper)
        self._sets: active_set.Sets | None = None

    def set_interval(self, demand_mw: FloatArray, lower: FloatArray, upper: FloatArray) -> None:
        """Take the demand (n_bus,) and column bounds of an interval."""
        sensitivities = self.programme.sensitivities
        self.demand_mw, self.lower, self.upper = demand_mw, lower, upper
        self.outside_mw = self.programme.fixed_mw - demand_mw
        self.outside_flow_mw = sensitivities.flows_mw(self.outside_mw)
        self.balance_mw = -(self._islands @ self.outside_mw)
        if self._bounded[0] is not lower or self._bounded[1] is not upper:
            self._bounded = (lower, upper)
            low, high = self._pieces.bounds(lower, upper)
            self._lp.set_columns(lower=low, upper=high)
        self._lp.set_rows(**self.row_bounds())

    def row_bounds(self) -> dict[str, FloatArray]:
        """Return lower and upper bounds of balances and flow rows, the outside flow taken off."""
        flow = self.rows.flows(self.outside_flow_mw)
        return {
            "lower": np.concatenate((self.balance_mw, self.rows.low_mw - flow)),
            "upper": np.concatenate((self.balance_mw, self.rows.high_mw - flow)),
        }

    def add_last_rows(self, count: int) -> None:
        """Take the last `count` flow rows into the programme, with a column per penalty step and side."""
        added = np.asarray(self.rows.shift_factors[-count:] @ self.programme.placement)
        self.flow_rows = np.concatenate((self.flow_rows, added))
        bounds = self.row_bounds()
        first = self._lp.n_rows
        self._lp.add_dense_rows(
            lower=bounds["lower"][first:],
            upper=bounds["upper"][first:],
            matrix=np.pad(self._pieces.spread(added), ((0, 0), (0, self._lp.n_columns - self._pieces.cost.size))),
        )
        for step in self.rows.steps:
            self._lp.add_columns(
                cost=np.full(2 * count, step.price_usd_per_mwh),
                lower=np.zeros(2 * count),
                upper=np.full(2 * count, step.width_mw),
                start=np.arange(2 * count, dtype=np.int32),
                index=np.tile(np.arange(first, first + count, dtype=np.int32), 2),
                value=np.repeat([-1.0, 1.0], count),
            )

    def ladder(self, *, warm: bool) -> tuple[str, ...]:
        """Return the rungs to try, in order."""
        if self.is_quadratic:
            if self.rows.steps:
                return (CLARABEL,)
            start = (ACTIVE_SET, Method.SIMPLEX_WARM) if warm else ()
            return (*start, Method.SIMPLEX, CLARABEL)
        start = (Method.SIMPLEX_WARM,) if warm else ()
        return (*start, Method.SIMPLEX, Method.PRIMAL_SIMPLEX, Method.INTERIOR_POINT, CLARABEL)

    def solve(self, rung: str) -> Optimum:
        """Return what one rung gives for the rows there are."""
        if rung == CLARABEL:
            return self._by_clarabel()
        if rung == ACTIVE_SET:
            settled = None if self._sets is None else self._exact(self._sets)
            return failed("the active set did not settle") if settled is None else self._optimum(settled)
        answer = self._lp.run(Method(rung))
        if answer.verdict is not Verdict.OPTIMAL:
            return failed(answer.words, answer.verdict)
        x, price = self._pieces.gather(answer.primal[: self._pieces.cost.size]), answer.row_duals
        if self.is_quadratic:
            sets = active_set.sets_of(x, price, self._problem())
            settled = self._exact(sets)
            if settled is not None:
                return self._optimum(settled)
        return self._optimum(active_set.Point(x, price))

    def _problem(self) -> active_set.Problem:
        bounds = self.row_bounds()
        return active_set.Problem(
            cost=self.programme.cost,
            quadratic=self.programme.quadratic,
            lower=self.lower,
            upper=self.upper,
            rows=np.concatenate((self.balance_rows, self.flow_rows)),
            row_lower=bounds["lower"],
            row_upper=bounds["upper"],
        )

    def _exact(self, sets: active_set.Sets) -> active_set.Point | None:
        problem = self._problem()
        settled = active_set.solve(problem, sets.grown(problem.row_lower.size))
        if settled is None:
            return None
        self._sets = settled[1]
        return settled[0]

    def _by_clarabel(self) -> Optimum:
        problem = self._problem()
        count, steps = len(self.rows), self.rows.steps
        slack = sparse.vstack((sparse.csr_array((self.balance_mw.size, count)), -sparse.eye_array(count)))
        matrix = sparse.hstack((sparse.csr_array(problem.rows), *(part for _ in steps for part in (slack, -slack))))
        prices = np.repeat([step.price_usd_per_mwh for step in steps], 2 * count)
        widths = np.repeat([step.width_mw for step in steps], 2 * count)
        answer = conic.solve(
            cost=np.concatenate((problem.cost, prices)),
            quadratic=np.concatenate((problem.quadratic, np.zeros(prices.size))),
            matrix=sparse.csr_array(matrix),
            row_bounds=(problem.row_lower, problem.row_upper),
            column_bounds=(
                np.concatenate((problem.lower, np.zeros(prices.size))),
                np.concatenate((problem.upper, widths)),
            ),
        )
        if answer.verdict is not Verdict.OPTIMAL:
            return failed(answer.words, answer.verdict)
        x = np.clip(answer.primal[: problem.cost.size], problem.lower, problem.upper)
        return self._optimum(active_set.Point(x, answer.row_duals))

    def _optimum(self, point: active_set.Point) -> Optimum:
        """Return the flows and prices of a dispatch and its row prices."""
        sensitivities = self.programme.sensitivities
        placed = self.programme.placement @ point.x
        flows = self.outside_flow_mw + sensitivities.injected_flows_mw(placed)
        energy, row_price = point.price[: self.balance_mw.size], point.price[self.balance_mw.size :]
        pressed = np.flatnonzero(row_price)
        lmp = np.append(energy, 0.0)[sensitivities.islands.of_bus]  # an isolated bus, -1, takes the 0 at the end
        lmp += row_price[pressed] @ self.rows.shift_factors[pressed]
        candidate = kkt.Candidate(
            x=point.x,
            lower=self.lower,
            upper=self.upper,
            demand_mw=self.demand_mw,
            energy=energy,
            lmp=lmp,
            flows_mw=flows,
            row_price=row_price,
            injection_mw=placed + self.outside_mw,
        )
        return Optimum(Verdict.OPTIMAL, "Optimal", flows, candidate)

    def objective(self, found: Optimum) -> float:
        """Return the cost of an optimum in USD/h, with the penalties of its excess flows."""
        cost = self.programme.objective(found.candidate.x)
        left = self.rows.excess(found.flows_mw) if self.rows.steps else np.zeros(0)
        for step in self.rows.steps:
            taken = np.minimum(left, step.width_mw)
            cost += step.price_usd_per_mwh * float(taken.sum())
            left = left - taken
        return cost


@dataclass(frozen=True, eq=False, slots=True)
class Pieces:
    """Columns of the linear programme: `column` (n_piece,) of the programme, `cost`, width and where each begins."""

    column: NDArray[np.int64]
    cost: FloatArray
    begin: FloatArray
    lower: FloatArray
    upper: FloatArray
    n_column: int

    @staticmethod
    def of(programme: Programme) -> Pieces:
        """Return one piece per linear column and SEGMENTS of equal width per quadratic one."""
        curved = (programme.quadratic > 0.0) & (programme.upper > programme.lower)
        column = np.repeat(np.arange(curved.size), np.where(curved, SEGMENTS, 1))
        number = np.arange(column.size) - np.searchsorted(column, column)
        width = np.where(curved, (programme.upper - programme.lower) / SEGMENTS, 0.0)[column]
        low = programme.lower[column] + number * width
        slope = programme.cost[column] + programme.quadratic[column] * (2.0 * low + width)
        first = number == 0
        upper = np.where(curved[column], np.where(first, low + width, width), programme.upper[column])
        lower = np.where(first, programme.lower[column], 0.0)
        return Pieces(column, slope, np.where(first, 0.0, low), lower, upper, curved.size)

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
