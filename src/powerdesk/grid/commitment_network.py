"""One interval of a unit commitment case as a network: what a dispatch of that interval is made of.

Which units run is not decided here: one that need not run may give anything from 0 to its maximum at the convex
envelope of its costs and of standing still, the tightest a dispatch can be. Starts, ramps, reserves and contingencies
bind in a commitment only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import checking, fields, network_reading
from powerdesk.grid.commitment_case import Cost
from powerdesk.grid.types import REFERENCE_TYPE, Branches, Buses, Generators, HvdcLines, Network, NetworkError
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from powerdesk.grid import commitment_case
    from powerdesk.grid.commitment_case import CommitmentCase, Line, Link
    from powerdesk.grid.types import IntArray

BASE_MVA = 100.0
"""Only how reactances print: the formats give susceptances in MW."""

Row = tuple[str, str, float, float, bool, Cost]
"""A generator: name, bus, least and most power in MW, whether in service, its cost."""


def of(reading: commitment_case.Reading, *, file: str, interval: int = 0) -> network_reading.Reading:
    """Return the network of an interval, from 0; raises NetworkError for one that is not there, or with all faults."""
    case = reading.case
    count = case.load_mw.shape[0]
    if not 0 <= interval < count:
        raise NetworkError(
            found=f"interval {interval} of {file}", allowed=f"0 to {count - 1}", remedy="give --interval within"
        )
    rows = list(_generators(case, interval))
    place = {"gen": [one[0] for one in rows], "gencost": [one[0] for one in rows]}
    place |= {"bus": list(case.buses), "branch": [one.name for one in case.lines]}
    place["dcline"] = [one.name for one in case.links]
    network = Network(
        name=case.name,
        base_mva=BASE_MVA,
        buses=_buses(case, interval),
        branches=_branches(case),
        generators=_table(case, rows),
        hvdc=_hvdc(case),
    )
    fields.refuse(list(checking.faults(network, locate=lambda table, at: f"{file}: {place[table][at]}")), file=file)
    return network_reading.Reading(network, (*reading.notes, *_notes(case, file, interval)))


def _notes(case: CommitmentCase, file: str, interval: int) -> list[Finding]:
    found = [f"interval {interval} of {case.load_mw.shape[0]}"]
    found += ["units that need not run, taken from 0 MW up at the convex envelope of their costs"] if case.units else []
    found += [f"{len(case.reserves)} reserve(s), not used"] if case.reserves else []
    found += [f"{len(case.outages)} contingency(ies), not used"] if case.outages else []
    return [Finding(file, one, "a network of one interval", "nothing to do") for one in found]


def _buses(case: CommitmentCase, interval: int) -> Buses:
    n_bus = len(case.buses)
    kind = np.ones(n_bus, np.int64)
    kind[0] = REFERENCE_TYPE
    return Buses(
        number=np.arange(1, n_bus + 1),
        name=case.buses,
        kind=kind,
        load_mw=case.load_mw[interval].copy(),
        shunt_mw=np.zeros(n_bus),
        area=np.ones(n_bus, np.int64),
        zone=np.ones(n_bus, np.int64),
        base_kv=np.zeros(n_bus),
    )


def _ends(case: CommitmentCase, lines: Sequence[Line | Link]) -> tuple[IntArray, IntArray]:
    position = {name: at for at, name in enumerate(case.buses)}
    pairs = [(position[one.from_bus], position[one.to_bus]) for one in lines]
    ends = np.array(pairs, np.int64).reshape(-1, 2)
    return ends[:, 0].copy(), ends[:, 1].copy()


def _branches(case: CommitmentCase) -> Branches:
    susceptance = np.array([one.susceptance_mw for one in case.lines], np.float64)
    on = susceptance != 0.0
    n_line = on.size
    from_bus, to_bus = _ends(case, case.lines)
    return Branches(
        name=network_reading.numbered([one.name for one in case.lines]),
        from_bus=from_bus,
        to_bus=to_bus,
        resistance_pu=np.zeros(n_line),
        reactance_pu=np.divide(BASE_MVA, susceptance, out=np.ones(n_line), where=on),
        tap=np.ones(n_line),
        shift_deg=np.zeros(n_line),
        rating_mw=np.array([one.limit_mw for one in case.lines], np.float64),
        emergency_rating_mw=np.array([one.emergency_limit_mw for one in case.lines], np.float64),
        angle_min_deg=np.full(n_line, -np.inf),
        angle_max_deg=np.full(n_line, np.inf),
        in_service=on,
    )


def _hvdc(case: CommitmentCase) -> HvdcLines:
    n_link = len(case.links)
    from_bus, to_bus = _ends(case, case.links)
    return HvdcLines(
        name=network_reading.numbered([one.name for one in case.links]),
        from_bus=from_bus,
        to_bus=to_bus,
        min_mw=np.array([one.min_mw for one in case.links], np.float64),
        max_mw=np.array([one.max_mw for one in case.links], np.float64),
        loss_mw=np.zeros(n_link),
        loss_share=np.zeros(n_link),
        in_service=np.ones(n_link, dtype=bool),
    )


def _generators(case: CommitmentCase, at: int) -> Iterator[Row]:
    """Yield units, variable units, and loads that bid: these take power, as generators below zero."""
    for unit in case.units:
        least = unit.min_mw[at] if unit.must_run[at] else min(unit.min_mw[at], 0.0)
        cost = unit.costs[at if len(unit.costs) > 1 else 0]
        yield unit.name, unit.bus, float(least), float(unit.max_mw[at]), not unit.must_not_run[at], cost
    for one in case.variable_units:
        cost = Cost(0.0, one.linear_usd_per_mwh, 0.0, ())
        yield one.name, one.bus, float(one.min_mw[at]), float(one.max_mw[at]), True, cost
    for load in case.priced_loads:
        cost = Cost(0.0, float(load.value_usd_per_mwh[at]), 0.0, ())
        yield load.name, load.bus, -float(load.max_mw[at]), 0.0, True, cost


def envelope(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Return the corners of the greatest convex curve below points whose power does not fall."""
    out: list[tuple[float, float]] = []
    for mw, usd in points:
        if out and out[-1][0] == mw:
            usd = min(usd, out.pop()[1])  # noqa: PLW2901 - the lower of two points above one another
        while len(out) > 1 and _slope(out[-1], (mw, usd)) <= _slope(out[-2], out[-1]):
            out.pop()
        out.append((mw, usd))
    return tuple(out)


def _slope(one: tuple[float, float], other: tuple[float, float]) -> float:
    return (other[1] - one[1]) / (other[0] - one[0])


def _table(case: CommitmentCase, rows: list[Row]) -> Generators:
    position = {name: at for at, name in enumerate(case.buses)}
    polynomial = np.zeros((len(rows), 3))
    curves: list[tuple[Sequence[float], Sequence[float]]] = []
    for at, (*_, least, _, _, cost) in enumerate(rows):
        points = envelope((((0.0, 0.0),) if least <= 0.0 else ()) + cost.points) if cost.points else ()
        curves.append(([mw for mw, _ in points], [usd for _, usd in points]) if len(points) > 1 else ((), ()))
        if not points:
            polynomial[at] = cost.constant_usd_per_h, cost.linear_usd_per_mwh, cost.quadratic_usd_per_mw2h
        elif len(points) == 1:
            polynomial[at, 0] = points[0][1]
    costs = network_reading.Costs.of(polynomial, curves)
    return Generators(
        name=network_reading.numbered([one[0] for one in rows]),
        bus=np.array([position[one[1]] for one in rows], np.int64),
        min_mw=np.array([one[2] for one in rows], np.float64),
        max_mw=np.array([one[3] for one in rows], np.float64),
        in_service=np.array([one[4] for one in rows], dtype=bool),
        constant_usd_per_h=polynomial[:, 0].copy(),
        linear_usd_per_mwh=polynomial[:, 1].copy(),
        quadratic_usd_per_mw2h=polynomial[:, 2].copy(),
        curve_start=costs.start,
        curve_mw=costs.power,
        curve_usd_per_h=costs.cost,
    )
