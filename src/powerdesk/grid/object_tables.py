"""Tables of objects of other programs: columns by name as arrays, with every fault found and placed.

A table is anything with `index`, `columns` and `table[name]` as a data frame has them; no such library is imported.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray

NOT_NUMBERS = "no numbers"


class ObjectTable:
    """One table; `place` names it in findings, which are gathered in `findings`."""

    def __init__(self, frame: Any, *, place: str, findings: list[Finding]) -> None:
        self.frame = frame
        self.place = place
        self.findings = findings
        self.keys: tuple[Any, ...] = () if frame is None else tuple(frame.index)
        self._columns = frozenset() if frame is None else frozenset(frame.columns)

    def __len__(self) -> int:
        return len(self.keys)

    def has(self, name: str) -> bool:
        """Tell whether there is a column of this name."""
        return name in self._columns

    def at(self, row: int) -> str:
        """Return the place of a row."""
        return f"{self.place} {self.keys[row]}"

    def fault(self, row: int, found: str, allowed: str, remedy: str) -> None:
        """Note a fault of one row."""
        self.findings.append(Finding(self.at(row), found, allowed, remedy))

    def raw(self, name: str, default: Any) -> list[Any]:
        """Return a column as it is, `default` in each row where there is none."""
        return list(self.frame[name]) if self.has(name) else [default] * len(self)

    def numbers(self, name: str, default: float | None = None) -> FloatArray:
        """Return a column of numbers (n,); without a default, a missing column or NaN is a fault."""
        values = self.raw(name, default if default is not None else np.nan)
        try:
            found = np.array([np.nan if one is None else one for one in values], dtype=np.float64)
        except (TypeError, ValueError):
            self.findings.append(Finding(f"{self.place} {name}", NOT_NUMBERS, "numbers", "convert the column"))
            return np.zeros(len(self))
        if default is not None:
            return np.where(np.isnan(found), default, found)
        for row in np.flatnonzero(np.isnan(found)).tolist():
            self.fault(row, f"no {name}", "a number", f"give {name}")
        return np.nan_to_num(found)

    def flags(self, name: str, *, default: bool) -> BoolArray:
        """Return a column of true and false (n,); nothing and NaN are the default."""
        return np.array([default if is_missing(one) else bool(one) for one in self.raw(name, default)], dtype=bool)

    def words(self, name: str, default: str = "") -> list[str]:
        """Return a column of words; nothing and NaN are the default."""
        return [default if is_missing(one) else str(one) for one in self.raw(name, default)]

    def positions(self, name: str, of: dict[Any, int], *, where: str) -> IntArray:
        """Return where the elements named by a column stand (n,); 0 and a fault for one that is not there."""
        out = np.zeros(len(self), dtype=np.int64)
        for row, key in enumerate(self.raw(name, None)):
            if key in of:
                out[row] = of[key]
            else:
                self.fault(row, f"{name} {key}", f"one of {where}", "correct the name or add the element")
        return out


def is_missing(value: Any) -> bool:
    """Tell whether a cell holds nothing, as None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def whole_numbers(keys: tuple[Any, ...], *, least: int) -> IntArray | None:
    """Return keys as distinct whole numbers from `least`, where all of them are such (also as words); else None."""
    words = [str(key) for key in keys]
    if not all(word.isascii() and word.isdigit() and len(word) < 16 for word in words):  # noqa: PLR2004 - below 2^53
        return None
    numbers = np.array([int(word) for word in words], dtype=np.int64)
    distinct = np.unique(numbers).size == numbers.size
    return numbers if distinct and (numbers >= least).all() else None
