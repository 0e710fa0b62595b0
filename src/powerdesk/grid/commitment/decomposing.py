"""A bound and prices without a programme of all units: each unit for itself, prices raised where too little is offered.

    bound(prices) = sum of prices x what is asked + sum over units, loads, links of their least cost at the prices

is below the cost of every plan whatever the prices (Lagrangian relaxation of balances and reserve requirements; limits
of lines are left out, and ramps between intervals but for those from the output before the first). It is concave; a
quasi-Newton method climbs it, for the kinks of many units together are nearly smooth. Muckstadt, Koenig (1977), "An
application of Lagrangian relaxation to scheduling in power-generation systems"; Lewis, Overton (2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.commitment import formulation
from powerdesk.grid.commitment.chains import Chains

if TYPE_CHECKING:
    from powerdesk.grid.commitment.chains import Best
    from powerdesk.grid.commitment.fleet import Fleet
    from powerdesk.grid.commitment_case import CommitmentCase
    from powerdesk.grid.types import BoolArray, FloatArray, IntArray
    from powerdesk.solvers.budget import Budget

MOST_STEPS = 80
"""Evaluations of the bound: on pglib-uc's cases of 610 and 934 units 60 more raise it by less than 1e-5."""

MOST_RAMP_MW = 1e9


@dataclass(frozen=True, eq=False, slots=True)
class Prices:
    """USD for a MW over an interval: `energy` (n, n_island), `reserve` (n, n_reserve), the latter not negative."""

    energy: FloatArray
    reserve: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Bound:
    """What no plan costs less than, MW that the units' best plans leave missing at the prices, and those plans.

    `usd` is infinite where times and orders leave a unit no plan at all.
    """

    usd: float
    missing_mw: FloatArray
    missing_reserve_mw: FloatArray
    best: Best


@dataclass(frozen=True, eq=False, slots=True)
class _Offer:
    """What running adds at prices (n, n_unit): USD, MW above the minimum, and MW left for upward reserve."""

    usd: FloatArray
    above: FloatArray
    room: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class _Free:
    """What is chosen in each interval for itself (n, m): USD per MW, least and most MW, and what a MW puts where."""

    cost: FloatArray
    least: FloatArray
    most: FloatArray
    into: FloatArray

    def at(self, price: FloatArray) -> tuple[float, FloatArray]:
        """Return the least cost at prices (n, k), and what is put into each place (n, k)."""
        margin = self.cost - price @ self.into.T
        taken = np.where(margin < 0.0, self.most, self.least)
        return float((margin * taken).sum()), taken @ self.into


class Decomposition:
    """A case taken apart; `island` (n_bus,) numbers the parts that balance for themselves."""

    def __init__(self, case: CommitmentCase, *, fleet: Fleet, island: IntArray) -> None:
        self.fleet = fleet
        self.chains = Chains(case, fleet=fleet)
        position = {name: at for at, name in enumerate(case.buses)}
        self._of_bus = np.eye(int(island.max(initial=-1)) + 1)[island]
        self._home = np.array([island[position[one.bus]] for one in case.units], np.int64)
        self.load_mw = case.load_mw @ self._of_bus
        n = self.load_mw.shape[0]
        self.asked_mw = np.array([one.requirement_mw for one in case.reserves]).reshape(-1, n).T
        self._free = self._freely(case, position)
        price = np.array([one.shortfall_usd_per_mwh for one in case.reserves])
        priced = np.isfinite(price)
        self._short = _Free(
            np.tile(np.where(priced, price, 0.0) * case.hours, (n, 1)),
            np.zeros(self.asked_mw.shape),
            np.where(priced, self.asked_mw, 0.0),
            np.eye(len(case.reserves)),
        )
        self._most_reserve_price = np.broadcast_to(price * case.hours, self.asked_mw.shape)
        may, up = formulation.eligible(case), formulation.upward(case)
        self._up, self._down = may & up, may & ~up
        edge = np.cumsum(fleet.width_mw, axis=2) - fleet.width_mw
        self._widths = [
            np.clip((limit - fleet.low)[:, :, None] - edge, 0.0, fleet.width_mw)
            for limit in (fleet.high, fleet.start_limit, fleet.stop_limit, _rising(fleet))
        ]

    def _freely(self, case: CommitmentCase, position: dict[str, int]) -> _Free:
        """Return variable units, priced loads, links and demand not served."""
        n, hours, rows = self.load_mw.shape[0], case.hours, self._of_bus
        dear = case.shortfall_usd_per_mwh * hours
        made: list[tuple[FloatArray | float, FloatArray | float, FloatArray | float, FloatArray]] = [
            *(
                (one.linear_usd_per_mwh * hours, one.min_mw, one.max_mw, rows[position[one.bus]])
                for one in case.variable_units
            ),
            *((-one.value_usd_per_mwh * hours, 0.0, one.max_mw, -rows[position[one.bus]]) for one in case.priced_loads),
            *(
                (0.0, one.min_mw, one.max_mw, rows[position[one.to_bus]] - rows[position[one.from_bus]])
                for one in case.links
            ),
        ]
        if np.isfinite(dear):
            most = np.maximum(case.load_mw, 0.0) @ rows
            made += [(dear, 0.0, most[:, at], one) for at, one in enumerate(np.eye(rows.shape[1]))]
        cost, least, most_mw = (
            np.array([np.broadcast_to(one[at], (n,)) for one in made]).reshape(-1, n).T for at in range(3)
        )
        return _Free(cost, least, most_mw, np.array([one[3] for one in made]).reshape(-1, rows.shape[1]))

    def _best(self, energy: FloatArray, offers: list[_Offer]) -> Best:
        """Return the units' best plans at prices of energy (n, n_unit) and what they offer at them."""
        full, first, last, going = offers
        return self.chains.best(
            self.fleet.least_usd - energy * self.fleet.low + full.usd,
            begin=first.usd - full.usd,
            end=last.usd - full.usd,
            going=going.usd - full.usd,
        )

    def _offers(self, energy: FloatArray, reserve: FloatArray) -> list[_Offer]:
        """Return offers of units that run on, begin, are about to stop, or ran before the horizon."""
        best_up = _dearest(reserve, self._up)[1]
        value = energy - best_up + _dearest(reserve, self._down)[1]
        return [_offer(width, self.fleet.slope - value[:, :, None], best_up) for width in self._widths]

    def surplus(self, energy: FloatArray, reserve: FloatArray) -> FloatArray:
        """Return how clearly each unit is on at prices of energy (n, n_unit) and reserves, as `Best.surplus` does."""
        return self._best(energy, self._offers(energy, reserve)).surplus()

    def bound(self, prices: Prices) -> Bound:
        """Return the bound at prices."""
        energy = prices.energy[:, self._home]
        offers = self._offers(energy, prices.reserve)
        best = self._best(energy, offers)
        full, first, last, going = offers
        on, begins, ends = best.states()
        since = np.logical_and.accumulate(on) & (self.fleet.was_on == 1.0)
        here = [begins & ~(ends & (last.usd > first.usd)), ends, since]
        above = np.select(here, [first.above, last.above, going.above], full.above) * on
        room = np.select(here, [first.room, last.room, going.room], full.room) * on
        free_usd, free_mw = self._free.at(prices.energy)
        short_usd, short_mw = self._short.at(prices.reserve)
        missing, missing_reserve = self.load_mw - free_mw, self.asked_mw - short_mw
        np.subtract.at(missing.T, self._home, (above + self.fleet.low * on).T)
        up, down = (_dearest(prices.reserve, may)[0] for may in (self._up, self._down))
        for product in range(missing_reserve.shape[1]):
            given = room * (up == product) + above * (down == product)
            missing_reserve[:, product] -= given.sum(axis=1)
        asked = float((prices.energy * self.load_mw).sum() + (prices.reserve * self.asked_mw).sum())
        return Bound(float(best.usd().sum()) + free_usd + short_usd + asked, missing, missing_reserve, best)

    def climb(self, *, most_steps: int = MOST_STEPS, budget: Budget | None = None) -> Bound:
        """Return the highest bound met on the way up from prices of the merit order, until the time ends."""
        from scipy import optimize  # noqa: PLC0415 - 15 MB of a process that plans days of few units without it

        start = self._merit_order()
        n, shape = start.size, self.asked_mw.shape
        scale = max(float(np.abs(start).mean()), 1.0)
        found: list[Bound] = []

        def falling(point: FloatArray) -> tuple[float, FloatArray]:
            prices = Prices(scale * point[:n].reshape(start.shape), scale * point[n:].reshape(shape))
            bound = self.bound(prices)
            if not found or bound.usd > found[0].usd:
                found[:] = [bound]
            slope = np.concatenate((bound.missing_mw.ravel(), bound.missing_reserve_mw.ravel()))
            return -bound.usd, -scale * slope

        def until(_: FloatArray) -> None:
            if budget is not None and budget.left_s() <= 0.0:
                raise StopIteration  # what ends scipy's search

        ceiling = self._most_reserve_price.ravel() / scale
        optimize.minimize(
            falling,
            np.concatenate((start.ravel() / scale, np.zeros(self.asked_mw.size))),
            jac=True,
            method="L-BFGS-B",
            bounds=optimize.Bounds(
                np.append(np.full(n, -np.inf), np.zeros(ceiling.size)), np.append(np.full(n, np.inf), ceiling)
            ),
            callback=until,
            options={"maxfun": most_steps, "maxiter": most_steps, "maxcor": 20},
        )
        return found[0]

    def _merit_order(self) -> FloatArray:
        """Return what the last unit needed costs at full load (n, n_island), of those that may run."""
        fleet = self.fleet
        usd = fleet.least_usd + (fleet.width_mw * fleet.slope).sum(axis=2)
        cost = np.divide(usd, fleet.high, out=np.zeros(usd.shape), where=fleet.high > 0.0)
        need = self.load_mw - self._free.most @ np.maximum(self._free.into, 0.0)
        need += self.asked_mw.sum(axis=1)[:, None] / need.shape[1]
        price = np.zeros(need.shape)
        for at in range(need.shape[1]):
            here = np.flatnonzero(self._home == at)
            for t in range(need.shape[0] if here.size else 0):
                order = here[np.argsort(cost[t, here], kind="stable")]
                total = np.cumsum(fleet.high[t, order] * fleet.on_most[t, order])
                price[t, at] = cost[t, order[min(int(np.searchsorted(total, need[t, at])), order.size - 1)]]
        return price


def _rising(fleet: Fleet) -> FloatArray:
    """Return the most that a run from before the horizon gives, by what it gave then and its ramp (n, n_unit)."""
    count = np.arange(1, fleet.low.shape[0] + 1)[:, None]
    most = fleet.before_mw + count * np.minimum(fleet.ramp_up, MOST_RAMP_MW)
    return np.clip(np.where(np.isnan(fleet.before_mw), fleet.high, most), fleet.low, fleet.high)


def _dearest(price: FloatArray, may: BoolArray) -> tuple[IntArray, FloatArray]:
    """Return which product each unit (n, n_unit) earns most by, -1 for none, and its price, 0 for none."""
    if price.shape[1] == 0:
        return np.full((price.shape[0], may.shape[0]), -1), np.zeros((price.shape[0], may.shape[0]))
    offered = np.where(may, price[:, None, :], -1.0)
    which, most = offered.argmax(axis=2), offered.max(axis=2)
    return np.where(most < 0.0, -1, which), np.maximum(most, 0.0)


def _offer(width: FloatArray, margin: FloatArray, best_up: FloatArray) -> _Offer:
    """Return the best output of segments `width` at `margin` USD/MW (n, n_unit, k); it lies at one of their ends."""
    usd, size = np.cumsum(width * margin, axis=2), np.cumsum(width, axis=2)
    at = usd.argmin(axis=2)[:, :, None]
    least = np.take_along_axis(usd, at, axis=2)[:, :, 0]
    above = np.where(least < 0.0, np.take_along_axis(size, at, axis=2)[:, :, 0], 0.0)
    room = size[:, :, -1]
    return _Offer(np.minimum(least, 0.0) - best_up * room, above, room - above)
