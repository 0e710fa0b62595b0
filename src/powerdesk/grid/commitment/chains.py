"""Each unit's best plan at given costs of running, exactly and for all units at once.

A plan is a chain of runs and rests, found backwards over the horizon:

    V_on(a)  = min over b of  running cost of [a, b) + stop + V_off(b),    b - a >= the least up time
    V_off(b) = min over a of  start cost after a - b off + V_on(a),        a - b >= the least down time

Costs are USD; shapes begin with the interval unless said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.commitment import fleet as fleets

if TYPE_CHECKING:
    from powerdesk.grid.commitment.fleet import Fleet
    from powerdesk.grid.commitment_case import CommitmentCase
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray


class Chains:
    """What runs and rests cost in themselves, infinite where a unit may not have them.

    `run` and `rest` are (n + 1, n_unit, n + 1), from their first interval to the one after their last; `first_run` and
    `first_rest` (n_unit, n + 1) go on from before the horizon.
    """

    def __init__(self, case: CommitmentCase, *, fleet: Fleet) -> None:
        self.n, self.n_unit = fleet.low.shape
        at = np.arange(self.n + 1)
        length = at - at[:, None]
        forbidden, ordered = _until(fleet.on_most == 0.0), _until(fleet.on_least == 1.0)
        stop = np.where(at < self.n, np.array([[one.stop_cost_usd] for one in case.units]).reshape(-1, 1), 0.0)
        ends = (at == self.n) & (length > 0)  # nobody knows how long a state lasts that the horizon ends
        usd = self._start_usd(case, np.tile(case.hours * at, (self.n_unit, 1)))
        rest = np.where(at == self.n, 0.0, usd[:, np.maximum(length, 0)].transpose(1, 0, 2))
        self.run = np.where(_lasting(length, fleet.up_steps, ends) & (at <= forbidden[:, :, None]), stop, np.inf)
        self.rest = np.where(_lasting(length, fleet.down_steps, ends) & (at <= ordered[:, :, None]), rest, np.inf)
        unknown = np.isnan(fleet.was_on)
        off = np.where(unknown[:, None], np.inf, fleet.hours_off[:, None] + case.hours * at)
        first_rest = np.where(at == self.n, 0.0, self._start_usd(case, off))
        was, was_not = (fleet.was_on != 0.0)[:, None], (fleet.was_on != 1.0)[:, None]
        self.first_run = np.where((at <= forbidden[0][:, None]) & was, stop, np.inf)
        self.first_rest = np.where((at <= ordered[0][:, None]) & was_not, first_rest, np.inf)
        self.first_run[unknown, 0] = self.first_rest[unknown, 0] = np.inf  # an unknown state does not change

    def _start_usd(self, case: CommitmentCase, hours_off: FloatArray) -> FloatArray:
        made = [fleets.start_usd(one, hours_off[at]) for at, one in enumerate(case.units)]
        return np.array(made).reshape(hours_off.shape)

    def best(self, usd: FloatArray, *, begin: FloatArray, end: FloatArray, going: FloatArray) -> Best:
        """Return the units' best chains at costs of running `usd`, all (n, n_unit).

        `begin` and `end` are what a run's first interval and its last before a stop add, the larger where they are
        one; `going` is what each interval adds of a run that began before the horizon.
        """
        n, n_unit = self.n, self.n_unit
        nothing = np.zeros((n_unit, 1))
        total = np.hstack((nothing, np.cumsum(usd, axis=0).T))
        closing = np.hstack((nothing, end[:-1].T, nothing))  # nobody knows a stop after the last interval
        first = self.first_run + total + closing + np.hstack((nothing, np.cumsum(going, axis=0).T))
        on, off = np.zeros((n_unit, n + 1)), np.zeros((n_unit, n + 1))
        found = Best(self, total, closing, begin, first, on, off, *np.zeros((2, n, n_unit), np.int64))
        unit = np.arange(n_unit)
        for t in range(n - 1, -1, -1):
            runs = (found.runs(t) + off)[:, t + 1 :]
            chosen = runs.argmin(axis=1)
            on[:, t], found.until_on[t] = runs[unit, chosen], chosen + t + 1
            rests = (self.rest[t] + on)[:, t + 1 :]
            chosen = rests.argmin(axis=1)
            off[:, t], found.until_off[t] = rests[unit, chosen], chosen + t + 1
        return found


@dataclass(frozen=True, eq=False, slots=True)
class Best:
    """Costs to go of a run (`on`) and of a rest (`off`) from an index (n_unit, n + 1), and until when each lasts.

    `total` is the cost of running until an index, `closing` what a stop there adds, `first` what a run costs that goes
    on until there (n_unit, n + 1); `begin`, `until_on` and `until_off` are (n, n_unit).
    """

    chains: Chains
    total: FloatArray
    closing: FloatArray
    begin: FloatArray
    first: FloatArray
    on: FloatArray
    off: FloatArray
    until_on: IntArray
    until_off: IntArray

    def runs(self, t: int) -> FloatArray:
        """Return what runs from interval t until each index cost (n_unit, n + 1)."""
        usd: FloatArray = self.chains.run[t] + self.total + self.closing + (self.begin[t] - self.total[:, t])[:, None]
        usd[:, t + 1] -= np.minimum(self.begin[t], self.closing[:, t + 1])
        return usd

    def _first(self) -> tuple[FloatArray, FloatArray]:
        return self.first + self.off, self.chains.first_rest + self.on

    def usd(self) -> FloatArray:
        """Return each unit's cost (n_unit,), infinite where orders leave it no plan."""
        run, rest = self._first()
        least: FloatArray = np.minimum(run.min(axis=1), rest.min(axis=1))
        return least

    def states(self) -> tuple[BoolArray, BoolArray, BoolArray]:
        """Return where units are on, where runs begin and which interval is a run's last before a stop (n, n_unit)."""
        run, rest = self._first()
        running = run.min(axis=1) <= rest.min(axis=1)
        until = np.where(running, run.argmin(axis=1), rest.argmin(axis=1))
        on, begins, ends = np.zeros((3, self.chains.n, self.chains.n_unit), bool)
        for t in range(self.chains.n):
            change = until == t
            if t:
                ends[t - 1] = change & running
            running = running ^ change
            begins[t] = change & running
            until = np.where(change, np.where(running, self.until_on[t], self.until_off[t]), until)
            on[t] = running
        return on, begins, ends

    def surplus(self) -> FloatArray:
        """Return by how much each unit's best plan with it off in an interval costs more than with it on (n, n_unit).

        Infinite where it must run, minus infinity where it cannot; positive where its best plan has it on; 0 for a unit
        that orders leave no plan.
        """
        chains, (run, rest) = self.chains, self._first()
        on, off = np.full((2, chains.n_unit, chains.n), np.inf)
        _spread(on, run, 0)
        _spread(off, rest, 0)
        started, stopped = chains.first_rest.T, self.first.T
        for t in range(chains.n):
            runs = self.runs(t) + started[t][:, None]
            rests = chains.rest[t] + stopped[t][:, None]
            _spread(on, runs + self.off, t)
            _spread(off, rests + self.on, t)
            started, stopped = np.minimum(started, rests.T), np.minimum(stopped, runs.T)
        more: FloatArray = np.subtract(off, on, out=np.zeros_like(on), where=np.isfinite(on) | np.isfinite(off)).T
        return more


def _until(closed: BoolArray) -> IntArray:
    """Return the next interval from each index on that is closed (n + 1, n_unit), n where there is none."""
    n, n_unit = closed.shape
    found = np.full((n + 1, n_unit), n, np.int64)
    for t in range(n - 1, -1, -1):
        found[t] = np.where(closed[t], t, found[t + 1])
    return found


def _lasting(length: IntArray, least: IntArray, ends: BoolArray) -> BoolArray:
    """Return where a state from one index to another lasts long enough (n + 1, n_unit, n + 1)."""
    return np.asarray((length[:, None, :] >= least[:, None]) | ends[:, None, :])


def _spread(least: FloatArray, usd: FloatArray, first: int) -> None:
    """Lower `least` (n_unit, n) to the cheapest of what lasts from `first` until an index (n_unit, n + 1) after it."""
    later = np.minimum.accumulate(usd[:, :first:-1], axis=1)[:, ::-1]
    np.minimum(least[:, first:], later, out=least[:, first:])
