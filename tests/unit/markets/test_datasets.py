"""The declarations: what they say about when prices are public, and that they are whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from powerdesk.markets import datasets, locations, report_card

UTC_TIME = pa.timestamp("us", tz="UTC")


def published(market: str, run: str, start: datetime, minutes: int) -> datetime | None:
    rows = pa.table(
        {
            "market": [market],
            "market_run": [run],
            "location": [f"{market}:X"],
            "interval_start": pa.array([start], UTC_TIME),
            "interval_end": pa.array([start + timedelta(minutes=minutes)], UTC_TIME),
        }
    )
    (answer,) = datasets.PRICES.publication.instants(rows).to_pylist()
    return answer


@pytest.mark.parametrize(
    ("market", "run", "start", "minutes", "expected"),
    [
        ("CAISO", "DA", datetime(2026, 3, 8, 8, tzinfo=UTC), 60, datetime(2026, 3, 7, 21, tzinfo=UTC)),
        ("CAISO", "DA", datetime(2026, 3, 9, 6, tzinfo=UTC), 60, datetime(2026, 3, 7, 21, tzinfo=UTC)),
        ("CAISO", "DA", datetime(2026, 3, 9, 7, tzinfo=UTC), 60, datetime(2026, 3, 8, 20, tzinfo=UTC)),
        ("NYISO", "DA", datetime(2026, 11, 1, 4, tzinfo=UTC), 60, datetime(2026, 10, 31, 15, tzinfo=UTC)),
        ("NYISO", "DA", datetime(2026, 11, 2, 4, tzinfo=UTC), 60, datetime(2026, 10, 31, 15, tzinfo=UTC)),
        ("SIM", "DA", datetime(2026, 7, 1, 5, tzinfo=UTC), 60, datetime(2026, 6, 30, 18, tzinfo=UTC)),
        ("NYISO", "RT5", datetime(2026, 7, 1, 5, tzinfo=UTC), 5, datetime(2026, 7, 1, 5, 5, tzinfo=UTC)),
        ("CAISO", "RT5", datetime(2026, 7, 1, 5, tzinfo=UTC), 5, datetime(2026, 7, 1, 5, tzinfo=UTC)),
        ("CAISO", "FMM", datetime(2026, 7, 1, 5, tzinfo=UTC), 15, None),
        ("MISO", "DA", datetime(2026, 7, 1, 5, tzinfo=UTC), 60, None),
    ],
)
def test_price_publication__follows_the_market_clock(
    market: str, run: str, start: datetime, minutes: int, expected: datetime | None
) -> None:
    assert published(market, run, start, minutes) == expected


def test_declarations__name_units_licences_and_keys() -> None:
    for declared in datasets.DATASETS:
        assert declared.key[0] == "market"
        assert declared.time_column in declared.key
        assert {licence.source for licence in declared.licences} == set(declared.sources)
        for column in declared.columns:
            assert column.meaning
            assert (column.unit is not None) == (column.dtype.value == "float64")
    assert datasets.PRICES.key == ("market", "market_run", "location", "interval_start")


def test_known_locations__are_unique_and_payloads_add_to_them() -> None:
    ids = [location.id for location in locations.KNOWN]
    assert len(set(ids)) == len(ids)
    assert "NYISO:N.Y.C." in ids
    learned = locations.with_learned(["CAISO:NODE_1", "NYISO:N.Y.C."])
    assert len(learned) == len(ids) + 1
    assert next(one for one in learned if one.name == "NODE_1").kind == "node"


def test_report_cards__give_a_reason_for_every_verdict() -> None:
    for connector in ("caiso", "nyiso"):
        card = report_card.card(connector)
        assert len({rule.rule for rule in card}) == len(card) > 5
        assert all(rule.because for rule in card)
