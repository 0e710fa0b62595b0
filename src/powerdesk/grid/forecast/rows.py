"""A forecast as rows of grid.binding_forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from powerdesk.grid import datasets
from powerdesk.grid.forecast import panel as panels

if TYPE_CHECKING:
    from powerdesk.grid.forecast.binding import Forecast
    from powerdesk.grid.types import FloatArray

INSTANT = pa.timestamp("us", tz="UTC")


def table(forecast: Forecast, *, market: str, forecast_run: str, currency: str) -> pa.Table:
    """Return the rows, by constraint and interval, known at the forecast's origin; shadow prices without their sign.

    The mean and the quantiles count 0 where the constraint does not bind.
    """
    m, k = forecast.probability.shape
    size = np.sort(np.abs(forecast.values), axis=2)
    start = np.tile(forecast.start_us, k)
    length = forecast.minutes * panels.MINUTE_US
    count = m * k
    return pa.table(
        {
            "market": pa.repeat(market, count),
            "constraint": pa.array(np.repeat(np.array(forecast.constraints, dtype=object), m), pa.string()),
            "forecast_run": pa.repeat(forecast_run, count),
            "interval_start": pa.array(start, INSTANT),
            "interval_end": pa.array(start + length, INSTANT),
            "binding_probability": forecast.probability.T.ravel(),
            "shadow_price_mean_per_mwh": (forecast.probability * size.mean(axis=2)).T.ravel(),
            **{
                f"shadow_price_q{round(100 * level)}_per_mwh": _quantile(forecast.probability, size, level).T.ravel()
                for level in datasets.FORECAST_QUANTILES
            },
            "currency": pa.repeat(currency, count),
            "published_at": pa.array(np.full(count, forecast.known_us), INSTANT),
        }
    )


def _quantile(chance: FloatArray, size: FloatArray, level: float) -> FloatArray:
    """Return the quantile (m, k) of 0 with chance 1 - p, else one of sizes (m, k, v) that rise."""
    within = (level - (1.0 - chance)) / np.maximum(chance, 1e-12)
    place = np.floor(within * size.shape[2]).clip(0, size.shape[2] - 1).astype(np.int64)
    picked = np.take_along_axis(size, place[..., None], axis=2)[..., 0]
    return np.where(within < 0.0, 0.0, picked)
