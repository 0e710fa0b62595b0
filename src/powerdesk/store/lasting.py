"""Sets of rows that hold from their instant until the next set of their name: see Dataset.lasting_by. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]

FOR_GOOD = 2**62
"""Microseconds since 1970 that no instant reaches."""


def starts(rows: pa.Table, *, by: Sequence[str], time: str) -> pa.Table:
    """Return the distinct sets of rows by name and start, with `until`: microseconds at which the next one starts."""
    sets = rows.group_by([*by, time], use_threads=False).aggregate([])
    sets = sets.sort_by([(name, "ascending") for name in (*by, time)])
    begins = micros(sets, time)
    until = np.full(sets.num_rows, FOR_GOOD)
    if sets.num_rows:
        (name,) = _codes((sets,), by)
        same = name[1:] == name[:-1]
        until[:-1][same] = begins[1:][same]
    return sets.append_column("until", pa.array(until))


def holding(sets: pa.Table, asked: pa.Table, *, by: Sequence[str], time: str) -> IntArray:
    """Return the position in `sets` (as from `starts`) of the set in force for each row asked; -1: none holds then."""
    if not sets.num_rows:
        return np.full(asked.num_rows, -1, dtype=np.int64)
    known, wanted = _codes((sets, asked), by)
    instants = np.unique(np.concatenate((micros(sets, time), micros(asked, time))))
    width = instants.size + 1
    ranked = known * width + np.searchsorted(instants, micros(sets, time))
    order = np.argsort(ranked, kind="stable")
    place = np.searchsorted(
        ranked[order], wanted * width + np.searchsorted(instants, micros(asked, time)), side="right"
    )
    found = order[place - 1]
    return np.where((place > 0) & (known[found] == wanted), found, -1).astype(np.int64)


def numbered(rows: pa.Table, sets: pa.Table, *, by: Sequence[str], time: str) -> IntArray:
    """Return the position in `sets` of the set that each row belongs to (n,)."""
    at = np.arange(sets.num_rows, dtype=np.int64)
    own, wanted = _codes((sets, rows), (*by, time))
    place = np.zeros(max(int(own.max(initial=-1)), int(wanted.max(initial=-1))) + 1, dtype=np.int64)
    place[own] = at
    return place[wanted]


def are_newest(rows: pa.Table, among: pa.Table, *, by: Sequence[str], time: str) -> NDArray[np.bool_]:
    """Tell which rows (n,) start when the newest set of their name does; `among` holds every set, theirs included."""
    own, every = _codes((rows, among), by)
    newest = np.full(int(every.max(initial=-1)) + 1, -FOR_GOOD)
    np.maximum.at(newest, every, micros(among, time))
    return np.asarray(micros(rows, time) == newest[own])


def micros(rows: pa.Table, name: str) -> IntArray:
    """Return an instant column as microseconds since 1970 (n,)."""
    return np.asarray(rows.column(name).cast(pa.int64()).to_numpy(), dtype=np.int64)


def _codes(tables: Sequence[pa.Table], names: Sequence[str]) -> tuple[IntArray, ...]:
    """Return a number for each row of each table, equal where the named columns are equal."""
    sizes = np.cumsum([table.num_rows for table in tables])[:-1]
    code = np.zeros(sum(table.num_rows for table in tables), dtype=np.int64)
    for name in names:
        columns = [table.column(name).cast(tables[0].schema.field(name).type) for table in tables]
        encoded = pa.chunked_array([chunk for column in columns for chunk in column.chunks], columns[0].type)
        dictionary = encoded.combine_chunks().dictionary_encode()
        value = dictionary.indices.to_numpy(zero_copy_only=False)
        code = np.unique(code * (len(dictionary.dictionary) + 1) + value, return_inverse=True)[1].astype(np.int64)
    return tuple(np.split(code, sizes))
