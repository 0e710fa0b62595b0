"""The flow limits that a clearing has met so far: base case, or after an outage, hard or with penalty steps.

A row's flow is flow_k + factor x flow_o (o out of service; factor 0 without an outage). Its price is the change of cost
per MW by which the binding limit rises, so it is <= 0 at an upper and >= 0 at a lower limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

if TYPE_CHECKING:
    from powerdesk.grid.sensitivities import Sensitivities
    from powerdesk.grid.types import FloatArray, IntArray

NO_OUTAGE = -1

MOST_KEPT = 2**18
"""Shift factors kept to price rows: beyond it one sparse solve is faster than a product with all of them."""


MOST_NEAR = 64
"""Buses of a row whose effect on prices is added up by itself: those beyond a line that leads to few."""

ROUNDING = 1e-14
"""Of a shift factor."""


@dataclass(frozen=True, slots=True)
class PenaltyStep:
    """MW beyond a limit, and what each of them costs per hour; steps must rise in price, the last may be endless."""

    width_mw: float
    price_usd_per_mwh: float


@dataclass(frozen=True, eq=False, slots=True)
class PricedRows:
    """Rows as they stood in one clearing, each with its price (n_row,)."""

    branch: IntArray
    outage: IntArray
    factor: FloatArray
    low_mw: FloatArray
    high_mw: FloatArray
    price: FloatArray

    def flows(self, flows_mw: FloatArray) -> FloatArray:
        """Return the rows' flows (n_row,) from the branches' (n_branch,)."""
        if not self.factor.any():
            return flows_mw[self.branch]
        found: FloatArray = flows_mw[self.branch] + self.factor * flows_mw[self.outage]
        return found


class FlowRows:
    """Rows in the order in which they were met."""

    def __init__(self, sensitivities: Sensitivities, *, steps: tuple[PenaltyStep, ...] = ()) -> None:
        self.steps = steps
        self._sensitivities = sensitivities
        self._n_branch = sensitivities.susceptance_mw.size
        self.branch: IntArray = np.empty(0, np.int64)
        self.outage: IntArray = np.empty(0, np.int64)
        self._has_outages = False
        self.factor: FloatArray = np.empty(0)
        self.low_mw: FloatArray = np.empty(0)
        self.high_mw: FloatArray = np.empty(0)
        self._shift_factors: FloatArray = np.empty((0, len(sensitivities.network.buses)))
        self._near = sparse.csr_array(self._shift_factors)
        self._solved: tuple[FloatArray, FloatArray] | None = None

    def __len__(self) -> int:
        return self.branch.size

    def add(
        self, *, branch: IntArray, outage: IntArray, factor: FloatArray, low_mw: FloatArray, high_mw: FloatArray
    ) -> FloatArray:
        """Append rows and return their shift factors (k, n_bus), own reference."""
        made = self._sensitivities.rows(branch)
        after = np.flatnonzero(outage != NO_OUTAGE)
        made[after] += factor[after, None] * self._sensitivities.rows(outage[after])
        self._solved = None
        if self._keeps and (len(self) + branch.size) * made.shape[1] <= MOST_KEPT:
            self._shift_factors = np.concatenate((self._shift_factors, made))
        else:
            before = _near(self._shift_factors) if self._keeps else self._near
            self._near = sparse.vstack((before, _near(made)), format="csr")
            self._shift_factors = np.empty((0, made.shape[1]))
        self.add_plain(branch=branch, outage=outage, factor=factor, low_mw=low_mw, high_mw=high_mw)
        return made

    @property
    def _keeps(self) -> bool:
        return len(self._shift_factors) == len(self)

    def congestion(self, price: FloatArray) -> FloatArray:
        """Return what rows' prices (n_row,) add to each bus's price (n_bus,), with each island's own reference."""
        if self._keeps:
            added: FloatArray = price @ self._shift_factors
            return added
        if self._near.shape[0] != len(self):
            return self._sensitivities.bus_effect(self.per_branch(price))
        far = np.where(np.diff(self._near.indptr) > 0, 0.0, price)
        if self._solved is None or not np.array_equal(self._solved[0], far):
            self._solved = far, self._sensitivities.bus_effect(self.per_branch(far))
        effect: FloatArray = self._solved[1] + price @ self._near
        return effect

    def add_plain(
        self, *, branch: IntArray, outage: IntArray, factor: FloatArray, low_mw: FloatArray, high_mw: FloatArray
    ) -> None:
        """Append rows without shift factors, for an engine that has no use for them."""
        self.branch = np.concatenate((self.branch, branch))
        self.outage = np.concatenate((self.outage, outage))
        self._has_outages |= bool((outage != NO_OUTAGE).any())
        self.factor = np.concatenate((self.factor, factor))
        self.low_mw = np.concatenate((self.low_mw, low_mw))
        self.high_mw = np.concatenate((self.high_mw, high_mw))

    def priced(self, price: FloatArray) -> PricedRows:
        """Return the rows as they stand, with their prices (n_row,)."""
        return PricedRows(self.branch, self.outage, self.factor, self.low_mw, self.high_mw, price)

    def flows(self, flows_mw: FloatArray) -> FloatArray:
        """Return the rows' flows (n_row,) from the branches' (n_branch,)."""
        found: FloatArray = flows_mw[self.branch]
        if self._has_outages:
            found += self.factor * flows_mw[self.outage]
        return found

    def per_branch(self, price: FloatArray) -> FloatArray:
        """Return the prices gathered on branches (n_branch,): an outage row also presses the branch that is out."""
        out = np.bincount(self.branch, price, self._n_branch)
        if self._has_outages:
            after = self.outage != NO_OUTAGE
            out += np.bincount(self.outage[after], (price * self.factor)[after], self._n_branch)
        return out.astype(np.float64)

    def hard_limits(self, low_mw: FloatArray, high_mw: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return limits per branch with those of base-case rows that have an endless penalty step taken off."""
        if not self.steps:
            return low_mw, high_mw
        room = sum(step.width_mw for step in self.steps)
        base = self.branch[self.outage == NO_OUTAGE]
        low, high = low_mw.copy(), high_mw.copy()
        low[base] -= room
        high[base] += room
        return low, high

    def excess(self, flows_mw: FloatArray) -> FloatArray:
        """Return how far each row's flow is beyond its limit (n_row,), 0 within."""
        flow = self.flows(flows_mw)
        return np.maximum(np.maximum(self.low_mw - flow, flow - self.high_mw), 0.0)

    def penalty(self, flows_mw: FloatArray) -> float:
        """Return what the excess flows cost by the penalty steps, in USD/h."""
        cost, left = 0.0, self.excess(flows_mw) if self.steps else np.zeros(0)
        for step in self.steps:
            taken = np.minimum(left, step.width_mw)
            cost += step.price_usd_per_mwh * float(taken.sum())
            left = left - taken
        return cost

    def natural_residual(self, flows_mw: FloatArray, price: FloatArray) -> float:
        """Return the worst of: a price of the wrong sign, one away from its limit, one that its step forbids."""
        if not len(self):
            return 0.0
        flow = self.flows(flows_mw)
        if not self.steps:
            moved = np.clip(flow - price, self.low_mw, self.high_mw)
            return float(np.max(np.abs(flow - moved)))
        room_high, room_low = self.high_mw - flow, flow - self.low_mw
        worst = np.minimum(np.maximum(-price, 0.0), np.maximum(room_high, 0.0))
        worst = np.maximum(worst, np.minimum(np.maximum(price, 0.0), np.maximum(room_low, 0.0)))
        return float(np.max(np.maximum(worst, self._off_steps(flow, price))))

    def _off_steps(self, flow: FloatArray, price: FloatArray) -> FloatArray:
        """Return how far each price is from the prices that its excess allows, or the excess from its step's edge."""
        excess = np.maximum(np.maximum(self.low_mw - flow, flow - self.high_mw), 0.0)
        least, most, edge = np.zeros(excess.size), np.zeros(excess.size), np.full(excess.size, np.inf)
        begin, before = 0.0, 0.0
        for step in (*self.steps, PenaltyStep(np.inf, np.inf)):
            inside = (excess > begin) & (excess <= begin + step.width_mw)
            least[inside], most[inside] = step.price_usd_per_mwh, step.price_usd_per_mwh
            edge[inside] = np.minimum(excess - begin, begin + step.width_mw - excess)[inside]
            at = excess == begin
            least[at], most[at] = before, step.price_usd_per_mwh
            begin, before = begin + step.width_mw, step.price_usd_per_mwh
        off = np.maximum(np.maximum(least - np.abs(price), np.abs(price) - most), 0.0)
        return np.minimum(off, np.where(np.isfinite(edge), edge, off))


def _near(shift_factors: FloatArray) -> sparse.csr_array:
    """Return the shift factors (k, n_bus) of rows with few, nothing in the others."""
    held = np.abs(shift_factors) > ROUNDING
    return sparse.csr_array(np.where(held & (held.sum(axis=1) <= MOST_NEAR)[:, None], shift_factors, 0.0))
