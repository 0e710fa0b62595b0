"""The declarations of the grid: keys, units, publication, and what the check on entry makes of their rows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from powerdesk.app import registry
from powerdesk.grid import datasets
from powerdesk.store import checking

if TYPE_CHECKING:
    from powerdesk.store.dataset import Dataset

INSTANT = pa.timestamp("us", tz="UTC")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("declared", datasets.DATASETS, ids=lambda declared: str(declared.id))
def test_grid_dataset__names_units_licences_and_keys(declared: Dataset) -> None:
    assert declared in registry.DATASETS
    assert declared.key[0] == declared.market_column == "market"
    assert declared.time_column in declared.key
    assert declared.series_label in declared.key
    assert {licence.market for licence in declared.licences} >= {"SIM", "CAISO", "NYISO"}
    assert (declared.end_column in {column.name for column in declared.columns}) == (not declared.lasting_by)
    assert set(declared.lasting_by) <= set(declared.series_key)
    assert all((column.unit is not None) == (column.dtype.value == "float64") for column in declared.columns)


@pytest.mark.parametrize("declared", [one for one in datasets.DATASETS if not one.inputs], ids=lambda one: str(one.id))
def test_grid_dataset__has_sources_unless_it_is_derived(declared: Dataset) -> None:
    assert {licence.source for licence in declared.licences} == set(declared.sources)


def test_announcement__is_the_instant_it_holds_from_in_sim_and_unknown_elsewhere() -> None:
    rows = pa.table({"market": ["SIM", "NYISO"], "interval_start": pa.array([NOON, NOON], INSTANT)})

    assert datasets.NETWORKS.publication.instants(rows).to_pylist() == [NOON, None]


def test_networks__take_a_branch_without_a_location_and_refuse_another_markets_bus() -> None:
    rows = pa.table(
        {
            "market": ["SIM"] * 3,
            "network": ["small"] * 3,
            "kind": ["bus", "branch", "bus"],
            "element": ["1", "1-2", "2"],
            "interval_start": pa.array([NOON] * 3, INSTANT),
            "location": ["SIM:1", None, "NYISO:2"],
        }
    )

    checked = checking.check(datasets.NETWORKS, rows)

    assert checked.rows["element"].to_pylist() == ["1", "1-2"]
    assert [finding.pointer for finding in checked.findings] == ["location in 1 rows (2)"]


def test_shadow_prices__are_never_negative() -> None:
    row = {"market": "SIM", "market_run": "RT5", "constraint": "1-2", "direction": "to_from", "currency": "USD"}
    times = {"interval_start": NOON, "interval_end": NOON.replace(minute=5)}
    schema = pa.schema(
        [(name, pa.string()) for name in row]
        + [(name, INSTANT) for name in times]
        + [(name, pa.float64()) for name in ("shadow_price_per_mwh", "flow_mw", "limit_mw")]
    )
    given = [
        {**row, **times, "shadow_price_per_mwh": price, "flow_mw": -9.0, "limit_mw": -9.0} for price in (5.0, -5.0)
    ]

    checked = checking.check(datasets.SHADOW_PRICES, pa.Table.from_pylist(given, schema))

    assert checked.rows["shadow_price_per_mwh"].to_pylist() == [5.0]
    assert checked.rejected == 1
