"""Egret's JSON as a unit commitment case: elements over `system.time_keys`.

Reserves are the `*_requirement` of the system and of areas; a unit may give any. What else a file has (interfaces, fuel
supplies, security constraints, start-up curves) is named in notes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import egret
from powerdesk.grid.commitment_case import (
    ENDLESS,
    MINUTES_PER_HOUR,
    MOST_INTERVALS,
    CommitmentCase,
    Cost,
    Line,
    Outage,
    PricedLoad,
    Reading,
    Reserve,
    StartCost,
    Unit,
    VariableUnit,
)
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from powerdesk.grid.fields import Fields
    from powerdesk.grid.types import FloatArray

READ = frozenset({"bus", "load", "generator", "branch", "contingency", "area", "zone"})
UNUSED = (
    "aux_fuel_capable",
    "fuel_supply",
    "future_status",
    "shutdown_curve",
    "startup_curve",
)
"""Fields of generators that change the problem and have no place in a case."""


def case_of(top: Fields, *, file: str) -> Reading:
    """Return the case of a document; faults go to its findings."""
    elements, system = top.inner("elements"), top.inner("system")
    keys = system.held.get("time_keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= MOST_INTERVALS:
        allowed = f"a list of 1 to {MOST_INTERVALS}"
        system.fault("time_keys", "no intervals", allowed, "give the intervals, or read the file as a network")
        keys = [None]
    count = len(keys)
    generators = [(name, one) for name, one in elements.elements("generator") if one.flag("in_service", default=True)]
    buses = [name for name, _ in elements.elements("bus")]
    variable = {name for name, one in generators if one.text("generator_type") == "renewable"}
    case = CommitmentCase(
        name=file,
        hours=system.number("time_period_length_minutes", MINUTES_PER_HOUR, low=1.0) / MINUTES_PER_HOUR,
        buses=tuple(buses),
        load_mw=_load(elements, buses, count),
        units=tuple(_unit(one, name, count) for name, one in generators if name not in variable),
        variable_units=tuple(_variable(one, name, count) for name, one in generators if name in variable),
        priced_loads=_priced_loads(elements, count),
        reserves=_reserves(elements, system, count),
        lines=_lines(elements, system),
        outages=tuple(
            Outage(name, (one.text("branch_contingency"),)) for name, one in elements.elements("contingency")
        ),
        shortfall_usd_per_mwh=system.number("load_mismatch_cost", ENDLESS, low=0.0),
    )
    return Reading(case, _notes(elements, generators, file))


def _notes(elements: Fields, generators: list[tuple[str, Fields]], file: str) -> tuple[Finding, ...]:
    unread = sorted(kind for kind, held in elements.held.items() if held and kind not in READ)
    unread += [f"generator {name}" for name in UNUSED if any(one.held.get(name) for _, one in generators)]
    out = [name for name, one in elements.elements("generator") if not one.flag("in_service", default=True)]
    unread += [f"generator {name}, out of service" for name in out]
    return tuple(Finding(f"{file}: {one[:80]}", "data", "not used", "nothing to do") for one in unread)


def _load(elements: Fields, buses: list[str], count: int) -> FloatArray:
    """Return demand at any price by interval and bus (count, n_bus)."""
    position = {name: at for at, name in enumerate(buses)}
    load = np.zeros((count, len(buses)))
    for _, one in elements.elements("load"):
        bus = one.text("bus")
        if bus not in position:
            one.fault("bus", repr(bus[:60]), "a bus of elements.bus", "correct the name or add the bus")
        elif one.flag("in_service", default=True) and not one.has("p_price"):
            load[:, position[bus]] += one.series("p_load", count)
    return load


def _priced_loads(elements: Fields, count: int) -> tuple[PricedLoad, ...]:
    return tuple(
        PricedLoad(name, one.text("bus"), one.series("p_load", count, low=0.0), one.series("p_price", count))
        for name, one in elements.elements("load")
        if one.has("p_price") and one.flag("in_service", default=True)
    )


def _reserves(elements: Fields, system: Fields, count: int) -> tuple[Reserve, ...]:
    """Return requirements of the system by kind, and of areas as `AREA kind`."""
    found = []
    for before, one in [("", system), *((f"{name} ", one) for name, one in elements.elements("area"))]:
        for field in sorted(one.held):
            if field.endswith("_requirement"):
                kind = field.removesuffix("_requirement")
                penalty = system.number("reserve_shortfall_cost", ENDLESS, low=0.0)
                found.append(Reserve(before + kind, kind, one.series(field, count, low=0.0), penalty))
    return tuple(found)


def _lines(elements: Fields, system: Fields) -> tuple[Line, ...]:
    branches = [(name, one) for name, one in elements.elements("branch") if one.flag("in_service", default=True)]
    base_mva = system.number("baseMVA", low=1e-6) if branches else 1.0
    return tuple(_line(one, name, base_mva) for name, one in branches)


def _line(one: Fields, name: str, base_mva: float) -> Line:
    reactance = one.number("reactance")
    if reactance == 0.0:
        one.fault("reactance", "0", "other than 0", "give the reactance, or merge the two buses")
        reactance = float("nan")
    limit = one.number("rating_long_term", 0.0, low=0.0) or ENDLESS
    return Line(
        name=name,
        from_bus=one.text("from_bus"),
        to_bus=one.text("to_bus"),
        susceptance_mw=base_mva / (reactance * (one.number("transformer_tap_ratio", 1.0) or 1.0)),
        limit_mw=limit,
        emergency_limit_mw=one.number("rating_emergency", 0.0, low=0.0) or limit,
        beyond_usd_per_mwh=one.number("violation_penalty", ENDLESS, low=0.0),
    )


def _variable(one: Fields, name: str, count: int) -> VariableUnit:
    cost = egret.cost_of(one)
    if cost[0][0] or cost[0][2] or cost[1]:
        one.fault("p_cost", "a cost that is not linear", "USD/MWh", "give one number")
    return VariableUnit(
        name=name,
        bus=one.text("bus"),
        min_mw=one.series("p_min", count, 0.0),
        max_mw=one.series("p_max", count),
        linear_usd_per_mwh=cost[0][1],
    )


def _unit(one: Fields, name: str, count: int) -> Unit:
    must, never = one.states("fixed_commitment", count)
    held = one.held.get("p_cost")
    by_interval = isinstance(held, dict) and held.get("data_type") == "time_series"
    return Unit(
        name=name,
        bus=one.text("bus"),
        min_mw=one.series("p_min", count, 0.0),
        max_mw=one.series("p_max", count),
        must_run=must | (one.states("must_run", count)[0] & ~never),
        must_not_run=never,
        min_up_hours=one.number("min_up_time", 0.0, low=0.0),
        min_down_hours=one.number("min_down_time", 0.0, low=0.0),
        ramp_up_mw_per_h=one.number("ramp_up_60min", ENDLESS, low=0.0),
        ramp_down_mw_per_h=one.number("ramp_down_60min", ENDLESS, low=0.0),
        start_limit_mw=one.number("startup_capacity", ENDLESS, low=0.0),
        stop_limit_mw=one.number("shutdown_capacity", ENDLESS, low=0.0),
        start_costs=_starts(one),
        stop_cost_usd=one.number("shutdown_cost", 0.0),
        initial_hours=one.number("initial_status") if one.has("initial_status") else None,
        initial_mw=one.number("initial_p_output", low=0.0) if one.has("initial_p_output") else None,
        costs=tuple(
            Cost(*line, points) for line, points in (_costs(one, count) if by_interval else (egret.cost_of(one),))
        ),
        reserves=None,
    )


def _costs(one: Fields, count: int) -> tuple[egret.Cost, ...]:
    """Return a cost for each interval, stopping at the first that is at fault."""
    found: list[egret.Cost] = []
    before = len(one.findings)
    while len(found) < count and len(one.findings) == before:
        found.append(egret.cost_of(one.at(len(found))))
    return tuple(found)


def _starts(one: Fields) -> tuple[StartCost, ...]:
    """Return start costs: pairs of hours and USD, one number, or fuel at its price and what is not fuel."""
    if isinstance(one.held.get("startup_cost"), list):
        return tuple(StartCost(hours, usd) for hours, usd in one.points("startup_cost"))
    if one.has("startup_cost"):
        return (StartCost(0.0, one.number("startup_cost")),)
    if not one.has("startup_fuel"):
        return ()
    price, other = one.number("fuel_cost"), one.number("non_fuel_startup_cost", 0.0)
    return tuple(StartCost(hours, fuel * price + other) for hours, fuel in one.points("startup_fuel"))
