"""Count calls and rows against the budgets of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from powerdesk.access import limits
from powerdesk.access.types import PrincipalKind
from powerdesk.engines.ports.cache import Rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from powerdesk.access.types import Principal
    from powerdesk.engines.ports.cache import Allowance, Cache

STRANGER_TRIES = limits.Budget(unit="calls", amount=60, window_s=60)
"""Bounds what somebody without a credential can make the desk hash and write."""
DENIALS = limits.Budget(unit="calls", amount=1_200, window_s=60)
"""Bounds what an account that is refused everything can make the desk write to its audit log."""
ROWS_PER_CALL = 1_000
"""A read that was made and is then refused for its rows costs a call for so many of them."""


def afford(cache: Cache, *, principal: Principal, product: str) -> None:
    """Raise RateLimitedError, before anything is read, when a budget for the product has nothing left."""
    if principal.kind in {PrincipalKind.SYSTEM, PrincipalKind.OPERATOR}:
        return
    budgets = _plan(principal).budgets(product)
    looked = [(budget, _hit(cache, principal, product, budget, 0)) for budget in budgets]
    for budget, found in looked:
        if found.remaining < 1:
            raise _limited(budget, 1, found, _standings(looked))


def spend(
    cache: Cache, *, principal: Principal, product: str, calls: int = 1, rows: int = 0
) -> tuple[limits.Standing, ...]:
    """Count against every budget of the principal's plan for the product; return how each stands.

    `limits.headers` turns the answer into headers. RateLimitedError when a budget cannot take it; then none is
    counted, but for a call per ROWS_PER_CALL rows, which somebody has read for nothing. The house itself and its
    operator spend nothing.
    """
    if principal.kind in {PrincipalKind.SYSTEM, PrincipalKind.OPERATOR}:
        return ()
    costs = {"calls": calls, "rows": rows}
    budgets = _plan(principal).budgets(product)
    looked = [(budget, _hit(cache, principal, product, budget, 0)) for budget in budgets]
    for budget, found in looked:
        if costs[budget.unit] > found.remaining:
            for other, left in looked:
                if other.unit == "calls":
                    _hit(cache, principal, product, other, min(rows // ROWS_PER_CALL, left.remaining))
            raise _limited(budget, costs[budget.unit], found, _standings(looked))
    counted = [(budget, _hit(cache, principal, product, budget, costs[budget.unit])) for budget in budgets]
    for budget, found in counted:
        if not found.granted:  # another thread took what was left between the look and the hit
            raise _limited(budget, costs[budget.unit], found, _standings(looked))
    return _standings(counted)


def admit_denial(cache: Cache, *, principal: Principal) -> None:
    """Count a refusal that is about to be audited; RateLimitedError beyond DENIALS, which nothing has to write down."""
    rate = Rate(amount=DENIALS.amount, window_s=DENIALS.window_s)
    found = cache.hit(f"denied/{principal.account}", rate)
    if not found.granted:
        raise _limited(DENIALS, 1, found, ())


def admit_stranger(cache: Cache, *, address: str) -> None:
    """Count a try to sign in from an address; RateLimitedError beyond STRANGER_TRIES, whatever is tried."""
    found = cache.hit(f"stranger/{address}", Rate(amount=STRANGER_TRIES.amount, window_s=STRANGER_TRIES.window_s))
    if not found.granted:
        raise _limited(STRANGER_TRIES, 1, found, ())


def _plan(principal: Principal) -> limits.Plan:
    return limits.PLANS.get(principal.plan, limits.STANDARD)


def _standings(counted: Sequence[tuple[limits.Budget, Allowance]]) -> tuple[limits.Standing, ...]:
    return tuple(limits.Standing(budget, found.remaining, found.reset_after_s) for budget, found in counted)


def _hit(cache: Cache, principal: Principal, product: str, budget: limits.Budget, cost: int) -> Allowance:
    rate = Rate(amount=budget.amount, window_s=budget.window_s)
    return cache.hit(f"spend/{principal.account}/{product}/{budget.unit}", rate, cost=cost)


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
