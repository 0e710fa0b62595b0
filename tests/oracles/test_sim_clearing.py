"""SIM's clearing against another formulation by another solver, and against finite differences of what load costs."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import numpy as np
import pytest
from scipy import optimize, sparse

from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.simulation import dispatch, market, technology, times, world
from powerdesk.simulation.dispatch import Cleared, Dispatcher

SEED = 11
DAY = date(2026, 7, 13)
INSTANTS = tuple(datetime(2026, 7, 13, hour, 10, tzinfo=UTC) for hour in (9, 14, 20, 23))
STEP_MW = 0.02
SLOPE = 1e-3


@lru_cache(maxsize=8)
def cleared_at(start: datetime) -> Cleared:
    """Return an interval cleared without ramps, by a dispatcher of its own."""
    grid = world.default()
    hour_s, number = times.place_of(DeliveryInterval.of_minutes(start, 5))
    found = market.hour(grid, seed=SEED, start_s=hour_s)
    return cleared_with(found.cleared[number], found.available_mw[number], found.seen[number].bus_load_mw)


def cleared_with(one: Cleared, available_mw: np.ndarray, load_mw: np.ndarray) -> Cleared:
    return Dispatcher(world.default(), one.standing).clear(
        one.interval, load_mw=load_mw, available_mw=available_mw, previous_mw=None
    )


class Angles:
    """The programme by voltage angles, every limit at once, reserves and their curves included, by scipy.

    Loss factors and the constant of the loss line are those that the clearing froze; nothing else is taken from it,
    and no shift factor is used.
    """

    def __init__(self, one: Cleared, available_mw: np.ndarray) -> None:
        self.grid = world.default()
        self.one, self.available_mw = one, available_mw
        self.cost: list[float] = []
        self.upper: list[float] = []
        self.lower: list[float] = []
        self.rows: list[dict[int, float]] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def column(self, cost: float, lower: float, upper: float) -> int:
        """Add a column; return its position."""
        self.cost.append(cost)
        self.lower.append(lower)
        self.upper.append(upper)
        return len(self.cost) - 1

    def row(self, terms: dict[int, float], low: float, high: float) -> None:
        """Add a row of values by column."""
        self.rows.append(terms)
        self.low.append(low)
        self.high.append(high)

    def solve(self, load_mw: np.ndarray) -> float:
        """Return the least cost in USD/h, counted from zero output."""
        grid, one = self.grid, self.one
        n_bus, n_line = len(grid.buses), len(grid.lines)
        at_bus: list[dict[int, float]] = [{} for _ in range(n_bus)]
        steps = self._offers(at_bus)
        for zone in range(len(grid.zones)):
            bus = int(np.argmax(np.where(grid.bus_zone == zone, grid.load_share, -1.0)))
            at_bus[bus][self.column(dispatch.SHORTAGE_USD_PER_MWH, 0.0, np.inf)] = 1.0
            at_bus[bus][self.column(-dispatch.SURPLUS_USD_PER_MWH, 0.0, np.inf)] = -1.0
        angle = [self.column(0.0, -np.inf, np.inf) for _ in range(n_bus)]
        self.lower[angle[0]] = self.upper[angle[0]] = 0.0
        losses = self.column(0.0, -np.inf, np.inf)
        flow = [self._flow(line, angle) for line in range(n_line)]
        branches, weights = grid.network.branches, grid.system_weights
        factor = -one.loss / one.energy
        constant = one.losses_mw - float(factor @ (self._injected(one) - one.load_mw))
        loss_row = {losses: 1.0}
        for bus in range(n_bus):
            terms = dict(at_bus[bus])
            for column, sign in at_bus[bus].items():
                loss_row[column] = loss_row.get(column, 0.0) - sign * factor[bus]
            terms[losses] = -weights[bus]
            for line in range(n_line):
                if bus in (branches.from_bus[line], branches.to_bus[line]):
                    terms[flow[line]] = -1.0 if bus == branches.from_bus[line] else 1.0
            self.row(terms, load_mw[bus], load_mw[bus])
        right = constant - float(factor @ load_mw)
        self.row(loss_row, right, right)
        self._reserves(steps)
        return self._by_scipy()

    def _injected(self, one: Cleared) -> np.ndarray:
        made = np.bincount(self.grid.units.bus, one.dispatch_mw, len(self.grid.buses))
        assert one.shortage_mw.sum() == 0.0
        assert one.surplus_mw == 0.0
        return made

    def _offers(self, at_bus: list[dict[int, float]]) -> list[list[int]]:
        units, standing = self.grid.units, self.one.standing
        steps: list[list[int]] = []
        for unit in range(len(units)):
            on = (standing.running[unit] or not units.committed[unit]) and not standing.units_out[unit]
            least = units.min_mw[unit] if on else 0.0
            most = self.available_mw[unit] if on else 0.0
            mine, begin = [], 0.0
            for step in np.flatnonzero(units.step_unit == unit):
                end = begin + units.step_mw[step]
                lower, upper = (min(max(edge - begin, 0.0), end - begin) for edge in (least, most))
                mine.append(self.column(standing.offers[step], lower, upper))
                begin = end
            at_bus[units.bus[unit]] |= dict.fromkeys(mine, 1.0)
            steps.append(mine)
        return steps

    def _flow(self, line: int, angle: list[int]) -> int:
        branches, standing = self.grid.network.branches, self.one.standing
        if line in standing.lines_out:
            return self.column(0.0, 0.0, 0.0)
        flow = self.column(0.0, -np.inf, np.inf)
        stiff = 100.0 / branches.reactance_pu[line]
        ends = angle[branches.from_bus[line]], angle[branches.to_bus[line]]
        self.row({flow: 1.0, ends[0]: -stiff, ends[1]: stiff}, 0.0, 0.0)
        rating = standing.rating_mw[line]
        for sign in (1.0, -1.0):
            over = [self.column(one.price_usd_per_mwh, 0.0, one.width_mw) for one in dispatch.OVERLOAD_STEPS]
            self.row({flow: sign, **dict.fromkeys(over, -1.0)}, -np.inf, rating)
        return flow

    def _reserves(self, steps: list[list[int]]) -> None:
        units, standing = self.grid.units, self.one.standing
        spinning = {technology.Technology.COAL, technology.Technology.GAS_COMBINED_CYCLE, technology.Technology.HYDRO}
        contingency = dispatch.CONTINGENCY_SHARE * units.capacity_mw.max()
        needs = (dispatch.REGULATION_SHARE * standing.load_mw, contingency, contingency)
        serving: list[int] = []
        room: list[dict[int, float]] = [dict.fromkeys(mine, 1.0) for mine in steps]
        asked = 0.0
        for product, need in enumerate(needs):
            price = dispatch.RESERVE_OFFER_USD_PER_MWH[product]
            for unit, kind in enumerate(units.technology):
                on = not standing.units_out[unit] and (standing.running[unit] or not units.committed[unit])
                ten = min(2.0 * units.ramp_mw[unit], units.capacity_mw[unit] - units.min_mw[unit])
                offer = 0.0
                if on and kind in spinning:
                    offer = 0.5 * min(ten, units.ramp_mw[unit]) if product == 0 else ten
                elif on and units.quick[unit] and product == 2:
                    offer = units.capacity_mw[unit]
                if offer > 0.0:
                    award = self.column(price, 0.0, offer)
                    room[unit][award] = 1.0
                    serving.append(award)
            serving += [self.column(dear, 0.0, share * need) for share, dear in dispatch.RESERVE_CURVE[product]]
            asked += need
            self.row(dict.fromkeys(serving, 1.0), asked, np.inf)
        for unit, terms in enumerate(room):
            self.row(terms, -np.inf, max(units.capacity_mw[unit], 0.0))

    def _by_scipy(self) -> float:
        entries = [(at, column, value) for at, row in enumerate(self.rows) for column, value in row.items()]
        row, column, value = (np.array(part) for part in zip(*entries, strict=True))
        matrix = sparse.csr_array((value, (row, column)), shape=(len(self.rows), len(self.cost)))
        found = optimize.milp(
            np.array(self.cost),
            constraints=optimize.LinearConstraint(matrix, np.array(self.low), np.array(self.high)),
            bounds=optimize.Bounds(np.array(self.lower), np.array(self.upper)),
        )
        assert found.status == 0, found.message
        return float(found.fun)


def available(start: datetime) -> np.ndarray:
    hour_s, number = times.place_of(DeliveryInterval.of_minutes(start, 5))
    return market.hour(world.default(), seed=SEED, start_s=hour_s).available_mw[number]


@pytest.mark.parametrize("start", INSTANTS, ids=str)
def test_clearing__costs_what_the_angle_formulation_costs(start: datetime) -> None:
    one = cleared_at(start)
    whole = Angles(one, available(start)).solve(one.load_mw)
    assert one.objective == pytest.approx(whole, rel=1e-6)


def test_lmp__is_the_cost_of_one_more_mw_at_its_bus() -> None:
    """Loss factors stay frozen, as the market's definition has it; kinks are told by unequal slopes."""
    compared, congested = 0, 0
    for start in INSTANTS[1:3]:
        one = cleared_at(start)
        for bus in (0, 26, 45, 60):
            cost = []
            for change in (-STEP_MW, 0.0, STEP_MW):
                load_mw = one.load_mw.copy()
                load_mw[bus] += change
                cost.append(Angles(one, available(start)).solve(load_mw))
            left, right = (cost[1] - cost[0]) / STEP_MW, (cost[2] - cost[1]) / STEP_MW
            if abs(left - right) < SLOPE:
                assert one.lmp[bus] == pytest.approx((left + right) / 2.0, abs=SLOPE)
                compared += 1
                congested += bool(one.binding)
    assert compared >= 5
    assert congested >= 3


def test_shadow_price__is_what_one_more_mw_of_rating_saves() -> None:
    compared = 0
    for start in INSTANTS:
        one = cleared_at(start)
        for limit in one.binding:
            cost = []
            for change in (-STEP_MW, 0.0, STEP_MW):
                rating_mw = one.standing.rating_mw.copy()
                rating_mw[limit.position] += change
                changed = dataclasses.replace(one, standing=dataclasses.replace(one.standing, rating_mw=rating_mw))
                cost.append(Angles(changed, available(start)).solve(one.load_mw))
            left, right = (cost[0] - cost[1]) / STEP_MW, (cost[1] - cost[2]) / STEP_MW
            if abs(left - right) < SLOPE:
                assert limit.shadow_price_usd_per_mwh == pytest.approx((left + right) / 2.0, abs=SLOPE)
                compared += 1
    assert compared >= 2


def test_losses__are_near_the_quadratic_ones_of_the_flows() -> None:
    grid = world.default()
    for start in INSTANTS:
        one = cleared_at(start)
        true_mw = float((grid.network.branches.resistance_pu / 100.0 * one.flows_mw**2).sum())
        assert one.losses_mw == pytest.approx(true_mw, abs=0.005 * one.load_mw.sum())


def test_congestion__is_shadow_prices_times_shift_factors_of_the_system_reference() -> None:
    """Shift factors by a dense pseudo-inverse: nothing of the engine enters."""
    grid = world.default()
    branches, n_bus = grid.network.branches, len(grid.buses)
    for start in INSTANTS:
        one = cleared_at(start)
        susceptance = 1.0 / branches.reactance_pu
        susceptance[list(one.standing.lines_out)] = 0.0
        incidence = np.zeros((len(branches), n_bus))
        incidence[np.arange(len(branches)), branches.from_bus] = 1.0
        incidence[np.arange(len(branches)), branches.to_bus] = -1.0
        weighted = susceptance[:, None] * incidence
        factors = weighted @ np.linalg.pinv(incidence.T @ weighted)
        factors -= (factors @ grid.system_weights)[:, None]
        expected = np.zeros(n_bus)
        for limit in one.binding:
            expected -= limit.direction * limit.shadow_price_usd_per_mwh * factors[limit.position]
        assert one.congestion == pytest.approx(expected, abs=1e-6)


def test_days__keep_to_the_operating_day_across_clock_changes() -> None:
    for day, hours in ((date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (DAY, 24)):
        found = times.hours(operating_day=day)
        assert len(found) == hours
        assert found[-1].end - found[0].start == timedelta(hours=hours)
        assert all(one.adjoins(other) for one, other in itertools.pairwise(found))
