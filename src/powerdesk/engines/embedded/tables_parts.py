"""Parts: where the rows of a table lie, and the list of them in the DuckDB file.

New rows go to the newest hot part. Blocks are sorted tables in the DuckDB file, files are sorted Parquet in Objects;
neither ever changes. A part is replaced by writing its successor and changing the list in one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from powerdesk.engines.embedded.tables_layout import Layout, quoted

if TYPE_CHECKING:
    import duckdb

    from powerdesk.engines.ports.objects import Objects
    from powerdesk.engines.ports.tables import Selection

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LIST_OF_PARTS = """
create table if not exists _parts (
    name varchar, number bigint, kind varchar, object_key varchar, row_count bigint,
    first_time timestamptz, last_time timestamptz, columns varchar[], last_commit bigint
);
alter table _parts add column if not exists last_commit bigint
"""


class PartKind(StrEnum):
    """What a part is."""

    HOT = "hot"
    BLOCK = "block"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Part:
    """A set of rows: what to read it from, and what is known of it without reading.

    `row_count` and times of a hot part are those of its opening; it grows.
    """

    number: int
    kind: PartKind
    source: str
    """A quoted table, or a quoted path of a Parquet file."""
    columns: frozenset[str]
    row_count: int = 0
    first_time: datetime | None = None
    last_time: datetime | None = None
    last_commit: int | None = None
    """The greatest commit in it, if known."""

    @property
    def is_sorted(self) -> bool:
        """Whether rows lie in key order with their successors noted."""
        return self.kind is not PartKind.HOT

    def is_before(self, floor: datetime) -> bool:
        """Tell whether this is a file all of whose rows lie before a moment."""
        return self.kind is PartKind.FILE and self.last_time is not None and self.last_time < floor

    def overlaps(self, selection: Selection) -> bool:
        """Tell whether the part may hold rows of the selected span of time."""
        if self.first_time is None or self.last_time is None:
            return True
        too_late = selection.end is not None and self.first_time >= selection.end
        too_early = selection.start is not None and self.last_time < selection.start
        return not (too_late or too_early)


def table_of(name: str, kind: PartKind, number: int) -> str:
    """Return the quoted DuckDB table of a hot part or block."""
    return quoted(f"{name}/{kind}/{number}")


def listed_parts(cursor: duckdb.DuckDBPyConnection, name: str, objects: Objects) -> tuple[Part, ...]:
    """Return the parts of a table, oldest first."""
    sql = """
        select number, kind, object_key, row_count, epoch_us(first_time), epoch_us(last_time), columns, last_commit
        from _parts where name = ? order by number
    """
    parts = []
    for number, kind, key, row_count, first_us, last_us, columns, commit in cursor.execute(sql, [name]).fetchall():
        source = path_text(objects.uri(key)) if key is not None else table_of(name, PartKind(kind), number)
        times = (moment(first_us), moment(last_us))
        parts.append(Part(number, PartKind(kind), source, frozenset(columns), row_count, *times, commit))
    return tuple(parts)


def open_hot(cursor: duckdb.DuckDBPyConnection, layout: Layout, number: int) -> None:
    """Create an empty hot part and put it on the list."""
    table = table_of(layout.spec.name, PartKind.HOT, number)
    columns = ", ".join(f"{quoted(column)} {kind}" for column, kind in layout.stored.items())
    cursor.execute(f"create table {table} ({columns})")
    add(cursor, layout.spec.name, Part(number, PartKind.HOT, table, frozenset(layout.stored)))


def last_time(cursor: duckdb.DuckDBPyConnection, layout: Layout, parts: tuple[Part, ...]) -> datetime | None:
    """Return the greatest time in any part; None when there are no rows."""
    times = [part.last_time for part in parts if part.last_time is not None]
    for part in parts:
        if part.kind is PartKind.HOT:
            sql = f"select epoch_us(max({quoted(layout.spec.time_column)})) from {part.source}"  # noqa: S608 - quoted
            ((newest_us,),) = cursor.execute(sql).fetchall()
            times += [EPOCH + timedelta(microseconds=newest_us)] if newest_us is not None else []
    return max(times, default=None)


def add(cursor: duckdb.DuckDBPyConnection, name: str, part: Part, *, object_key: str | None = None) -> None:
    """Put the part on the list."""
    cursor.execute(
        "insert into _parts values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            name,
            part.number,
            part.kind.value,
            object_key,
            part.row_count,
            part.first_time,
            part.last_time,
            sorted(part.columns),
            part.last_commit,
        ],
    )


def remove(cursor: duckdb.DuckDBPyConnection, name: str, part: Part) -> None:
    """Take a hot part or block off the list and drop its table."""
    cursor.execute("delete from _parts where name = ? and number = ?", [name, part.number])
    cursor.execute(f"drop table {part.source}")


def strike(cursor: duckdb.DuckDBPyConnection, name: str, parts: tuple[Part, ...]) -> None:
    """Take files off the list; their bytes are the caller's to delete."""
    cursor.executemany("delete from _parts where name = ? and number = ?", [[name, part.number] for part in parts])


def month_of(instant: datetime) -> datetime:
    """Return the beginning of the UTC month in which an instant lies."""
    return instant.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def moment(instant_us: int | None) -> datetime | None:
    """Return the instant of microseconds since 1970."""
    return None if instant_us is None else EPOCH + timedelta(microseconds=instant_us)


def path_text(path: str) -> str:
    """Return a path as an SQL text literal."""
    return "'" + path.replace("'", "''") + "'"
