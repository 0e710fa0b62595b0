"""Offers: rising steps that follow fuel and hold for a day."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from powerdesk.simulation import (
    fleet,
)

WINTER_NIGHT = int(datetime(2026, 1, 14, 9, tzinfo=UTC).timestamp())
SUMMER_NOON = int(datetime(2026, 7, 14, 18, 30, tzinfo=UTC).timestamp())
MOMENTS = [WINTER_NIGHT + number * 31 * 3600 for number in range(260)]


def test_offers__rise_with_fuel_and_hold_for_a_day() -> None:
    units = fleet.fleet()
    prices = fleet.offer_prices(seed=1, at_s=SUMMER_NOON)
    assert prices.tolist() == fleet.offer_prices(seed=1, at_s=SUMMER_NOON // 86_400 * 86_400).tolist()
    for unit in range(len(units.names)):
        steps = prices[units.step_unit == unit]
        assert (np.diff(steps) > 0.0).all()
        assert units.step_share[units.step_unit == unit].sum() == pytest.approx(1.0)
    gas = [fleet.gas_price_usd_per_mmbtu(seed=1, at_s=at_s) for at_s in MOMENTS]
    assert min(gas) >= 2.0
    assert max(gas) < 7.5
    assert max(gas) > min(gas) + 0.5
