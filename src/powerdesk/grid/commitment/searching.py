"""The search for a plan: prices and the relaxation, plans near them, then branch and bound over what is not ruled out.

1. Where there are many states, prices alone (`decomposing`): a bound, and states that are clear at them are given.
2. The relaxation gives a bound, by weak duality from its prices, not by the solver's word. States that are whole in it
   are given, but for intervals near one that is not.
3. Of the small programme that is left, open states are rounded a few at a time and the rest decided anew (a dive).
   Where that finds nothing, each unit takes the chain of runs and rests nearest to where the dive stood.
4. Parts of the best plan are decided anew by branch and bound while the rest stays (`neighbourhoods`).
5. A state whose reduced cost is more than the distance of plan and bound cannot differ in a better plan and is given;
   branch and bound closes what is left.

Balances, reserves and lines may give way at a price above all others, so that each step has a plan to go on from; only
one that gives nothing is a plan in the end. Every step asks how much of the time is left. Limits of lines join wherever
a point breaks them, so every bound stays one. Reduced cost fixing: Nemhauser & Wolsey (1988), "Integer and
Combinatorial Optimization", section II.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.commitment import assembling, neighbourhoods, reducing
from powerdesk.grid.commitment.assembling import ABSENT
from powerdesk.grid.commitment.decomposing import Decomposition
from powerdesk.grid.commitment.modelling import HALF, engine_of
from powerdesk.solvers.mixed import MixedVerdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from powerdesk.grid.commitment.modelling import Found, Model
    from powerdesk.grid.commitment.reducing import Programme, Reduced
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray
    from powerdesk.solvers.budget import Budget
    from powerdesk.solvers.mixed import MixedAnswer, MixedProgram

    Finder = Callable[[Reduced], MixedAnswer | None]

MOST_ROUNDS = 60
"""Rounds of added limits; a round adds rows that were not there, so it is the sign of a mistake to need more."""

MANY_STATES = 10_000
"""From so many on the relaxation takes longer than prices and a plan near them: half a minute at 30 000."""

PRICED_SHARES = (0.1, 0.3)
"""Shares of the free states left open, those at which a unit's best plans on and off cost most nearly the same."""

WHOLE_TOLERANCE = 1e-5
GIVING_TOLERANCE_MW = 1e-4
"""A plan that gives way by less, over all intervals, keeps every limit: the check from the data allows 1e-3 each."""

NEAR = 1
"""Intervals around a state that the relaxation leaves open, within which a dive may differ from it, first."""

FURTHER = 6
PART_NODES = 50
PARTS_TIME_SHARE = 0.5
"""Of the time left, what all parts may take: the rest is for the bound."""

PART_TIME_SHARE = 0.25
"""Of the time left, what one part of a plan may take."""

PART_GAP_SHARE = 0.1
MOST_CYCLES = 20
LEAST_GAIN = 1e-4
"""A cycle through the parts that improves the plan by less, relatively, is the last."""

NEARNESS_USD = 1e7
"""What a state that differs by one from where a dive stood costs a chain: more than any start."""

DIVE_SHARE = 0.2
DIVE_NEAR = 0.1
"""A dive gives so many of the open states at a time, and all that are so near to on or off."""


class Search:
    """A case on its way to a plan within `gap`. `bound_usd` is proven so far."""

    def __init__(self, model: Model, *, gap: float, budget: Budget) -> None:
        self.model, self.gap, self.budget = model, gap, budget
        self.bound_usd, self.best_usd = -np.inf, np.inf
        self.best: FloatArray | None = None
        self._stood: FloatArray | None = None
        """Where a dive last stood before its choices left no point."""
        self._chords = float(model.fleet.chord_error_usd.sum())
        self._on = model.made.layout.on
        order = model.made.layout.order
        self._decided = np.concatenate((self._on.ravel(), order[order != ABSENT]))
        """Columns whose being whole makes a plan: starts follow."""

    def run(self, *, most_nodes: int | None, like: BoolArray | None) -> Found | None:
        """Return the best plan found, None where there is none; `most_nodes` 0 leaves branch and bound out."""
        if like is not None:
            self._look(self.model.given(np.ones(like.shape, bool), like), self._dive)
        if self._on.size >= MANY_STATES:
            self._by_prices(most_nodes)
        if not (self._done() and np.isfinite(self.bound_usd)):
            self._by_relaxation(most_nodes)
        return None if self.best is None or not self.sound else self.model.read(self.best)

    @property
    def sound(self) -> bool:
        """Whether there is a plan that gives nothing."""
        return self.best is not None and self.model.gives_mw(self.best) <= GIVING_TOLERANCE_MW

    def nearest(self) -> str:
        """Return in words what the nearest to a plan gives way by, nothing where there is none."""
        if self.best is None:
            return ""
        return f"; the nearest to one misses {self.model.gives_mw(self.best):.6g} MW over all intervals"

    def _by_prices(self, most_nodes: int | None) -> None:
        """Take plans near what each unit does by itself at prices that balance the whole."""
        model = self.model
        bound = self._apart().climb(budget=self.budget)
        if not np.isfinite(bound.usd):
            return
        self.bound_usd = bound.usd - self._chords
        surplus = bound.best.surplus()
        clear = np.sort(np.abs(surplus[np.isfinite(surplus)]))
        for share in PRICED_SHARES:
            if self._going() and clear.size and not (self.sound and most_nodes != 0):
                far = np.abs(surplus) > clear[int(share * (clear.size - 1))]
                self._look(model.given(far, surplus > 0.0), self._dive)
        if self.best is None:
            on, _, _ = bound.best.states()
            self._look(model.given(np.ones(on.shape, bool), on), self._dive)
        if self._going():
            self._parts_if(most_nodes, surplus)

    def _by_relaxation(self, most_nodes: int | None) -> None:
        """Take plans near the relaxation, then those of branch and bound, until one is within the gap."""
        engine = engine_of(self.model.programme)
        relaxed = self._settled(engine)
        if relaxed is not None and self.model.gives_mw(relaxed.primal) > GIVING_TOLERANCE_MW:
            relaxed = self._strictly(engine, relaxed)
        if relaxed is None:
            return
        self._prove_by_prices(relaxed.row_duals)
        self._dive_near(relaxed)
        surplus = self._apart().surplus(*self.model.prices(relaxed.row_duals))
        self._improve(surplus, PRICED_SHARES[0])
        if most_nodes == 0 and not self._done():
            current = engine.n_rows == self.model.programme.row_lower.size  # dives may have met more limits
            self._dive_everywhere(engine if current else engine_of(self.model.programme))
            self._improve(surplus, PRICED_SHARES[1])
        self._parts_if(most_nodes, surplus)
        if self._going() and (most_nodes != 0 or not self.sound):
            rest = self._not_ruled_out(relaxed.row_duals) if self.sound else self.model.strict()
            self._look(rest, self._branch(most_nodes=most_nodes or None, whole=True))

    def _parts_if(self, most_nodes: int | None, surplus: FloatArray) -> None:
        """Decide parts anew where branch and bound is asked for, or needed for a plan that gives nothing."""
        if self._on.size > neighbourhoods.MOST_OPEN and (most_nodes != 0 or not self.sound):
            nodes = min(most_nodes or PART_NODES, PART_NODES)
            left_s = self.budget.left_s()
            self._by_parts(surplus, nodes=nodes, until_s=self.budget.spent_s() + PARTS_TIME_SHARE * left_s)

    def _strictly(self, engine: MixedProgram, relaxed: MixedAnswer) -> MixedAnswer | None:
        """Return the relaxation in which nothing gives way, None where there is none: then no plan is."""
        giving = self.model.giving
        upper, none = self.model.programme.upper[giving], np.zeros(giving.size)
        engine.set_columns(at=giving, lower=none, upper=none)
        answer = engine.relax(time_limit_s=self.budget.left_s())
        engine.set_columns(at=giving, lower=none, upper=upper)
        if answer.verdict is MixedVerdict.INFEASIBLE:
            return None
        if answer.verdict is MixedVerdict.OPTIMAL:
            self._prove_by_prices(answer.row_duals)
        return relaxed

    def _dive_near(self, relaxed: MixedAnswer) -> None:
        """Dive near the relaxation; without a plan each unit takes the chain nearest to where the dive stood."""
        for width in (NEAR, FURTHER):
            if self._going():
                self._look(self._near(relaxed.primal, width), self._dive)
                if self.best is None:
                    self._snap(relaxed.primal if self._stood is None else self._stood)

    def _snap(self, point: FloatArray) -> None:
        """Take the plan in which each unit follows the chain nearest to a point's states."""
        usd = NEARNESS_USD * (1.0 - 2.0 * point[self._on])
        none = np.zeros(usd.shape)
        on, _, _ = self._apart().chains.best(usd, begin=none, end=none, going=none).states()
        self._look(self.model.given(np.ones(on.shape, bool), on), self._dive)

    def _by_parts(self, surplus: FloatArray, *, nodes: int, until_s: float) -> None:
        """Decide parts of the best plan anew, cycle by cycle, until one improves it too little or the time comes."""
        for _ in range(MOST_CYCLES):
            if self.best is None:
                return
            before = self.best_usd
            on, given_usd = self.best[self._on] > HALF, self._given_usd(self.best)
            for open_ in neighbourhoods.parts(on, surplus=surplus, given_usd=given_usd, hours=self.model.case.hours):
                if not self._going() or self.budget.spent_s() >= until_s:
                    return
                self._look(
                    self.model.given(~open_, self.best[self._on] > HALF), self._branch(most_nodes=nodes, whole=False)
                )
            if before - self.best_usd <= LEAST_GAIN * abs(self.best_usd):
                return

    def _given_usd(self, point: FloatArray) -> FloatArray:
        """Return what a point pays for shortfalls and to give way (n,)."""
        layout = self.model.made.layout
        values, cost = np.append(point, 0.0), np.append(self.model.programme.cost, 0.0)
        paid = [(values[held] * cost[held]).sum(axis=1) for held in (layout.shed, layout.short, layout.excess)]
        return np.asarray(sum(paid))

    def _apart(self) -> Decomposition:
        return Decomposition(self.model.case, fleet=self.model.fleet, island=self.model.island)

    def _improve(self, surplus: FloatArray, share: float) -> None:
        """Take plans near the best one: open are states that are not clear at prices, and those it has otherwise.

        Then all states of units that it has otherwise somewhere.
        """
        clear = np.sort(np.abs(surplus[np.isfinite(surplus)]))
        for whole_units in (False, True):
            if self._done() or self.best is None or not clear.size:
                return
            on = self.best[self._on] > HALF
            unlike = (surplus > 0.0) != on
            near = np.abs(surplus) <= clear[int(share * (clear.size - 1))]
            open_ = near | (np.broadcast_to(unlike.any(axis=0), on.shape) if whole_units else unlike)
            self._look(self.model.given(~open_, on), self._dive)

    def _done(self) -> bool:
        """Whether the best plan is proven to be within the gap."""
        return self.sound and self.best_usd - self.bound_usd <= self.gap * abs(self.best_usd)

    def _going(self) -> bool:
        """Whether more is asked and there is time for it."""
        return not self._done() and self.budget.left_s() > 0.0

    def _settled(self, engine: MixedProgram) -> MixedAnswer | None:
        """Return the relaxation under the engine's bounds with every limit of lines kept, None where there is none."""
        for _ in range(MOST_ROUNDS):
            answer = engine.relax(time_limit_s=self.budget.left_s())
            if answer.verdict is not MixedVerdict.OPTIMAL:
                return None
            limits = self.model.broken(answer.primal)
            if limits is None:
                return answer
            rows, load, cost = self.model.add(limits)
            engine.add_columns(cost=cost, lower=np.zeros(cost.size), upper=np.full(cost.size, np.inf))
            engine.add_rows(lower=-limits.limit_mw - load, upper=limits.limit_mw - load, rows=assembling.rows_of(rows))
        return None

    def _near(self, point: FloatArray, width: int) -> Programme:
        """Return the programme with states given that are whole in a point, but for those near one that is not.

        Where there is a best plan, its states that differ from the point's are open too.
        """
        value = point[self._on]
        open_ = _open(value)
        if self.best is not None:
            open_ |= (self.best[self._on] > HALF) != (value > HALF)
        around = np.pad(open_, ((width, width), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(around, 2 * width + 1, axis=0)
        near = np.asarray(windows.any(axis=-1))
        return self.model.given(~near, value > HALF)

    def _not_ruled_out(self, duals: FloatArray) -> Programme:
        """Return the programme with states given that no plan better than the best can have otherwise."""
        programme = self.model.programme
        if self.best is None:
            return programme
        dual = np.append(duals, np.zeros(programme.row_lower.size - duals.size))
        pull = (programme.cost - programme.rows.T @ dual)[self._on]
        room = self.best_usd - (self.bound_usd + self._chords)
        return self.model.given(np.abs(pull) > room, pull < 0.0)

    def _look(self, programme: Programme, finder: Finder) -> None:
        """Take the plan that a finder finds in a programme with limits of lines kept, if there is one."""
        for _ in range(MOST_ROUNDS):
            if self.budget.left_s() <= 0.0:
                return
            small = reducing.reduced(programme)
            answer = finder(small)
            if answer is None or not answer.primal.size:
                return
            point = small.whole_point(answer.primal)
            limits = self.model.broken(point)
            if limits is None:
                self._take(point, answer.objective)
                return
            rows, load, cost = self.model.add(limits)
            programme = programme.grown(rows, lower=-limits.limit_mw - load, upper=limits.limit_mw - load, cost=cost)

    def _dive(self, small: Reduced) -> MixedAnswer | None:
        """Round the open states of a small programme."""
        if not small.possible:
            return None
        answer, stood = self._rounded(engine_of(small.programme), np.flatnonzero(np.isin(small.free, self._decided)))
        if answer is None and stood is not None:
            self._stood = small.whole_point(stood.primal)
        return answer

    def _dive_everywhere(self, engine: MixedProgram) -> None:
        """Round the open states of the whole programme, from where the engine stands, and take what comes of it."""
        for _ in range(MOST_ROUNDS):
            if self._rounded(engine, self._decided)[0] is None:
                return
            answer = self._settled(engine)  # limits that it adds may open states again
            if answer is None or not _open(answer.primal[self._decided]).any():
                break
        if answer is not None and not _open(answer.primal[self._decided]).any():
            self._take(answer.primal, answer.objective)

    def _rounded(self, engine: MixedProgram, states: IntArray) -> tuple[MixedAnswer | None, MixedAnswer | None]:
        """Round open states, those nearest to on first, and decide the rest anew each time until none is open.

        Return the point without open states, None where there is none, and the last one on the way to it. A state is
        given once, so that there are no more rounds than states, whatever the solver says of what was given.
        """
        free, last = np.ones(states.size, bool), None
        for _ in range(states.size + 1):
            answer = engine.relax(time_limit_s=self.budget.left_s())
            if answer.verdict is not MixedVerdict.OPTIMAL:
                break
            last = answer
            value = answer.primal[states]
            open_ = _open(value) & free
            if not open_.any():
                return answer, last
            left, at = value[open_], np.flatnonzero(open_)
            up = left >= 1.0 - DIVE_NEAR
            up[np.argsort(-left, kind="stable")[: max(1, int(DIVE_SHARE * left.size))]] = True
            given = up | (left < DIVE_NEAR)
            state = up[given].astype(np.float64)
            free[at[given]] = False
            engine.set_columns(at=states[at[given]], lower=state, upper=state)
        return None, last

    def _branch(self, *, most_nodes: int | None, whole: bool) -> Finder:
        """Return a finder by branch and bound; its bound counts where the programme is all that is not ruled out."""

        def find(small: Reduced) -> MixedAnswer | None:
            if not small.possible:
                self._prove(self.best_usd, whole=whole)
                return None
            start = None if self.best is None else self._known(self.best)[small.free]
            wanted = max(0.0, self.gap - self._chords / max(abs(self.bound_usd), 1.0))
            answer = engine_of(small.programme).solve(
                gap=wanted if whole else PART_GAP_SHARE * wanted,
                time_limit_s=self.budget.left_s() * (1.0 if whole else PART_TIME_SHARE),
                most_nodes=most_nodes,
                enough=self._enough(),
                start=start,
            )
            none_left = answer.verdict is MixedVerdict.INFEASIBLE
            self._prove(self.best_usd if none_left else answer.bound, whole=whole)
            return answer

        return find

    def _prove_by_prices(self, duals: FloatArray) -> None:
        """Take the bound of prices, by weak duality."""
        bound = reducing.lagrangian_bound(self.model.programme, duals) - self._chords
        self.bound_usd = max(self.bound_usd, bound)

    def _prove(self, bound: float, *, whole: bool) -> None:
        """Take the bound of a search of all that is not ruled out: no plan beats both it and the best."""
        bound = min(bound, self.best_usd)
        if whole and np.isfinite(bound):
            self.bound_usd = max(self.bound_usd, bound - self._chords)

    def _enough(self) -> float:
        """Return the cost of a plan that is within the gap of the bound."""
        return self.bound_usd / (1.0 - self.gap if self.bound_usd > 0.0 else 1.0 + self.gap)

    def _take(self, point: FloatArray, usd: float) -> None:
        """Take a point that costs less than the best; one that gives nothing beats each that does."""
        sound = self.model.gives_mw(point) <= GIVING_TOLERANCE_MW
        if (usd < self.best_usd and sound >= self.sound) or sound > self.sound:
            self.best, self.best_usd = point, usd

    def _known(self, point: FloatArray) -> FloatArray:
        """Return the states of a point as a start, NaN for all other columns."""
        start = np.full(self.model.programme.cost.size, np.nan)
        for held in (self._on, self.model.made.layout.start):
            start[held] = np.round(point[held])
        return start


def _open(value: FloatArray) -> BoolArray:
    return (value > WHOLE_TOLERANCE) & (value < 1.0 - WHOLE_TOLERANCE)
