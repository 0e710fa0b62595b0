"""MATPOWER and PGLib case files, version 2, read with every fault named at once.

Format: MATPOWER User's Manual, appendix B. A rating of 0 is none, and so is each angle limit of 0 or beyond +-360
degrees; a tap of 0 is 1; a bus of type 4 is isolated and what stands on it is out of service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import checking, matlab, network_reading
from powerdesk.grid.types import Branches, Buses, Generators, HvdcLines, Network, NetworkError
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from powerdesk.grid.matlab import Document, Matrix
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray

WIDTHS = {"bus": 13, "gen": 10, "branch": 11, "dcline": 17}
"""Columns that a row of each table must have; further ones are results or reactive data."""

UNREAD = frozenset({"areas", "genfuel", "gentype", "bus_name", "gen_name"})
"""Tables that say nothing about dispatch."""

POLYNOMIAL, PIECEWISE = 2, 1
FULL_TURN_DEG = 360.0
MOST_COST_NUMBERS = 10_000


def read(data: bytes, *, file: str) -> network_reading.Reading:
    """Return the network of a case file (plain or gzip); `file` is its name in findings.

    Raises NetworkError with all faults found, at most checking.MOST_FINDINGS. Linear in the size of the file.
    """
    text, broken = matlab.text_of(data, file=file)
    document = matlab.parse(text, file=file) if not broken else matlab.Document()
    document.findings += broken
    case = _Case(document, file)
    is_case = "baseMVA" in document.scalars or bool({"bus", "gen", "branch"} & set(document.matrices))
    if not broken and not is_case:
        document.findings[:] = [_no_case(document, file)]
    network = case.network() if is_case and not broken else None
    findings = list(document.findings)
    if network is not None:
        findings += checking.faults(network, locate=case.locate, sound=not findings)
    if findings or network is None:
        kept = checking.limited(findings)
        raise NetworkError(
            found=f"{len(findings)} fault(s) in {file}: {kept[0]}",
            allowed="a MATPOWER case, version 2, without faults",
            remedy="mend what the findings name",
            findings=kept,
        )
    return network_reading.Reading(network, tuple(case.notes))


def _no_case(document: Document, file: str) -> Finding:
    """Return the one fault of a file that holds nothing of a case, with what it holds instead."""
    tables = ", ".join(list(dict.fromkeys((*document.matrices, *document.words, *document.cells)))[:3])
    found = f"no case, but the table {tables}" if tables else "no case"
    if not tables and document.findings:
        found += f": {document.findings[0].found}"
    remedy = "give the case itself: a table of changes belongs to one" if tables else "give a case file"
    return Finding(file, found, "mpc.baseMVA, mpc.bus, mpc.gen and mpc.branch", remedy)


class _Case:
    """One file on its way to a network; faults go to the document's findings."""

    def __init__(self, document: Document, file: str) -> None:
        self.document = document
        self.file = file
        self.notes: list[Finding] = []

    def locate(self, table: str, at: int) -> str:
        matrix = self.document.matrices.get(table)
        return f"{self.file}:{matrix.line[at]}" if matrix and at < len(matrix.line) else self.file

    def fault(self, place: str, found: str, allowed: str, remedy: str) -> None:
        self.document.findings.append(Finding(place, found, allowed, remedy))

    def network(self) -> Network | None:
        """Return the network, or None when a fault leaves nothing to build it from."""
        base_mva = self._base_mva()
        tables = {name: self._table(name) for name in ("bus", "gen", "branch", "dcline")}
        bus, gen, branch = tables["bus"], tables["gen"], tables["branch"]
        if bus is None or gen is None or branch is None or base_mva is None:
            return None
        self._note_unread()
        number = self._whole(bus[:, 0], "bus", "bus number")
        ends = self._both_ends(branch, number, "branch")
        at_bus = self._ends(gen[:, 0], number, "gen")
        hvdc = self._hvdc(tables["dcline"], number)
        curves = self._costs(len(gen))
        if hvdc is None or curves is None:
            return None
        buses = self._buses(bus, number)
        return Network(
            name=self.document.function or self.file,
            base_mva=base_mva,
            buses=buses,
            branches=_branches(branch, ends[0], ends[1], number),
            generators=self._generators(gen, at_bus, number, curves),
            hvdc=hvdc,
        )

    def _base_mva(self) -> float | None:
        version, line = self.document.scalars.get("version", ("'2'", 0))
        if version.strip("'\"") != "2":
            self.fault(f"{self.file}:{line}", f"version {version}", "'2'", "save the case by MATPOWER's savecase")
        text, line = self.document.scalars.get("baseMVA", ("", 0))
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if np.isfinite(value) and value > 0.0:
            return value
        place = f"{self.file}:{line}" if line else self.file
        self.fault(place, f"baseMVA {text or 'missing'}", "a number above 0", "add mpc.baseMVA = 100;")
        return None

    def _table(self, name: str) -> FloatArray | None:
        matrix = self.document.matrices.get(name)
        if name == "dcline" and (matrix is None or not matrix.rows):
            return np.empty((0, WIDTHS[name]))
        if matrix is None or not matrix.rows:
            place = f"{self.file}:{matrix.at_line}" if matrix else self.file
            self.fault(place, f"no rows in mpc.{name}", "one or more", f"add the table mpc.{name}")
            return None
        self._check_widths(name, matrix, WIDTHS[name])
        width = max(WIDTHS[name], 13 if name == "branch" else 0)
        values = matrix.array(width=width)
        if name == "branch":
            values[:, 11:] = np.nan_to_num(values[:, 11:], nan=0.0)  # old files have no angle limits
        return values

    def _check_widths(self, name: str, matrix: Matrix, width: int) -> None:
        for at, row in enumerate(matrix.rows):
            if len(row) < width:
                where = f"{self.file}:{matrix.line[at]}"
                self.fault(where, f"{len(row)} columns in mpc.{name}", f"{width} or more", "complete the row")

    def _note_unread(self) -> None:
        known = {*WIDTHS, *UNREAD, "gencost"}
        for name, matrix in self.document.matrices.items():
            if name not in known:
                place = f"{self.file}:{matrix.at_line}"
                self.notes.append(Finding(place, f"the table mpc.{name}", "not used", "nothing to do"))

    def _whole(self, values: FloatArray, table: str, what: str) -> IntArray:
        bad = ~(np.isfinite(values) & (values == np.round(values)) & (values >= 1.0) & (values < 2.0**53))
        for at in np.flatnonzero(bad).tolist():
            self.fault(self.locate(table, at), f"{what} {values[at]:g}", "a whole number from 1", "number the bus")
        return np.where(bad, 0, values).astype(np.int64)

    def _ends(self, values: FloatArray, number: IntArray, table: str) -> IntArray:
        """Return positions of the buses named, with a fault for each that is not there."""
        order = np.argsort(number, kind="stable")
        at = np.clip(np.searchsorted(number[order], values), 0, number.size - 1)
        position = order[at]
        for row in np.flatnonzero(number[position] != values).tolist():
            place = self.locate(table, row)
            self.fault(place, f"bus {values[row]:g}", "a bus of mpc.bus", "correct the number or add the bus")
        return position.astype(np.int64)

    def _both_ends(self, table: FloatArray, number: IntArray, name: str) -> tuple[IntArray, IntArray]:
        """Return both ends' positions; a row with an unknown end gets two others, so that it shows no second fault."""
        from_bus, to_bus = (self._ends(table[:, column], number, name) for column in (0, 1))
        unknown = (number[from_bus] != table[:, 0]) | (number[to_bus] != table[:, 1])
        return from_bus, np.where(unknown, (from_bus + 1) % number.size, to_bus)

    def _buses(self, bus: FloatArray, number: IntArray) -> Buses:
        cells = self.document.cells.get("bus_name", ())
        named = len(cells) == len(bus)
        label = tuple(row[0].strip() for row in cells) if named else tuple(map(str, number.tolist()))
        return Buses(
            number=number,
            name=label,
            kind=_integers(bus[:, 1]),
            load_mw=bus[:, 2].copy(),
            shunt_mw=bus[:, 4].copy(),
            area=_integers(bus[:, 6]),
            zone=_integers(bus[:, 10]),
            base_kv=bus[:, 9].copy(),
        )

    def _generators(
        self, gen: FloatArray, bus: IntArray, number: IntArray, curves: network_reading.Costs
    ) -> Generators:
        cells = self.document.cells.get("gen_name", ())
        if len(cells) == len(gen):
            names = network_reading.numbered([row[0].strip() for row in cells])
        else:
            names = network_reading.numbered([f"gen {one}" for one in number[bus].tolist()])
        return Generators(
            name=names,
            bus=bus,
            min_mw=gen[:, 9].copy(),
            max_mw=gen[:, 8].copy(),
            in_service=gen[:, 7] > 0.0,
            constant_usd_per_h=curves.polynomial[:, 0].copy(),
            linear_usd_per_mwh=curves.polynomial[:, 1].copy(),
            quadratic_usd_per_mw2h=curves.polynomial[:, 2].copy(),
            curve_start=curves.start,
            curve_mw=curves.power,
            curve_usd_per_h=curves.cost,
        )

    def _hvdc(self, table: FloatArray | None, number: IntArray) -> HvdcLines | None:
        if table is None:
            return None
        ends = self._both_ends(table, number, "dcline")
        pairs = zip(number[ends[0]].tolist(), number[ends[1]].tolist(), strict=True)
        return HvdcLines(
            name=network_reading.numbered([f"dc {one}-{other}" for one, other in pairs]),
            from_bus=ends[0],
            to_bus=ends[1],
            min_mw=table[:, 9].copy(),
            max_mw=table[:, 10].copy(),
            loss_mw=table[:, 15].copy(),
            loss_share=table[:, 16].copy(),
            in_service=table[:, 2] > 0.0,
        )

    def _costs(self, n_gen: int) -> network_reading.Costs | None:
        matrix = self.document.matrices.get("gencost")
        if matrix is None:
            self.notes.append(Finding(self.file, "no mpc.gencost", "costs", "every generator is taken to cost nothing"))
            return network_reading.Costs.of(np.zeros((n_gen, 3)), [((), ())] * n_gen)
        if len(matrix.rows) not in {n_gen, 2 * n_gen}:
            place = f"{self.file}:{matrix.at_line}"
            found = f"{len(matrix.rows)} rows in mpc.gencost"
            self.fault(place, found, f"{n_gen}, one for each generator", "add or delete rows")
            return None
        polynomial = np.zeros((n_gen, 3))
        points: list[tuple[Sequence[float], Sequence[float]]] = []
        for at, row in enumerate(matrix.rows[:n_gen]):
            fault, held = _cost_row(row)
            points.append(((), ()))
            if fault:
                self.fault(f"{self.file}:{matrix.line[at]}", *fault)
            elif row[0] == POLYNOMIAL:
                polynomial[at, : min(len(held), 3)] = held[::-1][:3]
            else:
                points[at] = held[0::2], held[1::2]
        return network_reading.Costs.of(polynomial, points)


def _cost_row(row: tuple[float, ...]) -> tuple[tuple[str, str, str] | None, tuple[float, ...]]:
    """Return the fault of a gencost row, if any, and its coefficients or points."""
    if len(row) < 4 or row[0] not in {PIECEWISE, POLYNOMIAL}:  # noqa: PLR2004 - model, two costs, count
        return (f"cost model {row[0]:g} in {len(row)} columns", "1 or 2 and its numbers", "write the row anew"), ()
    count = row[3]
    if not (0.0 <= count <= MOST_COST_NUMBERS and count == int(count)):
        return (f"{count:g} cost numbers", "a whole number", "correct the count"), ()
    need = int(count) * (2 if row[0] == PIECEWISE else 1)
    held = row[4 : 4 + need]
    if len(held) < need:
        return (f"{len(held)} cost numbers", f"{need}, as the row says", "complete the row"), ()
    if row[0] == POLYNOMIAL and any(one != 0.0 for one in held[:-3]):
        return ("a cost of degree 3 or more", "degree 2 at most", "give a piecewise linear cost"), ()
    return None, held


def _integers(values: FloatArray) -> IntArray:
    """Return labels as integers; what is none becomes 0, which no bus type is."""
    sound = np.isfinite(values) & (np.abs(values) < 2.0**53) & (values == np.round(values))
    return np.where(sound, values, 0.0).astype(np.int64)


def _branches(branch: FloatArray, from_bus: IntArray, to_bus: IntArray, number: IntArray) -> Branches:
    pairs = zip(number[from_bus].tolist(), number[to_bus].tolist(), strict=True)
    return Branches(
        name=network_reading.numbered([f"{one}-{other}" for one, other in pairs]),
        from_bus=from_bus,
        to_bus=to_bus,
        resistance_pu=branch[:, 2].copy(),
        reactance_pu=branch[:, 3].copy(),
        tap=np.where(branch[:, 8] == 0.0, 1.0, branch[:, 8]),
        shift_deg=branch[:, 9].copy(),
        rating_mw=_unlimited_at_zero(branch[:, 5]),
        emergency_rating_mw=_unlimited_at_zero(branch[:, 7]),
        angle_min_deg=np.where(_none_angle(branch[:, 11]), -np.inf, branch[:, 11]),
        angle_max_deg=np.where(_none_angle(branch[:, 12]), np.inf, branch[:, 12]),
        in_service=branch[:, 10] > 0.0,
    )


def _unlimited_at_zero(rating: FloatArray) -> FloatArray:
    return np.where(rating == 0.0, np.inf, rating)


def _none_angle(angle: FloatArray) -> BoolArray:
    return np.asarray((angle == 0.0) | (np.abs(angle) >= FULL_TURN_DEG))
