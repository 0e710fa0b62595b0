"""NYISO load, fuel mix and load forecast of MIS to rows. Pure.

Labels: `pal` prints the beginning of five minutes, the fuel mix their end, the forecast the beginning of the hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from powerdesk.markets import datasets, frames, sheets
from powerdesk.markets.connectors.nyiso import clock, zones
from powerdesk.markets.types import Parsed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from numpy.typing import NDArray

    from powerdesk.markets.archives import Member

SYSTEM = "NYISO"
_HOUR, _FIVE_MINUTES = np.timedelta64(60, "m"), np.timedelta64(5, "m")


@dataclass(frozen=True, slots=True)
class _Powers:
    """A five-minute report of MW by name: its columns, dataset and label convention."""

    kind: str
    dataset: str
    series: str
    value: str
    column: str
    interval: Callable[..., tuple[NDArray[np.datetime64], NDArray[np.datetime64]]]


def load(member: Member, names: tuple[str, ...], not_after: datetime | None) -> Parsed:
    """Read `pal`: load of zones, sampled every five minutes."""
    layout = _Powers("nyiso.pal", "markets.load", "Name", "Load", "load_mw", clock.starting_at)
    return _powers(member, names, layout, not_after)


def fuel_mix(member: Member, names: tuple[str, ...], not_after: datetime | None) -> Parsed:
    """Read `rtfuelmix`: generation of the system by fuel."""
    value = "Gen MW" if "Gen MW" in names else "Gen MWh"  # the header of files before 2017; the numbers are MW
    layout = _Powers("nyiso.rtfuelmix", "markets.generation", "Fuel Category", value, "power_mw", clock.ending_at)
    return _powers(member, names, layout, not_after)


def _powers(member: Member, names: tuple[str, ...], layout: _Powers, not_after: datetime | None) -> Parsed:
    zone = clock.ZONE_COLUMN if clock.ZONE_COLUMN in names else None
    text = (clock.STAMP, layout.series, *([zone] if zone else []))
    sheets.require(names, (*text, layout.value), pointer=member.name, kind=layout.kind)
    sheet = sheets.read(member.data, names=names, text=text, numeric=(layout.value,), pointer=member.name)
    values = sheet.numbers(layout.value)
    placed = clock.place(
        sheet,
        stamp=clock.STAMP,
        series=layout.series,
        zone=zone,
        valid=np.isfinite(values),
        not_after=not_after,
    )
    kept = clock.distinct(sheet, placed, values[:, None])
    start, end = layout.interval(kept.placed.utc, kept.placed.series, step=_FIVE_MINUTES)
    codes, series = sheet.codes(layout.series)
    at = kept.placed.at
    if layout.dataset == "markets.generation":
        columns = {
            "location": frames.texts(np.zeros(at.shape, dtype=np.int64), [f"{zones.MARKET}:{SYSTEM}"]),
            "fuel": frames.texts(codes[at], [frames.fuel_id(name or "") for name in series]),
        }
    else:
        columns = {"location": frames.texts(codes[at], zones.location_ids(series))}
    columns["interval_start"] = frames.instants(start)
    columns["interval_end"] = frames.instants(end)
    columns[layout.column] = frames.numbers(values[at])
    known = frozenset({clock.STAMP, clock.ZONE_COLUMN, layout.series, layout.value, "PTID"})
    return Parsed(
        kind=layout.kind,
        source=datasets.NYISO_MIS,
        tables={layout.dataset: frames.frame(market=zones.MARKET, columns=columns)},
        findings=(*sheet.findings, *placed.findings, *kept.findings),
        notes=sheets.notes_on_extra(names, known, pointer=member.name),
        duplicates=kept.duplicates,
        rejected=sheet.rejected + placed.rejected + kept.rejected,
    )


def load_forecast(member: Member, names: tuple[str, ...], not_after: datetime | None) -> Parsed:
    """Read the wide hourly forecast: one column per zone and one for the system.

    The file does not say when it was issued. It is dated to the end of its first day, by which it was certainly public.
    """
    areas = tuple(name for name in names if name not in (clock.STAMP, clock.ZONE_COLUMN, ""))
    zone = clock.ZONE_COLUMN if clock.ZONE_COLUMN in names else None
    text = (clock.STAMP, *([zone] if zone else []))
    sheet = sheets.read(member.data, names=names, text=text, numeric=areas, pointer=member.name)
    numbers = np.column_stack([sheet.numbers(name) for name in areas])
    placed = clock.place(sheet, stamp=clock.STAMP, series=None, zone=zone, valid=None, not_after=not_after)
    kept = clock.distinct(sheet, placed, numbers)
    issued = clock.end_of_first_day(kept.placed.utc)
    given = np.isfinite(numbers[kept.placed.at])
    row, column = np.nonzero(given)
    start = kept.placed.utc[row]
    columns = {
        "location": frames.texts(column, zones.location_ids(areas)),
        "forecast_run": pa.repeat("ISOLF", row.size),
        "interval_start": frames.instants(start),
        "interval_end": frames.instants(start + _HOUR),
        "load_mw": frames.numbers(numbers[kept.placed.at][row, column]),
    }
    empty = sheet.faults(
        kept.placed.at[~given.all(axis=1)], "an empty cell", "a number per zone and hour", "the other cells were stored"
    )
    return Parsed(
        kind="nyiso.isolf",
        source=datasets.NYISO_MIS,
        tables={
            "markets.load_forecast": frames.frame(
                market=zones.MARKET, columns=columns, published_at=np.full(row.shape, issued, dtype="datetime64[us]")
            )
        },
        findings=(*sheet.findings, *placed.findings, *kept.findings, *empty),
        duplicates=kept.duplicates,
        rejected=sheet.rejected + placed.rejected + kept.rejected + int((~given).sum()),
    )
