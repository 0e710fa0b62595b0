"""Usable rows of an OASIS sheet: readable instants in GMT, a value and a name; every other row is in a finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.markets import stamps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from powerdesk.kernel.problem import Finding
    from powerdesk.markets.sheets import Sheet

START, END = "INTERVALSTARTTIME_GMT", "INTERVALENDTIME_GMT"
COMMON = frozenset(
    {START, END, "OPR_DT", "OPR_HR", "OPR_INTERVAL", "MARKET_RUN_ID", "XML_DATA_ITEM", "POS", "GROUP", "LABEL"}
)
"""Columns that every report may carry."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Usable rows of a sheet: UTC bounds (n,), row numbers of the sheet, and what was refused so far."""

    index: NDArray[np.int64]
    start: NDArray[np.datetime64]
    end: NDArray[np.datetime64]
    findings: tuple[Finding, ...]
    rejected: int


def usable(sheet: Sheet, *, values: NDArray[np.float64], required: tuple[str, ...]) -> Rows:
    """Return rows with readable instants, a finite value and all required texts, and findings about the others."""
    start_codes, start_texts = sheet.codes(START)
    end_codes, end_texts = sheet.codes(END)
    nat = np.array(["NaT"], dtype="datetime64[us]")
    start = np.r_[stamps.gmt(start_texts), nat][start_codes]
    end = np.r_[stamps.gmt(end_texts), nat][end_codes]
    timed = ~np.isnat(start) & ~np.isnat(end) & (end > start)
    named = np.ones(timed.shape, dtype=bool)
    for column in required:
        named &= sheet.codes(column)[0] >= 0
    valued = np.isfinite(values)
    checks = (
        (~timed, f"no readable {START}, {END} with the start first", "GMT instants such as 2025-03-01T08:00:00-00:00"),
        (timed & ~named, f"an empty {' or '.join(required)}", "a name"),
        (timed & named & ~valued, "no value", "a finite number"),
    )
    findings = tuple(
        finding for bad, found, allowed in checks for finding in sheet.faults(np.flatnonzero(bad), found, allowed)
    )
    index = np.flatnonzero(timed & named & valued)
    return Rows(index, start[index], end[index], findings, int(timed.size - index.size))


def conflicts(sheet: Sheet, rows: Rows, at: NDArray[np.int64]) -> tuple[Finding, ...]:
    """Return findings about the usable rows numbered `at` (ascending), which contradict one another."""
    return sheet.faults(rows.index[at], "rows that contradict another row about the same key", "one value per key")
