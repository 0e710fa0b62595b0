"""Tables to test, beliefs to put in, and an oracle of lists and loops that says what must come out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click_databases
import pyarrow as pa

from powerdesk.engines.arrow_types import ARROW
from powerdesk.engines.embedded.objects import LocalObjects
from powerdesk.engines.embedded.tables import DuckTables
from powerdesk.engines.ports.tables import SYSTEM_COLUMNS, ColumnSpec, Cut, Selection, Tables, TableSpec
from powerdesk.kernel.belief import Knowledge
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

START = datetime(2025, 1, 30, tzinfo=UTC)
EVER = Cut(as_of=datetime(2100, 1, 1, tzinfo=UTC), commit=2**60)
PRICES = TableSpec(
    name="made.prices",
    columns=(
        ColumnSpec("market", Dtype.TEXT, nullable=False),
        ColumnSpec("location", Dtype.TEXT, nullable=False),
        ColumnSpec("interval_start", Dtype.INSTANT, nullable=False),
        ColumnSpec("interval_end", Dtype.INSTANT, nullable=False),
        ColumnSpec("price_per_mwh", Dtype.FLOAT64, nullable=False),
        ColumnSpec("currency", Dtype.TEXT, nullable=True),
    ),
    key=("market", "location", "interval_start"),
)
FORECASTS = TableSpec(
    name="made.forecasts",
    columns=(
        ColumnSpec("market", Dtype.TEXT, nullable=False),
        ColumnSpec("issued_at", Dtype.INSTANT, nullable=False),
        ColumnSpec("location", Dtype.TEXT, nullable=False),
        ColumnSpec("interval_start", Dtype.INSTANT, nullable=False),
        ColumnSpec("member", Dtype.INT64, nullable=False),
        ColumnSpec("load_mw", Dtype.FLOAT64, nullable=True),
    ),
    key=("market", "issued_at", "location", "interval_start", "member"),
)
"""A key of every shape: text, instant, text, the time column, a number after it."""


def duck_tables(folder: Path) -> Tables:
    return DuckTables(folder / "hot.duckdb", LocalObjects(folder / "objects"))


def duck_tables_with_little_memory(folder: Path) -> Tables:
    """Return the adapter as it is with far more rows than fit in memory: nearly every read meets sorted parts."""
    return DuckTables(folder / "hot.duckdb", LocalObjects(folder / "objects"), hot_rows_max=2, recent_rows_max=0)


def click_tables(folder: Path) -> Tables:
    return click_databases.opened(folder)


def click_tables_on_a_real_server(folder: Path) -> Tables:
    return click_databases.opened_on_a_real_server(folder)


ADAPTERS: dict[str, Callable[[Path], Tables]] = {
    "duckdb": duck_tables,
    "duckdb, little memory": duck_tables_with_little_memory,
    "clickhouse, by chDB": click_tables,
    "clickhouse, a real server": click_tables_on_a_real_server,
}
"""Add an engine here and the whole suite runs against it. Opening the same folder again must find the same data."""


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def schema_of(spec: TableSpec) -> pa.Schema:
    return pa.schema([(column.name, ARROW[column.dtype]) for column in (*spec.columns, *SYSTEM_COLUMNS)])


def batch(rows: Iterable[dict[str, Any]], spec: TableSpec = PRICES) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=schema_of(spec))


def belief(commit: int, **given: Any) -> dict[str, Any]:
    """Return one row of PRICES: by default published and received `commit` hours after START."""
    start = START + hours(given.pop("hour", 0))
    row = {
        "market": "NORTH",
        "location": "NORTH:HUB",
        "interval_start": start,
        "interval_end": start + hours(1),
        "price_per_mwh": float(commit),
        "currency": "USD",
        "published_at": START + hours(commit),
        "published_by": "stamp",
        "received_at": START + hours(commit),
        "source": "alpha",
        "stage": "",
        "revision": commit,
        "commit": commit,
        "reason": None,
        "lineage": None,
    }
    return row | given


@dataclass
class Oracle:
    """Every row ever appended, and the port's semantics by plain loops."""

    spec: TableSpec
    seen: list[dict[str, Any]]

    def _key(self, row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.spec.key)

    def _within(self, row: dict[str, Any], selection: Selection, names: Iterable[str]) -> bool:
        return all(row[name] in selection.within[name] for name in names)

    def _scope(self, selection: Selection, cut: Cut) -> list[dict[str, Any]]:
        clock = "received_at" if cut.knowledge is Knowledge.RECEIVED else "published_at"
        early = [name for name in selection.within if name in (*self.spec.key, "source")]
        return [
            row
            for row in self.seen
            if row[clock] <= cut.as_of
            and row["commit"] <= cut.commit
            and (selection.start is None or row[self.spec.time_column] >= selection.start)
            and (selection.end is None or row[self.spec.time_column] < selection.end)
            and self._within(row, selection, early)
        ]

    def rows(self, selection: Selection, cut: Cut) -> list[dict[str, Any]]:
        """Return what the port's `rows` must."""
        clock = "received_at" if cut.knowledge is Knowledge.RECEIVED else "published_at"
        ranked = {name: rank for rank, name in enumerate(selection.sources)}
        chosen: dict[tuple[Any, ...], tuple[Any, dict[str, Any]]] = {}
        for row in self._scope(selection, cut):
            rank = ranked.get(row["source"], len(ranked))
            by_name = "" if row["source"] in ranked else row["source"]
            held = chosen.get(self._key(row))
            order = (row[clock], row["commit"], row["revision"])
            best = (
                held is None or (rank, by_name) < held[0][0] or ((rank, by_name) == held[0][0] and order > held[0][1])
            )
            if best:
                chosen[self._key(row)] = (((rank, by_name), order), row)
        found = [row for _, row in chosen.values() if self._within(row, selection, selection.within)]
        return self._page(sorted(found, key=self._key, reverse=selection.descending), selection)

    def _page(self, found: list[dict[str, Any]], selection: Selection) -> list[dict[str, Any]]:
        after = selection.after
        if after is not None:
            found = [r for r in found if (self._key(r) < after if selection.descending else self._key(r) > after)]
        return found[: selection.limit]

    def latest(self, selection: Selection, cut: Cut) -> list[dict[str, Any]]:
        """Return what `latest` must."""
        time = self.spec.time_column
        newest: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in self.rows(selection, cut):
            series = tuple(row[name] for name in self.spec.key if name != time)
            if series not in newest or row[time] > newest[series][time]:
                newest[series] = row
        return [newest[series] for series in sorted(newest)]

    def history(self, selection: Selection, cut: Cut) -> list[dict[str, Any]]:
        """Return what `history` must."""
        found = [
            row
            for row in self._scope(selection, cut)
            if self._within(row, selection, selection.within) and row["revision"] >= selection.revision_from
        ]
        order = ("source", "published_at", "commit", "revision")
        return sorted(found, key=lambda row: (self._key(row), *(row[name] for name in order)))

    def changes(self, selection: Selection, *, after: int, upto: int) -> list[dict[str, Any]]:
        """Return what `changes` must."""
        found = [row for row in self.history(selection, EVER) if after < row["commit"] <= upto]
        return sorted(found, key=lambda row: row["commit"])
