"""Units that do not fit are refused: at run time by a Problem, before it by mypy."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdesk.kernel import units
from powerdesk.kernel.intervals import DeliveryInterval
from powerdesk.kernel.units import Quantity, UnitError, energy_mwh, parse_unit, power_mw

ROOT = Path(__file__).parents[3]
finite = st.floats(-1e9, 1e9, allow_nan=False)


@given(value=finite, unit=st.sampled_from(sorted(units.UNITS)))
def test_quantity__text_form_round_trips(value: float, unit: str) -> None:
    quantity = Quantity(value, parse_unit(unit))
    assert Quantity.parse(str(quantity)) == quantity


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("mw", "MW"), ("Mwh", "MWh"), ("MWH", "MWh"), ("usd/mwh", "USD/MWh"), ("$/MWh", "MWh"), ("mmbtu", "MMBtu")],
)
def test_parse_unit__is_exact_and_suggests_the_nearest(text: str, nearest: str) -> None:
    with pytest.raises(UnitError, match=rf"did you mean .*{nearest}\?"):
        parse_unit(text)


@pytest.mark.parametrize("text", ["", " MW", "MW ", "furlong"])
def test_parse_unit__refuses_what_is_not_in_the_vocabulary(text: str) -> None:
    with pytest.raises(UnitError):
        parse_unit(text)


@pytest.mark.parametrize("text", ["50", "50MW", "fifty MW", "nan MW", "50  MW", "inf MWh"])
def test_quantity__refuses_other_texts(text: str) -> None:
    with pytest.raises(UnitError):
        Quantity.parse(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "5", None])
def test_quantity__refuses_a_value_that_is_no_finite_number(value: Any) -> None:
    with pytest.raises(UnitError, match="finite"):
        Quantity(value, units.MW)


@pytest.mark.parametrize(("minutes", "expected"), [(60, 120.0), (15, 30.0), (5, 10.0)])
def test_power__held_over_an_interval_is_energy(minutes: int, expected: float) -> None:
    interval = DeliveryInterval.of_minutes(datetime(2026, 3, 8, 8, tzinfo=UTC), minutes)
    assert power_mw(120).over(interval) == energy_mwh(expected)


def test_quantity__products_and_quotients_follow_the_table() -> None:
    two_hours = Quantity(2, units.H)
    assert power_mw(50) * two_hours == two_hours * power_mw(50) == energy_mwh(100)
    assert Quantity(50, units.KW) * two_hours == Quantity(100, units.KWH)
    assert energy_mwh(100) / two_hours == power_mw(50)
    assert energy_mwh(100) / power_mw(50) == two_hours
    assert power_mw(50) / power_mw(200) == Quantity(0.25, units.RATIO)
    assert power_mw(50) * 2 == 2 * power_mw(50) == power_mw(100)
    assert power_mw(50) / 2 == power_mw(25)
    assert -power_mw(50) + power_mw(20) - power_mw(5) == power_mw(-35)


def test_quantity__spark_spread_has_the_unit_of_a_price() -> None:
    gas = Quantity(3.5, units.USD_PER_MMBTU)
    heat_rate = Quantity(7.0, units.MMBTU_PER_MWH)
    assert Quantity(40.0, units.USD_PER_MWH) - heat_rate * gas == Quantity(15.5, units.USD_PER_MWH)
    assert heat_rate * energy_mwh(2) == Quantity(14.0, units.MMBTU)
    assert Quantity(24.5, units.USD_PER_MWH) / gas == heat_rate


def refused(act: Any) -> str:
    with pytest.raises(UnitError) as caught:
        act()
    return caught.value.remedy


def test_quantity__power_and_energy_never_mix() -> None:
    power: Quantity[Any] = power_mw(1)
    energy: Quantity[Any] = energy_mwh(1)
    for act in (lambda: power + energy, lambda: energy - power, lambda: power < energy):
        assert "duration" in refused(act)
    assert "duration" in refused(lambda: power.to(units.MWH))
    assert power != energy


def test_quantity__price_times_energy_points_to_money() -> None:
    price: Quantity[Any] = Quantity(40, units.USD_PER_MWH)
    energy: Quantity[Any] = energy_mwh(1)
    assert "Money" in refused(lambda: price * energy)
    assert "Money" in refused(lambda: energy * price)


def test_quantity__kilowatts_become_megawatts_only_when_asked() -> None:
    kilo = Quantity(50, units.KW)
    assert ".to(" in refused(lambda: power_mw(1) + kilo)
    assert ".to(" in refused(lambda: power_mw(1) >= kilo)
    assert power_mw(1) + kilo.to(units.MW) == power_mw(1.05)
    assert power_mw(0.05).to(units.KW) == kilo
    assert Quantity(90, units.MIN).to(units.H) == Quantity(1.5, units.H)


def test_quantity__minutes_do_not_multiply_megawatts() -> None:
    assert "to(H)" in refused(lambda: power_mw(1) * Quantity(30, units.MIN))


def test_quantity__currencies_have_no_exchange_rate_here() -> None:
    assert "factor" in refused(lambda: Quantity(1, units.USD_PER_MWH).to(units.EUR_PER_MWH))
    euro: Quantity[Any] = Quantity(1, units.EUR_PER_MWH)
    assert refused(lambda: Quantity(1, units.USD_PER_MWH) + euro)


def test_quantity__refuses_bare_numbers_in_sums_and_division_by_zero() -> None:
    bare: Any = 1.0
    assert "bare number" in refused(lambda: power_mw(1) + bare)
    assert "zero" in refused(lambda: power_mw(1) / 0)
    assert "zero" in refused(lambda: energy_mwh(1) / power_mw(0))


def test_units__every_table_entry_is_in_the_vocabulary_and_symbols_are_unique() -> None:
    assert len(units.UNITS) == len(units._ALL)
    for (left, right), product in units._PRODUCTS.items():
        assert {left, right, product} <= set(units._ALL)


SNIPPET = """
from powerdesk.kernel.units import MW, MWH, H, USD_PER_MWH, Energy, Quantity

price = Quantity(40.0, USD_PER_MWH)
power = Quantity(50.0, MW)
energy: Quantity[Energy] = power * Quantity(2.0, H)
"""


@pytest.mark.slow
def test_mypy__refuses_to_add_or_multiply_what_does_not_fit(tmp_path: Path) -> None:
    wrong = ["price + energy", "power + energy", "price * energy", "power.to(MWH)", "power < energy", "energy.over"]
    source = tmp_path / "snippet.py"
    source.write_text(SNIPPET + "".join(f"bad_{n} = {text}\n" for n, text in enumerate(wrong)), encoding="utf-8")
    result = subprocess.run(  # noqa: S603 - our own interpreter on our own file
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), str(source)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    first_bad = SNIPPET.count("\n") + 1
    lines = {int(number) for number in re.findall(r":(\d+): error:", result.stdout)}
    assert lines == {first_bad + n for n in range(len(wrong))}, result.stdout + result.stderr
