"""OASIS reports by area: demand, wind and solar, actual and forecast. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.markets import datasets, frames, repeats, sheets, wall_clock
from powerdesk.markets.connectors.caiso import rows as rows_of
from powerdesk.markets.types import Parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    import pyarrow as pa
    from numpy.typing import NDArray

    from powerdesk.markets.archives import Member
    from powerdesk.markets.connectors.caiso.rows import Rows

MARKET = "CAISO"
ZONE = "America/Los_Angeles"
_LOAD_COLUMNS = rows_of.COMMON | {"LOAD_TYPE", "TAC_AREA_NAME", "MW", "EXECUTION_TYPE"}
_RENEWABLE_COLUMNS = rows_of.COMMON | {"TRADING_HUB", "RENEWABLE_TYPE", "MARKET_RUN_ID_POS", "RENEW_POS", "MW"}
_ACTUAL = "ACTUAL"


def _load(member: Member, names: tuple[str, ...]) -> Parsed:
    wanted = (rows_of.START, rows_of.END, "MARKET_RUN_ID", "TAC_AREA_NAME", "MW")
    sheets.require(names, wanted, pointer=member.name, kind="an OASIS demand report")
    execution = ("EXECUTION_TYPE",) if "EXECUTION_TYPE" in names else ()
    return _areas(
        member,
        names,
        _AreaReport(
            kind="caiso.load",
            area="TAC_AREA_NAME",
            text=(*wanted[:-1], *execution),
            fuel=None,
            value="load_mw",
            actual="markets.load",
            forecast="markets.load_forecast",
            known=_LOAD_COLUMNS,
        ),
    )


def _renewables(member: Member, names: tuple[str, ...]) -> Parsed:
    wanted = (rows_of.START, rows_of.END, "MARKET_RUN_ID", "TRADING_HUB", "RENEWABLE_TYPE", "MW")
    sheets.require(names, wanted, pointer=member.name, kind="an OASIS renewables report")
    return _areas(
        member,
        names,
        _AreaReport(
            kind="caiso.renewables",
            area="TRADING_HUB",
            text=wanted[:-1],
            fuel="RENEWABLE_TYPE",
            value="power_mw",
            actual="markets.generation",
            forecast="markets.renewables_forecast",
            known=_RENEWABLE_COLUMNS,
        ),
    )


@dataclass(frozen=True, slots=True)
class _AreaReport:
    """The columns of a report by area, and the datasets of its actual and forecast rows."""

    kind: str
    area: str
    text: tuple[str, ...]
    fuel: str | None
    value: str
    actual: str
    forecast: str
    known: frozenset[str]


def _areas(member: Member, names: tuple[str, ...], report: _AreaReport) -> Parsed:
    sheet = sheets.read(member.data, names=names, text=report.text, numeric=("MW",), pointer=member.name)
    values = sheet.numbers("MW")
    required = (report.area, "MARKET_RUN_ID", *([report.fuel] if report.fuel else []))
    rows = rows_of.usable(sheet, values=values, required=required)
    run_codes, run_names = _run_names(sheet)
    keys = [sheet.codes(rows_of.START)[0], sheet.codes(rows_of.END)[0], sheet.codes(report.area)[0], run_codes]
    if report.fuel:
        keys.append(sheet.codes(report.fuel)[0])
    resolved = repeats.resolve(repeats.key_of(*(key[rows.index] for key in keys)), values[rows.index][:, None])
    at = resolved.keep
    kept = replace(rows, index=rows.index[at], start=rows.start[at], end=rows.end[at])
    actual = np.array([name == _ACTUAL for name in run_names], dtype=bool)[run_codes[kept.index]]
    tables = {}
    for dataset, chosen in ((report.actual, actual), (report.forecast, ~actual)):
        if chosen.any():
            runs = None if dataset == report.actual else (run_codes, run_names)
            tables[dataset] = _area_table(sheet, kept, np.flatnonzero(chosen), report, runs, member.modified)
    return Parsed(
        kind=report.kind,
        source=datasets.CAISO_OASIS,
        tables=tables or {report.forecast: _area_table(sheet, kept, at[:0], report, (run_codes, run_names), None)},
        findings=(*sheet.findings, *rows.findings, *rows_of.conflicts(sheet, rows, resolved.conflicts)),
        notes=sheets.notes_on_extra(names, report.known, pointer=member.name),
        duplicates=resolved.duplicates,
        rejected=sheet.rejected + rows.rejected + resolved.conflicts.size,
    )


def _run_names(sheet: sheets.Sheet) -> tuple[NDArray[np.int64], list[str]]:
    """Return forecast runs: MARKET_RUN_ID, or EXECUTION_TYPE where a real-time report tells RTD from RTPD."""
    codes, names = sheet.codes("MARKET_RUN_ID")
    runs = [name or "" for name in names]
    if "EXECUTION_TYPE" not in sheet.table.column_names:
        return codes, runs
    kinds, kind_names = sheet.codes("EXECUTION_TYPE")
    real_time = np.array([name == "RTM" for name in runs] + [False])[codes] & (kinds >= 0)
    return np.where(real_time, kinds + len(runs), codes), [*runs, *(name or "" for name in kind_names)]


def _area_table(
    sheet: sheets.Sheet,
    rows: Rows,
    chosen: NDArray[np.int64],
    report: _AreaReport,
    runs: tuple[NDArray[np.int64], list[str]] | None,
    modified: datetime | None,
) -> pa.Table:
    index = rows.index[chosen]
    areas, area_names = sheet.codes(report.area)
    columns = {
        "location": frames.texts(
            areas[index], frames.location_ids(MARKET, [(name or "").strip() for name in area_names])
        )
    }
    if report.fuel:
        fuels, fuel_names = sheet.codes(report.fuel)
        columns["fuel"] = frames.texts(fuels[index], [frames.fuel_id(name or "") for name in fuel_names])
    if runs is not None:
        columns["forecast_run"] = frames.texts(runs[0][index], runs[1])
    columns["interval_start"] = frames.instants(rows.start[chosen])
    columns["interval_end"] = frames.instants(rows.end[chosen])
    columns[report.value] = frames.numbers(sheet.numbers("MW")[index])
    issued = (
        None
        if runs is None or modified is None
        else np.full(chosen.shape, wall_clock.latest_reading(modified, zone=ZONE))
    )
    return frames.frame(market=MARKET, columns=columns, published_at=issued)


READERS: Mapping[str, Callable[[Member, tuple[str, ...]], Parsed]] = {
    "RENEWABLE_TYPE": _renewables,
    "TAC_AREA_NAME": _load,
}
"""By the column that tells the report."""
