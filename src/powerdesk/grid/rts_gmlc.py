"""The RTS-GMLC folder of CSV tables: its network, and its time series as demand and limits by interval.

Format: GridMod/RTS-GMLC, `RTS_Data/SourceData`. Costs are fuel price times heat: `HR_avg_0` up to the first
`Output_pct`, `HR_incr_k` from there on (0: the average holds, as in
its case file), in BTU/kWh, and `VOM` per MWh. A direct-current line runs both ways up to
`MW Load`. Files come as bytes by name, so that reading them is the caller's.
"""

from __future__ import annotations

import contextlib
import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import checking, fields, matlab, network_reading
from powerdesk.grid.types import ISOLATED_TYPE, REFERENCE_TYPE, Branches, Buses, Generators, HvdcLines, Network
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from powerdesk.grid.types import FloatArray, IntArray

BASE_MVA = 100.0
"""The tables do not say it; RTS-GMLC's own case file does."""

KINDS = {"PQ": 1, "PV": 2, "Ref": REFERENCE_TYPE, "None": ISOLATED_TYPE}
TABLES = {"bus": "bus.csv", "branch": "branch.csv", "gen": "gen.csv", "dcline": "dc_branch.csv"}
OPTIONAL = frozenset({"dcline"})
STEPS = 5
BTU_PER_KWH_TO_MMBTU_PER_MWH = 1e-3
STORAGE = "STORAGE"
SILENT = frozenset({"storage.csv"})
ABSENT = frozenset({"", "NA"})


def read(files: Mapping[str, bytes], *, folder: str) -> network_reading.Reading:
    """Return the network of the tables by file name (plain or gzip); `folder` is their place in findings.

    Every unit is taken to run but storage, whose energy is no matter of one interval. Raises NetworkError with all
    faults found.
    """
    case = _Case(files, folder)
    fields.refuse(case.findings, file=folder)
    network = case.network()
    case.findings.extend(checking.faults(network, locate=case.locate, sound=not case.findings))
    fields.refuse(case.findings, file=folder)
    notes = [Finding(f"{folder}/{one}", "a table", "not used", "nothing to do") for one in sorted(SILENT & set(files))]
    return network_reading.Reading(network, tuple(notes))


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """Rows of a CSV file by column, each with its line from 1; faults go to `findings`."""

    file: str
    rows: tuple[dict[str, str], ...]
    line: tuple[int, ...]
    findings: list[Finding]

    @staticmethod
    def of(data: bytes, *, file: str, findings: list[Finding]) -> Table:
        """Return the table of a file, plain or gzip, with a line of names first."""
        text, broken = matlab.text_of(data, file=file)
        findings.extend(broken)
        reader = csv.reader(text.replace("\0", "").splitlines())
        rows: list[dict[str, str]] = []
        lines: list[int] = []
        try:
            names = [one.strip().removeprefix("\ufeff") for one in next(reader, [])]
            for row in reader:
                if len(row) == len(names):
                    rows.append(dict(zip(names, map(str.strip, row), strict=True)))
                    lines.append(reader.line_num)
                elif row:
                    found = f"{len(row)} columns"
                    findings.append(Finding(f"{file}:{reader.line_num}", found, f"{len(names)}", "complete the row"))
        except csv.Error as error:
            findings.append(Finding(f"{file}:{reader.line_num}", str(error), "a CSV row", "write the row anew"))
        return Table(file, tuple(rows), tuple(lines), findings)

    def fault(self, at: int, found: str, allowed: str, remedy: str) -> None:
        """Note a fault of one row."""
        self.findings.append(Finding(f"{self.file}:{self.line[at]}", found, allowed, remedy))

    def words(self, name: str) -> list[str]:
        """Return a column as words; one fault and empty words when it is not there."""
        if self.rows and name not in self.rows[0]:
            self.findings.append(Finding(self.file, f"no column {name!r}", "the column", "add it to the first line"))
        return [row.get(name, "") for row in self.rows]

    def numbers(self, name: str, default: float | None = None) -> FloatArray:
        """Return a column as finite numbers (n_row,); NaN and a fault for what is none; `default` where absent."""
        words = self.words(name) if default is None else [row.get(name, "") for row in self.rows]
        out = np.full(len(words), np.nan)
        for at, word in enumerate(words):
            with contextlib.suppress(ValueError):
                out[at] = default if default is not None and word in ABSENT else float(word)
            if not np.isfinite(out[at]):
                self.fault(at, f"{name} {word[:40]!r}", "a finite number", "give the number")
        return out


class _Case:
    """The tables on their way to a network."""

    def __init__(self, files: Mapping[str, bytes], folder: str) -> None:
        self.folder = folder
        self.findings: list[Finding] = []
        self.tables: dict[str, Table] = {}
        for table, name in TABLES.items():
            if name not in files and table not in OPTIONAL:
                self.findings.append(Finding(f"{folder}/{name}", "nothing", "the table", "add the file"))
            self.tables[table] = Table.of(files.get(name, b""), file=f"{folder}/{name}", findings=self.findings)
        if not self.findings and not self.tables["bus"].rows:
            self.findings.append(Finding(f"{folder}/bus.csv", "no rows", "one bus or more", "add the buses"))

    def locate(self, table: str, at: int) -> str:
        held = self.tables["gen" if table == "gencost" else table]
        return f"{held.file}:{held.line[at]}"

    def network(self) -> Network:
        words = self.tables["bus"].words("Bus ID")
        position = {word: at for at, word in enumerate(words)}
        return Network(
            name=self.folder,
            base_mva=BASE_MVA,
            buses=self._buses(words),
            branches=self._branches(position),
            generators=self._generators(position),
            hvdc=self._hvdc(position),
        )

    def _at(self, table: str, name: str, position: dict[str, int]) -> IntArray:
        """Return positions of the buses that a column names, with a fault for each that is not there."""
        held = self.tables[table]
        words = held.words(name)
        for at, word in enumerate(words):
            if word not in position:
                held.fault(at, f"{name} {word[:40]!r}", "a Bus ID of bus.csv", "correct the number or add the bus")
        return np.array([position.get(word, 0) for word in words], dtype=np.int64)

    def _buses(self, words: list[str]) -> Buses:
        table = self.tables["bus"]
        kinds = table.words("Bus Type")
        for at, (word, kind) in enumerate(zip(words, kinds, strict=True)):
            if not (word.isascii() and word.isdigit() and 0 < len(word) <= 15 and int(word) > 0):  # noqa: PLR2004 - below 2^53
                table.fault(at, f"Bus ID {word[:40]!r}", "a whole number from 1", "number the bus")
            if kind not in KINDS:
                table.fault(at, f"Bus Type {kind[:40]!r}", ", ".join(KINDS), "give the type of the bus")
        sound = [int(word) if word.isascii() and word[:15].isdigit() else 0 for word in (one[:15] for one in words)]
        return Buses(
            number=np.array(sound, dtype=np.int64),
            name=tuple(table.words("Bus Name")),
            kind=np.array([KINDS.get(kind, 1) for kind in kinds], dtype=np.int64),
            load_mw=table.numbers("MW Load"),
            shunt_mw=table.numbers("MW Shunt G", 0.0),
            area=_labels(table.numbers("Area", 0.0)),
            zone=_labels(table.numbers("Zone", 0.0)),
            base_kv=table.numbers("BaseKV", 0.0),
        )

    def _branches(self, position: dict[str, int]) -> Branches:
        table = self.tables["branch"]
        tap = table.numbers("Tr Ratio", 0.0)
        unlimited = np.full(len(table.rows), np.inf)
        return Branches(
            name=network_reading.numbered(table.words("UID")),
            from_bus=self._at("branch", "From Bus", position),
            to_bus=self._at("branch", "To Bus", position),
            resistance_pu=table.numbers("R"),
            reactance_pu=table.numbers("X"),
            tap=np.where(tap == 0.0, 1.0, tap),
            shift_deg=np.zeros(len(table.rows)),
            rating_mw=_unlimited_at_zero(table.numbers("Cont Rating", 0.0)),
            emergency_rating_mw=_unlimited_at_zero(table.numbers("STE Rating", 0.0)),
            angle_min_deg=-unlimited,
            angle_max_deg=unlimited,
            in_service=np.ones(len(table.rows), dtype=bool),
        )

    def _generators(self, position: dict[str, int]) -> Generators:
        table = self.tables["gen"]
        low, high = table.numbers("PMin MW"), table.numbers("PMax MW")
        polynomial, points = _costs(table, high)
        costs = network_reading.Costs.of(polynomial, points)
        return Generators(
            name=network_reading.numbered(table.words("GEN UID")),
            bus=self._at("gen", "Bus ID", position),
            min_mw=low,
            max_mw=high,
            in_service=np.array([one != STORAGE for one in table.words("Unit Type")], dtype=bool),
            constant_usd_per_h=costs.polynomial[:, 0].copy(),
            linear_usd_per_mwh=costs.polynomial[:, 1].copy(),
            quadratic_usd_per_mw2h=costs.polynomial[:, 2].copy(),
            curve_start=costs.start,
            curve_mw=costs.power,
            curve_usd_per_h=costs.cost,
        )

    def _hvdc(self, position: dict[str, int]) -> HvdcLines:
        table = self.tables["dcline"]
        rating = table.numbers("MW Load")
        return HvdcLines(
            name=network_reading.numbered(table.words("UID")),
            from_bus=self._at("dcline", "From Bus", position),
            to_bus=self._at("dcline", "To Bus", position),
            min_mw=-rating,
            max_mw=rating,
            loss_mw=np.zeros(len(table.rows)),
            loss_share=np.zeros(len(table.rows)),
            in_service=np.ones(len(table.rows), dtype=bool),
        )


def _costs(table: Table, high: FloatArray) -> tuple[FloatArray, list[tuple[Sequence[float], Sequence[float]]]]:
    """Return linear costs (n_gen, 3), and the points of units whose heat rises by steps."""
    fuel = table.numbers("Fuel Price $/MMBTU", 0.0) * BTU_PER_KWH_TO_MMBTU_PER_MWH
    vom = table.numbers("VOM", 0.0)
    share = np.column_stack([table.numbers(f"Output_pct_{step}", 0.0) for step in range(STEPS)])
    rate = np.column_stack(
        [table.numbers("HR_avg_0", 0.0), *(table.numbers(f"HR_incr_{step}", 0.0) for step in range(1, STEPS))]
    )
    polynomial = np.zeros((len(table.rows), 3))
    points: list[tuple[Sequence[float], Sequence[float]]] = []
    for at in range(len(table.rows)):
        used = 1 + int(np.argmin(np.append(np.diff(share[at]) > 0.0, False)))
        power = share[at, :used] * high[at]
        steps = np.where(rate[at, 1:used] == 0.0, rate[at, 0], rate[at, 1:used])
        heat = np.cumsum(np.append(rate[at, 0] * power[0], steps * np.diff(power)))
        cost = heat * fuel[at] + vom[at] * power
        if used == 1 or fuel[at] == 0.0 or high[at] <= 0.0:
            polynomial[at, 1] = rate[at, 0] * fuel[at] + vom[at]
            points.append(((), ()))
        else:
            points.append((power.tolist(), cost.tolist()))
    return polynomial, points


def _labels(values: FloatArray) -> IntArray:
    return np.where(np.isfinite(values) & (np.abs(values) < 2.0**53), values, 0.0).astype(np.int64)


def _unlimited_at_zero(rating: FloatArray) -> FloatArray:
    return np.where(rating == 0.0, np.inf, rating)
