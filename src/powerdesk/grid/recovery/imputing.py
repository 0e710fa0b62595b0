"""Missing congestion filled in from prices alone: few constraints move many nodes, so the panel has a low rank.

    congestion_tn = u_t'v_n,   u, v of rank r: alternating least squares over what was observed

The rank is the lowest that predicts nearly best what was held out: entries drawn by seed, and gaps like those there
are. Where that is little better than the nodes' means, or an interval or node has few prices for the rank, nothing is
filled in.
Koren, Bell, Volinsky (2009), "Matrix factorization techniques for recommender systems".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.recovery import types
from powerdesk.grid.recovery.types import Identifiability

if TYPE_CHECKING:
    from powerdesk.grid.types import BoolArray, FloatArray

RANKS = (1, 2, 3, 5, 8, 12, 18, 25)
"""Ranks tried: the 118-bus case has 15 constraints that ever bind."""

HELD_OUT = 0.1
"""Share of the observed prices that choose the rank, and half the share of intervals thinned like another."""

NEARLY = 1.1
NOTHING = 0.01
"""Error over the least error, and over that of the node's mean, up to which a lower rank is taken."""

SPARE = 2
"""Prices beyond the rank that an interval or a node needs."""

WORTH = 0.5
"""Error on what was held out, over that of the node's mean, above which the panel is not told as low rank."""

SWEEPS = 40
RIDGE = 0.1
"""Sweeps of alternating least squares, and what each adds to its diagonals over the panel's root mean square.

Less lets nodes that were missing for half of the time run off (118-bus case: error 15 with 0.01, 2.1 with 0.1)."""


@dataclass(frozen=True, eq=False, slots=True)
class Imputation:
    """The panel (n_interval, n_node) in USD/MWh: what was observed as it was, the rest filled in where identified.

    NaN stays where it is not. `filled` tells which entries were. `rmse` (n_rank,) is the error at `ranks` on what was
    held out, `rmse_of_mean` that of the nodes' means; `rank` is the one chosen, 0 where nothing may be filled in.
    """

    congestion: FloatArray
    filled: BoolArray
    rank: int
    ranks: tuple[int, ...]
    rmse: FloatArray
    rmse_of_mean: float
    verdict: Identifiability
    reason: str


def impute(*, congestion: FloatArray, seed: int) -> Imputation:
    """Return the panel (n_interval, n_node) with NaN filled in; congestion parts, or prices less that of a location.

    GROUPED where some entries stay open. Raises PanelError. O(sweeps ranks n_interval n_node rank^2).
    """
    types.check_prices("congestion", congestion)
    if seed < 0:
        raise types.PanelError(found=f"seed {seed}", allowed="0 or more", remedy="any number gives an answer to repeat")
    there = ~np.isnan(congestion)
    draw = np.random.default_rng(seed)
    held = _held_out(there, draw)
    shown = there & ~held
    fewest = min(congestion.shape) - SPARE
    ranks = tuple(one for one in RANKS if one <= fewest)
    if not (ranks and held.any() and shown.any()):
        return _nothing(congestion, ranks, np.full(len(ranks), np.nan), np.nan, "too few prices to hold any out")
    value = np.where(shown, congestion, 0.0)
    mean = value.sum(axis=0) / shown.sum(axis=0).clip(min=1)
    of_mean = _rms((congestion - mean)[held])
    rmse = np.full(len(ranks), np.inf)
    for at, rank in enumerate(ranks):
        known = held & _enough(shown, rank)
        if np.count_nonzero(known) >= WORTH * np.count_nonzero(held):
            rmse[at] = _rms((congestion - _low_rank(value, shown, rank))[known])
    best = int(np.argmax(rmse <= max(NEARLY * float(rmse.min()), NOTHING * of_mean)))
    if not rmse[best] <= WORTH * of_mean:
        words = f"held-out error {rmse[best]:.2f} USD/MWh at the best rank, {of_mean:.2f} of the nodes' means"
        return _nothing(congestion, ranks, rmse, of_mean, words)
    fitted = _low_rank(np.where(there, congestion, 0.0), there, ranks[best])
    filled = ~there & _enough(there, ranks[best])
    left = int(np.count_nonzero(~there & ~filled))
    return Imputation(
        congestion=np.where(filled, fitted, congestion),
        filled=filled,
        rank=ranks[best],
        ranks=ranks,
        rmse=rmse,
        rmse_of_mean=of_mean,
        verdict=Identifiability.GROUPED if left else Identifiability.IDENTIFIED,
        reason=f"{left} prices stay open: fewer than {ranks[best] + SPARE} beside them" if left else "",
    )


def _held_out(there: BoolArray, draw: np.random.Generator) -> BoolArray:
    """Return observed entries to hold out: some at random, and in some intervals what another interval lacks.

    So that nodes missing for a while are also tried as nodes missing for a while.
    """
    like = there[draw.permutation(there.shape[0])]
    chosen = draw.uniform(size=(there.shape[0], 1)) < 2.0 * HELD_OUT
    return np.asarray(there & ((draw.uniform(size=there.shape) < HELD_OUT) | (~like & chosen)))


def _nothing(
    congestion: FloatArray, ranks: tuple[int, ...], rmse: FloatArray, of_mean: float, words: str
) -> Imputation:
    nowhere = np.zeros(congestion.shape, dtype=bool)
    return Imputation(congestion, nowhere, 0, ranks, rmse, of_mean, Identifiability.UNIDENTIFIED, words)


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _enough(there: BoolArray, rank: int) -> BoolArray:
    """Return the entries (n_interval, n_node) whose interval and node have prices enough for the rank."""
    intervals = np.count_nonzero(there, axis=1) >= rank + SPARE
    nodes = np.count_nonzero(there, axis=0) >= rank + SPARE
    return np.asarray(intervals[:, None] & nodes[None, :])


def _low_rank(value: FloatArray, there: BoolArray, rank: int) -> FloatArray:
    """Return u v' (n_interval, n_node) of a rank, by least squares over what is there; `value` is 0 elsewhere."""
    weight = there.astype(np.float64)
    share = weight.mean()
    ridge = RIDGE * _rms(value[there]) + np.finfo(np.float64).tiny
    left, size, right = np.linalg.svd(value / share, full_matrices=False)
    root = np.sqrt(size[:rank])
    rows, columns = left[:, :rank] * root, right[:rank].T * root
    for _ in range(SWEEPS):
        rows = _solved(value, weight, columns, ridge)
        columns = _solved(value.T, weight.T, rows, ridge)
    product: FloatArray = rows @ columns.T
    return product


def _solved(value: FloatArray, weight: FloatArray, other: FloatArray, ridge: float) -> FloatArray:
    """Return per row of `value` the least-squares factors (n_row, rank) against the other side's (n_column, rank)."""
    rank = other.shape[1]
    outer = np.einsum("nj,nk->njk", other, other).reshape(other.shape[0], rank * rank)
    gram = (weight @ outer).reshape(-1, rank, rank) + ridge * np.eye(rank)
    return np.asarray(np.linalg.solve(gram, (value @ other)[:, :, None])[:, :, 0], dtype=np.float64)
