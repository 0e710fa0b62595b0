"""Prices of a plan: the dispatch with every state given, and what one MW more would cost at each bus.

    lmp_n = energy of n's island + sum_k congestion_kn,    congestion_kn = -direction_k shadow price_k T_kn

with T the shift factors to each island's own reference. With states given the programme is linear; its answer is taken
only when the optimality conditions hold from the data (`solvers.linear`). A price is the cost of the last MW, so starts
and minimum outputs may not be paid by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.commitment import assembling, reducing
from powerdesk.grid.commitment import fleet as fleets
from powerdesk.grid.commitment.assembling import ABSENT
from powerdesk.grid.commitment.flows import NO_OUTAGE
from powerdesk.grid.commitment.modelling import Model
from powerdesk.solvers import linear

if TYPE_CHECKING:
    from powerdesk.grid.commitment.flows import Limits
    from powerdesk.grid.commitment.plan import Dispatch
    from powerdesk.grid.commitment_case import CommitmentCase
    from powerdesk.grid.types import BoolArray, FloatArray

FULL_SHARE = 1e-6
"""A segment that misses its width by less, relatively, is full."""

PRICE_CHORD_TOLERANCE = 1e-6
"""Finer than for states: a chord of a quadratic cost moves prices by half its own rise."""

MOST_ROUNDS = 200
"""Rounds of added limits; a round adds rows that were not there, so that more are the sign of a mistake."""

BINDING_USD_PER_MWH = 1e-7
"""A shadow price of less is none."""


@dataclass(frozen=True, slots=True)
class BindingLimit:
    """A limit that has a price: direction +1 along the line, -1 against it; `outage` is None in the base case."""

    interval: int
    line: str
    outage: str | None
    direction: int
    flow_mw: float
    limit_mw: float
    shadow_price_usd_per_mwh: float


@dataclass(frozen=True, eq=False, slots=True)
class Prices:
    """USD/MWh: `lmp` and `energy` (n, n_bus), `reserve` (n, n_reserve) by requirement; `shift_factors` (k, n_bus).

    `congestion` (n, n_bus) is the sum over `limits` (k) of -direction x shadow price x shift factor.
    """

    lmp: FloatArray
    energy: FloatArray
    reserve: FloatArray
    limits: tuple[BindingLimit, ...]
    shift_factors: FloatArray
    dispatch: Dispatch

    @property
    def congestion(self) -> FloatArray:
        """What limits of lines add (n, n_bus)."""
        return self.lmp - self.energy


def price(case: CommitmentCase, *, on: BoolArray, dispatch: Dispatch | None = None) -> Prices:
    """Return the prices of states `on` (n, n_unit), such as a Commitment's.

    `dispatch` tells which segments are full where a unit's cost is not convex; without it they are open from the first.
    Raises UnsolvedError when the states leave no dispatch.
    """
    pricing = _Pricing(case, on, dispatch)
    return pricing.prices(*pricing.solve())


class _Pricing:
    """The linear programme of a plan, with limits of lines as they are met."""

    def __init__(self, case: CommitmentCase, on: BoolArray, dispatch: Dispatch | None) -> None:
        self.case = case
        self.model = Model(case, fleets.of(case, chord_tolerance=PRICE_CHORD_TOLERANCE), matched=False)
        layout, programme = self.model.made.layout, self.model.programme
        self.lower, self.upper = programme.lower.copy(), programme.upper.copy()
        first = self.model.fleet.was_on
        before = np.vstack((np.where(np.isnan(first), on[0], first == 1.0)[None, :], on[:-1])).astype(bool)
        for held, value in ((layout.on, on), (layout.start, on & ~before)):
            self.lower[held] = self.upper[held] = value
        self._fix_order(dispatch)

    def _fix_order(self, dispatch: Dispatch | None) -> None:
        order, fleet = self.model.made.layout.order, self.model.fleet
        if order.shape[2] == 0:
            return
        corner = np.cumsum(fleet.width_mw, axis=2)[:, :, : order.shape[2]]
        above = np.zeros(fleet.low.shape) if dispatch is None else dispatch.power_mw - fleet.low
        full = above[:, :, None] >= corner * (1.0 - FULL_SHARE)
        held = order != ABSENT
        self.lower[order[held]] = self.upper[order[held]] = full[held]

    def solve(self) -> tuple[FloatArray, FloatArray]:
        """Return the optimum that breaks no limit of a line: its columns, and the duals of its rows."""
        layout = self.model.made.layout
        keep = np.concatenate((layout.balance.ravel(), layout.requirement.ravel()))
        for _ in range(MOST_ROUNDS):
            programme = self.model.programme
            more = programme.cost.size - self.lower.size
            bounded = programme.bounded(
                np.append(self.lower, np.zeros(more)), np.append(self.upper, np.full(more, np.inf))
            )
            flow = np.arange(self.model.made.rows.count, programme.row_lower.size)
            small = reducing.reduced(bounded, keep=np.concatenate((keep, flow)))
            if not small.possible:
                raise linear.UnsolvedError(
                    found="states that leave no dispatch", allowed="a plan that keeps every limit", remedy="commit anew"
                )
            left = small.programme
            solution = linear.solve(
                linear.LinearProgram(
                    cost=left.cost,
                    matrix=assembling.rows_of(left.rows),
                    row_lower=left.row_lower,
                    row_upper=left.row_upper,
                    col_lower=left.lower,
                    col_upper=left.upper,
                )
            )
            point = small.whole_point(solution.primal)
            if not self.model.meet(point):
                break
        else:
            raise linear.UnsolvedError(
                found=f"limits that are still broken after {MOST_ROUNDS} rounds",
                allowed="an optimum that keeps every limit",
                remedy="report the case: each round adds limits that were not there",
            )
        duals = np.zeros(programme.row_lower.size)
        duals[small.kept] = solution.row_duals
        return point, duals

    def prices(self, point: FloatArray, duals: FloatArray) -> Prices:
        """Return the prices that the duals say."""
        case, layout, flows = self.case, self.model.made.layout, self.model.flows
        dual = duals / case.hours
        n_bus = len(case.buses)
        energy = dual[layout.balance][:, np.zeros(n_bus, np.int64) if flows is None else flows.island]
        lmp, row = energy.copy(), self.model.made.rows.count
        net = self.model.net_mw(point)
        binding: list[BindingLimit] = []
        factors: list[FloatArray] = []
        for limits in self.model.limits:
            made = flows.shift_factors(limits) if flows is not None else np.empty((0, n_bus))
            value = dual[row : row + limits.line.size]
            row += limits.line.size
            for at in np.flatnonzero(np.abs(value) > BINDING_USD_PER_MWH).tolist():
                lmp[limits.interval[at]] += value[at] * made[at]
                flow = float(made[at] @ net[limits.interval[at]])
                binding.append(_binding(case, limits, at, flow, float(value[at])))
                factors.append(made[at])
        return Prices(
            lmp=lmp,
            energy=energy,
            reserve=dual[layout.requirement],
            limits=tuple(binding),
            shift_factors=np.array(factors).reshape(-1, n_bus),
            dispatch=self.model.read(point).dispatch,
        )


def _binding(case: CommitmentCase, limits: Limits, at: int, flow_mw: float, value: float) -> BindingLimit:
    outage = int(limits.outage[at])
    return BindingLimit(
        interval=int(limits.interval[at]),
        line=case.lines[limits.line[at]].name,
        outage=None if outage == NO_OUTAGE else case.outages[outage].name,
        direction=1 if value < 0.0 else -1,
        flow_mw=flow_mw,
        limit_mw=float(limits.limit_mw[at]),
        shadow_price_usd_per_mwh=abs(value),
    )
