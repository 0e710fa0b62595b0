"""Rate limits as data: how many calls and rows a plan may take of each product."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping


class RateLimitedError(Problem):
    """More calls or rows than the plan gives.

    Nothing of this request was counted, except a call for each thousand rows that were read for nothing.
    """

    status: ClassVar[int] = 429
    slug: ClassVar[str] = "rate-limited"
    title: ClassVar[str] = "Too much at once"

    def __init__(
        self, *, found: str, allowed: str, remedy: str, retry_after_s: float, headers: Mapping[str, str]
    ) -> None:
        super().__init__(found=found, allowed=allowed, remedy=remedy, retry_after_s=retry_after_s)
        self.headers = headers


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `amount` of the unit (calls or rows) in any `window_s` seconds, for one account and product."""

    unit: str
    amount: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The budgets of a tenant: `usual` for any product, `special` replaces them for the products it names."""

    name: str
    usual: tuple[Budget, ...]
    special: Mapping[str, tuple[Budget, ...]] = field(default_factory=dict)

    def budgets(self, product: str) -> tuple[Budget, ...]:
        """Return the budgets that a product counts against."""
        return self.special.get(product, self.usual)


STANDARD = Plan(
    name="standard",
    usual=(
        Budget(unit="calls", amount=18_000, window_s=60),
        Budget(unit="rows", amount=50_000_000, window_s=3_600),
    ),
)
"""300 calls a second: above what one desk's screens and programs ask, below what hurts the others."""

TRIAL = Plan(
    name="trial",
    usual=(
        Budget(unit="calls", amount=600, window_s=60),
        Budget(unit="rows", amount=2_000_000, window_s=3_600),
    ),
)

PLANS: Mapping[str, Plan] = {plan.name: plan for plan in (STANDARD, TRIAL)}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one budget stands after a request."""

    budget: Budget
    remaining: int
    reset_after_s: float


def headers(standings: tuple[Standing, ...]) -> dict[str, str]:
    """Return RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10)."""
    return {
        "RateLimit-Policy": ", ".join(
            f'"{s.budget.unit}";q={s.budget.amount};w={s.budget.window_s}' for s in standings
        ),
        "RateLimit": ", ".join(
            f'"{s.budget.unit}";r={max(s.remaining, 0)};t={-int(-s.reset_after_s // 1)}' for s in standings
        ),
    }
