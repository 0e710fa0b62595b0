"""The clearing of an interval: parts add up, power balances, limits hold, two buses have known prices."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.simulation import dispatch, fleet, market, world
from powerdesk.simulation.dispatch import Dispatcher, Standing
from powerdesk.simulation.technology import Technology

HOUR = DeliveryInterval.of_minutes(datetime(2026, 1, 1, tzinfo=UTC), 60)
CHEAP, DEAR = 15.0, 40.0


@pytest.fixture
def no_reserves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Require no reserve: two plants could give none."""
    monkeypatch.setattr(dispatch, "CONTINGENCY_SHARE", 0.0)


def two_buses() -> tuple[world.World, Standing]:
    """Cheap plant at SANDHILL, dear one at BUFFALO_FORK with nearly all load; only these two buses and their line."""
    whole = world.default()
    network = whole.network
    kept = slice(0, 2)
    buses = dataclasses.replace(
        network.buses,
        **{one.name: getattr(network.buses, one.name)[kept] for one in dataclasses.fields(network.buses)},
    )
    branches = dataclasses.replace(
        network.branches,
        **{one.name: getattr(network.branches, one.name)[:1] for one in dataclasses.fields(network.branches)},
    )
    units = fleet.of_units(
        (
            ("CHEAP_1", Technology.HYDRO, "SANDHILL", 200.0, 0.0),
            ("DEAR_1", Technology.HYDRO, "BUFFALO_FORK", 80.0, 0.0),
        ),
        buses=("SANDHILL", "BUFFALO_FORK"),
    )
    grid = dataclasses.replace(
        whole,
        network=dataclasses.replace(network, buses=buses, branches=branches),
        zones=("WEST",),
        bus_zone=np.zeros(2, np.int64),
        latitude=whole.latitude[kept],
        longitude=whole.longitude[kept],
        load_share=np.array([0.0, 1.0]),
        zone_share=np.array([1.0]),
        units=units,
    )
    standing = Standing(
        rating_mw=np.array([60.0]),
        lines_out=(),
        running=np.zeros(2, dtype=bool),
        units_out=np.zeros(2, dtype=bool),
        offers=np.array([CHEAP, CHEAP, CHEAP, DEAR, DEAR, DEAR]),
        load_mw=0.0,
    )
    return grid, standing


def cleared_of(load_mw: float, **changes: object) -> dispatch.Cleared:
    grid, standing = two_buses()
    standing = dataclasses.replace(standing, **changes)  # type: ignore[arg-type]  # changes are of its fields
    return Dispatcher(grid, standing).clear(
        HOUR, load_mw=np.array([0.0, load_mw]), available_mw=grid.units.capacity_mw, previous_mw=None
    )


@pytest.mark.usefixtures("no_reserves")
def test_clear__separates_prices_across_a_full_line() -> None:
    cleared = cleared_of(100.0)
    assert cleared.flows_mw == pytest.approx([60.0])
    assert cleared.dispatch_mw.sum() == pytest.approx(100.0 + cleared.losses_mw)
    assert cleared.lmp[1] == pytest.approx(DEAR)
    assert cleared.lmp[0] == pytest.approx(CHEAP)
    (limit,) = cleared.binding
    assert (limit.line, limit.direction, limit.limit_mw) == ("SANDHILL-BUFFALO_FORK", 1, 60.0)
    assert cleared.congestion[0] == pytest.approx(-limit.shadow_price_usd_per_mwh)
    assert 1 in cleared.marginal


@pytest.mark.usefixtures("no_reserves")
def test_clear__losses_lower_the_price_at_the_far_plant() -> None:
    cleared = cleared_of(100.0, rating_mw=np.array([150.0]))
    branches = two_buses()[0].network.branches
    factor = 2.0 * branches.resistance_pu[0] * 100.0 / 100.0
    assert cleared.binding == ()
    assert cleared.losses_mw > 0.0
    assert cleared.lmp[0] / cleared.lmp[1] == pytest.approx(1.0 - factor, rel=1e-3)


@pytest.mark.usefixtures("no_reserves")
def test_clear__sheds_load_and_overloads_lines_at_their_penalties_only() -> None:
    short = cleared_of(200.0)
    assert short.overload_mw[0] == pytest.approx(200.0 - 80.0 - 60.0, abs=1.0)
    assert short.binding[0].shadow_price_usd_per_mwh == pytest.approx(dispatch.OVERLOAD_STEPS[1].price_usd_per_mwh)
    none = cleared_of(400.0, rating_mw=np.array([500.0]))
    assert none.shortage_mw.sum() == pytest.approx(400.0 + none.losses_mw - 280.0)
    assert none.energy == pytest.approx(dispatch.SHORTAGE_USD_PER_MWH)


@pytest.mark.usefixtures("no_reserves")
def test_clear__negative_offers_make_negative_prices() -> None:
    cleared = cleared_of(50.0, offers=np.array([-20.0, -20.0, -20.0, DEAR, DEAR, DEAR]))
    assert cleared.lmp == pytest.approx([-20.0, -20.0], rel=0.01)


@pytest.mark.usefixtures("no_reserves")
def test_clear__keeps_units_within_their_ramps() -> None:
    grid, standing = two_buses()
    units = dataclasses.replace(grid.units, technology=(Technology.COAL, Technology.COAL))
    grid = dataclasses.replace(grid, units=units)
    standing = dataclasses.replace(standing, running=np.ones(2, dtype=bool), rating_mw=np.array([300.0]))
    cleared = Dispatcher(grid, standing).clear(
        HOUR, load_mw=np.array([0.0, 100.0]), available_mw=units.capacity_mw, previous_mw=np.array([50.0, 40.0])
    )
    assert cleared.dispatch_mw[0] == pytest.approx(50.0 + units.ramp_mw[0])


def test_check__finds_a_planted_imbalance_and_a_planted_overflow() -> None:
    cleared = cleared_of(100.0)
    dispatch._check(cleared)
    with pytest.raises(dispatch.ClearingError):
        dispatch._check(dataclasses.replace(cleared, dispatch_mw=cleared.dispatch_mw + 0.1))
    with pytest.raises(dispatch.ClearingError):
        dispatch._check(dataclasses.replace(cleared, overload_mw=np.array([0.1])))
    with pytest.raises(dispatch.ClearingError):
        dispatch._check(dataclasses.replace(cleared, losses_mw=float("nan")))


def promises(grid: world.World, cleared: dispatch.Cleared) -> None:
    """Assert what every published clearing holds."""
    assert cleared.kkt.worst <= 1e-6
    assert np.abs(cleared.lmp - (cleared.energy + cleared.congestion + cleared.loss)).max() <= 1e-8
    supplied_mw = cleared.dispatch_mw.sum() + cleared.shortage_mw.sum() - cleared.surplus_mw
    assert abs(supplied_mw - cleared.load_mw.sum() - cleared.losses_mw) <= 1e-5
    assert (np.abs(cleared.flows_mw) <= cleared.standing.rating_mw + cleared.overload_mw + 1e-4).all()
    assert (cleared.dispatch_mw >= -1e-9).all()
    assert (cleared.dispatch_mw <= grid.units.capacity_mw + 1e-6).all()
    assert not cleared.dispatch_mw[cleared.standing.units_out].any()
    idle = grid.units.committed & ~cleared.standing.running
    assert not cleared.dispatch_mw[idle].any()
    weights = grid.system_weights
    assert abs(float(weights @ cleared.loss)) <= 1e-8 * max(1.0, abs(cleared.energy))
    assert abs(float(weights @ cleared.congestion)) <= 1e-7 * max(1.0, abs(cleared.energy))
    for limit in cleared.binding:
        within = cleared.flows_mw[limit.position] * limit.direction - cleared.overload_mw[limit.position]
        assert within == pytest.approx(cleared.standing.rating_mw[limit.position], abs=1e-3)
        assert limit.line not in {grid.lines[out] for out in cleared.standing.lines_out}
    assert (np.diff(cleared.reserve_prices) <= 1e-9).all()


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 365 * 24 - 1))
def test_real_time__keeps_every_promise_of_a_clearing(seed: int, number: int) -> None:
    grid = world.default()
    start = datetime(2026, 1, 1, tzinfo=UTC) + number * timedelta(hours=1)
    found = market.hour(grid, seed=seed, start_s=int(start.timestamp()))
    for one in (found.anchor, *found.cleared):
        promises(grid, one)
    for one, other in zip((found.anchor, *found.cleared), found.cleared, strict=False):
        running = other.standing.running & one.standing.running & ~other.standing.units_out & ~one.standing.units_out
        moved = np.abs(other.dispatch_mw - one.dispatch_mw)[running]
        assert (moved <= grid.units.ramp_mw[running] + 1e-6).all()


def test_clear__results_cannot_be_changed() -> None:
    cleared = cleared_of(100.0)
    with pytest.raises(ValueError, match="read-only"):
        cleared.lmp[0] = 0.0
