"""Reading SIM's files back: every kind round-trips, every other sequence of bytes is refused by a PayloadError."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from powerdesk.app import registry
from powerdesk.markets import datasets
from powerdesk.markets.types import Outcome, PayloadError
from powerdesk.simulation import feed, market, parsing, payloads, places, types, world
from powerdesk.simulation.types import Kind, Publication

START = datetime(2026, 1, 5, tzinfo=UTC)
LINES_SHOWN = 3


@lru_cache(maxsize=1)
def one_of_each() -> dict[Kind, Publication]:
    found = feed.due(seed=1, after=START, upto=START + timedelta(days=2))
    return {kind: next(one for one in found if one.kind is kind) for kind in Kind}


@lru_cache(maxsize=8)
def written(kind: Kind) -> bytes:
    return payloads.payload(one_of_each()[kind], seed=1)


@pytest.mark.parametrize("kind", list(Kind))
def test_parse__gives_the_columns_that_the_datasets_declare(kind: Kind) -> None:
    parsed = parsing.parse(written(kind))
    declared = {dataset.id: dataset for dataset in registry.DATASETS}
    assert parsed.kind == kind.value
    assert parsed.source == datasets.SIMULATED
    assert parsed.tables
    for name, table in parsed.tables.items():
        expected = [column.name for column in declared[name].columns]
        assert table.column_names == [*expected, "published_at", "stage"]
        assert set(table["published_at"].to_pylist()) == {one_of_each()[kind].published_at}
        assert set(table["stage"].to_pylist()) == {types.STAGES[kind]}
        assert pc.min(table["interval_start"]).as_py() >= one_of_each()[kind].interval.start
        if "interval_end" in table.column_names:
            assert pc.max(table["interval_end"]).as_py() <= one_of_each()[kind].interval.end
        keys = list(declared[name].key)
        assert table.group_by(keys).aggregate([]).num_rows == table.num_rows


def test_parse__prices_are_the_cleared_ones() -> None:
    publication = one_of_each()[Kind.REAL_TIME_PRICES]
    table = parsing.parse(written(Kind.REAL_TIME_PRICES)).tables["markets.prices"]
    cleared = market.real_time(world.default(), seed=1, interval=publication.interval)
    prices = places.location_prices(world.default(), cleared, size=places.base_count())
    assert table["price_per_mwh"].to_pylist() == prices.price.tolist()
    assert table["location"].to_pylist() == list(places.places(world.default(), size=places.base_count()).ids)
    assert table["market_run"].to_pylist() == ["RT5"] * places.base_count()
    assert table["ghg_per_mwh"].null_count == places.base_count()


def test_parse__load_adds_up_to_generation_less_losses() -> None:
    tables = parsing.parse(written(Kind.SYSTEM_CONDITIONS)).tables
    load = dict(zip(*(tables["markets.load"][name].to_pylist() for name in ("location", "load_mw")), strict=True))
    made_mw = sum(tables["markets.generation"]["power_mw"].to_pylist())
    system_mw = load.pop("SIM:SYSTEM")
    assert sum(load.values()) == pytest.approx(system_mw, abs=0.01)
    assert 1.0 < made_mw / system_mw < 1.04


def test_parse__day_ahead_has_every_location_in_every_hour() -> None:
    table = parsing.parse(written(Kind.DAY_AHEAD_PRICES)).tables["markets.prices"]
    assert table.num_rows == 24 * places.base_count()
    assert set(table["market_run"].to_pylist()) == {"DA"}


def test_payload__scales_to_the_size_of_a_large_market() -> None:
    publication = one_of_each()[Kind.REAL_TIME_PRICES]
    table = parsing.parse(payloads.payload(publication, seed=1, size=18_500)).tables["markets.prices"]
    assert table.num_rows == 18_500
    assert len(set(table["location"].to_pylist())) == 18_500
    small = parsing.parse(written(Kind.REAL_TIME_PRICES)).tables["markets.prices"]
    assert table.slice(0, places.base_count()).equals(small)


def changed(find: bytes, put: bytes, kind: Kind = Kind.REAL_TIME_PRICES) -> bytes:
    original = written(kind)
    assert find in original
    return original.replace(find, put, 1)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"<html>503</html>",
        changed(b"#SIM,1", b"#SIM,2"),
        changed(b"#SIM,1,real-time-prices", b"#SIM,1,system-conditions"),
        changed(b"#SIM,1,real-time-prices", b"#SIM,1,weather"),
        changed(b"00:15Z,prelim", b"00:15Z,final"),
        changed(b"T00:00:15Z", b"T00:00:15"),
        changed(b"price,energy", b"energy,price"),
        changed(b"SIM:HUB_NORTH", b"ERCOT:HUB_NORTH"),
        changed(b"SIM:HUB_NORTH", b"SIM:hub\xff"),
        changed(b"SIM:HUB_NORTH,", b"SIM:HUB_NORTH,,"),
        changed(b"2026-01-05T00:05:00Z,", b"2026-01-04T00:05:00Z,"),
        changed(b"2026-01-05T00:05:00Z,", b"2026-01-32T00:05:00Z,"),
        changed(b"2026-01-05T00:05:00Z,", b"2026-01-05T00:05:00Z,nan,1,1,1\nSIM:X,"),
        changed(b"2026-01-05T00:05:00Z,", b"2026-01-05T00:05:00Z,1e300"),
        changed(b"2026-01-05T00:05:00Z,", b"2026-01-05T00:05:00Z,,1,1,1\n"),
        written(Kind.REAL_TIME_PRICES)[:-1],
        written(Kind.REAL_TIME_PRICES)[:200],
        written(Kind.REAL_TIME_PRICES).partition(b"SIM:HUB_NORTH")[0],
        written(Kind.REAL_TIME_PRICES) + b"\n",
        written(Kind.REAL_TIME_PRICES) + b"#table,prices\n",
        written(Kind.SYSTEM_CONDITIONS).replace(b",coal,", b",Coal,"),
        b"#SIM,1," + b"x" * 10_000,
    ],
)
def test_parse__refuses_what_sim_did_not_write(payload: bytes) -> None:
    with pytest.raises(PayloadError) as refusal:
        parsing.parse(payload)
    assert refusal.value.outcome is Outcome.SCHEMA


def test_parse__refuses_observations_of_the_future() -> None:
    payload = written(Kind.REAL_TIME_PRICES)
    started = one_of_each()[Kind.REAL_TIME_PRICES].interval.start
    assert parsing.parse(payload, not_after=started).rows == places.base_count()
    with pytest.raises(PayloadError, match="after"):
        parsing.parse(payload, not_after=started - timedelta(seconds=1))
    assert parsing.parse(written(Kind.DAY_AHEAD_PRICES), not_after=started).rows > 0


def parse_or_refuse(payload: bytes) -> None:
    """Parse; a PayloadError is an answer, anything else is a fault of the parser."""
    try:
        parsed = parsing.parse(payload)
    except PayloadError:
        return
    assert parsed.rows > 0


@settings(max_examples=150)
@given(
    st.sampled_from(list(Kind)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 8), st.binary(max_size=8)), min_size=1, max_size=4),
    st.floats(0, 1),
)
def test_parse__survives_mutated_and_truncated_files(
    kind: Kind, edits: list[tuple[float, int, bytes]], kept: float
) -> None:
    payload = written(kind)
    for where, dropped, put in edits:
        at = int(where * len(payload))
        payload = payload[:at] + put + payload[at + dropped :]
    parse_or_refuse(payload)
    parse_or_refuse(payload[: int(kept * len(payload))])


@settings(max_examples=150)
@given(st.binary(max_size=400))
def test_parse__survives_any_bytes(tail: bytes) -> None:
    parse_or_refuse(tail)
    head = b"#SIM,1,real-time-prices,2026-01-05T12:00:15Z,prelim\n#table,prices\n"
    parse_or_refuse(head + tail)
    parse_or_refuse(head + b"location,interval_start,interval_end,price,energy,congestion,loss\n" + tail + b"\n")
