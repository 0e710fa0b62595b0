"""What SIM publishes of its grid: congestion follows from it, the truth names what set prices, outages move factors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from powerdesk.grid import datasets as grid_datasets
from powerdesk.kernel.calendars import CALENDARS
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.simulation import datasets, feed, grid_tables, market, outages, parsing, payloads, places, world
from powerdesk.simulation.types import Kind, Publication

START = datetime(2026, 1, 12, 12, tzinfo=UTC)


def file_of(kind: Kind, interval: DeliveryInterval) -> dict[str, list[dict[str, Any]]]:
    tables = parsing.parse(payloads.payload(Publication(kind, interval, interval.start), seed=1)).tables
    return {name: table.to_pylist() for name, table in tables.items()}


def model_at(start: datetime) -> Publication:
    day = day_of(start)
    return max(
        (one for one in feed.network_models(seed=1, operating_day_interval=day) if one.interval.start <= start),
        key=lambda one: one.interval.start,
    )


def day_of(start: datetime) -> DeliveryInterval:
    calendar = CALENDARS["SIM"]
    return calendar.day_interval(calendar.operating_day(start))


def test_published_congestion__is_shadow_prices_times_the_shift_factors_in_force() -> None:
    compared = 0
    for number in range(0, 48, 7):
        interval = DeliveryInterval.of_minutes(START + number * timedelta(minutes=5), 5)
        binding = file_of(Kind.REAL_TIME_CONSTRAINTS, interval).get("grid.shadow_prices", [])
        factors = {
            (row["constraint"], row["location"]): row["shift_factor"]
            for row in file_of(Kind.NETWORK_MODEL, model_at(interval.start).interval)["grid.shift_factors"]
        }
        for row in file_of(Kind.REAL_TIME_PRICES, interval)["markets.prices"]:
            expected = sum(
                grid_datasets.SIGN[one["direction"]]
                * one["shadow_price_per_mwh"]
                * factors.get((one["constraint"], row["location"]), 0.0)
                for one in binding
            )
            assert row["congestion_per_mwh"] == pytest.approx(expected, abs=0.015)
            compared += bool(binding)
    assert compared > 100


def test_flows__are_of_every_line_within_its_rating_and_at_it_where_it_binds() -> None:
    interval = DeliveryInterval.of_minutes(START, 5)
    tables = file_of(Kind.REAL_TIME_CONSTRAINTS, interval)
    flows = {row["branch"]: row for row in tables["grid.flows"]}
    model = file_of(Kind.NETWORK_MODEL, model_at(interval.start).interval)["grid.networks"]
    assert set(flows) >= {row["element"] for row in model if row["kind"] == grid_datasets.BRANCH}
    assert {row["market_run"] for row in flows.values()} == {"RT5"}
    binding = {row["constraint"]: row for row in tables.get("grid.shadow_prices", [])}
    for name, row in flows.items():
        if name in binding:
            assert row["flow_mw"] == pytest.approx(binding[name]["flow_mw"], abs=0.002)
        else:
            assert abs(row["flow_mw"]) <= row["limit_mw"] + 0.01


def test_truth__names_units_between_their_limits_and_what_binds_runs_and_is_out() -> None:
    grid = world.default()
    cleared = market.real_time(grid, seed=1, interval=DeliveryInterval.of_minutes(START, 5))
    whole = file_of(Kind.TRUTH, DeliveryInterval.of_minutes(START, 60))["simulation.truth"]
    assert len({row["interval_start"] for row in whole}) == 12
    rows = [row for row in whole if row["interval_start"] == START]
    by_kind = {kind: {row["element"]: row["value"] for row in rows if row["kind"] == kind} for kind in datasets.KINDS}
    assert set(by_kind[datasets.MARGINAL_UNIT]) == {grid.units.names[at] for at in cleared.marginal}
    assert set(by_kind[datasets.CONSTRAINT]) == {one.line for one in cleared.binding}
    assert set(by_kind[datasets.RESERVE_PRICE]) == {"REGULATION", "SPIN", "NON_SPIN"}
    assert by_kind[datasets.COMMITMENT] == {}
    out = {grid.units.names[at] for at in np.flatnonzero(cleared.standing.units_out)}
    assert set(by_kind[datasets.OUTAGE]) == out | {grid.lines[at] for at in cleared.standing.lines_out}


def test_truth__of_day_ahead_tells_the_commitment_of_every_hour() -> None:
    grid, day = world.default(), day_of(START)
    rows = file_of(Kind.DAY_AHEAD_CONSTRAINTS, day)["simulation.truth"]
    committed = [row for row in rows if row["kind"] == datasets.COMMITMENT]
    assert len({row["interval_start"] for row in committed}) == 24
    names = {grid.units.names[at] for at in np.flatnonzero(grid.units.committed)}
    assert {row["element"] for row in committed} <= names


def test_network_model__follows_lines_that_go_out_and_return() -> None:
    grid = world.default()
    begin = int(START.timestamp())
    changes = outages.line_changes(grid, seed=1, after_s=begin, upto_s=begin + 20 * 86_400)
    assert changes
    seen = 0
    for at_s in changes[:6]:
        before, after = (
            outages.outages(grid, seed=1, at_s=moment, known_at_s=moment).lines for moment in (at_s - 150, at_s + 150)
        )
        start = datetime.fromtimestamp(at_s, UTC)
        table = grid_tables.network_tables(grid, seed=1, start=start, lines_out=after)["shift_factors"]
        named = set(table["constraint"].to_pylist())
        assert named == set(grid.lines) - {grid.lines[one] for one in after}
        seen += before != after
    assert seen > 0


def test_network_model__names_every_priced_place_and_element() -> None:
    tables = file_of(Kind.NETWORK_MODEL, day_of(START))
    grid = world.default()
    kinds = [row["kind"] for row in tables["grid.networks"]]
    assert (kinds.count("bus"), kinds.count("branch"), kinds.count("generator")) == (73, 121, 90)
    assert {row["location"] for row in tables["grid.shift_factors"]} == set(
        places.places(grid, size=places.base_count()).ids
    ) - {"SIM:SYSTEM"}
    assert {row["reference"] for row in tables["grid.shift_factors"]} == {"SIM:SYSTEM"}
