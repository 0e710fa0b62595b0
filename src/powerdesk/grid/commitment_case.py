"""The data of a unit commitment problem: units, demand, reserves and lines over a run of intervals.

Powers are (n,) by interval unless a single number; hours are hours whatever the interval's length. What no file limits
is infinite; what it does not say of the start is None.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.grid.types import BoolArray, FloatArray

MOST_INTERVALS = 10_000
"""More than a year of hours; a file that says more is mistaken."""

ENDLESS = float("inf")
"""What no file limits, and a price at which nothing is bought off."""

MINUTES_PER_HOUR = 60.0

ONE_BUS = "system"
"""The bus of formats without a network."""


@dataclass(frozen=True, slots=True)
class Cost:
    """USD/h at p MW: constant + linear p + quadratic p^2, or the line through `points` (MW, USD/h) where there are any.

    The cost of running at minimum is in it; prices may fall, for a commitment decides.
    """

    constant_usd_per_h: float
    linear_usd_per_mwh: float
    quadratic_usd_per_mw2h: float
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class StartCost:
    """What a start costs after at least so many hours off."""

    after_hours_off: float
    cost_usd: float


@dataclass(frozen=True, eq=False, slots=True)
class Unit:
    """A unit that is committed. `initial_hours`: on for so long before the first interval, off where negative.

    `costs` has one element, or one for each interval; `reserves` names the products it may give, None for all.
    """

    name: str
    bus: str
    min_mw: FloatArray
    max_mw: FloatArray
    must_run: BoolArray
    must_not_run: BoolArray
    min_up_hours: float
    min_down_hours: float
    ramp_up_mw_per_h: float
    ramp_down_mw_per_h: float
    start_limit_mw: float
    stop_limit_mw: float
    start_costs: tuple[StartCost, ...]
    stop_cost_usd: float
    initial_hours: float | None
    initial_mw: float | None
    costs: tuple[Cost, ...]
    reserves: tuple[str, ...] | None


@dataclass(frozen=True, eq=False, slots=True)
class VariableUnit:
    """A unit without commitment, wind or sun: anything between its limits at a linear cost."""

    name: str
    bus: str
    min_mw: FloatArray
    max_mw: FloatArray
    linear_usd_per_mwh: float


@dataclass(frozen=True, eq=False, slots=True)
class PricedLoad:
    """A load that is served up to `max_mw` where the price is at most its value."""

    name: str
    bus: str
    max_mw: FloatArray
    value_usd_per_mwh: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Reserve:
    """A requirement, and what a MW short for an hour costs; infinite: it must be met."""

    name: str
    kind: str
    requirement_mw: FloatArray
    shortfall_usd_per_mwh: float


@dataclass(frozen=True, slots=True)
class Line:
    """A branch by its susceptance in MW per radian, its limits, and what a MW beyond them costs for an hour."""

    name: str
    from_bus: str
    to_bus: str
    susceptance_mw: float
    limit_mw: float
    emergency_limit_mw: float
    beyond_usd_per_mwh: float


@dataclass(frozen=True, slots=True)
class Link:
    """A line whose flow is chosen, such as a direct-current one, without losses."""

    name: str
    from_bus: str
    to_bus: str
    min_mw: float
    max_mw: float


@dataclass(frozen=True, slots=True)
class Outage:
    """A contingency: lines by name that go out together."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class CommitmentCase:
    """A unit commitment problem of n intervals of `hours`; `load_mw` is (n, n_bus) and positive where it withdraws.

    `shortfall_usd_per_mwh` is what a MWh of demand not served costs; infinite: it must be served.
    """

    name: str
    hours: float
    buses: tuple[str, ...]
    load_mw: FloatArray
    units: tuple[Unit, ...]
    variable_units: tuple[VariableUnit, ...]
    priced_loads: tuple[PricedLoad, ...]
    reserves: tuple[Reserve, ...]
    lines: tuple[Line, ...]
    outages: tuple[Outage, ...]
    shortfall_usd_per_mwh: float
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Reading:
    """A case read from a file, and notes on what the file holds and the case does not."""

    case: CommitmentCase
    notes: tuple[Finding, ...]


def faults(case: CommitmentCase, *, file: str) -> tuple[Finding, ...]:
    """Return every fault of a case whose single fields are sound."""
    return (*_reference_faults(case, file), *_unit_faults(case, file))


def _reference_faults(case: CommitmentCase, file: str) -> Iterator[Finding]:
    """Yield names of buses, lines and reserves that are nowhere else."""
    buses, lines, products = set(case.buses), {one.name for one in case.lines}, {one.name for one in case.reserves}
    placed: tuple[Unit | VariableUnit | PricedLoad, ...] = (*case.units, *case.variable_units, *case.priced_loads)
    for held in placed:
        if held.bus not in buses:
            yield Finding(f"{file}: {held.name}", f"bus {held.bus[:60]!r}", "a bus of the case", "correct the name")
    joining: tuple[Line | Link, ...] = (*case.lines, *case.links)
    for line in joining:
        for bus in {line.from_bus, line.to_bus} - buses:
            yield Finding(f"{file}: {line.name}", f"bus {bus[:60]!r}", "a bus of the case", "correct the name")
    for outage in case.outages:
        for name in set(outage.lines) - lines:
            yield Finding(f"{file}: {outage.name}", f"line {name[:60]!r}", "a line of the case", "correct the name")
    for unit in case.units:
        for name in set(unit.reserves or ()) - products:
            yield Finding(f"{file}: {unit.name}", f"reserve {name[:60]!r}", "one of the case", "correct the name")


def _unit_faults(case: CommitmentCase, file: str) -> Iterator[Finding]:
    limited: tuple[Unit | VariableUnit, ...] = (*case.units, *case.variable_units)
    for one in limited:
        crossed = np.flatnonzero(one.min_mw > one.max_mw)
        if crossed.size:
            at = int(crossed[0])
            found = f"minimum {one.min_mw[at]:g} above maximum {one.max_mw[at]:g} MW in interval {at}"
            yield Finding(f"{file}: {one.name}", found, "minimum <= maximum", "swap or correct them")
    for unit in case.units:
        place = f"{file}: {unit.name}"
        for cost in unit.costs:
            power = [mw for mw, _ in cost.points]
            if power and any(later < earlier for earlier, later in itertools.pairwise(power)):
                yield Finding(place, "cost points whose power falls", "rising points", "sort the points")
        hours = [start.after_hours_off for start in unit.start_costs]
        if hours != sorted(hours):
            yield Finding(place, f"start costs after {hours} hours", "rising hours", "sort the start costs")
        if (unit.must_run & unit.must_not_run).any():
            yield Finding(place, "must run and must not run", "one of them", "correct the commitment")
