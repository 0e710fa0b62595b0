"""CAISO payloads to tables: OASIS price, load and renewables reports, in-band errors, outlook files. Pure.

OASIS gives every instant in GMT, so no local clock is involved. Prices come in long form, one row per part; the value
column is called MW, VALUE or PRC by report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.kernel.problem import Finding
from powerdesk.markets import archives, datasets, frames, repeats, sheets, sniffing, stamps, wall_clock
from powerdesk.markets.connectors.caiso import outlook, refusals
from powerdesk.markets.sniffing import Form
from powerdesk.markets.types import Outcome, Parsed, PayloadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import pyarrow as pa
    from numpy.typing import NDArray

    from powerdesk.markets.archives import Member

PARSER_VERSION = 1
MARKET = "CAISO"
ZONE = "America/Los_Angeles"
_START, _END = "INTERVALSTARTTIME_GMT", "INTERVALENDTIME_GMT"
_PARTS = {"LMP": "price", "MCE": "energy", "MCC": "congestion", "MCL": "loss", "MGHG": "ghg"}
_VALUES = ("MW", "VALUE", "PRC")
RUNS = {"DAM": "DA", "RTM": "RT5", "RTD": "RT5", "RTPD": "FMM", "HASP": "HASP", "RUC": "RUC"}
_COMMON = {_START, _END, "OPR_DT", "OPR_HR", "OPR_INTERVAL", "MARKET_RUN_ID", "XML_DATA_ITEM", "POS", "GROUP", "LABEL"}
_PRICE_COLUMNS = frozenset(
    {
        *_COMMON,
        *_VALUES,
        "NODE",
        "NODE_ID",
        "NODE_ID_XML",
        "LMP_TYPE",
        "PNODE_RESMRID",
        "GRP_TYPE",
        "MARKET_RUN_ID_POS",
    }
)
_LOAD_COLUMNS = frozenset({*_COMMON, "LOAD_TYPE", "TAC_AREA_NAME", "MW", "EXECUTION_TYPE"})
_RENEWABLE_COLUMNS = frozenset({*_COMMON, "TRADING_HUB", "RENEWABLE_TYPE", "MARKET_RUN_ID_POS", "RENEW_POS", "MW"})
REPORTS = "the header of an OASIS PRC_LMP, PRC_RTPD_LMP, PRC_INTVL_LMP, SLD_FCST or SLD_REN_FCST, or of an outlook CSV"
_ACTUAL = "ACTUAL"
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class _Rows:
    """Usable rows of a sheet: UTC bounds (n,), row numbers of the file, and what was refused so far."""

    index: NDArray[np.int64]
    start: NDArray[np.datetime64]
    end: NDArray[np.datetime64]
    findings: tuple[Finding, ...]
    rejected: int


def parse(payload: bytes, *, name: str | None = None, not_after: datetime | None = None) -> Parsed:
    """Return the tables of a CAISO payload, recognised by content; raise PayloadError when it is none.

    An OASIS refusal is no error here: it comes back with its outcome and no tables.
    """
    sniffed = sniffing.sniff(payload)
    if sniffed.outcome is not Outcome.OK:
        raise PayloadError(
            outcome=sniffed.outcome,
            found=sniffed.detail,
            allowed="an OASIS zip, its CSV, or an outlook CSV",
            remedy=sniffed.remedy,
            retry_after_s=sniffed.retry_after_s,
        )
    found = archives.members(payload, name=name)
    if not found:
        raise sheets.unreadable(name or "payload", "an archive without files")
    parsed = [_member(member, name=name, not_after=not_after) for member in found]
    return parsed[0] if len(parsed) == 1 else frames.merge(parsed)


def _member(member: Member, *, name: str | None, not_after: datetime | None) -> Parsed:
    if sniffing.sniff(member.data).form is Form.XML:
        return refusals.read(member.data, pointer=member.name)
    names = sheets.header(member.data, pointer=member.name)
    if outlook.recognises(names):
        return outlook.parse(member, names=names, hint=name, not_after=not_after)
    for marker, reader in _READERS.items():
        if marker in names:
            return reader(member, names)
    raise sheets.unreadable(member.name, f"columns {', '.join(names)[:200]!r}", allowed=REPORTS)


def _prices(member: Member, names: tuple[str, ...]) -> Parsed:
    node = "NODE" if "NODE" in names else "NODE_ID"
    value = next((column for column in _VALUES if column in names), _VALUES[0])
    wanted = (_START, _END, node, "MARKET_RUN_ID", "LMP_TYPE", value)
    sheets.require(names, wanted, pointer=member.name, kind="an OASIS price report")
    sheet = sheets.read(member.data, names=names, text=wanted[:-1], numeric=(value,), pointer=member.name)
    rows = _usable(sheet, values=sheet.numbers(value), required=(node,), pointer=member.name)
    long = _Long.of(sheet, rows, node=node, value=value)
    unknown, long = long.without_unknown(sheet, rows, pointer=member.name)
    resolved = repeats.resolve(repeats.key_of(long.cell, long.part), long.values[:, None])
    conflicts = _conflicts(sheet, rows, long.at[resolved.conflicts], pointer=member.name)
    table, orphans = long.pivot(resolved)
    findings = (*sheet.findings, *rows.findings, *unknown, *conflicts)
    if orphans:
        findings += (
            Finding(
                member.name, f"{orphans} cells with parts but no LMP", "an LMP row per cell", "they were not stored"
            ),
        )
    return Parsed(
        kind="caiso.prices",
        source=datasets.CAISO_OASIS,
        tables={"markets.prices": table},
        findings=findings,
        notes=sheets.notes_on_extra(names, _PRICE_COLUMNS, pointer=member.name),
        duplicates=resolved.duplicates,
        rejected=sheet.rejected + rows.rejected + long.refused + resolved.conflicts.size + orphans,
    )


@dataclass(frozen=True, slots=True)
class _Long:
    """Price rows in long form: `cell` numbers (start, end, node, run), `part` the price part, `at` the usable row."""

    at: NDArray[np.int64]
    cell: NDArray[np.int64]
    part: NDArray[np.int64]
    values: NDArray[np.float64]
    runs: tuple[NDArray[np.int64], list[str]]
    nodes: tuple[NDArray[np.int64], list[str]]
    times: tuple[NDArray[np.datetime64], NDArray[np.datetime64]]
    refused: int

    @classmethod
    def of(cls, sheet: sheets.Sheet, rows: _Rows, *, node: str, value: str) -> _Long:
        """Return usable rows with their cells numbered; a part or run that is not known gets -1."""
        at = np.arange(rows.index.size, dtype=np.int64)
        starts, _ = sheet.codes(_START)
        ends, _ = sheet.codes(_END)
        nodes, node_names = sheet.codes(node)
        runs, run_names = sheet.codes("MARKET_RUN_ID")
        types, type_names = sheet.codes("LMP_TYPE")
        order = list(_PARTS)
        known = np.array([order.index(name) if name in _PARTS else -1 for name in type_names] + [-1])
        mapped = [RUNS.get(name or "", "") for name in run_names]
        run_known = np.array([bool(run) for run in mapped] + [False])
        whole = rows.index.size == sheet.table.num_rows
        index = slice(None) if whole else rows.index  # a copy of every column costs 10 ms per 300 000 rows
        part = np.where(run_known[runs[index]], known[types[index]], -1)
        return cls(
            at=at,
            cell=repeats.key_of(starts[index], ends[index], nodes[index], np.maximum(runs[index], 0)),
            part=part,
            values=sheet.numbers(value)[index],
            runs=(np.maximum(runs[index], 0), mapped),
            nodes=(nodes[index], [name or "" for name in node_names]),
            times=(rows.start, rows.end),
            refused=0,
        )

    def without_unknown(self, sheet: sheets.Sheet, rows: _Rows, *, pointer: str) -> tuple[tuple[Finding, ...], _Long]:
        """Return findings about rows whose LMP_TYPE or MARKET_RUN_ID is unknown, and the other rows."""
        bad = self.part < 0
        if not bad.any():
            return (), self
        finding = sheets.rows_finding(
            pointer,
            sheet.lines[rows.index[bad]].tolist(),
            "an unknown LMP_TYPE or MARKET_RUN_ID",
            f"LMP_TYPE {', '.join(_PARTS)}; MARKET_RUN_ID {', '.join(RUNS)}",
        )
        good = ~bad
        kept = replace(
            self,
            at=self.at[good],
            cell=self.cell[good],
            part=self.part[good],
            values=self.values[good],
            refused=int(bad.sum()),
        )
        return (finding,), kept

    def pivot(self, resolved: repeats.Resolved) -> tuple[pa.Table, int]:
        """Return one price row per whole cell, in order of first appearance, and how many cells are not whole.

        A cell is whole when it has an LMP and every other part that most cells of the file have: a part that was
        unreadable, contradicted or left out must not turn into a null that reads as "not published".
        """
        keep = resolved.keep
        _, first, inverse = np.unique(self.cell[keep], return_index=True, return_inverse=True)
        values = np.full((len(_PARTS), first.size), np.nan)
        values[self.part[keep], inverse] = self.values[keep]
        given = ~np.isnan(values)
        usual = given.mean(axis=1) > _MOST if first.size else np.zeros(len(_PARTS), dtype=bool)
        usual[0] = True
        whole = np.flatnonzero(given[usual].all(axis=0))
        whole = whole[np.argsort(first[whole], kind="stable")]
        at = self.at[keep[first[whole]]]
        (runs, run_names), (nodes, node_names) = self.runs, self.nodes
        table = frames.prices(
            market=MARKET,
            run=frames.texts(runs[at], run_names),
            location=frames.texts(nodes[at], frames.location_ids(MARKET, node_names)),
            interval=(self.times[0][at], self.times[1][at]),
            parts={part: values[position][whole] for position, part in enumerate(_PARTS.values())},
        )
        return table, int(first.size - whole.size)


def _usable(sheet: sheets.Sheet, *, values: NDArray[np.float64], required: tuple[str, ...], pointer: str) -> _Rows:
    """Return rows with readable instants, a finite value and all required texts, and findings about the others."""
    start_codes, start_texts = sheet.codes(_START)
    end_codes, end_texts = sheet.codes(_END)
    nat = np.array(["NaT"], dtype="datetime64[us]")
    start = np.r_[stamps.gmt(start_texts), nat][start_codes]
    end = np.r_[stamps.gmt(end_texts), nat][end_codes]
    timed = ~np.isnat(start) & ~np.isnat(end) & (end > start)
    named = np.ones(timed.shape, dtype=bool)
    for column in required:
        named &= sheet.codes(column)[0] >= 0
    valued = np.isfinite(values)
    findings = [
        sheets.rows_finding(pointer, sheet.lines[bad].tolist(), found, allowed)
        for bad, found, allowed in (
            (
                ~timed,
                f"no readable {_START}, {_END} with the start first",
                "GMT instants such as 2025-03-01T08:00:00-00:00",
            ),
            (timed & ~named, f"an empty {' or '.join(required)}", "a name"),
            (timed & named & ~valued, "no value", "a finite number"),
        )
        if bad.any()
    ]
    index = np.flatnonzero(timed & named & valued)
    return _Rows(index, start[index], end[index], tuple(findings), int(timed.size - index.size))


def _conflicts(sheet: sheets.Sheet, rows: _Rows, at: NDArray[np.int64], *, pointer: str) -> tuple[Finding, ...]:
    if not at.size:
        return ()
    found = "rows that contradict another row about the same key"
    return (sheets.rows_finding(pointer, sheet.lines[rows.index[at]].tolist(), found, "one value per key"),)


def _load(member: Member, names: tuple[str, ...]) -> Parsed:
    wanted = (_START, _END, "MARKET_RUN_ID", "TAC_AREA_NAME", "MW")
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
    wanted = (_START, _END, "MARKET_RUN_ID", "TRADING_HUB", "RENEWABLE_TYPE", "MW")
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
    rows = _usable(sheet, values=values, required=required, pointer=member.name)
    run_codes, run_names = _run_names(sheet)
    keys = [sheet.codes(_START)[0], sheet.codes(_END)[0], sheet.codes(report.area)[0], run_codes]
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
        findings=(*sheet.findings, *rows.findings, *_conflicts(sheet, rows, resolved.conflicts, pointer=member.name)),
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
    rows: _Rows,
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


_READERS: dict[str, Callable[[archives.Member, tuple[str, ...]], Parsed]] = {
    "LMP_TYPE": _prices,
    "RENEWABLE_TYPE": _renewables,
    "TAC_AREA_NAME": _load,
}
