"""The programme of a unit commitment: three states of a unit (on, starting, stopping) and tight inequalities.

Columns by interval t and unit g: `on` u and `start` v are whole numbers; the stop is w_t = v_t - u_t + u_{t-1}, which
the row w_t >= 0 keeps sound. `above` p is the output above the minimum, so that output is p + low u.

    turn-on     sum of v over the last up steps <= u_t,   over the last down steps <= 1 - u_{t - down}
    limits      p_t + up reserves <= (high - low) u_t - (high - start limit) v_t - (high - stop limit) w_{t+1}
    ramps       p_t + up reserves - p_{t-1} <= (R - low_t + low_{t-1}) u_t + (start limit - low_{t-1} - R) v_t
                p_{t-1} - p_t + down reserves <= (D + low_t - low_{t-1}) u_{t-1} + (stop limit - D - low_t) w_t
    cost        y >= (slope_j - slope_1) p - (what that line is at the corner) u, for each segment j after the first
    starts      v costs a cold start, less what a warm one k saves: x_{k,t} <= stops in k's window,
                sum_k x_{k,t} <= v_t

Rajan & Takriti (2005); Morales-Espana, Latorre, Ramos (2013); Gentile, Morales-Espana, Ramos (2017); Knueven,
Ostrowski, Watson (2020), "On mixed-integer programming formulations for the unit commitment problem". Pairwise matching
of stops and starts, as there, bounds 1.6e-5 better on a day of 99 units and makes twice the columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from powerdesk.grid.commitment.assembling import ABSENT, Columns, Rows
from powerdesk.grid.commitment.costing import UnitCosts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from powerdesk.grid.commitment.fleet import Fleet
    from powerdesk.grid.commitment_case import CommitmentCase
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray

DOWN = "down"
"""A kind of reserve with this word in it is for less output."""

DEARER = 10.0
"""What gives way costs so many times what the dearest MW does; too little only leaves plans unfound, never unsound."""


@dataclass(frozen=True, eq=False, slots=True)
class Layout:
    """Where things stand among the columns, ABSENT where there is none; (n, n_unit) unless said.

    `reserve` (n, n_unit, n_reserve), `variable` (n, n_variable), `served` (n, n_priced), `shed` (n, n_bus),
    `short` (n, n_reserve), `link` (n, n_link), `excess` (n, n_island) what an island cannot take; `balance`
    (n, n_island) and `requirement` (n, n_reserve) are rows. Columns `giving` (k,) stand for what no plan may have, at
    `given_usd` a MW and interval: more than anything costs, so that a search has something to go on from.
    """

    on: IntArray
    start: IntArray
    above: IntArray
    reserve: IntArray
    variable: IntArray
    served: IntArray
    shed: IntArray
    short: IntArray
    link: IntArray
    excess: IntArray
    order: IntArray
    balance: IntArray
    requirement: IntArray
    giving: IntArray
    given_usd: float


@dataclass(frozen=True, eq=False, slots=True)
class Formulation:
    """Columns, rows and where they stand; `constant_usd` belongs to the objective."""

    case: CommitmentCase
    fleet: Fleet
    columns: Columns
    rows: Rows
    layout: Layout
    injection: sparse.csr_array
    constant_usd: float


def upward(case: CommitmentCase) -> BoolArray:
    """Return which reserves are for more output (n_reserve,)."""
    return np.array([DOWN not in one.kind for one in case.reserves], bool)


def build(case: CommitmentCase, *, fleet: Fleet, island: IntArray, matched: bool = True) -> Formulation:
    """Return the programme without limits of lines; `island` (n_bus,) numbers the parts that balance for themselves.

    Without `matched` no start has a cost and nothing gives way: a programme for prices, whose states are given.
    """
    maker = _Maker(case, fleet, island=island, giving=matched)
    injection = maker.injection()
    balance = maker.balance(injection)
    requirement = maker.requirement()
    maker.states()
    maker.limits()
    maker.ramps()
    costs = UnitCosts(case, fleet, columns=maker.columns, rows=maker.rows)
    costs.rising(maker.on, maker.above)
    order = costs.ordered(maker.on, maker.above)
    if matched:
        costs.starts(maker.on, maker.start)
    layout = Layout(
        maker.on,
        maker.start,
        maker.above,
        maker.reserve,
        maker.variable,
        maker.served,
        maker.shed,
        maker.short,
        maker.link,
        maker.excess,
        order,
        balance,
        requirement,
        maker.giving(),
        maker.given_usd,
    )
    return Formulation(case, fleet, maker.columns, maker.rows, layout, injection, maker.constant_usd)


class _Maker:
    """A programme in the making."""

    def __init__(self, case: CommitmentCase, fleet: Fleet, *, island: IntArray, giving: bool) -> None:
        self.case, self.fleet, self.island = case, fleet, island
        self.columns, self.rows = Columns(), Rows()
        self.given_usd = _dearest_usd(case, fleet) if giving else np.inf
        self.n, self.n_bus = case.load_mw.shape
        n, n_unit, hours, columns = self.n, len(case.units), case.hours, self.columns
        width = fleet.width_mw.sum(axis=2)
        steady = fleet.convex[None, :]
        stop = np.tile(np.array([one.stop_cost_usd for one in case.units], np.float64), (n, 1))
        after = np.vstack((stop[1:], np.zeros((1, n_unit))))  # u_t is -1 in w_t and +1 in w_{t+1}
        stop[0, np.isnan(fleet.was_on)] = 0.0
        self.constant_usd = float(stop[0] @ np.nan_to_num(fleet.was_on))
        cold = np.array([max((one.cost_usd for one in unit.start_costs), default=0.0) for unit in case.units])
        self.on = columns.add(
            (n, n_unit),
            lower=fleet.on_least,
            upper=fleet.on_most,
            cost=fleet.least_usd - stop + after,
            whole=True,
        )
        self.start = columns.add((n, n_unit), upper=self._startable(), cost=cold + stop, whole=True)
        self.above = columns.add((n, n_unit), upper=width, cost=np.where(steady, fleet.slope[:, :, 0], 0.0))
        self.reserve = columns.add((n, n_unit, len(case.reserves)), where=eligible(case)[None])
        self.variable = _series(
            columns, case.variable_units, n, lambda one: (one.min_mw, one.max_mw, one.linear_usd_per_mwh * hours)
        )
        self.served = _series(
            columns, case.priced_loads, n, lambda one: (0.0, one.max_mw, -one.value_usd_per_mwh * hours)
        )
        self.link = _series(columns, case.links, n, lambda one: (one.min_mw, one.max_mw, 0.0))
        self._shortfalls()

    def _shortfalls(self) -> None:
        """Add demand and reserve that are short, and what an island cannot take; without a price only to give way."""
        case, columns = self.case, self.columns
        price = np.array([one.shortfall_usd_per_mwh for one in case.reserves])
        asked = np.array([one.requirement_mw for one in case.reserves]).reshape(-1, self.n).T
        self.shed = self._priced(np.maximum(case.load_mw, 0.0), case.shortfall_usd_per_mwh)
        self.short = self._priced(asked, np.broadcast_to(price, asked.shape))
        shape = (self.n, int(self.island.max(initial=-1)) + 1)
        most = float(self.fleet.high.sum(axis=1).max(initial=0.0)) + sum(
            float(one.max_mw.max(initial=0.0)) for one in case.variable_units
        )
        may = np.full(shape, np.isfinite(self.given_usd))
        self.excess = columns.add(shape, upper=most, cost=self.given_usd if may.any() else 0.0, where=may)

    def _priced(self, most_mw: FloatArray, price: FloatArray | float) -> IntArray:
        """Add what is short, up to `most_mw` at USD/MWh, or where that is infinite at the price of giving way."""
        usd = np.where(np.isfinite(price), np.asarray(price) * self.case.hours, self.given_usd)
        there = (most_mw > 0.0) & np.isfinite(usd)
        return self.columns.add(most_mw.shape, upper=most_mw, cost=np.where(there, usd, 0.0), where=there)

    def giving(self) -> IntArray:
        """Return the columns of what no plan may have (k,)."""
        case = self.case
        unpriced = np.array([np.isinf(one.shortfall_usd_per_mwh) for one in case.reserves], bool)
        every = [self.excess.ravel(), self.short[:, unpriced].ravel()]
        if np.isinf(case.shortfall_usd_per_mwh):
            every.append(self.shed.ravel())
        held: IntArray = np.concatenate(every)
        return np.asarray(held[held != ABSENT])

    def _startable(self) -> FloatArray:
        """Return where a start is possible (n, n_unit): not before a unit that was on has been down long enough."""
        fleet = self.fleet
        early = np.arange(self.n)[:, None] < fleet.down_steps[None, :]
        closed = early & (fleet.was_on == 1.0)[None, :]
        closed[0] |= np.isnan(fleet.was_on)
        return np.where(closed | (fleet.on_most == 0.0), 0.0, 1.0)

    def injection(self) -> sparse.csr_array:
        """Return what columns put into buses, by interval and bus (n x n_bus, n_column), loads left out."""
        case = self.case
        position = {name: at for at, name in enumerate(case.buses)}

        def buses(elements: Iterable[Any], name: str = "bus") -> IntArray:
            return np.array([position[getattr(one, name)] for one in elements], np.int64)

        parts: list[tuple[IntArray, FloatArray | float, IntArray]] = [
            (self.above, 1.0, buses(case.units)),
            (self.on, self.fleet.low, buses(case.units)),
            (self.variable, 1.0, buses(case.variable_units)),
            (self.served, -1.0, buses(case.priced_loads)),
            (self.shed, 1.0, np.arange(self.n_bus)),
            (self.link, -1.0, buses(case.links, "from_bus")),
            (self.link, 1.0, buses(case.links, "to_bus")),
            (self.excess, -1.0, self._busiest()),
        ]
        column = np.hstack([one[0] for one in parts])
        value = np.hstack([np.broadcast_to(one[1], one[0].shape) for one in parts])
        row = np.arange(self.n)[:, None] * self.n_bus + np.concatenate([one[2] for one in parts])[None, :]
        kept = column != ABSENT
        shape = (self.n * self.n_bus, self.columns.count)
        return sparse.csr_array(sparse.coo_array((value[kept], (row[kept], column[kept])), shape=shape))

    def _busiest(self) -> IntArray:
        """Return each island's bus of the most load (n_island,)."""
        load = self.case.load_mw.sum(axis=0)
        every = [np.flatnonzero(self.island == one) for one in range(self.excess.shape[1])]
        return np.array([one[np.argmax(load[one])] for one in every], np.int64)

    def balance(self, injection: sparse.csr_array) -> IntArray:
        """Add a row for each interval and island: what enters is its load."""
        count = self.excess.shape[1]
        place = (self.island, np.arange(self.n_bus))
        gather = sparse.csr_array((np.ones(self.n_bus), place), shape=(count, self.n_bus))
        load = self.case.load_mw @ gather.T
        every = sparse.kron(sparse.eye_array(self.n), gather, format="csr")
        return self.rows.add_matrix("the balance", every @ injection, shape=(self.n, count), lower=load, upper=load)

    def requirement(self) -> IntArray:
        """Add a row for each interval and reserve: awards and shortfall cover it."""
        asked = np.array([one.requirement_mw for one in self.case.reserves]).reshape(-1, self.n).T
        return self.rows.add("a reserve", (self.reserve.transpose(0, 2, 1), 1.0), (self.short, 1.0), lower=asked)

    def states(self) -> None:
        """Add the rows between states, and those of least up and down times."""
        on, start, fleet = self.on, self.start, self.fleet
        known = ~np.isnan(fleet.was_on)
        first = np.where(known, fleet.was_on, 0.0)
        self.rows.add("a start", (start[:1], 1.0), (on[:1], -1.0), lower=-first, where=known[None, :])
        self.rows.add("a start", (start[1:], 1.0), (on[1:], -1.0), (on[:-1], 1.0), lower=0.0)
        for subject, steps in (("the least up time", fleet.up_steps), ("the least down time", fleet.down_steps)):
            window = self._window(start, steps)
            if subject == "the least up time":
                self.rows.add(subject, (window, 1.0), (on, -1.0), upper=0.0)
            else:
                self.rows.add(subject, (window, 1.0), (self._ago(on, steps), 1.0), upper=1.0)

    def _window(self, start: IntArray, steps: IntArray) -> IntArray:
        """Return the columns of the last `steps` starts (n, n_unit, longest)."""
        longest = min(self.n, int(steps.max(initial=1)))
        back = np.arange(longest)[None, None, :]
        at = np.arange(self.n)[:, None, None] - back
        held = start[np.maximum(at, 0), np.arange(start.shape[1])[None, :, None]]
        return np.where((at >= 0) & (back < steps[None, :, None]), held, ABSENT)

    def _ago(self, on: IntArray, steps: IntArray) -> IntArray:
        """Return the states `steps` before (n, n_unit); a state that is unknown was as the first one is."""
        at = np.arange(self.n)[:, None] - steps[None, :]
        told = (at >= 0) | np.isnan(self.fleet.was_on)[None, :]
        return np.where(told, on[np.maximum(at, 0), np.arange(on.shape[1])[None, :]], ABSENT)

    def _directed(self, *, up: bool) -> IntArray:
        """Return the reserve columns of one direction (n, n_unit, n_reserve), the others absent."""
        return np.where(upward(self.case) == up, self.reserve, ABSENT)

    def limits(self) -> None:
        """Add the rows of the most a unit gives with its upward reserves, and of its downward reserves."""
        fleet = self.fleet
        room = fleet.high - fleet.low
        begin, end = fleet.high - fleet.start_limit, fleet.high - fleet.stop_limit
        end[-1] = 0.0  # nobody knows a stop after the last interval
        short = (fleet.up_steps == 1)[None, :]
        gap = fleet.start_limit - fleet.stop_limit
        self._limit(room, begin, np.where(short, np.minimum(np.maximum(gap, 0.0), end), end), np.ones(room.shape, bool))
        again = short & (end > 0.0)
        self._limit(room, np.minimum(np.maximum(-gap, 0.0), begin), end, again)
        down = self._directed(up=False)
        has_down = (down != ABSENT).any(axis=2)
        self.rows.add("a unit's room below", (self.above, 1.0), (down, -1.0), lower=0.0, where=has_down)

    def _limit(self, room: FloatArray, begin: FloatArray, end: FloatArray, where: BoolArray) -> None:
        """Add p + r <= room u - begin v - end w_{t+1}, w_{t+1} = v_{t+1} - u_{t+1} + u_t."""
        after = np.vstack((self.start[1:], np.full((1, self.start.shape[1]), ABSENT)))
        on_after = np.vstack((self.on[1:], np.full((1, self.on.shape[1]), ABSENT)))
        self.rows.add(
            "a unit's limit",
            (self.above, 1.0),
            (self._directed(up=True), 1.0),
            (self.on, end - room),
            (self.start, begin),
            (after, end),
            (on_after, -end),
            upper=0.0,
            where=where,
        )

    def ramps(self) -> None:
        """Add the rows of ramps that can bind."""
        fleet, up, down = self.fleet, self._directed(up=True), self._directed(up=False)
        low, before = fleet.low[1:], fleet.low[:-1]
        rise, fall = (np.minimum(one, 1e9)[None, :] for one in (fleet.ramp_up, fleet.ramp_down))
        jump = fleet.start_limit[1:] - before - rise
        self.rows.add(
            "a ramp up",
            (self.above[1:], 1.0),
            (up[1:], 1.0),
            (self.above[:-1], -1.0),
            (self.on[1:], low - before - rise),
            (self.start[1:], -jump),
            upper=0.0,
            where=fleet.high[1:] - before > rise,
        )
        drop = fleet.stop_limit[:-1] - fall - low
        self.rows.add(
            "a ramp down",
            (self.above[:-1], 1.0),
            (self.above[1:], -1.0),
            (down[1:], 1.0),
            (self.on[:-1], before - low - fall - drop),
            (self.start[1:], -drop),
            (self.on[1:], drop),
            upper=0.0,
            where=fleet.high[:-1] - low > fall,
        )
        self._first_ramps(up, down, rise, fall)

    def _first_ramps(self, up: IntArray, down: IntArray, rise: FloatArray, fall: FloatArray) -> None:
        fleet = self.fleet
        known = ~np.isnan(fleet.before_mw)[None, :]
        before, low = np.nan_to_num(fleet.before_mw)[None, :], fleet.low[:1]
        self.rows.add(
            "a ramp up",
            (self.above[:1], 1.0),
            (up[:1], 1.0),
            (self.on[:1], low - before - rise),
            upper=0.0,
            where=known & (fleet.high[:1] > before + rise),
        )
        self.rows.add(
            "a ramp down",
            (self.above[:1], -1.0),
            (down[:1], 1.0),
            (self.on[:1], before - fall - low),
            upper=0.0,
            where=known & (low < before - fall),
        )


def _dearest_usd(case: CommitmentCase, fleet: Fleet) -> float:
    """Return more than a MW costs over an interval: a start for it, a minimum for it, any price of a shortfall."""
    start = np.array([max((one.cost_usd for one in unit.start_costs), default=0.0) for unit in case.units])
    most = np.maximum(fleet.high.max(axis=0, initial=0.0), 1.0)
    usd = (np.abs(fleet.least_usd).max(axis=0, initial=0.0) + start) / most
    priced = [one.shortfall_usd_per_mwh for one in case.reserves] + [case.shortfall_usd_per_mwh]
    dear = max((one for one in priced if np.isfinite(one)), default=0.0) * case.hours
    return DEARER * (1.0 + dear + float(np.abs(fleet.slope).max(initial=0.0)) + float(usd.max(initial=0.0)))


def _series(columns: Columns, elements: tuple[Any, ...], n: int, of: Callable[[Any], tuple[Any, Any, Any]]) -> IntArray:
    """Return columns (n, n_element) with lower bound, upper bound and cost as `of` tells them of an element."""
    parts = [of(one) for one in elements]
    shape = (n, len(elements))
    lower, upper, cost = (
        np.stack([np.broadcast_to(part[at], (n,)) for part in parts], axis=1) if parts else np.zeros(shape)
        for at in range(3)
    )
    return columns.add(shape, lower=lower, upper=upper, cost=cost)


def eligible(case: CommitmentCase) -> BoolArray:
    """Return which unit may give which reserve (n_unit, n_reserve)."""
    return np.array(
        [[unit.reserves is None or one.name in unit.reserves for one in case.reserves] for unit in case.units], bool
    ).reshape(len(case.units), len(case.reserves))
