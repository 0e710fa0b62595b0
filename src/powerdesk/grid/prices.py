"""Prices taken apart: energy, losses, and congestion by named constraint, for any reference, and told for one bus.

    lmp_n = energy + loss_n + sum_k congestion_kn
    loss_n = energy (DF_n - 1),   congestion_kn = mu_k (T_kn - (w'T_k) DF_n),   DF_n = (1 - LF_n) / sum_m w_m (1 - LF_m)

with w the reference's weights and energy = w'lmp. Moving the reference moves the parts and never the price. Without
losses congestion moves by one constant per constraint; with losses even its differences between buses move, so the
reference belongs to every number published. mu_k is the change of cost per MW by which the limit rises.
Litvinov et al. (2004), "Marginal loss modeling in LMP calculation"; Cheng & Overbye (2006).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.clearing.rows import NO_OUTAGE

if TYPE_CHECKING:
    from powerdesk.grid.clearing.result import Clearing, Constraint
    from powerdesk.grid.types import FloatArray

MARGIN_MW = 1e-6
"""A generator this far from both its limits is marginal."""


@dataclass(frozen=True, eq=False, slots=True)
class PriceParts:
    """Per bus (n_bus,) in USD/MWh: energy (one value per island), loss, congestion, and that by constraint (k, n_bus).

    NaN at a bus declared isolated. `weights` (n_bus,) is the reference, 1 in sum on each island; `shift_factors`
    (k, n_bus) are relative to it, so that without losses congestion is mu_k times them.
    """

    constraints: tuple[Constraint, ...]
    weights: FloatArray
    energy: FloatArray
    loss: FloatArray
    congestion: FloatArray
    by_constraint: FloatArray
    shift_factors: FloatArray


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one constraint adds to one bus's price: shift factor x shadow price, in the sign it has there."""

    constraint: str
    shift_factor: float
    shadow_price_usd_per_mwh: float
    usd_per_mwh: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """One bus's price: its parts, the constraints behind it, largest first, and the generators that set prices."""

    bus: int
    lmp: float
    energy: float
    loss: float
    congestion: float
    contributions: tuple[Contribution, ...]
    marginal_generators: tuple[str, ...]


def parts(clearing: Clearing, *, reference: int | FloatArray | None = None) -> PriceParts:
    """Return the parts for a reference: a bus by position, weights (n_bus,), or None for the network's own bus."""
    sensitivities = clearing.programme.sensitivities
    islands = sensitivities.islands
    weights = sensitivities.weights_of(reference)
    live = np.flatnonzero(islands.of_bus >= 0)
    where = islands.of_bus[live]
    delivered = 1.0 - clearing.loss_factor
    lossless = not clearing.loss_factor.any()
    if not lossless:
        level = np.ones(islands.count + 1)
        level[:-1] = np.bincount(where, (weights * delivered)[live], islands.count)
        delivered = delivered / level[islands.of_bus]
    factors = _shift_factors(clearing)
    island = islands.of_bus[sensitivities.network.branches.from_bus[[one.branch for one in clearing.constraints]]]
    inside = island[:, None] == islands.of_bus[None, :]
    base = factors - np.where(inside, (factors @ clearing.base_weights)[:, None], 0.0)
    moved = base - np.where(inside, (base @ weights)[:, None] * delivered, 0.0)
    price = np.array([-one.direction * one.shadow_price_usd_per_mwh for one in clearing.constraints])
    by_constraint = price[:, None] * moved
    energy = np.full(islands.of_bus.size, np.nan)
    energy[live] = np.bincount(where, (weights * np.nan_to_num(clearing.lmp))[live], islands.count)[where]
    by_constraint[:, islands.of_bus < 0] = np.nan
    return PriceParts(
        constraints=clearing.constraints,
        weights=weights,
        energy=energy,
        loss=np.where(np.isnan(energy), np.nan, 0.0) if lossless else energy * (delivered - 1.0),
        congestion=np.where(np.isnan(energy), np.nan, by_constraint.sum(axis=0)),
        by_constraint=by_constraint,
        shift_factors=moved,
    )


def _shift_factors(clearing: Clearing) -> FloatArray:
    """Return the constraints' shift factors (k, n_bus) with each island's own reference bus."""
    sensitivities = clearing.programme.sensitivities
    rows = sensitivities.rows(np.array([one.branch for one in clearing.constraints], np.int64))
    after = [at for at, one in enumerate(clearing.constraints) if one.outage != NO_OUTAGE]
    if after:
        outages = np.array([clearing.constraints[at].outage for at in after])
        factor = np.array([clearing.constraints[at].factor for at in after])
        rows[after] += factor[:, None] * sensitivities.rows(outages)
    return rows


def explain(clearing: Clearing, *, bus: int, reference: int | FloatArray | None = None) -> Explanation:
    """Return how the price at a bus (its position) came about."""
    found = parts(clearing, reference=reference)
    added = found.by_constraint[:, bus]
    order = np.argsort(-np.abs(added), kind="stable").tolist()
    return Explanation(
        bus=int(clearing.programme.network.buses.number[bus]),
        lmp=float(clearing.lmp[bus]),
        energy=float(found.energy[bus]),
        loss=float(found.loss[bus]),
        congestion=float(found.congestion[bus]),
        contributions=tuple(
            Contribution(
                clearing.constraints[at].name,
                float(found.shift_factors[at, bus]),
                clearing.constraints[at].shadow_price_usd_per_mwh,
                float(added[at]),
            )
            for at in order
        ),
        marginal_generators=marginal_generators(clearing),
    )


def marginal_generators(clearing: Clearing) -> tuple[str, ...]:
    """Return the generators whose offers set prices: dispatched away from both their limits."""
    generators = clearing.programme.network.generators
    on = clearing.programme.network.live_generators
    power = clearing.generation_mw[on]
    inside = (power > generators.min_mw[on] + MARGIN_MW) & (power < generators.max_mw[on] - MARGIN_MW)
    return tuple(generators.name[one] for one in on[inside].tolist())


@dataclass(frozen=True, slots=True)
class Rents:
    """Money of an interval in USD/h: loads' payment less generators' revenue is congestion rent and loss rent."""

    load_payment: float
    generator_revenue: float
    congestion_rent: float
    loss_rent: float


def rents(clearing: Clearing) -> Rents:
    """Return payments and rents. Congestion rent is shadow price x flow; what is over is the losses' over-collection.

    Direct-current lines are paid like any trader: their income is in neither rent, so it is counted as generation.
    """
    programme = clearing.programme
    price = np.nan_to_num(clearing.lmp)
    x_revenue = float(price[programme.network.generators.bus] @ clearing.generation_mw)
    hvdc = programme.network.hvdc
    sent = clearing.hvdc_mw
    got = np.where(hvdc.in_service, sent - hvdc.loss_mw - hvdc.loss_share * sent, 0.0)
    x_revenue += float(price[hvdc.to_bus] @ got - price[hvdc.from_bus] @ sent)
    paid = float(price @ clearing.demand_mw)
    congestion = sum(one.shadow_price_usd_per_mwh * one.direction * one.flow_mw for one in clearing.constraints)
    return Rents(paid, x_revenue, float(congestion), paid - x_revenue - float(congestion))
