"""Scenarios of all constraints together, and the congestion of all nodes that follows.

Each constraint's distribution is the forecast's; how constraints go together, and hours with one another, is taken from
past days: the Schaake shuffle. A scenario takes, for every constraint and hour, the rank that a past day had among the
past days drawn. Clark et al. (2004). Where days tie, because nothing bound, a second and a third past day decide, so
that what the forecast has more often than the past still comes together; at last a draw per scenario and constraint. A
node's congestion is the scenario's shadow prices times its shift factors: nodes agree in every scenario.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.forecast import panel as panels
from powerdesk.grid.recovery import types
from powerdesk.grid.recovery.types import PanelError

if TYPE_CHECKING:
    from powerdesk.grid.forecast.binding import Forecast
    from powerdesk.grid.forecast.panel import Panel
    from powerdesk.grid.types import FloatArray, IntArray

HALF_LIFE_DAYS = 30.0
MOST_DAYS = 120
"""Past days are drawn by age, from the last MOST_DAYS."""

DAYS_EACH = 3
"""Past days of a scenario, each deciding where those before it tie."""


@dataclass(frozen=True, eq=False, slots=True)
class Scenarios:
    """Equally likely shadow prices (n_scenario, m, k), signed as the panel's, for intervals start_us (m,)."""

    minutes: int
    start_us: IntArray
    constraints: tuple[str, ...]
    shadow_price: FloatArray

    def congestion(self, shift_factors: FloatArray) -> FloatArray:
        """Return congestion (n_scenario, m, n) in currency/MWh for shift factors (k, n) in the constraints' order."""
        types.check_shape("shift_factors", shift_factors, (len(self.constraints), *shift_factors.shape[1:]))
        types.check_finite("shift_factors", shift_factors)
        return np.asarray(self.shadow_price @ shift_factors)


def draw(*, forecast: Forecast, panel: Panel, count: int, generator: np.random.Generator) -> Scenarios:
    """Return `count` scenarios of a forecast, after past days of the panel that were known at its origin.

    O(count m k log count). Raises PanelError when no whole past day is known.
    """
    past = panel.until(forecast.known_us)
    length = forecast.minutes * panels.MINUTE_US
    lag = forecast.start_us[-1] - (past.start_us[-1] if past.start_us.size else 0)
    first = max(1, -(-int(lag) // panels.DAY_US))
    room = (int(forecast.start_us[0] - past.start_us[0]) // panels.DAY_US - first + 1) if past.start_us.size else 0
    if room < 1 or count < 1:
        raise PanelError(
            found=f"{max(room, 0)} past days, {count} scenarios",
            allowed="a past day at least, one scenario at least",
            remedy="wait for history, or back-fill it",
        )
    days = first + np.arange(min(room, MOST_DAYS))
    weight = np.exp2(-days / HALF_LIFE_DAYS)
    chosen = generator.choice(days, size=(DAYS_EACH, count, 1), p=weight / weight.sum())
    place = (forecast.start_us - chosen * panels.DAY_US - past.start_us[0]) // length
    price = np.nan_to_num(past.of(forecast.constraints))  # unpublished ties too, as if it had not bound
    rank = np.empty((count, *forecast.probability.shape))
    by_chance = generator.uniform(size=(count, rank.shape[2]))
    for at in range(rank.shape[1]):
        order = np.lexsort((by_chance, *price[place[::-1, :, at]]), axis=0)
        np.put_along_axis(rank[:, at], order, np.arange(count, dtype=np.float64)[:, None], axis=0)
    level = (rank + generator.uniform(size=rank.shape[2])) / count
    return Scenarios(forecast.minutes, forecast.start_us, forecast.constraints, at_levels(forecast, level))


def at_levels(forecast: Forecast, level: FloatArray) -> FloatArray:
    """Return the quantiles (..., m, k) of each shadow price, 0 counted in, at levels (..., m, k) in (0, 1)."""
    chance, values = forecast.probability, forecast.values
    n_value = values.shape[2]
    n_below = (values < 0.0).sum(axis=2)
    below, free = chance * n_below / n_value, 1.0 - chance
    is_below = level < below
    within = np.where(is_below, level, level - free) / np.maximum(chance, 1e-12)
    place = np.floor(within * n_value).astype(np.int64)
    place = np.where(is_below, np.minimum(place, n_below - 1), np.maximum(place, n_below)).clip(0, n_value - 1)
    picked = np.take_along_axis(np.broadcast_to(values, (*level.shape, n_value)), place[..., None], axis=-1)[..., 0]
    return np.where(is_below | (level >= below + free), picked, 0.0)
