"""The declaration of a dataset: one table of facts from which schema, API, stream, docs and types are generated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    import pyarrow as pa

    from powerdesk.kernel.dtypes import Dtype


@dataclass(frozen=True, slots=True)
class Column:
    """One column: name with unit last, dtype, unit, meaning; key columns are never null."""

    name: str
    dtype: Dtype
    meaning: str
    unit: str | None = None
    nullable: bool = False
    key: bool = False
    allowed: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Licence:
    """What a source permits: `redistribute` outside the tenant, `derive` new data, and the words to show."""

    source: str
    market: str
    name: str
    redistribute: bool
    derive: bool
    attribution: str
    strictness: int = 0
    """Order of classes; a derived row carries the greatest of its inputs."""


@dataclass(frozen=True, slots=True)
class PublicationRule:
    """When rows without a stamp of their own were knowable: a named function of key columns and interval_end.

    `instants` takes a table with the dataset's key columns and `interval_end` and returns one nullable
    timestamp[us, UTC] per row; null means: use the receipt time. It is pure and vectorised.
    """

    name: str
    meaning: str
    instants: Callable[[pa.Table], pa.Array]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the newest row may be before it is called late, then stale."""

    late_after: timedelta
    stale_after: timedelta


@dataclass(frozen=True, slots=True)
class Cadence:
    """How long the intervals of a series are: minutes by the values of a few key columns.

    A series whose values are not listed has no expected set: nothing is said about its completeness.
    """

    by: tuple[str, ...]
    minutes: Mapping[tuple[str, ...], int]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Everything the house needs to know about one dataset.

    `market_column` names the column whose value is the market of the row for entitlements; `product` is the
    entitlement product. `sum_rule` names (total, parts, tolerance): where all parts are present they must add up.
    """

    id: str
    title: str
    meaning: str
    grain: str
    columns: tuple[Column, ...]
    publication: PublicationRule
    product: str
    freshness: Freshness
    licences: tuple[Licence, ...]
    retention: timedelta | None = None
    market_column: str = "market"
    time_column: str = "interval_start"
    end_column: str = "interval_end"
    series_label: str = "location"
    sources: tuple[str, ...] = ()
    """Ranking of sources for one key, best first."""
    sum_rule: SumRule | None = None
    cadence: Cadence | None = None
    lasting_by: tuple[str, ...] = ()
    """Key columns of a set of rows that holds from the time column until the next set of that name replaces it whole;
    such rows have no end column. Empty: each row holds for its own interval."""
    inputs: tuple[str, ...] = ()
    """Datasets this one is derived from; empty for observed data."""
    release: str | None = None
    """The reason why derived rows need less than the union of their inputs' entitlements, if declared."""
    version: int = 1

    @property
    def key(self) -> tuple[str, ...]:
        """Key columns in declared order."""
        return tuple(column.name for column in self.columns if column.key)

    @property
    def series_key(self) -> tuple[str, ...]:
        """The key without the time column: what one chart line is."""
        return tuple(name for name in self.key if name != self.time_column)

    @property
    def end_columns(self) -> tuple[str, ...]:
        """The end column, or none where rows hold until they are replaced."""
        return () if self.lasting_by else (self.end_column,)

    @property
    def value_columns(self) -> tuple[Column, ...]:
        """Columns that are neither key nor the interval's end."""
        return tuple(column for column in self.columns if not column.key and column.name != self.end_column)

    def column(self, name: str) -> Column:
        """Return the column; KeyError when the declaration has none of that name."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class SumRule:
    """`total` = sum of `parts` within a tolerance per market (the market's declared rounding)."""

    total: str
    parts: tuple[str, ...]
    required: tuple[str, ...]
    """Parts that must be present for the rule to apply; absent other parts count as not part of the price."""
    tolerance: Mapping[str, float] = field(default_factory=dict)
    """By market; a market not named has 0.02."""
