"""Basis surfaces: the distribution of location less hub by month and block of hours, with how sure it is.

    Q(p) = a Q_own(p) + (1 - a) Q_beside(p),   a = n / (n + prior_days),   n = (sum_d W_d)^2 / sum_d W_d^2

with W_d the weight of day d in the cell (Kish's effective size, in days: intervals of one day are much alike) and
Q_beside the quantiles of the cells beside it (months before and after; hours before and after) taken together. Averages
of rising functions rise, so quantiles do not cross. A cell observed on fewer than `least_days` days has no value.
Intervals weigh their length, times 2^(-age / half_life_days) where recent days shall count for more.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.grid.basis import cells as cell_grid
from powerdesk.grid.basis import quantiles
from powerdesk.grid.basis.cells import DAY_US, Blocks
from powerdesk.grid.basis.panel import BasisError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.grid.basis.cells import Cells
    from powerdesk.grid.basis.panel import Difference, Leg, Panel
    from powerdesk.grid.types import FloatArray, IntArray
    from powerdesk.kernel.load_shapes import PeakCalendar

MEAN = "mean"
MOST_REPLICATES = 10_000
ROWS = (
    "market", "market_run", "hub", "location", "interval_start", "hour_block", "quantile", "interval_end",
    "basis_per_mwh", "observations", "currency", "published_at",
)  # fmt: skip
"""Columns of grid.basis_surface, and the newest stamp of the prices behind each row."""

INSTANT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    {
        "market": pa.string(),
        "market_run": pa.string(),
        "hub": pa.string(),
        "location": pa.string(),
        "interval_start": INSTANT,
        "hour_block": pa.string(),
        "quantile": pa.string(),
        "interval_end": INSTANT,
        "basis_per_mwh": pa.float64(),
        "low_per_mwh": pa.float64(),
        "high_per_mwh": pa.float64(),
        "observations": pa.int64(),
        "days": pa.int64(),
        "own_share": pa.float64(),
        "reason": pa.string(),
        "currency": pa.string(),
        "published_at": INSTANT,
    }
)
"""What `surface` returns; `reason` says why a value is null, `own_share` is a above."""


@dataclass(frozen=True, slots=True)
class Method:
    """How a surface is estimated; `confidence` is the share of `replicates` between low and high, 0 for none."""

    levels: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
    least_days: int = 5
    prior_days: float = 2.0
    half_life_days: float | None = None
    replicates: int = 200
    block_days: int = 3
    confidence: float = 0.9

    def __post_init__(self) -> None:
        rising = all(low < high for low, high in itertools.pairwise(self.levels))
        sound = (
            bool(self.levels) and rising and self.levels[0] > 0.0 and self.levels[-1] < 1.0,
            self.least_days >= 1 and self.prior_days >= 0.0 and (self.half_life_days or 1.0) > 0.0,
            0 <= self.replicates <= MOST_REPLICATES and self.block_days >= 1 and 0.0 < self.confidence < 1.0,
        )
        if not all(sound):
            raise BasisError(
                found=f"{self}",
                allowed=f"rising levels and confidence in (0, 1), days from 1, up to {MOST_REPLICATES} replicates",
                remedy="correct the method",
            )


def surface(
    panel: Panel,
    *,
    hub: Leg,
    location: Leg,
    zone: str,
    blocks: Blocks = Blocks.HOURS,
    calendar: PeakCalendar | None = None,
    method: Method | None = None,
) -> pa.Table:
    """Return a row of SCHEMA for each month from the first to the last, block, and level and mean, in that order.

    The same panel and legs give the same bytes: the bootstrap is seeded by nothing else. Basis in currency per MWh.
    Cost per cell O(replicates x observations); 24 hours x 12 months of hourly prices take about a second. Raises
    BasisError when the legs have no interval in common.
    """
    method = method or Method()
    difference = panel.common(hub=hub, location=location)
    where = cell_grid.cells(
        start_us=difference.start_us, end_us=difference.end_us, zone=zone, blocks=blocks, calendar=calendar
    )
    rows = list(_Estimate(difference, where, method).rows())
    same = {"market": panel.market, "market_run": panel.market_run, "currency": panel.currency}
    legs = {"hub": hub.name, "location": location.name}
    return pa.Table.from_pylist([{**same, **legs, **row} for row in rows], schema=SCHEMA)


def rows_of(found: pa.Table) -> pa.Table:
    """Return the rows of grid.basis_surface: cells that have a value."""
    return found.filter(pc.is_valid(found["basis_per_mwh"])).select(ROWS)


class _Estimate:
    """One surface in the making: observations sorted by basis, and the weights of the data and of each replicate."""

    def __init__(self, difference: Difference, where: Cells, method: Method) -> None:
        self.difference, self.where, self.method = difference, where, method
        self.levels = np.array(method.levels)
        weight = difference.hours.copy()
        if method.half_life_days is not None:
            age_days = (difference.end_us.max() - difference.end_us) / DAY_US
            weight *= 0.5 ** (age_days / method.half_life_days)
        times = quantiles.day_multiplicities(
            day=where.day,
            month=where.month,
            replicates=method.replicates,
            block_days=method.block_days,
            draw=np.random.default_rng(0),
        )
        self.weights = np.concatenate((np.ones((1, weight.size)), times)) * weight
        place = where.month * len(where.blocks) + where.block
        order = np.lexsort((difference.basis, place))
        edges = np.searchsorted(place[order], np.arange((where.month_us.size - 1) * len(where.blocks) + 1))
        self.members = [order[low:high] for low, high in itertools.pairwise(edges)]

    def rows(self) -> Iterator[dict[str, object]]:
        """Yield the cells' rows without the names of the series."""
        names = [*(f"{level:g}" for level in self.method.levels), MEAN]
        for month in range(self.where.month_us.size - 1):
            for block, label in enumerate(self.where.blocks):
                cell = {
                    "interval_start": int(self.where.month_us[month]),
                    "interval_end": int(self.where.month_us[month + 1]),
                    "hour_block": label,
                }
                summary, values = self._cell(month, block)
                for at, name in enumerate(names):
                    yield {**cell, **summary, "quantile": name, **_bounded(values[:, at], self.method.confidence)}

    def _cell(self, month: int, block: int) -> tuple[dict[str, object], FloatArray]:
        """Return what holds for the whole cell, and its values (1 + replicates, n_level + 1), NaN where it is thin."""
        own = self._members(month, block)
        days = np.unique(self.where.day[own])
        summary: dict[str, object] = {"observations": own.size, "days": days.size}
        if days.size < self.method.least_days:
            summary["reason"] = f"observed on {days.size} day(s), {self.method.least_days} needed"
            return summary, np.full((1, self.levels.size + 1), np.nan)
        beside = [self._members(*one) for one in self.where.neighbours(month, block)]
        pooled = np.concatenate(beside) if beside else np.empty(0, np.int64)
        pooled = pooled[np.argsort(self.difference.basis[pooled], kind="stable")]
        share = self._own_share(own) if pooled.size and self.method.prior_days else 1.0
        values = self._distribution(own)
        if share < 1.0:
            values = share * values + (1.0 - share) * self._distribution(pooled)
            summary["published_at"] = self._newest(np.concatenate((own, pooled)))
        else:
            summary["published_at"] = self._newest(own)
        summary["own_share"] = share
        return summary, values

    def _members(self, month: int, block: int) -> IntArray:
        return self.members[month * len(self.where.blocks) + block]

    def _own_share(self, own: IntArray) -> float:
        _, day = np.unique(self.where.day[own], return_inverse=True)
        weight = np.bincount(day, self.weights[0, own])
        effective = float(weight.sum() ** 2 / (weight**2).sum())
        return effective / (effective + self.method.prior_days)

    def _distribution(self, rows: IntArray) -> FloatArray:
        values, weights = self.difference.basis[rows], self.weights[:, rows]
        found = quantiles.of_sorted(values, weights, self.levels)
        return np.concatenate((found, quantiles.means(values, weights)[:, None]), axis=1)

    def _newest(self, rows: IntArray) -> int | None:
        newest = self.difference.published_us[rows].max()
        return None if np.isnan(newest) else int(newest)


def _bounded(values: FloatArray, confidence: float) -> dict[str, float | None]:
    """Return the value and the percentile interval of its replicates; null where there is none."""
    if np.isnan(values[0]):
        return {"basis_per_mwh": None}
    again = values[1:][~np.isnan(values[1:])]
    if not again.size:
        return {"basis_per_mwh": float(values[0])}
    low, high = np.quantile(again, (0.5 - confidence / 2.0, 0.5 + confidence / 2.0)).tolist()
    return {"basis_per_mwh": float(values[0]), "low_per_mwh": low, "high_per_mwh": high}
