"""Shift factors on demand: one sparse factorisation of the susceptance matrix, rows when asked for, a bounded cache.

`T[k, n]` (the PTDF) is the flow on branch k in MW per MW injected at bus n and withdrawn at the reference. A row costs
one sparse solve, so 200 rows of a grid of 9 000 buses take tens of milliseconds where the whole matrix takes seconds
and a gigabyte. Susceptances may be negative (series capacitors), so the factorisation is an LU, not a Cholesky.
Wood, Wollenberg, Sheble (2013), "Power Generation, Operation, and Control", chapter 7.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from powerdesk.grid import topology
from powerdesk.grid.types import NetworkError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.grid.types import BranchModel, FloatArray, IntArray, Network

CACHE_BYTES = 64 * 2**20
"""Rows kept: some 1 000 of a grid of 8 000 buses."""

ROWS_AT_ONCE = 16
"""Right-hand sides of one solve: fewer repeat the walk through the factor, more leave the processor's caches."""


class Sensitivities:
    """A factorised network under one branch model. Not safe to share between threads: the cache is written by reads.

    `susceptance_mw` (n_branch,) in MW per radian, `shift_rad` (n_branch,), `islands`. In each island one bus absorbs
    what the island's injections do not balance; in the island of the network's reference it is that reference.
    """

    def __init__(self, network: Network, *, model: BranchModel, cache_bytes: int = CACHE_BYTES) -> None:
        self.network = network
        self.model = model
        self.islands = topology.islands(network)
        self.susceptance_mw = network.susceptance_mw(model)
        self.shift_rad = network.shift_rad(model)
        self._from, self._to = network.branches.from_bus, network.branches.to_bus
        self._rows: OrderedDict[int, FloatArray] = OrderedDict()
        self._most_rows = max(1, cache_bytes // (8 * max(1, len(network.buses))))
        self.reference_of = topology.references(network, self.islands)
        """Position of each island's own reference bus (n_island,)."""
        live = np.flatnonzero(self.islands.of_bus >= 0)
        self.by_island = sparse.csr_array(
            (np.ones(live.size), (self.islands.of_bus[live], live)), shape=(self.islands.count, len(network.buses))
        )
        """Sums over each island (n_island, n_bus)."""
        inner = network.live.copy()
        inner[self.reference_of] = False
        self._inner = np.flatnonzero(inner)
        self._place = np.full(len(network.buses), self._inner.size)
        self._place[self._inner] = np.arange(self._inner.size)
        self.to_buses, self._weighted = self._incidence()
        self.laplacian = self._laplacian()
        """The susceptance matrix of all buses (n_bus, n_bus) in MW per radian; `to_buses` (n_bus, n_branch) is A'b."""
        self.stiffness_mw = np.abs(self.laplacian.diagonal())
        self._lu = self._factor()
        self.fixed_flow_mw = self._fixed_flow()
        """Flow with no injection at all (n_branch,): what phase shifters drive round their loops."""

    def _incidence(self) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Return the incidence weighted by susceptance: as (n_bus, n_branch) and as (n_branch, n_bus)."""
        n_branch, n_bus = len(self.network.branches), len(self.network.buses)
        row = np.tile(np.arange(n_branch), 2)
        column = np.concatenate((self._from, self._to))
        value = np.concatenate((self.susceptance_mw, -self.susceptance_mw))
        weighted = sparse.csr_array((value, (row, column)), shape=(n_branch, n_bus))
        return sparse.csr_array(weighted.T), weighted

    def _laplacian(self) -> sparse.csr_array:
        n_bus, b = len(self.network.buses), self.susceptance_mw
        row = np.concatenate((self._from, self._to, self._from, self._to))
        column = np.concatenate((self._from, self._to, self._to, self._from))
        return sparse.csr_array((np.concatenate((b, b, -b, -b)), (row, column)), shape=(n_bus, n_bus))

    def _factor(self) -> linalg.SuperLU | None:
        if not self._inner.size:
            return None
        matrix = sparse.csc_array(self.laplacian[self._inner][:, self._inner])
        try:
            factor = linalg.splu(
                matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.001, options={"SymmetricMode": True}
            )
        except RuntimeError as error:
            raise NetworkError(
                found=f"a susceptance matrix that cannot be inverted ({error})",
                allowed="reactances that do not cancel",
                remedy="look for branches in parallel with opposite reactances",
            ) from error
        return factor

    def angles_rad(self, injection_mw: FloatArray) -> FloatArray:
        """Return voltage angles (n_bus,) or (n_bus, k) of injections of that shape, 0 at each island's reference."""
        out = np.zeros_like(injection_mw, dtype=np.float64)
        if self._lu is not None:
            out[self._inner] = self._lu.solve(np.ascontiguousarray(injection_mw[self._inner]))
        return out

    def differences(self, bus_value: FloatArray) -> FloatArray:
        """Return values at from-buses less those at to-buses: (n_branch,) of (n_bus,), (n_branch, k) of (n_bus, k)."""
        out: FloatArray = bus_value[self._from]
        out -= bus_value[self._to]
        return out

    def flows_mw(self, injection_mw: FloatArray) -> FloatArray:
        """Return branch flows (n_branch,) of injections (n_bus,), phase shifts included."""
        flow = self.injected_flows_mw(injection_mw)
        flow += self.fixed_flow_mw
        return flow

    def injected_flows_mw(self, injection_mw: FloatArray) -> FloatArray:
        """Return T times injections: (n_branch,) of (n_bus,) or (n_branch, k) of (n_bus, k); no phase shifts."""
        flow = self.differences(self.angles_rad(injection_mw))
        flow *= self.susceptance_mw if flow.ndim == 1 else self.susceptance_mw[:, None]
        return flow

    def _fixed_flow(self) -> FloatArray:
        driven = self.susceptance_mw * self.shift_rad
        if not driven.any():
            return np.zeros(driven.size)
        injection = np.bincount(self._from, driven, len(self.network.buses)).astype(np.float64)
        injection -= np.bincount(self._to, driven, len(self.network.buses))
        flow: FloatArray = self._weighted @ self.angles_rad(injection) - driven
        return flow

    def bus_effect(self, branch_value: FloatArray) -> FloatArray:
        """Return T' v (n_bus,) for values per branch (n_branch,), with each island's own reference: one solve.

        With v the shadow prices of flows it is their congestion; with v the gradient of losses, the loss factors.
        """
        return self.angles_rad(self.to_buses @ branch_value)

    def rows(self, branches: IntArray) -> FloatArray:
        """Return PTDF rows (len(branches), n_bus) with each island's own reference; zero outside the branch's island.

        Rows not in the cache are computed in blocks; a request larger than the cache is served and not all kept.
        """
        wanted = np.asarray(branches, dtype=np.int64)
        out = np.zeros((wanted.size, len(self.network.buses)))
        missing: list[int] = []
        for at, branch in enumerate(wanted.tolist()):
            held = self._rows.get(branch)
            if held is None:
                missing.append(at)
            else:
                self._rows.move_to_end(branch)
                out[at] = held
        for begin in range(0, len(missing), ROWS_AT_ONCE):
            block = missing[begin : begin + ROWS_AT_ONCE]
            for at, row in zip(block, self._solved_rows(wanted[block]), strict=True):
                out[at, self._inner] = row
                self._rows[int(wanted[at])] = out[at].copy()
        while len(self._rows) > self._most_rows:
            self._rows.popitem(last=False)
        return out

    def forget(self) -> None:
        """Drop the rows kept, to give their memory back."""
        self._rows.clear()

    def _solved_rows(self, branches: IntArray) -> FloatArray:
        """Return rows (len(branches), n_inner) over the buses that are not their island's reference."""
        right = np.zeros((self._inner.size + 1, branches.size), order="F")  # the last line takes what references get
        at = np.arange(branches.size)
        right[self._place[self._from[branches]], at] += self.susceptance_mw[branches]
        right[self._place[self._to[branches]], at] -= self.susceptance_mw[branches]
        if self._lu is None:
            return np.zeros((branches.size, 0))
        solved: FloatArray = self._lu.solve(np.asfortranarray(right[:-1]))
        return solved.T

    def ptdf(self, branches: IntArray, *, weights: FloatArray | None = None) -> FloatArray:
        """Return PTDF rows (len(branches), n_bus), withdrawn at `weights` (n_bus,), which sum to 1 on each island.

        Without weights the reference is each island's own bus. T^w = T - (T w) 1'.
        """
        rows = self.rows(branches)
        return rows if weights is None else self.rereferenced(rows, branches, weights)

    def rereferenced(self, rows: FloatArray, branches: IntArray, weights: FloatArray) -> FloatArray:
        """Return rows of any reference with the reference moved to `weights`; zero outside a branch's island still."""
        island = self.islands.of_bus[self._from[branches]]
        inside = island[:, None] == self.islands.of_bus[None, :]
        moved: FloatArray = rows - np.where(inside, (rows @ weights)[:, None], 0.0)
        return moved

    def transfer_rows(self, from_bus: IntArray, to_bus: IntArray) -> FloatArray:
        """Return the flow on every branch per MW sent from one bus to another (n_branch, k), for k transfers."""
        injection = np.zeros((len(self.network.buses), from_bus.size))
        at = np.arange(from_bus.size)
        injection[from_bus, at] += 1.0
        injection[to_bus, at] -= 1.0
        flow: FloatArray = self._weighted @ self.angles_rad(injection)
        return flow

    def weights_of(self, reference: int | NDArray[np.float64] | None) -> FloatArray:
        """Return weights (n_bus,) that sum to 1 on each island: a bus, a vector (scaled), or None for the own buses.

        An island where a bus or vector says nothing keeps its own reference bus. Raises NetworkError for a vector of
        another size. Weights below zero (a bus that feeds in) are allowed; their sum must be above.
        """
        weights = np.zeros(len(self.network.buses))
        if isinstance(reference, np.ndarray):
            if reference.shape != weights.shape or not np.isfinite(reference).all():
                raise NetworkError(
                    found="weights of another size, or not numbers",
                    allowed=f"{weights.size} weights",
                    remedy="give a weight for each bus",
                )
            weights += np.where(self.network.live, reference, 0.0)
        elif reference is not None:
            weights[reference] = 1.0
        live = np.flatnonzero(self.network.live)
        total = np.bincount(self.islands.of_bus[live], weights[live], self.islands.count)
        silent = total <= 0.0
        weights[self.reference_of[silent]] = 1.0
        total[silent] = 1.0
        weights[live] /= total[self.islands.of_bus[live]]
        return weights
