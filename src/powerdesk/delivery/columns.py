"""Columns of an Arrow table as JSON, and as Python values: one way for REST, downloads and the stream.

Instants are text, a missing number (null, NaN, infinite) is null. Columns of a market's table repeat themselves: the
market, the run, the currency are one value all down. Such a column is written once and repeated, and whole seconds are
written by look-ups for the whole column.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from powerdesk.delivery import instants

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
PIECE_ROWS = 1_000
"""Rows encoded at once: 20 columns of so many records hold the interpreter for 1 to 2 ms."""
_NULL = b"null"


def json(table: pa.Table) -> bytes:
    """Return `{"name":[values],...}` of the table."""
    names, arrays = table.schema.names, table.itercolumns()
    return b"{" + b",".join([_encode(n) + b":" + _array(a) for n, a in zip(names, arrays, strict=True)]) + b"}"


def rows_json(table: pa.Table) -> bytes:
    """Return `[[values],...]`, a list for each row."""
    return _listed(_encode(list(zip(*values(piece).values(), strict=True))) for piece in _pieces(table))


def records_json(table: pa.Table) -> bytes:
    """Return `[{"name":value,...},...]`, an object for each row."""
    return _listed(_encode(records(piece)) for piece in _pieces(table))


def values(table: pa.Table) -> dict[str, list[Any]]:
    """Return columns as Python lists, instants as text."""
    return {name: _values(_whole(column)) for name, column in zip(table.schema.names, table.itercolumns(), strict=True)}


def records(table: pa.Table) -> list[dict[str, Any]]:
    """Return rows as dictionaries, instants as text."""
    columns = values(table)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _pieces(rows: pa.Table | pa.Array) -> Iterator[Any]:
    """Yield rows in pieces: between two of them other threads get their turn, the encoder gives none."""
    for start in range(0, len(rows), PIECE_ROWS):
        yield rows.slice(start, PIECE_ROWS)


def _listed(arrays: Iterable[bytes]) -> bytes:
    """Return JSON arrays as one."""
    return b"[" + b",".join([array[1:-1] for array in arrays]) + b"]"


def _array(column: pa.ChunkedArray) -> bytes:
    """Return the JSON array of a column."""
    whole = _whole(column)
    return _piece(whole) if len(whole) <= PIECE_ROWS else _listed(_piece(piece) for piece in _pieces(whole))


def _piece(column: pa.Array) -> bytes:
    kind, count = column.type, len(column)
    if count <= instants.FEW:
        return _encode(_values(column))
    if column.null_count == count:
        return _repeated(_NULL, count)
    if pa.types.is_timestamp(kind):
        return instants.json(column) or _encode(instants.texts(column))
    if pa.types.is_string(kind) and _is_constant(column):
        return _repeated(_encode(column[0].as_py()), count)
    return _encode(_values(column))


def _repeated(token: bytes, count: int) -> bytes:
    return b"[" + ((token + b",") * count)[:-1] + b"]"


def _is_constant(column: pa.Array) -> bool:
    """Tell whether a text column holds one value all down, by its buffers: texts of one length, bytes that repeat."""
    _, offsets, data = column.buffers()
    if column.null_count or data is None:
        return False
    ends = np.frombuffer(offsets, np.int32, len(column) + 1, column.offset * 4)
    first, last, length = int(ends[0]), int(ends[-1]), int(ends[1] - ends[0])
    if last - first != length * len(column) or (ends[1:] - ends[:-1] != length).any():
        return False
    text = memoryview(data)
    return bytes(text[first:last]) == bytes(text[first : first + length]) * len(column)


def _values(column: pa.Array) -> list[Any]:
    """Return Python values; whole columns through numpy, which is several times faster than value by value.

    A missing float may come as NaN, which JSON writes as null like any other.
    """
    kind, nulls = column.type, column.null_count
    if nulls == len(column):
        return [None] * nulls
    if pa.types.is_timestamp(kind):
        return list(instants.texts(column))
    if len(column) > instants.FEW and (nulls == 0 or pa.types.is_floating(kind)):
        found: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
        return found
    return list(column.to_pylist())
