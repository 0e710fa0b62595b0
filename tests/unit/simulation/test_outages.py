"""Outages: a plausible share, for hours at a time, never splitting the grid."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from powerdesk.simulation import (
    fleet,
    network,
    outages,
)

WINTER_NIGHT = int(datetime(2026, 1, 14, 9, tzinfo=UTC).timestamp())
MOMENTS = [WINTER_NIGHT + number * 31 * 3600 for number in range(260)]


def test_outages__take_a_plausible_share_and_never_split_the_grid() -> None:
    units = fleet.fleet()
    seen = [outages.outages(seed=9, at_s=at_s, known_at_s=at_s) for at_s in MOMENTS]
    thermal = np.concatenate([units.of(kind) for kind in (fleet.Technology.COAL, fleet.Technology.GAS_TURBINE)])
    share = np.mean([one.units[thermal].mean() for one in seen])
    assert 0.01 < share < 0.12
    assert max(len(one.lines) for one in seen) >= 2
    assert all(network.joined(out_lines=one.lines) for one in seen)


def test_outages__last_for_hours_not_for_one_interval() -> None:
    changes = 0
    for number in range(400):
        at_s = WINTER_NIGHT + number * 3600
        one, other = (outages.outages(seed=9, at_s=moment, known_at_s=moment) for moment in (at_s, at_s + 300))
        changes += int((one.units != other.units).sum())
    assert changes < 20
