"""Answers on the terminal: aligned tables for people, JSON lines for pipes."""

from __future__ import annotations

import sys
from typing import Any

import msgspec

from powerdesk.app.cli.root import Output
from powerdesk.delivery import cells

WIDEST = 1000
"""Columns keep their width; a terminal too narrow wraps lines, it never folds a number."""
SMALLEST = 9.5e-7
"""Numbers below it are printed with an exponent."""
BLOCKS = "▁▂▃▄▅▆▇█"


def chosen(output: Output | None) -> Output:
    """Return the output asked for; a table on a terminal and JSON on a pipe when nothing was asked."""
    return output or (Output.TABLE if sys.stdout.isatty() else Output.JSON)


def records(rows: list[dict[str, Any]], *, output: Output | None, columns: tuple[str, ...] | None = None) -> None:
    """Print rows as a table, JSON lines or CSV."""
    how = chosen(output)
    names = list(columns or (rows[0] if rows else ()))
    if how is Output.TABLE:
        _table(rows, names)
    elif how is Output.CSV:
        _csv([{name: _cell(row.get(name)) for name in names} for row in rows], names)
    else:
        for row in rows:
            print(msgspec.json.encode(row).decode())


def one(row: dict[str, Any], *, output: Output | None) -> None:
    """Print one thing: a line per fact, one JSON line, or CSV of one row."""
    how = chosen(output)
    if how is Output.CSV:
        _csv(
            [{name: _cell(value) if isinstance(value, str) else text(value) for name, value in row.items()}], list(row)
        )
    elif how is Output.TABLE:
        width = max((len(name) for name in row), default=0)
        for name, value in row.items():
            print(f"{name:<{width}}  {text(value, name=name)}")
    else:
        print(msgspec.json.encode(row).decode())


def tables(facts: dict[str, Any], lists: dict[str, list[dict[str, Any]]], *, output: Output | None) -> None:
    """Print facts and lists of rows: as one JSON object, as tables one below the other, or the last list as CSV."""
    how = chosen(output)
    if how is Output.JSON:
        one({**facts, **lists}, output=how)
    elif how is Output.CSV:
        records(list(lists.values())[-1], output=how)
    else:
        one(facts, output=how)
        for rows in lists.values():
            records(rows, output=how)


def text(value: Any, *, name: str = "") -> str:
    """Return a value as people read it; a missing one is a dot, and neither it nor a small one is printed as zero."""
    if value is None:
        return "·"
    if isinstance(value, float):
        return _number(value, name)
    if isinstance(value, list | tuple):
        return ", ".join(text(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {text(item, name=key)}" for key, item in value.items())
    return str(value)


def _number(value: float, name: str) -> str:
    """Return a number with two decimals, a factor with five; one that these would show as zero to its first digit."""
    decimals = 5 if name.endswith("factor") else 2
    if abs(value) >= 0.5 * 10.0**-decimals or value == 0.0 or value != value:  # noqa: PLR0124 - NaN is what differs from itself
        return f"{value:,.{decimals}f}"
    small = f"{value:.1g}"
    return small if abs(value) < SMALLEST else f"{float(small):.6f}".rstrip("0")


def sparkline(values: list[float]) -> str:
    """Return a line of blocks from the lowest to the highest value."""
    if not values:
        return ""
    low, high = min(values), max(values)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((value - low) * scale)] for value in values)


def _table(rows: list[dict[str, Any]], names: list[str]) -> None:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - the table library loads only to print one
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    names = [name for name in names if any(row.get(name) is not None for row in rows)] or names
    for name in names:
        numeric = any(isinstance(row.get(name), int | float) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(text(row.get(name), name=name) for name in names))
    Console(width=WIDEST, height=1).print(table)  # told both, it does not cut at 80 columns where TERM is dumb


def _cell(value: Any) -> Any:
    return cells.guarded(value) if isinstance(value, str) else value


def _csv(rows: list[dict[str, Any]], names: list[str]) -> None:
    import csv  # noqa: PLC0415 - rarely used

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([["" if row.get(name) is None else row.get(name) for name in names] for row in rows])
