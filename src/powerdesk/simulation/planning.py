"""The commitment of an operating day: which units run in which hour, by what was known when day-ahead closed.

Days are planned apart. So that they join, the state of units at midnight is given to both: a merit order for the
load forecast then, by what the earlier day knew. A unit keeps it for half of its minimum time on either side, so
minimum up and down times hold across midnight and each day is a function of its seed and date alone.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.commitment import committing
from powerdesk.grid.commitment_case import CommitmentCase, Cost, Line, Reserve, StartCost, Unit, VariableUnit
from powerdesk.grid.types import BranchModel
from powerdesk.simulation import dispatch, fleet, outlook, ratings, times
from powerdesk.simulation.technology import TRAITS, Technology
from powerdesk.simulation.types import Plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.simulation.outlook import Outlook
    from powerdesk.simulation.world import World

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

GAP = 2e-3
"""Where a search may end. Without branch and bound 28 days of a year took 0.3 s in the mean and 0.7 s at most; plans
were within 0.4 % of the proven bound in the mean and 2.2 % at most (2026-11-21)."""

MOST_NODES = 0
TIME_LIMIT_S = 3_600.0
"""Never the end of an ordinary search: where it were, the same day could have two plans."""

LOSS_SHARE = 0.016
"""Losses per MW of load that a plan provides for."""

PURCHASE_SHARE = 0.02
"""What buyers take day-ahead beyond the forecast of their load, since its errors cost more where it is too low."""

SPIN_SHORTFALL_USD_PER_MWH = 400.0
LONG_AGO_HOURS = 200.0
ONE_DAY = timedelta(days=1)
PLANS_KEPT = 16
FLOOR_USD_PER_MWH = 0.0
"""A plan counts no credit for wind and sun: its gap is relative to its cost, which credits would bring near zero."""

WATER_SHARE = 0.5
"""Of hydro units' capacity, what the merit order at midnight counts on."""


_known: OrderedDict[tuple[World, int, date], Plan] = OrderedDict()
"""Plans made or adopted, oldest first; each is a function of its key, so who made it does not matter."""


def plan(world: World, *, seed: int, operating_day: date) -> Plan:
    """Return the commitment of a day; raises as grid.commitment.committing.commit."""
    key = world, seed, operating_day
    if key not in _known:
        adopt(world, seed=seed, plan=_made(world, seed, operating_day))
    return _known[key]


def adopt(world: World, *, seed: int, plan: Plan) -> None:
    """Take a plan that was made already, here or in another process."""
    _known[world, seed, plan.operating_day] = plan
    while len(_known) > PLANS_KEPT:
        _known.popitem(last=False)


def bought_mw(seen: Outlook) -> FloatArray:
    """Return the load of each bus (n_bus,) as buyers bid for it day-ahead, by the forecast."""
    load: FloatArray = (1.0 + PURCHASE_SHARE) * seen.bus_load_mw
    return load


def _made(world: World, seed: int, operating_day: date) -> Plan:
    case, places = commitment_case(world, seed=seed, operating_day=operating_day)
    found = committing.commit(case, gap=GAP, time_limit_s=TIME_LIMIT_S, most_nodes=MOST_NODES)
    running = np.zeros((len(case.load_mw), len(world.units)), dtype=bool)
    running[:, places] = found.on
    running.setflags(write=False)
    starts = tuple(int(one.start.timestamp()) for one in times.hours(operating_day=operating_day))
    return Plan(operating_day, starts, running)


def commitment_case(world: World, *, seed: int, operating_day: date) -> tuple[CommitmentCase, NDArray[np.int64]]:
    """Return the unit commitment problem of a day, and the positions of its units in the fleet."""
    issued_at_s = int(times.gate_closure(operating_day=operating_day).timestamp())
    middles = [int(one.start.timestamp()) + times.HOUR_S // 2 for one in times.hours(operating_day=operating_day)]
    seen = [outlook.outlook(world, seed=seed, at_s=at_s, issued_at_s=issued_at_s) for at_s in middles]
    rating = ratings.rating_mw(world, seed=seed, at_s=middles[len(middles) // 2], issued_at_s=issued_at_s)
    prices = fleet.offer_prices(world.units, seed=seed, day=operating_day.toordinal())
    load = np.array([bought_mw(one) for one in seen]) * (1.0 + LOSS_SHARE)
    places = np.flatnonzero(world.units.committed)
    first = at_midnight(world, seed=seed, operating_day=operating_day)
    last = at_midnight(world, seed=seed, operating_day=operating_day + ONE_DAY)
    out = np.array([one.units_out for one in seen])
    spin = dispatch.REGULATION_SHARE * load.sum(axis=1) + dispatch.contingency_mw(world)
    return CommitmentCase(
        name=f"{world.network.name} {operating_day.isoformat()}",
        hours=1.0,
        buses=world.buses,
        load_mw=load,
        units=tuple(_unit(world, at, prices, (bool(first[at]), bool(last[at])), out[:, at]) for at in places.tolist()),
        variable_units=_variable_units(world, prices, seen),
        priced_loads=(),
        reserves=(Reserve("SPIN", "spinning", spin, SPIN_SHORTFALL_USD_PER_MWH),),
        lines=_lines(world, rating, seen[len(seen) // 2].lines_out),
        outages=(),
        shortfall_usd_per_mwh=dispatch.SHORTAGE_USD_PER_MWH,
    ), places


@lru_cache(maxsize=16)
def at_midnight(world: World, *, seed: int, operating_day: date) -> BoolArray:
    """Return which committed units (n_unit,) run as the day begins: in merit order, for the load and reserve then."""
    at_s = int(times.hours(operating_day=operating_day)[0].start.timestamp())
    issued = int(times.gate_closure(operating_day=operating_day - ONE_DAY).timestamp())
    seen = outlook.outlook(world, seed=seed, at_s=at_s, issued_at_s=issued)
    units = world.units
    prices = fleet.offer_prices(units, seed=seed, day=(operating_day - ONE_DAY).toordinal())
    mean = np.bincount(units.step_unit, prices * units.step_mw, len(units)) / np.maximum(units.capacity_mw, 1e-9)
    hydro = np.array([one is Technology.HYDRO for one in units.technology])
    counted = np.where(units.committed | units.quick, 0.0, np.where(hydro, WATER_SHARE, 1.0))
    free = counted * seen.available_mw
    wanted = float(bought_mw(seen).sum() * (1.0 + LOSS_SHARE) - free.sum()) + dispatch.contingency_mw(world)
    there = units.committed & ~seen.units_out
    order = np.flatnonzero(there)[np.argsort(mean[there], kind="stable")]
    before = np.cumsum(units.capacity_mw[order]) - units.capacity_mw[order]
    running = units.steady.copy()
    running[order[before < wanted]] = True
    return running


def _unit(world: World, at: int, prices: FloatArray, ends: tuple[bool, bool], out: BoolArray) -> Unit:
    """Return a unit that is committed; it keeps the states of both midnights for half of its minimum times."""
    units, traits, count = world.units, TRAITS[world.units.technology[at]], out.size
    capacity, low = float(units.capacity_mw[at]), float(units.min_mw[at])
    run, rest = np.zeros(count, dtype=bool), out.copy()
    for on, begin in ((ends[0], True), (ends[1], False)):
        held = math.ceil((traits.min_up_hours if on else traits.min_down_hours) / 2)
        (run if on else rest)[slice(None, held) if begin else slice(count - held, None)] = True
    if units.steady[at]:
        run[:] = True
    was_on = ends[0] and not out[0]
    return Unit(
        name=units.names[at],
        bus=world.buses[units.bus[at]],
        min_mw=np.full(count, low),
        max_mw=np.full(count, capacity),
        must_run=run & ~rest,
        must_not_run=rest,
        min_up_hours=1.0 if out.any() else traits.min_up_hours,
        min_down_hours=1.0 if out.any() else traits.min_down_hours,
        ramp_up_mw_per_h=float(units.ramp_mw[at]) * times.HOUR_S / times.STEP_S,
        ramp_down_mw_per_h=float(units.ramp_mw[at]) * times.HOUR_S / times.STEP_S,
        start_limit_mw=capacity,
        stop_limit_mw=capacity,
        start_costs=(StartCost(0.0, float(units.start_usd[at])),),
        stop_cost_usd=0.0,
        initial_hours=LONG_AGO_HOURS if was_on else -LONG_AGO_HOURS,
        initial_mw=None,
        costs=(Cost(0.0, 0.0, 0.0, _points(world, at, prices)),),
        reserves=None,
    )


def _points(world: World, at: int, prices: FloatArray) -> tuple[tuple[float, float], ...]:
    """Return a unit's cost at its minimum and at the end of each step above it."""
    units = world.units
    mine = np.flatnonzero(units.step_unit == at)
    power = np.concatenate(([0.0], np.cumsum(units.step_mw[mine])))
    cost = np.concatenate(([0.0], np.cumsum(units.step_mw[mine] * prices[mine])))
    low, high = float(units.min_mw[at]), float(units.capacity_mw[at])
    kept = [low, *(one for one in power.tolist() if low < one < high - 1e-9), high]
    return tuple((mw, float(np.interp(mw, power, cost))) for mw in kept)


def _variable_units(world: World, prices: FloatArray, seen: list[Outlook]) -> tuple[VariableUnit, ...]:
    """Return each offer step of units without commitment, as far as the forecast lets it be filled."""
    units = world.units
    available = np.array([one.available_mw for one in seen])
    begin = np.cumsum(units.step_mw) - units.step_mw
    first = np.searchsorted(units.step_unit, np.arange(len(units)))
    begin = begin - begin[first[units.step_unit]]
    found = []
    for step in np.flatnonzero(~units.committed[units.step_unit]).tolist():
        at = int(units.step_unit[step])
        most = np.clip(available[:, at] - begin[step], 0.0, units.step_mw[step])
        name, bus = f"{units.names[at]} {step}", world.buses[units.bus[at]]
        found.append(VariableUnit(name, bus, np.zeros(len(seen)), most, max(FLOOR_USD_PER_MWH, float(prices[step]))))
    return tuple(found)


def _lines(world: World, rating: FloatArray, lines_out: tuple[int, ...]) -> tuple[Line, ...]:
    branches, susceptance = world.network.branches, world.network.susceptance_mw(BranchModel.MATPOWER)
    beyond = dispatch.OVERLOAD_STEPS[-1].price_usd_per_mwh
    return tuple(
        Line(
            name=branches.name[at],
            from_bus=world.buses[branches.from_bus[at]],
            to_bus=world.buses[branches.to_bus[at]],
            susceptance_mw=float(susceptance[at]),
            limit_mw=float(rating[at]),
            emergency_limit_mw=float(rating[at]),
            beyond_usd_per_mwh=beyond,
        )
        for at in range(len(branches))
        if at not in lines_out
    )
