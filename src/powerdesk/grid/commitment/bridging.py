"""A commitment case from a network: its generators as units in the same order, its branches as lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.commitment_case import ENDLESS, CommitmentCase, Cost, Line, Link, StartCost, Unit
from powerdesk.grid.types import BranchModel, Network, NetworkError

if TYPE_CHECKING:
    from powerdesk.grid.commitment_case import Outage, Reserve
    from powerdesk.grid.types import BoolArray, FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class UnitTimes:
    """What a network does not say of its generators, each (n_gen,): times in hours, ramps in MW/h, limits in MW.

    A generator that is not `committed` runs whenever it is in service (wind, sun, water, imports): only its dispatch is
    decided. `initial_hours` as in `commitment_case.Unit`, negative where off, NaN where unknown, as `initial_mw`.
    """

    committed: BoolArray
    min_up_hours: FloatArray
    min_down_hours: FloatArray
    ramp_mw_per_h: FloatArray
    start_limit_mw: FloatArray
    stop_limit_mw: FloatArray
    start_costs: tuple[tuple[StartCost, ...], ...]
    initial_hours: FloatArray
    initial_mw: FloatArray

    @staticmethod
    def free(n_gen: int) -> UnitTimes:
        """Return generators without any limit in time, none of them committed."""
        endless, unknown = np.full(n_gen, ENDLESS), np.full(n_gen, np.nan)
        none = np.zeros(n_gen)
        return UnitTimes(np.zeros(n_gen, bool), none, none, endless, endless, endless, ((),) * n_gen, unknown, unknown)


@dataclass(frozen=True, eq=False, slots=True)
class Horizon:
    """A run of intervals of `hours`: `load_mw` (n, n_bus), limits of generators `min_mw`, `max_mw` (n, n_gen).

    `available` (n, n_gen) says when a generator can run; `limit_mw` (n_branch,) and its penalty bound the lines.
    """

    hours: float
    load_mw: FloatArray
    min_mw: FloatArray
    max_mw: FloatArray
    available: BoolArray


@dataclass(frozen=True, slots=True)
class Penalties:
    """USD/MWh of demand not served and of flow beyond a limit; infinite: never."""

    shortfall: float = 10_000.0
    beyond: float = ENDLESS


DEFAULT_PENALTIES = Penalties()


def case_of(
    network: Network,
    *,
    times: UnitTimes,
    horizon: Horizon,
    reserves: tuple[Reserve, ...] = (),
    outages: tuple[Outage, ...] = (),
    penalties: Penalties = DEFAULT_PENALTIES,
    model: BranchModel = BranchModel.DCP,
) -> CommitmentCase:
    """Return the case of a network's generators, live buses and live branches, in their order.

    Direct-current lines are taken without losses. Raises NetworkError for phase shifters, which a case cannot say, and
    for arrays of another size.
    """
    _check(network, times, horizon, model)
    buses, branches = _names(network), network.branches
    susceptance = network.susceptance_mw(model)
    live = np.flatnonzero(network.live)
    return CommitmentCase(
        name=network.name,
        hours=horizon.hours,
        buses=tuple(buses[at] for at in live),
        load_mw=(horizon.load_mw + network.buses.shunt_mw[None, :])[:, live],
        units=tuple(_unit(network, times, horizon, buses, at) for at in range(len(network.generators))),
        variable_units=(),
        priced_loads=(),
        reserves=reserves,
        lines=tuple(
            Line(
                name=branches.name[at],
                from_bus=buses[branches.from_bus[at]],
                to_bus=buses[branches.to_bus[at]],
                susceptance_mw=float(susceptance[at]),
                limit_mw=float(branches.rating_mw[at]),
                emergency_limit_mw=float(branches.emergency_rating_mw[at]),
                beyond_usd_per_mwh=penalties.beyond,
            )
            for at in network.live_branches.tolist()
        ),
        outages=outages,
        shortfall_usd_per_mwh=penalties.shortfall,
        links=tuple(
            Link(
                name=network.hvdc.name[at],
                from_bus=buses[network.hvdc.from_bus[at]],
                to_bus=buses[network.hvdc.to_bus[at]],
                min_mw=float(network.hvdc.min_mw[at]),
                max_mw=float(network.hvdc.max_mw[at]),
            )
            for at in network.live_hvdc.tolist()
        ),
    )


def _check(network: Network, times: UnitTimes, horizon: Horizon, model: BranchModel) -> None:
    n, n_gen, n_bus = horizon.load_mw.shape[0], len(network.generators), len(network.buses)
    shapes = {
        "load_mw": (horizon.load_mw, (n, n_bus)),
        "min_mw": (horizon.min_mw, (n, n_gen)),
        "max_mw": (horizon.max_mw, (n, n_gen)),
        "available": (horizon.available, (n, n_gen)),
        "committed": (times.committed, (n_gen,)),
        "initial_hours": (times.initial_hours, (n_gen,)),
    }
    for name, (held, shape) in shapes.items():
        if held.shape != shape:
            raise NetworkError(found=f"{name} of shape {held.shape}", allowed=f"{shape}", remedy="give one network's")
    if network.shift_rad(model)[network.live_branches].any():
        raise NetworkError(
            found="phase shifters", allowed="none in a commitment case", remedy="use the branch model dcp"
        )


def _names(network: Network) -> tuple[str, ...]:
    """Return a name for each bus: its number where names repeat or are empty."""
    names = network.buses.name
    if len(set(names)) == len(names) and all(names):
        return names
    return tuple(str(one) for one in network.buses.number.tolist())


def _unit(network: Network, times: UnitTimes, horizon: Horizon, buses: tuple[str, ...], at: int) -> Unit:
    generators = network.generators
    in_service = bool(generators.in_service[at] & network.live[generators.bus[at]])
    can = horizon.available[:, at] & in_service
    first, end = generators.curve_start[at], generators.curve_start[at + 1]
    points = tuple(
        zip(generators.curve_mw[first:end].tolist(), generators.curve_usd_per_h[first:end].tolist(), strict=True)
    )
    committed = bool(times.committed[at])
    known = bool(np.isfinite(times.initial_hours[at])) and committed
    return Unit(
        name=generators.name[at],
        bus=buses[generators.bus[at]]
        if network.live[generators.bus[at]]
        else buses[int(np.flatnonzero(network.live)[0])],
        min_mw=horizon.min_mw[:, at],
        max_mw=horizon.max_mw[:, at],
        must_run=can & (not committed),
        must_not_run=~can,
        min_up_hours=float(times.min_up_hours[at]),
        min_down_hours=float(times.min_down_hours[at]),
        ramp_up_mw_per_h=float(times.ramp_mw_per_h[at]),
        ramp_down_mw_per_h=float(times.ramp_mw_per_h[at]),
        start_limit_mw=float(times.start_limit_mw[at]),
        stop_limit_mw=float(times.stop_limit_mw[at]),
        start_costs=times.start_costs[at],
        stop_cost_usd=0.0,
        initial_hours=float(times.initial_hours[at]) if known else None,
        initial_mw=float(times.initial_mw[at]) if np.isfinite(times.initial_mw[at]) else None,
        costs=(
            Cost(
                float(generators.constant_usd_per_h[at]),
                float(generators.linear_usd_per_mwh[at]),
                float(generators.quadratic_usd_per_mw2h[at]),
                points,
            ),
        ),
        reserves=None,
    )
