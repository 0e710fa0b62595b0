"""Every fault of a network at once: place, what was found, what is allowed, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import topology
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from powerdesk.grid.types import Branches, Buses, Generators, HvdcLines, Network

    Locate = Callable[[str, int], str]
    """Place of a row: table (`bus`, `branch`, `gen`, `gencost`, `dcline`) and position give `file:line`."""

MOST_FINDINGS = 200
"""A broken file may be wrong in each row; more than this many lines help nobody."""

CONVEXITY_TOLERANCE = 1e-4
"""Relative fall of a cost slope taken for rounding: RTS-GMLC's printed points fall from 8.10352 to 8.10345 USD/MWh."""


LARGEST = 1e12
"""MW and USD/h beyond any grid: solvers take 1e20 for endless, and lose their digits long before."""

REACTANCE_PU = (1e-9, 1e6)
"""Published cases have 1.2e-6 to 70."""

TAP = (0.01, 100.0)
FULL_TURN_DEG = 360.0


def faults(network: Network, *, locate: Locate, sound: bool = True) -> tuple[Finding, ...]:
    """Return every fault of the data, at most MOST_FINDINGS of them and a line that says how many more.

    Islands are looked at only when nothing else is wrong and the reader says its tables are `sound`.
    """
    found = [
        *_base_faults(network.base_mva, locate),
        *_bus_faults(network.buses, locate),
        *_branch_faults(network.branches, locate),
        *_generator_faults(network.generators, locate),
        *_hvdc_faults(network.hvdc, locate),
    ]
    if sound and not found:
        found += _island_faults(network, locate)
    return limited(found)


def limited(found: list[Finding]) -> tuple[Finding, ...]:
    """Return the first MOST_FINDINGS and one that counts the rest."""
    if len(found) <= MOST_FINDINGS:
        return tuple(found)
    more = Finding("...", f"{len(found) - MOST_FINDINGS} further faults", "none", "mend those listed and read again")
    return (*found[:MOST_FINDINGS], more)


def _flag(
    bad: NDArray[np.bool_], place: Callable[[int], str], say: Callable[[int], str], allowed: str, remedy: str
) -> Iterator[Finding]:
    for at in np.flatnonzero(bad).tolist():
        yield Finding(place(at), say(at), allowed, remedy)


def _base_faults(base_mva: float, locate: Locate) -> Iterator[Finding]:
    if not 1.0 / LARGEST <= base_mva <= LARGEST:
        place = locate("bus", 0).rpartition(":")[0]
        yield Finding(place, f"a base of {base_mva:g} MVA", f"{1.0 / LARGEST:g} to {LARGEST:g}", "give the base power")


def _bus_faults(buses: Buses, locate: Locate) -> Iterator[Finding]:
    def place(at: int) -> str:
        return f"{locate('bus', at)} bus {buses.number[at]}"

    first = np.zeros(len(buses), dtype=bool)
    first[np.unique(buses.number, return_index=True)[1]] = True
    yield from _flag(~first, place, lambda at: f"bus number {buses.number[at]} again", "each once", "renumber the bus")
    kinds = ~np.isin(buses.kind, (1, 2, 3, 4))
    yield from _flag(kinds, place, lambda at: f"type {buses.kind[at]}", "1, 2, 3 or 4", "set the bus type")
    for name, values in (("load", buses.load_mw), ("shunt", buses.shunt_mw)):
        yield from _flag(
            ~(np.abs(values) <= LARGEST),
            place,
            lambda at, name=name, values=values: f"{name} of {values[at]:g} MW",  # type: ignore[misc]  # bound now
            f"a finite number, {LARGEST:g} at most",
            "give the power, or 0",
        )


def _branch_faults(branches: Branches, locate: Locate) -> Iterator[Finding]:
    def place(at: int) -> str:
        return f"{locate('branch', at)} branch {branches.name[at]}"

    on = branches.in_service
    impedance = np.isfinite(branches.resistance_pu) & np.isfinite(branches.reactance_pu)
    yield from _flag(
        on & ~impedance, place, lambda _: "an impedance that is no number", "finite r and x", "give both in per unit"
    )
    yield from _flag(
        on & impedance & (branches.reactance_pu == 0.0),
        place,
        lambda _: "zero reactance",
        "x other than 0",
        "give the reactance, or merge the two buses",
    )
    size = np.abs(branches.reactance_pu)
    yield from _flag(
        on & impedance & (size > 0.0) & ~((size >= REACTANCE_PU[0]) & (size <= REACTANCE_PU[1])),
        place,
        lambda at: f"a reactance of {branches.reactance_pu[at]:g} per unit",
        f"{REACTANCE_PU[0]:g} to {REACTANCE_PU[1]:g} in size",
        "give it per unit, or merge the two buses",
    )
    yield from _flag(
        on & impedance & (np.abs(branches.resistance_pu) > REACTANCE_PU[1]),
        place,
        lambda at: f"a resistance of {branches.resistance_pu[at]:g} per unit",
        f"{REACTANCE_PU[1]:g} at most",
        "give it per unit",
    )
    loop = on & (branches.from_bus == branches.to_bus)
    yield from _flag(loop, place, lambda _: "both ends at one bus", "two buses", "name the other bus or delete the row")
    tap = on & ~((branches.tap >= TAP[0]) & (branches.tap <= TAP[1]))
    allowed = f"{TAP[0]:g} to {TAP[1]:g} (0 means 1)"
    yield from _flag(tap, place, lambda at: f"tap {branches.tap[at]:g}", allowed, "give the tap ratio")
    shift = on & ~(np.abs(branches.shift_deg) <= FULL_TURN_DEG)
    allowed = f"{FULL_TURN_DEG:g} degrees at most"
    yield from _flag(
        shift, place, lambda at: f"a phase shift of {branches.shift_deg[at]:g}", allowed, "give the shift, or 0"
    )
    for name, rating in (("rateA", branches.rating_mw), ("rateC", branches.emergency_rating_mw)):
        yield from _flag(
            on & ~(rating >= 0.0),
            place,
            lambda at, name=name, rating=rating: f"{name} {rating[at]}",  # type: ignore[misc]  # bound now
            "0 (no limit) or more",
            "give the rating in MVA",
        )
    crossed = on & ~(branches.angle_min_deg <= branches.angle_max_deg)
    yield from _flag(
        crossed,
        place,
        lambda at: f"angle limits {branches.angle_min_deg[at]} to {branches.angle_max_deg[at]}",
        "lower <= upper",
        "swap them, or 0 and 0 for none",
    )


def _generator_faults(generators: Generators, locate: Locate) -> Iterator[Finding]:
    def place(at: int, table: str = "gen") -> str:
        return f"{locate(table, at)} generator {generators.name[at]}"

    def priced(at: int) -> str:
        return place(at, "gencost")

    on = generators.in_service
    low, high = generators.min_mw, generators.max_mw
    finite = (np.abs(low) <= LARGEST) & (np.abs(high) <= LARGEST)
    yield from _flag(
        on & ~finite,
        place,
        lambda at: f"limits {low[at]:g} to {high[at]:g} MW",
        f"finite, {LARGEST:g} at most",
        "give Pmin and Pmax",
    )
    crossed = on & finite & (low > high)
    yield from _flag(
        crossed, place, lambda at: f"Pmin {low[at]} above Pmax {high[at]}", "Pmin <= Pmax", "swap or correct them"
    )
    costs = generators.constant_usd_per_h, generators.linear_usd_per_mwh, generators.quadratic_usd_per_mw2h
    bad_cost = on & ~np.all(np.abs(costs) <= LARGEST, axis=0)
    yield from _flag(
        bad_cost,
        priced,
        lambda at: "a cost of " + ", ".join(f"{one[at]:g}" for one in costs),
        f"finite costs, {LARGEST:g} at most",
        "correct the gencost row",
    )
    concave = on & (generators.quadratic_usd_per_mw2h < 0.0)
    yield from _flag(
        concave,
        priced,
        lambda at: f"quadratic cost {generators.quadratic_usd_per_mw2h[at]}",
        "0 or more (rising marginal cost)",
        "offer with rising prices",
    )
    for at in np.flatnonzero(on & (np.diff(generators.curve_start) > 0)).tolist():
        yield from _curve_faults(generators, at, priced(at))


def _curve_faults(generators: Generators, at: int, place: str) -> Iterator[Finding]:
    points = slice(generators.curve_start[at], generators.curve_start[at + 1])
    power, cost = generators.curve_mw[points], generators.curve_usd_per_h[points]
    if not ((np.abs(power) <= LARGEST).all() and (np.abs(cost) <= LARGEST).all()):
        allowed = f"finite points, {LARGEST:g} at most"
        yield Finding(place, "an offer point that is no number", allowed, "correct the gencost row")
        return
    steps = np.diff(power)
    if power.size < 2 or not (steps > 0.0).all():  # noqa: PLR2004 - a line has two points
        yield Finding(place, "offer points whose power does not rise", "two or more rising points", "sort the points")
        return
    with np.errstate(over="ignore"):
        slopes = np.diff(cost) / steps
    if not (np.abs(slopes) <= LARGEST).all():
        yield Finding(place, "offer points that lie too close", f"{LARGEST:g} USD/MWh at most", "merge the points")
        return
    falls = np.diff(slopes) < -CONVEXITY_TOLERANCE * (1.0 + np.abs(slopes[:-1]))
    if falls.any():
        worst = int(np.argmax(falls))
        yield Finding(
            place,
            f"an offer that falls from {slopes[worst]:g} to {slopes[worst + 1]:g} USD/MWh",
            "rising prices",
            "merge or reorder the steps: a falling offer needs unit commitment",
        )


def _hvdc_faults(hvdc: HvdcLines, locate: Locate) -> Iterator[Finding]:
    def place(at: int) -> str:
        return f"{locate('dcline', at)} direct-current line {hvdc.name[at]}"

    on = hvdc.in_service
    values = np.array([hvdc.min_mw, hvdc.max_mw, hvdc.loss_mw, hvdc.loss_share]).reshape(4, -1)
    finite = (np.abs(values) <= LARGEST).all(axis=0)
    allowed = f"finite limits, {LARGEST:g} at most"
    yield from _flag(on & ~finite, place, lambda _: "a value that is no number", allowed, "correct the row")
    crossed = on & finite & (hvdc.min_mw > hvdc.max_mw)
    yield from _flag(crossed, place, lambda _: "its lower limit above its upper", "lower <= upper", "swap them")
    losing = on & finite & ~((hvdc.loss_share >= 0.0) & (hvdc.loss_share < 1.0))
    yield from _flag(losing, place, lambda _: "a loss share outside 0 to 1", "0 <= share < 1", "correct the row")


def _island_faults(network: Network, locate: Locate) -> Iterator[Finding]:
    """Yield islands that have load and nothing to serve it; run only on data that are sound one by one."""
    island = topology.islands(network)
    served = np.zeros(island.count, dtype=bool)
    served[island.of_bus[network.generators.bus[network.live_generators]]] = True
    for ends in (network.hvdc.from_bus, network.hvdc.to_bus):
        served[island.of_bus[ends[network.live_hvdc]]] = True
    demand = np.zeros(island.count)
    live = np.flatnonzero(network.live)
    np.add.at(demand, island.of_bus[live], network.demand_mw[live])
    for one in np.flatnonzero(~served & (demand > 0.0)).tolist():
        members = np.flatnonzero(island.of_bus == one)
        at = int(members[np.argmax(network.demand_mw[members])])
        yield Finding(
            f"{locate('bus', at)} bus {network.buses.number[at]}",
            f"{demand[one]:g} MW of load on an island of {members.size} bus(es) without a generator",
            "a way to serve every load",
            "close a branch, put a generator in service, or mark the bus isolated (type 4)",
        )
