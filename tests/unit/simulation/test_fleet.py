"""Offers: rising steps that follow fuel and change from day to day."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from powerdesk.simulation import fleet, world

WINTER_NIGHT = int(datetime(2026, 1, 14, 9, tzinfo=UTC).timestamp())
DAY = date(2026, 7, 14).toordinal()
MOMENTS = [WINTER_NIGHT + number * 31 * 3600 for number in range(260)]


def test_offers__rise_within_a_unit_change_daily_and_follow_fuel() -> None:
    units = world.default().units
    prices = fleet.offer_prices(units, seed=1, day=DAY)
    assert prices.tolist() != fleet.offer_prices(units, seed=1, day=DAY + 1).tolist()
    for unit in range(len(units.names)):
        steps = prices[units.step_unit == unit]
        assert (np.diff(steps) > 0.0).all()
        assert units.step_mw[units.step_unit == unit].sum() == pytest.approx(units.capacity_mw[unit])
    gas = [fleet.gas_price_usd_per_mmbtu(seed=1, at_s=at_s) for at_s in MOMENTS]
    assert min(gas) >= 2.0
    assert max(gas) < 7.5
    assert max(gas) > min(gas) + 0.5
