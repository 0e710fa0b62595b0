"""Values of a JSON document by name: numbers, words and series, with every fault found and placed.

A place reads `FILE: generator G1 p_max`, because JSON read as a whole has no line numbers.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from powerdesk.grid import checking, matlab
from powerdesk.grid.types import NetworkError
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.grid.types import BoolArray, FloatArray

BEGINNING = 256
"""Bytes that tell what a file is."""

LONGEST_WORD = 60
"""Characters of a wrong value that a finding repeats."""


def document(data: bytes, *, file: str) -> Fields:
    """Return the object at the top of a JSON file, plain or gzip; raises NetworkError when there is none."""
    text, broken = matlab.text_of(data, file=file)
    findings = list(broken)
    held: object = None
    if not broken:
        try:
            held = json.loads(text)
        except (ValueError, RecursionError) as error:
            findings.append(Finding(file, f"no JSON ({error})", "one JSON object", "fetch or write the file again"))
        else:
            if not isinstance(held, dict):
                findings.append(Finding(file, _shown(held), "one JSON object", "give the whole document"))
    refuse(findings, file=file)
    return Fields(held if isinstance(held, dict) else {}, f"{file}:", findings, 0)


def begins_an_object(data: bytes) -> bool:
    """Tell whether a file, plain or gzip, begins as a JSON object does."""
    head = data[:BEGINNING]
    if data[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(wbits=31).decompress(data, BEGINNING)
        except zlib.error:
            return False  # the reader tells what is wrong with it
    return head.lstrip().startswith(b"{")


def refuse(findings: list[Finding], *, file: str) -> None:
    """Raise NetworkError with all findings, if there are any."""
    if findings:
        kept = checking.limited(findings)
        raise NetworkError(
            found=f"{len(findings)} fault(s) in {file}: {kept[0]}",
            allowed="a case without faults",
            remedy="mend what the findings name",
            findings=kept,
        )


@dataclass(frozen=True, eq=False, slots=True)
class Fields:
    """One object of a document; `interval` is the position that single numbers take from a series."""

    held: dict[str, Any]
    place: str
    findings: list[Finding]
    interval: int

    def at(self, interval: int) -> Fields:
        """Return the same object, looked at in another interval."""
        return replace(self, interval=interval)

    def fault(self, name: str, found: str, allowed: str, remedy: str) -> None:
        """Note a fault of one field."""
        self.findings.append(Finding(f"{self.place} {name}".strip(), found, allowed, remedy))

    def inner(self, name: str) -> Fields:
        """Return the object of this name; an absent one is empty."""
        held = self.held.get(name)
        if held is not None and not isinstance(held, dict):
            self.fault(name, _shown(held), "an object", f"write {name} as {{...}}")
        return Fields(held if isinstance(held, dict) else {}, f"{self.place} {name}", self.findings, self.interval)

    def elements(self, name: str) -> Iterator[tuple[str, Fields]]:
        """Yield the objects of a table with their names; an absent table has none."""
        table = self.inner(name)
        for key in table.held:
            yield key, table.inner(key)

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self.held.get(name) is not None

    def number(self, name: str, default: float | None = None, *, low: float = -np.inf, high: float = np.inf) -> float:
        """Return a finite number from `low` to `high`, of a series its interval's; NaN and a fault otherwise."""
        value = _plain(self.held.get(name))
        if isinstance(value, list):
            if self.interval >= len(value):
                self.fault(name, f"{len(value)} values", f"more than {self.interval}", "ask for an earlier interval")
                return float("nan")
            value = value[self.interval]
        if value is None and default is not None:
            return default
        found = _number(value)
        if found is None or not low <= found <= high:
            self.fault(name, _shown(value), _allowed(low, high), f"give {name} as a number")
            return float("nan")
        return found

    def whole(self, name: str, *, low: int, high: int) -> int:
        """Return a whole number, `low` and a fault when there is none."""
        value = self.number(name, low=low, high=high)
        if value != value or value != int(value):  # noqa: PLR0124 - NaN is already a fault
            if value == value:  # noqa: PLR0124 - as above
                self.fault(name, f"{value:g}", "a whole number", f"round {name}")
            return low
        return int(value)

    def series(self, name: str, count: int, default: float | None = None, *, low: float = -np.inf) -> FloatArray:
        """Return `count` numbers (count,): one for all, a list, or an Egret time series; NaN where at fault."""
        value = _plain(self.held.get(name))
        if not isinstance(value, list):
            return np.full(count, self.number(name, default, low=low))
        numbers = [_number(one) for one in value]
        bad = next((at for at, one in enumerate(numbers) if one is None or one < low), None)
        if len(value) != count:
            self.fault(name, f"{len(value)} values", f"{count}, one for each interval", "complete or cut the list")
        elif bad is not None:
            self.fault(f"{name}[{bad}]", _shown(value[bad]), _allowed(low, np.inf), "give a number")
        else:
            return np.array([one for one in numbers if one is not None])
        return np.full(count, np.nan)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a word; a whole number counts as one."""
        value = self.held.get(name)
        if value is None and default is not None:
            return default
        if isinstance(value, int) and not isinstance(value, bool):
            value = _shown(value)
        if isinstance(value, str):
            return value
        self.fault(name, _shown(value), "a word", f"give {name} in quotes")
        return ""

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false; 0 and 1 count as them."""
        value = self.held.get(name)
        if value is None:
            return default
        if value in (0, 1) and isinstance(value, int | float):
            return bool(value)
        self.fault(name, _shown(value), "true or false", f"write {name} as true or false")
        return default

    def points(self, name: str) -> tuple[tuple[float, float], ...]:
        """Return pairs of finite numbers; a fault and none when one of them is no pair."""
        value = self.held.get(name)
        pairs = value if isinstance(value, list) else [None]
        out = []
        for at, pair in enumerate(pairs):
            both = [_number(one) for one in pair] if isinstance(pair, list) else []
            if len(both) != 2 or both[0] is None or both[1] is None:  # noqa: PLR2004 - a pair
                self.fault(f"{name}[{at}]", _shown(pair), "a pair of numbers", "write [x, y]")
                return ()
            out.append((both[0], both[1]))
        return tuple(out)

    def rows(self, name: str) -> tuple[Fields, ...]:
        """Return a list of objects; a fault and none when it is no such list."""
        value = self.held.get(name)
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            places = (f"{self.place} {name}[{at}]" for at in range(len(value)))
            return tuple(replace(self, held=one, place=place) for one, place in zip(value, places, strict=True))
        self.fault(name, _shown(value), "a list of objects", f"write {name} as [{{...}}, ...]")
        return ()

    def list_of_numbers(self, name: str) -> tuple[float, ...]:
        """Return a list of finite numbers; absent is none, and so is a list at fault."""
        value = self.held.get(name)
        numbers = [_number(one) for one in value] if isinstance(value, list) else []
        if value is not None and (not isinstance(value, list) or None in numbers):
            self.fault(name, _shown(value), "a list of numbers", f"write {name} as [1, 2, ...]")
            return ()
        return tuple(one for one in numbers if one is not None)

    def states(self, name: str, count: int) -> tuple[BoolArray, BoolArray]:
        """Return where a state is true and where it is false (count,): one for all or a list; null is neither."""
        value = _plain(self.held.get(name))
        held = value if isinstance(value, list) else [value] * count
        if len(held) != count or not all(
            one is None or (isinstance(one, int | float) and one in (0, 1)) for one in held
        ):
            self.fault(name, _shown(value), f"true, false, null, or {count} of them", f"write {name} anew")
            held = [None] * count
        return np.array([one == 1 for one in held]), np.array([one == 0 and one is not None for one in held])

    def words(self, name: str) -> tuple[str, ...]:
        """Return a list of words; absent is none."""
        value = self.held.get(name)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        self.fault(name, _shown(value), "a list of words", f'write {name} as ["...", ...]')
        return ()


def _plain(value: Any) -> Any:
    """Return the values of an Egret time series, or the value itself."""
    if isinstance(value, dict) and value.get("data_type") == "time_series":
        return value.get("values")
    return value


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if np.isfinite(found) else None


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if isinstance(value, int) and abs(value) >= 2**63:
        return "a whole number of more than 63 bits"
    return repr(value)[:LONGEST_WORD]


def _allowed(low: float, high: float) -> str:
    if np.isinf(low) and np.isinf(high):
        return "a finite number"
    return f"a number of {low:g} or more" if np.isinf(high) else f"a number from {low:g} to {high:g}"
