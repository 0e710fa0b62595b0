"""Money is exact, of one currency, and shared out without losing a cent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.kernel.money import (
    CENT_HALF_EVEN,
    CENT_HALF_UP,
    MICRO_HALF_UP,
    Currency,
    Money,
    MoneyError,
    rounding_rule,
)

amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=6)
cents = st.integers(-(10**12), 10**12).map(lambda n: Decimal(n).scaleb(-2))


def usd(text: str) -> Money:
    return Money(Decimal(text), Currency.USD)


@given(amount=amounts, currency=st.sampled_from(Currency))
def test_money__text_form_round_trips(amount: Decimal, currency: Currency) -> None:
    money = Money(amount, currency)
    assert Money.parse(str(money)) == money


def test_money__text_form_keeps_written_zeros_and_never_uses_an_exponent() -> None:
    assert str(usd("12.30")) == "12.30 USD"
    assert str(usd("1E+3")) == "1000 USD"
    assert str(-usd("0")) == "0 USD"


@pytest.mark.parametrize(
    "text", ["", "12.30", "USD 12.30", "12,30 USD", "1e3 USD", "NaN USD", "1.2.3 USD", "12.3 usd", "- USD"]
)
def test_money__refuses_other_texts(text: str) -> None:
    with pytest.raises(MoneyError):
        Money.parse(text)


@pytest.mark.parametrize("value", [12.3, 12, "12.3", True, Decimal("NaN"), Decimal("Infinity")])
def test_money__refuses_anything_but_a_finite_decimal(value: Any) -> None:
    with pytest.raises(MoneyError, match="Decimal"):
        Money(value, Currency.USD)


def test_money__refuses_an_unknown_currency() -> None:
    code: Any = "usd"
    with pytest.raises(MoneyError, match="USD"):
        Money(Decimal(1), code)


def test_money__refuses_to_mix_currencies() -> None:
    cad = Money(Decimal(1), Currency.CAD)
    for act in (lambda: usd("1") + cad, lambda: usd("1") - cad, lambda: usd("1") < cad, lambda: usd("1") >= cad):
        with pytest.raises(MoneyError, match="CAD"):
            act()
    assert usd("1") != cad


def test_money__refuses_floats_in_arithmetic() -> None:
    factor: Any = 0.5
    with pytest.raises(MoneyError, match="float"):
        usd("1") * factor
    with pytest.raises(MoneyError, match="float"):
        usd("1") + factor


@given(left=amounts, right=amounts, factor=st.integers(-(10**6), 10**6))
def test_money__arithmetic_is_exact(left: Decimal, right: Decimal, factor: int) -> None:
    a, b = Money(left, Currency.EUR), Money(right, Currency.EUR)
    assert (a + b) - b == a
    assert a * factor + b * factor == (a + b) * factor
    assert factor * a == a * Decimal(factor)
    assert (a <= b) == (left <= right)
    assert (a > b) == (left > right)
    assert -a + a == Money.zero(Currency.EUR)


def test_money__refuses_a_product_that_sixty_digits_cannot_hold() -> None:
    with pytest.raises(MoneyError, match="60 digits"):
        usd("1." + "1" * 40) * Decimal("1." + "3" * 40)


@pytest.mark.parametrize(
    ("text", "half_up", "half_even"),
    [("0.005", "0.01", "0.00"), ("0.015", "0.02", "0.02"), ("-0.005", "-0.01", "0.00"), ("2.344", "2.34", "2.34")],
)
def test_rounded__follows_the_named_rule(text: str, half_up: str, half_even: str) -> None:
    assert usd(text).rounded(CENT_HALF_UP) == usd(half_up)
    assert usd(text).rounded(CENT_HALF_EVEN) == usd(half_even)
    assert usd(text).rounded(MICRO_HALF_UP) == usd(text)


def test_rounding_rule__is_found_by_its_name_only() -> None:
    assert rounding_rule("cent-half-even") is CENT_HALF_EVEN
    with pytest.raises(MoneyError, match="cent-half-up"):
        rounding_rule("banker")


@given(amount=cents, weights=st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any))
@settings(max_examples=200)
def test_allocate__loses_no_cent_and_strays_less_than_one_from_the_exact_share(
    amount: Decimal, weights: list[int]
) -> None:
    shares = Money(amount, Currency.USD).allocate(weights, rule=CENT_HALF_UP)
    assert len(shares) == len(weights)
    assert sum((share.amount for share in shares), start=Decimal(0)) == amount
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share.amount * sum(weights) - amount * weight) < Decimal("0.01") * sum(weights)
        assert share.rounded(CENT_HALF_UP) == share


def test_allocate__gives_equal_remainders_to_the_earlier_weight() -> None:
    assert usd("1.00").allocate([1, 1, 1], rule=CENT_HALF_UP) == (usd("0.34"), usd("0.33"), usd("0.33"))
    assert usd("-1.00").allocate([1, 1, 1], rule=CENT_HALF_UP) == (usd("-0.34"), usd("-0.33"), usd("-0.33"))
    assert usd("0.05").allocate([Decimal("0.3"), Decimal("0.7")], rule=CENT_HALF_UP) == (usd("0.02"), usd("0.03"))


@pytest.mark.parametrize("weights", [[], [0, 0], [-1, 2], [0.5, 0.5], [Decimal("NaN")]])
def test_allocate__refuses_weights_that_share_nothing(weights: Any) -> None:
    with pytest.raises(MoneyError):
        usd("1.00").allocate(weights, rule=CENT_HALF_UP)


def test_allocate__refuses_an_amount_off_the_grid() -> None:
    with pytest.raises(MoneyError, match="round the amount"):
        usd("1.005").allocate([1, 1], rule=CENT_HALF_UP)
