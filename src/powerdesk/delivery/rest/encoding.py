"""Arrow tables to bytes: JSON in three shapes, CSV, Arrow IPC, Parquet."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from zoneinfo import ZoneInfo

MICROSECONDS = 1_000_000
NO_FRACTION = ".000000"


class Format(StrEnum):
    """How an answer is written; the first three are JSON."""

    JSON = "json"
    ROWS = "rows"
    RECORDS = "records"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


MEDIA_TYPES: dict[Format, str] = {
    Format.JSON: "application/json",
    Format.ROWS: "application/json",
    Format.RECORDS: "application/json",
    Format.CSV: "text/csv; charset=utf-8",
    Format.ARROW: "application/vnd.apache.arrow.stream",
    Format.PARQUET: "application/vnd.apache.parquet",
}
ACCEPTED: dict[str, Format] = {
    "application/json": Format.JSON,
    "text/csv": Format.CSV,
    "application/vnd.apache.arrow.stream": Format.ARROW,
    "application/vnd.apache.parquet": Format.PARQUET,
}
JSON_FORMATS = frozenset({Format.JSON, Format.ROWS, Format.RECORDS})
_encoder = msgspec.json.Encoder()


def instants_text(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Return RFC 3339 text with Z; a fraction only where it is not zero."""
    whole = pc.strftime(pc.cast(column, pa.timestamp("s", tz="UTC"), safe=False), format="%Y-%m-%dT%H:%M:%SZ")
    micros = column.cast(pa.int64())
    fraction = pc.subtract(
        micros, pc.multiply(pc.floor(pc.divide(micros.cast(pa.float64()), MICROSECONDS)).cast(pa.int64()), MICROSECONDS)
    )
    if pc.any(pc.not_equal(fraction, 0)).as_py():
        full = pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
        return pc.if_else(pc.equal(fraction, 0), whole, full)
    return whole


def with_local_times(table: pa.Table, *, names: Sequence[str], zone: ZoneInfo) -> pa.Table:
    """Return the table with `<name>_local` for each instant column named: RFC 3339 text with the zone's offset."""
    for name in names:
        if name in table.column_names:
            column = table.column(name).combine_chunks().dictionary_encode()
            texts = [instant.astimezone(zone).isoformat() for instant in column.dictionary.to_pylist()]
            local = pc.take(pa.array(texts, pa.string()), column.indices)
            table = table.append_column(f"{name}_local", local)
    return table


def plain(table: pa.Table) -> dict[str, list[Any]]:
    """Return columns as Python lists, instants as text."""
    return {name: _values(table.column(name)) for name in table.column_names}


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Return Python values; whole columns through numpy, which is several times faster than value by value."""
    if column.null_count == len(column):
        return [None] * len(column)
    if pa.types.is_timestamp(column.type):
        return _instants(column)
    if column.null_count == 0:
        return list(column.to_numpy(zero_copy_only=False).tolist())
    return list(column.to_pylist())


def _instants(column: pa.ChunkedArray) -> list[str | None]:
    """Return RFC 3339 text of each instant, with a fraction only where it is not zero."""
    known = column.drop_null().cast(pa.int64()).to_numpy()
    unit: Literal["us", "s"] = "us" if (known % MICROSECONDS).any() else "s"
    texts = np.datetime_as_string(known.astype("M8[us]"), unit=unit).tolist()
    written = iter([f"{text.removesuffix(NO_FRACTION)}Z" for text in texts])
    if column.null_count == 0:
        return list(written)
    return [next(written) if valid else None for valid in column.is_valid().to_pylist()]


def json_bytes(table: pa.Table, *, shape: Format, envelope: dict[str, Any]) -> bytes:
    """Return the envelope with the rows as columns (default), as rows with names, or as records."""
    columns = plain(table)
    if shape is Format.ROWS:
        body = {**envelope, "names": table.column_names, "rows": list(zip(*columns.values(), strict=True))}
    elif shape is Format.RECORDS:
        names = table.column_names
        body = {
            **envelope,
            "records": [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)],
        }
    else:
        body = {**envelope, "columns": columns}
    return _encoder.encode(body)


def csv_bytes(table: pa.Table) -> bytes:
    """Return CSV with a header; instants as RFC 3339, null as an empty field."""
    columns = [
        instants_text(column) if pa.types.is_timestamp(column.type) else column for column in table.itercolumns()
    ]
    sink = pa.BufferOutputStream()
    options = pcsv.WriteOptions(quoting_style="needed")
    pcsv.write_csv(pa.table(columns, names=table.column_names), sink, options)
    return bytes(sink.getvalue())


def arrow_bytes(table: pa.Table) -> bytes:
    """Return an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def parquet_bytes(table: pa.Table) -> bytes:
    """Return a Parquet file, zstd, row groups of 122 880."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", row_group_size=122_880)
    return bytes(sink.getvalue())


BULK: dict[Format, Callable[[pa.Table], bytes]] = {
    Format.CSV: csv_bytes,
    Format.ARROW: arrow_bytes,
    Format.PARQUET: parquet_bytes,
}


def has_tag(if_none_match: str, tag: str) -> bool:
    """Tell whether an If-None-Match header names the tag, compared weakly as RFC 9110 asks."""
    named = {part.strip().removeprefix("W/") for part in if_none_match.split(",")}
    return "*" in named or tag.removeprefix("W/") in named


def described(table: pa.Table, facts: dict[str, str]) -> pa.Table:
    """Return the table with facts (dataset, as_of, commit, units) in its schema metadata."""
    return table.replace_schema_metadata({f"powerdesk.{name}": value for name, value in facts.items()})
