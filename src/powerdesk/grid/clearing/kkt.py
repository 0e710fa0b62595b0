"""Our own check of an optimum, from the data of the case alone; no solver's claim enters.

The conditions are those of the angle form whichever engine solved: with B the susceptance matrix and A the incidence,

    stationarity of angles   B (lmp - energy parts) = A' b nu,   nu = shadow prices gathered per branch
    stationarity of columns  x = clip(x - (c + 2 q x - P'lmp), lower, upper)
    flows                    low <= flow <= high, a price only at the limit it presses

so a wrong shift factor, a lost row or a wrong basis each leaves a residual. Boyd & Vandenberghe (2004), section 5.5.3;
the clipped form is the natural residual of the variational inequality (Facchinei & Pang 2003, section 1.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.solvers.linear import KktResidual

if TYPE_CHECKING:
    from powerdesk.grid.clearing.cuts import LossCuts
    from powerdesk.grid.clearing.programme import Programme
    from powerdesk.grid.clearing.rows import FlowRows
    from powerdesk.grid.types import FloatArray

TOLERANCE = 1e-6
"""Largest scaled residual of an accepted optimum. Accepted ones are mostly below 1e-10."""

FLOW_TOLERANCE_MW = 1e-6
"""Flow beyond a limit that the engines leave; the check scales it by the limit."""


@dataclass(frozen=True, eq=False, slots=True)
class Candidate:
    """An answer to check. `x` and bounds (n_column,), `energy` (n_island,), `lmp` (n_bus,) and flows (n_branch,).

    `lmp` leaves out what the loss cuts add; `row_price` (n_row,) belongs to flow rows, `cut_price` (n_cut,) to cuts,
    `side_price` (n_side,) to the programme's rows over columns alone.
    """

    x: FloatArray
    lower: FloatArray
    upper: FloatArray
    demand_mw: FloatArray
    energy: FloatArray
    lmp: FloatArray
    flows_mw: FloatArray
    row_price: FloatArray
    injection_mw: FloatArray
    side_price: FloatArray
    loss_withdrawn_mw: FloatArray
    cut_price: FloatArray
    cuts: LossCuts


def residual(programme: Programme, rows: FlowRows, one: Candidate) -> KktResidual:
    """Return the worst residuals: primal over 1 + |limit|, dual and complementarity over 1 + the largest cost."""
    values = (one.x, one.lmp, one.energy, one.flows_mw, one.row_price)
    if not all(np.isfinite(value).all() for value in values):
        return KktResidual(float("nan"), float("nan"), float("nan"))
    scale = 1.0 + float(np.max(np.abs(programme.cost + 2.0 * programme.quadratic * one.x), initial=0.0))
    return KktResidual(
        primal=max(
            _balance(programme, one), _bounds(programme, rows, one), one.cuts.loss_gap(programme, one.x, one.flows_mw)
        ),
        dual=_network_dual(programme, rows, one) / scale,
        complementarity=max(
            _columns(programme, one),
            rows.natural_residual(one.flows_mw, one.row_price),
            one.cuts.natural_residual(one.x[programme.loss], one.injection_mw + one.loss_withdrawn_mw, one.cut_price),
        )
        / scale,
    )


def _balance(programme: Programme, one: Candidate) -> float:
    """Return the worst imbalance of an island over 1 + its demand."""
    by_island = programme.sensitivities.by_island
    surplus, demand = by_island @ one.injection_mw, by_island @ np.abs(one.demand_mw)
    return float(np.max(np.abs(surplus) / (1.0 + demand), initial=0.0))


def _bounds(programme: Programme, rows: FlowRows, one: Candidate) -> float:
    """Return the worst violation of a column's bound or a flow's limit, over 1 + the size of the limit."""
    out = np.maximum(one.lower - one.x, one.x - one.upper)
    worst = float(np.max(out / (1.0 + np.abs(one.x)), initial=0.0))
    low, high = rows.hard_limits(programme.flow_low_mw, programme.flow_high_mw)
    beyond = np.maximum(low - one.flows_mw, one.flows_mw - high)
    broken = np.flatnonzero(beyond > 0.0)
    size = 1.0 + np.minimum(np.abs(low[broken]), np.abs(high[broken]))
    return max(worst, float(np.max(beyond[broken] / size, initial=0.0)))


def _network_dual(programme: Programme, rows: FlowRows, one: Candidate) -> float:
    """Return how far the prices are from what shadow prices imply at each bus, in USD/MWh."""
    sensitivities = programme.sensitivities
    gap = sensitivities.to_buses @ (sensitivities.differences(one.lmp) - rows.per_branch(one.row_price))
    stiffness = sensitivities.stiffness_mw
    np.divide(gap, stiffness, out=gap, where=stiffness > 0.0)  # without branches there is no gap
    reference = one.lmp[sensitivities.reference_of] - one.energy
    return max(float(np.max(np.abs(gap), initial=0.0)), float(np.max(np.abs(reference), initial=0.0)))


def _columns(programme: Programme, one: Candidate) -> float:
    """Return the worst natural residual of a column: its reduced cost, or its distance to the bound it presses."""
    reduced = programme.cost + 2.0 * programme.quadratic * one.x - programme.to_columns @ one.lmp
    if one.side_price.size:
        reduced = reduced - one.side_price @ programme.side
    if one.cut_price.size:
        reduced = reduced - one.cut_price @ one.cuts.matrix(programme)
    moved = np.clip(one.x - reduced, one.lower, one.upper)
    worst = float(np.max(np.abs(one.x - moved), initial=0.0))
    if not one.side_price.size:
        return worst
    held = programme.side @ one.x
    moved = np.clip(held - one.side_price, programme.side_lower, programme.side_upper)
    return max(worst, float(np.max(np.abs(held - moved))))
