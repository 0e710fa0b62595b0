"""Costs of units as rows and columns: prices that rise, segments in order where they fall, starts by hours off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.commitment import fleet as fleets
from powerdesk.grid.commitment.assembling import ABSENT

if TYPE_CHECKING:
    from powerdesk.grid.commitment.assembling import Columns, Rows
    from powerdesk.grid.commitment.fleet import Fleet
    from powerdesk.grid.commitment_case import CommitmentCase
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray


class UnitCosts:
    """Costs of units in a programme in the making; `on`, `start`, `above` are where columns stand (n, n_unit)."""

    def __init__(self, case: CommitmentCase, fleet: Fleet, *, columns: Columns, rows: Rows) -> None:
        self.case, self.fleet, self.columns, self.rows = case, fleet, columns, rows
        self.n = fleet.low.shape[0]

    def rising(self, on: IntArray, above: IntArray) -> None:
        """Add the cost above the first segment's line: y >= that of each later segment, for units whose slopes rise."""
        fleet = self.fleet
        later = (fleet.width_mw[:, :, 1:] > 0.0) & fleet.convex[None, :, None]
        rises = fleet.slope[:, :, 1:] - fleet.slope[:, :, :1]
        # line j at p: slope_1 p + sum over i < j of (slope_{i+1} - slope_i)(p - corner_i)
        edge = np.cumsum(fleet.width_mw, axis=2)[:, :, :-1]
        offset = np.cumsum(np.diff(fleet.slope, axis=2) * edge, axis=2)
        extra = self.columns.add(later.shape[:2], cost=1.0, where=np.asarray(later.any(axis=2)))
        for j in range(later.shape[2]):
            self.rows.add(
                "a cost",
                (extra, 1.0),
                (above, -rises[:, :, j]),
                (on, offset[:, :, j]),
                lower=0.0,
                where=later[:, :, j],
            )

    def ordered(self, on: IntArray, above: IntArray) -> IntArray:
        """Add segments that must be filled in order, for units whose slopes fall somewhere; return the order's columns.

        Where the slope falls after segment j a whole number says that all segments up to j are full.
        """
        fleet = self.fleet
        depth = fleet.slope.shape[2]
        shape = (self.n, fleet.slope.shape[1], depth)
        odd = np.broadcast_to(~fleet.convex[None, :, None], shape) & (fleet.width_mw > 0.0)
        if not odd.any():
            return np.full((self.n, shape[1], 0), ABSENT, np.int64)
        part = self.columns.add(shape, upper=fleet.width_mw, cost=fleet.slope, where=odd)
        whole = np.asarray(odd.any(axis=2))
        self.rows.add("a segment", (part, 1.0), (above, -1.0), lower=0.0, upper=0.0, where=whole)
        falls = odd[:, :, 1:] & (np.diff(fleet.slope, axis=2) < 0.0)
        full = self.columns.add(falls.shape, upper=1.0, where=falls, whole=True)
        for j in range(depth):
            self.rows.add(
                "a segment",
                (part[:, :, j], 1.0),
                (on, -fleet.width_mw[:, :, j]),
                upper=0.0,
                where=whole & odd[:, :, j],
            )
            for k in range(depth - 1):
                here = falls[:, :, k] & odd[:, :, j]
                size = fleet.width_mw[:, :, j]
                if k >= j:
                    self.rows.add("a segment", (part[:, :, j], 1.0), (full[:, :, k], -size), lower=0.0, where=here)
                else:
                    self.rows.add("a segment", (part[:, :, j], 1.0), (full[:, :, k], -size), upper=0.0, where=here)
        return full

    def starts(self, on: IntArray, start: IntArray) -> None:
        """Add what a start that is not cold saves: one of each kind, where a stop fell into its window of hours off."""
        depth = max((len(one.start_costs) for one in self.case.units), default=0) - 1
        if depth < 1:
            return
        begin, end, saved = self._windows(depth)
        late = np.arange(self.n)[:, None, None]
        shape = (self.n, *begin.shape)
        least = np.isnan(self.fleet.was_on).astype(np.int64)[None, :, None]  # nothing is known to stop before
        newest, oldest = late - begin, np.maximum(late - end, least)
        off = self.fleet.hours_off[:, None] + self.case.hours * late
        reach = (
            (self.fleet.was_on == 0.0)[:, None] & (off >= begin * self.case.hours) & (off < (end + 1) * self.case.hours)
        )
        where = (saved > 0.0) & ((newest >= oldest) | reach)
        kind = self.columns.add(shape, upper=1.0, cost=np.broadcast_to(-saved, shape), where=where)
        self.rows.add("a start's cost", (kind, 1.0), (start, -1.0), upper=0.0, where=np.asarray(where.any(axis=2)))
        for at in range(depth):
            self._window_rows(kind[:, :, at], (on, start), (newest[:, :, at], oldest[:, :, at]), reach[:, :, at])

    def _windows(self, depth: int) -> tuple[IntArray, IntArray, FloatArray]:
        """Return first and last intervals off of each window, and what it saves against cold (n_unit, depth)."""
        n_unit, hours = len(self.case.units), self.case.hours
        begin, end, saved = (
            np.ones((n_unit, depth), np.int64),
            np.zeros((n_unit, depth), np.int64),
            np.zeros((n_unit, depth)),
        )
        for at, unit in enumerate(self.case.units):
            first = [fleets.steps(one.after_hours_off, hours) for one in unit.start_costs]
            for kind in range(len(first) - 1):
                begin[at, kind] = max(first[kind] if kind else 1, int(self.fleet.down_steps[at]))
                end[at, kind] = first[kind + 1] - 1
                saved[at, kind] = unit.start_costs[-1].cost_usd - unit.start_costs[kind].cost_usd
        return begin, end, saved

    def _window_rows(
        self, kind: IntArray, states: tuple[IntArray, IntArray], span: tuple[IntArray, IntArray], reach: BoolArray
    ) -> None:
        """Add kind <= stops of the intervals oldest to newest: starts less the rise of the state over them."""
        (on, start), (newest, oldest) = states, span
        n_unit, some = kind.shape[1], newest >= oldest
        owner = np.arange(n_unit)[None, :]
        longest = int(np.max(np.where(some, newest - oldest + 1, 0), initial=0))
        at = oldest[:, :, None] + np.arange(longest)[None, None, :]
        inside = at <= newest[:, :, None]
        starts = np.where(inside, start[np.minimum(at, self.n - 1), owner[:, :, None]], ABSENT)
        after = np.where(some, on[np.maximum(newest, 0), owner], ABSENT)
        before = np.where(some & (oldest > 0), on[np.maximum(oldest - 1, 0), owner], ABSENT)
        given = np.where(some & (oldest == 0), np.nan_to_num(self.fleet.was_on)[None, :], 0.0)
        self.rows.add(
            "a start's cost",
            (kind, 1.0),
            (starts, -1.0),
            (after, 1.0),
            (before, -1.0),
            upper=given + reach,
            where=kind != ABSENT,
        )
