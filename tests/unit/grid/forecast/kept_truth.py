"""A truth for forecasts: a made network cleared hour by hour, so that shadow prices and congestion are exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import synthetic
from powerdesk.grid.clearing.rows import PenaltyStep
from powerdesk.grid.clearing.session import Session
from powerdesk.grid.forecast import panel as panels
from powerdesk.grid.forecast.known import Features
from powerdesk.grid.forecast.panel import Panel
from powerdesk.grid.sensitivities import Sensitivities
from powerdesk.grid.types import BranchModel

if TYPE_CHECKING:
    from powerdesk.grid.types import FloatArray, Network

ZONE = "America/Los_Angeles"
BEGIN_US = 1_735_718_400_000_000
"""2025-01-01 08:00 UTC: midnight in the zone."""

AHEAD_US = (14 * panels.HOUR_US, 38 * panels.HOUR_US)
PENALTY = (PenaltyStep(np.inf, 500.0),)
LEFT = 0.35
"""Of a plant that fails; were it nothing, limits would be broken at the penalty in a fifth of all cases."""


@dataclass(frozen=True)
class Truth:
    """The panel, load forecasts made a day and a half ahead, congestion (n, n_bus) as cleared, factors (k, n_bus)."""

    panel: Panel
    features: Features
    congestion: FloatArray
    shift_factors: FloatArray


@cache
def cleared(*, days: int = 170) -> Truth:
    """Clear load by hour and weekday with a drift, most of a plant out for about a week, and noise at every bus."""
    network = synthetic.network(n_bus=30, seed=4, congestion=0.5)
    sensitivities = Sensitivities(network, model=BranchModel.DCP)
    session, draw = Session(sensitivities, steps=PENALTY), np.random.default_rng(1)
    level, expected = _load(24 * days, draw)
    shadow = np.zeros((24 * days, len(network.branches)))
    congestion = np.zeros((24 * days, len(network.buses)))
    available = np.ones(network.generators.max_mw.size)
    for hour in range(24 * days):
        if hour % 24 == 0:
            available = _available(available, draw)
        noise = 1.0 + 0.03 * draw.standard_normal(len(network.buses))
        found = session.clear(
            demand_mw=network.demand_mw * level[hour] * noise, max_mw=network.generators.max_mw * available
        )
        for one in found.constraints:
            shadow[hour, one.branch] -= one.direction * one.shadow_price_usd_per_mwh
        congestion[hour] = found.lmp - found.energy[0]
    return _told(network, sensitivities, shadow, congestion, expected)


def _load(n: int, draw: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    hour = np.arange(n)
    drift = np.zeros(n)
    for at in range(1, n):
        drift[at] = 0.98 * drift[at - 1] + 0.01 * draw.standard_normal()
    level = 0.7 + 0.14 * np.cos(2.0 * np.pi * (hour % 24 - 17) / 24) - 0.05 * (hour // 24 % 7 >= 5) + drift
    return level, level + 0.02 * draw.standard_normal(n)


def _available(available: FloatArray, draw: np.random.Generator) -> FloatArray:
    fails, mended = draw.uniform(size=available.size) < 0.01, draw.uniform(size=available.size) < 0.15
    return np.where(fails, LEFT, np.where(mended, 1.0, available))


def _told(
    network: Network, sensitivities: Sensitivities, shadow: FloatArray, congestion: FloatArray, expected: FloatArray
) -> Truth:
    bound = np.flatnonzero(shadow.any(axis=0))
    names = [network.branches.name[one] for one in bound.tolist()]
    order = np.argsort(names)
    start = BEGIN_US + panels.HOUR_US * np.arange(len(shadow), dtype=np.int64)
    return Truth(
        panel=Panel(
            minutes=60,
            start_us=start,
            known_us=start + panels.HOUR_US + 5 * panels.MINUTE_US,
            constraints=tuple(names[one] for one in order.tolist()),
            shadow_price=shadow[:, bound[order]],
        ),
        features=Features(("load",), start, start - 38 * panels.HOUR_US, expected[:, None]),
        congestion=congestion,
        shift_factors=sensitivities.rows(bound[order]),
    )
