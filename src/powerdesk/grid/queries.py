"""Reads of the grid's datasets: the evidence about one price, and what the schedule has to know."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from powerdesk.grid import datasets, issued_forecasts
from powerdesk.grid.explaining import Evidence
from powerdesk.markets import datasets as market_datasets
from powerdesk.store import queries
from powerdesk.store.operations import HOUSE
from powerdesk.store.types import Request

if TYPE_CHECKING:
    import pyarrow as pa

    from powerdesk.kernel.locations import LocationId
    from powerdesk.store.queries import Asker, Store
    from powerdesk.store.types import Snapshot

TRUTH, MARGINAL = "simulation.truth", "marginal_unit"
LONGEST_INTERVAL = timedelta(hours=1)
LATELY = timedelta(days=7)
_JUST_AFTER = timedelta(microseconds=1)


def evidence(
    store: Store, asker: Asker, *, location: LocationId, market_run: str, instant: datetime, cut: Snapshot
) -> Evidence:
    """Return what was known at the cut about the price of the interval that holds an instant.

    Raises access.entitlements.RefusedError unless the caller may read prices, shadow prices, constraints and shift
    factors of the market; marginal units come only with their own entitlement. `prices` is empty where none is known.
    """
    market = {"market": (location.market,)}
    run = {**market, "market_run": (market_run,)}
    prices = _covering(
        _rows(
            store,
            asker,
            Request(
                market_datasets.PRICES.id,
                within={**run, "location": (str(location),)},
                start=instant - LONGEST_INTERVAL,
                end=instant + _JUST_AFTER,
            ),
            cut,
        ),
        instant,
    )
    start = prices["interval_start"][0].as_py() if prices.num_rows else instant
    of_interval = Request(datasets.SHADOW_PRICES.id, within=run, start=start, end=start + _JUST_AFTER)
    shadows = _rows(store, asker, of_interval, cut)
    named = {**market, "constraint": tuple(shadows["constraint"].to_pylist())}
    in_force = Request(datasets.SHIFT_FACTORS.id, within=named, end=start + _JUST_AFTER)
    return Evidence(
        prices=prices,
        shadow_prices=shadows,
        shift_factors=queries.latest(store, asker, request=in_force, cut=cut).rows,
        constraints=queries.latest(
            store, asker, request=replace(in_force, dataset=datasets.CONSTRAINTS.id), cut=cut
        ).rows,
        marginal_units=_marginal_units(store, asker, of_interval, cut),
        asked=f"{location} in {market_run} at {instant.isoformat()}",
    )


def _rows(store: Store, asker: Asker, request: Request, cut: Snapshot) -> pa.Table:
    return queries.rows(store, asker, request=request, cut=cut).rows


def _covering(prices: pa.Table, instant: datetime) -> pa.Table:
    """Return the one row whose interval holds the instant, or none."""
    return prices.filter(pc.greater(prices["interval_end"], instant)).slice(0, 1)


def _marginal_units(store: Store, asker: Asker, of_interval: Request, cut: Snapshot) -> pa.Table | None:
    """Return the units that set prices; None where no dataset tells them or the caller may not know."""
    if TRUTH not in store.datasets:
        return None
    request = replace(of_interval, dataset=TRUTH, within={**of_interval.within, "kind": (MARGINAL,)})
    if queries.left_out(store, asker, request=request):
        return None
    found = _rows(store, asker, request, cut)
    return found if found.num_rows else None


def bound_series(store: Store, *, now: datetime) -> tuple[tuple[str, str], ...]:
    """Return (market, market run) of all shadow prices known."""
    found = _known(store, Request(datasets.SHADOW_PRICES.id, columns=()), now)
    pairs = found.group_by(["market", "market_run"]).aggregate([])
    return tuple(sorted(zip(pairs["market"].to_pylist(), pairs["market_run"].to_pylist(), strict=True)))


def priced_locations(store: Store, *, market: str, market_run: str, now: datetime) -> tuple[str, ...]:
    """Return the locations that had a price lately, by id."""
    within = {"market": (market,), "market_run": (market_run,)}
    request = Request(market_datasets.PRICES.id, within=within, start=now - LATELY, columns=())
    return tuple(sorted(_known(store, request, now)["location"].to_pylist()))


def priced_location(store: Store, *, market: str, market_run: str, now: datetime) -> str | None:
    """Return a location whose prices tell which intervals were published, None where none had a price lately."""
    return next(iter(priced_locations(store, market=market, market_run=market_run, now=now)), None)


def is_issued(store: Store, *, market: str, market_run: str, origin: datetime) -> bool:
    """Tell whether the forecast of an issue is recorded."""
    within = {"market": (market,), "forecast_run": (issued_forecasts.forecast_run(market_run),)}
    start, end = (origin + ahead for ahead in issued_forecasts.AHEAD)
    request = Request(datasets.BINDING_FORECAST.id, within=within, start=start, end=end)
    cut = queries.snapshot(store, as_of=store.clock.now())
    return queries.count(store, HOUSE, request=request, cut=cut) > 0


def _known(store: Store, request: Request, now: datetime) -> pa.Table:
    """Return the newest row of each series as the house sees it."""
    return queries.latest(store, HOUSE, request=request, cut=queries.snapshot(store, as_of=now)).rows
