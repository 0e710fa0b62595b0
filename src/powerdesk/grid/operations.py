"""Writes about the grid that a schedule asks for: forecasts of binding constraints, basis surfaces."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from powerdesk.grid import datasets, issued_forecasts, issued_surfaces, queries
from powerdesk.grid.basis.panel import BasisError
from powerdesk.grid.recovery.types import PanelError
from powerdesk.kernel import intervals
from powerdesk.store import operations
from powerdesk.store import queries as store_queries

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from powerdesk.store.queries import Store

FORECAST, FORECAST_CRON = "grid.forecast", "11 * * * *"
SURFACES, SURFACES_CRON = "grid.surfaces", "23 5 * * *"
ISSUES_KEPT_UP = 7
"""Issues made good when the desk was not running: one a day."""


def record_forecasts(store: Store, *, cancelled: Callable[[], bool]) -> str:
    """Issue the forecasts due of every market run with shadow prices, each as of its own hour; return what was done.

    An issue that is there is not made again. A market without two days of history, or where nothing binds, has none.
    """
    now, made, lacking = store.clock.now(), 0, []
    for market, market_run in queries.bound_series(store, now=now):
        location = queries.priced_location(store, market=market, market_run=market_run, now=now)
        for origin in reversed(_issues(now, market)):
            if cancelled():
                return f"{made} forecasts issued; stopped"
            if location is None or queries.is_issued(store, market=market, market_run=market_run, origin=origin):
                continue
            try:
                made += _issue(store, market, market_run, location, origin)
            except PanelError as error:
                lacking.append(f"{market} {market_run} at {intervals.format_instant(origin)}: {error.found}")
    return "; ".join([f"{made} forecasts issued", *lacking])


def _issues(now: datetime, market: str) -> list[datetime]:
    """Return the instants of the last issues, newest first."""
    found = [issued_forecasts.origin_before(now, market=market)]
    while len(found) < ISSUES_KEPT_UP:
        found.append(issued_forecasts.origin_before(found[-1] - timedelta(microseconds=1), market=market))
    return found


def _issue(store: Store, market: str, market_run: str, location: str, origin: datetime) -> int:
    requests = issued_forecasts.reads(market=market, market_run=market_run, location=location, origin=origin)
    _, accepted = operations.derive(
        store,
        calculation=issued_forecasts.CALCULATION,
        requests=requests,
        cut=store_queries.snapshot(store, as_of=origin),
        parameters={"market": market, "market_run": market_run, "origin": intervals.format_instant(origin)},
    )
    return int(accepted.rows > 0)


def record_surfaces(store: Store, *, hubs: Mapping[str, Sequence[str]], cancelled: Callable[[], bool]) -> str:
    """Record the surfaces of this month and the last to each market's hubs; return what was done."""
    now, rows, lacking = store.clock.now(), 0, []
    for market, named in hubs.items():
        before, last, following = issued_surfaces.months(now, market=market)
        locations = queries.priced_locations(store, market=market, market_run=issued_surfaces.RUN, now=now)
        kept = locations[: issued_surfaces.MOST_LOCATIONS]
        if len(kept) < len(locations):
            lacking.append(f"{market}: {len(locations) - len(kept)} locations beyond {len(kept)} left out")
        for hub in named:
            if cancelled():
                return f"{rows} rows; stopped"
            asked = tuple(dict.fromkeys((hub, *kept)))
            requests = issued_surfaces.reads(market=market, locations=asked, start=before, end=following)
            try:
                _, accepted = operations.derive(
                    store,
                    calculation=issued_surfaces.CALCULATION,
                    requests=requests,
                    cut=store_queries.snapshot(store, as_of=now),
                    parameters={"market": market, "hub": hub, "first": intervals.format_instant(last)},
                )
            except BasisError as error:
                lacking.append(f"{hub}: {error.found}")
                continue
            rows += accepted.rows
    return "; ".join([f"{rows} rows of {datasets.BASIS_SURFACE.id}", *lacking])
