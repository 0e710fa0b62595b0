"""Prices as a matrix of intervals by locations, and the difference of two legs where both are known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray

WEIGHT_TOLERANCE = 1e-9
"""Of the sum of an aggregate's weights: they are given by hand or as load shares."""

SERIES = ("market", "market_run", "currency")
PARTS = ("congestion_per_mwh", "loss_per_mwh")


class BasisError(Problem):
    """Prices or legs from which no basis can be made."""

    status: ClassVar[int] = 422
    slug: ClassVar[str] = "basis-unusable"
    title: ClassVar[str] = "No basis can be made of these prices"


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a basis: a name and its locations with weights that sum to 1."""

    name: str
    weights: tuple[tuple[str, float], ...]

    def __post_init__(self) -> None:
        total = sum(weight for _, weight in self.weights)
        if not (math.isfinite(total) and abs(total - 1.0) <= WEIGHT_TOLERANCE):
            raise BasisError(
                found=f"weights of {self.name} that sum to {total:g}",
                allowed="weights that sum to 1",
                remedy="divide them by their sum",
            )
        if len({location for location, _ in self.weights}) < len(self.weights):
            raise BasisError(
                found=f"a location twice in {self.name}",
                allowed="each once",
                remedy="add up the weights of each location",
            )

    @staticmethod
    def at(location: str) -> Leg:
        """Return the leg of one location."""
        return Leg(location, ((location, 1.0),))


@dataclass(frozen=True, eq=False, slots=True)
class Difference:
    """Location less hub in each interval where both are known (n,), in order of time.

    `congestion` and `loss` are NaN where a part of either leg is not published. `published_us` is the newest stamp of
    the prices used, NaN where one has none; instants are microseconds UTC since 1970.
    """

    start_us: IntArray
    end_us: IntArray
    basis: FloatArray
    congestion: FloatArray
    loss: FloatArray
    published_us: FloatArray

    @property
    def hours(self) -> FloatArray:
        """Length of each interval in hours (n,)."""
        return (self.end_us - self.start_us) / 3.6e9


@dataclass(frozen=True, eq=False, slots=True)
class Panel:
    """Prices of one market run: `values[name]` (n_interval, n_location) per MWh, NaN where not published."""

    market: str
    market_run: str
    currency: str
    start_us: IntArray
    end_us: IntArray
    locations: tuple[str, ...]
    values: dict[str, FloatArray]

    def difference(self, *, hub: Leg, location: Leg) -> Difference:
        """Return location less hub; an interval in which a member's price is missing is left out, never filled."""
        basis = self._leg(location, "price_per_mwh") - self._leg(hub, "price_per_mwh")
        kept = np.flatnonzero(np.isfinite(basis))
        parts = [(self._leg(location, name) - self._leg(hub, name))[kept] for name in PARTS]
        members = [self._position(one) for leg in (hub, location) for one, _ in leg.weights]
        stamps = self.values["published_at"][:, members].max(axis=1)
        return Difference(self.start_us[kept], self.end_us[kept], basis[kept], parts[0], parts[1], stamps[kept])

    def common(self, *, hub: Leg, location: Leg) -> Difference:
        """Return `difference`; raise BasisError when the legs have no interval in common."""
        found = self.difference(hub=hub, location=location)
        if not found.basis.size:
            raise BasisError(
                found=f"no interval in which {hub.name} and {location.name} both have a price",
                allowed="one at least",
                remedy="read both legs for the same days",
            )
        return found

    def _leg(self, leg: Leg, name: str) -> FloatArray:
        out = np.zeros(self.start_us.size)
        for location, weight in leg.weights:
            out += weight * self.values[name][:, self._position(location)]
        return out

    def _position(self, location: str) -> int:
        if location not in self.locations:
            raise BasisError(
                found=f"no price at {location}",
                allowed=f"one of {len(self.locations)} locations with prices",
                remedy="check the name, or read its prices too",
            )
        return self.locations.index(location)


def panel(prices: pa.Table) -> Panel:
    """Return the panel of rows of markets.prices, cut as of the moment that the caller chose; O(n log n).

    Wants market, market_run, currency (one of each), location, interval_start, interval_end, price_per_mwh; takes
    congestion_per_mwh, loss_per_mwh and published_at where there. Null prices (retractions) count as missing. Raises
    BasisError for no rows, columns that are missing, several series, prices that are infinite or of no location,
    intervals that overlap, or two prices of one location and interval.
    """
    _check_columns(prices)
    prices = prices.filter(pc.is_valid(prices["price_per_mwh"]))
    market, run, currency = (_only(prices, name) for name in SERIES)
    start, end = (prices[name].cast(pa.int64()).to_numpy() for name in ("interval_start", "interval_end"))
    keys, row = np.unique(np.stack((start, end), axis=1), axis=0, return_inverse=True)
    if (keys[1:, 0] < keys[:-1, 1]).any():
        raise BasisError(
            found="intervals that overlap",
            allowed="intervals one after the other",
            remedy="read prices of one length of interval at a time",
        )
    names, column = np.unique(prices["location"].to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    place = row.ravel() * names.size + column
    if np.unique(place).size < place.size:
        twice = int(np.flatnonzero(np.bincount(place) > 1)[0]) % names.size
        raise BasisError(
            found=f"two prices of {names[twice]} in one interval",
            allowed="one row per location and interval",
            remedy="read the prices as of one moment",
        )
    shape = (len(keys), names.size)
    values = {}
    for name in ("price_per_mwh", *PARTS, "published_at"):
        matrix = np.full(shape, np.nan)
        if name in prices.column_names:
            held = prices[name].cast(pa.int64()) if name == "published_at" else prices[name]
            matrix.flat[place] = held.cast(pa.float64()).to_numpy(zero_copy_only=False)
        values[name] = matrix
    return Panel(market, run, currency, keys[:, 0], keys[:, 1], tuple(names.tolist()), values)


def _check_columns(prices: pa.Table) -> None:
    """Raise BasisError where a column is missing, a key is null or a price infinite."""
    keys = (*SERIES, "location", "interval_start", "interval_end")
    lacking = [name for name in (*keys, "price_per_mwh") if name not in prices.column_names]
    empty = [name for name in keys if name not in lacking and prices[name].null_count]
    infinite = 0 if lacking else pc.sum(pc.is_inf(prices["price_per_mwh"])).as_py() or 0
    if lacking or empty or infinite:
        raise BasisError(
            found=f"lacking: {', '.join(lacking) or '-'}; null: {', '.join(empty) or '-'}; {infinite} infinite prices",
            allowed=f"{', '.join(keys)} in every row, prices that are numbers",
            remedy="read rows of markets.prices with these columns",
        )


def _only(prices: pa.Table, name: str) -> str:
    held = pc.unique(prices[name]).to_pylist()
    if len(held) != 1:
        raise BasisError(
            found=f"{name} {', '.join(map(str, held[:5])) or 'of no row'}",
            allowed=f"prices of one {name}",
            remedy="read prices of one market, run and currency at a time",
        )
    return str(held[0])
