"""Parts of a plan in which a better one is sought while the rest stays: windows of hours, units, unclear states.

At prices each state has a surplus: what its unit's best plan without it costs more. A plan loses the surplus of states
that it has otherwise; the parts that lose most come first. Fix and optimise: Helber, Sahling (2010), "A
fix-and-optimize approach for the multi-level capacitated lot sizing problem".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from powerdesk.grid.types import BoolArray, FloatArray

WINDOW_HOURS = 12.0
MOST_OPEN = 900
"""States open at a time; HiGHS decides so many in seconds (73 to 934 units, 2026-11-22)."""

LEAST_SHARE = 0.02
"""A window that loses less of what separates plan and bound is left as it is."""

UNIT_GROUPS = 2
"""Groups of units that are opened over all hours, those that lose most."""


def parts(on: BoolArray, *, surplus: FloatArray, given_usd: FloatArray, hours: float) -> Iterator[BoolArray]:
    """Yield what is open in turn, as states of a plan `on`, all (n, n_unit); `given_usd` (n,) is paid to give way."""
    unlike = (surplus > 0.0) != on
    lost_usd = np.where(unlike & np.isfinite(surplus), np.abs(surplus), 0.0)
    n, n_unit = lost_usd.shape
    length = min(n, max(1, round(WINDOW_HOURS / hours)))
    by_interval = lost_usd.sum(axis=1) + given_usd
    first = np.unique(np.minimum(np.arange(0, n, max(1, length // 2)), n - length))
    lost = np.array([by_interval[at : at + length].sum() for at in first.tolist()])
    everywhere = np.ones((n, n_unit), bool)
    for at in np.argsort(-lost, kind="stable").tolist():
        if lost[at] > LEAST_SHARE * by_interval.sum():
            within = np.zeros((n, 1), bool)
            within[first[at] : first[at] + length] = True
            yield _least_clear(everywhere & within, surplus) | (unlike & within)
    order = np.argsort(-lost_usd.sum(axis=0), kind="stable")
    size = max(1, MOST_OPEN // n)
    for group in range(UNIT_GROUPS if size < n_unit else 0):
        yield everywhere & np.isin(np.arange(n_unit), order[group * size : (group + 1) * size])
    yield _least_clear(everywhere, surplus) | unlike


def _least_clear(within: BoolArray, surplus: FloatArray) -> BoolArray:
    """Return the states within that are least clear, MOST_OPEN of them at most."""
    clear = np.where(within & np.isfinite(surplus), np.abs(surplus), np.inf)
    most = np.inf if clear.size <= MOST_OPEN else np.partition(clear.ravel(), MOST_OPEN)[MOST_OPEN]
    return np.asarray(np.isfinite(clear) & (clear <= most))
