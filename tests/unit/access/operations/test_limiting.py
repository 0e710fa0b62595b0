"""Rate limits: calls and rows, fairness between principals, headers, strangers."""

from __future__ import annotations

from typing import Any

import pytest

from powerdesk.access import limits
from powerdesk.access.operations import limiting
from powerdesk.access.types import OPERATOR, SYSTEM, Principal, PrincipalKind

SMALL = limits.Plan(
    name="small",
    usual=(limits.Budget("calls", 3, 60), limits.Budget("rows", 100, 3_600)),
    special={"load": (limits.Budget("calls", 1, 60),)},
)


@pytest.fixture
def spend(house: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(limits, "PLANS", {"small": SMALL})

    def call(who: str = "p", product: str = "prices", **cost: int) -> tuple[limits.Standing, ...]:
        principal = Principal(id=who, kind=PrincipalKind.KEY, tenant="t", name=who, plan="small")
        return limiting.spend(house.services.cache, principal=principal, product=product, **cost)

    return call


def remaining(standings: tuple[limits.Standing, ...]) -> dict[str, int]:
    return {standing.budget.unit: standing.remaining for standing in standings}


def test_spend__counts_calls_and_rows(spend: Any) -> None:
    assert remaining(spend(rows=30)) == {"calls": 2, "rows": 70}
    assert remaining(spend(rows=30)) == {"calls": 1, "rows": 40}


def test_spend__refused_counts_nothing_and_says_when(spend: Any, house: Any) -> None:
    spend(rows=90)
    with pytest.raises(limits.RateLimitedError) as caught:
        spend(rows=11)
    assert caught.value.status == 429
    assert caught.value.retry_after_s is not None
    assert caught.value.retry_after_s > 3_000
    assert '"rows";r=10' in caught.value.headers["RateLimit"]
    assert remaining(spend(rows=10)) == {"calls": 1, "rows": 0}
    house.clock.move(seconds=caught.value.retry_after_s)
    assert remaining(spend(rows=11))["rows"] == 89


def test_spend__more_than_the_plan_ever_gives_says_to_ask_for_less(spend: Any) -> None:
    with pytest.raises(limits.RateLimitedError, match="ask for less at once"):
        spend(rows=101)


def test_spend__of_one_principal_or_product_leaves_the_others(spend: Any) -> None:
    for _ in range(3):
        spend("greedy")
    with pytest.raises(limits.RateLimitedError):
        spend("greedy")
    assert remaining(spend("modest"))["calls"] == 2
    assert remaining(spend("greedy", product="weather"))["calls"] == 2


def test_spend__by_the_budget_of_its_product(spend: Any) -> None:
    assert remaining(spend(product="load")) == {"calls": 0}
    with pytest.raises(limits.RateLimitedError):
        spend(product="load")


@pytest.mark.parametrize("principal", [OPERATOR, SYSTEM])
def test_spend__of_the_house_is_free(house: Any, principal: Principal) -> None:
    assert limiting.spend(house.services.cache, principal=principal, product="prices", rows=10**12) == ()


def test_headers__say_policy_and_standing() -> None:
    budget = limits.Budget("calls", 600, 60)
    assert limits.headers((limits.Standing(budget, remaining=599, reset_after_s=29.2),)) == {
        "RateLimit-Policy": '"calls";q=600;w=60',
        "RateLimit": '"calls";r=599;t=30',
    }


def test_afford__refuses_before_anything_is_read_once_a_budget_is_spent(spend: Any, house: Any) -> None:
    asking = Principal(id="p", kind=PrincipalKind.KEY, tenant="t", name="p", plan="small")
    limiting.afford(house.services.cache, principal=asking, product="prices")
    spend(rows=100)
    with pytest.raises(limits.RateLimitedError, match="0 left"):
        limiting.afford(house.services.cache, principal=asking, product="prices")
    limiting.afford(house.services.cache, principal=asking, product="weather")
    limiting.afford(house.services.cache, principal=OPERATOR, product="prices")


def test_reads_refused_for_their_rows__cost_calls_so_that_they_end(house: Any) -> None:
    principal = Principal(id="p", kind=PrincipalKind.KEY, tenant="t", name="p", plan="trial")
    made = 0
    with pytest.raises(limits.RateLimitedError, match="0 left"):  # noqa: PT012 - the reads that come before it
        while made < 1_000:
            limiting.afford(house.services.cache, principal=principal, product="prices")
            made += 1
            with pytest.raises(limits.RateLimitedError):
                limiting.spend(house.services.cache, principal=principal, product="prices", rows=3_000_000)
    assert made == 1


def test_keys_of_one_account__share_its_budget(spend: Any, house: Any) -> None:
    for key in ("key:1", "key:2", "key:3"):
        program = Principal(id=key, kind=PrincipalKind.KEY, tenant="t", name=key, plan="small", owner="p")
        limiting.spend(house.services.cache, principal=program, product="prices")
    with pytest.raises(limits.RateLimitedError):
        spend("p")


def test_denials__are_bounded_by_account(house: Any) -> None:
    programs = [Principal(id=f"key:{n}", kind=PrincipalKind.KEY, tenant="t", name="", owner="p") for n in range(2)]
    for number in range(limiting.DENIALS.amount):
        limiting.admit_denial(house.services.cache, principal=programs[number % 2])
    with pytest.raises(limits.RateLimitedError):
        limiting.admit_denial(house.services.cache, principal=programs[0])


def test_strangers__are_bounded_by_address(house: Any) -> None:
    for _ in range(limiting.STRANGER_TRIES.amount):
        limiting.admit_stranger(house.services.cache, address="10.0.0.1")
    with pytest.raises(limits.RateLimitedError):
        limiting.admit_stranger(house.services.cache, address="10.0.0.1")
    limiting.admit_stranger(house.services.cache, address="10.0.0.2")
