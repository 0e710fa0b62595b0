"""NYISO prices: MIS files and OASIS exports of day-ahead and real-time LBMP to rows. Pure.

Labels: hourly files print the beginning of the hour, real-time prices the end of the interval. Dispatch runs out of
turn make intervals shorter than five minutes: an interval begins where the one before ended.

Congestion is published with the opposite sign: LBMP = energy + losses - published congestion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from powerdesk.markets import datasets, frames, sheets
from powerdesk.markets.connectors.nyiso import clock, zones
from powerdesk.markets.types import Parsed, PayloadError

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from powerdesk.markets.archives import Member
    from powerdesk.markets.connectors.nyiso.clock import Placed

_HOUR, _FIVE_MINUTES, _QUARTER = (np.timedelta64(minutes, "m") for minutes in (60, 5, 15))
_ENERGY_DECIMALS = 6
"""The energy part is computed from numbers of two decimals; rounding keeps equal values equal in binary."""
_HOURLY_AVERAGE = "rtlbmp"
_RUNS = {"DAM": "DA", "RTC": "RTC", "RTD": "RT5"}


@dataclass(frozen=True, slots=True)
class _Prices:
    """Column names of one price layout, and what its labels mean."""

    kind: str
    source: str
    stamp: str
    name: str
    lbmp: str
    losses: str
    congestion: str
    zone: str | None
    version: str | None
    known: frozenset[str]


def mis(member: Member, names: tuple[str, ...], not_after: datetime | None) -> Parsed:
    """Read `damlbmp` or `realtime`, of zones or generators."""
    if _HOURLY_AVERAGE in member.name.lower():
        raise sheets.unreadable(
            member.name, "hourly averages of real-time prices, which share the layout of day-ahead prices"
        )
    lbmp, losses, congestion = (
        _starting(names, beginning) for beginning in ("LBMP", "Marginal Cost Losses", "Marginal Cost Congestion")
    )
    layout = _Prices(
        kind="nyiso.lbmp",
        source=datasets.NYISO_MIS,
        stamp=clock.STAMP,
        name="Name",
        lbmp=lbmp,
        losses=losses,
        congestion=congestion,
        zone=clock.ZONE_COLUMN if clock.ZONE_COLUMN in names else None,
        version=None,
        known=frozenset({clock.STAMP, clock.ZONE_COLUMN, "Name", "PTID", lbmp, losses, congestion}),
    )
    return _prices(member, names, layout, not_after)


def is_export(names: tuple[str, ...]) -> bool:
    """Tell whether the header is an OASIS export of prices."""
    return any(name.endswith(" LBMP") for name in names)


def exported(member: Member, names: tuple[str, ...], not_after: datetime | None) -> Parsed:
    """Read an export: `DAM Zonal LBMP` by Eastern hour, `RTC Zonal LBMP` or `RTD Zonal LBMP` by end stamp."""
    lbmp = next(name for name in names if name.endswith(" LBMP"))
    prefix = lbmp.removesuffix(" LBMP")
    label = next((name for name in names if name.endswith(" Name")), "Zone Name")
    run = prefix.split(" ", 1)[0]
    if run not in _RUNS:  # TWI is the average of an hour, weighted by time
        raise sheets.unreadable(member.name, f"an export of {lbmp!r}", allowed="DAM, RTC or RTD LBMP")
    stamp = "Eastern Date Hour" if run == "DAM" else f"{run} End Time Stamp"
    zone = f"{stamp} Time Zone"
    version = f"{prefix} Price Version"
    ptid = label.removesuffix(" Name") + " PTID"
    layout = _Prices(
        kind=f"nyiso.oasis.{run.lower()}",
        source=datasets.NYISO_OASIS,
        stamp=stamp,
        name=label,
        lbmp=lbmp,
        losses=f"{prefix} Losses",
        congestion=f"{prefix} Congestion",
        zone=zone if zone in names else None,
        version=version if version in names else None,
        known=frozenset({stamp, zone, label, ptid, lbmp, f"{prefix} Losses", f"{prefix} Congestion", version}),
    )
    return _prices(member, names, layout, not_after)


def _prices(member: Member, names: tuple[str, ...], layout: _Prices, not_after: datetime | None) -> Parsed:
    values = (layout.lbmp, layout.losses, layout.congestion)
    text = (layout.stamp, layout.name, *([layout.zone] if layout.zone else []))
    text = (*text, *([layout.version] if layout.version else []))
    sheets.require(names, (*text, *values), pointer=member.name, kind="a NYISO price file")
    sheet = sheets.read(member.data, names=names, text=text, numeric=values, pointer=member.name)
    numbers = np.column_stack([sheet.numbers(name) for name in values])
    placed = clock.place(
        sheet,
        stamp=layout.stamp,
        series=layout.name,
        zone=layout.zone,
        valid=np.logical_and.reduce(np.isfinite(numbers), axis=1),
        not_after=not_after,
    )
    kept = clock.distinct(sheet, placed, numbers)
    run, start, end = _run_and_interval(sheet, layout, kept.placed)
    at = kept.placed.at
    codes, series = sheet.codes(layout.name)
    price, loss, published = (numbers[at, column] for column in range(3))
    table = frames.prices(
        market=zones.MARKET,
        run=pa.repeat(run, at.size),
        location=frames.texts(codes[at], zones.location_ids(series)),
        interval=(start, end),
        parts={
            "price": price,
            "energy": np.round(price - loss + published, _ENERGY_DECIMALS),
            "congestion": 0.0 - published,
            "loss": loss,
        },
    )
    if layout.version:
        table = _with_version(table, sheet, layout.version, at)
    return Parsed(
        kind=f"{layout.kind}.{run.lower()}" if layout.source == datasets.NYISO_MIS else layout.kind,
        source=layout.source,
        tables={"markets.prices": table},
        findings=(*sheet.findings, *placed.findings, *kept.findings),
        notes=sheets.notes_on_extra(names, layout.known, pointer=member.name),
        duplicates=kept.duplicates,
        rejected=sheet.rejected + placed.rejected + kept.rejected,
    )


def _with_version(table: pa.Table, sheet: sheets.Sheet, version: str, at: NDArray[np.int64]) -> pa.Table:
    codes, names = sheet.codes(version)
    stages = frames.texts(codes[at] + 1, ["", *(f"version-{name}" for name in names)])
    return table.set_column(table.schema.get_field_index("stage"), "stage", stages)


def _run_and_interval(
    sheet: sheets.Sheet, layout: _Prices, placed: Placed
) -> tuple[str, NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Return the market run and the bounds of each row, from the layout or, for MIS, from the stamps themselves.

    Day-ahead and real-time MIS files share a header: real-time stamps carry seconds, day-ahead stamps are whole hours.
    """
    if layout.source == datasets.NYISO_OASIS:
        run = _RUNS[layout.kind.rsplit(".", 1)[-1].upper()]
    else:
        run = "RT5" if clock.has_seconds(sheet, layout.stamp) else "DA"
        hourly = clock.whole_hours(placed.utc)
        if run == "DA" and not hourly:
            raise _changed(sheet, "stamps without seconds that are no whole hours")
        if run == "RT5" and hourly and np.unique(placed.utc).size > 1:
            raise _changed(sheet, "stamps with seconds that are all whole hours")
    if run == "DA":
        return run, placed.utc, placed.utc + _HOUR
    if run == "RTC":
        return run, placed.utc - _QUARTER, placed.utc
    start, end = clock.ending_at(placed.utc, placed.series, step=_FIVE_MINUTES)
    return run, start, end


def _changed(sheet: sheets.Sheet, found: str) -> PayloadError:
    return sheets.unreadable(
        sheet.files[0][0],
        found,
        allowed="real-time stamps as 06/01/2026 00:05:00, day-ahead stamps as 06/01/2026 00:00",
        remedy="get the file anew: a spreadsheet that saves a file changes its stamps",
    )


def _starting(names: tuple[str, ...], beginning: str) -> str:
    """Return the column that starts so; headers before 2016-07 end in `($/MWH`."""
    return next((name for name in names if name.startswith(beginning)), beginning + " ($/MWHr)")
