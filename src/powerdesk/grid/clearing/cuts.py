"""Losses by tangents: a loss column per island that may not be less than any tangent of the quadratic losses.

    losses = sum_k r_k f_k^2 / base
    tangent at flows f0:  LF0 . i + sum_k 2 r f0 (f when i = 0) / base - losses(f0),   LF0 = T^w' (2 r f0 / base)

Flows carry no losses on the way (r f^2 is withdrawn at the loss weights w), so losses are a convex function of the
injections and every tangent is a valid cut as long as energy is worth something. Plain successive linearisation
oscillates between vertices; cuts do not. With frozen factors one tangent is an equality, as system operators do it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from powerdesk.grid.clearing.programme import Programme
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray


class Losses(StrEnum):
    """How a clearing treats losses."""

    NONE = "none"
    FROZEN = "frozen"
    """Loss factors of a base point, the lossless dispatch or flows given, kept: the programme stays linear."""
    QUADRATIC = "quadratic"
    """r f^2, by tangent cuts until they touch."""
    BRANCH = "branch"
    """g (angle difference)^2 of each branch, withdrawn half at either end (Egret's `btheta_losses`); Clarabel only."""


@dataclass(frozen=True, eq=False, slots=True)
class LossCuts:
    """Per cut (n_cut,): island, constant in MW, equality or not; `factor` (n_cut, n_bus) in MW lost per MW injected."""

    island: IntArray
    constant_mw: FloatArray
    equal: BoolArray
    factor: FloatArray

    def __bool__(self) -> bool:
        return bool(self.island.size)

    @staticmethod
    def none(programme: Programme) -> LossCuts:
        """Return no cuts."""
        empty = np.empty(0)
        return LossCuts(empty.astype(np.int64), empty, empty.astype(bool), np.empty((0, programme.fixed_mw.size)))

    def joined(self, other: LossCuts) -> LossCuts:
        """Return these cuts and others."""
        return LossCuts(
            np.concatenate((self.island, other.island)),
            np.concatenate((self.constant_mw, other.constant_mw)),
            np.concatenate((self.equal, other.equal)),
            np.concatenate((self.factor, other.factor)),
        )

    def matrix(self, programme: Programme) -> FloatArray:
        """Return the cuts over columns (n_cut, n_column): 1 at the loss column, minus the factor of each other."""
        rows: FloatArray = -np.asarray(self.factor @ programme.placement)
        rows[:, programme.loss] = 0.0
        rows[np.arange(self.island.size), programme.loss[self.island]] = 1.0
        return rows

    def loss_gap(self, programme: Programme, x: FloatArray, flows_mw: FloatArray) -> float:
        """Return how far the loss columns are from the flows' losses, over 1 + the losses; frozen ones may differ."""
        if not programme.loss.size or (self.equal.size and self.equal.all()):
            return 0.0
        truly = losses_mw(programme, flows_mw)
        return float(np.max(np.abs(truly - x[programme.loss]) / (1.0 + truly)))

    def natural_residual(self, lost_mw: FloatArray, injection_mw: FloatArray, price: FloatArray) -> float:
        """Return the worst of: a negative cut price, a price on a cut that is slack, a broken cut.

        `lost_mw` (n_island,) is what the loss columns take, `injection_mw` (n_bus,) leaves it out.
        """
        if not self.island.size:
            return 0.0
        slack = lost_mw[self.island] - self.factor @ injection_mw - self.constant_mw
        moved = np.where(self.equal, 0.0, np.maximum(slack - price, 0.0))
        return float(np.max(np.abs(slack - moved)))


def losses_mw(programme: Programme, flows_mw: FloatArray) -> FloatArray:
    """Return r f^2 / base summed over each island (n_island,), in MW."""
    lost = programme.loss_per_mw * flows_mw**2
    return summed(programme, lost)


def summed(programme: Programme, branch_value: FloatArray) -> FloatArray:
    """Return values of branches (n_branch,) summed over each island (n_island,)."""
    islands = programme.sensitivities.islands
    island = islands.of_bus[programme.network.branches.from_bus]
    mine = island >= 0
    return np.bincount(island[mine], branch_value[mine], islands.count).astype(np.float64)


def tangent(programme: Programme, *, flows_mw: FloatArray, equal: bool) -> LossCuts:
    """Return the tangents of islands' losses at flows (n_branch,), over injections that leave losses out: one solve.

    The flows may be those of another model, e.g. of an alternating-current power flow: the tangent touches there.
    """
    sensitivities = programme.sensitivities
    islands = sensitivities.islands
    gradient = 2.0 * programme.loss_per_mw * flows_mw
    effect = sensitivities.bus_effect(gradient)
    live = np.flatnonzero(islands.of_bus >= 0)
    where = islands.of_bus[live]
    level = np.bincount(where, (programme.loss_weights * effect)[live], islands.count)
    factor = np.zeros((islands.count, effect.size))
    factor[where, live] = effect[live] - level[where]
    constant = summed(programme, gradient * sensitivities.fixed_flow_mw) - losses_mw(programme, flows_mw)
    return LossCuts(np.arange(islands.count), constant, np.full(islands.count, equal), factor)
