"""The units of a simulated market as arrays, what each offers, and what fuel costs; every number is invented."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.simulation import noise
from powerdesk.simulation.technology import FUELS, TRAITS, Technology

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]
    BoolArray = NDArray[np.bool_]

DAY_S = 86_400
FIXED_OFFER_SPREAD_USD_PER_MWH = 3.5
"""Deviation of offers that follow no fuel cost (contracts, tax credits, water) around the table's figure."""

QUICK_START_HOURS = 2.0
"""Running hours over which the offer of a quick unit spreads what its start costs."""

RUNNING_COST: dict[Technology, tuple[float, float]] = {
    # (multiple of the gas price, 0: a fuel price of its own), upkeep in USD/MWh
    Technology.COAL: (0.0, 3.5),
    Technology.GAS_COMBINED_CYCLE: (1.0, 2.5),
    Technology.GAS_TURBINE: (1.03, 6.0),
    Technology.OIL: (0.0, 8.0),
}
FUEL_USD_PER_MMBTU = {Technology.COAL: 1.75, Technology.OIL: 13.5}


@dataclass(frozen=True, eq=False)
class Fleet:
    """Units (n_unit,) and their offer steps (n_step,) as arrays; `step_unit` says whose step it is, units in order.

    Step prices are `fixed + spread x daily margin + multiple x running cost`. Start costs in USD.
    """

    names: tuple[str, ...]
    technology: tuple[Technology, ...]
    bus: IntArray
    min_mw: FloatArray
    capacity_mw: FloatArray
    heat_rate_mmbtu_per_mwh: FloatArray
    step_unit: IntArray
    step_mw: FloatArray
    step_fixed_usd_per_mwh: FloatArray
    step_spread_usd_per_mwh: FloatArray
    step_cost_multiple: FloatArray

    def __len__(self) -> int:
        return len(self.names)

    def of(self, *technologies: Technology) -> IntArray:
        """Return the positions of the units of these technologies."""
        return np.flatnonzero([one in technologies for one in self.technology])

    @cached_property
    def fuel(self) -> IntArray:
        """Position of each unit's fuel in FUELS (n_unit,)."""
        return np.array([FUELS.index(TRAITS[one].fuel) for one in self.technology], dtype=np.int64)

    @cached_property
    def committed(self) -> BoolArray:
        """Which units the day's commitment switches (n_unit,)."""
        return np.array([TRAITS[one].committed for one in self.technology])

    @cached_property
    def quick(self) -> BoolArray:
        """Which units may start within an interval of real time (n_unit,)."""
        return np.array([TRAITS[one].quick for one in self.technology])

    @cached_property
    def steady(self) -> BoolArray:
        """Which units run whenever they are not out (n_unit,)."""
        return np.array([one is Technology.NUCLEAR for one in self.technology], dtype=bool)

    @cached_property
    def ramp_mw(self) -> FloatArray:
        """What each unit may move in five minutes (n_unit,)."""
        share = np.array([TRAITS[one].ramp_share for one in self.technology])
        ramp: FloatArray = share * self.capacity_mw
        return ramp

    @cached_property
    def start_usd(self) -> FloatArray:
        """What a start of each unit costs (n_unit,)."""
        cost = np.array([TRAITS[one].start_usd_per_mw for one in self.technology])
        total: FloatArray = cost * self.capacity_mw
        return total


def of_units(rows: Sequence[tuple[str, Technology, str, float, float]], *, buses: Sequence[str]) -> Fleet:
    """Return the fleet of a table of (name, technology, bus, capacity in MW, heat rate in MMBtu/MWh)."""
    steps = [(i, *step, row[3]) for i, row in enumerate(rows) for step in TRAITS[row[1]].steps]
    multiple = np.array([step[3] for step in steps])
    started = [traits.start_usd_per_mw / QUICK_START_HOURS if traits.quick else 0.0 for traits in TRAITS.values()]
    started_of = dict(zip(TRAITS, started, strict=True))
    return Fleet(
        names=tuple(row[0] for row in rows),
        technology=tuple(row[1] for row in rows),
        bus=np.array([buses.index(row[2]) for row in rows], dtype=np.int64),
        min_mw=np.array([TRAITS[row[1]].min_share * row[3] for row in rows]),
        capacity_mw=np.array([row[3] for row in rows]),
        heat_rate_mmbtu_per_mwh=np.array([row[4] for row in rows]),
        step_unit=np.array([step[0] for step in steps], dtype=np.int64),
        step_mw=np.array([step[1] * step[4] for step in steps]),
        step_fixed_usd_per_mwh=np.array([step[2] + started_of[rows[step[0]][1]] for step in steps]),
        step_spread_usd_per_mwh=np.where(multiple == 0.0, FIXED_OFFER_SPREAD_USD_PER_MWH, 0.0),
        step_cost_multiple=multiple,
    )


def gas_price_usd_per_mmbtu(*, seed: int, at_s: int) -> float:
    """Return the invented gas price of the day that holds `at_s`: about 2 to 6, dearer in cold months."""
    day_s = at_s // DAY_S * DAY_S
    keys = noise.stream_keys(seed=seed, names=("gas-price",))
    wave = float(noise.smooth(keys, at_s=day_s, layers=((40 * DAY_S, 0.16), (6 * DAY_S, 0.07), (DAY_S, 0.03)))[0])
    winter = float(np.cos(2.0 * np.pi * (day_s / (365.2425 * DAY_S) - 0.04)))
    return max(2.0, 3.9 * (1.0 + wave) + 0.6 * winter)


@lru_cache(maxsize=64)
def offer_prices(units: Fleet, *, seed: int, day: int) -> FloatArray:
    """Return the offer price of each step (n_step,) in USD/MWh on a day since 1970; read-only.

    Fuel times heat rate plus upkeep, times the step's multiple, with a small margin that each unit changes daily.
    """
    gas = gas_price_usd_per_mmbtu(seed=seed, at_s=day * DAY_S)
    fuel_cost, upkeep = np.zeros(len(units)), np.zeros(len(units))
    for technology, (of_gas, other) in RUNNING_COST.items():
        chosen = units.of(technology)
        fuel_cost[chosen], upkeep[chosen] = FUEL_USD_PER_MMBTU.get(technology, of_gas * gas), other
    running = units.heat_rate_mmbtu_per_mwh * fuel_cost + upkeep
    margin = noise.normal(noise.stream_keys(seed=seed, names=tuple(f"offer:{name}" for name in units.names)), index=day)
    fixed = units.step_fixed_usd_per_mwh + units.step_spread_usd_per_mwh * margin[units.step_unit]
    scaled = units.step_cost_multiple * (running * (1.0 + 0.025 * margin))[units.step_unit]
    total: FloatArray = fixed + scaled
    total.setflags(write=False)
    return total
