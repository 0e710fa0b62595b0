"""PyPSA's `Network` as ours, at one snapshot; the object is read by its tables and PyPSA is not imported.

As in PyPSA's linear optimisation a flow follows x tap (`BranchModel.MATPOWER`). Phase shifts and shunt conductances,
which that leaves out (PyPSA 1.2), count as in every other case here. Line impedances are in ohm, transformers' per unit
of `s_nom`. Currency is taken for USD. Format: PyPSA, `pypsa/data/component_attrs/*.csv`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from powerdesk.grid import checking, fields, network_reading
from powerdesk.grid.object_tables import ObjectTable, is_missing, whole_numbers
from powerdesk.grid.types import REFERENCE_TYPE, Branches, Buses, Generators, HvdcLines, Network
from powerdesk.kernel.problem import Finding

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, IntArray

BASE_MVA = 100.0
READ = ("buses", "lines", "transformers", "links", "generators", "loads", "shunt_impedances")
UNREAD = ("storage_units", "stores", "global_constraints")
"""Components that say more than one interval or a network holds; a note names them where there are any."""
ELECTRIC = {"", "AC"}
SILENT_COSTS = ("marginal_cost", "marginal_cost_quadratic")


def read(network: Any, *, snapshot: int = 0, name: str = "pypsa") -> network_reading.Reading:
    """Return the network of a `pypsa.Network` at the snapshot of this position; NetworkError with all faults found.

    Committable units are taken to run within their limits, extendable ones to have the size given; notes say so.
    """
    case = _Case(network, snapshot, name)
    found = case.network()
    case.findings.extend(checking.faults(found, locate=case.locate, sound=not case.findings))
    fields.refuse(case.findings, file=name)
    return network_reading.Reading(found, tuple(case.notes))


class _Case:
    """One object on its way to a network."""

    def __init__(self, held: Any, snapshot: int, name: str) -> None:
        self.held, self.snapshot, self.name = held, snapshot, name
        self.findings: list[Finding] = []
        self.notes: list[Finding] = []
        self.table = {
            one: ObjectTable(getattr(held, one, None), place=f"{name}: {one}", findings=self.findings)
            for one in (*READ, *UNREAD)
        }
        self.bus = {key: at for at, key in enumerate(self.table["buses"].keys)}
        self._note_unread()

    def locate(self, table: str, at: int) -> str:
        if table == "branch":
            lines = len(self.table["lines"])
            return self.table["lines"].at(at) if at < lines else self.table["transformers"].at(at - lines)
        tables = {"bus": "buses", "gen": "generators", "gencost": "generators", "dcline": "links"}
        return self.table[tables[table]].at(at)

    def _note_unread(self) -> None:
        for one in UNREAD:
            if len(self.table[one]):
                self._note(self.table[one].place, f"{len(self.table[one])} row(s)", "not used")
        for one, column, words in (
            ("generators", "committable", "taken to run"),
            ("generators", "p_nom_extendable", "taken at the size given"),
            ("lines", "s_nom_extendable", "taken at the size given"),
            ("transformers", "s_nom_extendable", "taken at the size given"),
            ("links", "p_nom_extendable", "taken at the size given"),
        ):
            count = int(self.table[one].flags(column, default=False).sum())
            if count:
                self._note(self.table[one].place, f"{count} {column}", words)
        fixed = np.count_nonzero(self.table["generators"].numbers("p_set", 0.0))
        if fixed:
            self._note(self.table["generators"].place, f"{fixed} p_set", "not used: p_min_pu = p_max_pu fixes a power")
        for column in SILENT_COSTS:
            if self._values("links", column, 0.0).any():
                self._note(self.table["links"].place, column, "not used: a link carries no cost here")
        if not len(self.table["buses"]):
            self.findings.append(Finding(self.table["buses"].place, "nothing", "one bus or more", "add buses"))

    def _note(self, place: str, found: str, words: str) -> None:
        self.notes.append(Finding(place, found, words, "nothing to do"))

    def _values(self, one: str, column: str, default: float | None) -> FloatArray:
        """Return a column (n,), of a time series the values at the snapshot."""
        table = self.table[one]
        values = table.numbers(column, default)
        series = getattr(getattr(self.held, f"{one}_t", None), column, None)
        names = () if series is None else tuple(series.columns)
        place = {key: at for at, key in enumerate(table.keys)}
        for key in names:
            if key in place:
                column_values = list(series[key])  # type: ignore[index]  # names is empty without a series
                if not 0 <= self.snapshot < len(column_values):
                    at = place[key]
                    table.fault(
                        at, f"{len(column_values)} snapshots", f"more than {self.snapshot}", "ask for an earlier one"
                    )
                else:
                    values[place[key]] = column_values[self.snapshot]
        return values

    def network(self) -> Network:
        """Return the network; faults are noted, and what is wrong is replaced so that the rest can be looked at."""
        if not self.bus:
            fields.refuse(self.findings, file=self.name)
        return Network(
            name=str(getattr(self.held, "name", "") or self.name),
            base_mva=BASE_MVA,
            buses=self._buses(),
            branches=self._branches(),
            generators=self._generators(),
            hvdc=self._links(),
        )

    def _at_buses(self, one: str, power: FloatArray) -> FloatArray:
        table = self.table[one]
        on = table.flags("active", default=True)
        where = table.positions("bus", self.bus, where="buses")
        return np.bincount(where[on], power[on], len(self.bus)).astype(np.float64)

    def _buses(self) -> Buses:
        table = self.table["buses"]
        names = tuple(str(key) for key in table.keys)
        for row, carrier in enumerate(table.words("carrier")):
            if carrier not in ELECTRIC:
                table.fault(row, f"carrier {carrier}", "AC", "leave other carriers out: n[n.buses.carrier == 'AC']")
        numbers = whole_numbers(table.keys, least=1)
        count = len(table)
        base_kv = table.numbers("v_nom", 1.0)
        load = self._at_buses("loads", -self._values("loads", "p_set", 0.0) * self.table["loads"].numbers("sign", -1.0))
        siemens = self.table["shunt_impedances"].numbers("g", 0.0)
        where = self.table["shunt_impedances"].positions("bus", self.bus, where="buses")
        return Buses(
            number=np.arange(1, count + 1) if numbers is None else numbers,
            name=names,
            kind=self._kinds(),
            load_mw=load,
            shunt_mw=self._at_buses("shunt_impedances", siemens * base_kv[where] ** 2),
            area=np.ones(count, dtype=np.int64),
            zone=np.ones(count, dtype=np.int64),
            base_kv=base_kv,
        )

    def _kinds(self) -> IntArray:
        kinds = np.ones(len(self.bus), dtype=np.int64)
        slack = [self.bus.get(key) for key in self._slack_buses()]
        if slack and slack[0] is not None:
            kinds[slack[0]] = REFERENCE_TYPE
        return kinds

    def _slack_buses(self) -> list[Any]:
        generators, buses = self.table["generators"], self.table["buses"]
        named = [key for key, word in zip(buses.keys, buses.words("control"), strict=True) if word == "Slack"]
        rows = zip(generators.raw("bus", None), generators.words("control"), strict=True)
        return [*(key for key, word in rows if word == "Slack"), *named]

    def _branches(self) -> Branches:
        both = [self.table[one] for one in ("lines", "transformers")]
        lines, transformers = both
        straight = np.ones(len(lines))

        def joined(column: str, default: float | None = None) -> FloatArray:
            return np.concatenate([table.numbers(column, default) for table in both])

        from_bus, to_bus = (
            np.concatenate([table.positions(side, self.bus, where="buses") for table in both])
            for side in ("bus0", "bus1")
        )
        rating = np.concatenate(
            [self._values(one, "s_nom", 0.0) * self._values(one, "s_max_pu", 1.0) for one in ("lines", "transformers")]
        )
        return Branches(
            name=network_reading.numbered([str(key) for table in both for key in table.keys]),
            from_bus=from_bus,
            to_bus=self._apart(from_bus, to_bus, both),
            resistance_pu=self._per_unit("r"),
            reactance_pu=self._per_unit("x"),
            tap=np.concatenate((straight, transformers.numbers("tap_ratio", 1.0))),
            shift_deg=np.concatenate((0.0 * straight, transformers.numbers("phase_shift", 0.0))),
            rating_mw=rating,
            emergency_rating_mw=rating.copy(),
            angle_min_deg=joined("v_ang_min", -np.inf),
            angle_max_deg=joined("v_ang_max", np.inf),
            in_service=np.concatenate([table.flags("active", default=True) for table in both]),
        )

    def _apart(self, from_bus: IntArray, to_bus: IntArray, both: list[ObjectTable]) -> IntArray:
        """Return the to-buses, another one where an end is unknown, so that it shows no second fault."""
        known = [key in self.bus for side in ("bus0", "bus1") for table in both for key in table.raw(side, None)]
        sound = np.array(known, dtype=bool).reshape(2, -1).all(axis=0)
        return np.where(sound, to_bus, (from_bus + 1) % len(self.bus))

    def _per_unit(self, column: str) -> FloatArray:
        """Return an impedance per unit of BASE_MVA (n_branch,): lines from ohm, transformers from their own `s_nom`."""
        lines, transformers = self.table["lines"], self.table["transformers"]
        for table in (lines, transformers):
            typed, given = table.words("type"), table.numbers("x", 0.0)
            for row in (row for row, word in enumerate(typed) if word and given[row] == 0.0):
                table.fault(row, f"type {typed[row]} and no x", "x", "call network.calculate_dependent_values() first")
        base_kv = self.table["buses"].numbers("v_nom", 1.0)[[self.bus.get(key, 0) for key in lines.raw("bus0", None)]]
        size = transformers.numbers("s_nom", 0.0)
        for row in np.flatnonzero(~(size > 0.0) | np.isinf(size)).tolist():
            transformers.fault(
                row, f"s_nom {size[row]:g}", "a size above 0", "give s_nom, which x and r are relative to"
            )
        own = np.where((size > 0.0) & np.isfinite(size), size, 1.0)
        return np.concatenate(
            (lines.numbers(column, 0.0) * BASE_MVA / base_kv**2, transformers.numbers(column, 0.0) * BASE_MVA / own)
        )

    def _generators(self) -> Generators:
        table = self.table["generators"]
        sign = table.numbers("sign", 1.0)
        low, high = (
            sign * self._values("generators", "p_nom", 0.0) * self._values("generators", column, default)
            for column, default in (("p_min_pu", 0.0), ("p_max_pu", 1.0))
        )
        count = len(table)
        return Generators(
            name=network_reading.numbered([str(key) for key in table.keys]),
            bus=table.positions("bus", self.bus, where="buses"),
            min_mw=np.where(sign < 0.0, high, low),
            max_mw=np.where(sign < 0.0, low, high),
            in_service=table.flags("active", default=True),
            constant_usd_per_h=np.zeros(count),
            linear_usd_per_mwh=sign * self._values("generators", "marginal_cost", 0.0),
            quadratic_usd_per_mw2h=self._values("generators", "marginal_cost_quadratic", 0.0),
            curve_start=np.zeros(count + 1, dtype=np.int64),
            curve_mw=np.empty(0),
            curve_usd_per_h=np.empty(0),
        )

    def _links(self) -> HvdcLines:
        table = self.table["links"]
        for row, key in enumerate(table.raw("bus2", "")):
            if key and not is_missing(key):
                table.fault(row, f"a third bus {key}", "two buses", "model it as two links")
        size = self._values("links", "p_nom", 0.0)
        count = len(table)
        return HvdcLines(
            name=network_reading.numbered([str(key) for key in table.keys]),
            from_bus=table.positions("bus0", self.bus, where="buses"),
            to_bus=table.positions("bus1", self.bus, where="buses"),
            min_mw=size * self._values("links", "p_min_pu", 0.0),
            max_mw=size * self._values("links", "p_max_pu", 1.0),
            loss_mw=np.zeros(count),
            loss_share=1.0 - self._values("links", "efficiency", 1.0),
            in_service=table.flags("active", default=True),
        )
