"""Why a price is what it is: its published parts, the constraints behind the congestion, and what they leave open.

    price = energy + loss + ghg + contributions + unexplained,   contribution = sign x shadow price x shift factor

Nothing is scaled to fit: what published shadow prices and shift factors do not explain of the published congestion is
shown as `unexplained`, with the rounding that would excuse it. See `grid.datasets` for the sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - the document of the route is made from these types
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow.compute as pc

from powerdesk.grid import conventions, price_parts
from powerdesk.grid.conventions import Convention  # noqa: TC001 - as above
from powerdesk.grid.recovery import audit
from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    import pyarrow as pa


class NoPriceError(Problem):
    """There is no price to explain at that location and instant, as known at the moment asked for."""

    status: ClassVar[int] = 404
    slug: ClassVar[str] = "no-price"
    title: ClassVar[str] = "No price to explain"


class Verdict(StrEnum):
    """Whether the constraints make the congestion that was published."""

    EXPLAINED = "explained"
    """What is left is within rounding."""
    UNEXPLAINED = "unexplained"
    """More is left: a constraint, a shift factor or a price is missing or wrong."""
    NO_CONGESTION_PART = "no-congestion-part"
    """The price was published without its parts: there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was known about one price: tables with the declared columns of their datasets.

    `prices` holds the one row to explain, `shadow_prices` every constraint of its interval, `shift_factors` the sets in
    force of those constraints (whole, or an absent location would be taken for an earlier set's), `constraints` what
    they are, `marginal_units` rows of simulation.truth or none at all where that is not known.
    """

    prices: pa.Table
    shadow_prices: pa.Table
    shift_factors: pa.Table
    constraints: pa.Table
    marginal_units: pa.Table | None = None
    asked: str = "what was asked for"
    """Location, run and instant in words, for a refusal."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """One binding constraint and what it adds to the price; None where its shift factor is not known."""

    constraint: str
    monitored: str | None
    contingency: str | None
    direction: str
    limit_mw: float | None
    flow_mw: float | None
    shadow_price_per_mwh: float
    shift_factor: float | None
    congestion_per_mwh: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """A price and its parts per MWh in `currency`, contributions largest first; None where a part was not published.

    `explained_per_mwh` is the sum of contributions, `unexplained_per_mwh` the published congestion less that sum;
    `tolerance_per_mwh` what the market's rounding can leave. `marginal_units` is None where it is not known.
    """

    location: str
    market_run: str
    interval_start: datetime
    interval_end: datetime
    currency: str
    price_per_mwh: float
    energy_per_mwh: float | None
    loss_per_mwh: float | None
    ghg_per_mwh: float | None
    congestion_per_mwh: float | None
    contributions: tuple[Contribution, ...]
    explained_per_mwh: float
    unexplained_per_mwh: float | None
    tolerance_per_mwh: float
    verdict: Verdict
    marginal_units: tuple[str, ...] | None
    convention: Convention


def explain(evidence: Evidence) -> Explanation:
    """Return how a price came about; raises NoPriceError when `prices` holds no valid row. O(n) in the rows."""
    prices = evidence.prices.filter(pc.is_valid(evidence.prices["price_per_mwh"]))
    if not prices.num_rows:
        raise NoPriceError(
            found=f"no price of {evidence.asked}",
            allowed="a location, run and instant with a price known by then",
            remedy="read GET /v1/datasets/markets.prices/rows, or ask as of later",
        )
    (price,) = prices.to_pylist()
    convention = conventions.of(price["market"])
    found = contributions(evidence, location=price["location"])
    explained = sum(one.congestion_per_mwh or 0.0 for one in found)
    published = price["congestion_per_mwh"]
    left = None if published is None else published - explained
    tolerance = _tolerance(found, convention)
    return Explanation(
        location=price["location"],
        market_run=price["market_run"],
        interval_start=price["interval_start"],
        interval_end=price["interval_end"],
        currency=price["currency"],
        price_per_mwh=price["price_per_mwh"],
        energy_per_mwh=price["energy_per_mwh"],
        loss_per_mwh=price["loss_per_mwh"],
        ghg_per_mwh=price["ghg_per_mwh"],
        congestion_per_mwh=published,
        contributions=found,
        explained_per_mwh=explained,
        unexplained_per_mwh=left,
        tolerance_per_mwh=tolerance,
        verdict=_verdict(left, tolerance),
        marginal_units=_names(evidence.marginal_units),
        convention=convention,
    )


def contributions(evidence: Evidence, *, location: str) -> tuple[Contribution, ...]:
    """Return what each binding constraint adds at a location, largest first, those without factors last."""
    shadows = evidence.shadow_prices.filter(pc.is_valid(evidence.shadow_prices["shadow_price_per_mwh"]))
    made = price_parts.contributions(shadow_prices=shadows, shift_factors=evidence.shift_factors)
    with_factors = set(made["constraint"].to_pylist())
    here = made.filter(pc.equal(made["location"], location))
    known = {one["constraint"]: one for one in here.to_pylist()}
    about = {one["constraint"]: one for one in evidence.constraints.to_pylist()}
    absent: dict[str, Any] = {"shift_factor": 0.0, "congestion_per_mwh": 0.0}
    found = [
        _contribution(one, about.get(name, {}), known.get(name) or (absent if name in with_factors else {}))
        for one in shadows.to_pylist()
        for name in [one["constraint"]]
    ]
    return tuple(sorted(found, key=lambda one: (-abs(one.congestion_per_mwh or 0.0), one.constraint)))


def _contribution(shadow: dict[str, Any], about: dict[str, Any], made: dict[str, Any]) -> Contribution:
    return Contribution(
        constraint=shadow["constraint"],
        monitored=about.get("monitored"),
        contingency=about.get("contingency"),
        direction=shadow["direction"],
        limit_mw=shadow["limit_mw"],
        flow_mw=shadow["flow_mw"],
        shadow_price_per_mwh=shadow["shadow_price_per_mwh"],
        shift_factor=made.get("shift_factor"),
        congestion_per_mwh=made.get("congestion_per_mwh"),
    )


def _tolerance(found: tuple[Contribution, ...], convention: Convention) -> float:
    """Return what rounding of prices, shadow prices and shift factors can leave: see `recovery.audit`."""
    of_factors = 0.5 * convention.factor_tick * sum(one.shadow_price_per_mwh for one in found)
    return audit.ROUNDINGS * convention.price_tick * max(len(found), 1) + of_factors


def _verdict(left: float | None, tolerance: float) -> Verdict:
    if left is None:
        return Verdict.NO_CONGESTION_PART
    return Verdict.EXPLAINED if abs(left) <= tolerance else Verdict.UNEXPLAINED


def _names(units: pa.Table | None) -> tuple[str, ...] | None:
    if units is None:
        return None
    return tuple(sorted(units.filter(pc.is_valid(units["value"]))["element"].to_pylist()))
