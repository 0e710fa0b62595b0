"""The belief refuses what would not be one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from powerdesk.kernel.belief import Belief, BeliefError, Quantile
from powerdesk.kernel.intervals import DeliveryInterval, InstantError
from powerdesk.kernel.locations import LocationId
from powerdesk.kernel.units import USD_PER_MWH, Quantity

T0 = datetime(2026, 3, 8, 8, tzinfo=UTC)


def belief(*, published_at: datetime = T0, source: str = "nyiso-mis", revision: int = 0) -> Belief:
    return Belief(
        location=LocationId.parse("NYISO:N.Y.C."),
        interval=DeliveryInterval.of_minutes(T0, 60),
        published_at=published_at,
        source=source,
        revision=revision,
        quantity=Quantity(31.5, USD_PER_MWH),
    )


def test_belief__equal_facts_are_equal_and_hash_alike() -> None:
    assert belief() == belief()
    assert hash(belief()) == hash(belief())
    assert belief() != belief(revision=1)
    assert belief().quantile is None


def test_belief__refuses_a_naive_publication() -> None:
    with pytest.raises(InstantError):
        belief(published_at=datetime(2026, 3, 8, 8))  # noqa: DTZ001 - the naive instant is the case


@pytest.mark.parametrize(("source", "revision"), [("", 0), (" nyiso", 0), ("nyiso", -1)])
def test_belief__needs_a_source_and_a_count_from_zero(source: str, revision: int) -> None:
    with pytest.raises(BeliefError):
        belief(source=source, revision=revision)


@given(level=st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_quantile__text_form_round_trips(level: float) -> None:
    assert Quantile.parse(str(Quantile(level))) == Quantile(level)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 5.0, float("nan")])
def test_quantile__lies_strictly_between_zero_and_one(level: float) -> None:
    with pytest.raises(BeliefError):
        Quantile(level)


@pytest.mark.parametrize("text", ["", "P5", "5%", "nan", "1"])
def test_quantile__refuses_other_texts(text: str) -> None:
    with pytest.raises(BeliefError):
        Quantile.parse(text)
