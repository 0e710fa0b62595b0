"""What rights pay: by hand, by query on recorded prices, and as distributions."""

from __future__ import annotations

from datetime import UTC, datetime

import basis_prices as prices
import duckdb
import numpy as np
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from powerdesk.grid.basis import surface
from powerdesk.grid.basis.cells import OFF_PEAK, ON_PEAK
from powerdesk.grid.basis.panel import Leg, panel
from powerdesk.grid.ftr import valuation
from powerdesk.grid.ftr.paths import FtrError, Kind, Path
from powerdesk.grid.ftr.valuation import Term
from powerdesk.kernel import load_shapes

WEST, EAST = "WESTERN HUB", "EASTERN HUB"
CALENDAR = load_shapes.peak_calendar("NERC-EAST-2024")


def _us(year: int, month: int, day: int, hour: int) -> int:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp()) * 1_000_000


JUNE = Term(_us(2025, 6, 1, 4), _us(2025, 7, 1, 4), prices.NEW_YORK)


@pytest.mark.parametrize("kind", list(Kind))
def test_payoffs__of_recorded_congestion_are_those_of_a_plain_query(kind: Kind) -> None:
    rows = prices.pjm_hubs()
    found = valuation.payoffs(panel(rows), Path("june", Leg.at(WEST), Leg.at(EAST), kind), JUNE)
    query = """
        select sum(y.congestion_per_mwh - x.congestion_per_mwh),
               sum(greatest(y.congestion_per_mwh - x.congestion_per_mwh, 0)), count(*)
        from rows x join rows y using (interval_start)
        where x.location = 'WESTERN HUB' and y.location = 'EASTERN HUB'
          and strftime(timezone('America/New_York', interval_start), '%Y-%m') = '2025-06'
    """
    with duckdb.connect() as connection:
        connection.register("rows", rows)
        obligation, option, count = connection.execute(query).fetchall()[0]
    assert count == found.per_mw.size == 720
    assert found.missing_hours == 0.0
    assert found.total_per_mw == pytest.approx(obligation if kind is Kind.OBLIGATION else option, abs=1e-6)


def test_payoffs__peak_and_off_peak_make_up_the_whole() -> None:
    held = panel(prices.pjm_hubs())
    path = Path("june", Leg.at(WEST), Leg.at(EAST))
    parts = [
        valuation.payoffs(held, path, Term(JUNE.start_us, JUNE.end_us, JUNE.zone, block, CALENDAR))
        for block in (ON_PEAK, OFF_PEAK)
    ]
    assert [one.per_mw.size for one in parts] == [336, 384]  # 21 week days of sixteen hours
    whole = valuation.payoffs(held, path, JUNE)
    assert sum(one.total_per_mw for one in parts) == pytest.approx(whole.total_per_mw, abs=1e-9)


def test_payoffs__hours_without_congestion_are_missing_and_no_zero() -> None:
    start = prices.hours_from("2025-03-08", 48)  # one of them is the day of 23 hours
    price, part = np.full(48, 30.0), np.full(48, 2.0)
    part[5:8] = np.nan
    rows = prices.table(start, {"A": price, "B": price}, congestion_per_mwh={"A": 0.0 * price, "B": part})
    two_days = Term(int(start[0]), int(start[0]) + 47 * prices.HOUR_US, prices.NEW_YORK)
    found = valuation.payoffs(panel(rows), Path("two days", Leg.at("A"), Leg.at("B")), two_days)
    assert (found.per_mw.size, found.missing_hours, found.total_per_mw) == (44, 3.0, 88.0)
    longer = Term(two_days.start_us, two_days.end_us + 10 * prices.HOUR_US, prices.NEW_YORK)
    assert valuation.payoffs(panel(rows), Path("more", Leg.at("A"), Leg.at("B")), longer).missing_hours == 12.0


def test_payoffs__a_hub_is_the_weighted_mean_and_an_option_on_it_is_cut_once() -> None:
    held = panel(prices.pjm_hubs())
    hub = Leg("MIX", ((WEST, 0.4), ("CHICAGO HUB", 0.6)))
    whole = valuation.payoffs(held, Path("mix", hub, Leg.at(EAST)), JUNE).per_mw
    each = [valuation.payoffs(held, Path(one, Leg.at(one), Leg.at(EAST)), JUNE).per_mw for one in (WEST, "CHICAGO HUB")]
    assert whole == pytest.approx(0.4 * each[0] + 0.6 * each[1])
    option = valuation.payoffs(held, Path("mix", hub, Leg.at(EAST), Kind.OPTION), JUNE).per_mw
    assert option == pytest.approx(np.maximum(whole, 0.0))


@settings(max_examples=40, deadline=None)
@given(
    values=arrays.arrays(float, st.tuples(st.just(2), st.integers(2, 40)), elements=st.floats(-1e3, 1e3)),
    level=st.sampled_from([0.5, 0.9, 0.95]),
)
def test_distribution__shortfall_is_coherent(values: np.ndarray, level: float) -> None:
    def worst(of: np.ndarray) -> float:
        return valuation.distribution(of, shortfall_level=level).expected_shortfall

    assert worst(values[0]) + worst(values[1]) <= worst(values[0] + values[1]) + 1e-6  # as payoffs: together no worse
    assert worst(3.0 * values[0] + 7.0) == pytest.approx(3.0 * worst(values[0]) + 7.0, abs=1e-6)
    assert worst(values[0]) <= values[0].mean() + 1e-9
    count = values.shape[1]
    if (count * (1.0 - level)) >= 1.0 and abs(count * (1.0 - level) - round(count * (1.0 - level))) < 1e-9:
        tail = np.sort(values[0])[: round(count * (1.0 - level))]
        assert worst(values[0]) == pytest.approx(tail.mean(), abs=1e-6)


def test_distribution__weights_are_chances() -> None:
    found = valuation.distribution(np.array([-10.0, 0.0, 10.0]), weights=np.array([1.0, 2.0, 1.0]), shortfall_level=0.5)
    assert found.mean == 0.0
    assert found.expected_shortfall == pytest.approx(-5.0)  # -10 for a quarter, 0 for a quarter
    assert found.quantiles == ((0.05, -10.0), (0.5, 0.0), (0.95, 10.0))


def test_scenario_values__rights_net_within_a_scenario() -> None:
    differences = np.array([[[1.0, -3.0]], [[-1.0, 3.0]]])  # there and back
    hours = np.array([1.0, 2.0])
    both = valuation.scenario_values(
        differences, hours=hours, mw=np.array([4.0, 4.0]), kinds=(Kind.OBLIGATION, Kind.OBLIGATION)
    )
    assert both.tolist() == [0.0]
    cut = valuation.scenario_values(differences, hours=hours, mw=np.array([4.0, 4.0]), kinds=(Kind.OPTION, Kind.OPTION))
    assert cut.tolist() == [4.0 * (1.0 + 6.0)]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(list(Kind)))
def test_from_surface__is_the_integral_of_the_quantile_functions(seed: int, kind: Kind) -> None:
    draw = np.random.default_rng(seed)
    levels = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    quantiles = np.sort(draw.normal(0.0, 20.0, (3, 5)), axis=1)
    hours = np.array([16.0, 8.0, 4.0])
    found = valuation.from_surface(levels, quantiles, hours=hours, kind=kind)

    def integral(until: float) -> float:
        at = (np.arange(200_000) + 0.5) / 200_000 * until
        each = [valuation.kinked(np.interp(at, levels, row), kind).mean() * until for row in quantiles]
        return float(hours @ np.array(each))

    assert found.mean_per_mw == pytest.approx(integral(1.0), abs=1e-3)
    assert found.shortfall_per_mw == pytest.approx(integral(0.05) / 0.05, abs=1e-3)


def test_from_surface__of_recorded_prices_is_near_what_was_paid() -> None:
    rows = prices.pjm_hubs()
    congestion = rows.set_column(rows.column_names.index("price_per_mwh"), "price_per_mwh", rows["congestion_per_mwh"])
    levels = (0.001, *np.round(np.arange(0.02, 0.99, 0.04), 2).tolist(), 0.999)  # heat waves are in the last percent
    method = surface.Method(levels=levels, prior_days=0.0, replicates=0)
    found = surface.surface(
        panel(congestion), hub=Leg.at(WEST), location=Leg.at(EAST), zone=prices.NEW_YORK, method=method
    )
    june = found.filter(pc.equal(pc.month(found["interval_start"]), 6))
    mean = pc.equal(june["quantile"], "mean")
    quantiles = june.filter(pc.invert(mean))["basis_per_mwh"].to_numpy().reshape(24, len(levels))
    means = june.filter(mean)["basis_per_mwh"].to_numpy()
    hours = np.full(24, 30.0)
    paid = {
        kind: valuation.payoffs(panel(rows), Path("june", Leg.at(WEST), Leg.at(EAST), kind), JUNE).total_per_mw
        for kind in Kind
    }
    obligation, option = (
        valuation.from_surface(np.array(levels), quantiles, hours=hours, kind=kind, means=means) for kind in Kind
    )
    assert obligation.mean_per_mw == pytest.approx(paid[Kind.OBLIGATION], abs=1e-6)
    assert option.mean_per_mw == pytest.approx(paid[Kind.OPTION], rel=0.05)
    assert obligation.shortfall_per_mw < obligation.mean_per_mw
    assert 0.0 <= option.shortfall_per_mw < option.mean_per_mw
    with pytest.raises(FtrError, match="without a distribution"):
        valuation.from_surface(np.array(levels), np.full((1, len(levels)), np.nan), hours=np.ones(1), kind=Kind.OPTION)


@pytest.mark.parametrize(
    ("values", "asked"),
    [
        ([], {}),
        ([1.0, np.nan], {}),
        ([1.0, 2.0], {"weights": np.zeros(2)}),
        ([1.0, 2.0], {"weights": np.array([-1.0, 2.0])}),
        ([1.0, 2.0], {"weights": np.ones(3)}),
        ([1.0, 2.0], {"levels": (0.5, 1.5)}),
        ([1.0, 2.0], {"shortfall_level": 1.0}),
    ],
)
def test_distribution__refuses_what_has_none(values: list[float], asked: dict[str, object]) -> None:
    with pytest.raises(FtrError):
        valuation.distribution(np.array(values), **asked)


@pytest.mark.parametrize(
    ("quantiles", "asked"),
    [
        ([[3.0, 2.0, 1.0]], {}),
        ([[1.0, 2.0]], {}),
        ([[1.0, 2.0, np.nan]], {}),
        ([[1.0, 2.0, 3.0]], {"means": np.array([np.nan])}),
        ([[1.0, 2.0, 3.0]], {"shortfall_level": 1.0}),
    ],
)
def test_from_surface__refuses_what_is_no_distribution(quantiles: list[list[float]], asked: dict[str, object]) -> None:
    levels = np.array([0.1, 0.5, 0.9])
    with pytest.raises(FtrError):
        valuation.from_surface(levels, np.array(quantiles), hours=np.ones(1), kind=Kind.OPTION, **asked)


def test_scenario_values__refuse_shapes_that_do_not_fit_and_missing_differences() -> None:
    fitting = {"hours": np.ones(4), "mw": np.ones(2), "kinds": (Kind.OPTION, Kind.OBLIGATION)}
    for wrong in ({"mw": np.ones(3)}, {"hours": np.ones(5)}, {"kinds": (Kind.OPTION,)}):
        with pytest.raises(FtrError):
            valuation.scenario_values(np.zeros((2, 3, 4)), **{**fitting, **wrong})
    with pytest.raises(FtrError, match="no numbers"):
        valuation.scenario_values(np.full((2, 3, 4), np.nan), **fitting)
