"""The generating units of SIM, what each offers, and what fuel costs; every number is invented."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.simulation import network, noise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]
    IntArray = NDArray[np.int64]

DAY_S = 86_400
FIXED_OFFER_SPREAD_USD_PER_MWH = 3.5
"""Deviation of offers that follow no fuel cost (contracts, tax credits, water) around the table's figure."""


class Technology(StrEnum):
    """How a unit makes power."""

    NUCLEAR = "nuclear"
    COAL = "coal"
    GAS_COMBINED_CYCLE = "gas-cc"
    GAS_TURBINE = "gas-ct"
    OIL = "oil"
    HYDRO = "hydro"
    WIND = "wind"
    SOLAR = "solar"


FUELS = ("nuclear", "coal", "gas", "oil", "hydro", "wind", "solar")
"""Codes of the published fuel mix."""

FUEL_OF = {
    Technology.NUCLEAR: "nuclear",
    Technology.COAL: "coal",
    Technology.GAS_COMBINED_CYCLE: "gas",
    Technology.GAS_TURBINE: "gas",
    Technology.OIL: "oil",
    Technology.HYDRO: "hydro",
    Technology.WIND: "wind",
    Technology.SOLAR: "solar",
}

OFFER_STEPS: dict[Technology, tuple[tuple[float, float, float], ...]] = {
    # (share of available MW, fixed USD/MWh, multiple of running cost); a first block far below cost is self-scheduled
    Technology.NUCLEAR: ((0.85, -35.0, 0.0), (0.15, 9.0, 0.0)),
    Technology.COAL: ((0.35, -12.0, 0.0), (0.35, 0.0, 1.0), (0.20, 0.0, 1.1), (0.10, 0.0, 1.28)),
    Technology.GAS_COMBINED_CYCLE: ((0.35, 0.0, 0.90), (0.35, 0.0, 1.0), (0.18, 0.0, 1.15), (0.12, 0.0, 1.4)),
    Technology.GAS_TURBINE: ((0.55, 0.0, 1.0), (0.25, 0.0, 1.2), (0.20, 0.0, 1.8)),
    Technology.OIL: ((0.45, 0.0, 1.0), (0.25, 0.0, 1.7), (0.20, 0.0, 3.1), (0.10, 0.0, 6.0)),
    Technology.HYDRO: ((0.40, 4.0, 0.0), (0.40, 27.0, 0.0), (0.20, 58.0, 0.0)),
    Technology.WIND: ((0.70, -21.0, 0.0), (0.30, -9.0, 0.0)),
    Technology.SOLAR: ((0.70, -6.0, 0.0), (0.30, 0.0, 0.0)),
}

_N, _C, _CC = Technology.NUCLEAR, Technology.COAL, Technology.GAS_COMBINED_CYCLE
_CT, _O, _H = Technology.GAS_TURBINE, Technology.OIL, Technology.HYDRO
_W, _S = Technology.WIND, Technology.SOLAR

UNITS: tuple[tuple[str, Technology, str, float, float], ...] = (
    # name, technology, bus, capacity_mw, heat rate (MMBtu/MWh HHV) where fuel is burnt
    ("PINE_ISLAND_1", _N, "PINE_ISLAND", 1150.0, 0.0),
    ("WIDE_BEND_1", _N, "WIDE_BEND", 1080.0, 0.0),
    ("IRON_RANGE_1", _C, "IRON_RANGE", 620.0, 9.9),
    ("IRON_RANGE_2", _C, "IRON_RANGE", 610.0, 10.1),
    ("STOCKYARD_1", _C, "STOCKYARD", 540.0, 10.4),
    ("SALT_FORK_1", _C, "SALT_FORK", 580.0, 10.2),
    ("LONE_ELM_1", _C, "LONE_ELM", 450.0, 10.8),
    ("FOUNDRY_1", _CC, "FOUNDRY", 560.0, 6.9),
    ("FOUNDRY_2", _CC, "FOUNDRY", 560.0, 7.0),
    ("MILLRACE_1", _CC, "MILLRACE", 480.0, 7.2),
    ("UNION_YARD_1", _CC, "UNION_YARD", 520.0, 7.1),
    ("LAKEVIEW_1", _CC, "LAKEVIEW", 500.0, 7.0),
    ("MAPLE_RIDGE_1", _CC, "MAPLE_RIDGE", 470.0, 7.4),
    ("COTTONWOOD_1", _CC, "COTTONWOOD", 510.0, 6.8),
    ("OLD_FORT_1", _CC, "OLD_FORT", 490.0, 7.3),
    ("MESQUITE_1", _CT, "MESQUITE", 200.0, 9.5),
    ("WOLF_LAKE_1", _CT, "WOLF_LAKE", 200.0, 9.3),
    ("HERON_POINT_2", _CT, "HERON_POINT", 190.0, 9.7),
    ("REDROCK_2", _CT, "REDROCK", 210.0, 9.2),
    ("UNION_YARD_2", _CT, "UNION_YARD", 180.0, 10.3),
    ("FOUNDRY_3", _CT, "FOUNDRY", 200.0, 9.4),
    ("OLD_FORT_2", _CT, "OLD_FORT", 180.0, 9.9),
    ("AIRPORT_ROAD_1", _CT, "AIRPORT_ROAD", 190.0, 9.6),
    ("AIRPORT_ROAD_2", _CT, "AIRPORT_ROAD", 190.0, 9.8),
    ("COURTHOUSE_1", _CT, "COURTHOUSE", 170.0, 10.2),
    ("RIVERSIDE_1", _CT, "RIVERSIDE", 160.0, 10.6),
    ("ORCHARD_PARK_1", _CT, "ORCHARD_PARK", 180.0, 9.9),
    ("CAPITOL_1", _CT, "CAPITOL", 150.0, 11.2),
    ("NORTHGATE_1", _CT, "NORTHGATE", 160.0, 10.4),
    ("HERON_POINT_1", _CT, "HERON_POINT", 170.0, 10.1),
    ("TAMARACK_1", _CT, "TAMARACK", 140.0, 11.5),
    ("REDROCK_1", _CT, "REDROCK", 180.0, 10.0),
    ("LIMESTONE_1", _CT, "LIMESTONE", 160.0, 10.9),
    ("SUNFLOWER_1", _CT, "SUNFLOWER", 150.0, 11.3),
    ("COYOTE_FLAT_1", _CT, "COYOTE_FLAT", 140.0, 11.8),
    ("SADDLEBACK_1", _CT, "SADDLEBACK", 130.0, 12.4),
    ("GRAND_CROSSING_1", _O, "GRAND_CROSSING", 240.0, 10.8),
    ("OAKFIELD_1", _O, "OAKFIELD", 230.0, 11.4),
    ("CEDAR_BLUFF_1", _O, "CEDAR_BLUFF", 200.0, 11.9),
    ("JUNIPER_1", _O, "JUNIPER", 210.0, 12.3),
    ("MESQUITE_2", _O, "MESQUITE", 240.0, 11.2),
    ("TAMARACK_2", _O, "TAMARACK", 250.0, 11.0),
    ("COURTHOUSE_2", _O, "COURTHOUSE", 260.0, 10.9),
    ("LIMESTONE_2", _O, "LIMESTONE", 290.0, 10.7),
    ("RIVERSIDE_2", _O, "RIVERSIDE", 290.0, 10.6),
    ("BIRCHWOOD_1", _H, "BIRCHWOOD", 180.0, 0.0),
    ("STILLWATER_BEND_1", _H, "STILLWATER_BEND", 210.0, 0.0),
    ("SILVER_MINE_1", _H, "SILVER_MINE", 140.0, 0.0),
    ("SANDHILL_WIND", _W, "SANDHILL", 520.0, 0.0),
    ("BUFFALO_FORK_WIND", _W, "BUFFALO_FORK", 460.0, 0.0),
    ("HIGH_MESA_WIND", _W, "HIGH_MESA", 610.0, 0.0),
    ("DRY_CREEK_WIND", _W, "DRY_CREEK", 400.0, 0.0),
    ("WINDROW_WIND", _W, "WINDROW", 650.0, 0.0),
    ("PAINTED_BUTTE_WIND", _W, "PAINTED_BUTTE", 480.0, 0.0),
    ("RATTLESNAKE_WIND", _W, "RATTLESNAKE", 540.0, 0.0),
    ("BLUESTEM_WIND", _W, "BLUESTEM", 430.0, 0.0),
    ("ARROWHEAD_WIND", _W, "ARROWHEAD", 500.0, 0.0),
    ("GRANITE_MILL_WIND", _W, "GRANITE_MILL", 420.0, 0.0),
    ("PRAIRIE_VIEW_WIND", _W, "PRAIRIE_VIEW", 380.0, 0.0),
    ("ARROWHEAD_SOLAR", _S, "ARROWHEAD", 300.0, 0.0),
    ("SADDLEBACK_SOLAR", _S, "SADDLEBACK", 360.0, 0.0),
    ("SUNFLOWER_SOLAR", _S, "SUNFLOWER", 480.0, 0.0),
    ("SALT_FORK_SOLAR", _S, "SALT_FORK", 420.0, 0.0),
    ("PECAN_GROVE_SOLAR", _S, "PECAN_GROVE", 450.0, 0.0),
    ("WILLOW_SPRINGS_SOLAR", _S, "WILLOW_SPRINGS", 380.0, 0.0),
    ("JUNIPER_SOLAR", _S, "JUNIPER", 320.0, 0.0),
    ("MILLRACE_SOLAR", _S, "MILLRACE", 260.0, 0.0),
)


@dataclass(frozen=True, eq=False)
class Fleet:
    """Units (n_unit,) and their offer steps (n_step,) as arrays; `step_unit` says whose step it is."""

    names: tuple[str, ...]
    technology: tuple[Technology, ...]
    bus: IntArray
    capacity_mw: FloatArray
    heat_rate_mmbtu_per_mwh: FloatArray
    fuel: IntArray
    step_unit: IntArray
    step_share: FloatArray
    step_fixed_usd_per_mwh: FloatArray
    step_cost_multiple: FloatArray

    positions: Mapping[Technology, IntArray]

    def of(self, *technologies: Technology) -> IntArray:
        """Return the positions of the units of these technologies."""
        return np.concatenate([self.positions[one] for one in technologies])


@lru_cache(maxsize=1)
def fleet() -> Fleet:
    """Return the one fleet of SIM."""
    grid = network.network()
    rows = [(i, *step) for i, unit in enumerate(UNITS) for step in OFFER_STEPS[unit[1]]]
    return Fleet(
        names=tuple(unit[0] for unit in UNITS),
        technology=tuple(unit[1] for unit in UNITS),
        bus=np.array([grid.buses.index(unit[2]) for unit in UNITS], dtype=np.int64),
        capacity_mw=np.array([unit[3] for unit in UNITS]),
        heat_rate_mmbtu_per_mwh=np.array([unit[4] for unit in UNITS]),
        fuel=np.array([FUELS.index(FUEL_OF[unit[1]]) for unit in UNITS], dtype=np.int64),
        step_unit=np.array([row[0] for row in rows], dtype=np.int64),
        step_share=np.array([row[1] for row in rows]),
        step_fixed_usd_per_mwh=np.array([row[2] for row in rows]),
        step_cost_multiple=np.array([row[3] for row in rows]),
        positions=MappingProxyType({technology: _positions(technology) for technology in Technology}),
    )


def _positions(technology: Technology) -> IntArray:
    """Return the positions of the units of one technology."""
    return np.array([i for i, unit in enumerate(UNITS) if unit[1] is technology], dtype=np.int64)


def gas_price_usd_per_mmbtu(*, seed: int, at_s: int) -> float:
    """Return the invented gas price of the day that holds `at_s`: about 2 to 6, dearer in cold months."""
    day_s = at_s // DAY_S * DAY_S
    keys = noise.stream_keys(seed=seed, names=("gas-price",))
    wave = float(noise.smooth(keys, at_s=day_s, layers=((40 * DAY_S, 0.16), (6 * DAY_S, 0.07), (DAY_S, 0.03)))[0])
    winter = float(np.cos(2.0 * np.pi * (day_s / (365.2425 * DAY_S) - 0.04)))
    return max(2.0, 3.9 * (1.0 + wave) + 0.6 * winter)


def offer_prices(*, seed: int, at_s: int) -> FloatArray:
    """Return the offer price of each step (n_step,) in USD/MWh on the day that holds `at_s`; read-only.

    Fuel times heat rate plus upkeep, times the step's multiple, with a small margin that each unit changes daily.
    """
    return _offer_prices(seed, at_s // DAY_S)


@lru_cache(maxsize=64)
def _offer_prices(seed: int, day: int) -> FloatArray:
    units = fleet()
    gas = gas_price_usd_per_mmbtu(seed=seed, at_s=day * DAY_S)
    fuel_cost = np.zeros(len(UNITS))
    upkeep = np.zeros(len(UNITS))
    for technology, price, other in (
        (Technology.COAL, 1.75, 3.5),
        (Technology.GAS_COMBINED_CYCLE, gas, 2.5),
        (Technology.GAS_TURBINE, gas * 1.03, 6.0),
        (Technology.OIL, 13.5, 8.0),
    ):
        chosen = units.of(technology)
        fuel_cost[chosen], upkeep[chosen] = price, other
    running = units.heat_rate_mmbtu_per_mwh * fuel_cost + upkeep
    keys = noise.stream_keys(seed=seed, names=tuple(f"offer:{name}" for name in units.names))
    margin = noise.normal(keys, index=day)
    spread = np.where(units.step_cost_multiple == 0.0, FIXED_OFFER_SPREAD_USD_PER_MWH, 0.0)
    fixed = units.step_fixed_usd_per_mwh + spread * margin[units.step_unit]
    scaled = units.step_cost_multiple * (running * (1.0 + 0.025 * margin))[units.step_unit]
    total: FloatArray = fixed + scaled
    total.setflags(write=False)
    return total
