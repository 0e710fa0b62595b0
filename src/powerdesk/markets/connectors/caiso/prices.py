"""OASIS price reports: long form, one row per part of a price, to one row per price. Pure.

The value column is called MW, VALUE or PRC by report. A report about all nodes comes as an archive with one file per
part, so such files are read together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.markets import datasets, frames, repeats, sheets
from powerdesk.markets.connectors.caiso import rows as rows_of
from powerdesk.markets.types import Parsed

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    from powerdesk.kernel.problem import Finding
    from powerdesk.markets.archives import Member
    from powerdesk.markets.connectors.caiso.rows import Rows

MARKET = "CAISO"
MARKER = "LMP_TYPE"
RUNS = {"DAM": "DA", "RTM": "RT5", "RTD": "RT5", "RTPD": "FMM", "HASP": "HASP", "RUC": "RUC"}
_PARTS = {"LMP": "price", "MCE": "energy", "MCC": "congestion", "MCL": "loss", "MGHG": "ghg"}
_VALUES = ("MW", "VALUE", "PRC")
_COLUMNS = rows_of.COMMON | {
    *_VALUES,
    "NODE",
    "NODE_ID",
    "NODE_ID_XML",
    MARKER,
    "PNODE_RESMRID",
    "GRP_TYPE",
    "MARKET_RUN_ID_POS",
}
_MOST = 0.5


def parse(members: Iterable[tuple[Member, tuple[str, ...]]]) -> list[Parsed]:
    """Return the prices of files with their headers; files of one part each and the same columns make one table."""
    together: dict[Hashable, list[sheets.Sheet]] = {}
    names_of: dict[Hashable, tuple[str, ...]] = {}
    for number, (member, names) in enumerate(members):
        sheet = _sheet(member, names)
        group: Hashable = names if len(sheet.codes(MARKER)[1]) == 1 else number
        together.setdefault(group, []).append(sheet)
        names_of[group] = names
    return [_prices(sheets.joined(several), names_of[group]) for group, several in together.items()]


def _columns(names: tuple[str, ...]) -> tuple[str, str]:
    """Return the columns of node and value."""
    node = "NODE" if "NODE" in names else "NODE_ID"
    return node, next((column for column in _VALUES if column in names), _VALUES[0])


def _sheet(member: Member, names: tuple[str, ...]) -> sheets.Sheet:
    node, value = _columns(names)
    text = (rows_of.START, rows_of.END, node, "MARKET_RUN_ID", MARKER)
    sheets.require(names, (*text, value), pointer=member.name, kind="an OASIS price report")
    return sheets.read(member.data, names=names, text=text, numeric=(value,), pointer=member.name)


def _prices(sheet: sheets.Sheet, names: tuple[str, ...]) -> Parsed:
    node, value = _columns(names)
    rows = rows_of.usable(sheet, values=sheet.numbers(value), required=(node,))
    long = _Long.of(sheet, rows, node=node, value=value)
    unknown, long = long.without_unknown(sheet, rows)
    resolved = repeats.resolve(repeats.key_of(long.cell, long.part), long.values[:, None])
    table, torn = long.pivot(resolved)
    incomplete = sheet.faults(
        rows.index[torn.at],
        f"the first of a price that lacks one of {', '.join(torn.parts)}",
        "every part of a price once",
        "these prices were not stored; import the archive that has all of their parts",
    )
    return Parsed(
        kind="caiso.prices",
        source=datasets.CAISO_OASIS,
        tables={"markets.prices": table},
        findings=(
            *sheet.findings,
            *rows.findings,
            *unknown,
            *rows_of.conflicts(sheet, rows, long.at[resolved.conflicts]),
            *incomplete,
        ),
        notes=sheets.notes_on_extra(names, _COLUMNS, pointer=sheet.files[0][0]),
        duplicates=resolved.duplicates,
        rejected=sheet.rejected + rows.rejected + long.refused + resolved.conflicts.size + torn.at.size,
    )


@dataclass(frozen=True, slots=True)
class _Torn:
    """Prices that lack a part: the first usable row of each (ascending), and the parts that each must have."""

    at: NDArray[np.int64]
    parts: tuple[str, ...]


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
    def of(cls, sheet: sheets.Sheet, rows: Rows, *, node: str, value: str) -> _Long:
        """Return usable rows with their cells numbered; a part or run that is not known gets -1."""
        at = np.arange(rows.index.size, dtype=np.int64)
        starts, _ = sheet.codes(rows_of.START)
        ends, _ = sheet.codes(rows_of.END)
        nodes, node_names = sheet.codes(node)
        runs, run_names = sheet.codes("MARKET_RUN_ID")
        types, type_names = sheet.codes(MARKER)
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

    def without_unknown(self, sheet: sheets.Sheet, rows: Rows) -> tuple[tuple[Finding, ...], _Long]:
        """Return findings about rows whose LMP_TYPE or MARKET_RUN_ID is unknown, and the other rows."""
        bad = self.part < 0
        if not bad.any():
            return (), self
        findings = sheet.faults(
            rows.index[bad],
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
        return findings, kept

    def pivot(self, resolved: repeats.Resolved) -> tuple[pa.Table, _Torn]:
        """Return one price row per whole cell, in order of first appearance, and the cells that are not whole.

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
        complete = given[usual].all(axis=0)
        whole = np.flatnonzero(complete)
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
        parts = tuple(name for name, must in zip(_PARTS, usual, strict=True) if must)
        return table, _Torn(np.sort(self.at[keep[first[~complete]]]), parts)
