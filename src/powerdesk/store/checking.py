"""The check on entry: every fault of a batch is found, named and counted before anything is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.kernel.dtypes import Dtype
from powerdesk.kernel.problem import Finding
from powerdesk.store import schema
from powerdesk.store.types import Checked, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.store.dataset import Column, Dataset

SHOWN_ROWS = 5
DEFAULT_SUM_TOLERANCE = 0.02


def check(dataset: Dataset, rows: pa.Table) -> Checked:
    """Return the acceptable rows and all findings; raise SchemaError when columns are missing or cannot be read.

    A row is rejected when a key or required value is null, a number is not finite or outside its declared range, a
    value is not among those allowed, its interval does not end after it starts, or another row of the batch says
    something else about the same key. Exact repetitions are dropped and counted. A price whose parts do not add up
    is kept, with a warning: the source published it.
    """
    shaped = _shaped(dataset, rows)
    faults = list(_row_faults(dataset, shaped))
    bad = np.zeros(shaped.num_rows, dtype=bool)
    for mask, _ in faults:
        bad |= mask
    findings = [finding for _, finding in faults]
    good = shaped.filter(pa.array(~bad)) if bad.any() else shaped
    good, repeated, conflicts, conflict_finding = _without_repetitions(dataset, good)
    if conflict_finding is not None:
        findings.append(conflict_finding)
    return Checked(
        rows=good,
        rejected=int(bad.sum()) + conflicts,
        repeated=repeated,
        findings=tuple(findings),
        warnings=tuple(_sum_warnings(dataset, good)),
    )


def _shaped(dataset: Dataset, rows: pa.Table) -> pa.Table:
    """Return the rows with exactly the declared and entry columns in order and dtype, or raise with every fault."""
    fields = (*schema.own_fields(dataset), *schema.ENTRY_COLUMNS)
    faults: list[Finding] = []
    known = {field.name for field in fields}
    faults.extend(
        Finding(
            pointer=name, found="a column not declared", allowed=", ".join(sorted(known)), remedy="drop or declare it"
        )
        for name in rows.column_names
        if name not in known
    )
    columns: list[pa.ChunkedArray] = []
    for field in fields:
        column, fault = _column(dataset, rows, field)
        if fault is not None:
            faults.append(fault)
        else:
            columns.append(column)
    if faults:
        raise SchemaError(
            found=f"{len(faults)} column faults in a batch for {dataset.id}",
            allowed="the declared columns with their dtypes",
            remedy="correct the columns named in errors; nothing was accepted",
            findings=tuple(faults),
        )
    return pa.table(columns, schema=pa.schema([pa.field(f.name, f.type) for f in fields]))


def _column(dataset: Dataset, rows: pa.Table, field: pa.Field) -> tuple[pa.ChunkedArray | None, Finding | None]:
    if field.name not in rows.column_names:
        return _absent(dataset, field, rows.num_rows)
    column = rows.column(field.name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(field.type) and getattr(column.type, "tz", None) is None:
        remedy = "give instants with their zone"
        return None, Finding(pointer=field.name, found=str(column.type), allowed=str(field.type), remedy=remedy)
    try:
        return column.cast(field.type, safe=True), None
    except pa.ArrowException as error:
        found = f"{column.type}: {str(error)[:120]}"
        remedy = "give values that fit the declared dtype exactly"
        return None, Finding(pointer=field.name, found=found, allowed=str(field.type), remedy=remedy)


def _absent(dataset: Dataset, field: pa.Field, count: int) -> tuple[pa.ChunkedArray | None, Finding | None]:
    if field.name == "stage":
        return pa.chunked_array([pa.repeat("", count)]), None
    if field.name in ("published_at", "reason") or _optional(dataset, field.name):
        return pa.chunked_array([pa.nulls(count, field.type)]), None
    return None, Finding(pointer=field.name, found="no such column", allowed=str(field.type), remedy="add the column")


def _optional(dataset: Dataset, name: str) -> bool:
    return any(column.name == name and column.nullable for column in dataset.columns)


def _row_faults(dataset: Dataset, rows: pa.Table) -> Iterator[tuple[np.ndarray, Finding]]:
    retraction = _mask(pc.is_valid(rows.column("reason")))
    for column in dataset.columns:
        values = rows.column(column.name)
        required = column.key or column.name == dataset.end_column or not column.nullable
        if required:
            allowed_null = retraction & (not column.key and column.name != dataset.end_column)
            yield from _fault(
                _mask(pc.is_null(values)) & ~allowed_null, column.name, "null", "a value", "give it or omit the row"
            )
        yield from _value_faults(column, values)
    if dataset.end_column in rows.column_names:
        reversed_ = _mask(pc.less_equal(rows.column(dataset.end_column), rows.column(dataset.time_column)))
        yield from _fault(
            reversed_,
            dataset.end_column,
            "not after its start",
            "end > start",
            "intervals are half-open, end exclusive",
        )
    if "location" in rows.column_names and dataset.market_column in rows.column_names:
        foreign = _prefix_mismatch(rows, dataset.market_column)
        yield from _fault(foreign, "location", "another market's id", "MARKET:NAME of the row's market", "prefix it")


def _prefix_mismatch(rows: pa.Table, market_column: str) -> np.ndarray:
    """Tell which rows have a location that is not `<market>:<something>`."""
    bad = np.zeros(rows.num_rows, dtype=bool)
    markets = rows.column(market_column)
    for market in pc.unique(markets).to_pylist():
        if market is None:
            continue
        is_market = _mask(pc.equal(markets, market))
        fits = _mask(pc.match_substring_regex(rows.column("location"), f"^{market}:.+$"))
        bad |= is_market & _mask(pc.is_valid(rows.column("location"))) & ~fits
    return bad


def _value_faults(column: Column, values: pa.ChunkedArray) -> Iterator[tuple[np.ndarray, Finding]]:
    if column.dtype is Dtype.FLOAT64:
        infinite = _mask(pc.and_(pc.is_valid(values), pc.invert(pc.is_finite(values))))
        yield from _fault(
            infinite, column.name, "NaN or infinity", "a finite number or null", "missing is null, never NaN"
        )
    if column.low is not None:
        yield from _fault(
            _mask(pc.less(values, column.low)),
            column.name,
            f"below {column.low}",
            f">= {column.low}",
            "check unit and sign",
        )
    if column.high is not None:
        yield from _fault(
            _mask(pc.greater(values, column.high)),
            column.name,
            f"above {column.high}",
            f"<= {column.high}",
            "check unit and sign",
        )
    if column.allowed is not None:
        strange = pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, pa.array(column.allowed))))
        yield from _fault(_mask(strange), column.name, "a value not allowed", ", ".join(column.allowed), "map it first")


def _mask(values: pa.ChunkedArray) -> np.ndarray:
    """Return a boolean array; null counts as False."""
    return np.asarray(pc.fill_null(values, fill_value=False).to_numpy(zero_copy_only=False), dtype=bool)


def _fault(mask: np.ndarray, name: str, found: str, allowed: str, remedy: str) -> Iterator[tuple[np.ndarray, Finding]]:
    if mask.any():
        yield mask, Finding(pointer=f"{name} {_where(mask)}", found=found, allowed=allowed, remedy=remedy)


def _where(mask: np.ndarray) -> str:
    rows = np.flatnonzero(mask)
    shown = ", ".join(str(row) for row in rows[:SHOWN_ROWS])
    return f"in {len(rows)} rows ({shown}{', ...' if len(rows) > SHOWN_ROWS else ''})"


def _without_repetitions(dataset: Dataset, rows: pa.Table) -> tuple[pa.Table, int, int, Finding | None]:
    """Drop exact repetitions; reject every row of a key about which the batch says two different things.

    Two rows of one key with different publication stamps are two beliefs, not a conflict.
    """
    key = [*dataset.key, "published_at"]
    if rows.num_rows == 0 or _distinct(rows.select(key)) == rows.num_rows:
        return rows, 0, 0, None
    order = rows.append_column("_row", pa.array(np.arange(rows.num_rows)))
    whole = order.group_by(rows.column_names, use_threads=False).aggregate([("_row", "min")])
    repeated = rows.num_rows - whole.num_rows
    per_key = whole.group_by(key, use_threads=False).aggregate([("_row_min", "count"), ("_row_min", "min")])
    single = per_key.filter(pc.equal(per_key.column("_row_min_count"), 1))
    kept = np.sort(single.column("_row_min_min").to_numpy())
    conflicts = whole.num_rows - single.num_rows
    finding = None
    if conflicts:
        finding = Finding(
            pointer=f"{', '.join(dataset.key)} in {conflicts} rows",
            found="rows that contradict each other about the same key",
            allowed="one row for each key and publication stamp",
            remedy="ask the source which holds; these rows were not accepted",
        )
    return rows.take(pa.array(kept)), repeated, conflicts, finding


def _distinct(keys: pa.Table) -> int:
    return int(keys.group_by(keys.column_names).aggregate([]).num_rows)


def _sum_warnings(dataset: Dataset, rows: pa.Table) -> Iterator[Finding]:
    rule = dataset.sum_rule
    if rule is None or rows.num_rows == 0:
        return
    present = np.ones(rows.num_rows, dtype=bool)
    for name in (rule.total, *rule.required):
        present &= _mask(pc.is_valid(rows.column(name)))
    total = np.zeros(rows.num_rows)
    for name in rule.parts:
        total += np.nan_to_num(rows.column(name).to_numpy(zero_copy_only=False))
    residual = np.abs(np.nan_to_num(rows.column(rule.total).to_numpy(zero_copy_only=False)) - total)
    tolerance = np.full(rows.num_rows, DEFAULT_SUM_TOLERANCE)
    for market, bound in rule.tolerance.items():
        tolerance[_mask(pc.equal(rows.column(dataset.market_column), market))] = bound
    off = present & (residual > tolerance + 1e-9)
    if off.any():
        yield Finding(
            pointer=f"{rule.total} {_where(off)}",
            found=f"parts that miss the total by up to {residual[off].max():.4f}",
            allowed="the market's declared rounding",
            remedy="kept as published; compare with the source",
        )
