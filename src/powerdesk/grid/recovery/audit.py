"""Published shadow prices times published shift factors against published prices: what is left, and what it means.

    residual_tn = price_tn - level_t - sum_k mu_tk T_kn

with mu the change of cost per MW by which a limit rises (at an upper limit the published shadow price with a minus; see
`grid.prices`). The level is the price at the reference: given, or the median over the nodes, which a few bad nodes
cannot move. Rounding alone leaves up to half a tick per price and per shadow price: what exceeds it has a cause.

One bad value stands alone; a constraint that was not published moves many nodes at once. So an interval in which few
nodes are off accuses the nodes, one in which many are off accuses the list of constraints - or one published shadow
price, where correcting it explains the interval. A constraint that moves only a handful of nodes looks like bad data at
these nodes: the panel alone cannot tell the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.recovery import types

if TYPE_CHECKING:
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray

ROUNDINGS = 2.0
"""Ticks allowed per binding constraint: twice what rounding a price and a shadow price can add up to."""

LOCAL_SHARE = 0.1
"""Share of an interval's nodes up to which the nodes are accused, and above which the constraints are."""

FEWEST_NODES = 3
"""Nodes with a price that an interval needs: two differ by anything."""


class Cause(StrEnum):
    """What is wrong with a node or an interval."""

    EXPLAINED = "explained"
    DATA_ERROR = "data error"
    """Of a node: its price or factors. Of an interval: some nodes, or a published shadow price (`suspects` has it)."""
    MISSING_CONSTRAINT = "missing constraint"
    UNIDENTIFIED = "unidentified"
    """No price, or too few in each interval to compare with."""


@dataclass(frozen=True, eq=False, slots=True)
class Audit:
    """Per interval and node (n_interval, n_node) the residual in USD/MWh, and a cause for each node and interval.

    `level` (n_interval,) in USD/MWh and `tolerance` (n_interval,). `suspects` (n_interval,) is the constraint whose
    published shadow price, corrected, explains the interval, or -1. NaN where a price is missing.
    """

    residual: FloatArray
    level: FloatArray
    tolerance: FloatArray
    nodes: tuple[Cause, ...]
    intervals: tuple[Cause, ...]
    suspects: IntArray


def audit(
    *,
    prices: FloatArray,
    shadow_prices: FloatArray,
    shift_factors: FloatArray,
    level: FloatArray | None = None,
    tick: float = types.TICK_USD_PER_MWH,
    factor_tick: float = 0.0,
) -> Audit:
    """Return what prices (n_interval, n_node) leave unexplained of mu (n_interval, k) times factors (k, n_node).

    `prices` are whole prices or congestion parts in USD/MWh, without losses, NaN where missing; `level` (n_interval,)
    is known for congestion parts of the factors' own reference (zeros). `factor_tick` is what factors are rounded to.
    Raises PanelError. O(n_interval k n_node).
    """
    types.check_prices("prices", prices)
    types.check_tick(tick)
    if not 0.0 <= factor_tick < np.inf:
        raise types.PanelError(
            found=f"shift factors rounded to {factor_tick}",
            allowed="0 or more",
            remedy="give what factors are rounded to, 0 where they are not rounded",
        )
    n_interval, n_node = prices.shape
    types.check_shape("shadow_prices", shadow_prices, (n_interval, shift_factors.shape[0]))
    types.check_shape("shift_factors", shift_factors, (shift_factors.shape[0], n_node))
    for name, values in (("shadow_prices", shadow_prices), ("shift_factors", shift_factors)):
        types.check_finite(name, values)
    left = prices - shadow_prices @ shift_factors
    enough = np.count_nonzero(~np.isnan(left), axis=1) >= FEWEST_NODES
    found_level = np.full(n_interval, np.nan)
    if level is None:
        found_level[enough] = np.nanmedian(left[enough], axis=1)
    else:
        types.check_shape("level", level, (n_interval,))
        found_level[enough] = level[enough]
    residual = left - found_level[:, None]
    binding = np.count_nonzero(shadow_prices, axis=1)
    tolerance = ROUNDINGS * tick * np.maximum(binding, 1) + 0.5 * factor_tick * np.abs(shadow_prices).sum(axis=1)
    off = np.abs(residual) > tolerance[:, None]
    wide = off.sum(axis=1) > LOCAL_SHARE * np.count_nonzero(~np.isnan(residual), axis=1).clip(min=1)
    wide &= off.sum(axis=1) > 1
    suspects = np.full(n_interval, -1, dtype=np.int64)
    for at in np.flatnonzero(wide).tolist():
        suspects[at] = _suspect(left[at], shift_factors, float(tolerance[at]), free=level is None)
    return Audit(
        residual,
        found_level,
        tolerance,
        _nodes(residual, off, wide, suspects),
        _intervals(residual, off, wide, suspects),
        suspects,
    )


def _suspect(left: FloatArray, factors: FloatArray, tolerance: float, *, free: bool) -> int:
    """Return the one constraint whose shadow price explains what an interval leaves, -1 if none or several do.

    Every node must then be explained. Fitted by least squares, with a free level if `free`.
    """
    there = ~np.isnan(left)
    value, shape = left[there], factors[:, there]
    if free:
        value, shape = value - value.mean(), shape - shape.mean(axis=1, keepdims=True)
    power = np.einsum("kn,kn->k", shape, shape)
    usable = power > np.finfo(np.float64).eps * max(1.0, float(power.max(initial=0.0)))
    change = np.divide(shape @ value, power, out=np.zeros_like(power), where=usable)
    after = value - change[:, None] * shape
    explains = usable & (np.abs(after).max(axis=1) <= tolerance)
    return int(np.argmax(explains)) if np.count_nonzero(explains) == 1 else -1


def _nodes(residual: FloatArray, off: BoolArray, wide: BoolArray, suspects: IntArray) -> tuple[Cause, ...]:
    seen = np.isfinite(residual).any(axis=0)
    alone = np.any(off & ~wide[:, None], axis=0)
    together = np.any(off & (wide & (suspects < 0))[:, None], axis=0)
    return _causes(np.asarray(seen), np.asarray(alone), np.asarray(together))


def _intervals(residual: FloatArray, off: BoolArray, wide: BoolArray, suspects: IntArray) -> tuple[Cause, ...]:
    seen = np.isfinite(residual).any(axis=1)
    wrong = off.any(axis=1) & (~wide | (suspects >= 0))
    return _causes(np.asarray(seen), np.asarray(wrong), wide & (suspects < 0))


def _causes(seen: BoolArray, wrong: BoolArray, lacking: BoolArray) -> tuple[Cause, ...]:
    order = (Cause.UNIDENTIFIED, Cause.DATA_ERROR, Cause.MISSING_CONSTRAINT, Cause.EXPLAINED)
    first = np.argmax(np.stack((~seen, wrong, lacking, np.ones_like(seen))), axis=0)
    return tuple(order[one] for one in first.tolist())
