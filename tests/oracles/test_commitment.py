"""Commitments against every plan there is: small cases by enumeration, a linear programme of its own for each plan."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from powerdesk.grid.commitment import committing, searching
from powerdesk.grid.commitment import fleet as fleets
from powerdesk.grid.commitment.chains import Chains
from powerdesk.grid.commitment.decomposing import Decomposition, Prices
from powerdesk.grid.commitment.plan import InfeasibleCommitmentError, Status
from powerdesk.grid.commitment_case import (
    ENDLESS,
    CommitmentCase,
    Cost,
    Line,
    PricedLoad,
    Reserve,
    StartCost,
    Unit,
    VariableUnit,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

RELATIVE = 1e-6
INTERVALS = 4


def whole(low: int, high: int) -> st.SearchStrategy[float]:
    return st.integers(low, high).map(float)


@st.composite
def units(draw: st.DrawFn, name: str, n: int) -> Unit:
    low = draw(whole(5, 30))
    width = draw(st.lists(whole(5, 40), min_size=1, max_size=3))
    slope = sorted(draw(st.lists(whole(5, 60), min_size=len(width), max_size=len(width))))
    mw = np.concatenate(([low], low + np.cumsum(width)))
    usd = draw(whole(20, 900)) + np.concatenate(([0.0], np.cumsum(np.array(width) * slope)))
    starts = sorted(draw(st.lists(whole(0, 600), min_size=1, max_size=3)))
    initial = draw(st.sampled_from([None, -5.0, -2.0, -1.0, 1.0, 2.0, 5.0]))
    high = float(mw[-1])
    before = draw(whole(int(low), int(high))) if initial is not None and initial > 0.0 else 0.0
    ordered = np.array([draw(st.sampled_from([0, 0, 0, 0, 1, -1])) for _ in range(n)])
    return Unit(
        name=name,
        bus=draw(st.sampled_from(["a", "b"])),
        min_mw=np.full(n, low),
        max_mw=np.full(n, high),
        must_run=ordered == 1,
        must_not_run=ordered == -1,
        min_up_hours=draw(whole(0, 3)),
        min_down_hours=draw(whole(0, 3)),
        ramp_up_mw_per_h=draw(st.one_of(whole(5, 60), st.just(ENDLESS))),
        ramp_down_mw_per_h=draw(st.one_of(whole(5, 60), st.just(ENDLESS))),
        start_limit_mw=draw(st.one_of(whole(int(low), int(high)), st.just(ENDLESS))),
        stop_limit_mw=draw(st.one_of(whole(int(low), int(high)), st.just(ENDLESS))),
        start_costs=tuple(StartCost(float(1 + 2 * at), usd) for at, usd in enumerate(starts)),
        stop_cost_usd=draw(whole(0, 50)),
        initial_hours=initial,
        initial_mw=before if draw(st.booleans()) else None,
        costs=(Cost(0.0, 0.0, 0.0, tuple(zip(mw.tolist(), usd.tolist(), strict=True))),),
        reserves=draw(st.sampled_from([None, ("up",), ()])),
    )


@st.composite
def cases(draw: st.DrawFn) -> CommitmentCase:
    n = draw(st.integers(2, INTERVALS))
    load = np.array([[draw(whole(0, 60)), draw(whole(0, 60))] for _ in range(n)])
    beyond = draw(st.sampled_from([ENDLESS, 70.0]))
    limit = draw(whole(5, 60))
    reserve_usd, shortfall_usd = draw(st.sampled_from([(90.0, 1000.0), (90.0, 1000.0), (ENDLESS, ENDLESS)]))
    return CommitmentCase(
        name="drawn",
        hours=draw(st.sampled_from([1.0, 0.5])),
        buses=("a", "b"),
        load_mw=load,
        units=tuple(draw(units(f"u{at}", n)) for at in range(draw(st.integers(1, 2)))),
        variable_units=(
            VariableUnit("wind", "b", np.zeros(n), np.array([draw(whole(0, 20)) for _ in range(n)]), -3.0),
        ),
        priced_loads=(PricedLoad("p", "a", np.full(n, 10.0), np.array([draw(whole(0, 80)) for _ in range(n)])),),
        reserves=(
            Reserve("up", "spinning", np.array([draw(whole(0, 15)) for _ in range(n)]), reserve_usd),
            Reserve("down", "regulation_down", np.array([draw(whole(0, 8)) for _ in range(n)]), 40.0),
        ),
        lines=(Line("l", "a", "b", 100.0, limit, limit, beyond),),
        outages=(),
        shortfall_usd_per_mwh=shortfall_usd,
    )


def plans_of(unit: Unit, n: int, hours: float) -> Iterator[tuple[tuple[bool, ...], float]]:
    """Yield each order of states that times and orders allow, and what its starts and stops cost."""
    for on in itertools.product((False, True), repeat=n):
        if any(a and not b for a, b in zip(unit.must_run, on, strict=True)):
            continue
        if any(a and b for a, b in zip(unit.must_not_run, on, strict=True)):
            continue
        state, since = (
            (on[0], ENDLESS) if unit.initial_hours is None else (unit.initial_hours > 0, abs(unit.initial_hours))
        )
        usd, sound = 0.0, True
        for now in on:
            if now != state:
                sound &= since >= (unit.min_up_hours if state else unit.min_down_hours)
                if now:
                    usd += max(
                        [one.cost_usd for one in unit.start_costs if one.after_hours_off <= since],
                        default=unit.start_costs[0].cost_usd,
                    )
                else:
                    usd += unit.stop_cost_usd
                state, since = now, 0.0
            since += hours
        if sound:
            yield on, usd


class Dispatching:
    """The least cost of a plan: power and reserves in MW, cost by lines, rows as a textbook has them."""

    def __init__(self, case: CommitmentCase, plan: tuple[tuple[bool, ...], ...]) -> None:
        self.hours = case.hours
        self.names: dict[Any, int] = {}
        self.cost: list[float] = []
        self.bounds: list[tuple[float | None, float | None]] = []
        self.upper: list[tuple[dict[int, float], float]] = []
        self.equal: list[tuple[dict[int, float], float]] = []
        for t in range(case.load_mw.shape[0]):
            self.system(case, t)
        for at, (unit, on) in enumerate(zip(case.units, plan, strict=True)):
            self.unit(unit, at, on)

    def column(self, key: Any, cost: float = 0.0, low: float | None = 0.0, high: float | None = None) -> int:
        """Return the column of a key, made when it is new; at an endless cost it stays at zero."""
        if key not in self.names:
            self.names[key] = len(self.cost)
            self.cost.append(self.hours * cost if cost < ENDLESS else 0.0)
            self.bounds.append((low, high if cost < ENDLESS else 0.0))
        return self.names[key]

    def system(self, case: CommitmentCase, t: int) -> None:
        """Add one interval's balances, flow and requirements."""
        net: dict[str, dict[int, float]] = {"a": {}, "b": {}}
        wind, priced = case.variable_units[0], case.priced_loads[0]
        net["b"][self.column(("wind", t), wind.linear_usd_per_mwh, 0.0, float(wind.max_mw[t]))] = 1.0
        net["a"][self.column(("p", t), -float(priced.value_usd_per_mwh[t]), 0.0, float(priced.max_mw[t]))] = -1.0
        for at, bus in enumerate(case.buses):
            load = float(case.load_mw[t, at])
            net[bus][self.column(("shed", t, bus), case.shortfall_usd_per_mwh, 0.0, load)] = 1.0
        for at, unit in enumerate(case.units):
            net[unit.bus][self.column(("mw", at, t))] = 1.0
        line = case.lines[0]
        flow = self.column(("flow", t), 0.0, None, None)
        over = self.column(("over", t), line.beyond_usd_per_mwh)
        self.equal.append((net["a"] | {flow: -1.0}, float(case.load_mw[t, 0])))
        self.equal.append((net["b"] | {flow: 1.0}, float(case.load_mw[t, 1])))
        self.upper.append(({flow: 1.0, over: -1.0}, line.limit_mw))
        self.upper.append(({flow: -1.0, over: -1.0}, line.limit_mw))
        for reserve in case.reserves:
            short = self.column(("short", reserve.name, t), reserve.shortfall_usd_per_mwh)
            held = {self.column((reserve.name, at, t)): -1.0 for at in range(len(case.units))}
            self.upper.append((held | {short: -1.0}, -float(reserve.requirement_mw[t])))

    def unit(self, unit: Unit, at: int, on: tuple[bool, ...]) -> None:
        """Add one unit's limits under its states."""
        known = unit.initial_hours is not None
        was = unit.initial_hours is not None and unit.initial_hours > 0.0
        for t, now in enumerate(on):
            self.range(unit, at, t, now=now)
            before = on[t - 1] if t else (was if known else now)
            last_mw = unit.initial_mw if known and was else None
            mw, up = self.column(("mw", at, t)), self.column(("up", at, t))
            if now and not before:
                self.upper.append(({mw: 1.0, up: 1.0}, min(unit.start_limit_mw, 1e6)))
            if before and not now and t:
                last = {self.column(("mw", at, t - 1)): 1.0, self.column(("up", at, t - 1)): 1.0}
                self.upper.append((last, min(unit.stop_limit_mw, 1e6)))
            elif before and not now and last_mw is not None:
                self.upper.append(({mw: 0.0}, min(unit.stop_limit_mw, 1e6) - last_mw))
            if now and before and (t or last_mw is not None):
                self.ramp(unit, at, t, 0.0 if t or last_mw is None else last_mw)

    def range(self, unit: Unit, at: int, t: int, *, now: bool) -> None:
        """Add limits, reserves and cost of one interval."""
        mw, up, down = (self.column((what, at, t)) for what in ("mw", "up", "down"))
        for name, column in (("up", up), ("down", down)):
            if not now or (unit.reserves is not None and name not in unit.reserves):
                self.bounds[column] = (0.0, 0.0)
        if not now:
            self.bounds[mw] = (0.0, 0.0)
            return
        self.upper.append(({mw: 1.0, up: 1.0}, float(unit.max_mw[t])))
        self.upper.append(({mw: -1.0, down: 1.0}, -float(unit.min_mw[t])))
        cost = self.column(("cost", at, t), 1.0, None, None)
        for (x, y), (x2, y2) in itertools.pairwise(unit.costs[0].points):
            slope = (y2 - y) / (x2 - x)
            self.upper.append(({mw: slope, cost: -1.0}, slope * x - y))

    def ramp(self, unit: Unit, at: int, t: int, given_mw: float) -> None:
        """Add ramps against the interval before, or against what is given before the first."""
        mw, up, down = (self.column((what, at, t)) for what in ("mw", "up", "down"))
        base = {self.column(("mw", at, t - 1)): 1.0} if t else {}
        less = dict.fromkeys(base, -1.0)
        self.upper.append(({mw: 1.0, up: 1.0} | less, min(self.hours * unit.ramp_up_mw_per_h, 1e6) + given_mw))
        self.upper.append((base | {mw: -1.0, down: 1.0}, min(self.hours * unit.ramp_down_mw_per_h, 1e6) - given_mw))

    def least(self) -> float:
        """Return the least cost, infinite where there is no dispatch."""

        def matrix(rows: list[tuple[dict[int, float], float]]) -> tuple[np.ndarray, np.ndarray]:
            held = np.zeros((len(rows), len(self.cost)))
            for at, (row, _) in enumerate(rows):
                for column, value in row.items():
                    held[at, column] = value
            return held, np.array([side for _, side in rows])

        a, b = matrix(self.upper)
        c, d = matrix(self.equal)
        found = optimize.linprog(self.cost, A_ub=a, b_ub=b, A_eq=c, b_eq=d, bounds=self.bounds, method="highs")
        return float(found.fun) if found.status == 0 else ENDLESS


def best_of_all(case: CommitmentCase) -> float:
    n = case.load_mw.shape[0]
    every = itertools.product(*(list(plans_of(unit, n, case.hours)) for unit in case.units))
    return min(
        (sum(usd for _, usd in chosen) + Dispatching(case, tuple(on for on, _ in chosen)).least() for chosen in every),
        default=ENDLESS,
    )


@given(case=cases())
@settings(max_examples=60, deadline=None)
def test_commit__costs_what_the_best_of_all_plans_costs(case: CommitmentCase) -> None:
    least = best_of_all(case)
    if least == ENDLESS:
        with pytest.raises(InfeasibleCommitmentError):
            committing.commit(case, gap=0.0)
        return
    found = committing.commit(case, gap=0.0)
    assert found.objective_usd == pytest.approx(least, rel=RELATIVE, abs=1e-5)
    assert found.bound_usd <= least + 1e-5 * max(abs(least), 1.0)


@given(case=cases())
@settings(max_examples=25, deadline=None)
def test_commit__proves_no_more_than_is_true_where_the_gap_is_wide(case: CommitmentCase) -> None:
    least = best_of_all(case)
    if least == ENDLESS:
        return
    found = committing.commit(case, gap=0.05)
    assert found.bound_usd <= least + 1e-6 * max(abs(least), 1.0)
    assert least <= found.objective_usd + 1e-6 * max(abs(least), 1.0)
    assert found.status is Status.WITHIN_GAP


def runs_of(unit: Unit, on: tuple[bool, ...]) -> Iterator[tuple[int, int]]:
    """Yield first interval and end of each run, -1 for one that goes on from before."""
    was = on[0] if unit.initial_hours is None else unit.initial_hours > 0.0
    held = [was, *on, None]
    first = -1
    for at, (before, now) in enumerate(itertools.pairwise(held)):
        if now and not before:
            first = at
        elif before and not now:
            yield first, at
            first = at


@given(case=cases(), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_best__chain_of_each_unit_costs_what_the_best_of_all_its_plans_costs(case: CommitmentCase, seed: int) -> None:
    n = case.load_mw.shape[0]
    random = np.random.default_rng(seed)
    usd = random.normal(0.0, 200.0, (n, len(case.units)))
    begin, end, going = np.abs(random.normal(0.0, 200.0, (3, *usd.shape)))
    chains = Chains(case, fleet=fleets.of(case))
    best = chains.best(usd, begin=begin, end=end, going=going)
    on, _, _ = best.states()
    surplus = best.surplus()
    for at, unit in enumerate(case.units):
        costs: dict[tuple[bool, ...], float] = {}
        for plan, start_stop in plans_of(unit, n, case.hours):
            if unit.initial_hours is not None and unit.initial_mw is not None and not keeps_last_output(case, at, plan):
                continue
            costs[plan] = start_stop + float(usd[list(plan), at].sum())
            for first, stop in runs_of(unit, plan):
                last = end[stop - 1, at] if 0 < stop < n else 0.0
                if first < 0:
                    costs[plan] += float(going[:stop, at].sum()) + last
                else:
                    once = stop - first == 1
                    costs[plan] += max(begin[first, at], last) if once else begin[first, at] + last
        least = min(costs.values(), default=ENDLESS)
        assert best.usd()[at] == pytest.approx(least)
        if least == ENDLESS:
            continue
        assert costs[tuple(on[:, at].tolist())] == pytest.approx(least)
        for t in range(n):
            here = min((usd for plan, usd in costs.items() if plan[t]), default=ENDLESS)
            away = min((usd for plan, usd in costs.items() if not plan[t]), default=ENDLESS)
            assert surplus[t, at] == pytest.approx(away - here)


def keeps_last_output(case: CommitmentCase, at: int, plan: tuple[bool, ...]) -> bool:
    """Whether a unit that ran comes down to its stop limit before it stops."""
    unit = case.units[at]
    if not unit.initial_hours or unit.initial_hours < 0.0 or unit.initial_mw is None or all(plan):
        return True
    off = plan.index(False)
    excess = unit.initial_mw - off * unit.ramp_down_mw_per_h * case.hours if off else unit.initial_mw
    limit = max(unit.stop_limit_mw, unit.min_mw[0]) if off else unit.stop_limit_mw
    return bool(excess <= limit + 1e-9)


@given(case=cases(), seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_bound__at_any_prices_is_below_the_best_of_all_plans(case: CommitmentCase, seed: int) -> None:
    n, random = case.load_mw.shape[0], np.random.default_rng(seed)
    apart = Decomposition(case, fleet=fleets.of(case), island=np.zeros(2, np.int64))
    prices = Prices(
        random.uniform(-20.0, 120.0, (n, 1)) * case.hours, np.maximum(random.normal(0.0, 30.0, (n, 2)), 0.0)
    )
    least = best_of_all(case)
    drawn, climbed = apart.bound(prices), apart.climb(most_steps=10)
    scale = 1e-6 * max(abs(least), 1.0) if least < ENDLESS else 0.0
    assert max(drawn.usd, climbed.usd) <= least + scale


@given(case=cases())
@settings(max_examples=25, deadline=None)
def test_commit__by_prices_first_proves_no_more_than_is_true(case: CommitmentCase) -> None:
    least = best_of_all(case)
    if least == ENDLESS:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searching, "MANY_STATES", 0)
        found = committing.commit(case, gap=0.02)
    assert found.status is Status.WITHIN_GAP
    assert found.bound_usd <= least + 1e-6 * max(abs(least), 1.0)
    assert least <= found.objective_usd + 1e-6 * max(abs(least), 1.0)
