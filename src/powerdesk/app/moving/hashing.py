"""Hashes of rows that agree between engines: by value, not by buffers, chunks or the order a database sorts text in."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BITS = 2**256


def rows_sha256(rows: pa.Table) -> bytes:
    """Return the hash of an Arrow table's values in order."""
    digest = hashlib.sha256(repr((rows.schema.names, rows.num_rows)).encode())
    for column in rows.itercolumns():
        whole = column.combine_chunks()
        digest.update(np.packbits(whole.is_valid().to_numpy(zero_copy_only=False)).tobytes())
        digest.update(_values(whole))
    return digest.digest()


def _values(column: pa.Array) -> bytes:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        coded = pc.fill_null(column, "").dictionary_encode()  # texts in order of their first use: a fact of the values
        return msgspec.msgpack.encode(coded.dictionary.to_pylist()) + bytes(coded.indices.to_numpy().tobytes())
    if pa.types.is_boolean(column.type):
        return bytes(pc.fill_null(column, fill_value=False).cast(pa.int8()).to_numpy().tobytes())
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    return bytes(pc.fill_null(column, 0).to_numpy().tobytes())


def records_sha256(rows: Iterable[Mapping[str, Any]]) -> tuple[int, str]:
    """Return how many rows there are and a hash of them that does not depend on their order."""
    count, total = 0, 0
    for row in rows:
        canonical = msgspec.msgpack.encode(sorted((str(name), _plain(value)) for name, value in row.items()))
        total = (total + int.from_bytes(hashlib.sha256(canonical).digest(), "big")) % BITS
        count += 1
    return count, f"{total:064x}"


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview | bytearray) else value
