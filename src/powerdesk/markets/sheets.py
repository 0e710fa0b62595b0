"""Read a CSV body into columns, reporting every row that cannot be read; fast when nothing is wrong."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from powerdesk.kernel.problem import Finding
from powerdesk.markets.types import Outcome, PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

TEXT = pa.dictionary(pa.int32(), pa.string())
NULLS = ["", "null", "NULL", "N/A"]
SHOWN = 3
"""How many offending rows a finding names; the rest are counted."""
_BLOCK_BYTES = 8 << 20  # 300 000 OASIS rows: 68 ms with 8 MiB blocks, 113 ms with 1 MiB, 173 ms with 64 MiB (2 cores)
_MAX_HEADER_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Sheet:
    """Columns of CSV files: text columns dictionary-encoded, numbers float64; `lines` (n,) are rows of their file."""

    table: pa.Table
    lines: NDArray[np.int64]
    findings: tuple[Finding, ...]
    rejected: int
    files: tuple[tuple[str, int], ...]
    """Each file's name and how many of the rows, in order, are its own."""

    memory: dict[str, tuple[NDArray[np.int64], list[str | None]]] = field(default_factory=dict, repr=False)
    """Columns already decoded; the sheet itself never changes."""

    def codes(self, name: str) -> tuple[NDArray[np.int64], list[str | None]]:
        """Return a text column as codes (n,), -1 where null, into a list of values."""
        if name not in self.memory:
            column = self.table.column(name).unify_dictionaries().combine_chunks()
            if isinstance(column, pa.ChunkedArray):
                column = column.chunk(0) if column.num_chunks else pa.array([], TEXT)
            indices = pc.fill_null(column.indices, -1) if column.null_count else column.indices
            codes = indices.to_numpy(zero_copy_only=False).astype(np.int64)
            self.memory[name] = (codes, column.dictionary.to_pylist())
        return self.memory[name]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a numeric column (n,), NaN where the file has none."""
        values = self.table.column(name).to_numpy(zero_copy_only=False)
        return np.asarray(values, dtype=np.float64)

    def faults(self, bad: NDArray[np.int64], found: str, allowed: str, remedy: str = "") -> tuple[Finding, ...]:
        """Return what is wrong with the rows numbered `bad` (ascending): a finding for each file that has any."""
        parts = np.split(bad, np.searchsorted(bad, np.cumsum([rows for _, rows in self.files])[:-1]))
        return tuple(
            rows_finding(name, self.lines[part].tolist(), found, allowed, remedy)
            for (name, _), part in zip(self.files, parts, strict=True)
            if part.size
        )


def joined(several: Sequence[Sheet]) -> Sheet:
    """Return sheets with the same columns as one, in their order."""
    if len(several) == 1:
        return several[0]
    return Sheet(
        table=pa.concat_tables([one.table for one in several]),
        lines=np.concatenate([one.lines for one in several]),
        findings=tuple(finding for one in several for finding in one.findings),
        rejected=sum(one.rejected for one in several),
        files=tuple(file for one in several for file in one.files),
    )


def header(data: bytes, *, pointer: str) -> tuple[str, ...]:
    """Return the column names of the first line, stripped; raise PayloadError when it is not text or repeats a name."""
    line = data[:_MAX_HEADER_BYTES].lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    try:
        names = tuple(name.strip() for name in next(csv.reader([line.decode("utf-8").strip("\r")]), []))
    except (UnicodeDecodeError, csv.Error, StopIteration) as fault:
        raise unreadable(pointer, f"a first line that is no CSV header ({fault})") from fault
    if len(set(names)) != len(names):
        raise unreadable(pointer, f"repeated column names in {', '.join(names)[:200]}")
    return names


def unreadable(
    pointer: str,
    found: str,
    *,
    allowed: str = "a CSV report with its header",
    remedy: str = "look at the file: it may be another report or market's, or the source may have changed its format",
) -> PayloadError:
    """Return the problem of a file that is no table."""
    return PayloadError(outcome=Outcome.SCHEMA, found=f"{pointer}: {found}", allowed=allowed, remedy=remedy)


def read(
    data: bytes, *, names: tuple[str, ...], text: tuple[str, ...], numeric: tuple[str, ...], pointer: str
) -> Sheet:
    """Return the wanted columns. `names` is the file's header; rows with another number of fields become findings.

    Numbers that cannot be read become NaN and a finding each; empty cells become NaN silently (the caller knows
    whether absence is allowed). O(n).
    """
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as fault:
            raise unreadable(pointer, f"bytes that are no UTF-8 text ({fault.reason} at {fault.start})") from fault
    malformed: list[int] = []
    try:
        table = _parse(data, names=names, text=text, numeric=numeric, skip=malformed.append, threads=True)
    except pa.ArrowInvalid:
        table = None
        malformed.append(0)
    findings: list[Finding] = []
    if malformed:
        malformed = []
        try:
            table = _parse(data, names=names, text=(*text, *numeric), numeric=(), skip=malformed.append, threads=False)
        except pa.ArrowInvalid as fault:
            raise unreadable(pointer, f"rows that are no CSV ({str(fault)[:160]})") from fault
        table, bad = _to_numbers(table, _lines(table.num_rows, malformed), numeric=numeric, pointer=pointer)
        findings.extend(bad)
    if malformed:
        findings.append(
            rows_finding(pointer, malformed, f"rows without {len(names)} fields", f"{len(names)} fields in a row")
        )
    if table is None:  # pragma: no cover - either the fast or the careful reading set it
        raise unreadable(pointer, "no rows")
    lines = _lines(table.num_rows, malformed)
    return Sheet(table, lines, tuple(findings), len(malformed), ((pointer, lines.size),))


def _parse(
    data: bytes,
    *,
    names: tuple[str, ...],
    text: tuple[str, ...],
    numeric: tuple[str, ...],
    skip: Callable[[int], None],
    threads: bool,
) -> pa.Table:
    def invalid(row: pa_csv.InvalidRow) -> str:
        skip(row.number or 0)
        return "skip"

    types = {**dict.fromkeys(text, TEXT), **dict.fromkeys(numeric, pa.float64())}
    body = data.lstrip(b"\xef\xbb\xbf") if data.startswith(b"\xef\xbb\xbf") else data
    try:
        return pa_csv.read_csv(
            pa.BufferReader(body),
            read_options=pa_csv.ReadOptions(
                use_threads=threads, block_size=_BLOCK_BYTES, column_names=list(names), skip_rows=1
            ),
            parse_options=pa_csv.ParseOptions(invalid_row_handler=invalid),
            convert_options=pa_csv.ConvertOptions(
                include_columns=[*text, *numeric], column_types=types, null_values=NULLS, strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid as fault:
        if "Empty CSV file" in str(fault):
            return pa.table({name: pa.array([], type=types[name]) for name in (*text, *numeric)})
        raise


def _to_numbers(
    table: pa.Table, lines: NDArray[np.int64], *, numeric: tuple[str, ...], pointer: str
) -> tuple[pa.Table, list[Finding]]:
    findings: list[Finding] = []
    for name in numeric:
        column = table.column(name).cast(pa.string())
        values = np.array([_number(value) for value in column.to_pylist()], dtype=np.float64)
        bad = np.flatnonzero(np.isnan(values) & np.asarray(column.is_valid()))
        if bad.size:
            shown = ", ".join(repr(column[int(i)].as_py())[:40] for i in bad[:SHOWN])
            findings.append(
                rows_finding(f"{pointer}#{name}", lines[bad].tolist(), f"no numbers: {shown}", "numbers or empty cells")
            )
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(values))
    return table, findings


def _number(value: str | None) -> float:
    if value is None:
        return np.nan
    try:
        number = float(value)
    except ValueError:
        return np.nan
    return number if np.isfinite(number) else np.nan


def _lines(count: int, malformed: list[int]) -> NDArray[np.int64]:
    """Return the row of the file (header = 1) of each table row, given the sorted rows that were skipped."""
    lines = np.arange(2, count + 2, dtype=np.int64)
    for row in sorted(malformed):
        lines[lines >= row] += 1
    return lines


def rows_finding(pointer: str, rows: list[int], found: str, allowed: str, remedy: str = "") -> Finding:
    """Return one finding about rows of a file: the first few by number, the rest counted."""
    shown = ", ".join(str(row) for row in rows[:SHOWN])
    more = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return Finding(
        pointer=f"{pointer} row {shown}{more}",
        found=f"{len(rows)} row(s): {found}",
        allowed=allowed,
        remedy=remedy or "these rows were not stored; look at the kept payload",
    )


def require(names: tuple[str, ...], wanted: tuple[str, ...], *, pointer: str, kind: str) -> None:
    """Raise PayloadError naming every required column that the header lacks."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise PayloadError(
            outcome=Outcome.SCHEMA,
            found=f"{pointer} looks like {kind} but has no column {', '.join(missing)}",
            allowed=", ".join(wanted),
            remedy="the source changed its columns: the payload is kept and can be parsed again by a newer parser",
            findings=tuple(
                Finding(f"{pointer}#{name}", "no such column", "a column of that name", "see the source's notices")
                for name in missing
            ),
        )


def notes_on_extra(names: tuple[str, ...], known: frozenset[str], *, pointer: str) -> tuple[Finding, ...]:
    """Return a note for each column that the parser does not know; the raw payload keeps it."""
    return tuple(
        Finding(
            f"{pointer}#{name}", "a column not known to this parser", "the known columns", "kept in the raw payload"
        )
        for name in names
        if name not in known
    )
