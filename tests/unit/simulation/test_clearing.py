"""The clearing: parts add up, power balances, limits hold or are declared, and hand-made cases have known prices."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.simulation import clearing, market

HOUR = DeliveryInterval.of_minutes(datetime(2026, 1, 1, tzinfo=UTC), 60)


def two_bus_case(**changes: object) -> clearing.IntervalCase:
    """Cheap plant at bus 0, dear plant at bus 1 with the load; one line of 60 MW between them, no losses."""
    facts: dict[str, object] = {
        "interval": HOUR,
        "line_names": ("A-B",),
        "n_units": 2,
        "load_mw": np.array([0.0, 100.0]),
        "shift_factor": np.array([[1.0, 0.0]]),  # all load at bus 1, so bus 1 is the reference
        "rating_mw": np.array([60.0]),
        "loss_factor": np.zeros(2),
        "loss_offset_mw": 0.0,
        "step_unit": np.array([0, 1]),
        "step_bus": np.array([0, 1]),
        "step_mw": np.array([200.0, 80.0]),
        "step_price_usd_per_mwh": np.array([15.0, 40.0]),
    }
    return clearing.IntervalCase(**(facts | changes))  # type: ignore[arg-type]  # facts hold what the fields say


def test_clear__separates_prices_across_a_full_line() -> None:
    cleared = clearing.clear(two_bus_case())
    assert cleared.dispatch_mw == pytest.approx([60.0, 40.0])
    assert cleared.lmp == pytest.approx([15.0, 40.0])
    assert cleared.energy == pytest.approx(40.0)
    assert cleared.congestion == pytest.approx([-25.0, 0.0])
    (limit,) = cleared.binding
    assert (limit.line, limit.direction) == ("A-B", 1)
    assert limit.shadow_price_usd_per_mwh == pytest.approx(25.0)


def test_clear__marks_a_line_full_against_its_direction() -> None:
    cleared = clearing.clear(two_bus_case(shift_factor=np.array([[-1.0, 0.0]])))
    assert cleared.binding[0].direction == -1
    assert cleared.flows_mw == pytest.approx([-60.0])
    assert cleared.lmp == pytest.approx([15.0, 40.0])


def test_clear__has_one_price_when_nothing_binds() -> None:
    cleared = clearing.clear(two_bus_case(rating_mw=np.array([150.0])))
    assert cleared.lmp == pytest.approx([15.0, 15.0])
    assert cleared.binding == ()


def test_clear__losses_lower_the_price_at_the_far_plant() -> None:
    cleared = clearing.clear(
        two_bus_case(rating_mw=np.array([150.0]), loss_factor=np.array([0.05, 0.0]), loss_offset_mw=-2.5)
    )
    assert cleared.energy == pytest.approx(15.0 / 0.95)
    assert cleared.loss == pytest.approx([-0.05 * 15.0 / 0.95, 0.0])
    assert cleared.losses_mw == pytest.approx(cleared.dispatch_mw.sum() - 100.0)


def test_clear__sheds_load_at_its_penalty_when_supply_ends() -> None:
    cleared = clearing.clear(two_bus_case(step_mw=np.array([200.0, 10.0])))
    assert cleared.lmp[1] == pytest.approx(15.0 + clearing.OVERLOAD_PENALTY_USD_PER_MWH)
    assert cleared.overload_mw == pytest.approx([30.0])
    short = clearing.clear(two_bus_case(step_mw=np.array([40.0, 10.0])))
    assert short.shed_mw == pytest.approx([0.0, 50.0])
    assert short.energy == pytest.approx(clearing.SHED_PENALTY_USD_PER_MWH)


def test_clear__negative_offers_make_negative_prices() -> None:
    cleared = clearing.clear(two_bus_case(rating_mw=np.array([150.0]), step_price_usd_per_mwh=np.array([-20.0, 40.0])))
    assert cleared.lmp == pytest.approx([-20.0, -20.0])


def test_check__finds_a_planted_imbalance_and_a_planted_overflow() -> None:
    case = two_bus_case()
    cleared = clearing.clear(case)
    clearing._check(case, cleared)
    with pytest.raises(clearing.ClearingError):
        clearing._check(case, dataclasses.replace(cleared, dispatch_mw=np.array([60.0, 40.1])))
    with pytest.raises(clearing.ClearingError):
        clearing._check(case, dataclasses.replace(cleared, flows_mw=np.array([60.1])))
    with pytest.raises(clearing.ClearingError):
        clearing._check(case, dataclasses.replace(cleared, losses_mw=float("nan")))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.integers(0, 365 * 288 - 1))
def test_real_time__keeps_every_promise_of_a_clearing(seed: int, number: int) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC) + number * timedelta(minutes=5)
    case = market.real_time_case(seed=seed, interval=DeliveryInterval.of_minutes(start, 5))
    cleared = clearing.clear(case)
    assert cleared.kkt.worst <= 1e-6
    assert np.abs(cleared.lmp - (cleared.energy + cleared.congestion + cleared.loss)).max() <= 1e-9
    supplied_mw = cleared.dispatch_mw.sum() + cleared.shed_mw.sum()
    assert abs(supplied_mw - cleared.load_mw.sum() - cleared.losses_mw) <= 1e-6
    assert (np.abs(cleared.flows_mw) <= case.rating_mw + cleared.overload_mw + 1e-6).all()
    assert (cleared.dispatch_mw >= 0.0).all()
    weight = cleared.load_mw / cleared.load_mw.sum()
    assert abs(float(weight @ cleared.loss)) <= 1e-9 * max(1.0, abs(cleared.energy))
    assert abs(float(weight @ cleared.congestion)) <= 1e-8 * max(1.0, abs(cleared.energy))
    for limit in cleared.binding:
        at_limit = cleared.flows_mw[limit.position] * limit.direction - cleared.overload_mw[limit.position]
        assert at_limit == pytest.approx(case.rating_mw[limit.position], abs=1e-5)
    step_made = cleared.dispatch_mw
    assert (step_made <= np.bincount(case.step_unit, case.step_mw, case.n_units) + 1e-6).all()


def test_clear__results_cannot_be_changed() -> None:
    cleared = clearing.clear(two_bus_case())
    with pytest.raises(ValueError, match="read-only"):
        cleared.lmp[0] = 0.0
