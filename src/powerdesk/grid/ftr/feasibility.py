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
from powerdesk.grid.ftr.paths import FtrError, check_mw, refuse
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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

    Cost O(outages x branches), and O(options) more for each pair that a bound cannot rule out. Raises FtrError for
    another number of rights, what is no number, and an option below 0.
    """
    check_mw(screen.paths, mw)
    rows, flow, scale = screen.examined(mw, share=1.0 - 1e-9)
    order = np.argsort(rows.room_mw - flow, kind="stable")
    return Feasibility(scale, rows.pick(order), flow[order])


class Screen:
    """A network with limits and the paths whose rights load it. Belongs to one thread, as its sensitivities do.

    `limits_mw` and `emergency_mw` (n_branch,) hold in the base case and after each of `outages` (positions); without
    them the network's own ratings hold, and emergency ratings where given. Outages must keep the network whole. Raises
    FtrError for limits that are not one per branch or no numbers (infinite is none), and for outages of no branch.
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
        self._check(len(branches))
        self._options = np.flatnonzero(paths.option)
        each = paths.injection[self._options].toarray().T
        self._option_flow = sensitivities.injected_flows_mw(each)
        self._none_parts = np.zeros(len(branches), dtype=bool)

    def _check(self, n_branch: int) -> None:
        for name, limits in (("limits_mw", self.limits_mw), ("emergency_mw", self.emergency_mw)):
            if limits.shape != (n_branch,) or np.isnan(limits).any():
                raise FtrError(
                    found=f"{name} of shape {limits.shape}, {np.count_nonzero(np.isnan(limits))} of them no numbers",
                    allowed=f"shape ({n_branch},) in MW, infinite where there is no limit",
                    remedy="give one limit per branch of the network, in its order",
                )
        if self.outages.size and not 0 <= self.outages.min() <= self.outages.max() < n_branch:
            raise FtrError(
                found=f"outages from {self.outages.min()} to {self.outages.max()}",
                allowed=f"branches from 0 to {n_branch - 1}",
                remedy="take them from contingencies.single_outages",
            )

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
        found = [self._beyond(pairs, share, mw) for pairs in self._pairs(mw, base_only=base_only)]
        return joined([rows for rows, _ in found]), np.concatenate([flow for _, flow in found])

    def scale(self, mw: FloatArray) -> float:
        """Return the greatest factor by which all rights may be multiplied; see Feasibility."""
        return _factor(self._ratios(mw))

    def examined(self, mw: FloatArray, *, share: float) -> tuple[Rows, FloatArray, float]:
        """Return what `loaded` and `scale` do, by one walk through the outages."""
        found, most = [], 0.0
        for pairs in self._pairs(mw):
            found.append(self._beyond(pairs, share, mw))
            most = max(most, self._worst(pairs, mw, most))
        return joined([rows for rows, _ in found]), np.concatenate([flow for _, flow in found]), _factor([most])

    def _ratios(self, mw: FloatArray) -> Iterator[float]:
        most = 0.0
        for pairs in self._pairs(mw):
            most = max(most, self._worst(pairs, mw, most))
            yield most

    def _beyond(self, pairs: _Pairs, share: float, mw: FloatArray) -> tuple[Rows, FloatArray]:
        rows, flow = self._exact(pairs, np.flatnonzero(pairs.bound > share * pairs.room), mw)
        kept = np.flatnonzero(flow > share * rows.room_mw)
        return rows.pick(kept), flow[kept]

    def _worst(self, pairs: _Pairs, mw: FloatArray, most: float) -> float:
        """Return the greatest flow over room among pairs, or `most` where none is above; infinite without room."""
        if (pairs.room < 0.0).any():
            return np.inf
        above = np.flatnonzero(pairs.bound > np.maximum(most * pairs.room, TOLERANCE_MW))
        ratio = _ratio(pairs.bound.flat[above], np.broadcast_to(pairs.room, pairs.bound.shape).flat[above])
        order = np.argsort(-ratio, kind="stable")
        for begin in range(0, order.size, EXACT_AT_ONCE):
            chosen = order[begin : begin + EXACT_AT_ONCE]
            if ratio[chosen[0]] <= most:
                break
            rows, flow = self._exact(pairs, above[chosen], mw)
            most = max(most, float(_ratio(flow, rows.room_mw).max()))
        return most

    def _exact(self, pairs: _Pairs, chosen: IntArray, mw: FloatArray) -> tuple[Rows, FloatArray]:
        """Return pairs by their flat positions as rows with their flows, options added up one by one."""
        rows = pairs.rows(chosen)
        if not self._options.size:
            return rows, pairs.bound.flat[chosen]
        flow = pairs.netted(rows)
        for begin in range(0, chosen.size, EXACT_AT_ONCE):
            part = slice(begin, begin + EXACT_AT_ONCE)
            each = self._option_flow[rows.branch[part]]
            after = rows.outage[part] != NO_OUTAGE
            if after.any():
                each = each + np.where(after, rows.factor[part], 0.0)[:, None] * self._option_flow[rows.outage[part]]
            flow[part] += np.maximum(rows.direction[part, None] * each, 0.0) @ mw[self._options]
        return rows, flow

    def _pairs(self, mw: FloatArray, *, base_only: bool = False) -> Iterator[_Pairs]:
        """Yield all limited rows of the base case and of blocks of outages, by direction."""
        obligations = np.where(self.paths.option, 0.0, mw)
        loads = _Loads(
            net=self.sensitivities.injected_flows_mw(np.asarray(self.paths.injection.T @ obligations)),
            along=np.maximum(self._option_flow, 0.0) @ mw[self._options],
            against=np.maximum(-self._option_flow, 0.0) @ mw[self._options],
            fixed=self.sensitivities.fixed_flow_mw,
        )
        branch = np.flatnonzero(np.isfinite(self.limits_mw))
        base = np.array([NO_OUTAGE])
        for direction in (1, -1):
            yield _between(branch, base, np.zeros((branch.size, 1)), self.limits_mw[branch], loads, direction)
        branch = np.flatnonzero(np.isfinite(self.emergency_mw))
        for begin in range(0, 0 if base_only else self.outages.size, contingencies.OUTAGES_AT_ONCE):
            out = self.outages[begin : begin + contingencies.OUTAGES_AT_ONCE]
            factors = contingencies.outage_factors(self.sensitivities, outages=out, parting=self._none_parts)
            _refuse_parting(self.sensitivities.network, out[factors.islanding])
            lodf = factors.lodf[branch]
            for direction in (1, -1):
                yield _between(branch, out, lodf, self.emergency_mw[branch], loads, direction)


@dataclass(frozen=True, eq=False, slots=True)
class _Loads:
    """Per branch: net flow of obligations, what options add along and against it, and the phase shifters' flow."""

    net: FloatArray
    along: FloatArray
    against: FloatArray
    fixed: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class _Pairs:
    """Branches by outages in one direction: factors and a bound of the flow (n, m), room (n, m) or (n, 1)."""

    branch: IntArray
    outage: IntArray
    factor: FloatArray
    bound: FloatArray
    room: FloatArray
    loads: _Loads
    direction: int

    def rows(self, chosen: IntArray) -> Rows:
        """Return the pairs at flat positions as rows."""
        at, out = np.divmod(chosen, self.outage.size)
        return Rows(
            branch=self.branch[at],
            outage=self.outage[out],
            factor=self.factor[at, out],
            direction=np.full(chosen.size, self.direction),
            room_mw=np.broadcast_to(self.room, self.bound.shape)[at, out],
        )

    def netted(self, rows: Rows) -> FloatArray:
        """Return the flow of obligations in the direction of rows (n_row,)."""
        flow: FloatArray = self.direction * (self.loads.net[rows.branch] + rows.factor * self.loads.net[rows.outage])
        return flow


def _between(
    branch: IntArray, outage: IntArray, factor: FloatArray, limit: FloatArray, loads: _Loads, direction: int
) -> _Pairs:
    """Return pairs with their bound, exact without options: max(a + b, 0) <= max(a, 0) + max(b, 0)."""
    bound = factor * (direction * loads.net[outage])
    bound += direction * loads.net[branch][:, None]
    if loads.along.any() or loads.against.any():
        with_it, other = (loads.along, loads.against)[::direction]
        bound += with_it[branch][:, None]
        bound += np.maximum(factor, 0.0) * with_it[outage]
        bound += np.maximum(-factor, 0.0) * other[outage]
    room = limit[:, None]
    if loads.fixed.any():
        room = room - direction * (loads.fixed[branch][:, None] + factor * loads.fixed[outage])
    bound[branch[:, None] == outage] = 0.0  # what is out carries nothing
    return _Pairs(branch, outage, factor, bound, room, loads, direction)


def _refuse_parting(network: Network, outages: IntArray) -> None:
    names = [network.branches.name[one] for one in outages.tolist()]
    refuse(
        [
            Finding(name, "an outage that parts the network", "one that keeps it whole", "leave it out")
            for name in names
        ],
        "outages of contingencies.single_outages",
    )


def _factor(ratios: Iterable[float]) -> float:
    """Return the factor to which the worst of flow over room leaves room."""
    most = max(ratios, default=0.0)
    return 1.0 / most if most > 0.0 else float("inf")


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
