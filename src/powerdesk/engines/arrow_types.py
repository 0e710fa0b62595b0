"""How what a column holds lies in Arrow, in every engine and in the log."""

from __future__ import annotations

import pyarrow as pa

from powerdesk.kernel.dtypes import Dtype

ARROW: dict[Dtype, pa.DataType] = {
    Dtype.TEXT: pa.string(),
    Dtype.FLOAT64: pa.float64(),
    Dtype.INT64: pa.int64(),
    Dtype.BOOL: pa.bool_(),
    Dtype.INSTANT: pa.timestamp("us", tz="UTC"),
}
