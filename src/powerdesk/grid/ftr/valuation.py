"""What rights pay: hour by hour from published congestion, over scenarios, and from basis surfaces.

Money is per right over its term: MW x hours x (congestion of the sink less congestion of the source), cut at 0 hour by
hour for an option. Expected shortfall at level a is the mean of the worst share 1 - a of outcomes, as a payoff: a loss
is below 0. Rockafellar & Uryasev (2000), "Optimization of conditional value-at-risk".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.basis import cells as cell_grid
from powerdesk.grid.basis.cells import ALL, Blocks
from powerdesk.grid.ftr.paths import FtrError, Kind

if TYPE_CHECKING:
    from powerdesk.grid.basis.panel import Panel
    from powerdesk.grid.ftr.paths import Path
    from powerdesk.grid.types import FloatArray, IntArray
    from powerdesk.kernel.load_shapes import PeakCalendar

HOUR_US = cell_grid.HOUR_US


@dataclass(frozen=True, slots=True)
class Term:
    """When a right delivers: from start to end (microseconds UTC), in all hours or a block of a peak calendar."""

    start_us: int
    end_us: int
    zone: str
    block: str = ALL
    calendar: PeakCalendar | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Payoffs:
    """Payoff per MW in each interval of the term that has congestion at both ends (n,), and hours that have not.

    Missing hours are left out and counted, never taken for 0. Within a settled term `missing_hours` is 0.
    """

    start_us: IntArray
    end_us: IntArray
    per_mw: FloatArray
    missing_hours: float

    @property
    def total_per_mw(self) -> float:
        """Sum over the intervals."""
        return float(self.per_mw.sum())


def payoffs(panel: Panel, path: Path, term: Term) -> Payoffs:
    """Return what a path pays per MW from the congestion parts of a market run's prices; legs name locations."""
    found = panel.difference(hub=path.source, location=path.sink)
    inside = (found.start_us >= term.start_us) & (found.end_us <= term.end_us) & np.isfinite(found.congestion)
    kept = np.flatnonzero(inside)
    kept = kept[_in_block(found.start_us[kept], found.end_us[kept], term)] if kept.size else kept
    start, end = found.start_us[kept], found.end_us[kept]
    hours = (end - start) / HOUR_US
    per_mw = hours * kinked(found.congestion[kept], path.kind)
    return Payoffs(start, end, per_mw, hours_of(term) - float(hours.sum()))


def kinked(difference: FloatArray, kind: Kind) -> FloatArray:
    """Return what a right pays per MWh for differences of congestion of any shape."""
    return np.maximum(difference, 0.0) if kind is Kind.OPTION else difference


def hours_of(term: Term) -> float:
    """Return the hours of a term that belong to its block, clock changes counted as they are."""
    start = np.arange(term.start_us, term.end_us, HOUR_US, dtype=np.int64)
    if not start.size:
        raise FtrError(found="a term without an hour", allowed="start before end", remedy="correct the term")
    end = np.minimum(start + HOUR_US, term.end_us)
    return float(((end - start) / HOUR_US)[_in_block(start, end, term)].sum())


def _in_block(start_us: IntArray, end_us: IntArray, term: Term) -> np.ndarray:
    if term.block == ALL:
        return np.ones(start_us.size, dtype=bool)
    where = cell_grid.cells(
        start_us=start_us, end_us=end_us, zone=term.zone, blocks=Blocks.PEAK, calendar=term.calendar
    )
    if term.block not in where.blocks:
        raise FtrError(found=f"block {term.block}", allowed="on_peak, off_peak or all", remedy="correct the term")
    return np.asarray(where.block == where.blocks.index(term.block))


@dataclass(frozen=True, slots=True)
class Distribution:
    """Of a sum of money over scenarios: mean, spread, quantiles by level, and expected shortfall at its level."""

    mean: float
    standard_deviation: float
    quantiles: tuple[tuple[float, float], ...]
    expected_shortfall: float
    shortfall_level: float


def scenario_values(
    differences: FloatArray, *, hours: FloatArray, mw: FloatArray, kinds: tuple[Kind, ...]
) -> FloatArray:
    """Return the value of a portfolio in each scenario (n_scenario,).

    `differences` (n_path, n_scenario, n_interval) is congestion of the sink less of the source per MWh, `hours`
    (n_interval,), `mw` (n_path,). Rights net within a scenario; an option is cut interval by interval. Raises FtrError
    for shapes that do not fit and for what is no number.
    """
    wanted = {
        "differences": (len(kinds), *differences.shape[1:2], hours.size),
        "hours": (hours.size,),
        "mw": (len(kinds),),
    }
    for name, values in (("differences", differences), ("hours", hours), ("mw", mw)):
        _check_numbers(name, values, wanted[name])
    total = np.zeros(differences.shape[1])
    for one, kind in enumerate(kinds):
        total += mw[one] * (kinked(differences[one], kind) @ hours)
    return total


def distribution(
    values: FloatArray,
    *,
    weights: FloatArray | None = None,
    levels: tuple[float, ...] = (0.05, 0.5, 0.95),
    shortfall_level: float = 0.95,
) -> Distribution:
    """Return the distribution of values (n,) with chances in proportion to `weights` (n,), alike without them.

    Expected shortfall takes the worst outcomes until their chance is 1 - level, the last one in part. Raises FtrError
    for no value, for levels that are none, and for weights below 0 or none above.
    """
    weights = np.ones(values.size) if weights is None else weights
    _check_numbers("values", values, (max(values.size, 1),))
    _check_numbers("weights", weights, (values.size,))
    _check_levels(levels, shortfall_level)
    if weights.min() < 0.0 or weights.sum() <= 0.0:
        raise FtrError(
            found="weights below 0, or all 0", allowed="weights from 0, one above", remedy="weigh what can be"
        )
    chance = weights / weights.sum()
    order = np.argsort(values, kind="stable")
    rising, share = values[order], chance[order]
    mean = float(chance @ values)
    tail = 1.0 - shortfall_level
    taken = np.clip(tail - (np.cumsum(share) - share), 0.0, share)
    reached = np.cumsum(share)
    at = np.minimum(np.searchsorted(reached, np.array(levels) - 1e-12), values.size - 1)
    return Distribution(
        mean=mean,
        standard_deviation=float(np.sqrt(chance @ (values - mean) ** 2)),
        quantiles=tuple(zip(levels, rising[at].tolist(), strict=True)),
        expected_shortfall=float(taken @ rising / taken.sum()),
        shortfall_level=shortfall_level,
    )


@dataclass(frozen=True, slots=True)
class SurfaceValue:
    """Per MW over the hours given: mean, and expected shortfall if all cells were bad together: a bound from below."""

    mean_per_mw: float
    shortfall_per_mw: float


def from_surface(
    levels: FloatArray,
    quantiles: FloatArray,
    *,
    hours: FloatArray,
    kind: Kind,
    means: FloatArray | None = None,
    shortfall_level: float = 0.95,
) -> SurfaceValue:
    """Return a path's value from its congestion's quantiles (n_cell, n_level) at rising `levels`, `hours` (n_cell,).

    The distribution between levels is taken as straight, beyond the outermost as constant, which loses part of a few
    dear days. With the surface's own `means` (n_cell,) what is lacking goes to the tail it lies in: the upper one if
    above 0, which an option keeps where its highest quantile is above 0. Expected shortfall adds up over cells, so no
    dependence between them gives a worse one. Raises FtrError for a cell without quantiles, or with falling ones.
    """
    _check_levels(tuple(levels.tolist()), shortfall_level)
    if not np.isfinite(quantiles).all():
        raise FtrError(
            found=f"{int((~np.isfinite(quantiles)).any(axis=1).sum())} cell(s) without a distribution",
            allowed="quantiles in every cell of the term",
            remedy="use more history, or leave the cells out of the term",
        )
    n_cell = hours.size
    _check_numbers("quantiles", quantiles, (n_cell, levels.size))
    _check_numbers("means", np.zeros(n_cell) if means is None else means, (n_cell,))
    if (np.diff(quantiles, axis=1) < 0.0).any() or (np.diff(levels) <= 0.0).any():
        raise FtrError(found="quantiles or levels that fall", allowed="rising ones", remedy="sort them by level")
    whole = _area(levels, quantiles, 1.0, kind)
    if means is not None:
        lacking = means - _area(levels, quantiles, 1.0, Kind.OBLIGATION)
        kept = np.where(lacking > 0.0, quantiles[:, -1], quantiles[:, 0]) > 0.0
        whole = whole + np.where(kept | (kind is Kind.OBLIGATION), lacking, 0.0)
    tail = 1.0 - shortfall_level
    return SurfaceValue(float(hours @ whole), float(hours @ _area(levels, quantiles, tail, kind)) / tail)


def _area(levels: FloatArray, quantiles: FloatArray, until: float, kind: Kind) -> FloatArray:
    """Return the integral of each cell's quantile function from 0 to `until` (n_cell,), cut at 0 for an option."""
    inner = levels[(levels > 0.0) & (levels < until)]
    edges = np.concatenate(([0.0], inner, [until]))
    values = np.array([np.interp(edges, levels, row) for row in quantiles]).reshape(len(quantiles), edges.size)
    low, high = values[:, :-1], values[:, 1:]
    mean = 0.5 * (low + high)
    if kind is Kind.OPTION:
        rise = np.where(high > low, high - low, 1.0)
        crossing = (low < 0.0) & (high > 0.0)
        mean = np.where(crossing, 0.5 * high**2 / rise, np.maximum(mean, 0.0))
    area: FloatArray = mean @ np.diff(edges)
    return area


def _check_numbers(name: str, values: FloatArray, shape: tuple[int, ...]) -> None:
    """Raise FtrError unless these are numbers of the shape."""
    if values.shape != shape or not np.isfinite(values).all():
        raise FtrError(
            found=f"{name} of shape {values.shape}, {np.count_nonzero(~np.isfinite(values))} of them no numbers",
            allowed=f"numbers of shape {shape}",
            remedy="align paths, scenarios and intervals, and leave out what is not known on purpose",
        )


def _check_levels(levels: tuple[float, ...], shortfall_level: float) -> None:
    """Raise FtrError for quantile levels outside (0, 1) and a level of expected shortfall outside [0, 1)."""
    if not (levels and all(0.0 < one < 1.0 for one in levels) and 0.0 <= shortfall_level < 1.0):
        raise FtrError(
            found=f"levels {', '.join(map(str, levels)) or 'none'}, shortfall at {shortfall_level}",
            allowed="levels in (0, 1), shortfall from 0 to below 1",
            remedy="write 0.95 for 95 %",
        )
