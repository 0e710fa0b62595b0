"""Arrow tables to bytes: JSON in three shapes, CSV, Arrow IPC, Parquet."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from powerdesk.delivery import cells, columns, instants

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from zoneinfo import ZoneInfo


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


def with_local_times(table: pa.Table, *, names: Sequence[str], zone: ZoneInfo) -> pa.Table:
    """Return the table with `<name>_local` for each instant column named: RFC 3339 text with the zone's offset."""
    for name in names:
        if name in table.column_names:
            column = table.column(name).combine_chunks().dictionary_encode()
            texts = [instant.astimezone(zone).isoformat() for instant in column.dictionary.to_pylist()]
            local = pc.take(pa.array(texts, pa.string()), column.indices)
            table = table.append_column(f"{name}_local", local)
    return table


def json_bytes(table: pa.Table, *, shape: Format, envelope: Mapping[str, Any]) -> bytes:
    """Return the envelope with the rows as columns (default), as rows with names, or as records."""
    if shape is Format.ROWS:
        written = {"names": table.column_names, "rows": msgspec.Raw(columns.rows_json(table))}
    elif shape is Format.RECORDS:
        written = {"records": msgspec.Raw(columns.records_json(table))}
    else:
        written = {"columns": msgspec.Raw(columns.json(table))}
    return _encoder.encode({**envelope, **written})


def csv_bytes(table: pa.Table) -> bytes:
    """Return CSV with a header; instants as RFC 3339, null as an empty field, no text that begins a formula."""
    written = [_csv_column(column) for column in table.itercolumns()]
    sink = pa.BufferOutputStream()
    options = pcsv.WriteOptions(quoting_style="needed")
    pcsv.write_csv(pa.table(written, names=table.column_names), sink, options)
    return bytes(sink.getvalue())


def _csv_column(column: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        return instants.strings(column)
    if not pa.types.is_string(column.type):
        return column
    formulas = pc.match_substring_regex(column, cells.FORMULA)
    if not pc.any(formulas).as_py():
        return column
    return pc.if_else(formulas, pc.binary_join_element_wise(cells.QUOTE, column, ""), column)


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
