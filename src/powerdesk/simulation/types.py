"""What SIM publishes: kinds of files, one publication of one kind, and the plan of a day that they are made with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime

    import numpy as np
    from numpy.typing import NDArray

    from powerdesk.kernel.intervals import DeliveryInterval


class Kind(StrEnum):
    """The files of SIM, each with its own rule of publication."""

    REAL_TIME_PRICES = "real-time-prices"
    """One five-minute interval, 15 s after its start."""
    CORRECTED_PRICES = "corrected-prices"
    """One five-minute interval cleared again with metered loads, 30 to 90 minutes after its end; rare."""
    REAL_TIME_CONSTRAINTS = "real-time-constraints"
    """Shadow prices and flows of one five-minute interval, together with its prices."""
    CORRECTED_CONSTRAINTS = "corrected-constraints"
    """Shadow prices and flows of an interval cleared again, together with its corrected prices."""
    SYSTEM_CONDITIONS = "system-conditions"
    """Actual load and fuel mix of one five-minute interval, 30 s after its end."""
    DAY_AHEAD_FORECASTS = "day-ahead-forecasts"
    """Load, wind and solar of one operating day by hour, at 10:00 market time of the day before."""
    DAY_AHEAD_PRICES = "day-ahead-prices"
    """One operating day by hour, at 13:00 market time of the day before."""
    DAY_AHEAD_CONSTRAINTS = "day-ahead-constraints"
    """Shadow prices, flows and the truth of one operating day by hour, together with its prices."""
    TRUTH = "truth"
    """What set the prices of one hour of five-minute intervals, and what was out, a minute after its end."""
    NETWORK_MODEL = "network-model"
    """Network, constraints and shift factors, as each operating day begins and when a line goes out or returns."""
    HOURLY_FORECASTS = "hourly-forecasts"
    """Load, wind and solar of the coming 24 hours, two minutes after each hour."""


FORMAT = 1
STAGES = {
    Kind.REAL_TIME_PRICES: "prelim",
    Kind.REAL_TIME_CONSTRAINTS: "prelim",
    Kind.CORRECTED_CONSTRAINTS: "corrected",
    Kind.DAY_AHEAD_CONSTRAINTS: "final",
    Kind.NETWORK_MODEL: "final",
    Kind.TRUTH: "final",
    Kind.CORRECTED_PRICES: "corrected",
    Kind.SYSTEM_CONDITIONS: "prelim",
    Kind.DAY_AHEAD_FORECASTS: "forecast",
    Kind.DAY_AHEAD_PRICES: "final",
    Kind.HOURLY_FORECASTS: "forecast",
}


@dataclass(frozen=True, slots=True)
class Publication:
    """One file: its kind, the delivery time it covers, and when SIM publishes it (UTC)."""

    kind: Kind
    interval: DeliveryInterval
    published_at: datetime


@dataclass(frozen=True, eq=False)
class Plan:
    """The hours of an operating day (starts in s since 1970) and which units run in them (n_hour, n_unit)."""

    operating_day: date
    starts_s: tuple[int, ...]
    running: NDArray[np.bool_]

    def running_at(self, start_s: int) -> NDArray[np.bool_]:
        """Return which units run in the hour that begins then (n_unit,)."""
        running: NDArray[np.bool_] = self.running[self.starts_s.index(start_s)]
        return running
