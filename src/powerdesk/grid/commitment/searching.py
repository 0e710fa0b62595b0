"""The search for a plan: the relaxation, a plan near it, then branch and bound over what is not yet ruled out.

1. The relaxation gives a bound, by weak duality from its prices, not by the solver's word.
2. States that are whole in it are given, but for intervals near one that is not: a small programme is left. Its open
   states are rounded a few at a time and the rest decided anew (a dive), then by branch and bound.
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
    from collections.abc import Callable

    from powerdesk.grid.commitment.fleet import Fleet
    from powerdesk.grid.commitment.flows import Limits
    from powerdesk.grid.commitment.reducing import Programme, Reduced
    from powerdesk.grid.commitment_case import CommitmentCase
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray
    from powerdesk.solvers.mixed import MixedAnswer

    Finder = Callable[[Reduced], MixedAnswer | None]

MOST_ROUNDS = 60
"""Rounds of added limits; a round adds rows that were not there, so it is the sign of a mistake to need more."""

WHOLE_TOLERANCE = 1e-5
NEIGHBOURHOODS = (2, 6)
"""Intervals around a state that the relaxation leaves open, within which a plan may differ from it, in turn."""

NEIGHBOURHOOD_NODES = 300
DIVE_WIDTHS = (1, 6)
DIVE_SHARE = 0.2
DIVE_NEAR = 0.1
"""A dive gives so many of the open states at a time, and all that are so near to on or off."""

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
        order = self.made.layout.order
        self._decided = np.concatenate((self.made.layout.on.ravel(), order[order != ABSENT]))
        """Columns whose being whole makes a plan: starts follow."""

    def run(self, *, gap: float, time_limit_s: float, most_nodes: int | None, like: BoolArray | None) -> Found | None:
        """Return the best plan found, None where there is none; `most_nodes` 0 leaves branch and bound out."""
        engine = engine_of(self.programme)
        relaxed = self._settled(engine, time_limit_s)
        if relaxed is None:
            return None
        self.bound_usd = reducing.lagrangian_bound(self.programme, relaxed.row_duals) - self._chords
        if like is not None:
            self._try(engine, like, time_limit_s)
        for width in DIVE_WIDTHS:
            if not self._done(gap):
                self._look(self._near(relaxed.primal, width), self._dive(time_limit_s))
        if not self._done(gap):
            current = engine.n_rows == self.programme.row_lower.size  # dives may have met more limits
            self._dive_everywhere(engine if current else engine_of(self.programme), time_limit_s)
        near_nodes = NEIGHBOURHOOD_NODES if most_nodes is None else min(most_nodes, NEIGHBOURHOOD_NODES)
        for width in NEIGHBOURHOODS if near_nodes else ():
            if not self._done(gap):
                near = self._near(relaxed.primal, width)
                self._look(near, self._branch(gap, time_limit_s, most_nodes=near_nodes, whole=False))
        if not self._done(gap) and (near_nodes or self.best is None):
            rest = self._not_ruled_out(relaxed.row_duals)
            self._look(rest, self._branch(gap, time_limit_s, most_nodes=most_nodes or None, whole=True))
        return None if self.best is None else self.read(self.best)

    def _done(self, gap: float) -> bool:
        """Whether the best plan is proven to be within the gap."""
        return self.best is not None and self.best_usd - self.bound_usd <= gap * abs(self.best_usd)

    def _settled(self, engine: MixedProgram, time_limit_s: float) -> MixedAnswer | None:
        """Return the relaxation under the engine's bounds with every limit of lines kept, None where there is none."""
        for _ in range(MOST_ROUNDS):
            answer = engine.relax(time_limit_s=time_limit_s - self.seconds)
            self.seconds += answer.seconds
            if answer.verdict is not MixedVerdict.OPTIMAL:
                return None
            limits = self._broken(answer.primal)
            if limits is None:
                return answer
            rows, load, cost = self._add(limits)
            engine.add_columns(cost=cost, lower=np.zeros(cost.size), upper=np.full(cost.size, np.inf))
            engine.add_rows(lower=-limits.limit_mw - load, upper=limits.limit_mw - load, rows=assembling.rows_of(rows))
        return None

    def _try(self, engine: MixedProgram, on: BoolArray, time_limit_s: float) -> None:
        """Take the plan with these states where it keeps every limit, then open all states again."""
        at = self.made.layout.on.ravel()
        lower, upper = self.programme.lower[at], self.programme.upper[at]
        value = np.clip(on.ravel().astype(np.float64), lower, upper)
        engine.set_columns(at=at, lower=value, upper=value)
        answer = self._settled(engine, time_limit_s)
        self._take_relaxed(answer)
        engine.set_columns(at=at, lower=lower, upper=upper)

    def _near(self, point: FloatArray, width: int) -> Programme:
        """Return the programme with states given that are whole in a point, but for those near one that is not.

        Where there is a best plan, its states that differ from the point's are open too.
        """
        value = point[self.made.layout.on]
        open_ = _open(value)
        if self.best is not None:
            open_ |= (self.best[self.made.layout.on] > HALF) != (value > HALF)
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

    def _look(self, programme: Programme, finder: Finder) -> None:
        """Take the plan that a finder finds in a programme with limits of lines kept, if there is one."""
        for _ in range(MOST_ROUNDS):
            small = reducing.reduced(programme)
            answer = finder(small)
            if answer is None or not answer.primal.size:
                return
            point = small.whole_point(answer.primal)
            limits = self._broken(point)
            if limits is None:
                self._take(point, answer.objective)
                return
            rows, load, cost = self._add(limits)
            programme = programme.grown(rows, lower=-limits.limit_mw - load, upper=limits.limit_mw - load, cost=cost)

    def _dive(self, time_limit_s: float) -> Finder:
        """Return a finder that rounds open states of a small programme."""

        def find(small: Reduced) -> MixedAnswer | None:
            if not small.possible:
                return None
            states = np.flatnonzero(np.isin(small.free, self._decided))
            return self._rounded(engine_of(small.programme), states, time_limit_s)

        return find

    def _dive_everywhere(self, engine: MixedProgram, time_limit_s: float) -> None:
        """Round the open states of the whole programme, from where the engine stands, and take what comes of it."""
        for _ in range(MOST_ROUNDS):
            if self._rounded(engine, self._decided, time_limit_s) is None:
                return
            answer = self._settled(engine, time_limit_s)  # limits that it adds may open states again
            if answer is None or not _open(answer.primal[self._decided]).any():
                break
        self._take_relaxed(answer)

    def _rounded(self, engine: MixedProgram, states: IntArray, time_limit_s: float) -> MixedAnswer | None:
        """Round open states, those nearest to on first, and decide the rest anew each time until none is open."""
        while True:
            answer = engine.relax(time_limit_s=time_limit_s - self.seconds)
            self.seconds += answer.seconds
            if answer.verdict is not MixedVerdict.OPTIMAL:
                return None
            value = answer.primal[states]
            open_ = _open(value)
            if not open_.any():
                return answer
            left, at = value[open_], states[open_]
            up = left >= 1.0 - DIVE_NEAR
            up[np.argsort(-left, kind="stable")[: max(1, int(DIVE_SHARE * left.size))]] = True
            given = up | (left < DIVE_NEAR)
            state = up[given].astype(np.float64)
            engine.set_columns(at=at[given], lower=state, upper=state)

    def _branch(self, gap: float, time_limit_s: float, *, most_nodes: int | None, whole: bool) -> Finder:
        """Return a finder by branch and bound; its bound counts where the programme is all that is not ruled out."""

        def find(small: Reduced) -> MixedAnswer | None:
            if not small.possible:
                self._prove(self.best_usd, whole=whole)
                return None
            start = None if self.best is None else self._known(self.best)[small.free]
            answer = engine_of(small.programme).solve(
                gap=max(0.0, gap - self._chords / max(abs(self.bound_usd), 1.0)),
                time_limit_s=time_limit_s - self.seconds,
                most_nodes=most_nodes,
                enough=self._enough(gap),
                start=start,
            )
            self.seconds += answer.seconds
            none_left = answer.verdict is MixedVerdict.INFEASIBLE
            self._prove(self.best_usd if none_left else answer.bound, whole=whole)
            return answer

        return find

    def _prove(self, bound: float, *, whole: bool) -> None:
        """Take the bound of a search of all that is not ruled out: no plan beats both it and the best."""
        bound = min(bound, self.best_usd)
        if whole and np.isfinite(bound):
            self.bound_usd = max(self.bound_usd, bound - self._chords)

    def _enough(self, gap: float) -> float:
        """Return the cost of a plan that is within the gap of the bound."""
        return self.bound_usd / (1.0 - gap if self.bound_usd > 0.0 else 1.0 + gap)

    def _take(self, point: FloatArray, usd: float) -> None:
        if usd < self.best_usd:
            self.best, self.best_usd = point, usd

    def _take_relaxed(self, answer: MixedAnswer | None) -> None:
        """Take a relaxation for a plan where its states are whole."""
        if answer is not None and not _open(answer.primal[self._decided]).any():
            self._take(answer.primal, answer.objective)

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


def _open(value: FloatArray) -> BoolArray:
    return (value > WHOLE_TOLERANCE) & (value < 1.0 - WHOLE_TOLERANCE)


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
