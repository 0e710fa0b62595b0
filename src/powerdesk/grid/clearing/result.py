"""What a clearing gives: dispatch, flows, prices, the constraints that made them, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from powerdesk.grid.clearing.rows import NO_OUTAGE
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from powerdesk.grid.clearing.programme import Programme
    from powerdesk.grid.clearing.rows import FlowRows
    from powerdesk.grid.types import FloatArray
    from powerdesk.solvers.linear import KktResidual

PRICE_TOLERANCE_USD_PER_MWH = 1e-7
"""Shadow prices below it are rounding of the solver."""


class InfeasibleError(Problem):
    """No dispatch keeps every limit; `findings` names the smallest set of limits in conflict that was found."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "dispatch-infeasible"
    title: ClassVar[str] = "No dispatch keeps every limit"


class DispatchUnverifiedError(Problem):
    """No rung of the ladder gave a dispatch that passes our own check."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "dispatch-unverified"
    title: ClassVar[str] = "The dispatch has no verified optimum"


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


@dataclass(frozen=True, eq=False, slots=True)
class Clearing:
    """A verified optimum; `engine` and `rung` say what found it.

    Per generator generation_mw, per direct-current line hvdc_mw (leaving its from-bus), per branch flows_mw, per bus
    lmp in USD/MWh and demand_mw, per island energy: the price at its own reference bus. `loss_factor` (n_bus,) and
    `losses_mw` are zero without losses; losses are withdrawn at `loss_weights` (n_bus,).
    """

    programme: Programme
    objective_usd_per_h: float
    engine: str
    rung: str
    kkt: KktResidual
    rounds: int
    demand_mw: FloatArray
    generation_mw: FloatArray
    hvdc_mw: FloatArray
    flows_mw: FloatArray
    lmp: FloatArray
    energy: FloatArray
    constraints: tuple[Constraint, ...]
    loss_factor: FloatArray
    losses_mw: float


def constraints_of(programme: Programme, rows: FlowRows, flows_mw: FloatArray, price: FloatArray) -> tuple[Constraint, ...]:
    """Return the rows with a price as named constraints, dearest first."""
    found = np.flatnonzero(np.abs(price) > PRICE_TOLERANCE_USD_PER_MWH)
    found = found[np.argsort(-np.abs(price[found]), kind="stable")]
    flow = rows.flows(flows_mw)
    return tuple(_constraint(programme, rows, at, float(flow[at]), float(price[at])) for at in found.tolist())


def _constraint(programme: Programme, rows: FlowRows, at: int, flow: float, price: float) -> Constraint:
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
