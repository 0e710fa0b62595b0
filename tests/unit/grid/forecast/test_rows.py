"""The rows of grid.binding_forecast: as declared, and the same numbers as the forecast."""

from __future__ import annotations

import numpy as np
import pytest

from powerdesk.grid import datasets
from powerdesk.grid.forecast import panel as panels
from powerdesk.grid.forecast import rows
from powerdesk.grid.forecast.binding import Forecast
from powerdesk.store import schema

START_US = 1_735_718_400_000_000


def made() -> Forecast:
    draw = np.random.default_rng(1)
    values = np.sort(draw.normal(-20.0, 15.0, (3, 2, 40)), axis=2)
    chance = np.array([[0.0, 0.05], [0.5, 0.95], [1.0, 0.3]])
    start = START_US + panels.HOUR_US * np.arange(3)
    return Forecast(START_US - panels.HOUR_US, 60, start, ("north", "south"), chance, values, 1e-5)


def test_table__has_the_declared_columns_within_their_limits() -> None:
    found = rows.table(made(), market="SIM", forecast_run="hierarchical RT5", currency="USD")
    declared = datasets.BINDING_FORECAST
    assert set(found.column_names) == {column.name for column in declared.columns} | {"published_at"}
    fields = {field.name: field.type for field in schema.own_fields(declared)}
    for column in declared.columns:
        value = found[column.name]
        assert value.null_count == 0
        assert value.cast(fields[column.name]).equals(value)
        if column.low is not None:
            assert min(value.to_pylist()) >= column.low
        if column.high is not None:
            assert max(value.to_pylist()) <= column.high
    key = [column.name for column in declared.columns if column.key]
    assert found.select(key).group_by(key).aggregate([]).num_rows == found.num_rows == 6


def test_table__gives_mean_and_quantiles_of_sizes_with_nothing_counted_in() -> None:
    said = made()
    found = rows.table(said, market="SIM", forecast_run="x", currency="USD").to_pylist()
    draw = np.random.default_rng(2)
    for row in found:
        constraint = said.constraints.index(row["constraint"])
        at = (int(row["interval_start"].timestamp()) * 1_000_000 - START_US) // panels.HOUR_US
        chance, values = said.probability[at, constraint], said.values[at, constraint]
        bound = draw.uniform(size=400_000) < chance
        drawn = np.where(bound, np.abs(draw.choice(values, bound.size)), 0.0)
        assert row["binding_probability"] == chance
        assert row["shadow_price_mean_per_mwh"] == pytest.approx(drawn.mean(), abs=0.15)
        for level in datasets.FORECAST_QUANTILES:
            told = row[f"shadow_price_q{round(100 * level)}_per_mwh"]
            assert (drawn < told - 1e-9).mean() <= level + 0.003
            assert (drawn <= told + 1e-9).mean() >= level - 0.003
