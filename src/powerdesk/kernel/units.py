"""Units in a closed vocabulary, and quantities that only combine where physics allows it.

MW is a rate and MWh a volume: neither turns into the other without a duration, and no unit converts by itself.
The dimension is a type parameter, so mypy refuses `price + energy` before the program runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

from powerdesk.kernel.problem import Problem

if TYPE_CHECKING:
    from powerdesk.kernel.intervals import DeliveryInterval


class UnitError(Problem):
    """Units do not fit together, or a text is not a unit."""

    slug: ClassVar[str] = "unit"
    title: ClassVar[str] = "Units do not fit"


class Power:
    """Rate of energy."""


class Energy:
    """Volume of energy, electric."""


class Price:
    """Currency per electric energy."""


class Cash:
    """An amount of currency as a physical number; exact amounts are `money.Money`."""


class Duration:
    """Elapsed time."""


class Heat:
    """Energy of fuel, higher heating value."""


class HeatRate:
    """Heat per electric energy."""


class FuelPrice:
    """Currency per heat."""


class Ratio:
    """A pure number."""


class Temperature:
    """Warmth of air or water."""


class Speed:
    """Speed of wind."""


class Irradiance:
    """Power of sunlight per area."""


class Ramp:
    """Change of power per time."""


D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Unit(Generic[D]):
    """A unit of one dimension. Units convert only within one `family`, by the ratio of their factors."""

    symbol: str
    family: str
    factor: float = 1.0

    def __str__(self) -> str:
        return self.symbol


KW: Unit[Power] = Unit("kW", "power", 1.0)
MW: Unit[Power] = Unit("MW", "power", 1e3)
GW: Unit[Power] = Unit("GW", "power", 1e6)
KWH: Unit[Energy] = Unit("kWh", "energy", 1.0)
MWH: Unit[Energy] = Unit("MWh", "energy", 1e3)
GWH: Unit[Energy] = Unit("GWh", "energy", 1e6)
USD_PER_MWH: Unit[Price] = Unit("USD/MWh", "price in USD")
CAD_PER_MWH: Unit[Price] = Unit("CAD/MWh", "price in CAD")
EUR_PER_MWH: Unit[Price] = Unit("EUR/MWh", "price in EUR")
GBP_PER_MWH: Unit[Price] = Unit("GBP/MWh", "price in GBP")
USD: Unit[Cash] = Unit("USD", "cash in USD")
CAD: Unit[Cash] = Unit("CAD", "cash in CAD")
EUR: Unit[Cash] = Unit("EUR", "cash in EUR")
GBP: Unit[Cash] = Unit("GBP", "cash in GBP")
S: Unit[Duration] = Unit("s", "duration", 1.0)
MIN: Unit[Duration] = Unit("min", "duration", 60.0)
H: Unit[Duration] = Unit("h", "duration", 3600.0)
MMBTU: Unit[Heat] = Unit("MMBtu", "heat")
MMBTU_PER_MWH: Unit[HeatRate] = Unit("MMBtu/MWh", "heat rate")
USD_PER_MMBTU: Unit[FuelPrice] = Unit("USD/MMBtu", "fuel price in USD")
CAD_PER_MMBTU: Unit[FuelPrice] = Unit("CAD/MMBtu", "fuel price in CAD")
RATIO: Unit[Ratio] = Unit("ratio", "ratio")
DEG_C: Unit[Temperature] = Unit("degC", "temperature")
M_PER_S: Unit[Speed] = Unit("m/s", "speed")
W_PER_M2: Unit[Irradiance] = Unit("W/m2", "irradiance")
MW_PER_MIN: Unit[Ramp] = Unit("MW/min", "ramp")

_ALL: tuple[Unit[Any], ...] = (
    *(KW, MW, GW, KWH, MWH, GWH, USD_PER_MWH, CAD_PER_MWH, EUR_PER_MWH, GBP_PER_MWH, USD, CAD, EUR, GBP, S, MIN, H),
    *(MMBTU, MMBTU_PER_MWH, USD_PER_MMBTU, CAD_PER_MMBTU, RATIO, DEG_C, M_PER_S, W_PER_M2, MW_PER_MIN),
)
UNITS: dict[str, Unit[Any]] = {unit.symbol: unit for unit in _ALL}

_PRODUCTS: dict[tuple[Unit[Any], Unit[Any]], Unit[Any]] = {
    (MW, H): MWH,
    (KW, H): KWH,
    (GW, H): GWH,
    (MW_PER_MIN, MIN): MW,
    (MMBTU_PER_MWH, MWH): MMBTU,
    (USD_PER_MMBTU, MMBTU_PER_MWH): USD_PER_MWH,
    (CAD_PER_MMBTU, MMBTU_PER_MWH): CAD_PER_MWH,
}
"""What may be multiplied, in either order; each line also allows both divisions."""


def parse_unit(text: str) -> Unit[Any]:
    """Return the unit of exactly that symbol; UnitError names the nearest one for `mw` or `Mwh`."""
    try:
        return UNITS[text]
    except KeyError:
        folded = {symbol.casefold(): symbol for symbol in UNITS}
        near = get_close_matches(text.casefold(), folded, n=1)
        raise UnitError(
            found=f"unit {text[:32]!r}",
            allowed=", ".join(UNITS),
            remedy=f"did you mean {folded[near[0]]}?" if near else "use a unit of the vocabulary, exactly as written",
        ) from None


@dataclass(frozen=True, slots=True)
class Quantity(Generic[D]):
    """A finite float64 with its unit. Text form `50.0 MW`; parse(str(x)) == x.

    Adding, subtracting and comparing need the same unit, `kW` and `MW` included: convert one with `.to` first.
    Multiplying and dividing follow the table of products. NaN is refused: a missing value is no quantity.
    """

    value: float
    unit: Unit[D]

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _finite(self.value, self.unit))

    @staticmethod
    def parse(text: str) -> Quantity[Any]:
        """Return the quantity of `50.0 MW`; raises UnitError."""
        number, _, symbol = text.partition(" ")
        unit = parse_unit(symbol)
        try:
            return Quantity(float(number), unit)
        except ValueError:
            raise UnitError(
                found=f"{text[:64]!r}", allowed="a number, a space, a unit", remedy="write for example 50.0 MW"
            ) from None

    def __str__(self) -> str:
        return f"{self.value!r} {self.unit}"

    def to(self, unit: Unit[D]) -> Quantity[D]:
        """Return the same quantity in another unit of its family; UnitError when the families differ."""
        if unit.family != self.unit.family:
            remedy = "multiply a power by a duration in h, or divide an energy by it"
            if {unit.family, self.unit.family} != {"power", "energy"}:
                remedy = "convert by an explicit factor with its own unit"
            raise UnitError(
                found=f"{self.unit} to {unit}", allowed=f"another unit of {self.unit.family}", remedy=remedy
            )
        if unit.factor <= self.unit.factor:
            return Quantity(self.value * (self.unit.factor / unit.factor), unit)
        return Quantity(self.value / (unit.factor / self.unit.factor), unit)  # whole factors keep 50 kW at 0.05 MW

    def over(self: Quantity[Power], interval: DeliveryInterval) -> Quantity[Energy]:
        """Return the energy of a constant power held through the interval."""
        return self * Quantity(interval.hours, H)

    def __add__(self, other: Quantity[D]) -> Quantity[D]:
        return Quantity(self.value + self._same(other, "add"), self.unit)

    def __sub__(self, other: Quantity[D]) -> Quantity[D]:
        return Quantity(self.value - self._same(other, "subtract"), self.unit)

    def __neg__(self) -> Quantity[D]:
        return Quantity(-self.value, self.unit)

    def __lt__(self, other: Quantity[D]) -> bool:
        return self.value < self._same(other, "compare")

    def __le__(self, other: Quantity[D]) -> bool:
        return self.value <= self._same(other, "compare")

    def __gt__(self, other: Quantity[D]) -> bool:
        return self.value > self._same(other, "compare")

    def __ge__(self, other: Quantity[D]) -> bool:
        return self.value >= self._same(other, "compare")

    @overload
    def __mul__(self, other: float) -> Quantity[D]: ...
    @overload
    def __mul__(self: Quantity[Power], other: Quantity[Duration]) -> Quantity[Energy]: ...
    @overload
    def __mul__(self: Quantity[Duration], other: Quantity[Power]) -> Quantity[Energy]: ...
    @overload
    def __mul__(self: Quantity[Ramp], other: Quantity[Duration]) -> Quantity[Power]: ...
    @overload
    def __mul__(self: Quantity[HeatRate], other: Quantity[Energy]) -> Quantity[Heat]: ...
    @overload
    def __mul__(self: Quantity[FuelPrice], other: Quantity[HeatRate]) -> Quantity[Price]: ...
    @overload
    def __mul__(self: Quantity[HeatRate], other: Quantity[FuelPrice]) -> Quantity[Price]: ...
    def __mul__(self, other: float | Quantity[Any]) -> Quantity[Any]:
        if not isinstance(other, Quantity):
            return Quantity(self.value * other, self.unit)
        unit = _PRODUCTS.get((self.unit, other.unit)) or _PRODUCTS.get((other.unit, self.unit))
        if unit is None:
            raise _no_result("multiply", self.unit, other.unit)
        return Quantity(self.value * other.value, unit)

    def __rmul__(self, other: float) -> Quantity[D]:
        return Quantity(self.value * other, self.unit)

    @overload
    def __truediv__(self, other: float) -> Quantity[D]: ...
    @overload
    def __truediv__(self, other: Quantity[D]) -> Quantity[Ratio]: ...
    @overload
    def __truediv__(self: Quantity[Energy], other: Quantity[Duration]) -> Quantity[Power]: ...
    @overload
    def __truediv__(self: Quantity[Energy], other: Quantity[Power]) -> Quantity[Duration]: ...
    @overload
    def __truediv__(self: Quantity[Heat], other: Quantity[Energy]) -> Quantity[HeatRate]: ...
    @overload
    def __truediv__(self: Quantity[Price], other: Quantity[FuelPrice]) -> Quantity[HeatRate]: ...
    def __truediv__(self, other: float | Quantity[Any]) -> Quantity[Any]:
        divisor = other.value if isinstance(other, Quantity) else other
        if divisor == 0:
            raise UnitError(found=f"{self} / {other}", allowed="a divisor other than 0", remedy="test for zero first")
        if not isinstance(other, Quantity):
            return Quantity(self.value / other, self.unit)
        if other.unit == self.unit:
            return Quantity(self.value / other.value, RATIO)
        for (left, right), product in _PRODUCTS.items():
            if product == self.unit and other.unit in (left, right):
                return Quantity(self.value / other.value, right if other.unit == left else left)
        raise _no_result("divide", self.unit, other.unit)

    def _same(self, other: object, verb: str) -> float:
        if isinstance(other, Quantity) and other.unit == self.unit:
            return other.value
        raise _no_result(verb, self.unit, other.unit if isinstance(other, Quantity) else None)


def _finite(value: object, unit: Unit[Any]) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise UnitError(
        found=f"{value!r} {unit}",
        allowed="a finite number",
        remedy="represent a missing value by its absence, and money by money.Money",
    )


def _no_result(verb: str, left: Unit[Any], right: Unit[Any] | None) -> UnitError:
    families = {left.family, right.family} if right else set()
    if right is None:
        remedy = "give the bare number a unit"
    elif len(families) == 1:
        remedy = f"convert first, for example with .to({left})"
    elif "energy" in families and any(family.startswith("price") for family in families):
        remedy = "price times energy is money: multiply as Decimal and build money.Money"
    elif families == {"power", "energy"}:
        remedy = "multiply the power by its duration in h first"
    elif families == {"power", "duration"}:
        remedy = "convert the duration to h first, with .to(H)"
    else:
        remedy = "convert one side on purpose; no rule of the vocabulary joins these units"
    return UnitError(
        found=f"{verb} {left} and {right or 'a bare number'}",
        allowed="equal units in sums and comparisons, the table of products otherwise",
        remedy=remedy,
    )


def power_mw(value: float) -> Quantity[Power]:
    """Return a power in MW."""
    return Quantity(value, MW)


def energy_mwh(value: float) -> Quantity[Energy]:
    """Return an energy in MWh."""
    return Quantity(value, MWH)
