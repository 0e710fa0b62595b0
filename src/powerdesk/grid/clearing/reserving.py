"""Reserves cleared together with energy: regulation, spinning, non-spinning, each with a demand curve.

    r_gp >= 0, at most what the unit offers of the product
    sum over products that are as good as p (r + shortage) >= sum of their requirements     [price of p]
    p_g + sum of upward r_g <= Pmax_g,   p_g - sum of downward r_g >= Pmin_g

Products of one direction are given best first: a better one also serves those after it, so prices never rise down the
list. Shortage is bought from the demand curve's steps. The price of a product is the dual of its requirement plus those
of the products after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from powerdesk.grid.types import NetworkError

if TYPE_CHECKING:
    from powerdesk.grid.clearing.programme import Programme
    from powerdesk.grid.clearing.rows import PenaltyStep
    from powerdesk.grid.types import FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class ReserveProduct:
    """A product: direction +1 (up) or -1 (down), requirement in MW, what each generator offers of it and at what price.

    `offer_mw` and `offer_usd_per_mwh` (n_gen,). `shortage`: what each MW of requirement not met costs, cheapest first,
    the whole requirement in all.
    """

    name: str
    direction: int
    requirement_mw: float
    offer_mw: FloatArray
    offer_usd_per_mwh: FloatArray
    shortage: tuple[PenaltyStep, ...]


def with_reserves(programme: Programme, products: tuple[ReserveProduct, ...]) -> Programme:
    """Return the programme with columns of awards and shortages, requirement rows and rows of units' room.

    Raises NetworkError for a product that no curve or direction describes.
    """
    _check(programme, products)
    first, units = programme.cost.size, programme.network.live_generators
    count = units.size
    awards = np.concatenate([one.offer_mw[units] for one in products])
    prices = np.concatenate([one.offer_usd_per_mwh[units] for one in products])
    widths = [np.array([step.width_mw for step in one.shortage]) for one in products]
    dear = [np.array([step.price_usd_per_mwh for step in one.shortage]) for one in products]
    upper = np.concatenate((awards, *widths))
    wider = programme.extended(lower=np.zeros(upper.size), upper=upper, cost=np.concatenate((prices, *dear)))
    reserve, owner = wider.reserve.copy(), wider.reserve_owner.copy()
    reserve[first : first + awards.size] = np.repeat(np.arange(len(products)), count)
    owner[first : first + awards.size] = np.tile(units, len(products))
    begin = first + awards.size
    for at, one in enumerate(products):
        reserve[begin : begin + len(one.shortage)] = at
        begin += len(one.shortage)
    need, least = _requirements(products, reserve)
    room, high, low = _room(replace(wider, reserve=reserve, reserve_owner=owner), products)
    return replace(
        wider,
        reserve=reserve,
        reserve_owner=owner,
        n_requirement=len(products),
        side=np.concatenate((need, room)),
        side_lower=np.concatenate((least, low)),
        side_upper=np.concatenate((np.full(len(products), np.inf), high)),
    )


def _check(programme: Programme, products: tuple[ReserveProduct, ...]) -> None:
    n_gen = len(programme.network.generators)
    for one in products:
        curve = sum(step.width_mw for step in one.shortage)
        sound = (
            one.direction in {-1, 1}
            and one.offer_mw.shape == one.offer_usd_per_mwh.shape == (n_gen,)
            and bool((one.offer_mw >= 0.0).all())
            and curve >= one.requirement_mw >= 0.0
        )
        if not sound:
            raise NetworkError(
                found=f"the reserve product {one.name} with a demand curve of {curve:g} MW",
                allowed=f"direction +1 or -1, {n_gen} offers of 0 MW or more, a curve as long as the requirement",
                remedy="complete the product",
            )


def _requirements(products: tuple[ReserveProduct, ...], reserve: np.ndarray) -> tuple[FloatArray, FloatArray]:
    """Return a row per product: it and the better ones of its direction serve what they are asked for together."""
    rows, least = np.zeros((len(products), reserve.size)), np.zeros(len(products))
    for at, one in enumerate(products):
        better = [other for other in range(at + 1) if products[other].direction == one.direction]
        rows[at] = np.isin(reserve, better)
        least[at] = sum(products[other].requirement_mw for other in better)
    return rows, least


def _room(wider: Programme, products: tuple[ReserveProduct, ...]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return rows that keep awards within the room between a unit's output and its limits, and their bounds."""
    generators = wider.network.generators
    rows, high, low = [], [], []
    for unit in wider.network.live_generators.tolist():
        for direction in sorted({one.direction for one in products}):
            row = (wider.generator == unit).astype(np.float64)
            mine = [at for at, one in enumerate(products) if one.direction == direction]
            row[(wider.reserve_owner == unit) & np.isin(wider.reserve, mine)] = direction
            rows.append(row)
            high.append(generators.max_mw[unit] if direction > 0 else np.inf)
            low.append(generators.min_mw[unit] if direction < 0 else -np.inf)
    return np.array(rows).reshape(-1, wider.cost.size), np.array(high), np.array(low)
