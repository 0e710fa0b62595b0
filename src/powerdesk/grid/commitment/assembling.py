"""Columns and rows of a large programme, put together by arrays: a row for each element, a term for each summand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from powerdesk.solvers.linear import SparseRows

if TYPE_CHECKING:
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray

ABSENT = -1
"""Position of a column that is not there: its term is left out."""


class Columns:
    """Columns in the order in which they were made: cost, bounds and whether they are whole numbers."""

    def __init__(self) -> None:
        self.count = 0
        self._parts: list[tuple[FloatArray, FloatArray, FloatArray, BoolArray]] = []

    def add(
        self,
        shape: tuple[int, ...],
        *,
        lower: FloatArray | float = 0.0,
        upper: FloatArray | float = np.inf,
        cost: FloatArray | float = 0.0,
        where: BoolArray | None = None,
        whole: bool = False,
    ) -> IntArray:
        """Return positions of new columns in an array of this shape, ABSENT where not `where`."""
        chosen = np.ones(shape, bool) if where is None else np.broadcast_to(where, shape)
        made = int(chosen.sum())
        at = np.full(shape, ABSENT, np.int64)
        at[chosen] = np.arange(self.count, self.count + made)
        self.count += made
        parts = [np.broadcast_to(one, shape)[chosen].astype(np.float64) for one in (cost, lower, upper)]
        self._parts.append((parts[0], parts[1], parts[2], np.full(made, whole)))
        return at

    def cost(self) -> FloatArray:
        """Return the costs (count,)."""
        return np.concatenate([one[0] for one in self._parts])

    def lower(self) -> FloatArray:
        """Return the lower bounds (count,)."""
        return np.concatenate([one[1] for one in self._parts])

    def upper(self) -> FloatArray:
        """Return the upper bounds (count,)."""
        return np.concatenate([one[2] for one in self._parts])

    def whole(self) -> BoolArray:
        """Return which are whole numbers (count,)."""
        return np.concatenate([one[3] for one in self._parts])


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """Rows made together: what they say, and their interval and owner (n_row,), for a diagnosis."""

    subject: str
    first: int
    interval: IntArray
    owner: IntArray


class Rows:
    """Rows in the order in which they were made."""

    def __init__(self) -> None:
        self.count = 0
        self.blocks: list[Block] = []
        self._row: list[IntArray] = []
        self._column: list[IntArray] = []
        self._value: list[FloatArray] = []
        self._lower: list[FloatArray] = []
        self._upper: list[FloatArray] = []

    def add(
        self,
        subject: str,
        *terms: tuple[IntArray, FloatArray | float],
        lower: FloatArray | float = -np.inf,
        upper: FloatArray | float = np.inf,
        where: BoolArray | None = None,
    ) -> IntArray:
        """Return positions of new rows lower <= sum of value x column <= upper, one for each element of the terms.

        Terms are arrays of (interval, owner) or of one more dimension, along which they are summed.
        """
        shape = np.broadcast_shapes(*(one.shape[:2] for one, _ in terms))
        chosen = np.ones(shape, bool) if where is None else np.broadcast_to(where, shape)
        at = np.full(shape, ABSENT, np.int64)
        made = int(chosen.sum())
        at[chosen] = np.arange(self.count, self.count + made)
        interval, owner = np.nonzero(chosen)
        self.blocks.append(Block(subject, self.count, interval, owner))
        self.count += made
        for column, value in terms:
            deep = np.broadcast_shapes(column.shape, np.shape(value), shape if column.ndim < 3 else ())  # noqa: PLR2004 - two dimensions are interval and owner
            columns = np.broadcast_to(column, deep)
            values = np.broadcast_to(value, deep)
            rows = np.broadcast_to(at if columns.ndim == at.ndim else at[..., None], deep)
            kept = (rows != ABSENT) & (columns != ABSENT) & (values != 0.0)
            self._row.append(rows[kept])
            self._column.append(columns[kept])
            self._value.append(values[kept].astype(np.float64))
        self._lower.append(np.broadcast_to(lower, shape)[chosen].astype(np.float64))
        self._upper.append(np.broadcast_to(upper, shape)[chosen].astype(np.float64))
        return at

    def add_matrix(
        self, subject: str, matrix: sparse.sparray, *, shape: tuple[int, int], lower: FloatArray, upper: FloatArray
    ) -> IntArray:
        """Return positions (shape) of rows given whole, one for each element of the shape in its order."""
        entries = matrix.tocoo()
        at = np.arange(self.count, self.count + shape[0] * shape[1]).reshape(shape)
        interval, owner = np.indices(shape)
        self.blocks.append(Block(subject, self.count, interval.ravel(), owner.ravel()))
        row, column = entries.coords
        self._row.append(row.astype(np.int64) + self.count)
        self._column.append(column.astype(np.int64))
        self._value.append(entries.data)
        self._lower.append(lower.ravel())
        self._upper.append(upper.ravel())
        self.count += at.size
        return at

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return lower and upper bounds (count,)."""
        none = [np.empty(0)]
        return np.concatenate(none + self._lower), np.concatenate(none + self._upper)

    def matrix(self, n_columns: int) -> sparse.csr_array:
        """Return the entries (count, n_columns); entries of one place add up."""
        none = [np.empty(0, np.int64)]
        row, column = np.concatenate(none + self._row), np.concatenate(none + self._column)
        value = np.concatenate([np.empty(0), *self._value])
        made = sparse.csr_array(sparse.coo_array((value, (row, column)), shape=(self.count, n_columns)))
        made.sum_duplicates()
        return made


def rows_of(matrix: sparse.csr_array) -> SparseRows:
    """Return a matrix in the shape that solvers take."""
    return SparseRows(
        matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32), matrix.data, int(matrix.shape[1])
    )
