"""Money: exact decimals with a currency, rounded only by a named rule."""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, Self

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXACT = decimal.Context(prec=60, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])
"""Sixty digits, and an error instead of any rounding that nobody asked for."""


class MoneyError(Problem):
    """An amount is not exact, not finite, or of another currency."""

    slug: ClassVar[str] = "money"
    title: ClassVar[str] = "Money must be exact and of one currency"


class Currency(StrEnum):
    """ISO 4217 codes in use."""

    USD = "USD"
    CAD = "CAD"
    EUR = "EUR"
    GBP = "GBP"
    MXN = "MXN"


class RoundingMode(StrEnum):
    """What happens to an amount exactly halfway between two steps."""

    HALF_UP = decimal.ROUND_HALF_UP
    """Away from zero."""
    HALF_EVEN = decimal.ROUND_HALF_EVEN
    """To the even neighbour."""


@dataclass(frozen=True, slots=True)
class RoundingRule:
    """A named market rule: decimals kept and what to do halfway."""

    name: str
    digits: int
    mode: RoundingMode

    @property
    def step(self) -> Decimal:
        """The smallest difference the rule leaves, for example 0.01."""
        return Decimal(1).scaleb(-self.digits)


CENT_HALF_UP = RoundingRule("cent-half-up", 2, RoundingMode.HALF_UP)
CENT_HALF_EVEN = RoundingRule("cent-half-even", 2, RoundingMode.HALF_EVEN)
MILL_HALF_UP = RoundingRule("mill-half-up", 3, RoundingMode.HALF_UP)
MICRO_HALF_UP = RoundingRule("micro-half-up", 6, RoundingMode.HALF_UP)
ROUNDING_RULES = {rule.name: rule for rule in (CENT_HALF_UP, CENT_HALF_EVEN, MILL_HALF_UP, MICRO_HALF_UP)}


def rounding_rule(name: str) -> RoundingRule:
    """Return the rule of that name; raises MoneyError."""
    try:
        return ROUNDING_RULES[name]
    except KeyError:
        raise MoneyError(
            found=f"rounding rule {name!r}", allowed=", ".join(ROUNDING_RULES), remedy="use a rule's exact name"
        ) from None


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount of one currency; `+` is received, `-` is paid. Text form `12.30 USD`; parse(str(x)) == x.

    Adding, subtracting and comparing need one currency; multiplying needs an int or a Decimal. A result that 60
    digits cannot hold exactly raises MoneyError, as floats do at every door.
    """

    amount: Decimal
    currency: Currency

    def __post_init__(self) -> None:
        _require_decimal(self.amount)
        object.__setattr__(self, "currency", _require_currency(self.currency))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the money of `12.30 USD`; raises MoneyError."""
        amount_text, space, code = text.rpartition(" ")
        plain = amount_text.removeprefix("-").replace(".", "", 1)
        if not space or not (plain.isascii() and plain.isdigit()):
            raise MoneyError(
                found=f"{text[:64]!r}", allowed="amount and currency", remedy="write for example 12.30 USD"
            )
        return cls(Decimal(amount_text), _require_currency(code))

    @classmethod
    def zero(cls, currency: Currency) -> Self:
        """Return nothing of a currency."""
        return cls(Decimal(0), currency)

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    def __add__(self, other: Money) -> Money:
        return Money(_exactly("add", self.amount, self._same(other)), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(_exactly("subtract", self.amount, self._same(other)), self.currency)

    def __neg__(self) -> Money:
        return Money(self.amount.copy_negate() if self.amount else self.amount, self.currency)

    def __mul__(self, factor: Decimal | int) -> Money:
        return Money(_exactly("multiply", self.amount, _exact_factor(factor)), self.currency)

    __rmul__ = __mul__

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __gt__(self, other: Money) -> bool:
        return self.amount > self._same(other)

    def __ge__(self, other: Money) -> bool:
        return self.amount >= self._same(other)

    def _same(self, other: object) -> Decimal:
        if isinstance(other, Money) and other.currency is self.currency:
            return other.amount
        raise MoneyError(
            found=f"{self.currency} with {other.currency if isinstance(other, Money) else type(other).__name__}",
            allowed="one currency in a sum or comparison",
            remedy="convert one side first, at a rate you name",
        )

    def rounded(self, rule: RoundingRule) -> Money:
        """Return the amount on the rule's grid."""
        with decimal.localcontext(prec=_EXACT.prec):
            return Money(self.amount.quantize(rule.step, rounding=rule.mode.value), self.currency)

    def allocate(self, weights: Sequence[int | Decimal], *, rule: RoundingRule) -> tuple[Money, ...]:
        """Return one share per weight (n,), each on the rule's grid, that add up to this amount to the last step.

        Largest remainder; equal remainders go to the earlier weight. Weights are not negative and not all zero.
        The amount must already lie on the grid, so that no cent is made or lost. O(n log n).
        """
        total = sum((_weight(weight) for weight in weights), start=Fraction(0))
        steps = Fraction(self.amount) / Fraction(rule.step)
        if total <= 0 or steps.denominator != 1:
            raise MoneyError(
                found=f"{self} over weights adding up to {total}, rule {rule.name}",
                allowed="an amount on the rule's grid, weights adding up to more than zero",
                remedy="round the amount by the rule first; give at least one positive weight",
            )
        sign = -1 if steps < 0 else 1
        exact = [abs(steps) * _weight(weight) / total for weight in weights]
        whole = [share.numerator // share.denominator for share in exact]
        left = abs(steps.numerator) - sum(whole)
        order = sorted(range(len(exact)), key=lambda position: (whole[position] - exact[position], position))
        for position in order[:left]:
            whole[position] += 1
        return tuple(Money(_exactly("multiply", Decimal(sign * count), rule.step), self.currency) for count in whole)


def _weight(weight: int | Decimal) -> Fraction:
    exact = _exact_factor(weight)
    if exact < 0:
        raise MoneyError(found=f"weight {weight}", allowed="0 or more", remedy="allocate the two signs separately")
    return Fraction(exact)


def _exact_factor(value: object) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return _require_decimal(value)


def _require_decimal(value: object) -> Decimal:
    if isinstance(value, Decimal) and value.is_finite():
        return value
    raise MoneyError(
        found=f"{type(value).__name__} {value!r}",
        allowed="a finite Decimal",
        remedy="build it from text, Decimal('12.30'); a float has already lost the cents",
    )


def _require_currency(code: str) -> Currency:
    try:
        return Currency(code)
    except ValueError:
        raise MoneyError(
            found=f"currency {code!r}", allowed=", ".join(Currency), remedy="use the upper-case ISO code"
        ) from None


def _exactly(operation: str, left: Decimal, right: Decimal) -> Decimal:
    try:
        result = getattr(_EXACT, operation)(left, right)
    except decimal.DecimalException as fault:
        raise MoneyError(
            found=f"{operation} of {left} and {right}",
            allowed=f"a result of at most {_EXACT.prec} digits",
            remedy="round the parts by a named rule first",
        ) from fault
    assert isinstance(result, Decimal)  # noqa: S101 - every operation named above returns one
    return result
