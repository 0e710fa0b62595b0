"""When forecasts are issued and what surfaces span, on the market's clock through its changes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdesk.grid import issued_forecasts, issued_surfaces
from powerdesk.grid.forecast import binding


@pytest.mark.parametrize(
    ("instant", "issued"),
    [
        (datetime(2026, 7, 1, 14, tzinfo=UTC), datetime(2026, 7, 1, 14, tzinfo=UTC)),
        (datetime(2026, 7, 1, 13, 59, tzinfo=UTC), datetime(2026, 6, 30, 14, tzinfo=UTC)),
        (datetime(2026, 7, 1, 2, tzinfo=UTC), datetime(2026, 6, 30, 14, tzinfo=UTC)),
        (datetime(2026, 12, 1, 20, tzinfo=UTC), datetime(2026, 12, 1, 15, tzinfo=UTC)),
    ],
)
def test_issue__is_at_ten_on_the_markets_clock(instant: datetime, issued: datetime) -> None:
    assert issued_forecasts.origin_before(instant, market="NYISO") == issued


@given(st.integers(0, 2 * 366 * 24 * 60), st.sampled_from(["SIM", "CAISO", "NYISO"]))
def test_issue__is_never_later_than_the_instant_and_at_most_a_day_and_an_hour_before(minutes: int, market: str) -> None:
    instant = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)

    age = instant - issued_forecasts.origin_before(instant, market=market)

    assert timedelta(0) <= age <= timedelta(hours=25)


def test_forecast__reads_all_that_it_remembers() -> None:
    assert timedelta(days=binding.MEMORY_DAYS) <= issued_forecasts.HISTORY


def test_surfaces__span_three_months_of_the_markets_clock() -> None:
    january = datetime(2026, 1, 1, 4, tzinfo=UTC)  # still December in New York

    assert issued_surfaces.months(january, market="NYISO") == (
        datetime(2025, 10, 1, 4, tzinfo=UTC),
        datetime(2025, 11, 1, 4, tzinfo=UTC),
        datetime(2026, 1, 1, 5, tzinfo=UTC),
    )


def test_a_desk__starts_without_loading_what_learns() -> None:
    asked = "import sys, powerdesk.app.desk; print([name for name in sys.modules if name.startswith('scipy')])"

    said = subprocess.run(  # noqa: S603 - this interpreter, our own words
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=120
    )

    assert said.stdout.strip() == "[]"
