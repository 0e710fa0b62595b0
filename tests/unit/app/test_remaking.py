"""A remade result is compared with what is stored: the right code agrees, a planted wrong one does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc
import pytest
import running_desk
from running_desk import prices

from powerdesk.markets import datasets
from powerdesk.store import operations, queries
from powerdesk.store.lineage import Calculation
from powerdesk.store.types import Request
from servers.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from running_desk import RunningDesk

    from powerdesk.store.queries import Store

HEADER = (
    '"Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","Marginal Cost Congestion ($/MWHr)"\n'
)


def file_of(*rows: tuple[int, float]) -> bytes:
    """Return a day-ahead zonal file of NYISO: (hour, price) of one zone."""
    lines = (f'"11/02/2026 {hour:02d}:00","N.Y.C.",61761,{price:.2f},2.00,-3.00\n' for hour, price in rows)
    return (HEADER + "".join(lines)).encode()


def bumped(by: float) -> Any:
    """Return a calculation's code: the price plus something, for places of their own."""

    def compute(found: Mapping[str, pa.Table], parameters: Mapping[str, str], seed: int | None) -> pa.Table:
        del parameters, seed
        rows = found["prices"].select([column.name for column in datasets.PRICES.columns])
        place = pc.binary_join_element_wise(rows.column("location"), "_BUMPED", "")
        price = pc.add(rows.column("price_per_mwh"), by)
        rows = rows.set_column(rows.column_names.index("location"), "location", place)
        return rows.set_column(rows.column_names.index("price_per_mwh"), "price_per_mwh", price)

    return compute


RIGHT = Calculation(name="test.bumped", version=1, dataset=datasets.PRICES.id, compute=bumped(0.0))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDesk]:
    with running_desk.running(tmp_path_factory.mktemp("remaking")) as served:
        yield served


def ask(desk: RunningDesk, lineage_id: str, *, status: int = 200) -> dict[str, Any]:
    answer = desk.operator().post(f"/v1/lineage/{lineage_id}/remake")
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


def use(store: Store, calculation: Calculation) -> None:
    """Give the desk this code for the calculation's name."""
    assert isinstance(store.calculations, dict)
    store.calculations[calculation.name] = calculation


def derived(desk: RunningDesk) -> str:
    store, now = desk.desk.store, desk.clock.now()
    desk.accept(prices("SIM", "R1", "R2"))
    use(store, RIGHT)
    lineage_id, accepted = operations.derive(
        store,
        calculation=RIGHT,
        requests={"prices": Request(datasets.PRICES.id, within={"location": ("SIM:R1", "SIM:R2")})},
        cut=queries.snapshot(store, as_of=now),
        parameters={},
        seed=None,
    )
    assert operations.settled(store, accepted, timeout_s=PATIENCE_S).new == 4
    return lineage_id


def test_a_derived_result__is_the_stored_one_until_the_code_is_wrong(desk: RunningDesk) -> None:
    lineage_id, store = derived(desk), desk.desk.store
    same = ask(desk, lineage_id)
    assert (same["same"], same["rows"], same["stored_rows"]) == (True, 4, 4)
    assert same["rows_sha256"] == same["stored_sha256"]
    use(store, replace(RIGHT, compute=bumped(0.25)))  # the same version with other numbers: the fault to be found
    wrong = ask(desk, lineage_id)
    assert (wrong["same"], wrong["rows"], wrong["stored_rows"]) == (False, 4, 4)
    assert wrong["stored_sha256"] == same["stored_sha256"] != wrong["rows_sha256"]
    use(store, replace(RIGHT, compute=bumped(0.25), tolerance=0.3))
    assert ask(desk, lineage_id)["same"]
    use(store, replace(RIGHT, compute=lambda *given: bumped(0.0)(*given).slice(1)))
    assert not ask(desk, lineage_id)["same"], "a row fewer is not the same"
    use(store, replace(RIGHT, version=2))
    assert ask(desk, lineage_id, status=409)["type"] == "/docs/problems/not-reproducible"


def test_a_parsed_payload__is_compared_where_it_was_stored(desk: RunningDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [imported(desk, file_of((0, 30.0), (1, 31.0))), imported(desk, file_of((0, 30.0), (1, 31.0), (2, 32.0)))]
    first, second = (ask(desk, lineage_id) for lineage_id in ids)
    assert (first["same"], first["rows"], first["stored_rows"]) == (True, 2, 2)
    assert (second["same"], second["rows"], second["stored_rows"]) == (True, 1, 1), "two rows said nothing new"
    feed = desk.desk.markets.feed("nyiso")
    assert isinstance(desk.desk.markets.feeds, dict)
    monkeypatch.setitem(desk.desk.markets.feeds, "nyiso", replace(feed, parse=_off_by_one(feed.parse)))
    assert [ask(desk, lineage_id)["same"] for lineage_id in ids] == [False, False]


def imported(desk: RunningDesk, data: bytes) -> str:
    """Import a file and return the lineage id of what it stored."""
    answer = desk.operator().post("/v1/imports/nyiso", params={"name": "20261102damlbmp_zone.csv"}, content=data)
    assert answer.status_code == 200, answer.text
    commit = answer.json()["files"][0]["commit"]
    params = {"location": "NYISO:N.Y.C.", "columns": "lineage,commit", "format": "records"}
    rows = desk.operator().get("/v1/datasets/markets.prices/rows", params=params).json()["records"]
    (found,) = {str(row["lineage"]) for row in rows if row["commit"] == commit}
    return found


def _off_by_one(parse: Any) -> Any:
    def wrong(*arguments: Any, **named: Any) -> Any:
        parsed = parse(*arguments, **named)
        tables = {name: _raised(table) for name, table in parsed.tables.items()}
        return replace(parsed, tables=tables)

    return wrong


def _raised(table: pa.Table) -> pa.Table:
    name = "price_per_mwh"
    return table.set_column(table.column_names.index(name), name, pc.add(table.column(name), 1.0))


def test_an_unknown_id__is_not_found(desk: RunningDesk) -> None:
    assert ask(desk, "lin_nothing", status=404)["type"] == "/docs/problems/unknown-lineage"
