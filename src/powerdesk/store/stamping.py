"""When a row was knowable: the source's stamp, else the publication rule, else receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.store import schema

if TYPE_CHECKING:
    from datetime import datetime

    from powerdesk.store.dataset import Dataset

STAMP, RULE, RECEIPT = "stamp", "rule", "receipt"


def stamp(dataset: Dataset, rows: pa.Table, *, source: str, received_at: datetime, lineage: str | None) -> pa.Table:
    """Return checked rows with the log's columns: published_at and by which of the three ways, receipt, source.

    A rule that speaks of a moment after receipt is wrong about this row: receipt is used.
    """
    receipt = pa.scalar(received_at, type=schema.INSTANT)
    given = rows.column("published_at")
    ruled = dataset.publication.instants(rows) if given.null_count else given
    ruled = pc.if_else(pc.less_equal(ruled, receipt), ruled, pa.scalar(None, type=schema.INSTANT))
    published_at = pc.coalesce(given, ruled, receipt)
    ways = np.full(rows.num_rows, RECEIPT, dtype=object)
    ways[_valid(ruled)] = RULE
    ways[_valid(given)] = STAMP
    count = rows.num_rows
    columns = [rows.column(column.name) for column in dataset.columns]
    columns += [
        published_at,
        pa.array(ways, type=pa.string()),
        pa.repeat(receipt, count),
        pa.repeat(source, count),
        rows.column("stage"),
        rows.column("reason"),
        pa.nulls(count, pa.string()) if lineage is None else pa.repeat(lineage, count),
    ]
    return pa.table(columns, schema=schema.log_schema(dataset))


def _valid(values: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False), dtype=bool)
