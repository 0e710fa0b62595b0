"""Store some whole hours of the simulated market's prices and loads: what a desk has after it ran for a while."""

from __future__ import annotations

from datetime import timedelta

from powerdesk.app import desk, settings
from powerdesk.kernel.calendars import CALENDARS
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.markets.operations import recording
from powerdesk.simulation import feed, payloads

HOURS = 2
SEED = 1


def main() -> None:
    """Import the day-ahead and real-time files of the last whole hours, as `powerdesk import` would."""
    with desk.opened(settings.load()) as opened:
        end = opened.clock.now().replace(minute=0, second=0, microsecond=0)
        start = end - timedelta(hours=HOURS)
        days = {CALENDARS["SIM"].operating_day(start), CALENDARS["SIM"].operating_day(end)}
        wanted = [
            feed.day_ahead_publications(operating_day_interval=CALENDARS["SIM"].day_interval(day))[1]
            for day in sorted(days)
        ]
        while start < end:
            wanted += feed.publications_of(seed=SEED, interval=DeliveryInterval(start, start + feed.STEP))[:2]
            start += feed.STEP
        for one in wanted:
            payload = payloads.payload(one, seed=SEED)
            with opened.engines.records.unit() as unit:
                recording.import_payload(unit, opened.markets, feed_id="sim", payload=payload, name=one.kind.value)
            opened.catch_up_if_alone()


if __name__ == "__main__":
    main()
