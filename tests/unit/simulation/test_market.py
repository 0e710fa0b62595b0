"""The two markets as functions of (seed, interval): any order, any process, any day length; and a plausible week."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.simulation import clearing, feed, market, network, payloads

MONDAY = datetime(2026, 1, 12, 6, tzinfo=UTC)
DIGEST_SCRIPT = """
import hashlib
from datetime import UTC, datetime, timedelta
from powerdesk.simulation import feed, payloads
start = datetime(2026, 7, 14, 18, tzinfo=UTC)
found = feed.due(seed=5, after=start, upto=start + timedelta(minutes=30))
digest = hashlib.sha256()
for publication in found[::-1]:
    digest.update(hashlib.sha256(payloads.payload(publication, seed=5)).digest())
print(len(found), digest.hexdigest())
"""


def five_minutes(start: datetime) -> DeliveryInterval:
    return DeliveryInterval.of_minutes(start, 5)


def fresh(seed: int, start: datetime) -> clearing.Clearing:
    return clearing.clear(market.real_time_case(seed=seed, interval=five_minutes(start)))


def test_real_time__does_not_depend_on_what_was_asked_before() -> None:
    starts = [MONDAY + k * timedelta(minutes=95) for k in range(6)]
    forward = [fresh(3, start) for start in starts]
    backward = [fresh(3, start) for start in reversed(starts)][::-1]
    for one, other in zip(forward, backward, strict=True):
        assert one.lmp.tobytes() == other.lmp.tobytes()
        assert one.dispatch_mw.tobytes() == other.dispatch_mw.tobytes()


@pytest.mark.parametrize("threads", ["1", "2"])
def test_payloads__are_the_same_bytes_in_another_process(threads: str) -> None:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": threads, "PYTHONHASHSEED": threads}  # noqa: TID251 - child only
    told = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", DIGEST_SCRIPT], check=True, capture_output=True, text=True, env=environment, timeout=60
    )
    start = datetime(2026, 7, 14, 18, tzinfo=UTC)
    found = feed.due(seed=5, after=start, upto=start + timedelta(minutes=30))
    by_hash = {one: hashlib.sha256(payloads.payload(one, seed=5)).digest() for one in found}
    digest = hashlib.sha256(b"".join(by_hash[one] for one in reversed(found)))
    assert told.stdout.split() == [str(len(found)), digest.hexdigest()]


def test_real_time__changes_with_the_seed() -> None:
    assert not np.allclose(fresh(1, MONDAY).lmp, fresh(2, MONDAY).lmp)


def test_real_time__refuses_an_interval_off_the_grid() -> None:
    for interval in (five_minutes(MONDAY + timedelta(minutes=1)), DeliveryInterval.of_minutes(MONDAY, 15)):
        with pytest.raises(market.MarketTimeError):
            market.real_time(seed=1, interval=interval)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 12, 25), 24)])
def test_day_ahead__clears_every_hour_of_the_operating_day(day: date, hours: int) -> None:
    cleared = market.day_ahead(seed=1, operating_day=day)
    assert len(cleared) == hours
    assert len({one.interval for one in cleared}) == hours


def test_gates__follow_the_local_clock_of_the_day_before() -> None:
    assert market.gate_closure(operating_day=date(2026, 7, 2)) == datetime(2026, 7, 1, 15, tzinfo=UTC)
    assert market.day_ahead_publication(operating_day=date(2026, 1, 2)) == datetime(2026, 1, 1, 19, tzinfo=UTC)
    # clocks change on the operating day itself, after its gate
    assert market.gate_closure(operating_day=date(2026, 3, 8)) == datetime(2026, 3, 7, 16, tzinfo=UTC)


def test_outlook__a_forecast_closes_in_on_the_truth_as_lead_time_shrinks() -> None:
    errors: dict[int, list[float]] = {0: [], 1: [], 6: [], 36: []}
    for number in range(120):
        at_s = int((MONDAY + number * timedelta(hours=29)).timestamp())
        truth = market.outlook(seed=1, at_s=at_s, issued_at_s=None).zone_load_mw
        for lead_h, found in errors.items():
            seen = market.outlook(seed=1, at_s=at_s, issued_at_s=at_s - lead_h * 3600).zone_load_mw
            found.append(float(np.abs(seen / truth - 1.0).mean()))
    means = [float(np.mean(found)) for found in errors.values()]
    assert means == sorted(means)
    assert means[0] < 0.005  # what is left is the wobble within minutes
    assert 0.008 < means[-1] < 0.05


def test_outlook__a_forecast_does_not_know_outages_that_are_still_to_come() -> None:
    differences = 0
    for number in range(60):
        at_s = int((MONDAY + number * timedelta(days=6)).timestamp())
        late = market.outlook(seed=4, at_s=at_s, issued_at_s=at_s).available_mw
        early = market.outlook(seed=4, at_s=at_s, issued_at_s=at_s - 36 * 3600).available_mw
        thermal = np.arange(20)
        gone = (late[thermal] == 0.0) & (early[thermal] > 0.0)
        differences += int(gone.sum())
        assert not ((early[thermal] == 0.0) & (late[thermal] > 0.0)).any()
    assert differences > 0


def test_corrections__stay_close_to_the_first_prices_and_still_add_up() -> None:
    first = fresh(1, MONDAY)
    corrected = market.corrected_real_time(seed=1, interval=five_minutes(MONDAY))
    assert 0.0 < np.abs(corrected.load_mw / first.load_mw - 1.0).max() < 0.03
    assert np.abs(corrected.lmp - corrected.energy - corrected.congestion - corrected.loss).max() < 1e-9


def test_a_week__looks_like_a_power_market() -> None:
    hub = np.array(network.network().hubs[-1].weights)
    rows = [fresh(1, MONDAY + k * timedelta(minutes=35)) for k in range(288)]
    price = np.array([hub @ row.lmp for row in rows])
    spread = np.array([np.ptp(row.lmp) for row in rows])
    binding = {limit.line for row in rows for limit in row.binding}
    assert 10.0 < np.median(price) < 60.0
    assert np.quantile(price, 0.95) - np.quantile(price, 0.05) > 10.0
    assert len(binding) >= 5
    assert np.mean(spread > 3.0) > 0.2
    assert np.mean(price < 0.0) < 0.10
    assert np.mean([row.shed_mw.sum() > 1e-6 for row in rows]) < 0.01
    losses = np.array([row.losses_mw / row.load_mw.sum() for row in rows])
    assert losses.min() > 0.001
    assert losses.max() < 0.04


def test_a_year__has_negative_nodes_scarcity_and_day_ahead_near_real_time() -> None:
    moments = [MONDAY + k * timedelta(hours=31) for k in range(280)]
    rows = [fresh(1, moment) for moment in moments]
    lowest = np.array([row.lmp.min() for row in rows])
    energy = np.array([row.energy for row in rows])
    assert 0.02 < np.mean(lowest < 0.0) < 0.5
    assert np.mean(energy < 0.0) < 0.10
    assert energy.max() > 1.8 * np.median(energy)
    days = [market.day_ahead(seed=1, operating_day=date(2026, month, 15)) for month in (2, 5, 8, 11)]
    ahead = np.array([one.energy for day in days for one in day])
    real = np.array([fresh(1, one.interval.start + timedelta(minutes=30)).energy for day in days for one in day])
    assert abs(np.median(real - ahead)) < 4.0
    assert np.median(np.abs(real - ahead)) > 0.05
