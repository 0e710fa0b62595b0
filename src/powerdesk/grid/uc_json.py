"""Unit commitment cases of pglib-uc, UnitCommitment.jl and Egret, told from each other by their content.

Formats: power-grid-lib/pglib-uc `README.md` (one bus, hours); ANL-CEEESA/UnitCommitment.jl 0.3 "Data Format", whose
susceptance is MW per degree; Egret's in `grid.egret_uc`.
"""

from __future__ import annotations

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

HOUR_TOLERANCE = 1e-6
DEGREES_PER_RADIAN = 180.0 / np.pi
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
    profiled = {name for name, one in units if one.text("Type", "Thermal") == "Profiled"}
    case = CommitmentCase(
        name=file,
        hours=hours,
        buses=tuple(name for name, _ in buses),
        load_mw=np.array(load).reshape(len(buses), count).T,
        units=tuple(_julia_unit(one, count, name) for name, one in units if name not in profiled),
        variable_units=tuple(_julia_profiled(one, count, name) for name, one in units if name in profiled),
        priced_loads=tuple(_julia_load(one, count, name) for name, one in top.elements("Price-sensitive loads")),
        reserves=tuple(_julia_reserve(one, count, name) for name, one in top.elements("Reserves")),
        lines=tuple(_julia_line(one, name) for name, one in top.elements("Transmission lines")),
        outages=tuple(Outage(name, one.words("Affected lines")) for name, one in top.elements("Contingencies")),
        shortfall_usd_per_mwh=_penalty(asked, "Power balance penalty ($/MW)"),
    )
    unread = sorted(set(top.held) - READ)
    return Reading(case, tuple(Finding(f"{file}: {one[:60]}", "data", "not used", "nothing to do") for one in unread))


def _horizon(asked: Fields) -> tuple[float, int]:
    """Return the length of an interval in hours, and how many there are; one of an hour where the file is at fault."""
    hours = asked.number("Time step (min)", MINUTES_PER_HOUR, low=1.0, high=1440.0) / MINUTES_PER_HOUR
    horizon = asked.number("Time horizon (h)" if asked.has("Time horizon (h)") else "Time (h)", low=1.0)
    if not np.isfinite([hours, horizon]).all():
        return 1.0, 1
    count = round(horizon / hours)
    if not (1 <= count <= MOST_INTERVALS and abs(count * hours - horizon) < HOUR_TOLERANCE):
        found, allowed = f"{horizon:g} h in steps of {hours:g} h", f"1 to {MOST_INTERVALS} whole steps"
        asked.fault("Time horizon (h)", found, allowed, "correct the horizon")
        return 1.0, 1
    return hours, count


def _julia_profiled(one: Fields, count: int, name: str) -> VariableUnit:
    return VariableUnit(
        name=name,
        bus=one.text("Bus"),
        min_mw=one.series("Minimum power (MW)", count, 0.0),
        max_mw=one.series("Maximum power (MW)", count),
        linear_usd_per_mwh=one.number("Cost ($/MW)", 0.0),
    )


def _julia_load(one: Fields, count: int, name: str) -> PricedLoad:
    return PricedLoad(
        name=name,
        bus=one.text("Bus"),
        max_mw=one.series("Demand (MW)", count, low=0.0),
        value_usd_per_mwh=one.series("Revenue ($/MW)", count),
    )


def _julia_reserve(one: Fields, count: int, name: str) -> Reserve:
    return Reserve(
        name=name,
        kind=one.text("Type").lower(),
        requirement_mw=one.series("Amount (MW)", count, low=0.0),
        shortfall_usd_per_mwh=_penalty(one, "Shortfall penalty ($/MW)"),
    )


def _penalty(one: Fields, name: str) -> float:
    """Return a penalty; the format's -1, or none, is infinite."""
    value = one.number(name, -1.0)
    return ENDLESS if value < 0.0 else value


def _julia_line(one: Fields, name: str) -> Line:
    limit = _limit(one, "Normal flow limit (MW)")
    return Line(
        name=name,
        from_bus=one.text("Source bus"),
        to_bus=one.text("Target bus"),
        susceptance_mw=one.number("Susceptance (S)") * DEGREES_PER_RADIAN,
        limit_mw=limit,
        emergency_limit_mw=_limit(one, "Emergency flow limit (MW)") if one.has("Emergency flow limit (MW)") else limit,
        beyond_usd_per_mwh=one.number("Flow limit penalty ($/MW)", 5000.0),  # the format's default
    )


def _limit(one: Fields, name: str) -> float:
    return one.number(name, low=0.0) if one.has(name) else ENDLESS


def _julia_unit(one: Fields, count: int, name: str) -> Unit:
    power, cost = one.list_of_numbers("Production cost curve (MW)"), one.list_of_numbers("Production cost curve ($)")
    delays, starts = one.list_of_numbers("Startup delays (h)"), one.list_of_numbers("Startup costs ($)")
    for first, second, what in ((power, cost, "Production cost curve ($)"), (delays, starts, "Startup costs ($)")):
        if len(first) != len(second):
            one.fault(what, f"{len(second)} numbers", f"{len(first)}, as the other list has", "complete the list")
    if not power:
        one.fault("Production cost curve (MW)", "no points", "one or more", "give the curve")
    must, never = one.states("Commitment status", count)
    return Unit(
        name=name,
        bus=one.text("Bus"),
        min_mw=np.full(count, power[0] if power else np.nan),
        max_mw=np.full(count, power[-1] if power else np.nan),
        must_run=must | one.states("Must run?", count)[0],
        must_not_run=never,
        min_up_hours=one.number("Minimum uptime (h)", 1.0, low=0.0),
        min_down_hours=one.number("Minimum downtime (h)", 1.0, low=0.0),
        ramp_up_mw_per_h=_limit(one, "Ramp up limit (MW)"),
        ramp_down_mw_per_h=_limit(one, "Ramp down limit (MW)"),
        start_limit_mw=_limit(one, "Startup limit (MW)"),
        stop_limit_mw=_limit(one, "Shutdown limit (MW)"),
        start_costs=tuple(StartCost(hours, usd) for hours, usd in zip(delays, starts, strict=False)),
        stop_cost_usd=0.0,
        initial_hours=one.number("Initial status (h)") if one.has("Initial status (h)") else None,
        initial_mw=one.number("Initial power (MW)", low=0.0) if one.has("Initial power (MW)") else None,
        costs=(Cost(0.0, 0.0, 0.0, tuple(zip(power, cost, strict=False))),),
        reserves=one.words("Reserve eligibility"),
    )
