"""The two markets as functions of (seed, interval): any order, any process, any day length; and a plausible week."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.simulation import calling, dispatch, feed, market, outlook, payloads, times, world

if TYPE_CHECKING:
    from powerdesk.simulation.dispatch import Cleared

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


def fresh(seed: int, start: datetime) -> Cleared:
    return market.real_time(world.default(), seed=seed, interval=five_minutes(start))


def test_real_time__does_not_depend_on_what_was_asked_before() -> None:
    starts = [MONDAY + k * timedelta(minutes=5) for k in range(10, 16)]
    forward = [fresh(3, start) for start in starts]
    market.hour.cache_clear()
    backward = [fresh(3, start) for start in reversed(starts)][::-1]
    market.hour.cache_clear()
    order = np.random.default_rng(4).permutation(len(starts)).tolist()
    shuffled = {number: fresh(3, starts[number]) for number in order}
    for number, (one, other) in enumerate(zip(forward, backward, strict=True)):
        assert one is not other
        for another in (other, shuffled[number]):
            assert one.lmp.tobytes() == another.lmp.tobytes()
            assert one.dispatch_mw.tobytes() == another.dispatch_mw.tobytes()


def test_payloads__are_the_same_bytes_in_any_order() -> None:
    found = feed.due(seed=2, after=MONDAY, upto=MONDAY + timedelta(minutes=70))
    in_order = {one: payloads.payload(one, seed=2) for one in found}
    market.hour.cache_clear()
    shuffled = np.random.default_rng(1).permutation(len(found)).tolist()
    assert all(payloads.payload(found[number], seed=2) == in_order[found[number]] for number in shuffled)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_payloads__are_the_same_bytes_in_another_process(threads: str) -> None:
    environment = os.environ | {"OPENBLAS_NUM_THREADS": threads, "PYTHONHASHSEED": threads}  # noqa: TID251 - child only
    told = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", DIGEST_SCRIPT], check=True, capture_output=True, text=True, env=environment, timeout=120
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
        with pytest.raises(times.MarketTimeError):
            market.real_time(world.default(), seed=1, interval=interval)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 12, 25), 24)])
def test_day_ahead__clears_every_hour_of_the_operating_day(day: date, hours: int) -> None:
    cleared = market.day_ahead(world.default(), seed=1, operating_day=day)
    assert len(cleared) == hours
    assert len({one.interval for one in cleared}) == hours


def test_gates__follow_the_local_clock_of_the_day_before() -> None:
    assert times.gate_closure(operating_day=date(2026, 7, 2)) == datetime(2026, 7, 1, 15, tzinfo=UTC)
    assert times.day_ahead_publication(operating_day=date(2026, 1, 2)) == datetime(2026, 1, 1, 19, tzinfo=UTC)
    # clocks change on the operating day itself, after its gate
    assert times.gate_closure(operating_day=date(2026, 3, 8)) == datetime(2026, 3, 7, 16, tzinfo=UTC)


def test_outlook__a_forecast_closes_in_on_the_truth_as_lead_time_shrinks() -> None:
    errors: dict[int, list[float]] = {0: [], 1: [], 6: [], 36: []}
    for number in range(120):
        at_s = int((MONDAY + number * timedelta(hours=29)).timestamp())
        truth = outlook.outlook(world.default(), seed=1, at_s=at_s, issued_at_s=None).zone_load_mw
        for lead_h, found in errors.items():
            seen = outlook.outlook(world.default(), seed=1, at_s=at_s, issued_at_s=at_s - lead_h * 3600).zone_load_mw
            found.append(float(np.abs(seen / truth - 1.0).mean()))
    means = [float(np.mean(found)) for found in errors.values()]
    assert means == sorted(means)
    assert means[0] < 0.005  # what is left is the wobble within minutes
    assert 0.008 < means[-1] < 0.05


def test_outlook__a_forecast_does_not_know_outages_that_are_still_to_come() -> None:
    differences = 0
    for number in range(60):
        at_s = int((MONDAY + number * timedelta(days=6)).timestamp())
        late = outlook.outlook(world.default(), seed=4, at_s=at_s, issued_at_s=at_s).available_mw
        early = outlook.outlook(world.default(), seed=4, at_s=at_s, issued_at_s=at_s - 36 * 3600).available_mw
        thermal = np.arange(20)
        gone = (late[thermal] == 0.0) & (early[thermal] > 0.0)
        differences += int(gone.sum())
        assert not ((early[thermal] == 0.0) & (late[thermal] > 0.0)).any()
    assert differences > 0


def test_corrections__stay_close_to_the_first_prices_and_still_add_up() -> None:
    first = fresh(1, MONDAY)
    corrected = market.corrected_real_time(world.default(), seed=1, interval=five_minutes(MONDAY))
    assert 0.0 < np.abs(corrected.load_mw / first.load_mw - 1.0).max() < 0.03
    assert np.abs(corrected.lmp - corrected.energy - corrected.congestion - corrected.loss).max() < 1e-9


def test_three_days__look_like_a_power_market() -> None:
    grid = world.default()
    hub = np.array(grid.hubs[-1].weights)
    starts = [MONDAY + timedelta(days=day, hours=3 * number) for day in (0, 100, 200) for number in range(8)]
    hours = [market.hour(grid, seed=1, start_s=int(start.timestamp())).cleared for start in starts]
    rows = [row for found in hours for row in found]
    price = np.array([hub @ row.lmp for row in rows])
    assert 20.0 < np.median(price) < 60.0
    assert np.quantile(price, 0.95) - np.quantile(price, 0.05) > 10.0
    assert np.mean(price < 0.0) < 0.10
    assert np.mean([row.lmp.min() < 0.0 for row in rows]) > 0.01
    assert len({limit.line for row in rows for limit in row.binding}) >= 5
    assert 0.1 < np.mean([bool(row.binding) for row in rows]) < 0.7
    assert np.mean([np.ptp(row.lmp) > 3.0 for row in rows]) > 0.2
    assert np.mean([row.shortage_mw.sum() > 1e-6 for row in rows]) < 0.01
    losses = np.array([row.losses_mw / row.load_mw.sum() for row in rows])
    assert losses.min() > 0.001
    assert losses.max() < 0.04


def test_quick_units__run_only_where_they_were_called_or_come_down_from_it() -> None:
    grid = world.default()
    quick, ramp = grid.units.quick, grid.units.ramp_mw
    starts = [int((MONDAY + timedelta(hours=hours)).timestamp()) for hours in (6, 12, 17, 18)]
    held, ran = 0, 0
    for start_s in starts:
        found = market.hour(grid, seed=1, start_s=start_s)
        for number, (one, seen) in enumerate(zip(found.cleared, found.seen, strict=True)):
            waits = quick & (found.available_mw[number] < seen.available_mw - 1e-9)
            down = np.maximum(found.before(number).dispatch_mw - ramp, 0.0)
            assert (one.dispatch_mw <= found.available_mw[number] + 1e-6).all()
            assert (found.available_mw[number][waits] <= down[waits] + 1e-9).all()
            held += int(waits.sum())
            ran += int((quick & (one.dispatch_mw > 1.0)).sum())
    assert held > 100
    assert ran > 20


def test_look_ahead__calls_more_units_where_it_provides_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    grid = world.default()
    start_s = int((MONDAY + timedelta(hours=18)).timestamp())
    standing = market.hour(grid, seed=1, start_s=start_s).cleared[0].standing

    def called() -> int:
        return int(calling.called(grid, dispatch.Dispatchers(grid), seed=1, start_s=start_s, standing=standing).sum())

    usual = called()
    monkeypatch.setattr(calling, "LOAD_MARGIN", 0.15)
    assert called() > usual > 0


def test_day_ahead__differs_from_real_time_without_leaning_far() -> None:
    grid = world.default()
    days = [market.day_ahead(grid, seed=1, operating_day=date(2026, month, 15)) for month in (2, 8)]
    ahead = np.array([one.energy for day in days for one in day[::3]])
    starts = [one.interval.start for day in days for one in day[::3]]
    real = np.array([fresh(1, start + timedelta(minutes=30)).energy for start in starts])
    assert abs(np.median(real - ahead)) < 6.0
    assert np.median(np.abs(real - ahead)) > 0.05


def test_days_of_several_seeds__hold_day_ahead_and_real_time_together_and_spike_only_where_reserve_is_short() -> None:
    grid = world.default()
    hub = np.array(grid.hubs[-1].weights)
    ahead, real, short, scarce = [], [], [], []
    for seed, day in ((1, date(2026, 2, 3)), (2, date(2026, 4, 18)), (3, date(2026, 6, 24)), (4, date(2026, 9, 9))):
        for one in market.day_ahead(grid, seed=seed, operating_day=day)[1::4]:
            ahead += [float(hub @ one.lmp)] * 12
            found = market.hour(grid, seed=seed, start_s=int(one.interval.start.timestamp()))
            real += [float(hub @ row.lmp) for row in found.cleared]
            short += [row.shortage_mw.sum() > 1e-6 for row in found.cleared]
            scarce += [row.reserve_prices[1] > dispatch.RESERVE_CURVE[1][0][1] - 1e-3 for row in found.cleared]
    usual, spikes = np.median(real), np.array(real) > 3.0 * np.median(real)
    assert len(real) == 4 * 6 * 12
    assert 0.75 < np.mean(real) / np.mean(ahead) < 1.25
    assert 0.7 < usual / np.median(ahead) < 1.3
    assert np.mean(short) < 0.005
    assert np.mean(scarce) < 0.05
    assert not (spikes & ~np.array(scarce)).any()
