"""Explanations: of prices that the engine made, with whatever may be missing from what was published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.grid import datasets, explaining, prices, publishing, synthetic
from powerdesk.grid.clearing import cuts, engines
from powerdesk.grid.explaining import Evidence, Verdict
from powerdesk.grid.types import BranchModel
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.markets import datasets as market_datasets
from powerdesk.store import checking, schema

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
FIVE = DeliveryInterval(NOON, NOON + timedelta(minutes=5))
INSTANT = pa.timestamp("us", tz="UTC")
NETWORK = synthetic.network(n_bus=30, seed=2, congestion=0.97)
NAMES = publishing.naming(NETWORK, market="SIM")
CLEARED = engines.clear(NETWORK, model=BranchModel.DCP)
PARTS = prices.parts(CLEARED, reference=CLEARED.demand_mw)


def priced(bus: int, parts: prices.PriceParts = PARTS, **other: Any) -> pa.Table:
    """Return the published price of a bus, in cents."""
    cents = {
        "energy_per_mwh": float(parts.energy[bus]),
        "congestion_per_mwh": float(parts.congestion[bus]),
        "loss_per_mwh": float(parts.loss[bus]),
    }
    row: dict[str, Any] = {name: round(value, 2) for name, value in cents.items()}
    row |= {
        "market": "SIM",
        "market_run": "RT5",
        "location": NAMES.locations[bus],
        "currency": "USD",
        "ghg_per_mwh": None,
    }
    row |= {"interval_start": FIVE.start, "interval_end": FIVE.end, "price_per_mwh": sum(row[name] for name in cents)}
    return pa.Table.from_pylist([row | other], pa.schema(schema.own_fields(market_datasets.PRICES)))


def stamped(rows: pa.Table) -> pa.Table:
    return rows.append_column("published_at", pa.array([NOON] * rows.num_rows, INSTANT))


def evidence(bus: int, parts: prices.PriceParts = PARTS, **price: Any) -> Evidence:
    """Return what a market that clears this network publishes about a bus."""
    found = parts.constraints
    shifts = publishing.shift_factors(
        [one.name for one in found], parts.shift_factors.round(6), names=NAMES, since=NOON, reference="load"
    )
    made = {
        datasets.SHADOW_PRICES: publishing.shadow_prices(found, names=NAMES, market_run="RT5", interval=FIVE),
        datasets.SHIFT_FACTORS: shifts,
        datasets.CONSTRAINTS: publishing.constraints(NETWORK, found, names=NAMES, since=NOON),
    }
    for declared, rows in made.items():
        assert checking.check(declared, rows).findings == ()
    shadows, shifts, constraints = (stamped(rows) for rows in made.values())
    return Evidence(priced(bus, parts, **price), shadows, shifts, constraints)


def test_the_case__has_several_constraints_in_both_directions() -> None:
    assert {one.direction for one in CLEARED.constraints} == {-1, 1}
    assert len(CLEARED.constraints) >= 4


@pytest.mark.parametrize("bus", range(0, 30, 5))
def test_contributions__are_those_of_the_engine_and_add_up(bus: int) -> None:
    found = explaining.explain(evidence(bus))
    expected = prices.explain(CLEARED, bus=bus, reference=CLEARED.demand_mw)

    assert {one.constraint: one.congestion_per_mwh for one in found.contributions} == pytest.approx(
        {one.constraint: one.usd_per_mwh for one in expected.contributions}, abs=1e-3
    )
    assert found.verdict is Verdict.EXPLAINED
    assert found.unexplained_per_mwh is not None
    parts = (found.energy_per_mwh or 0.0) + (found.loss_per_mwh or 0.0) + found.explained_per_mwh
    assert parts + found.unexplained_per_mwh == pytest.approx(found.price_per_mwh, abs=1e-9)
    sizes = [abs(one.congestion_per_mwh or 0.0) for one in found.contributions]
    assert sizes == sorted(sizes, reverse=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000), st.integers(0, 11))
def test_explanation__holds_with_losses_at_the_reference_where_they_are_withdrawn(seed: int, bus: int) -> None:
    network = synthetic.network(n_bus=12, seed=seed, congestion=0.95)
    cleared = engines.clear(network, model=BranchModel.DCP, losses=cuts.Losses.QUADRATIC)
    parts = prices.parts(cleared, reference=cleared.base_weights)
    names = publishing.naming(network, market="SIM")
    given_rows = evidence(0)
    shadows = publishing.shadow_prices(parts.constraints, names=names, market_run="RT5", interval=FIVE)
    shifts = publishing.shift_factors(
        [one.name for one in parts.constraints], parts.shift_factors, names=names, since=NOON, reference="load"
    )
    row = priced(bus, parts, location=names.locations[bus])

    found = explaining.explain(
        replace(given_rows, prices=row, shadow_prices=stamped(shadows), shift_factors=stamped(shifts))
    )

    assert found.verdict is Verdict.EXPLAINED
    assert len(found.contributions) == len(cleared.constraints)


def test_a_missing_constraint__is_left_unexplained_and_never_spread() -> None:
    whole = explaining.explain(evidence(7))
    worst = whole.contributions[0]
    part = evidence(7)
    part = replace(
        part, shadow_prices=part.shadow_prices.filter(pc.not_equal(part.shadow_prices["constraint"], worst.constraint))
    )

    found = explaining.explain(part)

    assert found.contributions == whole.contributions[1:]
    assert found.verdict is Verdict.UNEXPLAINED
    assert found.unexplained_per_mwh == pytest.approx(worst.congestion_per_mwh, abs=0.02)


def test_a_constraint_without_factors__is_shown_with_none() -> None:
    worst = explaining.explain(evidence(7)).contributions[0].constraint
    part = evidence(7)
    part = replace(part, shift_factors=part.shift_factors.filter(pc.not_equal(part.shift_factors["constraint"], worst)))

    (unknown,) = [one for one in explaining.explain(part).contributions if one.constraint == worst]

    assert (unknown.shift_factor, unknown.congestion_per_mwh) == (None, None)
    assert unknown.shadow_price_per_mwh > 0.0


def test_a_location_absent_from_the_newest_set__has_no_effect() -> None:
    given_rows = evidence(7)
    later = given_rows.shift_factors.filter(pc.not_equal(given_rows.shift_factors["location"], NAMES.locations[7]))
    since = pa.array([NOON + timedelta(seconds=1)] * later.num_rows, INSTANT)
    later = later.set_column(
        later.schema.get_field_index("interval_start"), later.schema.field("interval_start"), since
    )
    both = pa.concat_tables([given_rows.shift_factors, later])
    start = pa.array([NOON + timedelta(seconds=2)] * given_rows.shadow_prices.num_rows, INSTANT)
    at = given_rows.shadow_prices.schema.get_field_index("interval_start")
    shadows = given_rows.shadow_prices.set_column(at, given_rows.shadow_prices.schema.field(at), start)

    found = explaining.explain(replace(given_rows, shift_factors=both, shadow_prices=shadows))

    assert {(one.shift_factor, one.congestion_per_mwh) for one in found.contributions} == {(0.0, 0.0)}


def test_no_binding_constraint__explains_no_congestion() -> None:
    quiet = evidence(3, congestion_per_mwh=0.0)
    quiet = replace(quiet, shadow_prices=quiet.shadow_prices.slice(0, 0), shift_factors=quiet.shift_factors.slice(0, 0))

    assert explaining.explain(quiet).verdict is Verdict.EXPLAINED


def test_a_price_without_parts__has_nothing_to_compare_with() -> None:
    found = explaining.explain(evidence(3, congestion_per_mwh=None))

    assert (found.verdict, found.unexplained_per_mwh) == (Verdict.NO_CONGESTION_PART, None)


def test_a_retracted_price__is_refused() -> None:
    asked = replace(evidence(3, price_per_mwh=None), asked="SIM:NOWHERE in RT5")
    with pytest.raises(explaining.NoPriceError, match="SIM:NOWHERE in RT5"):
        explaining.explain(asked)


def test_marginal_units__are_told_where_they_are_known() -> None:
    units = pa.table({"element": ["gas_2", "gas_1", "hydro_3"], "value": [3.0, 2.0, None]})

    assert explaining.explain(replace(evidence(3), marginal_units=units)).marginal_units == ("gas_1", "gas_2")
    assert explaining.explain(evidence(3)).marginal_units is None


@pytest.mark.parametrize("market", ["SIM", "NYISO"])
def test_convention__of_the_market_comes_with_the_explanation(market: str) -> None:
    found = explaining.explain(evidence(3, market=market)).convention

    assert (found.market, found.congestion_sign, found.price_tick) == (market, -1 if market == "NYISO" else 1, 0.01)


def test_networks__hold_every_element_in_service_once() -> None:
    layout = np.random.default_rng(1).random((30, 2))

    rows = publishing.networks(NETWORK, names=NAMES, since=NOON, layout=layout)

    checked = checking.check(datasets.NETWORKS, rows)
    assert (checked.findings, checked.repeated, checked.rows.num_rows) == ((), 0, rows.num_rows)
    kinds = rows["kind"].to_pylist()
    assert [kinds.count(kind) for kind in ("bus", "branch", "generator")] == [
        30,
        NETWORK.live_branches.size,
        NETWORK.live_generators.size,
    ]
