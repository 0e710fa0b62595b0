"""Every price of the simulated market is explained by what it publishes: constraints, shadow prices, shift factors."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from powerdesk.grid import conventions, datasets, explaining, price_parts
from powerdesk.grid.recovery import audit
from powerdesk.kernel import calendars
from powerdesk.markets import datasets as market_datasets
from powerdesk.simulation import feed, parsing, payloads

SEED = 1
CELL = ["location", "interval_start"]
NOON = datetime(2026, 7, 14, 17, tzinfo=UTC)


@pytest.fixture(scope="module")
def published() -> dict[str, pa.Table]:
    """Return what SIM publishes of a summer's day: its models, the day-ahead market and four hours of real time."""
    calendar = calendars.calendar_of("SIM")
    day = calendar.day_interval(calendar.operating_day(NOON))
    publications = [
        *feed.network_models(seed=SEED, operating_day_interval=day),
        *feed.day_ahead_publications(operating_day_interval=day),
        *feed.due(seed=SEED, after=NOON + timedelta(hours=2), upto=NOON + timedelta(hours=6)),
    ]
    found: dict[str, list[pa.Table]] = defaultdict(list)
    for one in publications:
        if not one.kind.value.startswith("corrected"):
            for name, rows in parsing.parse(payloads.payload(one, seed=SEED)).tables.items():
                found[name].append(rows)
    return {name: pa.concat_tables(rows) for name, rows in found.items()}


def of_run(rows: pa.Table, run: str) -> pa.Table:
    return rows.filter(pc.equal(rows["market_run"], run))


@pytest.mark.parametrize("run", ["DA", "RT5"])
def test_congestion__is_what_shadow_prices_and_shift_factors_make(published: dict[str, pa.Table], run: str) -> None:
    prices = of_run(published[market_datasets.PRICES.id], run)
    shadows = of_run(published[datasets.SHADOW_PRICES.id], run)
    made = price_parts.contributions(shadow_prices=shadows, shift_factors=published[datasets.SHIFT_FACTORS.id])
    total = made.group_by(CELL, use_threads=False).aggregate([("congestion_per_mwh", "sum"), ("currency", "count")])
    both = prices.select([*CELL, "congestion_per_mwh"]).join(total, keys=CELL, join_type="left outer")
    explained = np.nan_to_num(both["congestion_per_mwh_sum"].to_numpy())
    binding = shadows.group_by("interval_start").aggregate([("shadow_price_per_mwh", "sum"), ("constraint", "count")])
    convention = conventions.of("SIM")
    worst = binding["shadow_price_per_mwh_sum"].to_numpy().max()
    tolerance = audit.ROUNDINGS * convention.price_tick + 0.5 * convention.factor_tick * worst

    assert shadows.num_rows > 4
    assert np.ptp(both["congestion_per_mwh"].to_numpy()) > 1.0
    assert np.abs(both["congestion_per_mwh"].to_numpy() - explained).max() <= tolerance
    assert np.abs(both["congestion_per_mwh"].to_numpy() - 0.9 * explained).max() > tolerance  # it tells a wrong one


def test_explanation__of_the_dearest_place_names_constraints_and_marginal_units(published: dict[str, pa.Table]) -> None:
    prices = of_run(published[market_datasets.PRICES.id], "RT5")
    truth = of_run(published["simulation.truth"], "RT5")
    truth = truth.filter(pc.equal(truth["kind"], "marginal_unit"))
    # Where a penalty or a ramp sets the price no unit does.
    prices = prices.filter(pc.is_in(prices["interval_start"], pc.unique(truth["interval_start"])))
    row = prices.slice(int(np.argmax(prices["congestion_per_mwh"].to_numpy())), 1)
    start = row["interval_start"][0]
    shadows = of_run(published[datasets.SHADOW_PRICES.id], "RT5")
    found = explaining.explain(
        explaining.Evidence(
            prices=row,
            shadow_prices=shadows.filter(pc.equal(shadows["interval_start"], start)),
            shift_factors=published[datasets.SHIFT_FACTORS.id],
            constraints=published[datasets.CONSTRAINTS.id],
            marginal_units=truth.filter(pc.equal(truth["interval_start"], start)),
        )
    )

    assert found.verdict is explaining.Verdict.EXPLAINED
    assert found.contributions
    assert all(one.monitored is not None for one in found.contributions)
    assert found.marginal_units
    generators = published[datasets.NETWORKS.id]
    assert set(found.marginal_units) <= set(generators["element"].to_pylist())
