"""What a clearing gives: dispatch, flows, prices, the constraints that made them, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.clearing.rows import NO_OUTAGE

if TYPE_CHECKING:
    from powerdesk.grid.clearing.kkt import Candidate
    from powerdesk.grid.clearing.programme import Programme
    from powerdesk.grid.clearing.rows import FlowRows, PricedRows
    from powerdesk.grid.types import FloatArray
    from powerdesk.solvers.linear import KktResidual

PRICE_TOLERANCE_USD_PER_MWH = 1e-7
"""Shadow prices below it are rounding of the solver."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """A limit that binds. `direction` +1 at the upper limit, -1 at the lower; one more MW of limit saves the price.

    `outage` is the branch whose loss the limit guards against, -1 in the base case; `factor` its share of that flow.
    """

    name: str
    branch: int
    outage: int
    factor: float
    direction: int
    shadow_price_usd_per_mwh: float
    flow_mw: float
    limit_mw: float


@dataclass(frozen=True, slots=True)
class Found:
    """How an optimum was found: engine, the rung of its ladder, rounds of its loop, and the residuals of our check."""

    engine: str
    rung: str
    rounds: int
    kkt: KktResidual


@dataclass(frozen=True, eq=False)
class Clearing:
    """A verified optimum.

    Per generator generation_mw, per direct-current line hvdc_mw (leaving its from-bus), per branch flows_mw, per bus
    demand_mw and lmp in USD/MWh (NaN at a bus declared isolated), per island losses_mw. Prices as they were found:
    lmp = energy (1 - loss_factor) + congestion, energy (n_island,) being the price at `base_weights` (n_bus,), where
    losses are withdrawn; `grid.prices` moves them to any other reference. Per reserve product reserve_mw (n_product,
    n_gen) and reserve_prices (n_product,) in USD/MWh.
    """

    programme: Programme
    found: Found
    objective_usd_per_h: float
    demand_mw: FloatArray
    generation_mw: FloatArray
    hvdc_mw: FloatArray
    flows_mw: FloatArray
    lmp: FloatArray
    priced_rows: PricedRows
    energy: FloatArray
    loss_factor: FloatArray
    base_weights: FloatArray
    losses_mw: FloatArray
    reserve_mw: FloatArray
    reserve_prices: FloatArray

    @cached_property
    def constraints(self) -> tuple[Constraint, ...]:
        """The limits that bind, dearest first."""
        return constraints_of(self.programme, self.priced_rows, self.flows_mw)


def cleared(
    programme: Programme, rows: FlowRows, one: Candidate, *, objective_usd_per_h: float, found: Found
) -> Clearing:
    """Return the clearing that a checked candidate is."""
    sensitivities, network = programme.sensitivities, programme.network
    islands = sensitivities.islands
    energy, factor, weights = one.energy, np.zeros(one.lmp.size), np.zeros(one.lmp.size)
    if programme.loss.size:
        weights = programme.loss_weights
        live = islands.of_bus >= 0
        energy = np.bincount(islands.of_bus[live], (weights * one.lmp)[live], islands.count).astype(np.float64)
        dear = np.where(energy == 0.0, 1.0, energy)
        factor = (one.cut_price @ one.cuts.factor) / np.append(dear, 1.0)[islands.of_bus]
    else:
        weights[sensitivities.reference_of] = 1.0
    return Clearing(
        programme=programme,
        found=found,
        objective_usd_per_h=objective_usd_per_h,
        demand_mw=one.demand_mw,
        generation_mw=programme.generation_mw(one.x),
        hvdc_mw=programme.hvdc_mw(one.x),
        flows_mw=one.flows_mw,
        lmp=np.where(network.live, one.lmp - one.cut_price @ one.cuts.factor, np.nan),
        priced_rows=rows.priced(one.row_price),
        energy=energy,
        loss_factor=factor,
        base_weights=weights,
        losses_mw=one.x[programme.loss],
        reserve_mw=programme.reserve_mw(one.x),
        reserve_prices=programme.reserve_prices(one.side_price),
    )


def constraints_of(programme: Programme, rows: PricedRows, flows_mw: FloatArray) -> tuple[Constraint, ...]:
    """Return the rows with a price as named constraints, dearest first."""
    price = rows.price
    found = np.flatnonzero(np.abs(price) > PRICE_TOLERANCE_USD_PER_MWH)
    found = found[np.argsort(-np.abs(price[found]), kind="stable")]
    flow = rows.flows(flows_mw)
    return tuple(_constraint(programme, rows, at, float(flow[at]), float(price[at])) for at in found.tolist())


def _constraint(programme: Programme, rows: PricedRows, at: int, flow: float, price: float) -> Constraint:
    direction = -1 if price > 0.0 else 1
    branch, outage = int(rows.branch[at]), int(rows.outage[at])
    return Constraint(
        name=constraint_name(programme, branch, outage, direction),
        branch=branch,
        outage=outage,
        factor=float(rows.factor[at]),
        direction=direction,
        shadow_price_usd_per_mwh=abs(price),
        flow_mw=flow,
        limit_mw=float(rows.high_mw[at] if direction > 0 else rows.low_mw[at]),
    )


def constraint_name(programme: Programme, branch: int, outage: int, direction: int) -> str:
    """Return `FROM-TO`, `FROM-TO (angle)` where the angle limit is the tighter, ` after OTHER` with an outage."""
    names = programme.network.branches.name
    if outage != NO_OUTAGE:
        return f"{names[branch]} after {names[outage]}"
    by_angle = programme.high_by_angle if direction > 0 else programme.low_by_angle
    return f"{names[branch]} (angle)" if by_angle[branch] else names[branch]
