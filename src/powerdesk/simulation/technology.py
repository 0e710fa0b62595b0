"""What is alike in all units of a technology: how they may run, what a start costs, how they offer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


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


@dataclass(frozen=True, slots=True)
class Traits:
    """Minimum and 5-minute ramp as shares of capacity, hours, start cost in USD per MW, and the offer.

    `committed`: on or off by the day's commitment; others run as they can. `quick`: start within an interval, so they
    have no minimum, and their offers hold what a start costs. `steps` are (share of capacity, fixed USD/MWh, multiple
    of running cost), prices rising. `outage_chance` is that of one outage in 15 days.
    """

    fuel: str
    min_share: float
    ramp_share: float
    min_up_hours: int
    min_down_hours: int
    start_usd_per_mw: float
    committed: bool
    quick: bool
    outage_chance: float
    steps: tuple[tuple[float, float, float], ...]


_CT_STEPS = ((0.55, 0.0, 1.0), (0.25, 0.0, 1.2), (0.20, 0.0, 1.8))
TRAITS: Mapping[Technology, Traits] = MappingProxyType(
    {
        Technology.NUCLEAR: Traits(
            "nuclear", 0.85, 0.01, 48, 48, 250.0, True, False, 0.05, ((0.85, 7.0, 0.0), (0.15, 9.0, 0.0))
        ),
        Technology.COAL: Traits(
            "coal",
            0.40,
            0.04,
            12,
            8,
            90.0,
            True,
            False,
            0.20,
            ((0.40, 0.0, 1.0), (0.30, 0.0, 1.01), (0.20, 0.0, 1.1), (0.10, 0.0, 1.28)),
        ),
        Technology.GAS_COMBINED_CYCLE: Traits(
            "gas",
            0.40,
            0.09,
            6,
            4,
            45.0,
            True,
            False,
            0.13,
            ((0.40, 0.0, 0.97), (0.30, 0.0, 1.0), (0.18, 0.0, 1.15), (0.12, 0.0, 1.4)),
        ),
        Technology.GAS_TURBINE: Traits("gas", 0.0, 0.25, 0, 0, 22.0, False, True, 0.12, _CT_STEPS),
        Technology.OIL: Traits(
            "oil",
            0.0,
            0.20,
            0,
            0,
            18.0,
            False,
            True,
            0.12,
            ((0.45, 0.0, 1.0), (0.25, 0.0, 1.7), (0.20, 0.0, 3.1), (0.10, 0.0, 6.0)),
        ),
        Technology.HYDRO: Traits(
            "hydro", 0.0, 0.5, 0, 0, 0.0, False, False, 0.05, ((0.40, 4.0, 0.0), (0.40, 27.0, 0.0), (0.20, 58.0, 0.0))
        ),
        Technology.WIND: Traits(
            "wind", 0.0, 1.0, 0, 0, 0.0, False, False, 0.03, ((0.70, -21.0, 0.0), (0.30, -9.0, 0.0))
        ),
        Technology.SOLAR: Traits(
            "solar", 0.0, 1.0, 0, 0, 0.0, False, False, 0.03, ((0.70, -6.0, 0.0), (0.30, 0.0, 0.0))
        ),
    }
)
