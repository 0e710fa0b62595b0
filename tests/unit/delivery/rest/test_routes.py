"""Rows, latest and history over HTTP: formats, ranges, cuts, pages, tags."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from running_desk import DAY, prices

from powerdesk.access.types import Channel, Entitlement
from powerdesk.kernel import intervals

if TYPE_CHECKING:
    import httpx  # noqa: TID251 - only its type
    from running_desk import RunningDesk

PATH = "/v1/datasets/markets.prices"
ROWS = f"{PATH}/rows"
_numbers = itertools.count()


def new_place(served: RunningDesk, **options: Any) -> str:
    """Put rows in for a location of its own and return its id."""
    name = f"P{next(_numbers)}"
    served.accept(prices("SIM", name, **options))
    return f"SIM:{name}"


def ask(client: httpx.Client, **params: Any) -> httpx.Response:
    answer = client.get(ROWS, params=params)
    assert answer.status_code == 200, answer.text
    return answer


def records(client: httpx.Client, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(client, format="records", **params).json()["records"]
    return found


def as_records(answer: httpx.Response, name: str) -> list[dict[str, Any]]:
    """Return the rows of an answer in any format, instants as RFC 3339."""
    if name == "records":
        found: list[dict[str, Any]] = answer.json()["records"]
        return found
    if name == "rows":
        return [dict(zip(answer.json()["names"], row, strict=True)) for row in answer.json()["rows"]]
    if name == "json":
        columns = answer.json()["columns"]
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if name == "csv":
        options = pcsv.ConvertOptions(strings_can_be_null=True, quoted_strings_can_be_null=False)
        table = pcsv.read_csv(pa.BufferReader(answer.content), convert_options=options)
    elif name == "arrow":
        table = pa.ipc.open_stream(answer.content).read_all()
    else:
        table = pq.read_table(pa.BufferReader(answer.content))
    return [{key: shown(value) for key, value in row.items()} for row in table.to_pylist()]


def shown(value: object) -> object:
    return intervals.format_instant(value) if hasattr(value, "tzinfo") else value


@pytest.mark.parametrize("name", ["json", "rows", "csv", "arrow", "parquet"])
def test_formats__say_the_same(served: RunningDesk, operator: httpx.Client, name: str) -> None:
    place = new_place(served)
    expected = records(operator, location=place)
    assert len(expected) == 2
    found = as_records(ask(operator, location=place, format=name), name)
    assert [{key: shown(value) for key, value in row.items()} for row in found] == expected


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("application/vnd.apache.parquet;q=0.9, text/html", "application/vnd.apache.parquet"),
        ("text/csv;q=0.1, application/json;q=0.9", "application/json"),
        ("text/html", "application/problem+json"),
        ("text/csv;q=0", "application/problem+json"),
    ],
)
def test_accept__chooses_the_format_or_is_refused(operator: httpx.Client, accept: str, media_type: str) -> None:
    answer = operator.get(ROWS, headers={"Accept": accept})
    assert answer.headers["content-type"] == media_type
    assert answer.status_code == (406 if "problem" in media_type else 200)
    assert operator.get(ROWS, params={"format": "csv"}, headers={"Accept": accept}).status_code == 200


def test_bulk_formats__carry_units_and_snapshot(served: RunningDesk, operator: httpx.Client) -> None:
    answer = ask(operator, location=new_place(served), format="arrow")
    facts = pa.ipc.open_stream(answer.content).schema.metadata
    assert facts[b"powerdesk.dataset"] == b"markets.prices"
    assert facts[b"powerdesk.commit"].decode() == answer.headers["x-commit"]
    assert b"currency/MWh" in facts[b"powerdesk.units"]


def test_ranges__include_the_start_and_not_the_end(served: RunningDesk, operator: httpx.Client) -> None:
    place = new_place(served, hours=3)
    first, second, third = (intervals.format_instant(DAY + timedelta(hours=hour)) for hour in range(3))
    assert [row["interval_start"] for row in records(operator, location=place, start=first, end=third)] == [
        first,
        second,
    ]
    assert [row["interval_start"] for row in records(operator, location=place, start=third)] == [third]
    shifted = "2026-11-03T05:00:00-04:00"  # the second hour in another offset
    assert len(records(operator, location=place, start=shifted)) == 2


@pytest.mark.parametrize("field", ["start", "end", "as_of"])
def test_a_naive_instant__is_refused_by_name(operator: httpx.Client, field: str) -> None:
    answer = operator.get(ROWS, params={field: "2026-11-03T08:00:00"})
    assert answer.status_code == 400
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], "2026-11-03T08:00:00" in fault["found"]) == (field, True)
    assert fault["allowed"]
    assert fault["remedy"]


def test_faults__are_all_named_at_once(operator: httpx.Client) -> None:
    params = {
        "colour": "red", "columns": "price,market", "limit": "0", "order": "up", "start": "x", "estimate": "1",
        "knowledge": "x", "commit": "-1", "format": "xls", "market": ",",
    }  # fmt: skip
    answer = operator.get(ROWS, params=params)
    assert answer.status_code == 400
    assert {fault["pointer"] for fault in answer.json()["errors"]} == set(params)


def test_a_parameter_twice__is_refused_and_a_filter_twice_is_a_list(
    served: RunningDesk, operator: httpx.Client
) -> None:
    twice = operator.get(f"{ROWS}?limit=1&limit=2")
    assert (twice.status_code, twice.json()["errors"][0]["pointer"]) == (400, "limit")
    one, other = new_place(served), new_place(served)
    found = operator.get(f"{ROWS}?location={one}&location={other}&format=records").json()["records"]
    assert {row["location"] for row in found} == {one, other}


def test_columns__come_with_the_key(served: RunningDesk, operator: httpx.Client) -> None:
    (row, *_) = records(operator, location=new_place(served), columns="price_per_mwh,revision")
    assert set(row) == {"market", "market_run", "location", "interval_start", "price_per_mwh", "revision"}


def pages(client: httpx.Client, first: httpx.Response) -> list[httpx.Response]:
    """Return an answer and everything its Link headers lead to."""
    found = [first]
    while "next" in found[-1].links:
        found.append(client.get(found[-1].links["next"]["url"]))
        assert found[-1].status_code == 200, found[-1].text
    return found


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages__lose_and_repeat_nothing_while_rows_come_in(
    served: RunningDesk, operator: httpx.Client, order: str
) -> None:
    names = [f"Q{next(_numbers)}" for _ in range(5)]
    served.accept(prices("SIM", *names))
    places = ",".join(f"SIM:{name}" for name in names)
    expected = records(operator, location=places, order=order)
    assert len(expected) == 10
    answer = ask(operator, location=places, order=order, limit=3, format="records")
    found = list(answer.json()["records"])
    for bump in range(1, 10):
        if "next" not in answer.links:
            break
        revised = served.accept(prices("SIM", *names, f"Q{next(_numbers)}", bump=bump))
        assert (revised.revised, revised.new) == (10, 2)
        answer = operator.get(answer.links["next"]["url"])
        found += answer.json()["records"]
    assert found == expected
    assert records(operator, location=places, order=order) != expected


def test_cursors__are_for_the_same_query_within_a_day(served: RunningDesk, operator: httpx.Client) -> None:
    place = new_place(served, hours=4)
    cursor = ask(operator, location=place, limit=1).json()["next"]
    ask(operator, location=place, limit=2, cursor=cursor, format="csv")  # the size and the shape of a page may change
    middle = len(cursor) // 2
    altered = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]
    foreign = [{"location": new_place(served)}, {"order": "desc"}, {"as_of": "2026-11-03T19:00:00Z"}, {"commit": 1}]
    for params in ({"cursor": altered}, {"cursor": "x"}, {"cursor": "é" * 9}, {"cursor": ""}, *foreign):
        answer = operator.get(ROWS, params={"location": place, "cursor": cursor, **params})
        assert (answer.status_code, answer.json()["type"]) == (400, "/docs/problems/bad-cursor"), params
    served.clock.move(timedelta(hours=24, seconds=1))
    late = operator.get(ROWS, params={"location": place, "cursor": cursor})
    assert "24 hours" in late.json()["found"]


def test_tags__hold_until_something_comes_in(served: RunningDesk, operator: httpx.Client) -> None:
    place = new_place(served)
    tag = ask(operator, location=place).headers["etag"]
    same = operator.get(ROWS, params={"location": place}, headers={"If-None-Match": f'"other", {tag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert operator.get(ROWS, params={"location": place, "limit": 1}, headers={"If-None-Match": tag}).status_code == 200
    served.accept(prices("SIM", place.removeprefix("SIM:"), bump=1.0))
    changed = operator.get(ROWS, params={"location": place}, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)


def test_tags__are_strong_only_where_nothing_can_change(served: RunningDesk, operator: httpx.Client) -> None:
    place, now = new_place(served), intervals.format_instant(served.clock.now())
    assert ask(operator, location=place, as_of=now).headers["etag"].startswith('W/"')
    commit = ask(operator, location=place).headers["x-commit"]
    fixed = ask(operator, location=place, as_of=now, commit=commit)
    assert fixed.headers["etag"].startswith('"')
    served.accept(prices("SIM", place.removeprefix("SIM:"), bump=1.0))
    again = ask(operator, location=place, as_of=now, commit=commit)
    assert (again.content, again.headers["etag"]) == (fixed.content, fixed.headers["etag"])


def test_tags__differ_by_who_asks(served: RunningDesk, operator: httpx.Client) -> None:
    served.tenant("tags", [Entitlement("SIM", "*", "api")])
    other = served.bearer(served.key("tags", Channel.API).secret)
    params = {"market": "SIM", "limit": 1}
    assert ask(other, **params).headers["etag"] != ask(operator, **params).headers["etag"]


def test_head__says_what_get_says_without_the_rows(served: RunningDesk, operator: httpx.Client) -> None:
    params = {"location": new_place(served), "limit": 1}
    got, head = operator.get(ROWS, params=params), operator.head(ROWS, params=params)
    assert (head.status_code, head.content) == (200, b"")
    varying = {"x-request-id", "link", "date"}
    assert {k: v for k, v in head.headers.items() if k not in varying} == {
        k: v for k, v in got.headers.items() if k not in varying
    }


def test_estimates__count_what_would_come(served: RunningDesk, operator: httpx.Client) -> None:
    place = new_place(served, hours=5)
    said = ask(operator, location=place, limit=2, estimate="true").json()
    assert (said["rows"], said["calls"]) == (5, 3)
    assert said["bytes"] > 0


def test_as_of__shows_what_was_known_then(served: RunningDesk, operator: httpx.Client) -> None:
    place = new_place(served)
    before = records(operator, location=place)
    between = intervals.format_instant(served.clock.now())
    served.clock.move(timedelta(minutes=10))
    served.accept(prices("SIM", place.removeprefix("SIM:"), bump=5.0))
    after = records(operator, location=place)
    assert [row["price_per_mwh"] for row in after] == [row["price_per_mwh"] + 5 for row in before]
    assert records(operator, location=place, as_of=between) == before
    assert records(operator, location=place, as_of="2026-11-01T00:00:00Z") == []


@pytest.mark.parametrize("verb", ["rows", "latest", "history", "quality", "download", "explain", "estimate"])
def test_as_of__after_the_desks_own_clock_is_refused_on_every_route(
    served: RunningDesk, operator: httpx.Client, verb: str
) -> None:
    place = new_place(served)

    def status(ahead: timedelta) -> httpx.Response:
        at = intervals.format_instant(served.clock.now() + ahead)
        if verb == "download":
            query = {"location": place, "as_of": at}
            return operator.post("/v1/downloads", json={"dataset": "markets.prices", "query": query})
        if verb == "explain":
            asked = {"location": place, "interval_start": "2026-11-03T08:00:00Z", "as_of": at}
            return operator.get("/v1/grid/explain", params=asked)
        path, more = ("rows", {"estimate": "true"}) if verb == "estimate" else (verb, {})
        return operator.get(f"/v1/datasets/markets.prices/{path}", params={"location": place, "as_of": at, **more})

    assert status(timedelta(0)).is_success
    refused = status(timedelta(hours=1))
    assert refused.status_code == 400
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["as_of"]


def test_knowledge__may_be_the_desks_own(served: RunningDesk, operator: httpx.Client) -> None:
    received = served.clock.now()
    place = new_place(served)
    earlier = intervals.format_instant(received - timedelta(minutes=1))
    assert len(records(operator, location=place, as_of=earlier)) == 2
    assert records(operator, location=place, as_of=earlier, knowledge="received") == []
    assert len(records(operator, location=place, knowledge="received")) == 2


def test_commit__names_a_state_and_waits_for_it(served: RunningDesk, operator: httpx.Client) -> None:
    place = new_place(served)
    commit = int(ask(operator, location=place).headers["x-commit"])
    served.accept(prices("SIM", place.removeprefix("SIM:"), bump=2.0))
    old, new = (records(operator, location=place, commit=at)[0]["price_per_mwh"] for at in (commit, commit + 1))
    assert new == old + 2
    assert ask(operator, location=place, commit=10**9).headers["x-commit"] == str(commit + 1)


def test_latest__gives_one_row_a_series_and_says_when_it_is_cut(served: RunningDesk, operator: httpx.Client) -> None:
    places = ",".join(new_place(served, hours=3) for _ in range(3))
    whole = operator.get(f"{PATH}/latest", params={"location": places, "format": "records"}).json()
    assert [row["interval_start"] for row in whole["records"]] == ["2026-11-03T10:00:00Z"] * 3
    assert whole["more"] is False
    cut = operator.get(f"{PATH}/latest", params={"location": places, "limit": 2, "format": "records"}).json()
    assert (cut["records"], cut["more"]) == (whole["records"][:2], True)


def test_history__gives_every_revision_and_never_half_a_cell(served: RunningDesk, operator: httpx.Client) -> None:
    place = new_place(served)
    for bump in (1.0, 2.0):
        served.clock.move(timedelta(minutes=1))
        served.accept(prices("SIM", place.removeprefix("SIM:"), bump=bump))
    whole = operator.get(f"{PATH}/history", params={"location": place, "format": "records"}).json()
    assert [row["revision"] for row in whole["records"]] == [0, 1, 2, 0, 1, 2]
    assert whole["more"] is False
    cut = operator.get(f"{PATH}/history", params={"location": place, "limit": 4, "format": "records"}).json()
    assert ([row["revision"] for row in cut["records"]], cut["more"]) == ([0, 1, 2], True)


def test_an_empty_answer__has_its_columns_in_every_format(operator: httpx.Client) -> None:
    params = {"location": "SIM:NOWHERE"}
    assert ask(operator, **params).json()["columns"]["market"] == []
    assert pa.ipc.open_stream(ask(operator, **params, format="arrow").content).read_all().num_rows == 0
    assert ask(operator, **params, format="csv").text.startswith('"market"')


def test_the_catalogue__describes_every_dataset(served: RunningDesk, operator: httpx.Client) -> None:
    listed = operator.get("/v1/datasets").json()["datasets"]
    assert {each["id"] for each in listed} == set(served.desk.store.datasets)
    for each in listed:
        assert operator.get(f"/v1/datasets/{each['id']}").json()["columns"] == each["columns"]
        assert all(column["meaning"] for column in (*each["columns"], *each["system_columns"]))
        assert each["licences"]
    unknown = operator.get("/v1/datasets/markets.weather")
    assert (unknown.status_code, "markets.prices" in unknown.json()["allowed"]) == (404, True)
