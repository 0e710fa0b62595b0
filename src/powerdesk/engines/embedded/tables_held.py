"""What a process keeps in memory of each table."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from powerdesk.engines.embedded import tables_dictionary, tables_parts, tables_warming
from powerdesk.engines.embedded.tables_layout import TAG_COLUMNS, Layout
from powerdesk.engines.embedded.tables_parts import Part, PartKind

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb

    from powerdesk.engines.embedded.tables_codes import Codes
    from powerdesk.engines.embedded.tables_recent import Recent
    from powerdesk.engines.ports.objects import Objects
    from powerdesk.engines.ports.tables import TableSpec


@dataclass(frozen=True, slots=True)
class View:
    """A consistent state of a table; a read keeps the one it began with."""

    layout: Layout
    labels: Codes
    tags: Codes
    parts: tuple[Part, ...]
    recent: Recent
    settled: int
    """Sorted parts hold every row with a commit up to this one; later ones are in `recent`."""
    last_time: datetime | None
    position: int


class Held:
    """The present view of a table, and the hot part that takes appends with the number of rows in it."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.readable = view
        """The view without hot parts: their rows are in memory."""
        self.hot = view.parts[0]
        self.hot_rows = 0
        self._publishing = threading.Lock()

    @property
    def name(self) -> str:
        """The table's name."""
        return self.view.layout.spec.name

    @property
    def unsettled_rows(self) -> int:
        """How many rows no sorted part holds yet."""
        return self.hot_rows + sum(part.row_count for part in self.view.parts if not part.is_sorted)

    def publish(self, **changes: Any) -> None:
        """Show readers a view with these changes."""
        with self._publishing:
            self.view = replace(self.view, **changes)
            parts = self.readable.parts
            if "parts" in changes:
                parts = tuple(part for part in self.view.parts if part.is_sorted)
            self.readable = replace(self.view, parts=parts)

    def refresh(self, cursor: duckdb.DuckDBPyConnection, objects: Objects) -> None:
        """Read the list of parts again; the newest hot part takes appends."""
        parts = tables_parts.listed_parts(cursor, self.name, objects)
        self.publish(parts=parts)
        self.hot = max((part for part in parts if part.kind is PartKind.HOT), key=lambda part: part.number)
        found = cursor.execute(f"select count(*) from {self.hot.source}").fetchall()  # noqa: S608 - quoted
        self.hot_rows = found[0][0]


def opened(cursor: duckdb.DuckDBPyConnection, spec: TableSpec, objects: Objects, *, rows_max: int) -> Held:
    """Return what to keep of a table in the file, with up to about `rows_max` settled rows."""
    layout = Layout(spec)
    ((position,),) = cursor.execute("select max(last_commit) from _batches where name = ?", [spec.name]).fetchall()
    parts = tables_parts.listed_parts(cursor, spec.name, objects)
    recent, settled = tables_warming.warmed(cursor, layout, parts, position=position or 0, rows_max=rows_max)
    view = View(
        layout=layout,
        labels=tables_dictionary.read(cursor, tables_dictionary.labels_of(spec.name), layout.label_columns),
        tags=tables_dictionary.read(cursor, tables_dictionary.tags_of(spec.name), TAG_COLUMNS),
        parts=parts,
        recent=recent,
        settled=settled,
        last_time=tables_parts.last_time(cursor, layout, parts),
        position=position or 0,
    )
    held = Held(view)
    held.refresh(cursor, objects)
    return held
