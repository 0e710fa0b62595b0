"""A calculation of a running desk: prices come in, spreads are there, with lineage and the rights of prices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import running_desk
from running_desk import DAY, prices

from powerdesk.access.types import Channel, Entitlement
from powerdesk.store import operations
from servers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx  # noqa: TID251 - only its type

FIVE, HOUR = timedelta(minutes=5), timedelta(hours=1)
ROWS = "/v1/datasets/markets.dart_spreads/rows"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running_desk.RunningDesk]:
    with running_desk.running(tmp_path_factory.mktemp("calculations")) as desk:
        desk.accept(hourly(40.0))
        desk.accept(five_minutes(30.0))
        yield desk


def hourly(price: float) -> pa.Table:
    """Return the day-ahead price of A and B in the first hour."""
    return replaced(prices("SIM", "A", "B", run="DA", hours=1), [DAY] * 2, HOUR, price)


def five_minutes(price: float) -> pa.Table:
    """Return the hour's twelve real-time prices of A."""
    return replaced(prices("SIM", "A", hours=12), [DAY + n * FIVE for n in range(12)], FIVE, price)


def replaced(rows: pa.Table, starts: list[Any], length: timedelta, price: float) -> pa.Table:
    ends = [start + length for start in starts]
    for name, values in (("interval_start", starts), ("interval_end", ends)):
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, name, pa.array(values, rows.schema.field(at).type))
    for name, value in (("price_per_mwh", price), ("energy_per_mwh", price - 1.5)):
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, name, pa.array([value] * rows.num_rows))
    return rows


def spreads(client: httpx.Client, *, wanted: float) -> dict[str, Any]:
    """Return the one spread once it has the value."""
    asked = {"format": "records", "columns": "dart_per_mwh,lineage,published_at"}

    def found() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = client.get(ROWS, params=asked).json()["records"]
        return rows if [row["dart_per_mwh"] for row in rows] == [wanted] else []

    return until(found, what=f"a spread of {wanted}")[0]


def test_spreads__follow_prices_and_their_corrections(served: running_desk.RunningDesk) -> None:
    operator = served.operator()
    first = spreads(operator, wanted=10.0)
    assert (first["location"], first["published_at"]) == ("SIM:A", "2026-11-03T09:00:00Z")
    made = operator.get(f"/v1/lineage/{first['lineage']}").json()
    assert (made["kind"], made["name"], len(made["dependencies"])) == ("calculation", "markets.dart_spreads", 64)
    assert [read["dataset"] for read in made["inputs"]] == ["markets.prices"] * 2
    again = operator.post(f"/v1/lineage/{first['lineage']}/remake").json()
    assert (again["same"], again["rows"], again["rows_sha256"]) == (True, 1, again["stored_sha256"])
    served.clock.move(HOUR)
    served.accept(five_minutes(34.0))
    second = spreads(operator, wanted=6.0)
    assert second["published_at"] == "2026-11-03T21:00:00Z"  # when the correction was known, not when the hour was over
    before = operator.get(ROWS, params={"format": "records", "as_of": "2026-11-03T20:30:00Z"}).json()["records"]
    assert [(one["dart_per_mwh"], one["lineage"]) for one in before] == [(10.0, first["lineage"])]


def test_spreads__are_for_those_who_may_read_prices(served: running_desk.RunningDesk) -> None:
    for product, status in (("prices", 200), ("load", 403)):
        served.tenant(f"only-{product}", [Entitlement("SIM", product, "api")])
        client = served.bearer(served.key(f"only-{product}", Channel.API).secret)
        assert client.get(ROWS, params={"market": "SIM"}).status_code == status


def test_spreads__tell_when_what_they_were_made_of_is_deleted(tmp_path: Path) -> None:
    with running_desk.running(tmp_path) as desk:
        desk.accept(hourly(40.0))
        desk.accept(five_minutes(30.0))
        operator = desk.operator()
        made = f"/v1/lineage/{spreads(operator, wanted=10.0)['lineage']}"
        assert operator.get(made).json()["lost"] is None
        operations.forget(desk.desk.store, dataset_id="markets.prices", before=datetime(2026, 12, 1, tzinfo=UTC))
        assert operator.get(made).json()["lost"] == "retention deleted rows of markets.prices before 2026-12-01"
        assert operator.post(f"{made}/remake").status_code == 409
