"""NYISO payloads to tables: MIS files (LBMP, load, load forecast, fuel mix) and OASIS exports. Pure.

Clock: stamps are local prevailing time. Files with a time-zone column say which of two equal hours they mean; in the
others the order of rows tells, or nothing does and the rows are refused. Labels: hourly files print the beginning of
the hour, real-time prices and fuel mix the end of the interval, `pal` the beginning. Dispatch runs out of turn make
intervals shorter than five minutes: an interval begins where the one before ended.

Congestion is published with the opposite sign: LBMP = energy + losses - published congestion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from powerdesk.markets import archives, datasets, frames, repeats, sheets, sniffing
from powerdesk.markets.connectors.nyiso import clock
from powerdesk.markets.types import Outcome, Parsed, PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from numpy.typing import NDArray

    from powerdesk.kernel.problem import Finding
    from powerdesk.markets.archives import Member
    from powerdesk.markets.connectors.nyiso.clock import Placed

PARSER_VERSION = 1
MARKET = "NYISO"
SYSTEM = "NYISO"
_STAMP, _ZONE = "Time Stamp", "Time Zone"
_HOUR, _FIVE_MINUTES, _QUARTER = (np.timedelta64(minutes, "m") for minutes in (60, 5, 15))
_ENERGY_DECIMALS = 6
"""The energy part is computed from numbers of two decimals; rounding keeps equal values equal in binary."""
REPORTS = (
    "the header of damlbmp, realtime, pal, isolf or rtfuelmix of MIS, or of an OASIS export of DAM, RTC or RTD LBMP"
)
_HOURLY_AVERAGE = "rtlbmp"


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


def parse(payload: bytes, *, name: str | None = None, not_after: datetime | None = None) -> Parsed:
    """Return the tables of a NYISO payload, recognised by content; raise PayloadError when it is none.

    `not_after` (when it was received) settles the repeated hour of autumn in a file that ends within it.
    """
    sniffed = sniffing.sniff(payload)
    if sniffed.outcome is not Outcome.OK:
        raise PayloadError(
            outcome=sniffed.outcome,
            found=sniffed.detail,
            allowed="a MIS or OASIS CSV, plain, gzipped or zipped",
            remedy=sniffed.remedy,
            retry_after_s=sniffed.retry_after_s,
        )
    found = archives.members(payload, name=name)
    if not found:
        raise sheets.unreadable(name or "payload", "an archive without files")
    parsed = [_member(member, not_after) for member in found]
    return parsed[0] if len(parsed) == 1 else frames.merge(parsed)


def _member(member: Member, not_after: datetime | None) -> Parsed:
    names = sheets.header(member.data, pointer=member.name)
    for recognise, reader in _READERS:
        if recognise(names):
            return reader(member, names, not_after)
    raise sheets.unreadable(member.name, f"columns {', '.join(names)[:200]!r}", allowed=REPORTS)


def _starting(names: tuple[str, ...], beginning: str) -> str:
    """Return the column that starts so; headers before 2016-07 end in `($/MWH`."""
    return next((name for name in names if name.startswith(beginning)), beginning + " ($/MWHr)")


def _mis_prices(member: Member, names: tuple[str, ...], not_after: datetime | None) -> Parsed:
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
        stamp=_STAMP,
        name="Name",
        lbmp=lbmp,
        losses=losses,
        congestion=congestion,
        zone=_ZONE if _ZONE in names else None,
        version=None,
        known=frozenset({_STAMP, _ZONE, "Name", "PTID", lbmp, losses, congestion}),
    )
    return _prices(member, names, layout, not_after)


def _oasis_prices(member: Member, names: tuple[str, ...], not_after: datetime | None) -> Parsed:
    """Read an export: `DAM Zonal LBMP` by Eastern hour, `RTC Zonal LBMP` or `RTD Zonal LBMP` by end stamp."""
    lbmp = next(name for name in names if name.endswith(" LBMP"))
    prefix = lbmp.removesuffix(" LBMP")
    label = next((name for name in names if name.endswith(" Name")), "Zone Name")
    run = prefix.split(" ", 1)[0]
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
        pointer=member.name,
    )
    kept = _distinct(sheet, placed, numbers, pointer=member.name)
    run, start, end = _run_and_interval(sheet, layout, kept.placed)
    at = kept.placed.at
    codes, series = sheet.codes(layout.name)
    price, loss, published = (numbers[at, column] for column in range(3))
    table = frames.prices(
        market=MARKET,
        run=pa.repeat(run, at.size),
        location=frames.texts(codes[at], frames.location_ids(MARKET, [zone_name(name) for name in series])),
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
        run = {"DAM": "DA", "RTC": "RTC", "RTD": "RT5"}.get(layout.kind.rsplit(".", 1)[-1].upper())
        if run is None:
            raise sheets.unreadable(layout.kind, "an export of an unknown run")
    else:
        run = "RT5" if clock.has_seconds(sheet, layout.stamp) else "DA"
        if run == "DA" and not clock.whole_hours(placed.utc):
            raise sheets.unreadable(layout.kind, "stamps without seconds that are no whole hours")
    if run == "DA":
        return run, placed.utc, placed.utc + _HOUR
    if run == "RTC":
        return run, placed.utc - _QUARTER, placed.utc
    start, end = clock.ending_at(placed.utc, placed.series, step=_FIVE_MINUTES)
    return run, start, end


@dataclass(frozen=True, slots=True)
class _Kept:
    """Rows left after repetitions and contradictions within the file."""

    placed: Placed
    duplicates: int
    rejected: int
    findings: tuple[Finding, ...]


def _distinct(sheet: sheets.Sheet, placed: Placed, numbers: NDArray[np.float64], *, pointer: str) -> _Kept:
    instants, _ = clock.ranks(placed.utc)
    resolved = repeats.resolve(repeats.key_of(instants, placed.series), numbers[placed.at])
    findings: tuple[Finding, ...] = ()
    if resolved.conflicts.size:
        rows = sheet.lines[placed.at[resolved.conflicts]].tolist()
        found = "rows that contradict another row about the same key"
        findings = (sheets.rows_finding(pointer, rows, found, "one value per key"),)
    return _Kept(placed.only(resolved.keep), resolved.duplicates, int(resolved.conflicts.size), findings)


@dataclass(frozen=True, slots=True)
class _Powers:
    """A five-minute report of MW by name: its columns, dataset and label convention."""

    kind: str
    dataset: str
    series: str
    value: str
    column: str
    interval: Callable[..., tuple[NDArray[np.datetime64], NDArray[np.datetime64]]]


def _load(member: Member, names: tuple[str, ...], not_after: datetime | None) -> Parsed:
    layout = _Powers("nyiso.pal", "markets.load", "Name", "Load", "load_mw", clock.starting_at)
    return _powers(member, names, layout, not_after)


def _fuel_mix(member: Member, names: tuple[str, ...], not_after: datetime | None) -> Parsed:
    value = "Gen MW" if "Gen MW" in names else "Gen MWh"  # the header of files before 2017; the numbers are MW
    layout = _Powers("nyiso.rtfuelmix", "markets.generation", "Fuel Category", value, "power_mw", clock.ending_at)
    return _powers(member, names, layout, not_after)


def _powers(member: Member, names: tuple[str, ...], layout: _Powers, not_after: datetime | None) -> Parsed:
    zone = _ZONE if _ZONE in names else None
    text = (_STAMP, layout.series, *([zone] if zone else []))
    sheets.require(names, (*text, layout.value), pointer=member.name, kind=layout.kind)
    sheet = sheets.read(member.data, names=names, text=text, numeric=(layout.value,), pointer=member.name)
    values = sheet.numbers(layout.value)
    placed = clock.place(
        sheet,
        stamp=_STAMP,
        series=layout.series,
        zone=zone,
        valid=np.isfinite(values),
        not_after=not_after,
        pointer=member.name,
    )
    kept = _distinct(sheet, placed, values[:, None], pointer=member.name)
    start, end = layout.interval(kept.placed.utc, kept.placed.series, step=_FIVE_MINUTES)
    codes, series = sheet.codes(layout.series)
    at = kept.placed.at
    if layout.dataset == "markets.generation":
        columns = {
            "location": frames.texts(np.zeros(at.shape, dtype=np.int64), [f"{MARKET}:{SYSTEM}"]),
            "fuel": frames.texts(codes[at], [frames.fuel_id(name or "") for name in series]),
        }
    else:
        zones = frames.location_ids(MARKET, [zone_name(name) for name in series])
        columns = {"location": frames.texts(codes[at], zones)}
    columns["interval_start"] = frames.instants(start)
    columns["interval_end"] = frames.instants(end)
    columns[layout.column] = frames.numbers(values[at])
    known = frozenset({_STAMP, _ZONE, layout.series, layout.value, "PTID"})
    return Parsed(
        kind=layout.kind,
        source=datasets.NYISO_MIS,
        tables={layout.dataset: frames.frame(market=MARKET, columns=columns)},
        findings=(*sheet.findings, *placed.findings, *kept.findings),
        notes=sheets.notes_on_extra(names, known, pointer=member.name),
        duplicates=kept.duplicates,
        rejected=sheet.rejected + placed.rejected + kept.rejected,
    )


def _load_forecast(member: Member, names: tuple[str, ...], not_after: datetime | None) -> Parsed:
    """Read the wide hourly forecast: one column per zone and one for the system.

    The file does not say when it was issued. It is dated to the end of its first day, by which it was certainly public.
    """
    zones = tuple(name for name in names if name not in (_STAMP, _ZONE, ""))
    zone = _ZONE if _ZONE in names else None
    text = (_STAMP, *([zone] if zone else []))
    sheet = sheets.read(member.data, names=names, text=text, numeric=zones, pointer=member.name)
    numbers = np.column_stack([sheet.numbers(name) for name in zones])
    placed = clock.place(
        sheet, stamp=_STAMP, series=None, zone=zone, valid=None, not_after=not_after, pointer=member.name
    )
    kept = _distinct(sheet, placed, numbers, pointer=member.name)
    issued = clock.end_of_first_day(kept.placed.utc)
    row, column = np.nonzero(np.isfinite(numbers[kept.placed.at]))
    empty = int(kept.placed.at.size * len(zones) - row.size)
    start = kept.placed.utc[row]
    columns = {
        "location": frames.texts(column, frames.location_ids(MARKET, [zone_name(name) for name in zones])),
        "forecast_run": pa.repeat("ISOLF", row.size),
        "interval_start": frames.instants(start),
        "interval_end": frames.instants(start + _HOUR),
        "load_mw": frames.numbers(numbers[kept.placed.at][row, column]),
    }
    findings = (*sheet.findings, *placed.findings, *kept.findings)
    if empty:
        findings = (
            *findings,
            sheets.rows_finding(member.name, [], f"{empty} empty cells", "a number per zone and hour"),
        )
    return Parsed(
        kind="nyiso.isolf",
        source=datasets.NYISO_MIS,
        tables={
            "markets.load_forecast": frames.frame(
                market=MARKET, columns=columns, published_at=np.full(row.shape, issued, dtype="datetime64[us]")
            )
        },
        findings=findings,
        duplicates=kept.duplicates,
        rejected=sheet.rejected + placed.rejected + kept.rejected + empty,
    )


def zone_name(name: str | None) -> str:
    """Return the name as price files print it; forecasts write zones in mixed case (`Hud Vl`)."""
    upper = (name or "").strip().upper()
    return upper if upper in _ZONES else (name or "").strip()


_ZONES = frozenset(
    {
        "CAPITL",
        "CENTRL",
        "DUNWOD",
        "GENESE",
        "HUD VL",
        "LONGIL",
        "MHK VL",
        "MILLWD",
        "N.Y.C.",
        "NORTH",
        "WEST",
        "NYISO",
    }
)

_READERS: tuple[tuple[Callable[[tuple[str, ...]], bool], Callable[..., Parsed]], ...] = (
    (lambda names: _STAMP in names and any(name.startswith("LBMP") for name in names), _mis_prices),
    (lambda names: _STAMP in names and "Fuel Category" in names, _fuel_mix),
    (lambda names: _STAMP in names and "Load" in names, _load),
    (lambda names: _STAMP in names and "Capitl" in names and "NYISO" in names, _load_forecast),
    (lambda names: any(name.endswith(" LBMP") for name in names), _oasis_prices),
    (lambda names: "PTID" in names and _STAMP in names, _mis_prices),
)
"""The last entry claims drifted MIS files, so that the missing columns are named."""
