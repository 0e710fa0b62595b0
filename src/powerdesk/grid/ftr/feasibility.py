"""Whether the network bears rights all at once: flows in the base case and after each outage against their limits.

    up_k   = T_k i + sum over options of q max(+T_k i_j, 0) <= limit_k - fixed_k      i = injections of all obligations
    down_k = -T_k i + sum over options of q max(-T_k i_j, 0) <= limit_k + fixed_k     fixed = flow of phase shifters

and after the outage of o with T_k + LODF_ko T_o for T_k: obligations net each other, an option counts where it adds
flow and never relieves. Such rights are paid in full by the congestion rent of any lossless dispatch that keeps the
same limits: the payout is sum_k mu_k (up or down)_k and the rent sum_k mu_k limit_k.
Hogan (1992), "Contract networks for electric power transmission".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import contingencies
from powerdesk.grid.clearing.rows import NO_OUTAGE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from powerdesk.grid.ftr.paths import Paths
    from powerdesk.grid.sensitivities import Sensitivities
    from powerdesk.grid.types import FloatArray, IntArray, Network

TOLERANCE_MW = 1e-6
"""Flow beyond a limit that is rounding of the shift factors."""

EXACT_AT_ONCE = 4_096
"""Pairs of branch and outage whose options are added up one by one in one go."""


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Limits (n_row,): branch, outage (-1: base case) with its factor, direction +1 or -1, and room in MW."""

    branch: IntArray
    outage: IntArray
    factor: FloatArray
    direction: IntArray
    room_mw: FloatArray

    def __len__(self) -> int:
        return self.branch.size

    def pick(self, chosen: IntArray) -> Rows:
        """Return some of the rows."""
        return Rows(
            branch=self.branch[chosen],
            outage=self.outage[chosen],
            factor=self.factor[chosen],
            direction=self.direction[chosen],
            room_mw=self.room_mw[chosen],
        )

    def names(self, network: Network) -> tuple[str, ...]:
        """Return `FROM-TO` or `FROM-TO after OTHER`, with `reversed` where the flow runs to the from-bus."""
        branch = network.branches.name
        return tuple(
            branch[one] + (f" after {branch[out]}" if out != NO_OUTAGE else "") + (" reversed" if sign < 0 else "")
            for one, out, sign in zip(self.branch.tolist(), self.outage.tolist(), self.direction.tolist(), strict=True)
        )


@dataclass(frozen=True, eq=False, slots=True)
class Feasibility:
    """The verdict: rows at or beyond their limit with their flows, most loaded first, and `scale`.

    Every right multiplied by `scale` is just feasible (infinite where no limit is approached, 0 where the limits
    leave no room even without rights); at 1 or above the rights are feasible as they are.
    """

    scale: float
    rows: Rows
    flow_mw: FloatArray

    @property
    def feasible(self) -> bool:
        """Whether no limit is broken beyond rounding."""
        return not (self.flow_mw > self.rows.room_mw + TOLERANCE_MW).any()


def simultaneous(screen: Screen, *, mw: FloatArray) -> Feasibility:
    """Return whether rights of `mw` (n_path,), none below 0 for an option, are feasible together.

    Cost O(outages x branches), and O(options) more for each pair that a bound cannot rule out.
    """
    rows, flow = screen.loaded(mw, share=1.0 - 1e-9)
    order = np.argsort(rows.room_mw - flow, kind="stable")
    return Feasibility(screen.scale(mw), rows.pick(order), flow[order])


class Screen:
    """A network with limits and the paths whose rights load it. Belongs to one thread, as its sensitivities do.

    `limits_mw` and `emergency_mw` (n_branch,) hold in the base case and after each of `outages` (positions); without
    them the network's own ratings hold, and emergency ratings where given. Outages must keep the network whole.
    """

    def __init__(
        self,
        sensitivities: Sensitivities,
        paths: Paths,
        *,
        outages: IntArray | None = None,
        limits_mw: FloatArray | None = None,
        emergency_mw: FloatArray | None = None,
    ) -> None:
        branches = sensitivities.network.branches
        self.sensitivities, self.paths = sensitivities, paths
        self.outages = np.empty(0, np.int64) if outages is None else outages
        self.limits_mw = branches.rating_mw if limits_mw is None else limits_mw
        self.emergency_mw = branches.emergency_rating_mw if emergency_mw is None else emergency_mw
        self._options = np.flatnonzero(paths.option)
        each = paths.injection[self._options].toarray().T
        self._option_flow = sensitivities.injected_flows_mw(each)
        self._none_parts = np.zeros(len(branches), dtype=bool)

    def coefficients(self, rows: Rows) -> FloatArray:
        """Return the flow on each row per MW of each path (n_row, n_path): what it adds in the row's direction."""
        made = self.sensitivities.rows(rows.branch)
        after = np.flatnonzero(rows.outage != NO_OUTAGE)
        made[after] += rows.factor[after, None] * self.sensitivities.rows(rows.outage[after])
        flow: FloatArray = rows.direction[:, None] * (self.paths.injection @ made.T).T
        flow[:, self.paths.option] = np.maximum(flow[:, self.paths.option], 0.0)
        return flow

    def loaded(self, mw: FloatArray, *, share: float, base_only: bool = False) -> tuple[Rows, FloatArray]:
        """Return the rows that rights load beyond `share` of their room, and their flows (n_row,)."""
        found = [
            self._exact(block, np.flatnonzero(block.bound > share * block.rows.room_mw), mw)
            for block in self._blocks(mw, base_only=base_only)
        ]
        rows = joined([rows for rows, _ in found])
        flow = np.concatenate([flow for _, flow in found])
        kept = np.flatnonzero(flow > share * rows.room_mw)
        return rows.pick(kept), flow[kept]

    def scale(self, mw: FloatArray) -> float:
        """Return the greatest factor by which all rights may be multiplied; see Feasibility."""
        most = 0.0
        for block in self._blocks(mw):
            if (block.rows.room_mw < 0.0).any():
                return 0.0
            ratio = _ratio(block.bound, block.rows.room_mw)
            order = np.argsort(-ratio, kind="stable")
            for begin in range(0, order.size, EXACT_AT_ONCE):
                chosen = order[begin : begin + EXACT_AT_ONCE]
                if ratio[chosen[0]] <= most:
                    break
                rows, flow = self._exact(block, chosen, mw)
                most = max(most, float(_ratio(flow, rows.room_mw).max()))
        return 1.0 / most if most > 0.0 else float("inf")

    def _exact(self, block: _Block, chosen: IntArray, mw: FloatArray) -> tuple[Rows, FloatArray]:
        """Return rows of a block with their flows, options added up one by one."""
        rows = block.rows.pick(chosen)
        if not self._options.size:
            return rows, block.bound[chosen]
        flow = block.netted[chosen].copy()
        for begin in range(0, chosen.size, EXACT_AT_ONCE):
            part = slice(begin, begin + EXACT_AT_ONCE)
            each = self._option_flow[rows.branch[part]]
            after = rows.outage[part] != NO_OUTAGE
            each = each + np.where(after, rows.factor[part], 0.0)[:, None] * self._option_flow[rows.outage[part]]
            flow[part] += np.maximum(rows.direction[part, None] * each, 0.0) @ mw[self._options]
        return rows, flow

    def _blocks(self, mw: FloatArray, *, base_only: bool = False) -> Iterator[_Block]:
        """Yield all limited rows with their netted flow and a bound of their flow: exact without options."""
        obligations = np.where(self.paths.option, 0.0, mw)
        net = self.sensitivities.injected_flows_mw(np.asarray(self.paths.injection.T @ obligations))
        along = np.maximum(self._option_flow, 0.0) @ mw[self._options]
        against = np.maximum(-self._option_flow, 0.0) @ mw[self._options]
        fixed = self.sensitivities.fixed_flow_mw
        branch = np.flatnonzero(np.isfinite(self.limits_mw))
        nothing = np.full(branch.size, NO_OUTAGE)
        loads = _Loads(net, along, against, fixed)
        yield _block(branch, nothing, np.zeros(branch.size), self.limits_mw[branch], loads)
        branch = np.flatnonzero(np.isfinite(self.emergency_mw))
        for begin in range(0, 0 if base_only else self.outages.size, contingencies.OUTAGES_AT_ONCE):
            out = self.outages[begin : begin + contingencies.OUTAGES_AT_ONCE]
            lodf = contingencies.outage_factors(self.sensitivities, outages=out, parting=self._none_parts).lodf
            pair = np.repeat(branch, out.size), np.tile(out, branch.size)
            kept = np.flatnonzero(pair[0] != pair[1])
            factor = lodf[branch].ravel()[kept]
            limit = self.emergency_mw[pair[0][kept]]
            yield _block(pair[0][kept], pair[1][kept], factor, limit, loads)


@dataclass(frozen=True, eq=False, slots=True)
class _Loads:
    """Per branch: net flow of obligations, what options add along and against it, and the phase shifters' flow."""

    net: FloatArray
    along: FloatArray
    against: FloatArray
    fixed: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class _Block:
    """Rows with the flow of obligations in their direction, and a bound of the whole flow."""

    rows: Rows
    netted: FloatArray
    bound: FloatArray


def _block(branch: IntArray, outage: IntArray, factor: FloatArray, limit: FloatArray, loads: _Loads) -> _Block:
    """Return both directions of the pairs; max(a + b, 0) <= max(a, 0) + max(b, 0) bounds the options."""
    more, less = np.maximum(factor, 0.0), np.maximum(-factor, 0.0)
    net = loads.net[branch] + factor * loads.net[outage]
    fixed = loads.fixed[branch] + factor * loads.fixed[outage]
    along = loads.along[branch] + more * loads.along[outage] + less * loads.against[outage]
    against = loads.against[branch] + more * loads.against[outage] + less * loads.along[outage]
    ones = np.ones(branch.size, dtype=np.int64)
    rows = Rows(
        branch=np.tile(branch, 2),
        outage=np.tile(outage, 2),
        factor=np.tile(factor, 2),
        direction=np.concatenate((ones, -ones)),
        room_mw=np.concatenate((limit - fixed, limit + fixed)),
    )
    netted = np.concatenate((net, -net))
    return _Block(rows, netted, netted + np.concatenate((along, against)))


def _ratio(flow: FloatArray, room: FloatArray) -> FloatArray:
    """Return flow over room, 0 where nothing flows that way, infinite where there is flow and no room."""
    flowing = flow > TOLERANCE_MW
    share: FloatArray = np.divide(flow, room, out=np.full(flow.size, np.inf), where=room > 0.0)
    return np.where(flowing, share, 0.0)


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all parts, one after the other."""
    return Rows(
        branch=np.concatenate([part.branch for part in parts]),
        outage=np.concatenate([part.outage for part in parts]),
        factor=np.concatenate([part.factor for part in parts]),
        direction=np.concatenate([part.direction for part in parts]),
        room_mw=np.concatenate([part.room_mw for part in parts]),
    )
