"""Node shift factors learned online from published shadow prices: recursive least squares with forgetting.

    congestion_tn = sum_k mu_tk T_kn + noise,   T minimises  sum_t forgetting^(now - t) (congestion_tn - mu_t'T_n)^2

The state is the information, sum of weight mu mu' and of weight mu congestion, so that learning in one batch and
interval by interval give the same, constraints join when they first bind, and nothing winds up while little binds.
Nodes whose prices were missing at different times keep an information of their own. Ljung (1999), "System
Identification", section 11.2.

What shadow prices that always move together leave open is not filled in: the eigenvectors of the information in which
a factor's standard error stays above `WEAK_ERROR` tie constraints into groups. Of a group only the mixtures in which it
has bound are known, and only they are told. Key a constraint by its name and its contingency: after another outage it
has other factors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize
from scipy.sparse import csgraph

from powerdesk.grid.recovery import types
from powerdesk.grid.recovery.types import Identifiability

if TYPE_CHECKING:
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray

WEAK_ERROR = 0.02
"""Standard error of a shift factor from which it is not told as a number."""

TIED = 0.05
"""Share of a weakly known direction from which a constraint takes part in it."""

FEWEST_EXTRA = 1.0
"""Weight of intervals beyond the number of constraints that a residual needs to mean anything."""

USUAL_FACTOR = 0.5
"""Size of a shift factor of which nothing is known: the spread of a ridge's prior, against one tick of noise."""


@dataclass(frozen=True, eq=False, slots=True)
class Information:
    """What has been learned: per history of gaps (n_history, k, k) and per node (k, n_node), weighted sums.

    `history` (n_node,) tells which of them a node has; `weight` (n_history,) sums the intervals' weights, `square`
    (n_node,) those times congestion squared, in (USD/MWh)^2.
    """

    constraints: tuple[str, ...]
    history: IntArray
    gram: FloatArray
    moment: FloatArray
    square: FloatArray
    weight: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Group:
    """Constraints known only together: of their factors, shares (n_mixture, n_member) @ T are known, no single one."""

    constraints: tuple[str, ...]
    shares: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Learned:
    """What the nodes of one history of gaps (positions `nodes`) have learned; rows follow `constraints`.

    `shift_factors` (k, n) in MW/MW with standard errors `error` (k,), NaN where a constraint is not identified on its
    own; `groups`, and the factors of their mixtures, group after group, `group_factors` (n_mixture, n); `fitted` (k, n)
    is for prediction only. A verdict per constraint; where not even a mixture is known, unidentified.
    """

    nodes: IntArray
    constraints: tuple[str, ...]
    verdicts: tuple[Identifiability, ...]
    shift_factors: FloatArray
    error: FloatArray
    groups: tuple[Group, ...]
    group_factors: FloatArray
    fitted: FloatArray


def start(*, n_node: int) -> Information:
    """Return the state that knows nothing; raises PanelError below 0 nodes."""
    if n_node < 0:
        raise types.PanelError(found=f"{n_node} nodes", allowed="0 or more", remedy="count the nodes of the panel")
    nothing = np.zeros((1, 0, 0))
    return Information((), np.zeros(n_node, np.int64), nothing, np.zeros((0, n_node)), np.zeros(n_node), np.zeros(1))


def learn(
    state: Information,
    *,
    constraints: tuple[str, ...],
    shadow_prices: FloatArray,
    congestion: FloatArray,
    forgetting: float = 1.0,
) -> Information:
    """Return the state after intervals: mu (n_interval, k) of the constraints, congestion (n_interval, n_node).

    Intervals are in order of time; congestion in USD/MWh is the part published, or the price less that of a location of
    reference, NaN where missing. Each interval multiplies the weight of those before by `forgetting` (0 to 1]. A
    constraint that is not listed did not bind. Raises PanelError. O(n_interval k (k + n_node)) per history of gaps.
    """
    types.check_prices("congestion", congestion)
    types.check_shape("congestion", congestion, (congestion.shape[0], state.history.size))
    types.check_shape("shadow_prices", shadow_prices, (congestion.shape[0], len(constraints)))
    types.check_finite("shadow_prices", shadow_prices)
    if not 0.0 < forgetting <= 1.0 or len(set(constraints)) < len(constraints):
        raise types.PanelError(
            found=f"forgetting {forgetting}, {len(constraints)} constraints named {len(set(constraints))} ways",
            allowed="forgetting above 0 and up to 1, every constraint named once",
            remedy="key constraints by name and contingency; 0.99 remembers about a hundred intervals",
        )
    state = _with(state, constraints)
    mu = np.zeros((congestion.shape[0], len(state.constraints)))
    mu[:, [state.constraints.index(one) for one in constraints]] = shadow_prices
    there = ~np.isnan(congestion)
    age = np.arange(congestion.shape[0] - 1, -1, -1)
    weight, fade = forgetting**age, forgetting ** congestion.shape[0]
    key = np.column_stack((state.history, there.T))
    kinds, history = np.unique(key, axis=0, return_inverse=True)
    seen = weight * kinds[:, 1:]
    value = np.where(there, congestion, 0.0)
    weighted = weight[:, None] * value
    return Information(
        constraints=state.constraints,
        history=history.astype(np.int64).ravel(),
        gram=fade * state.gram[kinds[:, 0]] + np.einsum("ht,tj,tk->hjk", seen, mu, mu, optimize=True),
        moment=fade * state.moment + mu.T @ weighted,
        square=fade * state.square + np.einsum("tn,tn->n", weighted, value),
        weight=fade * state.weight[kinds[:, 0]] + seen.sum(axis=1),
    )


def _with(state: Information, constraints: tuple[str, ...]) -> Information:
    """Return the state with room for constraints that it has not met."""
    known = set(state.constraints)
    new = tuple(one for one in constraints if one not in known)
    more = (0, len(new))
    return Information(
        constraints=state.constraints + new,
        history=state.history,
        gram=np.pad(state.gram, ((0, 0), more, more)),
        moment=np.pad(state.moment, (more, (0, 0))),
        square=state.square,
        weight=state.weight,
    )


def estimate(state: Information, *, tick: float = types.TICK_USD_PER_MWH) -> tuple[Learned, ...]:
    """Return what is known now, once per history of gaps, every node in one of them; factors are within [-1, 1]."""
    types.check_tick(tick)
    return tuple(_estimate(state, at, tick) for at in range(state.weight.size))


def _estimate(state: Information, at: int, tick: float) -> Learned:
    nodes = np.flatnonzero(state.history == at)
    gram, moment = state.gram[at], state.moment[:, nodes]
    fitted = _bounded(gram, moment, tick)
    noise = _noise(state, at, fitted, tick)
    spread, direction = np.linalg.eigh(gram)
    size = np.sqrt(np.maximum(spread, np.finfo(np.float64).eps * max(1.0, float(spread.max(initial=0.0)))))
    weak = noise / size > WEAK_ERROR
    error = np.sqrt(np.square(direction * (noise / size)).sum(axis=1))
    loose = error > WEAK_ERROR
    tied = np.abs(direction[:, weak] @ direction[:, weak].T) > TIED
    verdicts = np.where(loose, 1, 0)
    groups: list[Group] = []
    mixed: list[FloatArray] = [np.zeros((0, nodes.size))]
    for members in _components(tied, loose):
        shares = _mixtures(gram, members, noise)
        verdicts[members] = 1 if len(shares) else 2
        if len(shares):
            groups.append(Group(tuple(state.constraints[one] for one in members.tolist()), shares))
            mixed.append(shares @ fitted[members])
    words = (Identifiability.IDENTIFIED, Identifiability.GROUPED, Identifiability.UNIDENTIFIED)
    return Learned(
        nodes=nodes,
        constraints=state.constraints,
        verdicts=tuple(words[one] for one in verdicts.tolist()),
        shift_factors=np.where((verdicts > 0)[:, None], np.nan, fitted),
        error=np.where(verdicts > 0, np.nan, error),
        groups=tuple(groups),
        group_factors=np.concatenate(mixed),
        fitted=fitted,
    )


def _noise(state: Information, at: int, fitted: FloatArray, tick: float) -> float:
    """Return the noise of a price in USD/MWh: that of the worst-fitted node, at least what rounding makes."""
    nodes = state.history == at
    left = state.square[nodes] - 2.0 * np.einsum("kn,kn->n", fitted, state.moment[:, nodes])
    left += np.einsum("jn,jk,kn->n", fitted, state.gram[at], fitted, optimize=True)
    free = max(FEWEST_EXTRA, float(state.weight[at]) - fitted.shape[0])
    return max(tick, float(np.sqrt(np.maximum(left, 0.0).max(initial=0.0) / free)))


def _components(tied: BoolArray, loose: BoolArray) -> list[IntArray]:
    """Return the sets of loose constraints that weak directions tie together."""
    which = np.flatnonzero(loose)
    if not which.size:
        return []
    label = csgraph.connected_components(tied[np.ix_(which, which)], directed=False)[1]
    return [which[label == one] for one in range(int(label.max()) + 1)]


def _mixtures(gram: FloatArray, members: IntArray, noise: float) -> FloatArray:
    """Return the mixtures (n_mixture, n_member) of a group's factors that are known, the largest share 1 in size.

    They are the strong directions of what is known of the group whatever the other constraints' factors are.
    """
    if members.size == 1:
        return np.zeros((0, 1))
    others = np.delete(np.arange(gram.shape[0]), members)
    inside, across = gram[np.ix_(members, members)], gram[np.ix_(members, others)]
    inside = inside - across @ np.linalg.lstsq(gram[np.ix_(others, others)], across.T, rcond=None)[0]
    spread, direction = np.linalg.eigh(0.5 * (inside + inside.T))
    known = direction[:, spread > (noise / WEAK_ERROR) ** 2].T
    largest = np.argmax(np.abs(known), axis=1)
    shares: FloatArray = known / np.take_along_axis(known, largest[:, None], axis=1)
    return shares


def _bounded(gram: FloatArray, moment: FloatArray, tick: float) -> FloatArray:
    """Return factors (k, n) within [-1, 1] of least squares, drawn to 0 where nothing but rounding is known of them."""
    ridged = gram + (tick / USUAL_FACTOR) ** 2 * np.eye(gram.shape[0])
    factors = np.asarray(np.linalg.solve(ridged, moment), dtype=np.float64)
    outside = np.flatnonzero((np.abs(factors) > 1.0).any(axis=0)).tolist()
    if outside:
        upper = np.linalg.cholesky(ridged).T
        target = np.linalg.solve(upper.T, moment[:, outside])
        for at, node in enumerate(outside):
            factors[:, node] = optimize.lsq_linear(upper, target[:, at], (-1.0, 1.0), method="bvls").x
    return factors
