"""Whether the congestion rent of an hour pays its rights: rent and payout by constraint.

Without losses `payout <= sum_k mu_k load_k` (equal without options) and `rent = sum_k mu_k flow_k`, load_k what the
rights put on constraint k. So rights that are feasible together are paid in full, and what a constraint lacks is
`mu_k (load_k - flow_k)`: rights sold beyond the limit of that hour, as by an outage that the auction did not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid import prices
from powerdesk.grid.ftr.feasibility import Rows, Screen
from powerdesk.grid.ftr.paths import FtrError, check_mw

if TYPE_CHECKING:
    from powerdesk.grid.clearing.result import Clearing
    from powerdesk.grid.ftr.paths import Paths
    from powerdesk.grid.types import FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Adequacy:
    """USD of one hour: rent, payout, and by constraint, dearest first, its rent and what the rights put on it."""

    rent: float
    payout: float
    constraints: tuple[str, ...]
    rent_by_constraint: FloatArray
    claim_by_constraint: FloatArray

    @property
    def surplus(self) -> float:
        """Rent less payout; below 0 the rights are not paid in full."""
        return self.rent - self.payout


def adequacy(clearing: Clearing, paths: Paths, *, mw: FloatArray) -> Adequacy:
    """Return rent and payout of rights (n_path,) in a clearing; FtrError for losses and rights that are no numbers."""
    check_mw(paths, mw)
    if clearing.losses_mw.size and clearing.losses_mw.any():
        raise FtrError(
            found="a clearing with losses",
            allowed="one without: with losses congestion depends on the reference",
            remedy="clear without losses, or compare by the market's published congestion",
        )
    congestion = np.nan_to_num(prices.parts(clearing).congestion)
    earned = paths.prices(congestion)
    payout = float(mw @ np.where(paths.option, np.maximum(earned, 0.0), earned))
    found = clearing.constraints
    shadow = np.array([one.shadow_price_usd_per_mwh for one in found])
    rows = Rows(
        branch=np.array([one.branch for one in found], np.int64),
        outage=np.array([one.outage for one in found], np.int64),
        factor=np.array([one.factor for one in found]),
        direction=np.array([one.direction for one in found], np.int64),
        room_mw=np.array([one.direction * one.limit_mw for one in found]),
    )
    load = Screen(clearing.programme.sensitivities, paths).coefficients(rows) @ mw
    flow = np.array([one.direction * one.flow_mw for one in found])
    fixed = clearing.programme.sensitivities.fixed_flow_mw
    shifted = rows.direction * (fixed[rows.branch] + rows.factor * fixed[rows.outage])
    rent = shadow * (flow - shifted)
    return Adequacy(float(rent.sum()), payout, tuple(one.name for one in found), rent, shadow * load)
