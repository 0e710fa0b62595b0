"""pandapower's `net` as a network; the object is read by its tables and pandapower is not imported.

Branches are made as `pandapower.build_branch` makes them, without magnetising currents: flows as `rundcopp` has them
follow `BranchModel.MATPOWER`. Switches open and join. Currency is taken for USD. Element tables of another kind that
are not empty are faults, since they would change the flows. Format: pandapower 3, documentation of elements.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from powerdesk.grid import checking, fields, network_reading
from powerdesk.grid.object_tables import ObjectTable, whole_numbers
from powerdesk.grid.pandapower_branches import branches_of
from powerdesk.grid.types import ISOLATED_TYPE, REFERENCE_TYPE, Buses, Generators, HvdcLines, Network
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray

READ = (
    "bus", "load", "sgen", "gen", "ext_grid", "storage", "ward", "shunt", "line", "trafo", "impedance", "dcline",
    "switch", "poly_cost", "pwl_cost",
)  # fmt: skip
UNFIT = (
    "trafo3w", "xward", "motor", "asymmetric_load", "asymmetric_sgen", "svc", "tcsc", "ssc", "vsc", "bus_dc",
    "line_dc", "load_dc", "source_dc",
)  # fmt: skip
"""Elements that would change flows and that a network has no place for."""
SOURCES = (
    ("ext_grid", 1.0, True),
    ("gen", 1.0, True),
    ("sgen", 1.0, False),
    ("load", -1.0, False),
    ("storage", -1.0, False),
)
"""What may be dispatched: table, sign of its power as injection, and whether it is controllable unless told."""


def read(net: Any, *, name: str = "pandapower") -> network_reading.Reading:
    """Return the network of a pandapower net; raises NetworkError with all faults found.

    Limits of power that are not given become all of the net's load and capacity, which never binds; a note says so.
    """
    case = _Case(net, name)
    found = case.network()
    case.findings.extend(checking.faults(found, locate=case.locate, sound=not case.findings))
    fields.refuse(case.findings, file=name)
    return network_reading.Reading(found, tuple(case.notes))


class _Case:
    """One net on its way to a network."""

    def __init__(self, net: Any, name: str) -> None:
        self.name = name
        self.findings: list[Finding] = []
        self.notes: list[Finding] = []

        def table(one: str) -> ObjectTable:
            return ObjectTable(net.get(one), place=f"{name}: {one}", findings=self.findings)

        self.table = {one: table(one) for one in READ}
        self.base_mva = float(net.get("sn_mva", 1.0))
        self.title = str(net.get("name", "") or name)
        for one in UNFIT:
            if len(table(one)):
                place = f"{name}: {one}"
                self.findings.append(
                    Finding(place, f"{len(table(one))} row(s)", "none", "replace them by simpler elements")
                )
        if not len(self.table["bus"]):
            self.findings.append(Finding(f"{name}: bus", "nothing", "one bus or more", "add buses"))
            fields.refuse(self.findings, file=name)
        self.bus = self._joined_buses()
        self.rows: list[tuple[ObjectTable, int]] = []

    def locate(self, table: str, at: int) -> str:
        if table in {"gen", "gencost"}:
            source, row = self.rows[at]
            return source.at(row)
        if table == "branch":
            for one in ("line", "trafo", "impedance"):
                if at < len(self.table[one]):
                    return self.table[one].at(at)
                at -= len(self.table[one])
        return self.table["dcline" if table == "dcline" else "bus"].at(at)

    def _joined_buses(self) -> dict[Any, int]:
        """Return the position of each bus, buses joined by closed switches being one, the first of them."""
        keys = self.table["bus"].keys
        position = {key: at for at, key in enumerate(keys)}
        first = list(range(len(keys)))

        def root(at: int) -> int:
            while first[at] != at:
                at = first[at]
            return at

        switch = self.table["switch"]
        closed = switch.flags("closed", default=True)
        rows = zip(switch.words("et"), switch.raw("bus", None), switch.raw("element", None), strict=True)
        for row, (kind, bus, other) in enumerate(rows):
            if kind != "b" or not closed[row]:
                continue
            if bus not in position or other not in position:
                switch.fault(row, f"buses {bus} and {other}", "two buses of the net", "correct the switch")
                continue
            low, high = sorted((root(position[bus]), root(position[other])))
            first[high] = low
        return {key: root(at) for key, at in position.items()}

    def network(self) -> Network:
        """Return the network; faults are noted, and what is wrong is replaced so that the rest can be looked at."""
        generators = self._generators()
        return Network(
            name=self.title,
            base_mva=self.base_mva,
            buses=self._buses(),
            branches=branches_of(self.table, bus=self.bus, base_mva=self.base_mva),
            generators=generators,
            hvdc=self._dclines(),
        )

    def _where(self, one: str, column: str = "bus") -> IntArray:
        return self.table[one].positions(column, self.bus, where="net.bus")

    def _buses(self) -> Buses:
        table = self.table["bus"]
        count = len(table)
        own = np.array([self.bus[key] for key in table.keys])
        merged = own != np.arange(count)
        kind = np.where(table.flags("in_service", default=True) & ~merged, 1, ISOLATED_TYPE)
        grids = self._where("ext_grid")[self.table["ext_grid"].flags("in_service", default=True)]
        slack = self._where("gen")[self.table["gen"].flags("slack", default=False)]
        for at in (*grids[:1].tolist(), *slack[:1].tolist())[:1]:
            kind[at] = REFERENCE_TYPE
        numbers = whole_numbers(table.keys, least=0)
        return Buses(
            number=np.arange(1, count + 1) if numbers is None else numbers + int((numbers == 0).any()),
            name=tuple(str(key) for key in table.keys),
            kind=kind,
            load_mw=self._fixed_mw(),
            shunt_mw=self._shunts(),
            area=np.ones(count, dtype=np.int64),
            zone=np.ones(count, dtype=np.int64),
            base_kv=table.numbers("vn_kv", 1.0),
        )

    def _added(self, one: str, power: FloatArray) -> FloatArray:
        on = self.table[one].flags("in_service", default=True)
        return np.bincount(self._where(one)[on], power[on], len(self.table["bus"])).astype(np.float64)

    def _power(self, one: str) -> FloatArray:
        return self.table[one].numbers("p_mw", 0.0) * self.table[one].numbers("scaling", 1.0)

    def _fixed_mw(self) -> FloatArray:
        """Return what is withdrawn at each bus and is not dispatched."""
        ward = self.table["ward"]
        total = self._added("ward", ward.numbers("ps_mw", 0.0))
        for one, sign, controllable in SOURCES:
            if one in {"load", "sgen", "storage"}:
                fixed = ~self.table[one].flags("controllable", default=controllable)
                total -= sign * self._added(one, np.where(fixed, self._power(one), 0.0))
        return total

    def _shunts(self) -> FloatArray:
        shunt, ward = self.table["shunt"], self.table["ward"]
        base_kv = self.table["bus"].numbers("vn_kv", 1.0)[self._where("shunt")] if len(shunt) else np.empty(0)
        own_kv = np.where(shunt.numbers("vn_kv", 0.0) > 0.0, shunt.numbers("vn_kv", 0.0), base_kv)
        power = shunt.numbers("p_mw", 0.0) * shunt.numbers("step", 1.0) * (base_kv / own_kv) ** 2
        return self._added("shunt", power) + self._added("ward", ward.numbers("pz_mw", 0.0))

    def _generators(self) -> Generators:
        parts = [self._source(*one) for one in SOURCES]
        low, high, bus, on, linear, constant, quadratic = (
            np.concatenate([part[at] for part in parts]) for at in range(7)
        )
        most = (
            np.abs(self._fixed_mw()).sum() + np.abs(low[np.isfinite(low)]).sum() + np.abs(high[np.isfinite(high)]).sum()
        )
        for at in np.flatnonzero(on & ~(np.isfinite(low) & np.isfinite(high))).tolist():
            source, row = self.rows[at]
            self.notes.append(
                Finding(source.at(row), "no limit of power", f"+-{most:g} MW taken", "give min_p_mw, max_p_mw")
            )
        curves = self._curves(len(low))
        return Generators(
            name=network_reading.numbered(
                [f"{source.place.split()[-1]} {source.keys[row]}" for source, row in self.rows]
            ),
            bus=bus.astype(np.int64),
            min_mw=np.where(np.isfinite(low), low, -most),
            max_mw=np.where(np.isfinite(high), high, most),
            in_service=on.astype(bool),
            constant_usd_per_h=constant,
            linear_usd_per_mwh=linear,
            quadratic_usd_per_mw2h=quadratic,
            curve_start=curves.start,
            curve_mw=curves.power,
            curve_usd_per_h=curves.cost,
        )

    def _source(self, one: str, sign: float, controllable: bool) -> tuple[Any, ...]:  # noqa: FBT001 - a row of SOURCES
        """Return limits, bus, state and polynomial of a table's dispatchable rows, powers as injections."""
        table = self.table[one]
        free = table.flags("controllable", default=controllable)
        chosen = np.flatnonzero(free | (one in {"gen", "ext_grid"}))
        self.rows += [(table, row) for row in chosen.tolist()]
        least, most = table.numbers("min_p_mw", -np.inf), table.numbers("max_p_mw", np.inf)
        low, high = (least, most) if sign > 0.0 else (-most, -least)
        if one == "gen":  # one that may not be dispatched runs as it is set
            low, high = (np.where(free, bound, self._power(one)) for bound in (low, high))
        costs = self._polynomials(one)
        bus, on = self._where(one), table.flags("in_service", default=True)
        columns = (low, high, bus, on, sign * costs[:, 1], costs[:, 0], costs[:, 2])
        return tuple(column[chosen] for column in columns)

    def _polynomials(self, one: str) -> FloatArray:
        """Return cost coefficients (n, 3) from the constant up, by power in the table's own sign."""
        cost, table = self.table["poly_cost"], self.table[one]
        place = {key: at for at, key in enumerate(table.keys)}
        out = np.zeros((len(table), 3))
        values = np.stack(
            [cost.numbers(name, 0.0) for name in ("cp0_eur", "cp1_eur_per_mw", "cp2_eur_per_mw2")], axis=1
        )
        for row, (kind, element) in enumerate(zip(cost.words("et"), cost.raw("element", None), strict=True)):
            if kind != one:
                continue
            if element not in place:
                cost.fault(row, f"{kind} {element}", f"a row of net.{one}", "correct the element or drop the cost")
                continue
            out[place[element]] = values[row]
        return out

    def _curves(self, count: int) -> network_reading.Costs:
        """Return the piecewise costs, areas of (from MW, to MW, slope); as in pandapower 0 MW costs nothing."""
        place = {(source.place.split()[-1], source.keys[row]): at for at, (source, row) in enumerate(self.rows)}
        cost = self.table["pwl_cost"]
        points: list[tuple[list[float], list[float]]] = [([], []) for _ in range(count)]
        columns = zip(cost.words("power_type", "p"), cost.words("et"), cost.raw("element", None), strict=True)
        for row, (power, kind, element) in enumerate(columns):
            at = place.get((kind, element))
            if power != "p":
                continue  # reactive power has no place here
            if at is None or kind in {"load", "storage"}:
                cost.fault(row, f"of {kind} {element}", "a gen, sgen or ext_grid of the net", "give a polynomial cost")
                continue
            areas = [tuple(float(one) for one in area) for area in cost.raw("points", ())[row]]
            if any(one[1] != other[0] for one, other in itertools.pairwise(areas)) or not areas:
                cost.fault(row, "areas that leave a gap", "areas end to end", "sort the points or fill the gap")
                continue
            power_mw = [areas[0][0], *(area[1] for area in areas)]
            begin = areas[0][0] * areas[0][2]
            rises = itertools.accumulate(((high - low) * slope for low, high, slope in areas), initial=begin)
            points[at] = power_mw, list(rises)
        for row, kind in enumerate(self.table["poly_cost"].words("et")):
            if kind == "dcline":
                self.notes.append(
                    Finding(self.table["poly_cost"].at(row), "the cost of a dcline", "not used", "nothing to do")
                )
        return network_reading.Costs.of(np.zeros((count, 3)), list(points))

    def _dclines(self) -> HvdcLines:
        """Return direct-current lines, which run one way: that of the power set, from 0 to `max_p_mw`."""
        table = self.table["dcline"]
        ahead = table.numbers("p_mw", 0.0) > 0.0
        most = table.numbers("max_p_mw") if len(table) else np.empty(0)
        ends = self._where("dcline", "from_bus"), self._where("dcline", "to_bus")
        return HvdcLines(
            name=network_reading.numbered([f"dcline {key}" for key in table.keys]),
            from_bus=np.where(ahead, *ends),
            to_bus=np.where(ahead, *ends[::-1]),
            min_mw=np.zeros(len(table)),
            max_mw=most,
            loss_mw=table.numbers("loss_mw", 0.0),
            loss_share=table.numbers("loss_percent", 0.0) / 100.0,
            in_service=table.flags("in_service", default=True),
        )
