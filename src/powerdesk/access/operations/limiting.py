"""Count calls and rows against the budgets of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.access import limits
from powerdesk.access.types import PrincipalKind
from powerdesk.engines.ports.cache import Rate

if TYPE_CHECKING:
    from powerdesk.access.types import Principal
    from powerdesk.engines.ports.cache import Allowance, Cache

STRANGER_TRIES = limits.Budget(unit="calls", amount=60, window_s=60)
"""Bounds what somebody without a credential can make the desk hash and write."""


def spend(
    cache: Cache, *, principal: Principal, product: str, calls: int = 1, rows: int = 0
) -> tuple[limits.Standing, ...]:
    """Count against every budget of the principal's plan for the product; return how each stands.

    `limits.headers` turns the answer into headers. RateLimitedError when a budget cannot take it; then none is
    counted. The house itself and its operator spend nothing.
    """
    if principal.kind in {PrincipalKind.SYSTEM, PrincipalKind.OPERATOR}:
        return ()
    plan = limits.PLANS.get(principal.plan, limits.STANDARD)
    asked = [(budget, {"calls": calls, "rows": rows}[budget.unit]) for budget in plan.budgets(product)]
    looked = [(budget, cost, _hit(cache, principal, product, budget, 0)) for budget, cost in asked]
    standings = tuple(limits.Standing(budget, found.remaining, found.reset_after_s) for budget, _, found in looked)
    for budget, cost, found in looked:
        if cost > found.remaining:
            raise _limited(budget, cost, found, standings)
    counted = [(budget, cost, _hit(cache, principal, product, budget, cost)) for budget, cost in asked]
    for budget, cost, found in counted:
        if not found.granted:  # another thread took what was left between the look and the hit
            raise _limited(budget, cost, found, standings)
    return tuple(limits.Standing(budget, found.remaining, found.reset_after_s) for budget, _, found in counted)


def admit_stranger(cache: Cache, *, address: str) -> None:
    """Count a try to sign in from an address; RateLimitedError beyond STRANGER_TRIES, whatever is tried."""
    found = cache.hit(f"stranger/{address}", Rate(amount=STRANGER_TRIES.amount, window_s=STRANGER_TRIES.window_s))
    if not found.granted:
        raise _limited(STRANGER_TRIES, 1, found, ())


def _hit(cache: Cache, principal: Principal, product: str, budget: limits.Budget, cost: int) -> Allowance:
    rate = Rate(amount=budget.amount, window_s=budget.window_s)
    return cache.hit(f"spend/{principal.id}/{product}/{budget.unit}", rate, cost=cost)


def _limited(
    budget: limits.Budget, cost: int, found: Allowance, standings: tuple[limits.Standing, ...]
) -> limits.RateLimitedError:
    never = cost > budget.amount
    return limits.RateLimitedError(
        found=f"{cost} {budget.unit} asked, {found.remaining} left",
        allowed=f"{budget.amount} {budget.unit} in any {budget.window_s} s",
        remedy="ask for less at once" if never else f"wait {found.reset_after_s:.0f} s, or ask for less",
        retry_after_s=float(budget.window_s) if never else max(found.reset_after_s, 1.0),
        headers=limits.headers(standings),
    )
