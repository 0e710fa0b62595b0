"""From a declaration to Arrow: the shape of rows on entry, in the log and in an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from powerdesk.engines.arrow_types import ARROW
from powerdesk.kernel.dtypes import Dtype

if TYPE_CHECKING:
    from powerdesk.store.dataset import Dataset

INSTANT = ARROW[Dtype.INSTANT]

ENTRY_COLUMNS: tuple[pa.Field, ...] = (
    pa.field("published_at", INSTANT, nullable=True),
    pa.field("stage", pa.string(), nullable=False),
    pa.field("reason", pa.string(), nullable=True),
)
"""Columns a batch may carry besides the declared ones: the source's stamp, its stage, the reason of a retraction."""

LOG_COLUMNS: tuple[pa.Field, ...] = (
    pa.field("published_at", INSTANT, nullable=False),
    pa.field("published_by", pa.string(), nullable=False),
    pa.field("received_at", INSTANT, nullable=False),
    pa.field("source", pa.string(), nullable=False),
    pa.field("stage", pa.string(), nullable=False),
    pa.field("reason", pa.string(), nullable=True),
    pa.field("lineage", pa.string(), nullable=True),
)

SYSTEM_FIELDS: tuple[pa.Field, ...] = (
    pa.field("published_at", INSTANT, nullable=False),
    pa.field("published_by", pa.string(), nullable=False),
    pa.field("received_at", INSTANT, nullable=False),
    pa.field("source", pa.string(), nullable=False),
    pa.field("stage", pa.string(), nullable=False),
    pa.field("revision", pa.int64(), nullable=False),
    pa.field("commit", pa.int64(), nullable=False),
    pa.field("reason", pa.string(), nullable=True),
    pa.field("lineage", pa.string(), nullable=True),
)
"""The system columns in table order; the same in every dataset."""

SYSTEM_MEANINGS: dict[str, str] = {
    "published_at": "when the source said it: its stamp, else the publication rule, else receipt",
    "published_by": "which of the three: stamp, rule or receipt",
    "received_at": "when this desk had it",
    "source": "who said it",
    "stage": "the market's word for how final it is",
    "revision": "n-th belief about this cell by this source, from 0",
    "commit": "position in the accepted log, strictly increasing",
    "reason": "why a value was retracted",
    "lineage": "id of what made the number",
}


def own_fields(dataset: Dataset) -> tuple[pa.Field, ...]:
    """Return the declared columns as Arrow fields; values may be null because a retraction nulls them."""
    return tuple(
        pa.field(column.name, ARROW[column.dtype], nullable=not column.key and column.name != dataset.end_column)
        for column in dataset.columns
    )


def log_schema(dataset: Dataset) -> pa.Schema:
    """Return the schema of accepted rows as they lie in the log."""
    return pa.schema([*own_fields(dataset), *LOG_COLUMNS])


def row_schema(dataset: Dataset) -> pa.Schema:
    """Return the schema of stored rows: declared columns, then system columns."""
    return pa.schema([*own_fields(dataset), *SYSTEM_FIELDS])


def encode(rows: pa.Table) -> bytes:
    """Return the rows as an Arrow IPC stream, LZ4 compressed."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def decode(data: bytes) -> pa.Table:
    """Return the table of an Arrow IPC stream."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()
