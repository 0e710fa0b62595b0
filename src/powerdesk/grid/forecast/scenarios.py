"""Scenarios of all constraints together, and the congestion of all nodes that follows.

Each constraint's distribution is the forecast's; how constraints go together, and hours with one another, is taken from
past days: the Schaake shuffle. A scenario takes, for every constraint and hour, the rank that a past day had among the
past days drawn. Clark et al. (2004). Ties (days without binding) are broken by one draw per scenario and constraint, so
that a constraint stays bound from hour to hour. A node's congestion is the scenario's shadow prices times its shift
factors, so that nodes agree with one another in every scenario.
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
    chosen = generator.choice(days, size=count, p=weight / weight.sum())
    when = forecast.start_us[None, :] - chosen[:, None] * panels.DAY_US
    price = np.nan_to_num(past.of(forecast.constraints))  # unpublished: told by the tie-break, as if it had not bound
    then = price[(when - past.start_us[0]) // length]
    broken = np.broadcast_to(generator.uniform(size=(count, 1, then.shape[2])), then.shape)
    order = np.lexsort((broken, then), axis=0)
    rank = np.empty(then.shape)
    np.put_along_axis(rank, order, np.arange(count, dtype=np.float64)[:, None, None], axis=0)
    level = (rank + generator.uniform(size=then.shape[2])) / count
    return Scenarios(forecast.minutes, forecast.start_us, forecast.constraints, at_levels(forecast, level))


def at_levels(forecast: Forecast, level: FloatArray) -> FloatArray:
    """Return the quantiles (..., m, k) of each shadow price, 0 counted in, at levels (..., m, k) in (0, 1)."""
    chance, values = forecast.probability, forecast.values
    n_value = values.shape[2]
    below = chance * (values < 0.0).sum(axis=2) / n_value
    free = 1.0 - chance
    within = np.where(level < below, level, level - free) / np.maximum(chance, np.finfo(np.float64).tiny)
    place = np.floor(within * n_value).clip(0, n_value - 1).astype(np.int64)
    spread = np.broadcast_to(values, (*level.shape, n_value))
    picked = np.take_along_axis(spread, place[..., None], axis=-1)[..., 0]
    return np.where((level >= below) & (level < below + free), 0.0, picked)
