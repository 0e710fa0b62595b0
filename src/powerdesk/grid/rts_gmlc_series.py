"""Time series of the RTS-GMLC folder: demand by bus, limits by generator and reserve requirements by interval.

An area's load is shared among its buses as `MW Load` of `bus.csv` is. Files are CSV as published, or Parquet of the
same columns, named by their stems; a file has a row for each interval, or one for each day with a column for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from powerdesk.grid import fields
from powerdesk.grid.rts_gmlc import Table
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from powerdesk.grid.types import FloatArray, IntArray, Network

HOURS = {"DAY_AHEAD": 1.0, "REAL_TIME": 1.0 / 12.0}
"""Length of an interval by simulation."""

LABEL = ("Year", "Month", "Day", "Period")
LARGEST_LABEL = 1e6
NEEDED = {("Area", "MW Load"), ("Generator", "PMax MW"), ("Generator", "PMin MW"), ("Reserve", "Requirement")}


@dataclass(frozen=True, eq=False, slots=True)
class Scenarios:
    """A run of intervals: labels (n, 4) are year, month, day and period from 1, in the folder's own local time.

    `load_mw` is (n, n_bus), `min_mw` and `max_mw` are (n, n_gen), requirements are (n,) by reserve product.
    """

    hours: float
    label: IntArray
    load_mw: FloatArray
    min_mw: FloatArray
    max_mw: FloatArray
    requirement_mw: dict[str, FloatArray]


def read(
    network: Network, pointers: bytes, files: Mapping[str, bytes], *, simulation: str, first: int, count: int
) -> Scenarios:
    """Return `count` intervals from `first` (0 is the first of the files) of a simulation in HOURS.

    `pointers` is `timeseries_pointers.csv`, `files` the series by stem. Raises NetworkError with all faults found.
    """
    case = _Case(network, files, first, count)
    if simulation not in HOURS or first < 0 or count < 1:
        found = f"{simulation} from {first}, {count} intervals"
        case.fault("series", found, f"one of {', '.join(HOURS)}, from 0, 1 or more", "correct the question")
    fields.refuse(case.findings, file="series")
    table = Table.of(pointers, file="timeseries_pointers.csv", findings=case.findings)
    columns = [table.words(name) for name in ("Simulation", "Category", "Object", "Parameter", "Data File")]
    for at, (asked, category, element, parameter, path) in enumerate(zip(*columns, strict=True)):
        if asked == simulation and (category, parameter) in NEEDED:
            case.take(f"{table.file}:{table.line[at]}", category, element, parameter, PurePosixPath(path).stem)
    if case.label is None:
        case.fault(table.file, f"no series of {simulation}", "one or more", "add the pointers")
    fields.refuse(case.findings, file="series")
    return case.scenarios(HOURS[simulation])


class _Case:
    """Series on their way to scenarios."""

    def __init__(self, network: Network, files: Mapping[str, bytes], first: int, count: int) -> None:
        self.network = network
        self.files = files
        self.first = first
        self.count = count
        self.findings: list[Finding] = []
        self.tables: dict[str, pa.Table | None] = {}
        self.label: IntArray | None = None
        self.areas: dict[int, FloatArray] = {}
        self.limits: dict[tuple[str, int], FloatArray] = {}
        self.requirement: dict[str, FloatArray] = {}
        self.unit = {name: at for at, name in enumerate(network.generators.name)}

    def fault(self, place: str, found: str, allowed: str, remedy: str) -> None:
        self.findings.append(Finding(place, found, allowed, remedy))

    def take(self, place: str, category: str, element: str, parameter: str, stem: str) -> None:
        """Read the series of one pointer."""
        values = self._values(place, element, stem)
        if values is None:
            return
        if category == "Reserve":
            self.requirement[element] = values
        elif category == "Generator" and element in self.unit:
            self.limits[parameter, self.unit[element]] = values
        elif category == "Area" and element.isascii() and element.isdigit() and self._load(int(element[:9])) > 0.0:
            self.areas[int(element[:9])] = values
        else:
            self.fault(place, f"{category} {element[:40]!r}", "one of the network", "correct the name")

    def _load(self, area: int) -> float:
        return float(self.network.buses.load_mw[self.network.buses.area == area].sum())

    def _values(self, place: str, element: str, stem: str) -> FloatArray | None:
        table = self._table(place, stem)
        if table is None:
            return None
        wide = "Period" not in table.column_names
        per_day = table.num_columns - len(LABEL) + 1
        try:
            if wide:
                columns = [table.column(name) for name in map(str, range(1, per_day + 1))]
                values = np.column_stack([one.to_numpy().astype(np.float64) for one in columns]).ravel()
                label = np.column_stack([np.repeat(table.column(name).to_numpy(), per_day) for name in LABEL[:3]])
                label = np.column_stack([label, np.tile(np.arange(1, per_day + 1), table.num_rows)])
            else:
                values = table.column(element).to_numpy().astype(np.float64)
                label = np.column_stack([table.column(name).to_numpy() for name in LABEL])
            label = label.astype(np.float64)
        except (KeyError, ValueError, TypeError, pa.ArrowException) as error:
            self.fault(place, f"{element[:40]} of {stem}: {error}"[:200], "columns of numbers", "correct the file")
            return None
        return self._cut(place, f"{element} of {stem}", values, label)

    def _cut(self, place: str, what: str, values: FloatArray, label: FloatArray) -> FloatArray | None:
        """Return the intervals asked for, when they are there, finite, and those of the other series."""
        window = slice(self.first, self.first + self.count)
        values, label = values[window], label[window]
        if len(values) < self.count or not np.isfinite(values).all() or not (np.abs(label) < LARGEST_LABEL).all():
            found = f"{what}: {int(np.isfinite(values).sum())} numbers from interval {self.first}"
            self.fault(place, found, f"{self.count}", "ask for fewer, or complete the file")
            return None
        if self.label is None:
            self.label = label.astype(np.int64)
        elif not np.array_equal(self.label, label):
            self.fault(place, f"{what}: other intervals", "those of the first series", "align the files")
            return None
        return values

    def _table(self, place: str, stem: str) -> pa.Table | None:
        if stem not in self.tables:
            self.tables[stem] = None
            data = self.files.get(stem)
            if data is None:
                self.fault(place, f"no file {stem[:60]}", "the series", "add the file")
                return None
            try:
                held = pa.BufferReader(data)
                kind = parquet.read_table if data[:4] == b"PAR1" else arrow_csv.read_csv
                self.tables[stem] = kind(held)
            except (pa.ArrowException, OSError, ValueError, KeyError) as error:
                self.fault(place, f"{stem[:60]}: {error}"[:200], "CSV or Parquet", "fetch the file again")
        return self.tables[stem]

    def scenarios(self, hours: float) -> Scenarios:
        """Return what was taken; what no series speaks of keeps the network's own value."""
        buses, generators = self.network.buses, self.network.generators
        load = np.tile(buses.load_mw, (self.count, 1))
        for area, values in self.areas.items():
            load[:, buses.area == area] *= (values / self._load(area))[:, None]
        low, high = (np.tile(one, (self.count, 1)) for one in (generators.min_mw, generators.max_mw))
        for (parameter, at), values in self.limits.items():
            (low if parameter == "PMin MW" else high)[:, at] = values
        label = self.label if self.label is not None else np.empty((0, len(LABEL)), dtype=np.int64)
        return Scenarios(hours, label, load, np.minimum(low, high), high, self.requirement)
