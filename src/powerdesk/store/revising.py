"""From accepted rows to revisions: what is new, what corrects, what was already known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from powerdesk.store import schema, stamping

if TYPE_CHECKING:
    from powerdesk.store.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Revised:
    """Rows to append with `revision` and `commit`, and the counts behind them."""

    rows: pa.Table
    new: int
    revised: int
    duplicates: int


def revise(dataset: Dataset, *, rows: pa.Table, known: pa.Table, commit: int) -> Revised:
    """Give each row its revision, dropping those whose values repeat the belief in force when they were published.

    `rows` has the log's schema, `known` the stored one and holds every revision of the cells touched (by the same
    source). A row dated by rule in a cell that is known already was read again now: it counts as said at receipt, so
    that a correction never pretends to have been knowable before it was. Where the clock that stamps receipts was set
    back, a cell's later row counts as received with the one before it: the order of the log decides. Deterministic;
    O(n log n).
    """
    if known.num_rows == 0 and _keys_unique(dataset, rows):
        first = _numbered(dataset, rows, np.zeros(rows.num_rows, np.int64), commit)
        return Revised(rows=first, new=rows.num_rows, revised=0, duplicates=0)
    rows = _redated(dataset, rows, known)
    fresh = np.r_[np.zeros(known.num_rows, bool), np.ones(rows.num_rows, bool)]
    names = schema.log_schema(dataset).names
    commits = np.r_[known.column("commit").to_numpy(), np.full(rows.num_rows, commit)].astype(np.int64)
    both = pa.concat_tables([known.select(names), rows.select(names)])
    order = _order(dataset, both, commits)
    both, fresh = both.take(pa.array(order)), fresh[order]
    same_cell = _equal_to_previous(both, (*dataset.key, "source"))
    same_value = _equal_to_previous(both, _value_names(dataset))
    repeats = fresh & same_cell & same_value
    kept = fresh & ~repeats
    revision = _revisions(fresh=fresh, kept=kept, same_cell=same_cell)
    chosen = pa.array(np.flatnonzero(kept))
    result = _numbered(dataset, both.take(chosen), revision[kept], commit)
    new = int((revision[kept] == 0).sum())
    return Revised(rows=result, new=new, revised=int(kept.sum()) - new, duplicates=int(repeats.sum()))


def _value_names(dataset: Dataset) -> tuple[str, ...]:
    own = tuple(column.name for column in dataset.columns if not column.key)
    return (*own, "stage", "reason")


def _keys_unique(dataset: Dataset, rows: pa.Table) -> bool:
    keys = rows.select([*dataset.key, "source"])
    distinct: int = keys.group_by(keys.column_names).aggregate([]).num_rows
    return bool(distinct == rows.num_rows)


def _redated(dataset: Dataset, rows: pa.Table, known: pa.Table) -> pa.Table:
    """Date rows of cells known already by receipt, unless the source stamped them; a receipt never falls back there."""
    cell = [*dataset.key, "source"]
    had = known.select([*cell, "received_at"]).group_by(cell).aggregate([("received_at", "max")])
    numbered = rows.select(cell).append_column("_row", pa.array(np.arange(rows.num_rows)))
    last = numbered.join(had, keys=cell, join_type="left outer").sort_by("_row").column("received_at_max")
    again = pc.and_(pc.is_valid(last), pc.not_equal(rows.column("published_by"), stamping.STAMP))
    fell_back = pc.fill_null(pc.less(rows.column("received_at"), last), fill_value=False)
    rows = _replaced(rows, "received_at", pc.if_else(fell_back, last, rows.column("received_at")))
    rows = _replaced(rows, "published_at", pc.if_else(again, rows.column("received_at"), rows.column("published_at")))
    return _replaced(rows, "published_by", pc.if_else(again, stamping.RECEIPT, rows.column("published_by")))


def _replaced(rows: pa.Table, name: str, values: pa.ChunkedArray) -> pa.Table:
    index = rows.schema.get_field_index(name)
    return rows.set_column(index, rows.schema.field(index), values)


def _order(dataset: Dataset, rows: pa.Table, commits: np.ndarray) -> np.ndarray:
    """Return the order by cell, then by when it was said, then by when it was accepted."""
    keyed = rows.append_column("_commit", pa.array(commits))
    columns = [*dataset.key, "source", "published_at", "_commit"]
    return np.asarray(pc.sort_indices(keyed, sort_keys=[(name, "ascending") for name in columns]).to_numpy())


def _equal_to_previous(rows: pa.Table, names: tuple[str, ...]) -> np.ndarray:
    """Tell for each row whether all named columns equal those of the row before; null equals null."""
    count = rows.num_rows
    equal = np.ones(count, dtype=bool)
    equal[:1] = False
    if count < 2:  # noqa: PLR2004 - a pair needs two rows
        return equal
    for name in names:
        column = rows.column(name)
        now, before = column.slice(1), column.slice(0, count - 1)
        same = pc.fill_null(pc.equal(now, before), fill_value=False)
        both_null = pc.and_(pc.is_null(now), pc.is_null(before))
        equal[1:] &= pc.or_(same, both_null).to_numpy(zero_copy_only=False).astype(bool)
    return equal


def _revisions(*, fresh: np.ndarray, kept: np.ndarray, same_cell: np.ndarray) -> np.ndarray:
    """Return numbers for kept rows, going on from the revisions their cell has, in publication order."""
    cell = np.cumsum(~same_cell) - 1
    cells = int(cell[-1]) + 1 if len(cell) else 0
    known_in_cell = np.bincount(cell[~fresh], minlength=cells)
    running = np.cumsum(kept) - kept
    first_of_cell = np.flatnonzero(~same_cell)
    before_cell = running[first_of_cell][cell] if len(cell) else running
    return np.asarray(known_in_cell[cell] + running - before_cell, dtype=np.int64)


def _numbered(dataset: Dataset, rows: pa.Table, revision: np.ndarray, commit: int) -> pa.Table:
    extra = rows.append_column("revision", pa.array(revision, pa.int64()))
    extra = extra.append_column("commit", pa.array(np.full(rows.num_rows, commit), pa.int64()))
    return extra.select(schema.row_schema(dataset).names).cast(schema.row_schema(dataset))
