"""Outages: flows after them by line outage distribution factors, without solving the network anew.

`LODF[k, o]` is the share of o's flow that k takes over when o is out: with h the flow on each branch per MW sent from
o's one end to the other, LODF = h_k / (1 - h_o). An outage that parts an island has none: the topology flags it, it is
never found by dividing. Outages of several branches solve a small system (Woodbury).
Guler, Gross, Liu (2007), "Generalized line outage distribution factors".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import topology

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.grid.sensitivities import Sensitivities
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray, Network

OUTAGES_AT_ONCE = 128
"""Outages of one block: 128 columns of 16 000 branches are 16 MiB."""

PARTING_TOLERANCE = 1e-8
"""1 - h below this parts the network numerically although the topology holds: a corridor of near zero susceptance."""


@dataclass(frozen=True, eq=False, slots=True)
class OutageFactors:
    """Factors of single outages: `lodf` (n_branch, m), -1 at the outage itself; NaN columns where `islanding` (m,)."""

    outages: IntArray
    lodf: FloatArray
    islanding: BoolArray


@dataclass(frozen=True, eq=False, slots=True)
class Overloads:
    """Limits that outages would break, worst first: branch, outage, flow after it in MW, its limit, and the factor."""

    branch: IntArray
    outage: IntArray
    flow_mw: FloatArray
    limit_mw: FloatArray
    factor: FloatArray


@dataclass(frozen=True, slots=True)
class Contingency:
    """A named outage of one or more branches, by position."""

    name: str
    branches: tuple[int, ...]


def single_outages(network: Network) -> tuple[IntArray, IntArray]:
    """Return positions of branches in service whose outage keeps the network whole, and of those that part it."""
    on = network.live_branches
    parting = topology.bridges(network)[on]
    return on[~parting], on[parting]


def outage_factors(
    sensitivities: Sensitivities, *, outages: IntArray, parting: BoolArray | None = None
) -> OutageFactors:
    """Return the factors of single outages (n_branch, len(outages)); `parting` (n_branch,) when bridges are known."""
    network = sensitivities.network
    bridges = topology.bridges(network) if parting is None else parting
    head, tail = network.branches.from_bus[outages], network.branches.to_bus[outages]
    share = sensitivities.transfer_rows(head, tail)
    at = np.arange(outages.size)
    left = 1.0 - share[outages, at]
    islanding = bridges[outages] | (np.abs(left) < PARTING_TOLERANCE)
    share /= np.where(islanding, np.nan, left)
    share[outages, at] = np.where(islanding, np.nan, -1.0)
    return OutageFactors(outages, share, islanding)


def screen(
    sensitivities: Sensitivities, *, flows_mw: FloatArray, limits_mw: FloatArray, outages: IntArray, tolerance_mw: float
) -> Overloads:
    """Return what each of the single `outages` would load beyond `limits_mw` (n_branch,), by blocks: memory is bounded.

    Outages must not part the network (see `single_outages`).
    """
    none_parts = np.zeros(len(sensitivities.network.branches), dtype=bool)
    blocks = list(_overloads(sensitivities, flows_mw, limits_mw + tolerance_mw, outages, none_parts))
    branch, outage, flow, factor = (np.concatenate(part) for part in zip(*blocks, strict=True))
    order = np.argsort(limits_mw[branch] - np.abs(flow), kind="stable")
    branch = branch[order]
    return Overloads(branch, outage[order], flow[order], limits_mw[branch], factor[order])


def _overloads(
    sensitivities: Sensitivities, flows: FloatArray, limits: FloatArray, outages: IntArray, parting: BoolArray
) -> Iterator[tuple[IntArray, IntArray, FloatArray, FloatArray]]:
    yield (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))
    for begin in range(0, outages.size, OUTAGES_AT_ONCE):
        block = outages[begin : begin + OUTAGES_AT_ONCE]
        lodf = outage_factors(sensitivities, outages=block, parting=parting).lodf
        after = lodf * flows[block]
        after += flows[:, None]
        branch, column = np.nonzero(np.abs(after) > limits[:, None])
        yield branch, block[column], after[branch, column], lodf[branch, column]


def flows_after(sensitivities: Sensitivities, *, flows_mw: FloatArray, contingency: Contingency) -> FloatArray | None:
    """Return flows (n_branch,) after an outage of several branches, or None when it parts the network."""
    out = np.array(sorted({one for one in contingency.branches if sensitivities.susceptance_mw[one] != 0.0}), np.int64)
    if out.size == 0:
        return flows_mw.copy()
    share = takeover(sensitivities, lines=out)
    if share is None:
        return None
    after: FloatArray = flows_mw + share @ flows_mw[out]
    after[out] = 0.0
    return after


def takeover(sensitivities: Sensitivities, *, lines: IntArray) -> FloatArray | None:
    """Return what each branch takes over per MW that each of `lines` carried (n_branch, r), None when it parts."""
    network = sensitivities.network
    share = sensitivities.transfer_rows(network.branches.from_bus[lines], network.branches.to_bus[lines])
    left = np.eye(lines.size) - share[lines]
    if _parts(network, lines) or np.linalg.cond(left) > 1.0 / PARTING_TOLERANCE:
        return None
    return np.asarray(np.linalg.solve(left.T, share.T).T, dtype=np.float64)


def _parts(network: Network, out: IntArray) -> bool:
    kept = np.setdiff1d(network.live_branches, out)
    return topology.islands(network, branches=kept).count > topology.islands(network).count
