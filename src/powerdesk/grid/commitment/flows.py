"""Limits of lines in a commitment: flows by shift factors, before and after outages, rows only for what is exceeded.

Flow after an outage of lines o is f + D f_o with D = H (1 - H_o)^-1, H the flow per MW sent between the ends of o: the
factors of `grid.contingencies`, for outages of several lines at once. An outage that parts the network is left out and
named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from powerdesk.grid import contingencies
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import Branches, BranchModel, Buses, Generators, HvdcLines, Network

if TYPE_CHECKING:
    from powerdesk.grid.commitment_case import CommitmentCase
    from powerdesk.grid.types import FloatArray, IntArray

NO_OUTAGE = -1
SCREEN_TOLERANCE_MW = 1e-4
"""A flow beyond its limit by less is taken for within it."""

ROWS_PER_INTERVAL = 20
"""Limits added for an interval at a time, worst first: outages overload many lines by one cause."""


@dataclass(frozen=True, eq=False, slots=True)
class Limits:
    """Limits of flows: interval, line, outage (NO_OUTAGE: none), limit in MW and price beyond it, each (k,)."""

    interval: IntArray
    line: IntArray
    outage: IntArray
    limit_mw: FloatArray
    beyond_usd_per_mwh: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class _Outage:
    """Lines out of service by position (r,), and how what they carried is taken over (n_line, r)."""

    lines: IntArray
    share: FloatArray


class Flows:
    """The lines of a case: flows and limits of injections (n, n_bus). `parting` names outages that part the network."""

    def __init__(self, case: CommitmentCase) -> None:
        self.case = case
        self.sensitivities = Sensitivities(_network(case), model=BranchModel.DCP)
        self.island = self.sensitivities.islands.of_bus
        self.limit_mw = np.array([one.limit_mw for one in case.lines], np.float64)
        self.emergency_mw = np.array([one.emergency_limit_mw for one in case.lines], np.float64)
        self.beyond = np.array([one.beyond_usd_per_mwh for one in case.lines], np.float64)
        self.outages, self.parting = self._outages()
        self._met: set[tuple[int, int, int]] = set()

    def _outages(self) -> tuple[list[_Outage | None], tuple[str, ...]]:
        position = {one.name: at for at, one in enumerate(self.case.lines)}
        found: list[_Outage | None] = []
        for outage in self.case.outages:
            lines = np.array(sorted({position[name] for name in outage.lines}), np.int64)
            share = contingencies.takeover(self.sensitivities, lines=lines)
            found.append(None if share is None else _Outage(lines, share))
        names = [one.name for one, made in zip(self.case.outages, found, strict=True) if made is None]
        return found, tuple(names)

    def flows_mw(self, injection_mw: FloatArray) -> FloatArray:
        """Return flows (n, n_line) of injections (n, n_bus)."""
        return self.sensitivities.injected_flows_mw(np.ascontiguousarray(injection_mw.T)).T

    def after_mw(self, flows_mw: FloatArray, outage: int) -> FloatArray:
        """Return flows (n, n_line) after an outage by position that does not part the network."""
        made = self.outages[outage]
        if made is None:
            return flows_mw
        after = flows_mw + flows_mw[:, made.lines] @ made.share.T
        after[:, made.lines] = 0.0
        return after

    def exceeded(self, injection_mw: FloatArray) -> Limits:
        """Return limits not met before that the injections break, the worst of each interval."""
        base = self.flows_mw(injection_mw)
        parts = [self._beyond(base, NO_OUTAGE, self.limit_mw)]
        for at, made in enumerate(self.outages):
            if made is not None:
                parts.append(self._beyond(self.after_mw(base, at), at, self.emergency_mw))
        interval, line, outage, excess = (np.concatenate(one) for one in zip(*parts, strict=True))
        kept = []
        count = np.zeros(injection_mw.shape[0], np.int64)
        for at in np.argsort(-excess, kind="stable").tolist():
            key = (int(interval[at]), int(line[at]), int(outage[at]))
            if count[key[0]] < ROWS_PER_INTERVAL and key not in self._met:
                self._met.add(key)
                count[key[0]] += 1
                kept.append(at)
        chosen = np.array(kept, np.int64)
        limit = np.where(outage == NO_OUTAGE, self.limit_mw[line], self.emergency_mw[line])
        return Limits(interval[chosen], line[chosen], outage[chosen], limit[chosen], self.beyond[line[chosen]])

    def _beyond(
        self, flows_mw: FloatArray, outage: int, limit_mw: FloatArray
    ) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
        excess = np.abs(flows_mw) - limit_mw[None, :]
        interval, line = np.nonzero(excess > SCREEN_TOLERANCE_MW)
        return interval, line, np.full(line.size, outage, np.int64), excess[interval, line]

    def shift_factors(self, limits: Limits) -> FloatArray:
        """Return shift factors (k, n_bus), each island's own reference, outages included."""
        rows = self.sensitivities.rows(limits.line)
        for at, outage in enumerate(limits.outage.tolist()):
            made = self.outages[outage] if outage != NO_OUTAGE else None
            if made is not None:
                rows[at] += made.share[limits.line[at]] @ self.sensitivities.rows(made.lines)
        return rows

    def rows(self, limits: Limits, injection: sparse.csr_array) -> tuple[sparse.csr_array, FloatArray]:
        """Return the flows as rows over columns (k, n_column), and what loads alone put on them (k,)."""
        factors = self.shift_factors(limits)
        n_bus = len(self.case.buses)
        column = limits.interval[:, None] * n_bus + np.arange(n_bus)[None, :]
        row = np.broadcast_to(np.arange(limits.line.size)[:, None], column.shape)
        spread = sparse.csr_array(
            (factors.ravel(), (row.ravel(), column.ravel())), shape=(limits.line.size, injection.shape[0])
        )
        load = -np.einsum("kn,kn->k", factors, self.case.load_mw[limits.interval])
        return sparse.csr_array(spread @ injection), load


def _network(case: CommitmentCase) -> Network:
    """Return the lines of a case as a network of base 1 MVA without generators."""
    position = {name: at for at, name in enumerate(case.buses)}
    n_bus, n_line = len(case.buses), len(case.lines)
    susceptance = np.array([one.susceptance_mw for one in case.lines], np.float64)
    on = susceptance != 0.0
    zeros, endless = np.zeros(n_line), np.full(n_line, np.inf)
    none, no_bus = np.empty(0), np.empty(0, np.int64)
    return Network(
        name=case.name,
        base_mva=1.0,
        buses=Buses(
            number=np.arange(1, n_bus + 1),
            name=case.buses,
            kind=np.ones(n_bus, np.int64),
            load_mw=np.zeros(n_bus),
            shunt_mw=np.zeros(n_bus),
            area=np.ones(n_bus, np.int64),
            zone=np.ones(n_bus, np.int64),
            base_kv=np.zeros(n_bus),
        ),
        branches=Branches(
            name=tuple(one.name for one in case.lines),
            from_bus=np.array([position[one.from_bus] for one in case.lines], np.int64),
            to_bus=np.array([position[one.to_bus] for one in case.lines], np.int64),
            resistance_pu=zeros,
            reactance_pu=np.divide(1.0, susceptance, out=np.ones(n_line), where=on),
            tap=np.ones(n_line),
            shift_deg=zeros.copy(),
            rating_mw=endless,
            emergency_rating_mw=endless.copy(),
            angle_min_deg=-endless,
            angle_max_deg=endless.copy(),
            in_service=on,
        ),
        generators=Generators(
            (), no_bus, none, none, np.empty(0, bool), none, none, none, np.zeros(1, np.int64), none, none
        ),
        hvdc=HvdcLines((), no_bus, no_bus, none, none, none, none, np.empty(0, bool)),
    )
