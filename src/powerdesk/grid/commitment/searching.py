"""The search for a plan: the relaxation, a plan near it, then branch and bound over what is not yet ruled out.

1. The relaxation gives a bound, by weak duality from its prices, not by the solver's word.
2. States that are whole in it are given, but for intervals near a state that is not: a small programme finds a plan.
3. A state whose reduced cost is more than the distance of plan and bound cannot differ in a better plan and is given;
   branch and bound closes what is left.

Limits of lines join wherever a point breaks them, so every bound stays one. Reduced cost fixing: Nemhauser & Wolsey
(1988), "Integer and Combinatorial Optimization", section II.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage, sparse

from powerdesk.grid.commitment import assembling, formulation, reducing
from powerdesk.grid.commitment.assembling import ABSENT
from powerdesk.grid.commitment.flows import Flows
from powerdesk.grid.commitment.plan import Dispatch
from powerdesk.solvers.mixed import MixedProgram, MixedVerdict

if TYPE_CHECKING:
    from powerdesk.grid.commitment.fleet import Fleet
    from powerdesk.grid.commitment.flows import Limits
    from powerdesk.grid.commitment.reducing import Programme
    from powerdesk.grid.commitment_case import CommitmentCase
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray
    from powerdesk.solvers.mixed import MixedAnswer

MOST_ROUNDS = 60
"""Rounds of added limits; a round adds rows that were not there, so it is the sign of a mistake to need more."""

WHOLE_TOLERANCE = 1e-5
NEIGHBOURHOODS = (2, 6)
"""Intervals around a state that the relaxation leaves open, within which a plan may differ from it, in turn."""

NEIGHBOURHOOD_NODES = 300
HALF = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """A plan of the solver's, not yet checked."""

    on: BoolArray
    dispatch: Dispatch


class Search:
    """A case on its way to a plan. `bound_usd` is proven so far, `seconds` the solver's time."""

    def __init__(self, case: CommitmentCase, fleet: Fleet, *, matched: bool = True) -> None:
        self.case, self.fleet = case, fleet
        self.flows = Flows(case) if len(case.buses) > 1 else None
        island = np.zeros(1, np.int64) if self.flows is None else self.flows.island
        self.made = formulation.build(case, fleet=fleet, island=island, matched=matched)
        columns, (low, high) = self.made.columns, self.made.rows.bounds()
        self.programme = reducing.Programme(
            cost=columns.cost(),
            lower=columns.lower(),
            upper=columns.upper(),
            whole=columns.whole(),
            rows=self.made.rows.matrix(columns.count),
            row_lower=low,
            row_upper=high,
            constant=self.made.constant_usd,
        )
        self.limits: list[Limits] = []
        self.bound_usd, self.best_usd = -np.inf, np.inf
        self.best: FloatArray | None = None
        self.seconds = 0.0
        self._chords = float(fleet.chord_error_usd.sum())

    def run(self, *, gap: float, time_limit_s: float, like: BoolArray | None) -> Found | None:
        """Return the best plan found, None where there is none."""
        point, duals = self._relax(time_limit_s)
        if point is None:
            return None
        for width in NEIGHBOURHOODS:
            if not self._done(gap):
                self._branch(self._near(point, width, like), gap, time_limit_s, NEIGHBOURHOOD_NODES)
        if not self._done(gap):
            self._branch(self._not_ruled_out(duals), gap, time_limit_s, None)
        return None if self.best is None else self.read(self.best)

    def _done(self, gap: float) -> bool:
        """Whether the best plan is proven to be within the gap."""
        return self.best is not None and self.best_usd - self.bound_usd <= gap * abs(self.best_usd)

    def _relax(self, time_limit_s: float) -> tuple[FloatArray | None, FloatArray]:
        """Return the relaxation's point and row duals with every limit of lines kept, and take its bound."""
        engine = engine_of(self.programme)
        for _ in range(MOST_ROUNDS):
            answer = engine.relax(time_limit_s=time_limit_s - self.seconds)
            self.seconds += answer.seconds
            if answer.verdict is not MixedVerdict.OPTIMAL:
                return None, answer.row_duals
            limits = self._broken(answer.primal)
            if limits is None:
                break
            rows, load, cost = self._add(limits)
            engine.add_columns(cost=cost, lower=np.zeros(cost.size), upper=np.full(cost.size, np.inf))
            engine.add_rows(lower=-limits.limit_mw - load, upper=limits.limit_mw - load, rows=assembling.rows_of(rows))
        self.bound_usd = reducing.lagrangian_bound(self.programme, answer.row_duals) - self._chords
        return answer.primal, answer.row_duals

    def _near(self, point: FloatArray, width: int, like: BoolArray | None) -> Programme:
        """Return the programme with states given that are whole in a point, but for those near one that is not."""
        on = self.made.layout.on
        value = point[on]
        open_ = (value > WHOLE_TOLERANCE) & (value < 1.0 - WHOLE_TOLERANCE)
        if like is not None:
            open_ |= like != (value > HALF)
        near = ndimage.binary_dilation(open_, np.ones((2 * width + 1, 1), bool))
        return self._given(~near, np.round(value))

    def _given(self, given: BoolArray, value: FloatArray) -> Programme:
        """Return the programme with the states given where they are free, and their starts and output with them."""
        given = given & (self.fleet.on_most > self.fleet.on_least)
        layout, lower, upper = self.made.layout, self.programme.lower.copy(), self.programme.upper.copy()
        at = layout.on[given]
        lower[at] = upper[at] = value[given]
        fixed = lower[layout.on] == upper[layout.on]
        state = lower[layout.on]
        before_fixed = np.vstack((~np.isnan(self.fleet.was_on)[None, :], fixed[:-1]))
        before = np.vstack((np.nan_to_num(self.fleet.was_on)[None, :], state[:-1]))
        known = fixed & before_fixed
        starts = np.where((state > HALF) & (before < HALF), 1.0, 0.0)
        sure = layout.start[known]
        lower[sure] = np.minimum(starts[known], upper[sure])
        upper[sure] = lower[sure]
        off = fixed & (state < HALF)
        upper[layout.above[off]] = 0.0
        closed = layout.reserve[off]
        upper[closed[closed != ABSENT]] = 0.0
        return self.programme.bounded(lower, upper)

    def _not_ruled_out(self, duals: FloatArray) -> Programme:
        """Return the programme with states given that no plan better than the best can have otherwise."""
        if self.best is None:
            return self.programme
        dual = np.append(duals, np.zeros(self.programme.row_lower.size - duals.size))
        pull = (self.programme.cost - self.programme.rows.T @ dual)[self.made.layout.on]
        room = self.best_usd - (self.bound_usd + self._chords)
        return self._given(np.abs(pull) > room, (pull < 0.0).astype(np.float64))

    def _branch(self, programme: Programme, gap: float, time_limit_s: float, most_nodes: int | None) -> None:
        """Search the programme; where it is all that is not ruled out (no limit of nodes) its bound counts too."""
        ours = programme
        for _ in range(MOST_ROUNDS):
            small = reducing.reduced(ours)
            if not small.possible:
                self._prove(most_nodes, self.best_usd)
                return
            engine = engine_of(small.programme)
            start = None if self.best is None else self._known(self.best)[small.free]
            answer = engine.solve(gap=gap, time_limit_s=time_limit_s - self.seconds, start=start, most_nodes=most_nodes)
            self.seconds += answer.seconds
            none_left = answer.verdict is MixedVerdict.INFEASIBLE
            self._prove(most_nodes, self.best_usd if none_left else answer.bound)
            if not answer.primal.size:
                return
            point = small.whole_point(answer.primal)
            limits = self._broken(point)
            if limits is None:
                self._take(point, answer)
                return
            rows, load, cost = self._add(limits)
            ours = ours.grown(rows, lower=-limits.limit_mw - load, upper=limits.limit_mw - load, cost=cost)

    def _prove(self, most_nodes: int | None, bound: float) -> None:
        """Take the bound of a search of all that is not ruled out: no plan beats both it and the best."""
        bound = min(bound, self.best_usd)
        if most_nodes is None and np.isfinite(bound):
            self.bound_usd = max(self.bound_usd, bound - self._chords)

    def _take(self, point: FloatArray, answer: MixedAnswer) -> None:
        if answer.objective < self.best_usd:
            self.best, self.best_usd = point, answer.objective

    def _known(self, point: FloatArray) -> FloatArray:
        """Return the states of a point as a start, NaN for all other columns."""
        start = np.full(self.programme.cost.size, np.nan)
        for held in (self.made.layout.on, self.made.layout.start):
            start[held] = np.round(point[held])
        return start

    def net_mw(self, point: FloatArray) -> FloatArray:
        """Return what enters each bus less its load (n, n_bus)."""
        injected = self.made.injection @ point[: self.made.injection.shape[1]]
        net: FloatArray = injected.reshape(self.case.load_mw.shape) - self.case.load_mw
        return net

    @property
    def _flows(self) -> Flows:
        if self.flows is None:
            raise AssertionError("limits of lines where there is one bus")  # STYLE 19: a fault of the program
        return self.flows

    def _broken(self, point: FloatArray) -> Limits | None:
        """Return the limits that a point breaks and that were not met before."""
        limits = None if self.flows is None else self.flows.exceeded(self.net_mw(point))
        return limits if limits is not None and limits.line.size else None

    def _add(self, limits: Limits) -> tuple[sparse.csr_array, FloatArray, FloatArray]:
        """Add limits to the programme; return their rows, what loads put on them, and the new columns' costs.

        A new column is flow beyond a limit that has a price, along the line and against it.
        """
        n_column = self.programme.cost.size
        rows, load = self._flows.rows(limits, self.made.injection)
        soft = np.flatnonzero(np.isfinite(limits.beyond_usd_per_mwh))
        shape = (limits.line.size, n_column + 2 * soft.size)
        value = np.repeat((-1.0, 1.0), soft.size)
        extra = sparse.coo_array((value, (np.tile(soft, 2), n_column + np.arange(2 * soft.size))), shape=shape)
        rows.resize(shape)
        made = sparse.csr_array(rows + extra)
        cost = np.tile(limits.beyond_usd_per_mwh[soft] * self.case.hours, 2)
        self.programme = self.programme.grown(
            made, lower=-limits.limit_mw - load, upper=limits.limit_mw - load, cost=cost
        )
        self.limits.append(limits)
        return made, load, cost

    def meet(self, point: FloatArray) -> bool:
        """Add the limits that a point breaks; whether there were any."""
        limits = self._broken(point)
        if limits is None:
            return False
        self._add(limits)
        return True

    def read(self, point: FloatArray) -> Found:
        """Return the plan that a point of the programme says."""
        layout, values = self.made.layout, np.append(point, 0.0)
        on = values[layout.on] > HALF

        def of(held: IntArray) -> FloatArray:
            taken: FloatArray = np.where(held == ABSENT, 0.0, values[held])
            return taken

        return Found(
            on,
            Dispatch(
                power_mw=np.where(on, of(layout.above) + self.fleet.low, 0.0),
                reserve_mw=of(layout.reserve),
                variable_mw=of(layout.variable),
                served_mw=of(layout.served),
                link_mw=of(layout.link),
                shed_mw=of(layout.shed),
                short_mw=of(layout.short),
            ),
        )


def engine_of(programme: Programme) -> MixedProgram:
    """Return the solver that holds a programme."""
    return MixedProgram(
        cost=programme.cost,
        lower=programme.lower,
        upper=programme.upper,
        whole=programme.whole,
        rows=assembling.rows_of(programme.rows),
        row_bounds=(programme.row_lower, programme.row_upper),
        offset=programme.constant,
    )
