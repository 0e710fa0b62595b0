"""What SIM publishes: kinds of files, and one publication of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from powerdesk.kernel.intervals import DeliveryInterval


class Kind(StrEnum):
    """The files of SIM, each with its own rule of publication."""

    REAL_TIME_PRICES = "real-time-prices"
    """One five-minute interval, 15 s after its start."""
    CORRECTED_PRICES = "corrected-prices"
    """One five-minute interval cleared again with metered loads, 30 to 90 minutes after its end; rare."""
    SYSTEM_CONDITIONS = "system-conditions"
    """Actual load and fuel mix of one five-minute interval, 30 s after its end."""
    DAY_AHEAD_FORECASTS = "day-ahead-forecasts"
    """Load, wind and solar of one operating day by hour, at 10:00 market time of the day before."""
    DAY_AHEAD_PRICES = "day-ahead-prices"
    """One operating day by hour, at 13:00 market time of the day before."""
    HOURLY_FORECASTS = "hourly-forecasts"
    """Load, wind and solar of the coming 24 hours, two minutes after each hour."""


@dataclass(frozen=True, slots=True)
class Publication:
    """One file: its kind, the delivery time it covers, and when SIM publishes it (UTC)."""

    kind: Kind
    interval: DeliveryInterval
    published_at: datetime
