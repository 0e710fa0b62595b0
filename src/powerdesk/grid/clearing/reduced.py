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
from powerdesk.grid.clearing.cuts import LossCuts
from powerdesk.grid.clearing.pieces import Pieces
from powerdesk.grid.clearing.vertex import Vertex
from powerdesk.solvers import conic
from powerdesk.solvers.warm import Answer, Method, Verdict, WarmProgram

if TYPE_CHECKING:
    from powerdesk.grid.clearing.programme import Programme
    from powerdesk.grid.clearing.rows import FlowRows
    from powerdesk.grid.types import FloatArray
    from powerdesk.solvers.warm import SideArray

CLARABEL = "clarabel"
ACTIVE_SET = "active-set"
VERTEX = "vertex"

LEAST_FACTOR = 1e-14
"""Shift factors below it are rounding: 100 GW through one move less than the tolerance of flows."""

MOST_DENSE = 2**17
"""Entries of the rows up to which a product with them is faster than a sparse solve."""

MOST_REFINEMENTS = 7
"""Times that the pieces of quadratic costs are drawn closer round the last dispatch: each divides them by 6."""


@dataclass(frozen=True, eq=False, slots=True)
class Optimum:
    """What a rung gave: verdict and words; when optimal, the candidate for the check."""

    verdict: Verdict
    words: str
    candidate: kkt.Candidate | None


def failed(words: str, verdict: Verdict = Verdict.FAILED) -> Optimum:
    """Return the outcome of a rung without an answer."""
    return Optimum(verdict, words, None)


class ReducedProgramme:
    """The rows and columns that engines see, for the interval set last."""

    def __init__(self, programme: Programme, rows: FlowRows) -> None:
        self.programme = programme
        self.rows = rows
        self._pieces = Pieces.of(programme)
        sensitivities = programme.sensitivities
        self.balance_rows = np.asarray((sensitivities.by_island @ programme.placement).toarray())
        self.matrix = self._rows_held = np.concatenate((self.balance_rows, programme.side))
        self._side_at = sensitivities.islands.count + np.arange(len(programme.side))
        self.flow_at = np.empty(0, np.int64)
        self._cut_at = np.empty(0, np.int64)
        self._nothing = np.zeros(len(programme.network.buses))
        self.cuts: LossCuts = LossCuts.none(programme)
        self._moved = self._narrowed = False
        self._vertex: Vertex | None = None
        self._injected_last: tuple[FloatArray, FloatArray, FloatArray] | None = None
        self._plain_at, self._plain_rows = np.arange(len(self.matrix)), self.matrix
        self._has_basis = False
        self._priced: tuple[FloatArray, FloatArray] | None = None
        lower, upper = self._pieces.bounds(programme.lower, programme.upper)
        self._lp = WarmProgram(cost=self._pieces.cost, lower=lower, upper=upper)
        none = np.zeros(sensitivities.islands.count)
        self._lp.add_dense_rows(lower=none, upper=none, matrix=self._pieces.spread(self.balance_rows))
        if len(programme.side):
            side = self._pieces.spread(programme.side)
            self._lp.add_dense_rows(lower=programme.side_lower, upper=programme.side_upper, matrix=side)
        self.is_quadratic = bool(programme.quadratic.any())
        self._set_bounds(programme.lower, programme.upper)
        self._last: tuple[FloatArray, active_set.Sets] | None = None

    def set_interval(self, demand_mw: FloatArray, lower: FloatArray, upper: FloatArray) -> None:
        """Take the demand (n_bus,) and column bounds of an interval."""
        sensitivities = self.programme.sensitivities
        self.demand_mw = demand_mw
        self.outside_mw = self.programme.fixed_mw - demand_mw
        self._outside_flow_mw: FloatArray | None = None
        self._injected_last = None
        self.balance_mw = -(sensitivities.by_island @ self.outside_mw)
        if self._bounded[0] is not lower or self._bounded[1] is not upper:
            self._set_bounds(lower, upper)
        self._moved = True

    def _set_bounds(self, lower: FloatArray, upper: FloatArray) -> None:
        """Set the columns' bounds; losses are zero while there is no cut, so that the first is lossless."""
        self._bounded = (lower, upper)
        self.lower, self.upper = lower, upper
        if self.programme.loss.size and not self.cuts:
            self.lower, self.upper = lower.copy(), upper.copy()
            self.lower[self.programme.loss] = self.upper[self.programme.loss] = 0.0
        self._narrowed = True

    def _run(self, method: Method) -> Answer:
        """Return HiGHS's answer, after telling it what moved since it ran last."""
        self._load()
        if self._moved:
            self._lp.set_rows(**self.row_bounds())
        if self._narrowed:
            low, high = self._pieces.bounds(self.lower, self.upper)
            self._lp.set_columns(lower=low, upper=high)
        self._moved = self._narrowed = False
        answer = self._lp.run(method)
        self._vertex, self._has_basis = None, answer.verdict is Verdict.OPTIMAL and not self.is_quadratic
        return answer

    def row_bounds(self) -> dict[str, FloatArray]:
        """Return lower and upper bounds of all rows, with what comes from outside the columns taken off."""
        if self._outside_flow_mw is None:
            self._outside_flow_mw = self.programme.sensitivities.flows_mw(self.outside_mw)
        lower, upper = self._whole_bounds()
        flow = self.rows.flows(self._outside_flow_mw)
        lower[self.flow_at] -= flow
        upper[self.flow_at] -= flow
        return {"lower": lower, "upper": upper}

    def _whole_bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return lower and upper bounds of all rows, those of flows with what comes from outside."""
        lower = np.full(len(self.matrix), np.inf)
        lower[: self.balance_mw.size] = self.balance_mw
        upper = lower.copy()
        lower[self._side_at], upper[self._side_at] = self.programme.side_lower, self.programme.side_upper
        lower[self.flow_at], upper[self.flow_at] = self.rows.low_mw, self.rows.high_mw
        if self._cut_at.size:
            cut = self.cuts.constant_mw + self.cuts.factor @ self.outside_mw
            lower[self._cut_at] = cut
            upper[self._cut_at] = np.where(self.cuts.equal, cut, np.inf)
        return lower, upper

    def add_rows(self, shift_factors: FloatArray) -> None:
        """Take new flow rows with these factors (k, n_bus) into the programme, with columns for penalty steps."""
        count = len(shift_factors)
        over_columns = np.asarray(shift_factors @ self.programme.placement)
        over_columns[np.abs(over_columns) < LEAST_FACTOR] = 0.0
        first = self._add(over_columns, "flow_at")
        if self.rows.steps:
            self._load()
        for step in self.rows.steps:
            self._lp.add_columns(
                cost=np.full(2 * count, step.price_usd_per_mwh),
                lower=np.zeros(2 * count),
                upper=np.full(2 * count, step.width_mw),
                start=np.arange(2 * count, dtype=np.int32),
                index=np.tile(np.arange(first, first + count, dtype=np.int32), 2),
                value=np.repeat([-1.0, 1.0], count),
            )

    def add_cut(self, cut: LossCuts) -> None:
        """Take one more loss cut: loss column - factor . injections >= constant, or = when the factors are frozen."""
        first = not self.cuts
        self.cuts = self.cuts.joined(cut)
        if first:
            self._set_bounds(*self._bounded)
        self._add(cut.matrix(self.programme), "_cut_at")

    def _add(self, added: FloatArray, kind: str) -> int:
        first = len(self.matrix)
        if first + len(added) > len(self._rows_held):
            room = np.empty((len(added) + first // 4, self.matrix.shape[1]))
            self._rows_held = np.concatenate((self.matrix, room))
        self._rows_held[first : first + len(added)] = added
        self.matrix = self._rows_held[: first + len(added)]
        setattr(self, kind, np.concatenate((getattr(self, kind), np.arange(first, first + len(added)))))
        if kind != "flow_at":
            self._plain_at = np.setdiff1d(np.arange(len(self.matrix)), self.flow_at)
            self._plain_rows = self.matrix[self._plain_at]
        return first

    def _load(self) -> None:
        """Give HiGHS the rows that joined since it ran last: one that is not asked need not carry them."""
        first = self._lp.n_rows
        fresh = self._pieces.spread(self.matrix[first:])
        if len(fresh):
            bounds = self.row_bounds()
            slack = self._lp.n_columns - self._pieces.cost.size
            matrix = np.pad(fresh, ((0, 0), (0, slack))) if slack else fresh
            self._lp.add_dense_rows(lower=bounds["lower"][first:], upper=bounds["upper"][first:], matrix=matrix)

    def ladder(self, *, warm: bool) -> tuple[str, ...]:
        """Return the rungs to try, in order."""
        if self.is_quadratic:
            if self.rows.steps:
                return (CLARABEL,)
            return (*((ACTIVE_SET, Method.SIMPLEX_WARM) if warm else ()), Method.SIMPLEX, CLARABEL)
        return (
            *((Method.SIMPLEX_WARM,) if warm else ()),
            Method.SIMPLEX,
            Method.PRIMAL_SIMPLEX,
            Method.INTERIOR_POINT,
            CLARABEL,
        )

    def solve(self, rung: str) -> Optimum:
        """Return what one rung gives for the rows there are."""
        if rung == CLARABEL:
            return self._by_clarabel()
        if rung == ACTIVE_SET:
            settled = None if self._last is None else self._exact(*self._last)
            return failed("the active set did not settle") if settled is None else self._optimum(settled)
        if rung == VERTEX:
            return self._by_vertex()
        answer = self._run(Method(rung))
        if answer.verdict is not Verdict.OPTIMAL:
            return failed(answer.words, answer.verdict)
        if self.is_quadratic:
            return self._optimum(self._refined(answer))
        return self._optimum(self._point(answer))

    def _point(self, answer: Answer) -> active_set.Point:
        x = self._pieces.gather(answer.primal[: self._pieces.cost.size])
        return active_set.Point(x, answer.row_duals)

    def _refined(self, answer: Answer) -> active_set.Point:
        """Return the exact optimum near a dispatch by pieces: an active-set step, from ever finer pieces if it must."""
        problem = self.problem()
        share = 1.0
        for _ in range(MOST_REFINEMENTS):
            point = self._point(answer)
            settled = self._exact(point.x, active_set.sets_of(point.x, point.price, problem))
            if settled is not None:
                break
            share /= 6.0
            self._pieces = self._pieces.around(self.programme, point.x, share=share)
            self._narrowed = True
            self._lp.set_costs(self._pieces.cost)
            answer = self._run(Method.SIMPLEX_WARM)
            if answer.verdict is not Verdict.OPTIMAL:
                return point
        return point if settled is None else settled

    def take_basis(self, column: SideArray, row: SideArray) -> None:
        """Go on from a basis that the angle form found: sides of columns (n_column,) and of flow rows (n_row,)."""
        sides = np.zeros(len(self.matrix), np.int8)
        sides[: self.balance_mw.size] = -1
        sides[self.flow_at] = row
        self._take(active_set.Sets(column, sides))

    def _take(self, sets: active_set.Sets) -> None:
        try:
            self._vertex = Vertex(self.problem(), sets)
        except np.linalg.LinAlgError:  # a basis of another form need not be one of this
            self._vertex = None

    @property
    def may_follow(self) -> bool:
        """Whether there is a vertex to go on from."""
        return self._vertex is not None or (self._has_basis and not self.rows.steps)

    def _by_vertex(self) -> Optimum:
        if self._vertex is None and (basis := self._lp.basis()):
            self._take(active_set.Sets(*basis).grown(len(self.matrix)))
        self._has_basis = False
        point = None if self._vertex is None else self._vertex.solve(self._problem(*self._whole_bounds()), self)
        if point is None:
            self._vertex = None
            return failed("the vertex did not settle")
        return self._optimum(point)

    def held(self, x: FloatArray) -> FloatArray:
        """Return what the rows hold (n_row,) at a dispatch: limits their whole flow, by one sparse solve."""
        out = np.empty(len(self.matrix))
        if self.flow_at.size:
            out[self.flow_at] = self.rows.flows(self._injected(x)[1])
        out[self._plain_at] = self._plain_rows @ x
        return out

    def pressed(self, price: FloatArray) -> FloatArray:
        """Return what prices of rows (n_row,) press columns by (n_column,): of many limits by one sparse solve."""
        if self.matrix.size <= MOST_DENSE:
            by_rows: FloatArray = price @ self.matrix
            return by_rows
        found: FloatArray = self.programme.to_columns @ self.rows.congestion(price[self.flow_at])
        found += price[self._plain_at] @ self._plain_rows
        return found

    def _injected(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what a dispatch and the outside inject (n_bus,), and all flows (n_branch,); the last are kept."""
        if self._injected_last is None or not np.array_equal(self._injected_last[0], x):
            injection = self.programme.placement @ x + self.outside_mw
            self._injected_last = x.copy(), injection, self.programme.sensitivities.flows_mw(injection)
        return self._injected_last[1:]

    def problem(self) -> active_set.Problem:
        """Return the programme of the interval as arrays."""
        bounds = self.row_bounds()
        return self._problem(bounds["lower"], bounds["upper"])

    def _problem(self, row_lower: FloatArray, row_upper: FloatArray) -> active_set.Problem:
        return active_set.Problem(
            cost=self.programme.cost,
            quadratic=self.programme.quadratic,
            lower=self.lower,
            upper=self.upper,
            rows=self.matrix,
            row_lower=row_lower,
            row_upper=row_upper,
        )

    def _exact(self, start: FloatArray, sets: active_set.Sets) -> active_set.Point | None:
        problem = self.problem()
        settled = active_set.solve(problem, start, sets.grown(problem.row_lower.size))
        if settled is None:
            return None
        self._last = settled[0].x, settled[1]
        return settled[0]

    def _by_clarabel(self) -> Optimum:
        problem = self.problem()
        count, steps = len(self.rows), self.rows.steps
        slack = sparse.csr_array((-np.ones(count), (self.flow_at, np.arange(count))), (len(self.matrix), count))
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
        point = active_set.Point(x, answer.row_duals)
        exact = None if steps else self._exact(point.x, active_set.sets_of(point.x, point.price, problem))
        return self._optimum(exact or point)

    def _optimum(self, point: active_set.Point) -> Optimum:
        """Return the flows and prices of a dispatch and its row prices."""
        sensitivities = self.programme.sensitivities
        injection, flows = self._injected(point.x)
        energy, row_price = point.price[: self.balance_mw.size], point.price[self.flow_at]
        cut_price = point.price[self._cut_at]
        if self._priced is None or self._priced[0] is not point.price:
            lmp = np.append(energy, 0.0)[sensitivities.islands.of_bus]  # an isolated bus, -1, takes the 0 at the end
            lmp += self.rows.congestion(row_price)
            self._priced = point.price, lmp
        candidate = kkt.Candidate(
            x=point.x,
            lower=self.lower,
            upper=self.upper,
            demand_mw=self.demand_mw,
            energy=energy,
            lmp=self._priced[1],
            flows_mw=flows,
            row_price=row_price,
            injection_mw=injection,
            side_price=point.price[self._side_at],
            loss_withdrawn_mw=self._withdrawn(point.x),
            cut_price=cut_price,
            cuts=self.cuts,
        )
        return Optimum(Verdict.OPTIMAL, "Optimal", candidate)

    def _withdrawn(self, x: FloatArray) -> FloatArray:
        loss = self.programme.loss
        if not loss.size:
            return self._nothing
        taken: FloatArray = -(self.programme.placement[:, loss] @ x[loss])
        return taken

    def objective(self, one: kkt.Candidate) -> float:
        """Return the cost of an optimum in USD/h, with the penalties of its excess flows."""
        return self.programme.objective(one.x) + self.rows.penalty(one.flows_mw)
