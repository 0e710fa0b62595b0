"""Unit commitment cases of pglib-uc, UnitCommitment.jl and Egret, told from each other by their content.

Formats: power-grid-lib/pglib-uc `README.md` (one bus, hours); ANL-CEEESA/UnitCommitment.jl 0.2 to 0.4 "Data Format",
whose susceptance is MW per degree and whose costs, penalties and ramps are those of a time step; Egret's in
`grid.egret_uc`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import commitment_case, egret_uc, fields
from powerdesk.grid.commitment_case import (
    ENDLESS,
    MINUTES_PER_HOUR,
    MOST_INTERVALS,
    ONE_BUS,
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

HOUR_TOLERANCE = 1e-6
DEGREES_PER_RADIAN = 180.0 / np.pi
BALANCE_PENALTY, LINE_PENALTY = 1000.0, 5000.0
"""UnitCommitment.jl's defaults in USD for a MW and time step."""

OLD_RESERVE, OLD_ELIGIBILITY, MIGRATED = "Spinning (MW)", "Provides spinning reserves?", "r1"
"""How version 0.2 writes the one reserve it has, and how UnitCommitment.jl names it when it reads such a file."""

READ = frozenset(
    {"Parameters", "Generators", "Buses", "Transmission lines", "Contingencies", "Price-sensitive loads", "Reserves"}
)


def read(data: bytes, *, file: str) -> Reading:
    """Return the case of a file, plain or gzip; raises NetworkError with all faults found."""
    return of(fields.document(data, file=file), file=file)


def of(top: Fields, *, file: str) -> Reading:
    """Return the case of a document; raises NetworkError with all faults found."""
    readers = {"thermal_generators": _pglib, "Generators": _julia, "elements": egret_uc.case_of}
    named = [key for key in readers if key in top.held]
    if not named:
        top.fault("", "no unit commitment", f"one of {', '.join(readers)}", "give a file of a known format")
    fields.refuse(top.findings, file=file)
    reading = readers[named[0]](top, file=file)
    fields.refuse(top.findings, file=file)
    fields.refuse(list(commitment_case.faults(reading.case, file=file)), file=file)
    return reading


def _pglib(top: Fields, *, file: str) -> Reading:
    count = top.whole("time_periods", low=1, high=MOST_INTERVALS)
    units = tuple(_pglib_unit(one, count, name) for name, one in top.elements("thermal_generators"))
    case = CommitmentCase(
        name=file,
        hours=1.0,
        buses=(ONE_BUS,),
        load_mw=top.series("demand", count)[:, None],
        units=units,
        variable_units=tuple(
            VariableUnit(
                name=name,
                bus=ONE_BUS,
                min_mw=one.series("power_output_minimum", count),
                max_mw=one.series("power_output_maximum", count),
                linear_usd_per_mwh=0.0,
            )
            for name, one in top.elements("renewable_generators")
        ),
        priced_loads=(),
        reserves=(Reserve("spinning", "spinning", top.series("reserves", count, 0.0, low=0.0), ENDLESS),),
        lines=(),
        outages=(),
        shortfall_usd_per_mwh=ENDLESS,
    )
    return Reading(case, ())


def _pglib_unit(one: Fields, count: int, name: str) -> Unit:
    on = one.flag("unit_on_t0", default=False)
    points = one.rows("piecewise_production")
    least = one.number("power_output_minimum", low=0.0)
    rise, fall = one.number("ramp_up_limit", low=0.0), one.number("ramp_down_limit", low=0.0)
    return Unit(
        name=name,
        bus=ONE_BUS,
        min_mw=one.series("power_output_minimum", count, low=0.0),
        max_mw=one.series("power_output_maximum", count, low=0.0),
        must_run=np.full(count, one.flag("must_run", default=False)),
        must_not_run=np.zeros(count, dtype=bool),
        min_up_hours=one.number("time_up_minimum", low=0.0),
        min_down_hours=one.number("time_down_minimum", low=0.0),
        ramp_up_mw_per_h=rise,
        ramp_down_mw_per_h=fall,
        start_limit_mw=min(one.number("ramp_startup_limit", low=0.0), least + rise),  # its ramps hold at starts too
        stop_limit_mw=min(one.number("ramp_shutdown_limit", low=0.0), least + fall),
        start_costs=tuple(StartCost(row.number("lag", low=0.0), row.number("cost")) for row in one.rows("startup")),
        stop_cost_usd=0.0,
        initial_hours=one.number("time_up_t0", low=0.0) if on else -one.number("time_down_t0", low=0.0),
        initial_mw=one.number("power_output_t0", low=0.0),
        costs=(Cost(0.0, 0.0, 0.0, tuple((row.number("mw"), row.number("cost")) for row in points)),),
        reserves=None,
    )


def _julia(top: Fields, *, file: str) -> Reading:
    asked = top.inner("Parameters")
    hours, count = _horizon(asked)
    buses = list(top.elements("Buses"))
    load = [one.series("Load (MW)", count) for _, one in buses]
    units = list(top.elements("Generators"))
    is_old = top.inner("Reserves").has(OLD_RESERVE)
    profiled = {name for name, one in units if one.text("Type", "Thermal").lower() == "profiled"}
    case = CommitmentCase(
        name=file,
        hours=hours,
        buses=tuple(name for name, _ in buses),
        load_mw=np.array(load).reshape(len(buses), count).T,
        units=tuple(
            _reserving_as_before(unit, one, count) if is_old else unit
            for name, one in units
            if name not in profiled
            for unit in [_julia_unit(one, count, name, hours)]
        ),
        variable_units=tuple(_julia_profiled(one, count, name, hours) for name, one in units if name in profiled),
        priced_loads=tuple(_julia_load(one, count, name, hours) for name, one in top.elements("Price-sensitive loads")),
        reserves=_julia_reserves(top, count, hours),
        lines=tuple(_julia_line(one, name, hours) for name, one in top.elements("Transmission lines")),
        outages=tuple(Outage(name, one.words("Affected lines")) for name, one in top.elements("Contingencies")),
        shortfall_usd_per_mwh=_penalty(asked, "Power balance penalty ($/MW)", BALANCE_PENALTY) / hours,
    )
    if top.has("Branches"):
        allowed = "Transmission lines with susceptances: versions 0.2 to 0.4"
        top.fault("Branches", "impedances in per unit", allowed, "write the file in an earlier version")
    unread = sorted(set(top.held) - READ)
    return Reading(case, tuple(Finding(f"{file}: {one[:60]}", "data", "not used", "nothing to do") for one in unread))


def _horizon(asked: Fields) -> tuple[float, int]:
    """Return the length of an interval in hours, and how many there are; one of an hour where the file is at fault."""
    hours = asked.number("Time step (min)", MINUTES_PER_HOUR, low=1.0, high=1440.0) / MINUTES_PER_HOUR
    if asked.has("Time horizon (min)"):
        horizon = asked.number("Time horizon (min)", low=1.0) / MINUTES_PER_HOUR
    else:
        horizon = asked.number("Time horizon (h)" if asked.has("Time horizon (h)") else "Time (h)", low=1.0)
    if not np.isfinite([hours, horizon]).all():
        return 1.0, 1
    count = round(horizon / hours)
    if not (1 <= count <= MOST_INTERVALS and abs(count * hours - horizon) < HOUR_TOLERANCE):
        found, allowed = f"{horizon:g} h in steps of {hours:g} h", f"1 to {MOST_INTERVALS} whole steps"
        asked.fault("Time horizon (h)", found, allowed, "correct the horizon")
        return 1.0, 1
    return hours, count


def _julia_profiled(one: Fields, count: int, name: str, hours: float) -> VariableUnit:
    return VariableUnit(
        name=name,
        bus=one.text("Bus"),
        min_mw=one.series("Minimum power (MW)", count, 0.0),
        max_mw=one.series("Maximum power (MW)", count),
        linear_usd_per_mwh=_steady(one, "Cost ($/MW)", 0.0) / hours,
    )


def _julia_load(one: Fields, count: int, name: str, hours: float) -> PricedLoad:
    return PricedLoad(
        name=name,
        bus=one.text("Bus"),
        max_mw=one.series("Demand (MW)", count, low=0.0),
        value_usd_per_mwh=one.series("Revenue ($/MW)", count) / hours,
    )


def _julia_reserves(top: Fields, count: int, hours: float) -> tuple[Reserve, ...]:
    held = top.inner("Reserves")
    if held.has(OLD_RESERVE):
        shortfall = _penalty(top.inner("Parameters"), "Reserve shortfall penalty ($/MW)", -1.0) / hours
        return (Reserve(MIGRATED, "spinning", held.series(OLD_RESERVE, count, low=0.0), shortfall),)
    return tuple(
        Reserve(
            name=name,
            kind=one.text("Type").lower(),
            requirement_mw=one.series("Amount (MW)", count, low=0.0),
            shortfall_usd_per_mwh=_penalty(one, "Shortfall penalty ($/MW)", -1.0) / hours,
        )
        for name, one in top.elements("Reserves")
    )


def _reserving_as_before(unit: Unit, one: Fields, count: int) -> Unit:
    """Return a unit of a file of version 0.2, where each reserves unless the file says otherwise."""
    _, never = one.states(OLD_ELIGIBILITY, count)
    return replace(unit, reserves=() if never.any() else (MIGRATED,))


def _penalty(one: Fields, name: str, default: float) -> float:
    """Return a penalty; one below 0 is infinite."""
    value = _steady(one, name, default)
    return ENDLESS if value < 0.0 else value


def _steady(one: Fields, name: str, default: float, *, low: float = -np.inf) -> float:
    """Return a number that holds in every interval; a series that changes is a fault."""
    held = one.held.get(name)
    if isinstance(held, list) and any(value != held[0] for value in held):
        one.fault(name, f"{len(held)} values that differ", "one for all intervals", "give one number")
    return one.number(name, default, low=low)


def _julia_line(one: Fields, name: str, hours: float) -> Line:
    return Line(
        name=name,
        from_bus=one.text("Source bus"),
        to_bus=one.text("Target bus"),
        susceptance_mw=one.number("Susceptance (S)") * DEGREES_PER_RADIAN,
        limit_mw=_steady(one, "Normal flow limit (MW)", ENDLESS, low=0.0),
        emergency_limit_mw=_steady(one, "Emergency flow limit (MW)", ENDLESS, low=0.0),
        beyond_usd_per_mwh=_steady(one, "Flow limit penalty ($/MW)", LINE_PENALTY) / hours,
    )


def _limit(one: Fields, name: str) -> float:
    return one.number(name, low=0.0) if one.has(name) else ENDLESS


def _curve(one: Fields, name: str, count: int) -> FloatArray:
    """Return the points of a curve (n_point, count): each is a number, or one for each interval."""
    held = one.held.get(name)
    points = held if isinstance(held, list) else []
    if not points:
        one.fault(name, "no points", "one or more", "give the curve")
    inner = replace(one, held={f"{name}[{at}]": point for at, point in enumerate(points)})
    return np.array([inner.series(point, count) for point in inner.held]).reshape(len(points), count)


def _julia_unit(one: Fields, count: int, name: str, hours: float) -> Unit:
    power, cost = (_curve(one, f"Production cost curve ({unit})", count) for unit in ("MW", "$"))
    delays, starts = one.list_of_numbers("Startup delays (h)"), one.list_of_numbers("Startup costs ($)")
    for first, second, what in ((power, cost, "Production cost curve ($)"), (delays, starts, "Startup costs ($)")):
        if len(first) != len(second):
            one.fault(what, f"{len(second)} numbers", f"{len(first)}, as the other list has", "complete the list")
    changes = bool(power.size and cost.size) and bool((power != power[:, :1]).any() or (cost != cost[:, :1]).any())
    must, never = one.states("Commitment status", count)
    return Unit(
        name=name,
        bus=one.text("Bus"),
        min_mw=power[0] if len(power) else np.full(count, np.nan),
        max_mw=power[-1] if len(power) else np.full(count, np.nan),
        must_run=must | one.states("Must run?", count)[0],
        must_not_run=never,
        min_up_hours=one.number("Minimum uptime (h)", 1.0, low=0.0),
        min_down_hours=one.number("Minimum downtime (h)", 1.0, low=0.0),
        ramp_up_mw_per_h=_limit(one, "Ramp up limit (MW)") / hours,
        ramp_down_mw_per_h=_limit(one, "Ramp down limit (MW)") / hours,
        start_limit_mw=_limit(one, "Startup limit (MW)"),
        stop_limit_mw=_limit(one, "Shutdown limit (MW)"),
        start_costs=tuple(StartCost(after, usd) for after, usd in zip(delays, starts, strict=False)),
        stop_cost_usd=one.number("Shutdown cost ($)", 0.0),
        initial_hours=one.number("Initial status (h)") if one.has("Initial status (h)") else None,
        initial_mw=one.number("Initial power (MW)", low=0.0) if one.has("Initial power (MW)") else None,
        costs=tuple(
            Cost(0.0, 0.0, 0.0, tuple(zip(power[:, at].tolist(), (cost[:, at] / hours).tolist(), strict=False)))
            for at in range(count if changes else 1)
        ),
        reserves=one.words("Reserve eligibility"),
    )
