"""Egret's JSON: a network of one interval.

Format: Egret, `egret/data/model_data.py`: `elements` by kind and name, `system`; powers in MW, impedances per unit on
`baseMVA`, angles in degrees. Buses are known by name; names that are all whole numbers above 0 become the numbers.
A direct-current line of Egret runs both ways up to its rating; its DC models balance it without `loss_factor`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import checking, fields, network_reading
from powerdesk.grid.types import ISOLATED_TYPE, REFERENCE_TYPE, Branches, Buses, Generators, HvdcLines, Network
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from powerdesk.grid.fields import Fields
    from powerdesk.grid.types import FloatArray, IntArray

KINDS = {"PQ": 1, "PV": 2, "ref": REFERENCE_TYPE, "isolated": ISOLATED_TYPE}
READ = frozenset({"bus", "load", "shunt", "generator", "branch", "dc_branch"})
"""Tables that a network is made of; `area` and `zone` say nothing about dispatch."""
SILENT = frozenset({"area", "zone"})
FULL_TURN_DEG = 360.0
LARGEST_NUMBER = 2**53

Cost = tuple[tuple[float, float, float], tuple[tuple[float, float], ...]]
"""A polynomial from the constant up, or points (MW, USD/h)."""
FREE: Cost = (0.0, 0.0, 0.0), ()


def read(data: bytes, *, file: str, interval: int = 0) -> network_reading.Reading:
    """Return the network of an Egret file (plain or gzip); of time series, the values at `interval`, from 0.

    Every generator that is in service is taken to run, unless the file holds a commitment that leaves it off; deciding
    one is `grid.commitment`'s. Raises NetworkError with all faults found.
    """
    return of(fields.document(data, file=file), file=file, interval=interval)


def of(top: Fields, *, file: str, interval: int = 0) -> network_reading.Reading:
    """Return the network of a document, as `read` does."""
    top = top.at(interval)
    case = _Case(top, file)
    case.check_whole()
    fields.refuse(top.findings, file=file)
    network = case.network()
    top.findings.extend(checking.faults(network, locate=case.locate, sound=not top.findings))
    fields.refuse(top.findings, file=file)
    return network_reading.Reading(network, tuple(case.notes))


@dataclass(frozen=True, eq=False, slots=True)
class Solution:
    """What a solved Egret file says for one interval, by the file's names; empty where it says nothing."""

    total_cost_usd_per_h: float
    lmp_usd_per_mwh: dict[str, float]
    generation_mw: dict[str, float]
    flow_mw: dict[str, float]


def read_solution(data: bytes, *, file: str, interval: int = 0) -> Solution:
    """Return the results of an Egret file, whether or not its case is in it; raises NetworkError with all faults.

    `total_cost` is of the whole file: USD for a case of several intervals.
    """
    top = fields.document(data, file=file).at(interval)
    elements = top.inner("elements")

    def results(kind: str, name: str) -> dict[str, float]:
        return {key: one.number(name) for key, one in elements.elements(kind) if one.has(name)}

    found = Solution(
        total_cost_usd_per_h=top.inner("system").number("total_cost"),
        lmp_usd_per_mwh=results("bus", "lmp"),
        generation_mw=results("generator", "pg"),
        flow_mw=results("branch", "pf"),
    )
    fields.refuse(top.findings, file=file)
    return found


class _Case:
    """One document on its way to a network; faults go to the document's findings."""

    def __init__(self, top: Fields, file: str) -> None:
        self.top = top
        self.file = file
        self.elements = top.inner("elements")
        self.system = top.inner("system")
        self.rows = {kind: list(self.elements.elements(kind)) for kind in sorted(READ)}
        self.position = {name: at for at, (name, _) in enumerate(self.rows["bus"])}
        self.notes: list[Finding] = []

    def locate(self, table: str, at: int) -> str:
        kind = {"gen": "generator", "gencost": "generator", "dcline": "dc_branch"}.get(table, table)
        return f"{self.file}: {kind} {self.rows[kind][at][0]}"

    def check_whole(self) -> None:
        """Note as one fault that there is no bus, or a solution without the case it solves."""
        if not self.rows["bus"]:
            self.elements.fault("bus", "nothing", "one bus or more", "add elements.bus")
        elif self.rows["generator"] and not any(one.has("bus") for _, one in self.rows["generator"]):
            found = "a solution without its case: no generator names its bus"
            self.elements.fault("generator", found, "a case", "give the file that was solved")

    def network(self) -> Network:
        """Return the network of a file that has buses."""
        for kind in sorted(self.elements.held):
            if kind not in READ | SILENT and self.elements.held[kind]:
                self.notes.append(Finding(f"{self.file}: {kind}", "a table", "not used", "nothing to do"))
        return Network(
            name=self.system.text("model_name", self.system.text("name", self.file)),
            base_mva=self.system.number("baseMVA", low=1e-6),
            buses=self._buses(),
            branches=self._branches(),
            generators=self._generators(),
            hvdc=self._hvdc(),
        )

    def _bus(self, element: Fields, name: str = "bus") -> int:
        named = element.text(name)
        if named not in self.position:
            element.fault(name, repr(named), "a bus of elements.bus", "correct the name or add the bus")
        return self.position.get(named, 0)

    def _at_buses(self, kind: str, field: str) -> FloatArray:
        """Return the sum over a kind of elements at each bus (n_bus,)."""
        out = np.zeros(len(self.position))
        for _, one in self.rows[kind]:
            if one.flag("in_service", default=True):
                out[self._bus(one)] += one.number(field, 0.0)
        return out

    def _buses(self) -> Buses:
        names = list(self.position)
        numbered = all(one.isascii() and one.isdigit() and 0 < int(one[:17]) < LARGEST_NUMBER for one in names)
        number = np.array([int(one[:17]) for one in names] if numbered else range(1, len(names) + 1), dtype=np.int64)
        rows = [one for _, one in self.rows["bus"]]
        return Buses(
            number=number,
            name=tuple(names),
            kind=self._kinds(rows),
            load_mw=self._at_buses("load", "p_load"),
            shunt_mw=self._at_buses("shunt", "gs"),
            area=_labels(rows, "area"),
            zone=_labels(rows, "zone"),
            base_kv=np.array([one.number("base_kv", 0.0) for one in rows]),
        )

    def _kinds(self, rows: list[Fields]) -> IntArray:
        kinds = []
        for one in rows:
            word = one.text("matpower_bustype", "PQ")
            if word not in KINDS:
                one.fault("matpower_bustype", repr(word), ", ".join(KINDS), "give the type of the bus")
            kinds.append(KINDS.get(word, 1))
        named = self.system.text("reference_bus", "")
        if named and named not in self.position:
            self.system.fault("reference_bus", repr(named), "a bus of elements.bus", "correct the name")
        elif named and REFERENCE_TYPE not in kinds:
            kinds[self.position[named]] = REFERENCE_TYPE
        return np.array(kinds, dtype=np.int64)

    def _names(self, kind: str, *, before: str) -> tuple[str, ...]:
        """Return names of two-ended elements: their own, or both ends where those are only numbers."""
        return network_reading.numbered(
            [
                f"{before}{one.text('from_bus')}-{one.text('to_bus')}" if key.isdigit() else key
                for key, one in self.rows[kind]
            ]
        )

    def _branches(self) -> Branches:
        rows = [one for _, one in self.rows["branch"]]
        ends = np.array([(self._bus(one, "from_bus"), self._bus(one, "to_bus")) for one in rows], dtype=np.int64)

        def column(name: str, default: float | None = None) -> FloatArray:
            return np.array([one.number(name, default) for one in rows])

        low, high = column("angle_diff_min", 0.0), column("angle_diff_max", 0.0)
        rating, emergency = (column(f"rating_{one}", 0.0) for one in ("long_term", "emergency"))
        tap = column("transformer_tap_ratio", 1.0)
        return Branches(
            name=self._names("branch", before=""),
            from_bus=ends.reshape(-1, 2)[:, 0],
            to_bus=ends.reshape(-1, 2)[:, 1],
            resistance_pu=column("resistance", 0.0),
            reactance_pu=column("reactance"),
            tap=np.where(tap == 0.0, 1.0, tap),
            shift_deg=column("transformer_phase_shift", 0.0),
            rating_mw=np.where(rating == 0.0, np.inf, rating),
            emergency_rating_mw=np.where(emergency == 0.0, np.inf, emergency),
            angle_min_deg=np.where((low == 0.0) | (low <= -FULL_TURN_DEG), -np.inf, low),
            angle_max_deg=np.where((high == 0.0) | (high >= FULL_TURN_DEG), np.inf, high),
            in_service=np.array([one.flag("in_service", default=True) for one in rows], dtype=bool),
        )

    def _generators(self) -> Generators:
        rows = [one for _, one in self.rows["generator"]]
        costs = [cost_of(one) for one in rows]
        split = [([x for x, _ in points], [y for _, y in points]) for _, points in costs]
        curves = network_reading.Costs.of(np.array([one for one, _ in costs]).reshape(-1, 3), list(split))
        keys = [f"gen {one.text('bus')}" if key.isdigit() else key for key, one in self.rows["generator"]]
        return Generators(
            name=network_reading.numbered(keys),
            bus=np.array([self._bus(one) for one in rows], dtype=np.int64),
            min_mw=np.array([one.number("p_min", 0.0) for one in rows]),
            max_mw=np.array([one.number("p_max") for one in rows]),
            in_service=np.array([_runs(one) for one in rows], dtype=bool),
            constant_usd_per_h=curves.polynomial[:, 0].copy(),
            linear_usd_per_mwh=curves.polynomial[:, 1].copy(),
            quadratic_usd_per_mw2h=curves.polynomial[:, 2].copy(),
            curve_start=curves.start,
            curve_mw=curves.power,
            curve_usd_per_h=curves.cost,
        )

    def _hvdc(self) -> HvdcLines:
        rows = [one for _, one in self.rows["dc_branch"]]
        rating = np.array([one.number("rating_long_term", low=0.0) for one in rows])
        for key, one in self.rows["dc_branch"]:
            if one.number("loss_factor", 0.0) != 0.0:
                place = f"{self.file}: dc_branch {key}"
                self.notes.append(Finding(place, "a loss_factor", "not used, as in Egret's DC models", "nothing to do"))
        return HvdcLines(
            name=self._names("dc_branch", before="dc "),
            from_bus=np.array([self._bus(one, "from_bus") for one in rows], dtype=np.int64),
            to_bus=np.array([self._bus(one, "to_bus") for one in rows], dtype=np.int64),
            min_mw=-rating,
            max_mw=rating,
            loss_mw=np.zeros(len(rows)),
            loss_share=np.zeros(len(rows)),
            in_service=np.array([one.flag("in_service", default=True) for one in rows], dtype=bool),
        )


def _labels(rows: list[Fields], name: str) -> IntArray:
    """Return labels as integers: their own where all are whole numbers, else in order of appearance from 1."""
    words = [str(one.held.get(name, 0))[:20].removesuffix(".0") for one in rows]
    if all(word.isascii() and word.isdigit() and int(word) < LARGEST_NUMBER for word in words):
        return np.array([int(word) for word in words], dtype=np.int64)
    order = {word: at for at, word in enumerate(dict.fromkeys(words), start=1)}
    return np.array([order[word] for word in words], dtype=np.int64)


def _runs(unit: Fields) -> bool:
    """Tell whether a generator is in service and not left off by a commitment that the file holds."""
    committed = not unit.has("commitment") or unit.number("commitment") > 0.5  # noqa: PLR2004 - solvers' 0 and 1
    return unit.flag("in_service", default=True) and committed


def cost_of(unit: Fields) -> Cost:
    """Return the cost of a generator in its interval: `p_cost`, else `p_fuel` at `fuel_cost` USD per unit of fuel.

    Egret's results have both and need `p_cost`, which is made of the other. `non_fuel_no_load_cost` comes to either.
    """
    (constant, linear, quadratic), points = _plain_cost(unit) if unit.has("p_cost") else _fuel_cost(unit)
    running = unit.number("non_fuel_no_load_cost", 0.0)
    if points:
        return (0.0, 0.0, 0.0), tuple((mw, usd + running) for mw, usd in points)
    return (constant + running, linear, quadratic), ()


def _fuel_cost(unit: Fields) -> Cost:
    if not unit.has("p_fuel"):
        return FREE
    price = unit.number("fuel_cost")
    return (0.0, 0.0, 0.0), tuple((mw, fuel * price) for mw, fuel in unit.inner("p_fuel").points("values"))


def _plain_cost(unit: Fields) -> Cost:
    held = unit.held.get("p_cost")
    if not isinstance(held, dict):
        return (0.0, unit.number("p_cost"), 0.0), ()
    curve = unit.inner("p_cost")
    if curve.held.get("data_type") == "time_series":
        return _cost_at(unit, curve)
    if curve.text("cost_curve_type") == "piecewise":
        return (0.0, 0.0, 0.0), curve.points("values")
    return _polynomial(curve), ()


def _cost_at(unit: Fields, curve: Fields) -> Cost:
    values = curve.held.get("values")
    if not isinstance(values, list) or unit.interval >= len(values):
        curve.fault("values", "no cost", "one for each interval", "complete the list")
        return FREE
    held = values[unit.interval]
    if isinstance(held, dict) and held.get("data_type") == "time_series":
        curve.fault("values", "a series within a series", "a cost curve", "give one curve for each interval")
        return FREE
    return _plain_cost(replace(unit, held={"p_cost": held}))


def _polynomial(curve: Fields) -> tuple[float, float, float]:
    values = curve.inner("values")
    for degree in values.held:
        if degree not in {"0", "1", "2"} and values.number(degree) != 0.0:
            values.fault(degree, f"a cost of degree {degree[:20]}", "degree 2 at most", "give a piecewise cost")
    return values.number("0", 0.0), values.number("1", 0.0), values.number("2", 0.0)
