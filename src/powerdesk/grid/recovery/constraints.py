"""Binding constraints from prices alone where the topology is known: few signed shift-factor rows explain an interval.

    price_n = level + sum_k mu_k T_kn + rounding,   mu_k of either sign, most of them 0

Each signed row of unit length is a column of a non-negative least-squares problem with an L1 penalty; the penalty is
lowered until the support, fitted again by plain least squares (the penalty biases sizes), explains every price within
rounding; then whatever the prices do not need is dropped again. The level is free on each island.

Branches whose rows are in proportion at the observed nodes (parallel lines, series through unobserved buses) are one
candidate, a class. Candidates that could take the place of one found, with every price still explained, are told as its
alternatives. Kekatos, Giannakis, Baldick (2014), "Grid topology identification using electricity prices".

A wrong topology explains prices as well, by constraints that never bound: `recovery.doubting` tells them apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from powerdesk.grid.recovery import doubting, types
from powerdesk.grid.recovery.types import Identifiability

if TYPE_CHECKING:
    from powerdesk.grid.sensitivities import Sensitivities
    from powerdesk.grid.types import FloatArray, IntArray

PENALTIES = (0.01, 0.003, 0.001, 0.0003, 0.0001)
"""L1 penalties tried in turn, for prices and columns of unit length."""

ROUNDINGS = 1.0
"""Ticks that a price may miss: twice what rounding makes, as the fit spreads it."""

MOST_STEPS = 30
"""Steps of the active set per class, a bound of the loop."""

PARALLEL = 1e-9
"""1 - cosine below which two rows have one direction at the observed nodes."""

FEWEST_SHARE = 0.5
"""Share of an island's nodes with a price below which no answer is identified: at a quarter precision was 0.4."""

DIFFERENCES_PER_CONSTRAINT = 4
"""Price differences needed for each constraint found: with 3.5 of 60 nodes, four in ten found were wrong."""

DISTINCT_PER_CONSTRAINT = 1.5
"""Prices that differ needed for each: true sets of six made and published grids had 2.0 or more, sets fitted to a
topology with reactances 5 to 30 % off 1.4 or less on made grids. A few may be bridges, which need one each."""

FEW = 10
"""Constraints up to which a set is too small to fit prices by its number."""

FEWEST_DOUBTED, DOUBTED_SHARE = 2, 0.25
"""Constraints of an interval that are doubted, in number and share, from which its topology is: with a tenth of all
reactances 30 % off 0.24 or more were, with the right ones up to 0.06, on a made and a published grid."""

MOST_DOUBTED = 0.05
"""Share of intervals that a right topology leaves unexplained, at most; it was 0 on six made and published grids."""

DEVIATIONS = 3.0
"""Standard deviations beyond that share from which a topology is doubted."""


@dataclass(frozen=True, eq=False, slots=True)
class Candidates:
    """Directions that the prices of certain nodes can tell apart.

    `nodes` are positions of buses, `island` (n_node,) theirs; `columns` (n_node, n_class) unit rows of the classes'
    first branches less their mean on the island, `length` (n_class,) what they were divided by; `classes` the branches
    of each class; `unseen` the branches that move all observed nodes alike; `covered` the least share of an island's
    buses that are observed. Belongs to one thread, as its sensitivities do.
    """

    sensitivities: Sensitivities
    nodes: IntArray
    island: IntArray
    columns: FloatArray
    length: FloatArray
    classes: tuple[tuple[int, ...], ...]
    unseen: tuple[int, ...]
    covered: float


@dataclass(frozen=True, slots=True)
class Found:
    """A class of branches that binds: `mu_usd_per_mwh` is the first branch's (< 0 at its upper limit).

    `alternatives` are first branches of classes that would explain the prices in its place. UNIDENTIFIED alone, within
    an interval that is not: another susceptance of its line, its outage or a line that is lacking would explain
    the prices as well, without a limit.
    """

    branches: tuple[int, ...]
    mu_usd_per_mwh: float
    alternatives: tuple[int, ...]
    verdict: Identifiability


@dataclass(frozen=True, eq=False, slots=True)
class Recovery:
    """An interval's constraints, dearest first, its level per island, and the residual (n_node,) in USD/MWh.

    UNIDENTIFIED: too few nodes, prices that no small set of candidates explains, or a set that a wrong topology would
    leave, whatever is listed in `found`. GROUPED: some constraint is known only up to its alternatives, its class or
    the susceptance of its line.
    """

    found: tuple[Found, ...]
    residual: FloatArray
    verdict: Identifiability
    reason: str


def candidates(sensitivities: Sensitivities, *, nodes: IntArray, branches: IntArray) -> Candidates:
    """Return what the prices of `nodes` (positions of buses) can tell of `branches`: O(branches^2 nodes).

    Raises PanelError for positions that are none or come twice, for no node, and for isolated ones.
    """
    network, where = sensitivities.network, sensitivities.islands.of_bus
    types.check_positions("nodes", nodes, len(network.buses))
    types.check_positions("branches", branches, len(network.branches))
    island = where[nodes]
    if not nodes.size or island.min() < 0:
        raise types.PanelError(
            found=f"{np.count_nonzero(island < 0)} isolated of {nodes.size} nodes",
            allowed="one or more buses that are not isolated",
            remedy="leave out nodes that have no price",
        )
    rows = _centred(sensitivities.rows(branches).T[nodes], island)
    length = np.linalg.norm(rows, axis=0)
    seen = length > PARALLEL * max(1.0, float(length.max(initial=0.0)))
    unit = rows[:, seen] / length[seen]
    same = np.abs(unit.T @ unit) > 1.0 - PARALLEL
    first = np.argmax(same, axis=1) if same.size else np.empty(0, dtype=np.int64)
    lead = np.unique(first)
    which = branches[seen]
    sizes = np.bincount(where[where >= 0])
    present = np.unique(island)
    return Candidates(
        sensitivities=sensitivities,
        nodes=nodes,
        island=island,
        columns=unit[:, lead],
        length=length[seen][lead],
        classes=tuple(tuple(which[first == one].tolist()) for one in lead.tolist()),
        unseen=tuple(branches[~seen].tolist()),
        covered=float(np.min(np.bincount(island)[present] / sizes[present])),
    )


def _centred(values: FloatArray, island: IntArray) -> FloatArray:
    """Return values (n_node,) or (n_node, m) less their mean on each island: what a free level cannot explain."""
    out = np.array(values, dtype=np.float64)
    for one in np.unique(island):
        out[island == one] -= out[island == one].mean(axis=0)
    return out


def recover(known: Candidates, *, prices: FloatArray, tick: float = types.TICK_USD_PER_MWH) -> Recovery:
    """Return the constraints behind the prices (n_node,) of one interval, in USD/MWh, rounded to `tick`, no losses.

    O(n_node n_class) per step of the active set, and n_node k^2 for each of k columns pruned.
    Raises PanelError for another number of prices, for a tick that is none, and where a price is missing: make
    candidates of the nodes that have one.
    """
    types.check_shape("prices", prices, known.nodes.shape)
    types.check_finite("prices", prices)
    types.check_tick(tick)
    value, tolerance = _centred(prices, known.island), ROUNDINGS * tick
    support = _support(known.columns, value, tolerance)
    support = _pruned(known.columns, value, support, tolerance)
    size, residual = _fit(known.columns, value, support)
    doubts = _doubts(known, support, size / known.length[support], tick)
    reason = _reason(known, len(support), residual, prices, tick) or _wrong_topology(known, support, doubts)
    found = []
    for at in np.argsort(-np.abs(size / known.length[support]), kind="stable").tolist():
        others = () if reason else _alternatives(known, value, np.delete(support, at), int(support[at]), tolerance)
        members = known.classes[support[at]]
        alone = len(members) == 1 and not others
        sure = Identifiability.IDENTIFIED if alone else Identifiability.GROUPED
        verdict = Identifiability.UNIDENTIFIED if reason or doubts.lines[at] or doubts.either[at] else sure
        found.append(Found(members, float(size[at] / known.length[support[at]]), others, verdict))
    if reason:
        return Recovery(tuple(found), residual, Identifiability.UNIDENTIFIED, reason)
    unsure = sum(one.verdict is not Identifiability.IDENTIFIED for one in found)
    if unsure:
        words = f"{unsure} of {len(found)} constraints known only up to class, alternatives or their line's susceptance"
        return Recovery(tuple(found), residual, Identifiability.GROUPED, words)
    return Recovery(tuple(found), residual, Identifiability.IDENTIFIED, "")


def _doubts(known: Candidates, support: IntArray, mu: FloatArray, tick: float) -> doubting.Doubts:
    """Return what is doubtful of the support, sizes known to what rounding makes."""
    inverse = np.linalg.pinv(known.columns[:, support])
    return doubting.doubts(
        known.sensitivities,
        branches=np.array([known.classes[one][0] for one in support.tolist()], dtype=np.int64),
        mu=mu,
        error=tick * np.linalg.norm(inverse, axis=1) / known.length[support],
    )


def _wrong_topology(known: Candidates, support: IntArray, doubts: doubting.Doubts) -> str:
    """Return why the topology is not believed, empty if it is."""
    if doubts.outages.any():
        lines = known.sensitivities.network.branches.name
        names = ", ".join(lines[known.classes[one][0]] for one in support[doubts.outages].tolist())
        return f"prices at the ends of {names} as if it were out: another topology"
    if doubts.buses:
        names = ", ".join(known.sensitivities.network.buses.name[one] for one in doubts.buses)
        return f"constraints that cancel at {names}: a line that the topology lacks"
    doubted = int(np.count_nonzero(doubts.lines))
    if doubted >= max(FEWEST_DOUBTED, DOUBTED_SHARE * doubts.lines.size):
        return f"{doubted} of {doubts.lines.size} constraints may be other susceptances: another topology"
    return ""


def _reason(known: Candidates, n_found: int, residual: FloatArray, prices: FloatArray, tick: float) -> str:
    """Return why an answer is not identified, empty if it is."""
    free = known.nodes.size - np.unique(known.island).size
    worst = float(np.abs(residual).max(initial=0.0))
    if known.covered < FEWEST_SHARE:
        return f"prices at {known.covered:.0%} of an island's nodes, {FEWEST_SHARE:.0%} are needed"
    if worst > ROUNDINGS * tick:
        return f"{worst:.2f} USD/MWh unexplained: another topology, losses, or a constraint that is no candidate"
    if DIFFERENCES_PER_CONSTRAINT * n_found > free:
        return f"{n_found} constraints for {free} price differences: others explain them as well"
    keys = np.column_stack((known.island, np.round(prices / tick)))
    distinct = len(np.unique(keys, axis=0)) - np.unique(known.island).size
    if n_found > FEW and DISTINCT_PER_CONSTRAINT * n_found > distinct:
        return f"{n_found} constraints for {distinct} prices that differ: others explain them as well"
    return ""


def recover_panel(
    known: Candidates, *, prices: FloatArray, tick: float = types.TICK_USD_PER_MWH
) -> tuple[Recovery, ...]:
    """Return the constraints of each interval of prices (n_interval, n_node) under one topology.

    The topology is the same throughout, so it is judged on all: where more intervals stay unexplained than a right one
    leaves, none is identified, for a wrong one explains single intervals with constraints that never bound.
    """
    types.check_prices("prices", prices)
    found = tuple(recover(known, prices=one, tick=tick) for one in prices)
    doubted = sum(one.verdict is Identifiability.UNIDENTIFIED for one in found)
    usual = MOST_DOUBTED * len(found)
    if doubted <= usual + DEVIATIONS * np.sqrt(usual):
        return found
    words = f"{doubted} of {len(found)} intervals unexplained: another topology"
    return tuple(_doubted(one, words) for one in found)


def _doubted(one: Recovery, words: str) -> Recovery:
    """Return a recovery with every verdict taken back."""
    unsure = Identifiability.UNIDENTIFIED
    if one.verdict is unsure:
        return one
    return Recovery(tuple(replace(part, verdict=unsure) for part in one.found), one.residual, unsure, words)


def _support(columns: FloatArray, value: FloatArray, tolerance: float) -> IntArray:
    """Return the support of the largest penalty that explains every price, else the one that leaves least."""
    scale, n_class = float(np.linalg.norm(value)), columns.shape[1]
    best, least = np.empty(0, dtype=np.int64), float(np.abs(value).max(initial=0.0))
    if least <= tolerance or not n_class:
        return best
    signed = np.concatenate((columns, -columns), axis=1)
    target = np.append(value / scale, 0.0)
    for penalty in PENALTIES:
        # the square of the sum as one more row of plain non-negative least squares: the same path as the sum's
        with_penalty = np.concatenate((signed, np.full((1, 2 * n_class), penalty)))
        try:
            size = optimize.nnls(with_penalty, target, maxiter=MOST_STEPS * n_class)[0]
        except RuntimeError:  # no end within the steps: lower penalties have longer paths
            break
        support = np.flatnonzero(np.abs(size[:n_class] - size[n_class:]) * scale > tolerance)
        worst = float(np.abs(_fit(columns, value, support)[1]).max())
        if worst < least:
            best, least = support, worst
        if worst <= tolerance:
            break
    return best


def _fit(columns: FloatArray, value: FloatArray, support: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the sizes (n_support,) by least squares, and the residual."""
    chosen = columns[:, support]
    size = np.asarray(np.linalg.lstsq(chosen, value, rcond=None)[0], dtype=np.float64)
    return size, value - chosen @ size


def _pruned(columns: FloatArray, value: FloatArray, support: IntArray, tolerance: float) -> IntArray:
    """Return the support less what is not needed: the smallest first, as long as every price stays explained.

    Where prices are not explained at all, a column stays if leaving it out makes the worst price worse.
    """
    kept = support
    worst = max(tolerance, float(np.abs(_fit(columns, value, kept)[1]).max(initial=0.0)))
    while kept.size:
        inverse = np.linalg.pinv(columns[:, kept])
        size = inverse @ value
        without = size / np.einsum("kn,kn->k", inverse, inverse)  # what leaving a column out adds to the residual
        left = np.abs((value - columns[:, kept] @ size)[:, None] + inverse.T * without).max(axis=0)
        least = int(np.argmin(left))
        if left[least] > worst:
            break
        kept = np.delete(kept, least)
    return kept


def _alternatives(
    known: Candidates, value: FloatArray, rest: IntArray, taken: int, tolerance: float
) -> tuple[int, ...]:
    """Return the first branches of classes that with the rest explain every price, in place of the class taken."""
    basis = np.linalg.qr(known.columns[:, rest])[0]
    left = value - basis @ (basis.T @ value)
    free = known.columns - basis @ (basis.T @ known.columns)
    power = np.einsum("nc,nc->c", free, free)
    power[rest] = 0.0
    power[taken] = 0.0
    usable = power > PARALLEL
    size = np.divide(free.T @ left, power, out=np.zeros_like(power), where=usable)
    worst = np.abs(left[:, None] - free * size).max(axis=0)
    return tuple(known.classes[one][0] for one in np.flatnonzero(usable & (worst <= tolerance)).tolist())
