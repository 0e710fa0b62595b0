"""Codes: a growing dictionary of text tuples, kept in DuckDB and mirrored in memory for reading."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Found = npt.NDArray[np.intp]

PACKED_MAX = 1 << 40
COMPARED_SINGLY_MAX = 256
LOOKED_UP_SINGLY_MAX = 512
PACKED_AT_ONCE_MAX = 1 << 62


@dataclass(frozen=True, slots=True)
class Packing:
    """Tuples of text as single numbers, sorted, so that many are looked up at once."""

    words: dict[str, pa.Array]
    packed: npt.NDArray[np.int64]
    order: Found

    @classmethod
    def of(cls, texts: Mapping[str, pa.Array]) -> Self:
        """Return the packing of equally long columns of text."""
        words = {column: pc.unique(array) for column, array in texts.items()}
        packed = _packed(words, texts)
        order = np.argsort(packed, kind="stable")
        return cls(words, packed[order], order)

    def places(self, texts: Mapping[str, pa.ChunkedArray]) -> Found | None:
        """Return where each tuple stands among those packed; None when one is not there."""
        wanted = _packed(self.words, texts)
        if not len(self.packed) or (wanted < 0).any():
            return None
        at = np.minimum(self.packed.searchsorted(wanted), len(self.packed) - 1)
        return self.order[at] if np.array_equal(self.packed[at], wanted) else None


def _packed(words: Mapping[str, pa.Array], texts: Mapping[str, pa.Array | pa.ChunkedArray]) -> npt.NDArray[np.int64]:
    """Return one number for each tuple; -1 where a text is none of `words`, or they are too many for one number."""
    if math.prod(len(known) for known in words.values()) > PACKED_AT_ONCE_MAX:
        return np.full(len(next(iter(texts.values()))), -1, np.int64)
    packed: Any = 0
    unknown: Any = False
    for column, known in words.items():
        found = pc.index_in(texts[column], value_set=known).fill_null(-1).to_numpy().astype(np.int64)
        unknown |= found < 0
        packed = packed * len(known) + found
    return np.where(unknown, -1, packed)


class Codes:
    """Entries 0, 1, 2, ... of one text (or null) per column; readers keep what they began with while a writer adds."""

    def __init__(self, columns: tuple[str, ...], entries: Sequence[tuple[str | None, ...]]) -> None:
        self.columns = columns
        self._entries = tuple(entries)
        self._code = {entry: code for code, entry in enumerate(entries)}
        self._texts: dict[str, Any] = {}
        self._constant: dict[str, bool] = {}
        self._distinct: dict[str, tuple[str, ...]] = {}
        self._ranks: dict[tuple[str, ...], tuple[npt.NDArray[np.int32], list[tuple[str, ...]]]] = {}
        self._places: dict[str, dict[str, Found]] = {}
        self._packing: Packing | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def extended(self, entries: Sequence[tuple[str | None, ...]]) -> Codes:
        """Return these codes and `entries`, once they are committed in the database. Only the writer may call it."""
        if not entries:
            return self
        more = Codes(self.columns, ())
        more._entries = (*self._entries, *entries)
        self._code.update({entry: code for code, entry in enumerate(entries, start=len(self._entries))})
        more._code = self._code  # shared: only the writer looks into it, and only the newest codes are written with
        return more

    def encode(self, rows: pa.Table) -> tuple[npt.NDArray[np.int32], list[tuple[str | None, ...]]]:
        """Return a code per row, and the entries that are new (in text order, with the codes after the last one)."""
        if not self.columns:
            nothing: list[tuple[str | None, ...]] = [] if self._entries else [()]
            return np.zeros(rows.num_rows, np.int32), nothing
        known = self._known(rows) if rows.num_rows > LOOKED_UP_SINGLY_MAX else None
        if known is not None:
            return known, []
        distinct, inverse = _distinct(rows, self.columns)
        new = sorted((e for e in distinct if e not in self._code), key=_nulls_first)
        fresh = {entry: code for code, entry in enumerate(new, start=len(self._entries))}
        codes = np.fromiter((self._code.get(e, fresh.get(e, -1)) for e in distinct), np.int32, len(distinct))
        return codes[inverse], new

    def _known(self, rows: pa.Table) -> npt.NDArray[np.int32] | None:
        """Return a code per row if every row's texts are known; None when not."""
        if self._packing is None:
            self._packing = Packing.of({column: self.texts(column) for column in self.columns})
        at = self._packing.places({column: rows.column(column) for column in self.columns})
        return None if at is None else at.astype(np.int32)

    def texts(self, column: str) -> pa.Array:
        """Return the texts of one column by code."""
        if column not in self._texts:
            at = self.columns.index(column)
            self._texts[column] = pa.array([entry[at] for entry in self._entries], pa.string())
        return self._texts[column]

    def distinct(self, column: str) -> tuple[str, ...]:
        """Return the distinct texts of one column without nulls, sorted."""
        if column not in self._distinct:
            self._distinct[column] = tuple(
                sorted(t for t in pc.unique(self.texts(column)).to_pylist() if t is not None)
            )
        return self._distinct[column]

    def decode(self, column: str, codes: pa.Array) -> pa.Array:
        """Return the text of one column for each code."""
        texts = self.texts(column)
        if len(codes) == 1:
            return texts.slice(codes[0].as_py(), 1)
        if column not in self._constant:
            self._constant[column] = len(texts) > 0 and len(pc.unique(texts)) == 1
        if self._constant[column]:  # filling is several times faster than taking
            return pa.repeat(texts[0], len(codes)) if texts[0].is_valid else pa.nulls(len(codes), pa.string())
        return texts.take(codes)

    def matching(self, within: Mapping[str, Sequence[object]]) -> Found | None:
        """Return, in order, the codes whose texts are allowed in every column named; None when no column is."""
        if not within:
            return None
        by_column = {column: self._codes_of(column, allowed) for column, allowed in within.items()}
        first = min(by_column, key=lambda column: len(by_column[column]))
        codes = by_column.pop(first)
        for column, others in by_column.items():
            if len(codes) <= COMPARED_SINGLY_MAX:
                at, allowed = self.columns.index(column), within[column]
                codes = codes[[self._entries[code][at] in allowed for code in codes.tolist()]]
            else:
                mask = np.zeros(len(self), np.bool_)
                mask[others] = True
                codes = codes[mask[codes]]
        return np.sort(codes)

    def _codes_of(self, column: str, allowed: Sequence[object]) -> Found:
        """Return the codes with one of the texts in a column, in no order."""
        if column not in self._places:
            encoded = pc.dictionary_encode(self.texts(column))
            numbers = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
            order = np.argsort(numbers, kind="stable")
            starts = np.searchsorted(numbers[order], np.arange(len(encoded.dictionary) + 1))
            pieces = np.split(order, starts)[1:-1]
            self._places[column] = dict(zip(encoded.dictionary.to_pylist(), pieces, strict=True))
        places = self._places[column]
        found = [places[text] for text in dict.fromkeys(allowed) if isinstance(text, str) and text in places]
        return found[0] if len(found) == 1 else np.concatenate([np.zeros(0, np.intp), *found])

    def ranks(self, columns: tuple[str, ...]) -> tuple[npt.NDArray[np.int32], list[tuple[str, ...]]]:
        """Return, per code, the rank of its texts in these columns, and the sorted distinct texts."""
        if columns not in self._ranks:
            at = [self.columns.index(column) for column in columns]
            parts = [tuple(entry[i] or "" for i in at) for entry in self._entries]
            ordered = sorted(set(parts))
            rank = {part: number for number, part in enumerate(ordered)}
            self._ranks[columns] = (np.fromiter((rank[part] for part in parts), np.int32, len(parts)), ordered)
        return self._ranks[columns]


def place(ordered: list[tuple[str, ...]], texts: tuple[str, ...]) -> tuple[int, bool]:
    """Return the rank at which `texts` stands or would stand, and whether it is there."""
    at = bisect.bisect_left(ordered, texts)
    return at, at < len(ordered) and ordered[at] == texts


def _nulls_first(entry: tuple[str | None, ...]) -> tuple[tuple[bool, str], ...]:
    return tuple((text is not None, text or "") for text in entry)


def _distinct(rows: pa.Table, columns: tuple[str, ...]) -> tuple[list[tuple[str | None, ...]], npt.NDArray[np.intp]]:
    """Return the distinct tuples of the columns and the index of each row's tuple among them."""
    packed, size = np.zeros(rows.num_rows, np.int64), 1
    for column in columns:
        encoded = pc.dictionary_encode(rows.column(column), null_encoding="encode").combine_chunks()
        distinct = len(encoded.dictionary)
        if distinct <= 1:
            continue
        if size * distinct > PACKED_MAX:  # numbered anew, so that the product stays small
            _, packed = _numbered(packed)
            size = int(packed.max()) + 1
        packed = packed * distinct + encoded.indices.to_numpy(zero_copy_only=False)
        size *= distinct
    firsts, numbers = _numbered(packed)
    texts = rows.select(columns).take(pa.array(firsts))
    return list(zip(*(texts.column(column).to_pylist() for column in columns), strict=True)), numbers


def _numbered(values: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Return where each distinct value first stands, and every row's number among them."""
    numbers = pa.array(values).dictionary_encode().indices.to_numpy().astype(np.int64)
    firsts = np.zeros(int(numbers.max(initial=-1)) + 1, np.intp)
    firsts[numbers[::-1]] = np.arange(len(values) - 1, -1, -1)  # of several, the last written is the first row
    return firsts, numbers
