"""Prices by location: whole cents whose parts add up."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.simulation import (
    market,
    places,
    world,
)


def test_published_prices__are_whole_cents_whose_parts_add_up() -> None:
    grid, interval = world.default(), DeliveryInterval.of_minutes(datetime(2026, 1, 12, 6, tzinfo=UTC), 5)
    cleared = market.real_time(grid, seed=1, interval=interval)
    prices = places.location_prices(grid, cleared, size=300)
    assert np.abs(prices.price - (prices.energy + prices.congestion + prices.loss)).max() <= 1e-9
    assert np.abs(prices.price * 100.0 - np.round(prices.price * 100.0)).max() < 1e-6
    n_aggregate = len(places.places(grid, size=300).weights)
    assert prices.price[n_aggregate : n_aggregate + 73] == pytest.approx(cleared.lmp, abs=0.016)
