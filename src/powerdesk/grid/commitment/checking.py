"""A plan walked from the data alone: whether it keeps every limit, and what it costs.

Nothing of the programme that found the plan is used: states are followed interval by interval as the case tells them,
costs are the case's own curves (quadratic where they are), and flows are made from angles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.commitment import fleet as fleets
from powerdesk.grid.commitment.flows import NO_OUTAGE
from powerdesk.grid.commitment.formulation import DOWN
from powerdesk.grid.commitment.plan import Costs
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.grid.commitment.flows import Flows
    from powerdesk.grid.commitment.plan import Dispatch
    from powerdesk.grid.commitment_case import CommitmentCase, Unit
    from powerdesk.grid.types import BoolArray, FloatArray

TOLERANCE_MW = 1e-3
"""What a balance or limit may miss: HiGHS keeps rows to 1e-7, a hundred of which make a balance."""


def faults(case: CommitmentCase, *, on: BoolArray, dispatch: Dispatch, flows: Flows | None) -> tuple[Finding, ...]:
    """Return every limit that a plan breaks, with interval and element."""
    found: list[Finding] = []
    for at, unit in enumerate(case.units):
        found += _state_faults(case, unit, on[:, at])
        found += _output_faults(case, unit, on[:, at], dispatch.power_mw[:, at], dispatch.reserve_mw[:, at])
    found += _range_faults(case, dispatch)
    found += _balance_faults(case, dispatch, flows)
    found += _requirement_faults(case, dispatch)
    if flows is not None:
        found += _flow_faults(case, dispatch, flows)
    return tuple(found)


def costs(case: CommitmentCase, *, on: BoolArray, dispatch: Dispatch, flows: Flows | None) -> Costs:
    """Return what a plan costs, from the case's own curves."""
    hours = case.hours
    running = starting = stopping = 0.0
    for at, unit in enumerate(case.units):
        power = dispatch.power_mw[:, at]
        for curve, cost in enumerate(unit.costs):
            here = on[:, at] if len(unit.costs) == 1 else on[:, at] & (np.arange(on.shape[0]) == curve)
            running += hours * float(fleets.usd_per_h(cost, power[here]).sum())
        for _, length, starts in _runs(case, unit, on[:, at]):
            if starts:
                starting += float(fleets.start_usd(unit, np.array([np.inf if length is None else length]))[0])
        stopping += unit.stop_cost_usd * int(_stops(unit, on[:, at]).sum())
    variable = sum(
        one.linear_usd_per_mwh * hours * float(dispatch.variable_mw[:, at].sum())
        for at, one in enumerate(case.variable_units)
    )
    value = sum(
        hours * float(one.value_usd_per_mwh @ dispatch.served_mw[:, at]) for at, one in enumerate(case.priced_loads)
    )
    shed = float(dispatch.shed_mw.sum())
    short = [(one.shortfall_usd_per_mwh, float(dispatch.short_mw[:, at].sum())) for at, one in enumerate(case.reserves)]
    return Costs(
        running=running,
        starting=starting,
        stopping=stopping,
        variable=variable,
        served_value=value,
        shed=case.shortfall_usd_per_mwh * hours * shed if shed > 0.0 else 0.0,
        short=sum(price * hours * amount for price, amount in short if amount > 0.0),
        beyond_limits=0.0 if flows is None else _beyond_usd(case, dispatch, flows),
    )


def states(case: CommitmentCase, *, on: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Return starts and stops (n, n_unit) of states; nothing of an unknown state before the first interval."""
    before = np.array([[(one.initial_hours or 0.0) > 0.0 for one in case.units]], bool).reshape(1, len(case.units))
    known = np.array([one.initial_hours is not None for one in case.units], bool)
    held = np.vstack((np.where(known[None, :], before, on[:1]), on))
    return held[1:] & ~held[:-1], held[:-1] & ~held[1:]


def injection_mw(case: CommitmentCase, *, dispatch: Dispatch) -> FloatArray:
    """Return what enters each bus less what leaves it (n, n_bus)."""
    position = {name: at for at, name in enumerate(case.buses)}
    net: FloatArray = dispatch.shed_mw - case.load_mw
    for elements, power, sign, end in (
        (case.units, dispatch.power_mw, 1.0, "bus"),
        (case.variable_units, dispatch.variable_mw, 1.0, "bus"),
        (case.priced_loads, dispatch.served_mw, -1.0, "bus"),
        (case.links, dispatch.link_mw, -1.0, "from_bus"),
        (case.links, dispatch.link_mw, 1.0, "to_bus"),
    ):
        home = np.array([position[getattr(one, end)] for one in elements], np.int64)
        np.add.at(net.T, home, sign * power.T)
    return net


def _stops(unit: Unit, on: BoolArray) -> BoolArray:
    before = on[0] if unit.initial_hours is None else unit.initial_hours > 0.0
    held = np.append(before, on)
    return np.asarray(held[:-1] & ~held[1:])


def _runs(case: CommitmentCase, unit: Unit, on: BoolArray) -> Iterator[tuple[int, float | None, bool]]:
    """Yield (first interval, hours in the state before it, whether on) of each change; None hours where unknown."""
    known = unit.initial_hours is not None
    state = bool(on[0]) if unit.initial_hours is None else unit.initial_hours > 0.0
    length = abs(unit.initial_hours) if unit.initial_hours is not None else 0.0
    for t, now in enumerate(on.tolist()):
        if now != state:
            yield t, length if known else None, now
            state, length, known = now, 0.0, True
        length += case.hours


def _state_faults(case: CommitmentCase, unit: Unit, on: BoolArray) -> Iterator[Finding]:
    for t in np.flatnonzero((unit.must_run & ~on) | (unit.must_not_run & on)).tolist():
        yield _finding(unit.name, t, "on" if on[t] else "off", "its order", "keep must-run and must-not-run")
    for t, length, starts in _runs(case, unit, on):
        least = unit.min_down_hours if starts else unit.min_up_hours
        if length is not None and length < least - fleets.WHOLE_TOLERANCE * case.hours:
            word = "down" if starts else "up"
            yield _finding(unit.name, t, f"{length:g} h {word}", f"{least:g} h or more", "change later")


def _output_faults(
    case: CommitmentCase, unit: Unit, on: BoolArray, power: FloatArray, reserve: FloatArray
) -> Iterator[Finding]:
    up_kind = np.array([DOWN not in one.kind for one in case.reserves], bool)
    may = np.array([unit.reserves is None or one.name in unit.reserves for one in case.reserves], bool)
    up, down = reserve[:, up_kind].sum(axis=1), reserve[:, ~up_kind].sum(axis=1)
    state = on.astype(np.float64)
    before_on, before = _before(unit, on, power)
    rise, fall = unit.ramp_up_mw_per_h * case.hours, unit.ramp_down_mw_per_h * case.hours
    start, stop = (np.maximum(one, unit.min_mw) for one in (unit.start_limit_mw, unit.stop_limit_mw))
    last_stop = np.append(np.inf, stop[:-1]) if unit.initial_hours is None else np.append(unit.stop_limit_mw, stop[:-1])
    begins, ends = on & ~before_on, ~on & before_on
    for name, excess in (
        ("above its maximum", power + up - state * unit.max_mw),
        ("below its minimum", state * unit.min_mw - (power - down)),
        ("a reserve below zero or not its own", np.where(may, -reserve, np.abs(reserve)).max(axis=1, initial=0.0)),
        ("above its start limit", np.where(begins, power + up - start, 0.0)),
        ("above its stop limit before it stops", np.where(ends, before + np.append(0.0, up[:-1]) - last_stop, 0.0)),
        ("a ramp up", np.where(on & before_on, power + up - before - rise, 0.0)),
        ("a ramp down", np.where(on & before_on, before - (power - down) - fall, 0.0)),
    ):
        for t in np.flatnonzero(excess > TOLERANCE_MW).tolist():
            yield _finding(unit.name, t, f"{name} by {excess[t]:.6g} MW", "within its limits", "correct the dispatch")


def _before(unit: Unit, on: BoolArray, power: FloatArray) -> tuple[BoolArray, FloatArray]:
    """Return state and output one interval before (n,), NaN output where unknown: comparisons with it are false."""
    first_on = bool(on[0]) if unit.initial_hours is None else unit.initial_hours > 0.0
    known = unit.initial_hours is not None and unit.initial_mw is not None
    first = (unit.initial_mw if known and unit.initial_mw is not None else np.nan) if first_on else 0.0
    return np.append(first_on, on[:-1]), np.append(first, power[:-1])


def _range_faults(case: CommitmentCase, dispatch: Dispatch) -> Iterator[Finding]:
    n = case.load_mw.shape[0]
    ranges: list[tuple[str, FloatArray, FloatArray, FloatArray]] = [
        *(
            (one.name, one.min_mw, one.max_mw, dispatch.variable_mw[:, at])
            for at, one in enumerate(case.variable_units)
        ),
        *((one.name, np.zeros(n), one.max_mw, dispatch.served_mw[:, at]) for at, one in enumerate(case.priced_loads)),
        *(
            (one.name, np.full(n, one.min_mw), np.full(n, one.max_mw), dispatch.link_mw[:, at])
            for at, one in enumerate(case.links)
        ),
    ]
    for name, least, most, power in ranges:
        for t in np.flatnonzero(np.maximum(least - power, power - most) > TOLERANCE_MW).tolist():
            yield _finding(name, t, f"{power[t]:.6g} MW", "within its limits", "correct the dispatch")


def _balance_faults(case: CommitmentCase, dispatch: Dispatch, flows: Flows | None) -> Iterator[Finding]:
    net = injection_mw(case, dispatch=dispatch)
    island = np.zeros(len(case.buses), np.int64) if flows is None else flows.island
    wrong_shed = (dispatch.shed_mw > np.maximum(case.load_mw, 0.0) + TOLERANCE_MW) | (dispatch.shed_mw < -TOLERANCE_MW)
    for one in range(int(island.max(initial=-1)) + 1):
        short = net[:, island == one].sum(axis=1)
        for t in np.flatnonzero(np.abs(short) > TOLERANCE_MW).tolist():
            yield _finding(f"island {one + 1}", t, f"{short[t]:.6g} MW too much", "a balance", "correct the dispatch")
    for t, bus in np.argwhere(wrong_shed).tolist():
        yield _finding(case.buses[bus], t, f"{dispatch.shed_mw[t, bus]:.6g} MW not served", "its load", "correct it")
    if np.isinf(case.shortfall_usd_per_mwh) and dispatch.shed_mw.max(initial=0.0) > TOLERANCE_MW:
        yield Finding(case.name, "demand not served", "none, for it has no price", "correct the dispatch")


def _requirement_faults(case: CommitmentCase, dispatch: Dispatch) -> Iterator[Finding]:
    for at, reserve in enumerate(case.reserves):
        short = dispatch.short_mw[:, at]
        missing = reserve.requirement_mw - dispatch.reserve_mw[:, :, at].sum(axis=1) - short
        if np.isinf(reserve.shortfall_usd_per_mwh):
            missing = np.maximum(missing, short)
        for t in np.flatnonzero(missing > TOLERANCE_MW).tolist():
            yield _finding(reserve.name, t, f"{missing[t]:.6g} MW missing", "the requirement", "correct the awards")


def _flow_faults(case: CommitmentCase, dispatch: Dispatch, flows: Flows) -> Iterator[Finding]:
    for outage, excess in _excesses(case, dispatch, flows):
        hard = np.isinf(flows.beyond)[None, :] & (excess > TOLERANCE_MW)
        word = "" if outage == NO_OUTAGE else f" after {case.outages[outage].name}"
        for t, line in np.argwhere(hard).tolist():
            found = f"{excess[t, line]:.6g} MW beyond its limit{word}"
            yield _finding(case.lines[line].name, t, found, "within it", "correct the dispatch")


def _excesses(case: CommitmentCase, dispatch: Dispatch, flows: Flows) -> Iterator[tuple[int, FloatArray]]:
    base = flows.flows_mw(injection_mw(case, dispatch=dispatch))
    yield NO_OUTAGE, np.maximum(np.abs(base) - flows.limit_mw, 0.0)
    for outage, made in enumerate(flows.outages):
        if made is not None:
            yield outage, np.maximum(np.abs(flows.after_mw(base, outage)) - flows.emergency_mw, 0.0)


def _beyond_usd(case: CommitmentCase, dispatch: Dispatch, flows: Flows) -> float:
    price = np.where(np.isfinite(flows.beyond), flows.beyond, 0.0) * case.hours
    return sum(float((excess @ price).sum()) for _, excess in _excesses(case, dispatch, flows))


def _finding(name: str, interval: int, found: str, allowed: str, remedy: str) -> Finding:
    return Finding(f"{name}, interval {interval}", found, allowed, remedy)
