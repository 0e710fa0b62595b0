"""A case's programme as it grows by limits of lines, and plans read from its points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from powerdesk.grid.commitment import assembling, formulation, reducing
from powerdesk.grid.commitment.assembling import ABSENT
from powerdesk.grid.commitment.flows import Flows
from powerdesk.grid.commitment.plan import Dispatch
from powerdesk.solvers.mixed import MixedProgram

if TYPE_CHECKING:
    from powerdesk.grid.commitment.fleet import Fleet
    from powerdesk.grid.commitment.flows import Limits
    from powerdesk.grid.commitment.reducing import Programme
    from powerdesk.grid.commitment_case import CommitmentCase
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray

HALF = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Found:
    """A plan of the solver's, not yet checked."""

    on: BoolArray
    dispatch: Dispatch


class Model:
    """The programme of a case with the limits of lines that points have broken so far."""

    def __init__(self, case: CommitmentCase, fleet: Fleet, *, matched: bool = True) -> None:
        self.case, self.fleet = case, fleet
        self.flows = Flows(case) if len(case.buses) > 1 else None
        self.island = np.zeros(1, np.int64) if self.flows is None else self.flows.island
        self.made = formulation.build(case, fleet=fleet, island=self.island, matched=matched)
        columns, (low, high) = self.made.columns, self.made.rows.bounds()
        self.programme = reducing.Programme(
            cost=columns.cost(),
            lower=columns.lower(),
            upper=columns.upper(),
            whole=columns.whole(),
            rows=self.made.rows.matrix(columns.count),
            row_lower=low,
            row_upper=high,
            constant=self.made.constant_usd,
        )
        self.limits: list[Limits] = []
        self.giving = self.made.layout.giving

    def gives_mw(self, point: FloatArray) -> float:
        """Return the MW by which a point does what no plan may; it may be older than the latest limits."""
        return float(point[self.giving[self.giving < point.size]].sum())

    def strict(self) -> Programme:
        """Return the programme in which nothing gives way."""
        upper = self.programme.upper.copy()
        upper[self.giving] = 0.0
        return self.programme.bounded(self.programme.lower, upper)

    def net_mw(self, point: FloatArray) -> FloatArray:
        """Return what enters each bus less its load (n, n_bus)."""
        injected = self.made.injection @ point[: self.made.injection.shape[1]]
        net: FloatArray = injected.reshape(self.case.load_mw.shape) - self.case.load_mw
        return net

    @property
    def _flows(self) -> Flows:
        if self.flows is None:
            raise AssertionError("limits of lines where there is one bus")  # STYLE 19: a fault of the program
        return self.flows

    def broken(self, point: FloatArray) -> Limits | None:
        """Return the limits that a point breaks and that were not met before."""
        limits = None if self.flows is None else self.flows.exceeded(self.net_mw(point))
        return limits if limits is not None and limits.line.size else None

    def add(self, limits: Limits) -> tuple[sparse.csr_array, FloatArray, FloatArray]:
        """Add limits to the programme; return their rows, what loads put on them, and the new columns' costs.

        A new column is flow beyond a limit that has a price or may give way, along the line and against it.
        """
        n_column = self.programme.cost.size
        rows, load = self._flows.rows(limits, self.made.injection)
        hard = np.isinf(limits.beyond_usd_per_mwh)
        given_usd = self.made.layout.given_usd
        price = np.where(hard, given_usd, limits.beyond_usd_per_mwh * self.case.hours)
        soft = np.flatnonzero(np.isfinite(price))
        shape = (limits.line.size, n_column + 2 * soft.size)
        value = np.repeat((-1.0, 1.0), soft.size)
        extra = sparse.coo_array((value, (np.tile(soft, 2), n_column + np.arange(2 * soft.size))), shape=shape)
        rows.resize(shape)
        made = sparse.csr_array(rows + extra)
        cost = np.tile(price[soft], 2)
        self.giving = np.append(self.giving, n_column + np.flatnonzero(np.tile(hard[soft], 2)))
        self.programme = self.programme.grown(
            made, lower=-limits.limit_mw - load, upper=limits.limit_mw - load, cost=cost
        )
        self.limits.append(limits)
        return made, load, cost

    def given(self, given: BoolArray, on: BoolArray) -> Programme:
        """Return the programme with states `on` given where they are free, and their starts and output with them."""
        given = given & (self.fleet.on_most > self.fleet.on_least)
        layout, lower, upper = self.made.layout, self.programme.lower.copy(), self.programme.upper.copy()
        at = layout.on[given]
        lower[at] = upper[at] = on[given]
        fixed = lower[layout.on] == upper[layout.on]
        state = lower[layout.on]
        before_fixed = np.vstack((~np.isnan(self.fleet.was_on)[None, :], fixed[:-1]))
        before = np.vstack((np.nan_to_num(self.fleet.was_on)[None, :], state[:-1]))
        known = fixed & before_fixed
        starts = np.where((state > HALF) & (before < HALF), 1.0, 0.0)
        sure = layout.start[known]
        lower[sure] = np.minimum(starts[known], upper[sure])
        upper[sure] = lower[sure]
        off = fixed & (state < HALF)
        upper[layout.above[off]] = 0.0
        closed = layout.reserve[off]
        upper[closed[closed != ABSENT]] = 0.0
        return self.programme.bounded(lower, upper)

    def prices(self, duals: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what duals of rows pay each unit for a MW (n, n_unit), and for reserve (n, n_reserve), USD."""
        layout, programme = self.made.layout, self.programme
        told = np.append(duals, np.zeros(programme.row_lower.size - duals.size))
        of_system = np.zeros(told.size)
        of_system[layout.balance] = told[layout.balance]
        of_system[self.made.rows.count :] = told[self.made.rows.count :]
        return (programme.rows.T @ of_system)[layout.above], np.maximum(told[layout.requirement], 0.0)

    def meet(self, point: FloatArray) -> bool:
        """Add the limits that a point breaks; whether there were any."""
        limits = self.broken(point)
        if limits is None:
            return False
        self.add(limits)
        return True

    def read(self, point: FloatArray) -> Found:
        """Return the plan that a point of the programme says."""
        layout, values = self.made.layout, np.append(point, 0.0)
        on = values[layout.on] > HALF

        def of(held: IntArray) -> FloatArray:
            taken: FloatArray = np.where(held == ABSENT, 0.0, values[held])
            return taken

        return Found(
            on,
            Dispatch(
                power_mw=np.where(on, of(layout.above) + self.fleet.low, 0.0),
                reserve_mw=of(layout.reserve),
                variable_mw=of(layout.variable),
                served_mw=of(layout.served),
                link_mw=of(layout.link),
                shed_mw=of(layout.shed),
                short_mw=of(layout.short),
            ),
        )


def engine_of(programme: Programme) -> MixedProgram:
    """Return the solver that holds a programme."""
    return MixedProgram(
        cost=programme.cost,
        lower=programme.lower,
        upper=programme.upper,
        whole=programme.whole,
        rows=assembling.rows_of(programme.rows),
        row_bounds=(programme.row_lower, programme.row_upper),
        offset=programme.constant,
    )
