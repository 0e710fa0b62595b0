"""MATPOWER's change tables: `contab_*` files as outages, `scenarios_*` files as loads of areas.

Format: MATPOWER User's Manual, `apply_changes`: a row is label, probability, table, row, column, kind of change, new
value; rows of one label belong together. Read are outages of branches and generators, and real load of areas set or
scaled, shared among an area's buses as the case shares it. Any other change is a fault.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import fields, matlab
from powerdesk.grid.contingencies import Contingency
from powerdesk.grid.types import NetworkError
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray, Network

WIDTH = 7
LARGEST_NUMBER = 2.0**53
SCALE, REPLACE = "CT_REL", "CT_REP"
OUTAGES = {("CT_TBRCH", "BR_STATUS"): "branch", ("CT_TGEN", "GEN_STATUS"): "generator"}
LOAD = ("CT_TAREALOAD", "CT_LOAD_ALL_P")
READ = "CT_TBRCH BR_STATUS, CT_TGEN GEN_STATUS set to 0, or CT_TAREALOAD CT_LOAD_ALL_P"


class Grouping(StrEnum):
    """Which numbers of buses a table's areas are."""

    AREA = "area"
    ZONE = "zone"
    """As `scenarios_ACTIVSg200` wants it: its comment has the case's two columns swapped."""

    def of(self, network: Network) -> IntArray:
        """Return the group of each bus (n_bus,)."""
        return network.buses.area if self is Grouping.AREA else network.buses.zone


@dataclass(frozen=True, slots=True)
class Outage:
    """What goes out together: positions in Branches and in Generators, and the probability the table gives."""

    name: str
    probability: float
    branches: tuple[int, ...]
    generators: tuple[int, ...]

    def contingency(self) -> Contingency:
        """Return the outage for `grid.contingencies`; raises NetworkError when generators are in it."""
        if self.generators:
            raise NetworkError(
                found=f"outage {self.name} of {len(self.generators)} generator(s)",
                allowed="branches only",
                remedy="clear the network without the generators",
            )
        return Contingency(self.name, self.branches)


@dataclass(frozen=True, eq=False, slots=True)
class AreaLoads:
    """Loads of areas by scenario: `factor` (n, n_area) times the case's load, for `area` (n_area,); 1 keeps it.

    Load at isolated buses is no part of an area's.
    """

    by: Grouping
    label: tuple[str, ...]
    probability: FloatArray
    area: IntArray
    factor: FloatArray

    def load_mw(self, network: Network, *, scenario: int) -> FloatArray:
        """Return the load of each bus (n_bus,) in the scenario at this position."""
        by_area = dict(zip(self.area.tolist(), self.factor[scenario].tolist(), strict=True))
        factor = np.array([by_area.get(one, 1.0) for one in self.by.of(network).tolist()])
        load: FloatArray = network.buses.load_mw * factor
        return load


@dataclass(frozen=True, slots=True)
class _Row:
    """One change; `number` is the row of the case's table, from 1, or the area."""

    place: str
    label: str
    probability: float
    what: tuple[str, str]
    number: int
    kind: str
    value: float


def outages(data: bytes, *, file: str, network: Network) -> tuple[Outage, ...]:
    """Return the outages of a `contab_*` file (plain or gzip) in the order of their labels' first rows.

    `network` is the case it is for. Raises NetworkError with all faults found.
    """
    findings: list[Finding] = []
    sizes = {"branch": len(network.branches), "generator": len(network.generators)}
    held: dict[str, tuple[float, dict[str, list[int]]]] = {}
    for row in _rows(data, file, findings):
        table = OUTAGES.get(row.what)
        if table is None or row.kind != REPLACE or row.value != 0.0:
            found = f"{' '.join(row.what)} {row.kind} {row.value:g}"
            findings.append(
                Finding(row.place, found[:80], "an outage: BR_STATUS or GEN_STATUS set to 0", "delete the row")
            )
        elif not 1 <= row.number <= sizes[table]:
            found = f"{table} {row.number}"
            findings.append(Finding(row.place, found, f"1 to {sizes[table]}", "use the case this table is for"))
        else:
            _, out = held.setdefault(row.label, (row.probability, {"branch": [], "generator": []}))
            out[table].append(row.number - 1)
    fields.refuse(findings, file=file)
    return tuple(
        Outage(label, probability, tuple(out["branch"]), tuple(out["generator"]))
        for label, (probability, out) in held.items()
    )


def area_loads(data: bytes, *, file: str, network: Network, by: Grouping = Grouping.AREA) -> AreaLoads:
    """Return the scenarios of a `scenarios_*` file (plain or gzip) in the order of their labels' first rows.

    `network` is the case it is for. Raises NetworkError with all faults found.
    """
    findings: list[Finding] = []
    group = by.of(network)
    areas = sorted(set(group.tolist()))
    load = {one: float(network.buses.load_mw[(group == one) & network.live].sum()) for one in areas}
    held: dict[str, tuple[float, dict[int, float]]] = {}
    for row in _rows(data, file, findings):
        if row.what != LOAD or row.kind not in {SCALE, REPLACE}:
            found = f"{' '.join(row.what)} {row.kind}"
            findings.append(Finding(row.place, found[:80], f"{' '.join(LOAD)} {REPLACE} or {SCALE}", "delete the row"))
        elif load.get(row.number, 0.0) <= 0.0:
            found = f"{by} {row.number} without load"
            findings.append(
                Finding(row.place, found, "an area of the case with load", "use the case this table is for")
            )
        else:
            factor = row.value / load[row.number] if row.kind == REPLACE else row.value
            held.setdefault(row.label, (row.probability, {}))[1][row.number] = factor
    fields.refuse(findings, file=file)
    return AreaLoads(
        by=by,
        label=tuple(held),
        probability=np.array([probability for probability, _ in held.values()]),
        area=np.array(areas, dtype=np.int64),
        factor=np.array([[one.get(area, 1.0) for area in areas] for _, one in held.values()]),
    )


def _rows(data: bytes, file: str, findings: list[Finding]) -> list[_Row]:
    """Return the sound rows of a file's one table; faults go to `findings`."""
    text, broken = matlab.text_of(data, file=file)
    document = matlab.parse(text, file=file)
    findings.extend([*broken, *([] if broken else document.findings)])
    tables = [rows for rows in document.words.values() if len(rows[0][1]) > 1]
    if len(tables) != 1:
        found = f"{len(tables)} tables of named columns"
        findings.append(Finding(file, found, "one change table", f"write changes by name: {READ}"))
        return []
    rows = [_row(f"{file}:{line}", tokens, findings) for line, tokens in tables[0]]
    return [one for one in rows if one is not None]


def _row(place: str, tokens: tuple[str, ...], findings: list[Finding]) -> _Row | None:
    if len(tokens) != WIDTH:
        findings.append(Finding(place, f"{len(tokens)} columns", f"{WIDTH}", "complete the row"))
        return None
    try:
        probability, number, value = (float(tokens[at]) for at in (1, 3, 6))
    except ValueError:
        probability = number = value = float("nan")
    sound = np.isfinite([probability, number, value]).all() and number == int(number) and abs(number) < LARGEST_NUMBER
    if not sound:
        findings.append(Finding(place, " ".join(tokens)[:80], "numbers for probability, row and value", "mend the row"))
        return None
    return _Row(place, tokens[0], probability, (tokens[2], tokens[4]), int(number), tokens[5], value)
