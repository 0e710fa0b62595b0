"""Names and types of ClickHouse: identifiers quoted, columns with their types and codecs."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from powerdesk.engines.ports import faults
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
    from collections.abc import Iterable

    from powerdesk.engines.declared import Declared
    from powerdesk.engines.ports.tables import ColumnSpec

EPOCH_COLUMN = "_epoch"
NEWEST_FIRST = "published_at DESC, commit DESC, revision DESC"
GRANULE_ROWS = 2048  # what a read takes at least per series; 8192 takes twice as long for the latest of every series
PLAIN_BYTES = frozenset((string.ascii_letters + string.digits + "_").encode())
FILE_NAME_MAX = 200  # a table and a column are files, every byte but A-Z a-z 0-9 _ as three characters
TYPES = {
    Dtype.TEXT: "LowCardinality({})",
    Dtype.FLOAT64: "{}",
    Dtype.INT64: "{}",
    Dtype.BOOL: "{}",
    Dtype.INSTANT: "{}",
}
PLAIN = {
    Dtype.TEXT: "String",
    Dtype.FLOAT64: "Float64",
    Dtype.INT64: "Int64",
    Dtype.BOOL: "Bool",
    Dtype.INSTANT: "DateTime64(6, 'UTC')",
}
CODECS = {Dtype.INSTANT: " CODEC(Delta, LZ4)", Dtype.INT64: " CODEC(Delta, LZ4)"}


def quoted(name: str) -> str:
    """Return `name` as an identifier."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def listed(names: Iterable[str]) -> str:
    """Return names as a quoted list."""
    return ", ".join(map(quoted, names))


def check_names(declared: Declared) -> None:
    """Raise UnfitRequestError for names that cannot be files of the server."""
    long = [name for name in (declared.spec.name, *declared.own) if _file_length(name) > FILE_NAME_MAX]
    if long or "\0" in "".join((declared.spec.name, *declared.own)):
        raise faults.UnfitRequestError(
            found=f"table {declared.spec.name[:80]!r} with names {', '.join(repr(name[:80]) for name in long)}",
            allowed=f"names of at most {FILE_NAME_MAX} letters and digits (other characters count three to twelve)",
            remedy="choose shorter names",
        )


def column(declared: Declared, spec: ColumnSpec) -> str:
    """Return the definition of one column; values may be null in a retraction, whatever is declared."""
    never_null = spec.name in declared.spec.key or (spec.name not in declared.own and not spec.nullable)
    kind = PLAIN[spec.dtype] if never_null else f"Nullable({PLAIN[spec.dtype]})"
    return f"{quoted(spec.name)} {TYPES[spec.dtype].format(kind)}{CODECS.get(spec.dtype, '')}"


def creation(declared: Declared) -> str:
    """Return the statement that makes the table: by month, by key and source, the newest belief first.

    So the first row of a key is the one in force, and a read takes it without sorting. Older servers call the falling
    order experimental.
    """
    spec = declared.spec
    columns = ",\n    ".join(column(declared, each) for each in declared.columns.values())
    order = f"{listed((*spec.key, 'source'))}, {NEWEST_FIRST}"
    return f"""CREATE TABLE IF NOT EXISTS {quoted(spec.name)} (
    {columns},
    {quoted(EPOCH_COLUMN)} UInt32,
    INDEX _by_commit commit TYPE minmax GRANULARITY 1
) ENGINE = MergeTree PARTITION BY toYYYYMM({quoted(spec.time_column)}) ORDER BY ({order})
SETTINGS index_granularity = {GRANULE_ROWS}, allow_experimental_reverse_key = 1,
    fsync_after_insert = 1, fsync_part_directory = 1"""


def _file_length(name: str) -> int:
    return sum(1 if byte in PLAIN_BYTES else 3 for byte in name.encode())
