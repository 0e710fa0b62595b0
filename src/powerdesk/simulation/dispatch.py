"""Intervals of SIM cleared on the grid engine: energy, losses and reserves together, with named lines; checked.

One `Dispatcher` clears consecutive intervals between which lines, units and ratings stay as they are, each warm from
the one before. Loss factors are those of its first interval, kept; losses and prices have the system's load as their
reference, so `congestion_n = sum_k sign_k shadow price_k T_kn` exactly, with the published shift factors T.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from powerdesk.grid import prices
from powerdesk.grid.clearing.cuts import Losses
from powerdesk.grid.clearing.reserving import ReserveProduct
from powerdesk.grid.clearing.rows import PenaltyStep
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel, Generators, Network
from powerdesk.kernel.problem import Problem
from powerdesk.simulation.technology import Technology

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.grid.clearing.result import Clearing
    from powerdesk.kernel.intervals import DeliveryInterval
    from powerdesk.simulation.world import World
    from powerdesk.solvers.linear import KktResidual

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]

OVERLOAD_STEPS = (PenaltyStep(15.0, 350.0), PenaltyStep(np.inf, 1_500.0))
"""Published price of MW by which a line may exceed its rating when nothing cheaper helps."""

SHORTAGE_USD_PER_MWH = 3_500.0
"""Published price of load not served."""

SURPLUS_USD_PER_MWH = -150.0
"""Published price of power that nobody takes, below which no offer goes."""

PRODUCTS = ("REGULATION", "SPIN", "NON_SPIN")
RESERVE_OFFER_USD_PER_MWH = (5.0, 2.0, 1.0)
RESERVE_CURVE = (((1.0, 600.0),), ((0.3, 120.0), (0.7, 450.0)), ((0.4, 40.0), (0.6, 250.0)))
"""Of each product, best first: (share of the requirement, USD/MWh) for what is not bought."""

ROUNDING = 1e-9
"""By which the shares of a curve exceed the requirement together, so that rounding leaves none of it out."""

REGULATION_SHARE = 0.01
"""Regulation per MW of load."""

CONTINGENCY_SHARE = 0.6
"""Spinning, and again non-spinning, reserve per MW of the largest unit."""

BALANCE_TOLERANCE_MW = 1e-5
FLOW_TOLERANCE_MW = 1e-4
PRICE_TOLERANCE_USD_PER_MWH = 1e-6
PENALTY_TOLERANCE_USD_PER_MWH = 1e-4
MARGIN_MW = 1e-6


class ClearingError(Problem):
    """A cleared interval does not balance, or breaks a limit it does not declare."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "simulated-clearing-unsound"
    title: ClassVar[str] = "The simulated market could not be cleared soundly"


@dataclass(frozen=True, eq=False)
class Standing:
    """What holds for a run of intervals: ratings (n_line,), lines out, and units out (n_unit,).

    `running` is of units that are committed; `offers` (n_step,) in USD/MWh.
    """

    rating_mw: FloatArray
    lines_out: tuple[int, ...]
    running: BoolArray
    units_out: BoolArray
    offers: FloatArray
    load_mw: float

    def alike(self, other: Standing) -> bool:
        """Return whether one dispatcher can clear intervals of both."""
        return (
            self.lines_out == other.lines_out
            and np.array_equal(self.units_out, other.units_out)
            and np.array_equal(self.rating_mw, other.rating_mw)
            and np.array_equal(self.running, other.running)
        )


@dataclass(frozen=True, slots=True)
class BindingLine:
    """A line at its limit: `direction` +1 along, -1 against the line; the price is what one more MW would save."""

    line: str
    position: int
    direction: int
    shadow_price_usd_per_mwh: float
    flow_mw: float
    limit_mw: float


@dataclass(frozen=True, eq=False)
class Cleared:
    """A cleared interval. lmp = energy + congestion + loss, each (n_bus,) in USD/MWh but energy, which is one price.

    dispatch_mw (n_unit,) injects, as does shortage_mw (n_zone,); surplus_mw is taken off. flows_mw (n_line,) run along
    the lines; overload_mw is their declared excess. Reserve prices (n_product,). `marginal` are positions of units
    between their limits of the interval.
    """

    interval: DeliveryInterval
    standing: Standing
    lmp: FloatArray
    energy: float
    congestion: FloatArray
    loss: FloatArray
    dispatch_mw: FloatArray
    load_mw: FloatArray
    shortage_mw: FloatArray
    surplus_mw: float
    losses_mw: float
    flows_mw: FloatArray
    overload_mw: FloatArray
    binding: tuple[BindingLine, ...]
    marginal: tuple[int, ...]
    reserve_prices: FloatArray
    reserve_mw: FloatArray
    objective: float
    kkt: KktResidual


def contingency_mw(world: World) -> float:
    """Return the requirement of spinning, and again of non-spinning, reserve."""
    return CONTINGENCY_SHARE * float(world.units.capacity_mw.max(initial=0.0))


class Dispatcher:
    """Clears intervals of one standing in the order in which they are asked for."""

    def __init__(self, world: World, standing: Standing) -> None:
        self._world = world
        self._standing = standing
        self._network = _network(world, standing)
        sensitivities = Sensitivities(self._network, model=BranchModel.MATPOWER)
        self._session = Session(
            sensitivities,
            steps=OVERLOAD_STEPS,
            losses=Losses.FROZEN,
            loss_weights=world.system_weights,
            reserves=_products(world, standing),
        )

    def clear(
        self,
        interval: DeliveryInterval,
        *,
        load_mw: FloatArray,
        available_mw: FloatArray,
        previous_mw: FloatArray | None,
        steps: float = 1.0,
    ) -> Cleared:
        """Return the verified optimum; `previous_mw` (n_unit,) limits what units may move in `steps` five minutes.

        Raises grid.clearing.refusals.DispatchUnverifiedError or ClearingError.
        """
        low, high = self._limits(available_mw, previous_mw, steps)
        found = self._session.clear(demand_mw=load_mw, min_mw=low, max_mw=high)
        cleared = _cleared(self._world, self._standing, interval, found, (low, high))
        _check(cleared)
        return cleared

    def _limits(
        self, available_mw: FloatArray, previous_mw: FloatArray | None, steps: float
    ) -> tuple[FloatArray, FloatArray]:
        """Return limits of all generators: units within availability and ramps, shortage and surplus as they are."""
        generators = self._network.generators
        low, high = generators.min_mw.copy(), generators.max_mw.copy()
        count = len(self._world.units)
        high[:count] = np.minimum(high[:count], available_mw)
        if previous_mw is not None:
            ramp = self._world.units.ramp_mw * steps
            high[:count] = np.minimum(high[:count], np.maximum(previous_mw, low[:count]) + ramp)
            low[:count] = np.maximum(low[:count], previous_mw - ramp)
        return np.minimum(low, high), high


class Dispatchers:
    """One dispatcher after another: a new one where an interval stands otherwise than the one before."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._current: tuple[Standing, Dispatcher] | None = None

    def of(self, standing: Standing) -> Dispatcher:
        """Return the last dispatcher while it can clear the standing, else another."""
        if self._current is None or not standing.alike(self._current[0]):
            self._current = standing, Dispatcher(self._world, standing)
        return self._current[1]


def _network(world: World, standing: Standing) -> Network:
    """Return the network as it stands, with the units' offers and each zone's shortage and surplus as generators."""
    whole = without(world.network, standing.lines_out)
    return dataclasses.replace(
        whole,
        branches=dataclasses.replace(whole.branches, rating_mw=standing.rating_mw),
        generators=_generators(world, standing),
    )


def without(network: Network, lines_out: tuple[int, ...]) -> Network:
    """Return the network with lines out of service."""
    on = network.branches.in_service.copy()
    on[list(lines_out)] = False
    return dataclasses.replace(network, branches=dataclasses.replace(network.branches, in_service=on))


def _generators(world: World, standing: Standing) -> Generators:
    units = world.units
    count, largest = len(units), _largest_buses(world)
    served = np.flatnonzero(world.zone_share > 0.0)
    run = standing.running | ~units.committed
    most = world.mean_load_mw * 3.0
    place = largest[served]
    points, starts, costs = _curves(world, standing)
    n_all = count + 2 * served.size
    flat = np.concatenate(
        (np.zeros(count), np.full(served.size, SHORTAGE_USD_PER_MWH), np.full(served.size, SURPLUS_USD_PER_MWH))
    )
    names = tuple(f"{what} {world.zones[zone]}" for what in ("shortage", "surplus") for zone in served.tolist())
    return Generators(
        name=(*units.names, *names),
        bus=np.concatenate((units.bus, place, place)),
        min_mw=np.concatenate((np.where(run, units.min_mw, 0.0), np.zeros(served.size), np.full(served.size, -most))),
        max_mw=np.concatenate((units.capacity_mw, np.full(served.size, most), np.zeros(served.size))),
        in_service=np.concatenate((run & ~standing.units_out, np.ones(2 * served.size, dtype=bool))),
        constant_usd_per_h=np.zeros(n_all),
        linear_usd_per_mwh=flat,
        quadratic_usd_per_mw2h=np.zeros(n_all),
        curve_start=np.concatenate((starts, np.full(2 * served.size, starts[-1]))),
        curve_mw=points,
        curve_usd_per_h=costs,
    )


def _largest_buses(world: World) -> NDArray[np.int64]:
    """Return the bus with the largest load of each zone (n_zone,); 0 for a zone without buses."""
    share = [np.where(world.bus_zone == zone, world.load_share, -1.0) for zone in range(len(world.zones))]
    largest: NDArray[np.int64] = np.argmax(np.array(share), axis=1)
    return largest


def _curves(world: World, standing: Standing) -> tuple[FloatArray, NDArray[np.int64], FloatArray]:
    """Return the offers as points: MW, where each unit's points begin (n_unit + 1,), and USD/h."""
    units = world.units
    per_unit = np.bincount(units.step_unit, minlength=len(units))
    starts = np.concatenate(([0], np.cumsum(per_unit + 1))).astype(np.int64)
    power, cost = np.zeros(starts[-1]), np.zeros(starts[-1])
    inner = np.ones(starts[-1], dtype=bool)
    inner[starts[:-1]] = False
    for total, part in ((power, units.step_mw), (cost, units.step_mw * standing.offers)):
        run = np.cumsum(part)
        before = np.concatenate(([0.0], run))[np.cumsum(per_unit) - per_unit]
        total[inner] = run - before[units.step_unit]
    return power, starts, cost


def _products(world: World, standing: Standing) -> tuple[ReserveProduct, ...]:
    """Return the reserve products; running units give what they can move in ten minutes, quick ones start for them."""
    units = world.units
    there = ~standing.units_out
    firm = np.array([one not in {Technology.WIND, Technology.SOLAR, Technology.NUCLEAR} for one in units.technology])
    running = there & firm & ~units.quick & (standing.running | ~units.committed)
    waiting = there & units.quick
    room = units.capacity_mw - units.min_mw
    spin = np.where(running, np.minimum(2.0 * units.ramp_mw, room), 0.0)
    offers = (0.5 * np.minimum(spin, units.ramp_mw), spin, np.where(waiting, units.capacity_mw, spin))
    contingency = contingency_mw(world)
    requirements = (REGULATION_SHARE * standing.load_mw, contingency, contingency)
    none = np.zeros(2 * int((world.zone_share > 0.0).sum()))
    return tuple(
        ReserveProduct(
            name=name,
            direction=1,
            requirement_mw=requirement,
            offer_mw=np.concatenate((offer, none)),
            offer_usd_per_mwh=np.full(len(units) + none.size, price),
            shortage=tuple(PenaltyStep(share * requirement * (1.0 + ROUNDING), dear) for share, dear in curve),
        )
        for name, requirement, offer, price, curve in zip(
            PRODUCTS, requirements, offers, RESERVE_OFFER_USD_PER_MWH, RESERVE_CURVE, strict=True
        )
    )


def _cleared(
    world: World,
    standing: Standing,
    interval: DeliveryInterval,
    found: Clearing,
    limits: tuple[FloatArray, FloatArray],
) -> Cleared:
    """Return the market's view of a verified clearing."""
    count = len(world.units)
    served = np.flatnonzero(world.zone_share > 0.0)
    parts = prices.parts(found, reference=world.system_weights)
    rating = standing.rating_mw
    shortage = np.zeros(len(world.zones))
    shortage[served] = found.generation_mw[count : count + served.size]
    inside = (found.generation_mw[:count] > limits[0][:count] + MARGIN_MW) & (
        found.generation_mw[:count] < limits[1][:count] - MARGIN_MW
    )
    cleared = Cleared(
        interval=interval,
        standing=standing,
        lmp=found.lmp,
        energy=float(parts.energy[0]),
        congestion=parts.congestion,
        loss=parts.loss,
        dispatch_mw=found.generation_mw[:count],
        load_mw=found.demand_mw,
        shortage_mw=shortage,
        surplus_mw=-float(found.generation_mw[count + served.size :].sum()),
        losses_mw=float(found.losses_mw.sum()),
        flows_mw=found.flows_mw,
        overload_mw=np.maximum(np.abs(found.flows_mw) - rating, 0.0),
        binding=tuple(
            BindingLine(one.name, one.branch, one.direction, one.shadow_price_usd_per_mwh, one.flow_mw, one.limit_mw)
            for one in found.constraints
            if one.shadow_price_usd_per_mwh > PRICE_TOLERANCE_USD_PER_MWH
        ),
        marginal=tuple(np.flatnonzero(inside).tolist()),
        reserve_prices=found.reserve_prices,
        reserve_mw=found.reserve_mw.sum(axis=1),
        objective=found.objective_usd_per_h,
        kkt=found.found.kkt,
    )
    for values in (cleared.lmp, cleared.congestion, cleared.loss, cleared.dispatch_mw, cleared.flows_mw):
        values.setflags(write=False)
    return cleared


def _check(cleared: Cleared) -> None:
    """Raise ClearingError unless power balances and a flow beyond its rating pays the penalty for it."""
    supplied = float(cleared.dispatch_mw.sum() + cleared.shortage_mw.sum()) - cleared.surplus_mw
    surplus = supplied - float(cleared.load_mw.sum()) - cleared.losses_mw
    penalty = OVERLOAD_STEPS[0].price_usd_per_mwh - PENALTY_TOLERANCE_USD_PER_MWH
    paid = {one.position for one in cleared.binding if one.shadow_price_usd_per_mwh >= penalty}
    beyond = [at for at in np.flatnonzero(cleared.overload_mw > FLOW_TOLERANCE_MW).tolist() if at not in paid]
    if not abs(surplus) <= BALANCE_TOLERANCE_MW or beyond:
        raise ClearingError(
            found=f"{surplus:.3e} MW out of balance, {len(beyond)} lines beyond their ratings in {cleared.interval}",
            allowed=f"{BALANCE_TOLERANCE_MW:.0e} MW, and excess that pays its penalty",
            remedy="report the seed and the interval",
        )
