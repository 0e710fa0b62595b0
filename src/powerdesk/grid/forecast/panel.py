"""Shadow prices by interval and constraint, and when each interval became known: all that a forecast may look at.

Signed as grid.datasets has it: congestion of a location = sum over constraints of shadow price x shift factor, so a
limit on flow from from_bus to to_bus has values below 0. Instants are microseconds since 1970, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.grid.recovery import types
from powerdesk.grid.recovery.types import PanelError
from powerdesk.kernel import local_times

if TYPE_CHECKING:
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
NEVER_US = np.iinfo(np.int64).max
SATURDAY = 5

COVERED = 0.5
"""Share of an interval that must have been published for its mean to stand for it."""


@dataclass(frozen=True, eq=False, slots=True)
class Panel:
    """Successive intervals of `minutes` from start_us (n,), each known from known_us (n,); NEVER_US where unpublished.

    shadow_price (n, k) is the interval's mean in currency/MWh, 0 where the constraint did not bind, NaN where nothing
    was published. Constraints are in order of name.
    """

    minutes: int
    start_us: IntArray
    known_us: IntArray
    constraints: tuple[str, ...]
    shadow_price: FloatArray

    def until(self, known_us: int) -> Panel:
        """Return what was known by an instant: later intervals and constraints that had not bound by then are gone."""
        known = self.known_us <= known_us
        end = int(known.nonzero()[0][-1]) + 1 if known.any() else 0
        price = self.shadow_price[:end]
        if not known[:end].all():
            price = np.where(known[:end, None], price, np.nan)
        met = np.flatnonzero((np.abs(price) > 0.0).any(axis=0))  # NaN, unpublished, is no sign of having bound
        if met.size == len(self.constraints) and known.all():
            return self
        return Panel(
            minutes=self.minutes,
            start_us=self.start_us[:end],
            known_us=np.where(known, self.known_us, NEVER_US)[:end],
            constraints=tuple(self.constraints[one] for one in met.tolist()),
            shadow_price=price[:, met],
        )

    def since(self, start_us: int) -> Panel:
        """Return the intervals that begin at or after an instant, all constraints kept."""
        begin = int(np.searchsorted(self.start_us, start_us))
        return Panel(
            self.minutes,
            self.start_us[begin:],
            self.known_us[begin:],
            self.constraints,
            self.shadow_price[begin:],
        )

    def of(self, constraints: tuple[str, ...], *, rows: IntArray | None = None) -> FloatArray:
        """Return shadow prices (n, len(constraints)), or some rows of them; 0 for a constraint that never bound."""
        place = {name: at for at, name in enumerate(self.constraints)}
        price, published = self.shadow_price, self.published
        if rows is not None:
            price, published = price[rows], published[rows]
        none = np.where(published, 0.0, np.nan)[:, None]
        return np.concatenate((price, none), axis=1)[:, [place.get(name, -1) for name in constraints]]

    @property
    def published(self) -> BoolArray:
        """Whether each interval (n,) is known to have been published."""
        return self.known_us < NEVER_US


def of_tables(*, rows: pa.Table, published: pa.Table, minutes: int = 60, least_per_mwh: float = 0.01) -> Panel:
    """Return the panel of means over intervals of `minutes`, weighted by time, from rows of binding constraints.

    `rows` has constraint, interval_start and shadow_price_per_mwh (signed); `published` has interval_start,
    interval_end and published_at of every interval whose publication is complete: there, a constraint without a row did
    not bind. An interval is told when half of it was published, and known when the last of that was. Means below
    `least_per_mwh`, one tick, do not count as binding. Raises PanelError for rows outside what was published, rows that
    come twice, values that are not numbers, and when nothing is published.
    """
    if minutes < 1 or DAY_US % (minutes * MINUTE_US):
        raise PanelError(
            found=f"intervals of {minutes} minutes", allowed="a part of a day in minutes", remedy="60 is usual"
        )
    begin, end, known = (_micros(published[name]) for name in ("interval_start", "interval_end", "published_at"))
    order = np.argsort(begin, kind="stable")
    begin, end, known = begin[order], end[order], known[order]
    if not begin.size or (np.diff(begin) <= 0).any() or (end <= begin).any():
        raise _unusable("publications that are none, come twice or end before they begin", "one row per interval")
    length = minutes * MINUTE_US
    if (begin[1:] < end[:-1]).any() or (begin // length != (end - 1) // length).any():
        raise _unusable(
            f"publications that overlap or reach over {minutes} minutes", "intervals within those of the panel"
        )
    start = np.arange(begin[0] // length * length, end[-1], length, dtype=np.int64)
    place = (begin - start[0]) // length
    duration = (end - begin).astype(np.float64)  # microseconds: sums are exact
    covered = np.bincount(place, duration, start.size)
    last = np.full(start.size, -1, dtype=np.int64)
    np.maximum.at(last, place, known)
    told = covered >= COVERED * length
    names, constraint = _named(rows["constraint"])
    at, value = _checked(rows, begin, constraint)
    total = np.zeros((start.size, len(names)))
    np.add.at(total, (place[at], constraint), duration[at] * value)
    mean = np.divide(total, covered[:, None], out=np.full(total.shape, np.nan), where=told[:, None])
    mean[np.abs(mean) < least_per_mwh] = 0.0
    return Panel(minutes, start, np.where(told, last, NEVER_US), names, mean)


def _named(column: pa.ChunkedArray) -> tuple[tuple[str, ...], IntArray]:
    """Return the names in order and each row's place among them."""
    if column.null_count:
        raise _unusable("constraints without a name", "a name in every row")
    coded = pc.dictionary_encode(column.cast(pa.string())).combine_chunks()
    names = coded.dictionary
    order = pc.sort_indices(names).to_numpy()
    place = np.empty(order.size, dtype=np.int64)
    place[order] = np.arange(order.size)
    return tuple(names.take(pa.array(order)).to_pylist()), place[coded.indices.to_numpy()]


def _checked(rows: pa.Table, begin: IntArray, constraint: IntArray) -> tuple[IntArray, FloatArray]:
    """Return the publication (n_row,) and value (n_row,) of each row."""
    when = _micros(rows["interval_start"])
    at = np.searchsorted(begin, when).clip(max=begin.size - 1)
    if (begin[at] != when).any():
        raise _unusable(
            f"{np.count_nonzero(begin[at] != when)} shadow prices in intervals that are not said to be published",
            "rows of published intervals",
        )
    if np.unique(at * np.int64(constraint.max(initial=0) + 1) + constraint).size < at.size:
        raise _unusable("rows that come twice", "one row per constraint and interval")
    value = np.asarray(rows["shadow_price_per_mwh"].cast(pa.float64()).to_numpy(), dtype=np.float64)
    types.check_finite("shadow_price_per_mwh", value)
    return at.astype(np.int64), value


def _micros(column: pa.ChunkedArray) -> IntArray:
    if column.null_count:
        raise _unusable("instants that are missing", "an instant in every row")
    return np.asarray(pc.cast(column, pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy(), dtype=np.int64)


def _unusable(found: str, allowed: str) -> PanelError:
    return PanelError(found=found, allowed=allowed, remedy="read the rows in force of one market run, each once")


def local_parts(start_us: IntArray, *, zone: str, minutes: int) -> tuple[IntArray, IntArray, BoolArray]:
    """Return local day since 1970, interval of the day, and whether it is Saturday or Sunday, each of that shape."""
    local = local_times.utc_to_local(start_us.ravel(), zone=zone).reshape(start_us.shape)
    day, rest = np.divmod(local, DAY_US)
    return day, rest // (minutes * MINUTE_US), (day + 3) % 7 >= SATURDAY
